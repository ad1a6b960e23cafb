"""Images in rows: digits, samples, outputs of layers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from minigen.plot.style import figure_of, letter, save


def image_rows(rows: Mapping[str, Any], title: str, path: str | os.PathLike) -> None:
    """Rows of grey images: `rows` maps a label to images (N, H, W) from 0 (white) to 1 (black)."""
    columns = max(len(images) for images in rows.values())
    longest, left = max(len(line) for label in rows for line in label.splitlines()), 1.0
    for _ in range(5):  # a wider margin makes a wider figure, and that needs larger letters
        left = 0.25 + longest * letter(0.62 * columns + left)
    figure, axes = figure_of(0.62 * columns + left, 0.66 * len(rows) + 0.5, len(rows), layout=None)
    for (axis,), (label, images) in zip(axes, rows.items(), strict=True):
        axis.axis("off")
        axis.imshow(mosaic(images, columns), cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
        axis.text(-0.25 / columns, 0.5, label, transform=axis.transAxes, ha="right", va="center", fontsize=9)
    figure.subplots_adjust(
        left=left / figure.get_figwidth(), right=0.99, bottom=0.03, top=1 - 0.42 / figure.get_figheight()
    )
    save(figure, path, title)


def checkerboard(rows: Mapping[str, Any], title: str, path: str | os.PathLike) -> None:
    """Rows {label: {name: (H, W)}}: whole numbers are written into the pixels, others are shades around 0."""
    columns = len(next(iter(rows.values())))
    figure, grid = figure_of(1.7 * columns + 0.3, 1.75 * len(rows) + 0.4, len(rows), columns)
    for axis, name in zip(grid[0], next(iter(rows.values())), strict=True):
        axis.set_title(name, fontsize=9)
    for line, (label, images) in zip(grid, rows.items(), strict=True):
        line[0].set_ylabel(label, fontsize=9)
        for axis, image in zip(line, images.values(), strict=True):
            most = 1.6 * np.abs(image).max()
            axis.imshow(image, cmap="gray_r", vmin=min(0, most * np.sign(image.min())), vmax=most)
            axis.set(xticks=[], yticks=[])
            if image.dtype.kind == "i":
                for (row, column), count in np.ndenumerate(image):
                    axis.text(column, row, count, ha="center", va="center", fontsize=8)
    save(figure, path, title)


def picture_table(rows: Mapping[str, Any], title: str, path: str | os.PathLike, *, side: float = 1.6) -> None:
    """A table {row: {column: (image (H, W), note)}} of grey images from 0 (white) to 1 (black), notes below.

    Every cell is `side` inches wide and high, whatever the size of its image.
    """
    columns = list(next(iter(rows.values())))
    below = 1 + max(note.count("\n") for cells in rows.values() for _, note in cells.values())
    above = 2 + title.count("\n") + max(column.count("\n") for column in columns)
    size = side * len(columns) + 0.5, (side + 0.1 + 0.2 * below) * len(rows) + 0.2 * above + 0.2
    figure, grid = figure_of(*size, len(rows), len(columns))
    for axis, column in zip(grid[0], columns, strict=True):
        axis.set_title(column, fontsize=10)
    for line, (label, cells) in zip(grid, rows.items(), strict=True):
        line[0].set_ylabel(label, fontsize=10)
        for axis, (image, note) in zip(line, cells.values(), strict=True):
            axis.imshow(image, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
            axis.set(xticks=[], yticks=[], box_aspect=1)
            axis.set_xlabel(note, fontsize=10)
    save(figure, path, title)


def mosaic(images: np.ndarray, columns: int) -> np.ndarray:
    """Images (N, H, W) beside and below each other, with a white pixel between them, as one image."""
    rows = -(-len(images) // columns)
    images = np.pad(images, ((0, rows * columns - len(images)), (0, 1), (0, 1)))
    _, height, width = images.shape
    return images.reshape(rows, columns, height, width).swapaxes(1, 2).reshape(rows * height, -1)[:-1, :-1]


def heat_map(
    values: ArrayLike,
    title: str,
    path: str | os.PathLike,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    axes: tuple[str, str],
    low: float | None = None,
    high: float | None = None,
    form: str = "{:.1f}",
) -> None:
    """Numbers (R, C) as shades and digits; `rows` and `columns` label them, `axes` names x and y."""
    values = np.asarray(values, float)
    figure, ((axis,),) = figure_of(0.85 * len(columns) + 1.6, 0.6 * len(rows) + 1.3)
    shades = axis.imshow(values, cmap="gray", vmin=low, vmax=high, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        ink = "black" if shades.norm(value) > 0.5 else "white"
        axis.text(column, row, form.format(value), ha="center", va="center", color=ink, fontsize=9)
    axis.set_xticks(range(len(columns)), columns, fontsize=9)
    axis.set_yticks(range(len(rows)), rows, fontsize=9)
    axis.set_xlabel(axes[0], fontsize=9)
    axis.set_ylabel(axes[1], fontsize=9)
    save(figure, path, title)
