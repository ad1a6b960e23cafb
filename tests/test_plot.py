"""The figures: each is a file with its title, lines are told apart in a grey print,
and nothing opens a window.
"""

import itertools
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image, ImageSequence

from minigen import plot
from minigen.plot import style

RNG = np.random.default_rng(0)
POINTS = RNG.standard_normal((40, 2))
IMAGES = RNG.random((5, 8, 8))
STEPS = np.arange(1.0, 6.0)
LINES = {"one": {"a": (STEPS, STEPS**2), "b": (STEPS, STEPS)}, "two": {"a": (STEPS, STEPS)}}
TITLE = "The claim of the figure"

SAMPLES = {
    "active_units": ((np.array([3.0, 1.0, 0.1]), {0.5: np.array([0.8, 0.4, 0.0])}), {}),
    "bars": (
        ({"1 label": {"raw": (0.6, 0.1), "code": 0.7}, "2": {"raw": 0.7}},),
        {"axis": "accuracy", "levels": {"chance": 0.1}},
    ),
    "checkerboard": (
        ({"counts": {"kernel 3": np.arange(4).reshape(2, 2)}, "squares": {"kernel 3": IMAGES[0]}},),
        {},
    ),
    "clouds": (({"one": {"data": POINTS, "samples": POINTS + 1}},), {"limits": (-3, 3)}),
    "codes": (({"PCA": (POINTS, np.arange(40) % 10)},), {"axes": ("first", "second")}),
    "contours": (({"critic": (IMAGES[0], {"data": POINTS})},), {"extent": (-2, 2, -2, 2)}),
    "curves": ((LINES | {"band": {"a": (STEPS, STEPS, STEPS / 9)}},), {"axes": ("step", "loss")}),
    "estimates": (
        (
            {
                "line": ("W1", "reported", {"W1": (STEPS, STEPS)}, {"critic": (STEPS, STEPS**2)}),
                "ring": ("sliced", "minus the loss", {}, {"": (STEPS, STEPS**2)}),
            },
        ),
        {},
    ),
    "few_labels": (
        ({"code": 0.7 + 0.1 * IMAGES[0, :3], "pixels": 0.6 + 0.1 * IMAGES[1, :3]},),
        {"counts": [1, 2, 5], "base": "pixels"},
    ),
    "fields": (({"score": (POINTS, {"exact": -POINTS, "learned": -POINTS}, POINTS)},), {}),
    "film": (({0: IMAGES, 10: IMAGES[::-1]},), {}),
    "film_strip": (
        ({"GAN": {"step 1: 8": POINTS, "step 2: 3": -POINTS}},),
        {"data": POINTS, "limits": (-3, 3)},
    ),
    "filters": (
        ({"plain": (IMAGES - 0.5, POINTS), "L1": (IMAGES[:0], 0.1 * POINTS)},),
        {"axis": "activation"},
    ),
    "game_round": (
        (
            {when: {"a": a, "b": 0.0, "m": m} for when, a, m in (("start", 0, 0), ("D", 1, 0), ("G", 1, 1))},
            ((1.0, 2.0), (-1.0, 1.0)),
            {"step": STEPS, "D(x)": STEPS / 9, "D(G(z))": STEPS / 8},
        ),
        {"names": ("D(x)", "D(G(z))")},
    ),
    "gradient_sizes": (({"panel": ("m", "linear", LINES["one"])},), {}),
    "heat_map": (
        (np.eye(2),),
        {"rows": ["1", "2"], "columns": ["3", "4"], "axes": ("k", "ratio"), "low": 0, "high": 1},
    ),
    "histograms": (
        ({"clip": {"weights": POINTS[:, 0]}},),
        {"axis": "weight", "marks": {"the limit": 0.5}},
    ),
    "image_rows": (({"digits": IMAGES, "samples": IMAGES[:2]},), {}),
    "ladder": (
        ({"accuracy": {"data": (0.5, 0.4, 0.6), "GAN": (0.7, 0.8, 0.6)}, "KL": {"data": 0.0, "GAN": 0.1}},),
        {"subject": "GAN", "logarithmic": ["KL"], "parts": ["real", "fake"], "levels": {"accuracy": 0.5}},
    ),
    "linear_subspace": (({2: 0.5, 3: 0.3}, {1: 0.6, 2: 0.5, 3: 0.2}, np.eye(3)), {}),
    "losses": (({"step": STEPS, "KL": STEPS, "reconstruction": STEPS},), {}),
    "manifold": ((RNG.random((2, 3, 8, 8)), RNG.random((40, 2)), np.arange(40) % 10), {}),
    "panels": (({"one": ("x", "density", LINES["one"]), "two": ("round", "V", LINES["two"])},), {}),
    "phase_portraits": (
        ({"GAN": {"at once": POINTS}},),
        {"axes": ("theta", "psi"), "fields": {"GAN": (POINTS, POINTS[:, ::-1])}},
    ),
    "picture_table": (({"digits": {"shown": (IMAGES[0], ""), "drawn": (IMAGES[1], "0.3 lost")}},), {}),
    "pictured_ladder": (
        ({"data": (IMAGES, 0.5), "GAN": (IMAGES[::-1], 0.7)},),
        {"subject": "GAN", "axis": "accuracy", "level": 0.5},
    ),
    "posteriors": (
        ({"VAE": [(IMAGES[0], np.zeros(2), np.ones(2), "0.1 lost")]}, IMAGES[:1]),
        {"line": np.linspace(-3, 3, 8)},
    ),
    "sticks": (({"contractive": (POINTS, RNG.standard_normal((40, 3, 2)))},), {"data": POINTS}),
    "two_terms": (({"right": (12.0, 6.0), "wrong": (25.0, 0.0)}, {"known": 18.0}), {}),
}


@pytest.mark.parametrize("name", plot.__all__)
def test_a_figure_is_a_file_with_its_title(name, tmp_path, monkeypatch):
    made, figure_of = [], style.figure_of

    def remembered(*args, **kwargs):
        made.append(figure_of(*args, **kwargs))
        return made[-1]

    for place, module in list(sys.modules.items()):
        if place.startswith("minigen.plot.") and hasattr(module, "figure_of"):
            monkeypatch.setattr(module, "figure_of", remembered)
    data, options = SAMPLES[name]
    path = tmp_path / ("film.gif" if name == "film" else "figure.png")
    getattr(plot, name)(*data, TITLE, path, **options)
    with Image.open(path) as image:
        assert image.format == ("GIF" if name == "film" else "PNG")
        assert np.ptp(np.asarray(image.convert("L"))) > 100  # not blank
    assert [figure.get_suptitle() for figure, _ in made] == [TITLE]


def test_every_letter_is_high_enough_where_the_figure_is_600_pixels_wide(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(style.Figure, "savefig", lambda self, *args, **how: seen.append(self))
    for name in sorted(set(plot.__all__) - {"film"}):
        data, options = SAMPLES[name]
        getattr(plot, name)(*data, TITLE, tmp_path / "figure.png", **options)
    wide = {"a longer name of a panel, the fourth of five": {"a line": (STEPS, STEPS)}} | {
        f"panel {n}": {"a line": (STEPS, STEPS)} for n in range(4)
    }
    plot.curves(wide, TITLE, tmp_path / "figure.png", axes=("step", "loss"), columns=5)
    for figure in seen:
        figure.canvas.draw()
        letters = [text for text in figure.findobj(style.Text) if text.get_text() and text.get_visible()]
        points = min(text.get_fontsize() for text in letters)
        assert points / 72 * 600 / figure.get_figwidth() > 9.9, (figure.get_suptitle(), points)
    assert seen[-1].axes[0].get_title().count("\n") >= 1  # it would write over the next one


def test_a_film_shows_every_frame(tmp_path):
    plot.film(
        {0: POINTS, 5: POINTS + 1, 10: -POINTS}, TITLE, tmp_path / "points.gif", data=POINTS, limits=(-3, 3)
    )
    with Image.open(tmp_path / "points.gif") as film:
        assert film.n_frames == 3
        assert "loop" in film.info  # again and again
        shots = [np.asarray(frame.convert("L")) for frame in ImageSequence.Iterator(film)]
    assert all(np.any(a != b) for a, b in itertools.pairwise(shots))


def test_lines_are_told_apart_in_a_grey_print():
    for one, other in itertools.combinations(style.STYLES, 2):
        shades = [np.dot(to_rgb(line["color"]), (0.299, 0.587, 0.114)) for line in (one, other)]
        assert one["linestyle"] != other["linestyle"] or abs(shades[0] - shades[1]) > 0.3


def test_pictures_of_a_film_stand_beside_and_below_each_other_in_order():
    sheet = plot.films._sheet(np.stack([np.full((2, 2), n) for n in range(1, 6)]))
    assert sheet.shape == (5, 8)
    assert sheet[::3, ::3].tolist() == [[1, 2, 3], [4, 5, 0]]


def test_nothing_can_open_a_window():
    """Only pyplot does that; without it a figure is a file."""
    program = "import sys, minigen.plot; print('matplotlib.pyplot' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert shown == "False\n"
