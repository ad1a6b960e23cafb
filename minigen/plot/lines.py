"""Curves, bars and histograms, in panels side by side."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from minigen.plot.style import STYLES, figure_of, panels_of, save

_hatches = (
    {"facecolor": "0.25"},
    {"facecolor": "0.85", "hatch": "////"},
    {"facecolor": "0.6"},
    {"facecolor": "white", "hatch": "...."},
    {"facecolor": "0.95", "hatch": "xxxx"},
    {"facecolor": "0.45", "hatch": "\\\\\\\\"},
)


def curves(
    panels: Mapping[str, Any],
    title: str,
    path: str | os.PathLike,
    *,
    axes: tuple[str, str],
    xscale: str = "linear",
    yscale: str = "linear",
    ylim: tuple[float, float] | None = None,
    columns: int = 4,
    sharey: bool = True,
) -> None:
    """Panels of curves {panel: {label: (x, y)}} whose axes are named `axes`; (x, y, s.d.) adds a band."""
    figure, grid = panels_of(panels, axes, columns, sharex=True, sharey=sharey)
    for axis, lines in zip(grid, panels.values(), strict=False):
        axis.set(xscale=xscale, yscale=yscale)
        for (label, (x, y, *spread)), style in zip(lines.items(), STYLES, strict=False):
            axis.plot(x, y, label=label, **style)
            for sd in spread:
                low, high = np.subtract(y, sd), np.add(y, sd)
                axis.fill_between(x, low, high, color=style["color"], alpha=0.15, linewidth=0)
        if ylim:
            axis.set_ylim(*ylim)
            if yscale == "log" and ylim[1] > 1e5 * ylim[0]:
                axis.minorticks_off()  # no reader can tell them apart, and they take longer than all the rest
    save(figure, path, title, grid)


def panels(
    panels: Mapping[str, tuple[str, str, Mapping[str, Any]]],
    title: str,
    path: str | os.PathLike,
    *,
    columns: int = 2,
) -> None:
    """Panels {name: (name of x, name of y, {label: (x, y)})}, each with axes and a legend of its own."""
    figure, grid = panels_of(panels, ("", ""), columns, width=3.0)
    for axis, (x_name, y_name, lines) in zip(grid, panels.values(), strict=False):
        for (label, (x, y)), style in zip(lines.items(), STYLES, strict=False):
            axis.plot(x, y, label=label, **style)
        axis.set_xlabel(x_name, fontsize=9)
        axis.set_ylabel(y_name, fontsize=9)
        axis.legend(fontsize=8, frameon=False)
    save(figure, path, title)


def losses(log: Mapping[str, np.ndarray], title: str, path: str | os.PathLike) -> None:
    """Every term of a log, as `minigen.training.read_log` gives it, in a panel of its own."""
    step = log["step"]
    terms = {name: values for name, values in log.items() if name != "step"}
    figure, grid = panels_of(terms, ("step", ""), 4, sharex=True)
    for axis, values in zip(grid, terms.values(), strict=False):
        axis.plot(step, values, **STYLES[0])
    save(figure, path, title)


def phase_portraits(
    panels: Mapping[str, Any],
    title: str,
    path: str | os.PathLike,
    *,
    axes: tuple[str, str],
    limits: tuple[float, float] | None = None,
    fields: Mapping[str, Any] | None = None,
    columns: int = 3,
) -> None:
    """Paths of two numbers, {panel: {label: (T, 2)}}, from a dot to squares; a cross marks (0, 0).

    `fields` {panel: (points (M, 2), arrows (M, 2))} are drawn as directions, all of one length.
    """
    figure, grid = panels_of(panels, axes, columns, sharex=True, sharey=True)
    for axis, (name, lines) in zip(grid, panels.items(), strict=False):
        if fields:
            places, arrows = fields[name]
            sizes = np.linalg.norm(arrows, axis=1, keepdims=True)
            along = arrows / np.where(sizes > 0, sizes, 1)
            axis.quiver(*places.T, *along.T, color="0.65", pivot="mid", scale=16, width=0.006, zorder=0)
        for (label, points), style in zip(lines.items(), STYLES, strict=False):
            axis.plot(*points.T, label=label, **{**style, "linewidth": 0.6 * style["linewidth"]})
            axis.plot(*points[0], "o", color="black", markersize=5)
            axis.plot(*points[-1], "s", color=style["color"], markersize=4, zorder=6)
        axis.plot(0, 0, "+", color="black", markersize=9, zorder=5)
        axis.set_aspect("equal")
        if limits:
            axis.set(xlim=limits, ylim=limits)
    save(figure, path, title, grid)


def gradient_sizes(panels: Mapping[str, Any], title: str, path: str | os.PathLike) -> None:
    """Sizes of gradients on one logarithmic axis, {panel: (name of x, its scale, {label: (x, y)})}."""
    figure, grid = panels_of(panels, ("", "size of the gradient"), 2, width=3.2, sharey=True)
    for axis, (name, scale, lines) in zip(grid, panels.values(), strict=True):
        for (label, (x, y)), style in zip(lines.items(), STYLES, strict=False):
            axis.plot(x, y, label=label, **style)
        axis.set_xlabel(name, fontsize=9)
        axis.set_yscale("log")
        axis.set_xscale(scale)
    save(figure, path, title, grid)


def bars(
    groups: Mapping[str, Mapping[str, Any]],
    title: str,
    path: str | os.PathLike,
    *,
    axis: str,
    levels: Mapping[str, float] | None = None,
) -> None:
    """Bars side by side, {group: {name: value or (mean, s.d.)}}, and horizontal lines {label: height}."""
    names = list(dict.fromkeys(name for group in groups.values() for name in group))
    width = 0.8 / len(names)
    figure, ((panel,),) = figure_of(max(4.5, 0.3 * len(names) * len(groups) + 2), 3.4)
    for place, (name, look) in enumerate(zip(names, _hatches, strict=False)):
        drawn = {at: np.atleast_1d(group[name]) for at, group in enumerate(groups.values()) if name in group}
        x = [at + (place - (len(names) - 1) / 2) * width for at in drawn]
        spread = [value[1] if len(value) > 1 else 0 for value in drawn.values()]
        heights = [value[0] for value in drawn.values()]
        panel.bar(x, heights, 0.92 * width, yerr=spread, label=name, edgecolor="black", linewidth=0.6, **look)
    for (label, height), dashes in zip((levels or {}).items(), ("--", ":", "-."), strict=False):
        panel.axhline(height, color="black", linestyle=dashes, linewidth=1.2, label=label)
    panel.set_xticks(range(len(groups)), groups.keys(), fontsize=9)
    panel.set_ylabel(axis, fontsize=9)
    save(figure, path, title, [panel] if len(names) > 1 or levels else ())


def histograms(
    panels: Mapping[str, Any],
    title: str,
    path: str | os.PathLike,
    *,
    axis: str,
    bins: int = 40,
    columns: int = 3,
    marks: Mapping[str, float] | None = None,
) -> None:
    """Outlines of histograms {panel: {label: values}}, as densities, and vertical lines {label: x}."""
    figure, grid = panels_of(panels, (axis, "density"), columns, width=2.8)
    for panel, groups in zip(grid, panels.values(), strict=False):
        edges = np.histogram_bin_edges(np.concatenate([np.ravel(v) for v in groups.values()]), bins)
        for (label, values), style in zip(groups.items(), STYLES, strict=False):
            panel.hist(np.ravel(values), edges, density=True, histtype="step", label=label, **style)
        for label, x in (marks or {}).items():
            panel.axvline(x, color="0.5", linestyle=(0, (1, 1)), linewidth=1.5, label=label)
    save(figure, path, title, grid)
