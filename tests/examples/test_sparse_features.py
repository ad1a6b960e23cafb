"""The example as a program, and what it says of filters whose answer is known."""

import numpy as np
import pytest
from programs import load, run, verdict

PIXEL = np.arange(8.0)


@pytest.fixture(scope="module")
def example():
    return load("sparse_features")


def test_the_quick_run_reaches_its_criterion(tmp_path):
    done = run("sparse_features", tmp_path, "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdict(tmp_path) == "reached"
    for name in ("sparse_features.png", "digits.png"):
        assert (tmp_path / "run" / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_without_its_price_the_kl_network_keeps_its_units_busy(tmp_path):
    done = run("sparse_features", tmp_path, "--quick", "--beta", "0", "--steps", "40")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "missed: units with mean activation within 40 % of rho, %, edges, KL" in done.stdout


def test_the_energy_of_a_point_of_a_flat_filter_and_of_a_square_is_where_it_is(example):
    point, flat, square = np.zeros((8, 8)), np.full((8, 8), -2.0), np.zeros((8, 8))
    point[0, 7] = -3
    square[2:6, 2:6] = 1  # 16 pixels, of which a window sees 9
    assert example.local(np.stack([point, flat, square]).reshape(3, 64)) == pytest.approx([1, 9 / 64, 9 / 16])


@pytest.mark.parametrize("degrees", [0, 30, 45, 90, 135])
def test_a_ramp_has_one_direction_and_however_steep(example, degrees):
    angle = np.radians(degrees)
    ramp = np.cos(angle) * PIXEL + np.sin(angle) * PIXEL[:, None] + 5
    assert example.oriented(np.stack([ramp, -7 * ramp]).reshape(2, 64)) == pytest.approx([1, 1])


def test_a_round_spot_has_no_direction_and_an_elliptic_bowl_what_its_axes_say(example):
    away = (PIXEL - 3.5) ** 2
    spot = np.exp(-(away + away[:, None]) / 8)
    bowl = 2 * away + away[:, None]  # slopes two to one: (4 - 1) / (4 + 1)
    assert example.oriented(np.stack([spot, bowl]).reshape(2, 64)) == pytest.approx([0, 0.6], abs=1e-12)


def test_the_patches_have_mean_zero_and_are_others_for_other_generators(example):
    patches = example.edges(50, np.random.default_rng(0))
    assert patches.shape == (50, 64) and patches.dtype == np.float32
    assert np.abs(patches.mean(axis=1)).max() < 1e-6
    assert not np.array_equal(patches, example.edges(50, np.random.default_rng(1)))
