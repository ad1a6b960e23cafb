"""The example as a program: the critic's loss is a distance when it is trained to its
optimum, and not before.
"""

import importlib.util

import numpy as np
import pytest
from programs import EXAMPLES, run, verdict


def test_the_quick_run_reaches_its_criterion(tmp_path):
    done = run("wasserstein_critic", tmp_path, "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdict(tmp_path) == "reached"
    for name in ("wasserstein_critic.png", "weights.png"):
        assert (tmp_path / "run" / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_critic_that_is_not_at_its_optimum_misses(tmp_path):
    done = run("wasserstein_critic", tmp_path, "--quick", "--steps", "2", "--moves", "100")
    assert done.returncode == 1, done.stdout + done.stderr
    assert verdict(tmp_path) == "missed"
    assert "missed: (estimate - 2 penalty) / W1" in done.stdout


def test_the_density_in_between_is_that_of_draws():
    spec = importlib.util.spec_from_file_location("wasserstein_critic", EXAMPLES / "wasserstein_critic.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    rng, m, n = np.random.default_rng(0), 8, 200_000
    alpha = rng.random(n)
    draws = alpha * rng.standard_normal(n) + (1 - alpha) * (m + rng.standard_normal(n))
    density = example.between(m)
    assert np.trapezoid(density, example.X) == pytest.approx(1, abs=1e-6)
    below = np.interp([0, 2, 4, 7], example.X, np.cumsum(density) * (example.X[1] - example.X[0]))
    # a share of n draws has a standard deviation of at most 0.0011
    assert below == pytest.approx([np.mean(draws < place) for place in (0, 2, 4, 7)], abs=0.005)
