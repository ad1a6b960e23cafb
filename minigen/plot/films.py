"""The samples from one fixed noise during training: an animation, and frames of it beside each other."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from numpy.typing import ArrayLike
from PIL import Image

from minigen.plot.images import mosaic
from minigen.plot.style import figure_of, save


def film(
    frames: Mapping[int, np.ndarray],
    title: str,
    path: str | os.PathLike,
    *,
    data: ArrayLike | None = None,
    limits: tuple[float, float] | None = None,
    seconds: float = 6,
) -> None:
    """A GIF of {step: images (N, H, W) or points (N, 2)}, as `minigen.training.read_frames` gives them.

    data, limits    points (M, 2) drawn behind the others, and (low, high) of both axes; for points only
    """
    steps, shots = list(frames), list(frames.values())
    figure, ((axis,),) = figure_of(3.4, 3.7)
    if shots[0].ndim == 2:
        if data is not None:
            axis.scatter(*np.asarray(data).T, color="0.8", s=12)
        low, high = limits or (np.min(shots), np.max(shots))
        axis.set(aspect="equal", xlim=(low, high), ylim=(low, high))
        drawn = axis.scatter(*shots[0].T, color="black", s=3)
        draw = drawn.set_offsets
    else:
        axis.axis("off")
        drawn = axis.imshow(_sheet(shots[0]), cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")

        def draw(images):
            drawn.set_data(_sheet(images))

    figure.suptitle(title, fontsize=9)
    axis.set_title(f"step {steps[0]}", fontsize=9)
    figure.set_dpi(80)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # places are found once, not anew for each frame
    canvas, pages = FigureCanvasAgg(figure), []
    for step, shot in frames.items():
        draw(shot)
        axis.set_title(f"step {step}", fontsize=9)
        canvas.draw()
        pages.append(Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("L"))  # all is grey
    how = {"save_all": True, "append_images": pages[1:], "loop": 0}
    pages[0].save(path, duration=min(1000, 1000 * seconds / len(pages)), **how)


def film_strip(
    rows: Mapping[str, Mapping[str, np.ndarray]],
    title: str,
    path: str | os.PathLike,
    *,
    data: ArrayLike,
    limits: tuple[float, float],
    side: float = 1.25,
) -> None:
    """Points {row: {note: (N, 2)}} in order of time, over the points `data` (M, 2); notes stand below."""
    columns = max(map(len, rows.values()))
    figure, grid = figure_of(side * columns + 0.6, (side + 0.25) * len(rows) + 0.6, len(rows), columns)
    for line, (label, shots) in zip(grid, rows.items(), strict=True):
        line[0].set_ylabel(label, fontsize=9)
        for axis, (note, points) in zip(line, shots.items(), strict=True):
            axis.scatter(*np.asarray(data).T, color="0.8", s=10)
            axis.scatter(*points.T, color="black", s=1.5)
            axis.set(xticks=[], yticks=[], xlim=limits, ylim=limits, box_aspect=1)
            axis.set_xlabel(note, fontsize=9)
    save(figure, path, title)


def _sheet(images):
    return mosaic(images, int(np.ceil(np.sqrt(len(images)))))
