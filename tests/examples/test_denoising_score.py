"""The example as a program, and its exact slopes against differences."""

import numpy as np
import pytest
from programs import load, run, verdict

example = load("denoising_score")


def test_the_quick_run_reaches_its_criterion(tmp_path):
    done = run("denoising_score", tmp_path, "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdict(tmp_path) == "reached"
    assert (tmp_path / "run" / "denoising_score.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_run_too_short_misses_and_says_so(tmp_path):
    done = run("denoising_score", tmp_path, "--steps", "20")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "missed: mean cosine with the exact slope, ring, noise .2, network > 0.95" in done.stdout


def test_the_slope_of_one_gaussian_points_to_its_centre():
    slope, _ = example.smoothed(np.array([[3.0, -1.0]]), np.array([[1.0, 1.0]]), 0.5)
    np.testing.assert_allclose(slope, [[-4.0, 4.0]])


def test_the_slopes_are_those_of_the_log_density():
    rng = np.random.default_rng(0)
    x, centres = rng.normal(size=(20, 2)), rng.normal(size=(5, 2))
    slopes, _ = example.smoothed(x, centres, 0.3)
    for axis, step in enumerate(1e-5 * np.eye(2)):
        (_, above), (_, below) = (example.smoothed(x + s, centres, 0.3) for s in (step, -step))
        np.testing.assert_allclose(slopes[:, axis], (above - below) / 2e-5, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", ["ring, noise .2", "ring, noise .1"])
def test_the_slopes_are_those_of_the_noisy_points(name):
    task, rng = example.tasks()[name], np.random.default_rng(0)
    noisy = task.data.sample(40_000, rng=rng) + task.sigma * rng.standard_normal((40_000, 2))
    slopes, _ = example.smoothed(noisy, task.centres, task.spread**2 + task.sigma**2)
    # Stein's identity, E[slope x^T] = -I, holds for the density of the points alone;
    # 0.1 is four standard deviations
    np.testing.assert_allclose(slopes.T @ noisy / len(noisy), -np.eye(2), atol=0.1)
