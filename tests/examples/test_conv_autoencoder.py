"""The example as a program: the quick run reaches its criterion, one that is too short does not."""

import importlib.util

import numpy as np
import pytest
from programs import EXAMPLES, run, verdict


def test_the_quick_run_reaches_its_criterion(tmp_path):
    done = run("conv_autoencoder", tmp_path, "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdict(tmp_path) == "reached"
    assert "test error a pixel, digits, PCA: 0.02481" in done.stdout  # as it is known
    for figure in ("conv_autoencoder", "spectrum", "errors"):
        assert (tmp_path / "run" / f"{figure}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_run_too_short_misses_and_says_so(tmp_path):
    done = run("conv_autoencoder", tmp_path, "--steps", "2")
    assert done.returncode == 1, done.stdout + done.stderr
    assert verdict(tmp_path) == "missed"
    assert (
        "missed: components with which PCA is as good on shapes as transposed with 8 numbers > 32"
        in done.stdout
    )


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("conv_autoencoder", EXAMPLES / "conv_autoencoder.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_components_for_an_error_are_counted_from_the_largest(example):
    """Four directions with variances 4, 3, 2, 1: k of them leave (6, 3, 1, 0) / 4 a number."""
    x = np.concatenate([np.diag(np.sqrt([16.0, 12, 8, 4])), -np.diag(np.sqrt([16.0, 12, 8, 4]))]).reshape(
        8, 2, 2
    )
    assert example.components_for(6 / 4 + 1e-9, x, x) == 1
    assert example.components_for(6 / 4 - 1e-9, x, x) == 2
    assert example.components_for(1e-9, x, x) == 4


@pytest.mark.parametrize(("data", "side"), [("digits", 8), ("shapes", 16)])
def test_the_networks_are_of_one_size(example, data, side):
    rng = np.random.default_rng(0)
    sizes = {
        name: sum(p.data.size for p in example.network(name, data, side, rng).parameters())
        for name in example.NETWORKS
    }
    assert sizes["upsampled"] == sizes["transposed"]
    assert 0.95 < sizes["dense"] / sizes["transposed"] <= 1
