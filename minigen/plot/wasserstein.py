"""The distance that a critic estimates, beside the true one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from minigen.plot.style import STYLES, figure_of, save

_marks = (
    {"marker": "o"},
    {"marker": "s", "markerfacecolor": "white"},
    {"marker": "^", "markerfacecolor": "0.6"},
)


def estimates(panels: Mapping[str, Any], title: str, path: str | os.PathLike) -> None:
    """Panels {name: (name of x, name of y, lines {label: (x, y)}, points {label: (x, y)})}.

    Where a panel has points only, they are in order of time: the first ones pale, the last one black.
    """
    rows = -(-len(panels) // 2)
    figure, grid = figure_of(6.6, 2.9 * rows + 0.4, rows, 2)
    for axis in grid.flat[len(panels) :]:
        axis.axis("off")
    for axis, (name, (x_name, y_name, lines, points)) in zip(grid.flat, panels.items(), strict=False):
        axis.set_title(name, fontsize=9)
        axis.set_xlabel(x_name, fontsize=9)
        axis.set_ylabel(y_name, fontsize=9)
        axis.tick_params(labelsize=8)
        for (label, (x, y)), style in zip(lines.items(), STYLES, strict=False):
            axis.plot(x, y, label=label, **style)
        for (label, (x, y)), mark in zip(points.items(), _marks, strict=False):
            if lines:
                axis.plot(x, y, linestyle="", color="black", markersize=5, label=label, **mark)
            else:
                axis.scatter(
                    x, y, c=np.arange(len(x)), cmap="gray_r", vmin=-len(x) / 4, s=22, edgecolors="0.4"
                )
        if lines:
            axis.legend(fontsize=8, frameon=False)
    save(figure, path, title)
