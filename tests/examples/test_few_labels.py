"""The example as a program: the quick run reaches its criterion, and without noise it cannot."""

import pytest
from programs import run, verdict


def test_the_quick_run_reaches_its_criterion(tmp_path):
    done = run("few_labels", tmp_path, "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdict(tmp_path) == "reached"
    assert "reached: points over pixels, 1 a class, denoising autoencoder > 2 and < 15 (" in done.stdout
    assert (tmp_path / "run" / "few_labels.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_an_autoencoder_that_has_no_noise_to_undo_misses(tmp_path):
    done = run("few_labels", tmp_path, "--quick", "--sigma", "0.01")
    assert done.returncode == 1, done.stdout + done.stderr
    assert verdict(tmp_path) == "missed"
    assert "missed: points over pixels, 1 a class, denoising autoencoder > 2 and < 15 (" in done.stdout
