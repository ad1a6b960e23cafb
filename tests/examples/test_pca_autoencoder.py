"""The example as a program: the quick run reaches its criterion, one that is too short does not."""

import pytest
from programs import run, verdict


def test_the_quick_run_reaches_its_criterion(tmp_path):
    done = run("pca_autoencoder", tmp_path, "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdict(tmp_path) == "reached"
    assert "reached: test error a pixel, code of 16 > 0.0120483 and < 0.0122917" in done.stdout
    assert "reached: largest |encoder - decoder transposed|, with a price < 0.001" in done.stdout
    for name in ("pca_autoencoder.png", "with_a_price.png"):
        assert (tmp_path / "run" / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_run_too_short_misses_and_says_so(tmp_path):
    done = run("pca_autoencoder", tmp_path, "--steps", "10")
    assert done.returncode == 1, done.stdout + done.stderr
    assert verdict(tmp_path) == "missed"
