"""The example as a program: the critic with penalty sees all modes, and one that has not learned does not."""

import importlib.util

import numpy as np
import pytest
from programs import EXAMPLES, load, run, verdict

from minigen import Tensor
from minigen.engine import ops
from minigen.nn import Module


def test_the_quick_run_reaches_its_criterion(tmp_path):
    done = run("wgan_gp_toys", tmp_path, "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdict(tmp_path) == "reached"
    for name in ("wgan_gp_toys.png", "samples.png"):
        assert (tmp_path / "run" / name).read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "run" / "8gaussians.gif").read_bytes().startswith(b"GIF8")


@pytest.mark.slow
def test_a_critic_that_has_not_learned_misses(tmp_path):
    done = run("wgan_gp_toys", tmp_path, "--quick", "--rounds", "2", "--steps", "2")
    assert done.returncode == 1, done.stdout + done.stderr
    assert verdict(tmp_path) == "missed"
    assert "missed: modes on a hill, penalty, 8gaussians" in done.stdout


def test_hills_are_the_centres_that_stand_out():
    spec = importlib.util.spec_from_file_location("wgan_gp_toys", EXAMPLES / "wgan_gp_toys.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    centres = np.array([[-2.0, 0.0], [0.0, 0.0], [2.0, 0.0]])
    assert example.hills(Bumps(centres), centres) == 3
    assert example.hills(Bumps(centres[1:2]), centres) == 1  # for the others it rises towards the middle
    assert example.hills(Bumps(centres[:2] + 1.0), centres) == 0


def test_a_critic_of_slope_n_sees_what_it_pays_for_at_one_n_alone():
    """f(x) = -c |x| has slope c everywhere: E f(x) - E f(y) is c E |y|, and the price c (c - 1)."""
    example = load("wgan_gp_toys")
    data, rng = example.Drawn(np.zeros((1, 2))), np.random.default_rng(0)
    for c in (2.0, 5.0):
        expected = c * np.sqrt(np.pi / 2) / (2 * example.LAM * c * (c - 1))
        assert example.balance(Cone(c), data, rng) == pytest.approx(expected, rel=0.02)


class Cone(Module):
    """f(x) = -c ||x||"""

    def __init__(self, c):
        self.c = Tensor(np.array(c), requires_grad=True)

    def forward(self, x):
        return -self.c * ops.sqrt(ops.sum(x * x, axis=1, keepdims=True) + 1e-12)


class Bumps(Module):
    """f(x) = sum_k exp(-||x - place_k||^2)"""

    def __init__(self, places):
        self.places = Tensor(places, requires_grad=True)

    def forward(self, x):
        apart = x.reshape(-1, 1, 2) - self.places  # (N, 2) -> (N, K, 2)
        return ops.sum(ops.exp(-ops.sum(apart * apart, axis=2)), axis=1, keepdims=True)
