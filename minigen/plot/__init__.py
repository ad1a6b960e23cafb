"""Every figure that minigen draws. Nothing opens a window: a figure is a file."""

from minigen.plot.autoencoders import sticks
from minigen.plot.exact import active_units, linear_subspace, two_terms
from minigen.plot.features import few_labels, filters
from minigen.plot.films import film, film_strip
from minigen.plot.games import game_round
from minigen.plot.images import checkerboard, heat_map, image_rows, picture_table
from minigen.plot.lines import bars, curves, gradient_sizes, histograms, losses, panels, phase_portraits
from minigen.plot.points import clouds, codes, contours, fields
from minigen.plot.samples import ladder, pictured_ladder
from minigen.plot.vae import manifold, posteriors
from minigen.plot.wasserstein import estimates

__all__ = [
    "active_units",
    "bars",
    "checkerboard",
    "clouds",
    "codes",
    "contours",
    "curves",
    "estimates",
    "few_labels",
    "fields",
    "film",
    "film_strip",
    "filters",
    "game_round",
    "gradient_sizes",
    "heat_map",
    "histograms",
    "image_rows",
    "ladder",
    "linear_subspace",
    "losses",
    "manifold",
    "panels",
    "phase_portraits",
    "picture_table",
    "pictured_ladder",
    "posteriors",
    "sticks",
    "two_terms",
]
