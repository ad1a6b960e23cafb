"""A code of two numbers: the images that it decodes to, the codes of real images, and where they may lie."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minigen.plot.points import numerals
from minigen.plot.style import figure_of, save

_ends = np.array([-1.0, 1.0])


def manifold(
    sheet: np.ndarray,
    places: np.ndarray,
    labels: np.ndarray,
    title: str,
    path: str | os.PathLike,
    *,
    axes: tuple[str, str] = ("", ""),
) -> None:
    """Images `sheet` (R, C, H, W), row 0 below, on the unit square, and `places` (N, 2) as their numerals.

    Both squares have the same coordinates.
    """
    sheet = np.pad(sheet, ((0, 0), (0, 0), (1, 1), (1, 1)))  # white between the images
    rows, columns, height, width = sheet.shape
    figure, ((left, right),) = figure_of(9.0, 4.7, columns=2)
    canvas = sheet[::-1].swapaxes(1, 2).reshape(rows * height, columns * width)
    left.imshow(canvas, cmap="gray_r", vmin=0, vmax=1, extent=(0, 1, 0, 1), interpolation="nearest")
    left.set_title("pictures that the codes stand for", fontsize=9)
    numerals(right, places, labels, 20)
    right.set(aspect="equal", xlim=(0, 1), ylim=(0, 1))
    right.set_title("codes of real pictures", fontsize=9)
    for axis in (left, right):
        axis.set_xlabel(axes[0], fontsize=9)
        axis.set_ylabel(axes[1], fontsize=9)
    save(figure, path, title)


def posteriors(
    rows: Mapping[str, Sequence[Any]],
    images: np.ndarray,
    title: str,
    path: str | os.PathLike,
    *,
    line: np.ndarray,
) -> None:
    """Rows {label: [(density (M, M), mean (2,), sigma (2,), note)]}, a column for each image (N, H, W).

    The densities lie on the square grid `line` x `line`, each shaded up to its own peak. Over them stand the
    ellipses of one and two sigma of a Gaussian with independent parts. A panel shows where both are.
    """
    size = 1.75 * len(images) + 0.8, 1.85 * (len(rows) + 0.6) + 0.5
    figure, grid = figure_of(*size, len(rows) + 1, len(images), height_ratios=(0.6, *[1] * len(rows)))
    around = np.linspace(0, 2 * np.pi, 100)
    circle = np.stack([np.cos(around), np.sin(around)])  # (2, 100)
    for axis, image in zip(grid[0], images, strict=True):
        axis.imshow(image, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
        axis.axis("off")
    for row, (label, cells) in enumerate(rows.items(), start=1):
        for column, (density, mean, sigma, note) in enumerate(cells):
            axis = grid[row, column]
            how = {"cmap": "gray_r", "origin": "lower", "extent": (line[0], line[-1]) * 2, "aspect": "equal"}
            axis.imshow(density, vmin=0, vmax=1.3 * density.max(), **how)
            for times, dashes in ((1, "-"), (2, "--")):
                ellipse = np.asarray(mean)[:, None] + times * np.asarray(sigma)[:, None] * circle
                axis.plot(*ellipse, color="tab:orange", linestyle=dashes, linewidth=1.4)
            low, high = _around(density / density.sum(), line, mean, sigma)
            middle, half = (low + high) / 2, (high - low).max() / 2
            axis.set(xlim=middle[0] + half * _ends, ylim=middle[1] + half * _ends, box_aspect=1)
            axis.set_title(note, fontsize=9)
            axis.tick_params(labelsize=8)
            if column == 0:
                axis.set_ylabel(f"{label}\nsecond number", fontsize=9)
            if row == len(rows):
                axis.set_xlabel("first number", fontsize=9)
    save(figure, path, title)


def _around(mass, line, mean, sigma):
    """The lowest and the highest (x, y) of the density and of two sigma."""
    low, high = [], []
    for axis, sums in enumerate((mass.sum(axis=0), mass.sum(axis=1))):
        inside = line[sums > 0.02 * sums.max()]
        low.append(min(inside[0], mean[axis] - 2.2 * sigma[axis]))
        high.append(max(inside[-1], mean[axis] + 2.2 * sigma[axis]))
    return np.array(low), np.array(high)
