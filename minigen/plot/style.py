"""What all figures share: line styles that differ in a grey print, named panels, and writing the file."""

import textwrap

from matplotlib.figure import Figure

# they differ in a grey print by shade, dashes and width
STYLES = (
    {"color": "black", "linestyle": "-", "linewidth": 1.2},
    {"color": "tab:orange", "linestyle": "--", "linewidth": 1.6},
    {"color": "tab:blue", "linestyle": ":", "linewidth": 2.0},
    {"color": "0.7", "linestyle": "-", "linewidth": 3.5, "zorder": 1},
    {"color": "0.35", "linestyle": "-.", "linewidth": 1.2},
)


def figure_of(width, height, rows=1, columns=1, *, layout="constrained", **shared):
    """A figure, its size in inches, and its axes (rows, columns).

    Without pyplot, which keeps every figure in memory and is not safe in threads.
    """
    figure = Figure(figsize=(width, height), layout=layout)
    return figure, figure.subplots(rows, columns, squeeze=False, **shared)


def panels_of(panels, title, axes, columns, width=2.3, **shared):
    """A figure and its axes, one for each panel, row by row; only the outer ones are named."""
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    figure, grid = figure_of(width * columns + 0.6, width * rows + 1.0, rows, columns, **shared)
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


def save(figure, path, legend_of=()):
    """Write the file, with the title wrapped and one legend of `legend_of` below the panels."""
    named = {}
    for axis in legend_of:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            named.setdefault(label, handle)
    if named:
        below = {"loc": "outside lower center", "fontsize": 8, "frameon": False}
        figure.legend(named.values(), named.keys(), ncols=min(len(named), 5), **below)
    widest = int(figure.get_figwidth() / 0.075)  # letters of the title in a line
    lines = [textwrap.fill(line, widest) for line in figure.get_suptitle().splitlines()]
    figure.suptitle("\n".join(lines), fontsize=10)
    figure.savefig(path, dpi=150)
