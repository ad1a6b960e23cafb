"""The example as a program, and what the check says of a tied gradient and of its two halves."""

import numpy as np
import pytest
from programs import load, run, verdict

from minigen import Tensor
from minigen.byhand.autoencoder import ae_tied


@pytest.fixture(scope="module")
def example():
    return load("tied_and_overcomplete")


def test_the_quick_run_reaches_its_criterion(tmp_path):
    done = run("tied_and_overcomplete", tmp_path, "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdict(tmp_path) == "reached"
    for figure in ("tied_and_overcomplete.png", "labels.png"):
        assert (tmp_path / "run" / figure).read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_run_too_short_misses_and_says_so(tmp_path):
    done = run("tied_and_overcomplete", tmp_path, "--steps", "5", "--draws", "1")
    assert done.returncode == 1, done.stdout + done.stderr
    assert verdict(tmp_path) == "missed"
    assert "missed: test error a pixel, digits, without noise < 0.001" in done.stdout


def test_the_halves_are_found_out_for_any_weights_and_the_sum_is_right(example):
    rng = np.random.default_rng(0)
    for seed in range(5):
        weight, x = rng.standard_normal((13, 5)) / 13**0.5, rng.random((11, 13))
        errors = example.paths(weight, x)
        assert errors.pop(example.OFF + example.BOTH) < 1e-9, seed
        assert min(errors.values()) > 0.1, seed


def test_the_forgetful_network_has_the_decoders_half_of_the_gradient(example):
    rng = np.random.default_rng(1)
    model = example.Forgetful(13, 5, rng=rng, dtype="float64")
    x = rng.random((11, 13))
    model.loss(Tensor(x)).backward()
    parameters = {name: p.data for name, p in model.named_parameters()}
    loss, whole = ae_tied(parameters, x)
    assert model.loss(Tensor(x)).item() == pytest.approx(loss, rel=1e-12)  # the same network
    codes = np.tanh(x @ parameters["encoder.weight"] + parameters["encoder.bias"])
    apart = codes @ parameters["encoder.weight"].T + parameters["decoder_bias"] - x
    half = apart.T @ codes / len(x)
    np.testing.assert_allclose(model.encoder.weight.grad, half, rtol=1e-10)
    assert not np.allclose(half, whole["encoder.weight"], rtol=0.1)
