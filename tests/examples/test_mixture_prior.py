"""The example as a program: the quick run reaches its criterion, a mixture of one component does not."""

import importlib.util

import numpy as np
import pytest
from programs import EXAMPLES, run, verdict

from minigen import Random, Tensor, no_grad


def test_the_quick_run_reaches_its_criterion(tmp_path):
    done = run("mixture_prior", tmp_path, "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdict(tmp_path) == "reached"
    assert "test bound, nats a point, true sampler: -0.3121" in done.stdout  # -ln 8 - ln(2 pi e sigma^2)
    for figure in ("mixture_prior", "codes"):
        assert (tmp_path / "run" / f"{figure}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_mixture_of_one_misses_and_says_so(tmp_path):
    """A single normal that is learned can be had from N(0, I) by moving the codes."""
    done = run("mixture_prior", tmp_path, "--components", "1", "--steps", "200")
    assert done.returncode == 1, done.stdout + done.stderr
    assert verdict(tmp_path) == "missed"
    assert "missed: samples beyond 5 sigma, learned mixture over N(0, I) < 0.5" in done.stdout


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("mixture_prior", EXAMPLES / "mixture_prior.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_bound_is_log_p_where_the_posterior_is_exact(example):
    """x = z, blurred: p(z) = N(0, I), p(x|z) = N(z, I), so q(z|x) = N(x / 2, I / 2) and p(x) = N(0, 2 I)."""

    class Exact:
        def encode(self, x):
            return x / 2, Tensor(np.full(x.shape, np.log(0.5)))

        def log_likelihood(self, x, z):
            return -0.5 * (((x - z) * (x - z)).sum(axis=-1) + 2 * np.log(2 * np.pi))

        def log_prior(self, z):
            return -0.5 * ((z * z).sum(axis=-1) + 2 * np.log(2 * np.pi))

    x = np.random.default_rng(0).standard_normal((50, 2)) * np.sqrt(2)
    expected = np.mean(-0.25 * (x**2).sum(axis=1) - np.log(4 * np.pi))
    model = Exact()
    with no_grad():
        found = example.bound(model, model.log_prior, x, Random(0, dtype=np.float64))
        assert found == pytest.approx(expected, rel=1e-12)
        shifted = example.bound(model, lambda z: model.log_prior(z) + 0.7, x, Random(0, dtype=np.float64))
        assert shifted == pytest.approx(expected + 0.7, rel=1e-12)


def test_samples_within_some_sigma_are_counted_in_per_cent(example):
    centre, sigma = example.TOY.centres[3], example.TOY.sigma
    samples = centre + sigma * np.array([[2.9, 0], [0, -3.1], [4.9, 0], [5.1, 0]])
    assert example.within(3, samples) == 25
    assert example.within(5, samples) == 75
