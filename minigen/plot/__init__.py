"""Every figure that minigen draws. Nothing opens a window: a figure is a file."""

from minigen.plot.exact import active_units, linear_subspace, two_terms
from minigen.plot.films import film
from minigen.plot.images import checkerboard, heat_map, image_rows
from minigen.plot.lines import bars, curves, gradient_sizes, histograms, losses, phase_portraits
from minigen.plot.points import clouds, codes, contours, fields

__all__ = [
    "active_units",
    "bars",
    "checkerboard",
    "clouds",
    "codes",
    "contours",
    "curves",
    "fields",
    "film",
    "gradient_sizes",
    "heat_map",
    "histograms",
    "image_rows",
    "linear_subspace",
    "losses",
    "phase_portraits",
    "two_terms",
]
