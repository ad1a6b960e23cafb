"""The example as a program, its pictures, and how squares are counted."""

from itertools import combinations

import numpy as np
from programs import load, run, verdict

example = load("overgeneralization")


def test_the_quick_run_reaches_its_criterion(tmp_path):
    done = run("overgeneralization", tmp_path, "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdict(tmp_path) == "reached"
    assert (tmp_path / "run" / "overgeneralization.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_too_short_misses_and_says_so(tmp_path):
    done = run("overgeneralization", tmp_path, "--quick", "--steps", "3")
    assert done.returncode == 1, done.stdout + done.stderr
    assert verdict(tmp_path) == "missed"
    assert "missed: places clearly inked or not, %, GAN" in done.stdout


def test_a_pair_of_places_is_a_picture_and_can_be_read_from_it():
    pairs = np.array([*combinations(range(example.PLACES), 2)])
    assert len(pairs) == 630  # as the docstring says
    pictures = example.pictures_of(pairs)
    assert pictures.shape == (630, 12, 12) and set(np.unique(pictures)) == {0, 1}
    assert (pictures.sum(axis=(1, 2)) == 8).all()
    inked = example.filling(pictures) > 0.5
    np.testing.assert_array_equal([np.flatnonzero(row) for row in inked], pairs)
    np.testing.assert_array_equal(example.pictures_of(inked), pictures)
    (one,) = example.pictures_of(np.array([[0, 7]]))
    # the first place of the first row, the second of the second
    assert one[0:2, 0:2].all() and one[2:4, 2:4].all()


def test_a_place_is_as_full_as_the_mean_of_its_pixels():
    picture = np.zeros((1, 12, 12))
    picture[0, 0, :4] = 0.8, 0.4, 0.2, 0.2
    np.testing.assert_allclose(example.filling(picture)[0, :3], [0.3, 0.1, 0])
