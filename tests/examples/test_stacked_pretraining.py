"""The example as a program: the quick run reaches its criterion, one that is too short does not."""

from types import SimpleNamespace

import numpy as np
import pytest
from programs import load, run, verdict

from minigen import Random
from minigen.nn import Sigmoid


def test_the_quick_run_reaches_its_criterion(tmp_path):
    done = run("stacked_pretraining", tmp_path, "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdict(tmp_path) == "reached"
    assert "small weights, SGD, from scratch > 0.99 and < 1.01 (it redraws the mean image: 1)" in done.stdout
    for figure in ("stacked_pretraining.png", "deep_autoencoder.png"):
        assert (tmp_path / "run" / figure).read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_run_too_short_misses_and_says_so(tmp_path):
    done = run("stacked_pretraining", tmp_path, "--steps", "1", "--draws", "2", "--epochs", "1")
    assert done.returncode == 1, done.stdout + done.stderr
    assert verdict(tmp_path) == "missed"
    assert (
        "missed: test error over the mean image's, small weights, SGD, layer by layer > 0.1 and < 0.5"
        in done.stdout
    )


def test_a_classifier_begins_with_the_layers_it_is_given():
    example = load("stacked_pretraining")
    alone = SimpleNamespace(random=Random(0), device="cpu", replay=False)
    weights = {"0.weight": np.full((64, 128), 0.5), "2.bias": np.arange(128.0)}
    data = np.zeros((5, 64), np.float32), np.zeros(5, int)
    state = example.classifier(alone, *data, Sigmoid, weights, steps=0).state_dict()
    for name, array in weights.items():
        np.testing.assert_array_equal(state[name], array)
    assert 0 < np.abs(state["2.weight"]).max() < 0.5  # the others are drawn
