"""The example as a program: the quick run reaches its criterion, one that is too short does not."""

import pytest
from programs import run, verdict


def test_the_quick_run_reaches_its_criterion(tmp_path):
    done = run("linear_vae_ppca", tmp_path, "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdict(tmp_path) == "reached"
    assert "reached: active units of 64 at sigma^2 = 0.5 > 2.5 and < 3.5" in done.stdout
    assert (tmp_path / "run" / "linear_vae_ppca.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_run_too_short_misses_and_says_so(tmp_path):
    done = run("linear_vae_ppca", tmp_path, "--steps", "10")
    assert done.returncode == 1, done.stdout + done.stderr
    assert verdict(tmp_path) == "missed"
