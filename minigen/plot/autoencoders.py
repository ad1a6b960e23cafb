"""How an encoder stretches small neighbourhoods: the singular vectors of its Jacobian."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from minigen.plot.style import panels_of, save

_looks = {
    "most": {"color": "black", "linewidth": 1.4},
    "least": {"color": "tab:orange", "linewidth": 3.2, "zorder": 1.5},
}


def sticks(
    panels: Mapping[str, Any],
    title: str,
    path: str | os.PathLike,
    *,
    data: ArrayLike | None = None,
    columns: int = 4,
) -> None:
    """How a code moves, {panel: (points (N, 2), jacobians (N, H, 2))}, over pale data (M, 2).

    Two line segments at each point lie along the singular vectors of its Jacobian, with lengths proportional
    to the singular values. The longest segment of every panel has the same length, since each code has a unit
    of its own.
    """
    figure, grid = panels_of(panels, ("", ""), columns, width=2.4, sharex=True, sharey=True)
    for axis, (points, jacobians) in zip(grid, panels.values(), strict=False):
        if data is not None:
            axis.scatter(*data.T, color="0.85", s=5, zorder=0)
        _, sizes, directions = np.linalg.svd(jacobians)  # (N, 2) falling, (N, 2, 2) in rows
        lengths = 0.06 * np.ptp(points, axis=0).max() * sizes / sizes.max()
        for k, (label, look) in enumerate(_looks.items()):
            ends = lengths[:, k, None] * directions[:, k]  # (N, 2)
            first, *_ = axis.plot(*np.stack([points - ends, points + ends]).transpose(2, 0, 1), **look)
            first.set_label(f"the code moves {label}")
        axis.set_aspect("equal")
    save(figure, path, title, grid)
