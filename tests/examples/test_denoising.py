"""The example as a program: the quick run reaches its criterion, one that is too short does not."""

import pytest
from programs import run, verdict


def test_the_quick_run_reaches_its_criterion(tmp_path):
    done = run("denoising", tmp_path, "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdict(tmp_path) == "reached"
    for figure in ("denoising.png", "errors.png"):
        assert (tmp_path / "run" / figure).read_bytes().startswith(b"\x89PNG")
    measured = dict(
        line.split(": ") for line in done.stdout.splitlines() if line.startswith("test error a pixel")
    )
    # the variance of the noise, and what its draws of 160 000 pixels leave uncertain
    assert float(measured["test error a pixel, noise .3, untouched"]) == pytest.approx(0.09, rel=0.02)
    assert float(measured["test error a pixel, noise .3, best affine map"]) == pytest.approx(
        0.02350, rel=0.02
    )


@pytest.mark.slow
def test_a_run_too_short_misses_and_says_so(tmp_path):
    done = run("denoising", tmp_path, "--epochs", "2")
    assert done.returncode == 1, done.stdout + done.stderr
    assert verdict(tmp_path) == "missed"
