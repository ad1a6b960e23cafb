"""Accuracy of a classifier with few labels on the features of a network, and pictures of the features."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minigen.plot.style import STYLES, figure_of, panels_of, save

_marks = "osD^v"


def few_labels(
    scores: Mapping[str, np.ndarray], title: str, path: str | os.PathLike, *, counts: Sequence[int], base: str
) -> None:
    """Accuracies {name: (counts, draws)} over the numbers of labels, and their gain over `base` on each draw.

    The bars of the accuracies are the standard deviation of a draw, those of the gains that of the mean. The
    lines are shifted a little along x, so that no bar hides another.
    """
    names = ("test accuracy", f"points over {base}, for the same labels")
    figure, (left, right) = panels_of(names, ("labels a class", ""), 2, width=4.0)
    for place, (name, table) in enumerate(scores.items()):
        x = np.array(counts) * 1.04 ** (place - (len(scores) - 1) / 2)
        look = {"marker": _marks[place], "markersize": 4, "capsize": 2, "elinewidth": 0.8, **STYLES[place]}
        left.errorbar(x, table.mean(axis=1), table.std(axis=1, ddof=1), label=name, **look)
        gain = 100 * (table - scores[base])
        right.errorbar(x, gain.mean(axis=1), gain.std(axis=1, ddof=1) / np.sqrt(gain.shape[1]), **look)
    for axis in (left, right):
        axis.set(xscale="log")
        axis.set_xticks(counts, [f"{n}" for n in counts])
        axis.minorticks_off()
    save(figure, path, title, [left])


def filters(
    panels: Mapping[str, Any],
    title: str,
    path: str | os.PathLike,
    *,
    axis: str,
    columns: int = 10,
    most: int = 60,
) -> None:
    """Panels {name: (filters (M, h, w), values)}: up to `most` filters, and how often which value comes.

    Every filter has a scale of its own: mid-grey is 0, black and white are minus and plus its largest size.
    """
    figure, (above, below) = figure_of(2.9 * len(panels), 3.9, 2, len(panels), height_ratios=(2.2, 1))
    width = max(np.abs(values).max() for _, values in panels.values()) / 25
    lowest = min(values.min() for _, values in panels.values())
    edges = width * np.arange(np.floor(lowest / width), 27)  # 0 is the end of a bin, none has both signs
    for picture, histogram, (name, (weights, values)) in zip(above, below, panels.items(), strict=True):
        picture.imshow(_mosaic(weights[:most], columns, -(-most // columns)), cmap="gray", vmin=-1, vmax=1)
        picture.set_title(name, fontsize=9)
        picture.axis("off")
        share = np.full(np.size(values), 1 / np.size(values))
        histogram.hist(np.ravel(values), edges, weights=share, color="0.4")
        histogram.set(yscale="log", ylim=(1e-4, 2))
        histogram.set_xlabel(axis, fontsize=9)
        histogram.tick_params(labelsize=8)
    below[0].set_ylabel("share", fontsize=9)
    save(figure, path, title)


def _mosaic(images, columns, rows):
    """Images (M, h, w), each divided by its largest size, on a white sheet."""
    _, height, width = images.shape
    sheet = np.full((rows, columns, height + 1, width + 1), np.nan)  # imshow leaves nan white
    for at, image in enumerate(images):
        sheet[divmod(at, columns)][:-1, :-1] = image / np.abs(image).max()
    return sheet.swapaxes(1, 2).reshape(rows * (height + 1), columns * (width + 1))
