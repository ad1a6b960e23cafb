"""Every figure that minigen draws. Nothing opens a window: a figure is a file."""

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402  (the backend is chosen first)


def image_rows(rows, title, path):
    """Rows of grey images, one row a group: `rows` maps a label to images (N, H, W) from 0 (white) to 1 (black)."""
    columns = max(len(images) for images in rows.values())
    figure, axes = pyplot.subplots(
        len(rows), columns, figsize=(0.62 * columns + 1.3, 0.66 * len(rows) + 0.5), squeeze=False
    )
    for line, (label, images) in zip(axes, rows.items(), strict=True):
        for axis in line:
            axis.axis("off")
        for axis, image in zip(line, images, strict=False):
            axis.imshow(image, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
        line[0].text(-0.25, 0.5, label, transform=line[0].transAxes, ha="right", va="center", fontsize=9)
    figure.suptitle(title, fontsize=10)
    figure.subplots_adjust(
        left=1.25 / figure.get_figwidth(), right=0.99, bottom=0.03, top=1 - 0.42 / figure.get_figheight()
    )
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


# told apart in a grey print by shade, dashes and width
_styles = (
    {"color": "black", "linestyle": "-", "linewidth": 1.2},
    {"color": "tab:orange", "linestyle": "--", "linewidth": 1.6},
    {"color": "tab:blue", "linestyle": ":", "linewidth": 2.0},
    {"color": "0.7", "linestyle": "-", "linewidth": 3.5, "zorder": 1},
    {"color": "0.35", "linestyle": "-.", "linewidth": 1.2},
)


def curves(panels, title, path, *, axes, yscale="linear", ylim=None, columns=4):
    """Small panels of curves, {panel: {label: (x, y)}}, on the same axes, whose names are `axes`."""
    figure, grid = _panels(panels, title, axes, columns, sharex=True, sharey=True)
    for axis, lines in zip(grid, panels.values(), strict=False):
        axis.set_yscale(yscale)
        for (label, (x, y)), style in zip(lines.items(), _styles, strict=False):
            axis.plot(x, y, label=label, **style)
        if ylim:
            axis.set_ylim(*ylim)
    _finish(figure, grid[0], path)


def phase_portraits(panels, title, path, *, axes, columns=4):
    """Where two numbers go, {panel: {label: (T, 2)}}, from a dot, around the cross at (0, 0)."""
    figure, grid = _panels(panels, title, axes, columns, sharex=True, sharey=True)
    for axis, lines in zip(grid, panels.values(), strict=False):
        for (label, points), style in zip(lines.items(), _styles, strict=False):
            axis.plot(*points.T, label=label, **{**style, "linewidth": 0.6 * style["linewidth"]})
            axis.plot(*points[0], "o", color="black", markersize=4)
        axis.plot(0, 0, "+", color="black", markersize=9, zorder=5)
        axis.set_aspect("equal")
    _finish(figure, grid[0], path)


def gradient_sizes(panels, title, path):
    """Sizes of gradients on one logarithmic axis, {panel: (name of x, its scale, {label: (x, y)})}."""
    figure, grid = _panels(panels, title, ("", "size of the gradient"), 2, width=3.2, sharey=True)
    for axis, (name, scale, lines) in zip(grid, panels.values(), strict=True):
        for (label, (x, y)), style in zip(lines.items(), _styles, strict=False):
            axis.plot(x, y, label=label, **style)
        axis.set_xlabel(name, fontsize=9)
        axis.set_yscale("log")
        axis.set_xscale(scale)
    _finish(figure, grid[0], path)


def linear_subspace(errors, line, cosines, title, path):
    """Errors {K: error} on the curve of PCA {K: error}, and |cosine| (K, K) of directions and components."""
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(7.2, 3.2), layout="constrained")
    left.plot(line.keys(), line.values(), color="0.6", linewidth=1.5, label="PCA")
    left.plot(errors.keys(), errors.values(), "o", color="black", markersize=6, label="linear autoencoder")
    left.set(xlabel="numbers in the code", ylabel="test error a pixel", ylim=(0, None))
    left.legend(fontsize=8, frameon=False)
    shades = right.imshow(cosines, cmap="gray_r", vmin=0, vmax=1)
    right.set(xlabel="principal component", ylabel="direction of the decoder")
    for axis in (right.xaxis, right.yaxis):
        axis.set_ticks(range(len(cosines)), range(1, len(cosines) + 1))
    figure.colorbar(shades, ax=right, label="|cosine| between the two", shrink=0.9)
    figure.suptitle(title, fontsize=10)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def active_units(eigenvalues, spread, title, path):
    """Eigenvalues (D,) cut by the noise variances, and {noise: Var mu (K,)} beside 1 - noise / eigenvalue."""
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(8.4, 3.4), layout="constrained")
    eigenvalues = eigenvalues[eigenvalues > 1e-4]
    ranks = range(1, len(eigenvalues) + 1)
    left.semilogy(ranks, eigenvalues, color="black", linewidth=1.5)
    for noise in spread:
        count = sum(eigenvalues > noise)
        left.plot(
            (1, count, count), (noise, noise, eigenvalues[-1]), color="0.5", linestyle="--", linewidth=1
        )
        left.annotate(f"$\\sigma^2$ = {noise:g}: {count}", (count + 0.8, noise), fontsize=8, va="bottom")
    left.set(xlabel="direction", ylabel="variance of the data along it")
    for (noise, variances), mark in zip(spread.items(), "osD^", strict=False):
        kept = eigenvalues[eigenvalues > noise]
        right.plot(range(1, len(kept) + 1), 1 - noise / kept, color="0.6", linewidth=1.2)
        ordered = sorted(variances, reverse=True)
        shown = {"linestyle": "", "marker": mark, "markersize": 3.5, "color": "black", "fillstyle": "none"}
        right.plot(range(1, len(ordered) + 1), ordered, label=f"$\\sigma^2$ = {noise:g}", **shown)
    right.plot([], color="0.6", linewidth=1.2, label="probabilistic PCA")
    right.set(xlabel="unit, the most used first", ylabel="variance of its posterior mean")
    right.legend(fontsize=8, frameon=False)
    figure.suptitle(title, fontsize=10)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def checkerboard(rows, title, path):
    """Rows {label: {name: (H, W)}}: whole numbers are written into the pixels, others are shades around 0."""
    columns = len(next(iter(rows.values())))
    figure, grid = pyplot.subplots(
        len(rows), columns, figsize=(1.7 * columns + 0.3, 1.75 * len(rows) + 0.4), layout="constrained"
    )
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
    figure.suptitle(title, fontsize=10)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def two_terms(bars, levels, title, path):
    """Bars {name: (reconstruction, KL)} in nats, stacked, with vertical lines at {label: level}."""
    figure, axis = pyplot.subplots(figsize=(6.6, 0.42 * len(bars) + 1.5), layout="constrained")
    for row, (reconstruction, kl) in enumerate(bars.values()):
        first = row == 0
        axis.barh(row, reconstruction, color="0.35", label="reconstruction" if first else None)
        hatched = {"facecolor": "0.88", "hatch": "////", "edgecolor": "0.45"}
        axis.barh(row, kl, left=reconstruction, label="KL" if first else None, **hatched)
        place = {"va": "center", "fontsize": 8, "zorder": 3, "bbox": {"color": "white", "pad": 0.5}}
        axis.text(reconstruction + kl + 0.5, row, f"{reconstruction + kl:.1f}", **place)
    for label, level in levels.items():
        axis.axvline(level, color="black", linestyle="--", linewidth=1)
        axis.text(level + 0.4, -0.75, label, fontsize=8, va="center")
    axis.set_xlim(0, 1.1 * max(map(sum, bars.values())))
    axis.set(xlabel="nats a test digit, less is better", ylim=(len(bars) - 0.5, -1))
    axis.set_yticks(range(len(bars)), bars.keys(), fontsize=9)
    axis.legend(fontsize=8, frameon=False, loc="lower right")
    figure.suptitle(title, fontsize=10)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def _panels(panels, title, axes, columns, width=2.3, **shared):
    """A figure and its axes, one for each panel, row by row; only the outer ones are named."""
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    figure, grid = pyplot.subplots(
        rows,
        columns,
        figsize=(width * columns + 0.6, width * rows + 1.0),
        squeeze=False,
        layout="constrained",
        **shared,
    )
    for axis, name in zip(grid.flat, panels, strict=False):
        axis.set_title(name, fontsize=9)
        axis.tick_params(labelsize=8)
    for axis in grid.flat[len(panels) :]:
        axis.axis("off")
    for axis in grid[-1]:
        axis.set_xlabel(axes[0], fontsize=9)
    for axis in grid[:, 0]:
        axis.set_ylabel(axes[1], fontsize=9)
    figure.suptitle(title, fontsize=10)
    return figure, list(grid.flat)


def _finish(figure, first, path):
    handles, labels = first.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=8, frameon=False)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)
