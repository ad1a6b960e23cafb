"""The example as a program, and how pictures become pieces, waves, and pictures again."""

import numpy as np
import pytest
from programs import load, run, verdict

example = load("data_specific")


def test_the_quick_run_reaches_its_criterion(tmp_path):
    done = run("data_specific", tmp_path, "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdict(tmp_path) == "reached"
    assert (tmp_path / "run" / "data_specific.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_too_short_misses_and_says_so(tmp_path):
    done = run("data_specific", tmp_path, "--epochs", "2")
    assert done.returncode == 1, done.stdout + done.stderr
    assert verdict(tmp_path) == "missed"
    assert "missed: error over variance, autoencoder of digits, on digits" in done.stdout


def test_pieces_lie_where_they_were():
    picture = np.arange(26 * 19.0).reshape(26, 19)
    pieces = example.tiles(picture)
    assert pieces.shape == (3 * 2, 64)
    np.testing.assert_array_equal(pieces[3].reshape(8, 8), picture[8:16, 8:16])
    np.testing.assert_array_equal(example.together(pieces, 2), picture[:24, :16])


def test_the_slowest_waves_are_a_plane_of_eight_dimensions():
    i = np.arange(8)
    slow = np.outer(np.cos(np.pi * (2 * i + 1) / 16), np.cos(np.pi * 2 * (2 * i + 1) / 16)).reshape(1, 64)
    fast = np.outer(np.cos(np.pi * 7 * (2 * i + 1) / 16), np.ones(8)).reshape(1, 64)
    np.testing.assert_allclose(example.waves(slow), slow, atol=1e-12)
    np.testing.assert_allclose(example.waves(fast), 0, atol=1e-12)
    projection = example.waves(np.eye(64))
    np.testing.assert_allclose(projection @ projection, projection, atol=1e-12)
    assert np.trace(projection) == pytest.approx(example.CODE)
