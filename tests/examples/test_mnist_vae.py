"""The example as a program, and the two numbers between which every model of grey pixels lies."""

import math

import numpy as np
import pytest
from PIL import Image
from programs import load, run, verdict

example = load("mnist_vae")


def test_the_quick_run_reaches_its_criterion(tmp_path):
    done = run("mnist_vae", tmp_path, "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdict(tmp_path) == "reached"
    for name in ("mnist_vae.png", "digits.png"):
        assert (tmp_path / "run" / name).read_bytes().startswith(b"\x89PNG")
    with Image.open(tmp_path / "run" / "samples.gif") as film:
        assert film.n_frames >= 10


def test_a_run_too_short_misses_and_says_so(tmp_path):
    done = run("mnist_vae", tmp_path, "--quick", "--epochs", "1")
    assert done.returncode == 1, done.stdout + done.stderr
    assert verdict(tmp_path) == "missed"
    assert "missed: test reconstruction, nats a digit" in done.stdout


def test_grey_pixels_cost_something_even_where_they_are_known():
    x = np.array([[0.0, 1.0, 0.5, 0.25]])
    known = math.log(2) - 0.25 * math.log(0.25) - 0.75 * math.log(0.75)
    assert example.entropy(x, x) == pytest.approx(known, abs=1e-4)
    for other in (x * 0.9 + 0.05, np.full((1, 4), 0.5)):
        assert example.entropy(x, other) > known
