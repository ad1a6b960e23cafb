"""A code of two numbers: the images that it decodes to, beside the codes of real images."""

from __future__ import annotations

import os

import numpy as np

from minigen.plot.style import figure_of, save


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
    for label in np.unique(labels):
        # the numerals identify the classes in a grey print too
        mark = {"marker": f"${label}$", "s": 20, "linewidths": 0.2, "color": f"C{int(label) % 10}"}
        right.scatter(*places[labels == label].T, **mark)
    right.set(aspect="equal", xlim=(0, 1), ylim=(0, 1))
    right.set_title("codes of real pictures", fontsize=9)
    for axis in (left, right):
        axis.set_xlabel(axes[0], fontsize=9)
        axis.set_ylabel(axes[1], fontsize=9)
    figure.suptitle(title, fontsize=10)
    save(figure, path)
