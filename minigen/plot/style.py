"""What all figures share: line styles that differ in a grey print, named panels, and writing the file."""

import textwrap

from matplotlib.figure import Figure
from matplotlib.text import Text

# they differ in a grey print by shade, dashes and width
STYLES = (
    {"color": "black", "linestyle": "-", "linewidth": 1.2},
    {"color": "tab:orange", "linestyle": "--", "linewidth": 1.6},
    {"color": "tab:blue", "linestyle": ":", "linewidth": 2.0},
    {"color": "0.7", "linestyle": "-", "linewidth": 3.5, "zorder": 1},
    {"color": "0.35", "linestyle": "-.", "linewidth": 1.2},
)

# where a page shows a figure 600 pixels wide, the letters have this many, from the lowest to the highest
_pixels = 10
_letter = 0.54  # the width of a letter, in sizes of its font


def figure_of(width, height, rows=1, columns=1, *, layout="constrained", **shared):
    """A figure, its size in inches, and its axes (rows, columns).

    Without pyplot, which keeps every figure in memory and is not safe in threads.
    """
    figure = Figure(figsize=(width, height), layout=layout)
    return figure, figure.subplots(rows, columns, squeeze=False, **shared)


def panels_of(panels, axes, columns, width=2.3, **shared):
    """A figure and its axes, one for each panel, row by row; only the outer ones are named."""
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    figure, grid = figure_of(width * columns + 0.6, width * rows + 1.0, rows, columns, **shared)
    size = max(9, _least(figure.get_figwidth()))
    for axis, name in zip(grid.flat, panels, strict=False):
        axis.set_title(_wrapped(name, width, size), fontsize=size)
        axis.tick_params(labelsize=8)
    for axis in grid.flat[len(panels) :]:
        axis.axis("off")
    for axis in grid[-1]:
        axis.set_xlabel(axes[0], fontsize=9)
    for axis in grid[:, 0]:
        axis.set_ylabel(axes[1], fontsize=9)
    return figure, list(grid.flat)


def save(figure, path, title, legend_of=()):
    """Write the file: readable letters, the title wrapped, one legend of `legend_of` below the panels."""
    width = figure.get_figwidth()
    size, named = max(10, _least(width)), {}
    for axis in legend_of:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            named.setdefault(label, handle)
    if named:
        below = {"loc": "outside lower center", "fontsize": 8, "frameon": False}
        longest = max(map(len, named)) + 5  # with the handle
        columns = max(1, int(width / letter(width) / longest))
        figure.legend(named.values(), named.keys(), ncols=min(len(named), columns), **below)
    if title:
        figure.suptitle(_wrapped(title, width, size), fontsize=size)
    _make_readable(figure)
    figure.savefig(path, dpi=150)


def letter(width):
    """The width of a letter of the smallest font, in inches, in a figure of this width in inches."""
    return _letter * max(9, _least(width)) / 72


def _least(width):
    """The smallest font, in points, whose letters are `_pixels` high where the figure is 600 pixels wide."""
    return 72 * _pixels * width / 600


def _wrapped(text, inches, size):
    return "\n".join(textwrap.fill(line, int(inches * 72 / (_letter * size))) for line in text.splitlines())


def _make_readable(figure):
    least = _least(figure.get_figwidth())
    for axis in figure.axes:
        for line in (axis.xaxis, axis.yaxis):  # ticks are made anew at each drawing
            labels = line.get_ticklabels()
            if labels and labels[0].get_fontsize() < least:
                line.set_tick_params(which="both", labelsize=least)
    for text in figure.findobj(Text):
        text.set_fontsize(max(text.get_fontsize(), least))
