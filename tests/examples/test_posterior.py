"""The example as a program, and its sums over the grid where the answer is known in closed form."""

import math

import numpy as np
import pytest
from programs import load, run, verdict

from minigen import Tensor
from minigen.nn import Module

example = load("posterior")


def test_the_quick_run_reaches_its_criterion(tmp_path):
    done = run("posterior", tmp_path, "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdict(tmp_path) == "reached"
    for name in ("posterior.png", "bound.png"):
        assert (tmp_path / "run" / name).read_bytes().startswith(b"\x89PNG")


def test_a_run_too_short_misses_and_says_so(tmp_path):
    done = run("posterior", tmp_path, "--epochs", "2")
    assert done.returncode == 1, done.stdout + done.stderr
    assert verdict(tmp_path) == "missed"
    assert "missed: log p(x), nats a digit, VAE" in done.stdout


def test_the_grid_gives_the_distance_of_two_gaussians():
    """KL(q || p) of N(mu, sigma^2) from N(0, I) is 1/2 sum (mu^2 + sigma^2 - 1 - log sigma^2)."""
    log_p = -0.5 * (example.GRID**2).sum(axis=1) - math.log(2 * math.pi)
    mu, logvar = np.array([[0.5, -1.0], [0.0, 0.2]]), np.array([[-1.0, -3.0], [0.0, -2.0]])
    known = 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar).sum(axis=1)
    found = example.to_posterior(np.stack([log_p, log_p]), mu, logvar)
    np.testing.assert_allclose(found, known, rtol=2e-3)  # of N(0, 1), 6e-7 lies outside of 5 sigma


class Independent(Module):
    """A decoder that does not look at the code, so that p(z|x) is the prior and p(x) = 2^-D."""

    def decode(self, z):
        return Tensor(np.zeros((len(z.data), 64), np.float32))

    def encode(self, x):
        zeros = np.zeros((len(x.data), 2), np.float32)
        return Tensor(zeros), Tensor(zeros)


def test_a_decoder_that_does_not_look_at_the_code_leaves_the_prior():
    x = np.float32(np.random.default_rng(0).random((3, 64)) > 0.5)
    run = type("Run", (), {"device": "cpu"})
    log_p, log_posterior, mu, logvar = example.on_the_grid(run, Independent(), x)
    np.testing.assert_allclose(log_p, -64 * math.log(2), rtol=1e-6)
    assert (np.exp(log_posterior).sum(axis=1) * example.STEP**2) == pytest.approx(1)
    np.testing.assert_allclose(example.to_posterior(log_posterior, mu, logvar), 0, atol=1e-5)
