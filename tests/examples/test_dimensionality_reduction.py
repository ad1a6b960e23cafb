"""The example as a program: the quick run reaches its criterion, one that is too short does not."""

import pytest
from programs import run, verdict


def test_the_quick_run_reaches_its_criterion(tmp_path):
    done = run("dimensionality_reduction", tmp_path, "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdict(tmp_path) == "reached"
    assert "test error a pixel, PCA, code of 2: 0.05194" in done.stdout  # as it is known
    for figure in ("dimensionality_reduction.png", "redrawn.png"):
        assert (tmp_path / "run" / figure).read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_run_too_short_misses_and_says_so(tmp_path):
    done = run("dimensionality_reduction", tmp_path, "--epochs", "2")
    assert done.returncode == 1, done.stdout + done.stderr
    assert verdict(tmp_path) == "missed"
    assert "missed: test error a pixel, autoencoder, code of 2 > 0.020776 and < 0.044149" in done.stdout
