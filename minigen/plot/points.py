"""Points of the plane: samples beside data, codes with their classes, arrows and level lines."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from minigen.plot.style import panels_of, save

_marks = (
    {"color": "0.75", "s": 14, "marker": "o"},  # the data: pale, and under everything else
    {"color": "black", "s": 3, "marker": "o"},
    {"color": "tab:orange", "s": 9, "marker": "x", "linewidths": 0.7},
    {"color": "tab:blue", "s": 9, "marker": "+", "linewidths": 0.7},
)


def clouds(
    panels: Mapping[str, Any],
    title: str,
    path: str | os.PathLike,
    *,
    limits: tuple[float, float] | None = None,
    columns: int = 4,
) -> None:
    """Points {panel: {label: (N, 2)}} with the same units along both axes, within `limits` (low, high)."""
    figure, grid = panels_of(panels, ("", ""), columns, sharex=True, sharey=True)
    for axis, groups in zip(grid, panels.values(), strict=False):
        _scatter(axis, groups)
        axis.set_aspect("equal")
        if limits:
            axis.set(xlim=limits, ylim=limits)
    save(figure, path, title, grid)


def codes(
    panels: Mapping[str, Any],
    title: str,
    path: str | os.PathLike,
    *,
    axes: tuple[str, str] = ("", ""),
    columns: int = 3,
) -> None:
    """Codes {panel: (points (N, 2), labels (N,))}, each drawn as the numeral of its class."""
    figure, grid = panels_of(panels, axes, columns, width=3.4)
    for axis, (points, labels) in zip(grid, panels.values(), strict=False):
        numerals(axis, points, labels, 22)
    save(figure, path, title)


def fields(panels: Mapping[str, Any], title: str, path: str | os.PathLike, *, columns: int = 3) -> None:
    """Arrows of one scale, {panel: (points (N, 2), {label: arrows (N, 2)}, background (M, 2) or None)}."""
    figure, grid = panels_of(panels, ("", ""), columns, width=3.0, sharex=True, sharey=True)
    longest = max(
        np.linalg.norm(arrows, axis=1).max() for _, group, _ in panels.values() for arrows in group.values()
    )
    looks = ({"color": "0.6", "width": 0.009}, {"color": "black", "width": 0.004})
    for axis, (points, group, background) in zip(grid, panels.values(), strict=False):
        if background is not None:
            axis.scatter(*background.T, color="0.88", s=6)
        spacing = np.ptp(points, axis=0).max() / np.sqrt(len(points))
        for (label, arrows), look in zip(group.items(), looks, strict=False):
            along = {"angles": "xy", "scale_units": "xy", "scale": longest / (2 * spacing)}
            axis.quiver(*points.T, *arrows.T, label=label, zorder=2, **along, **look)
        axis.set_aspect("equal")
    save(figure, path, title, grid)


def contours(
    panels: Mapping[str, Any],
    title: str,
    path: str | os.PathLike,
    *,
    extent: tuple[float, float, float, float],
    columns: int = 3,
) -> None:
    """Level lines {panel: (values (H, W), {label: points (N, 2)})}; extent (x0, x1, y0, y1), row 0 at y0."""
    figure, grid = panels_of(panels, ("", ""), columns, width=2.8, sharex=True, sharey=True)
    for axis, (values, groups) in zip(grid, panels.values(), strict=False):
        _scatter(axis, groups, _marks[1:])
        axis.contour(values, 12, extent=extent, colors="0.3", linewidths=0.7)
        axis.contourf(values, 12, extent=extent, cmap="gray", alpha=0.35, zorder=0)
        axis.set(aspect="equal", xlim=extent[:2], ylim=extent[2:])
    save(figure, path, title, grid)


def numerals(axis, points, labels, size):
    """Each point (N, 2) as the numeral of its class: it identifies the class in a grey print too."""
    for label in np.unique(labels):
        # colours besides the numerals, so that neighbouring classes differ in shade too
        mark = {"marker": f"${label}$", "s": size, "linewidths": 0.2, "color": f"C{int(label) % 10}"}
        axis.scatter(*points[labels == label].T, **mark)


def _scatter(axis, groups, marks=_marks):
    for (label, points), look in zip(groups.items(), marks, strict=False):
        axis.scatter(*np.asarray(points).T, label=label, **look)
