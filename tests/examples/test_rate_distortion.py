"""The example as a program, and its two terms where they are known."""

import math

import numpy as np
import pytest
from programs import load, run, verdict

from minigen import Random, Tensor
from minigen.nn import Module

example = load("rate_distortion")


def test_the_quick_run_reaches_its_criterion(tmp_path):
    done = run("rate_distortion", tmp_path, "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdict(tmp_path) == "reached"
    for name in ("rate_distortion.png", "curve.png"):
        assert (tmp_path / "run" / name).read_bytes().startswith(b"\x89PNG")


def test_a_run_too_short_misses_and_says_so(tmp_path):
    done = run("rate_distortion", tmp_path, "--quick", "--steps", "5")
    assert done.returncode == 1, done.stdout + done.stderr
    assert verdict(tmp_path) == "missed"
    assert "missed: Frechet distance of samples, beta 3" in done.stdout


class Fixed(Module):
    """q(z|x) = N(1, e^-2) in two dimensions, and logits (z_1, -z_1) whatever the digit."""

    def encode(self, x):
        return Tensor(np.ones((len(x.data), 2))), Tensor(np.full((len(x.data), 2), -2.0))

    def decode(self, z):
        return Tensor(np.stack([z.data[:, 0], -z.data[:, 0]], axis=1))


def test_rate_and_distortion_are_those_of_the_formulas():
    run_ = type("Run", (), {"device": "cpu", "random": Random(0, dtype="float64")})
    eps = run_.random.normal(200_000, 2)
    rate, distortion = example.two_terms(run_, Fixed(), np.tile([1.0, 0.0], (200_000, 1)), eps)
    assert rate == pytest.approx(2 * 0.5 * (1 + math.exp(-2) - 1 + 2))
    z = 1 + math.exp(-1) * np.linspace(-8, 8, 4001)  # both pixels cost softplus(-z)
    weight = np.exp(-(np.linspace(-8, 8, 4001) ** 2) / 2)
    known = 2 * np.sum(weight * np.logaddexp(0, -z)) / weight.sum()
    assert distortion == pytest.approx(known, abs=0.003)  # five standard errors of 200 000 draws
