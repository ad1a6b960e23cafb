"""Measures of samples next to known reference values."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from minigen.plot.images import mosaic
from minigen.plot.style import figure_of, save

_marks = ({"marker": "o", "color": "white"}, {"marker": "X", "color": "black"})


def ladder(
    panels: Mapping[str, Any],
    title: str,
    path: str | os.PathLike,
    *,
    subject: str,
    logarithmic: Collection[str] = (),
    parts: Sequence[str] = (),
    levels: Mapping[str, float] | None = None,
    form: str = "{:.3f}",
) -> None:
    """Panels of bars {panel: {rung: value}}; the bar of `subject` is dark.

    Panels named in `logarithmic` have a logarithmic scale. A value may be a tuple (value, part, part), whose
    parts, named by `parts`, are marked on the bar; `levels` {panel: x} are vertical lines; `form` writes a
    value.
    """
    rungs = list(next(iter(panels.values())))
    figure, (line,) = figure_of(2.6 * len(panels) + 1.5, 0.3 * len(rungs) + 1.4, 1, len(panels), sharey=True)
    for axis, (panel, values) in zip(line, panels.items(), strict=True):
        numbers, marked = zip(*(_split(values[rung]) for rung in rungs), strict=True)
        lowest = 1e-3 if panel in logarithmic else 0  # where a bar on a logarithmic scale begins
        for row, (rung, value) in enumerate(zip(rungs, numbers, strict=True)):
            axis.barh(row, max(value, lowest) - lowest, left=lowest, **_bar(dark=rung == subject))
            at = max(value, lowest, *marked[row])
            note = {"textcoords": "offset points", "va": "center", "fontsize": 8}
            axis.annotate(form.format(value), (at, row), (6, 0), **note)
        for label, look, column in zip(parts, _marks, zip(*marked, strict=False), strict=False):
            axis.plot(column, range(len(rungs)), linestyle="", label=label, markeredgecolor="black", **look)
        if panel in (levels or {}):
            axis.axvline(levels[panel], color="black", linestyle="--", linewidth=1)
        axis.set_title(panel, fontsize=9)
        axis.tick_params(labelsize=8)
        if panel in logarithmic:
            axis.set(xscale="log", xlim=(lowest, 20 * max(numbers)))
        else:
            axis.set_xlim(0, 1.3 * max(numbers))
    line[0].set_yticks(range(len(rungs)), rungs, fontsize=9)
    line[0].invert_yaxis()
    save(figure, path, title, line)


def pictured_ladder(
    rungs: Mapping[str, tuple[Any, float]],
    title: str,
    path: str | os.PathLike,
    *,
    subject: str,
    axis: str,
    level: float,
    shown: int = 10,
) -> None:
    """Rungs {name: (images (N, H, W), value)} with their first images, a bar each, and a line at `level`.

    The bar of `subject` is dark.
    """
    figure, ((left, right),) = figure_of(7.6, 0.46 * len(rungs) + 1.2, 1, 2, width_ratios=(1.5, 1))
    for row, (name, (images, value)) in enumerate(rungs.items()):
        strip = mosaic(np.asarray(images)[:shown], shown)
        place = {"extent": (0, 1, row + 0.42, row - 0.42), "aspect": "auto", "interpolation": "nearest"}
        left.imshow(strip, cmap="gray_r", vmin=0, vmax=1, **place)
        right.barh(row, value, 0.7, **_bar(dark=name == subject))
        right.annotate(
            f"{value:.2f}", (value, row), (4, 0), textcoords="offset points", va="center", fontsize=9
        )
    for panel in (left, right):
        panel.set_ylim(len(rungs) - 0.5, -0.5)
    left.set_yticks(range(len(rungs)), rungs.keys(), fontsize=9)
    left.set(xticks=[], xlim=(0, 1))
    left.tick_params(left=False)
    for side in left.spines.values():
        side.set_visible(False)
    right.axvline(level, color="black", linestyle="--", linewidth=1)
    right.set(yticks=[], xlim=(0, 1.18))
    right.set_xlabel(axis, fontsize=9)
    save(figure, path, title)


def _bar(dark):
    face = {"facecolor": "0.25"} if dark else {"facecolor": "0.85", "hatch": "////"}
    return {"edgecolor": "black", "linewidth": 0.6, **face}


def _split(value):
    value, *parts = value if isinstance(value, tuple) else (value,)
    return value, parts
