"""The example as a program: a trained discriminator finds D*, and one that was hardly trained does not."""

import pytest
from programs import run, verdict


def test_the_quick_run_reaches_its_criterion(tmp_path):
    done = run("optimal_discriminator", tmp_path, "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdict(tmp_path) == "reached"
    assert (tmp_path / "run" / "optimal_discriminator.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_shorter_run_misses_and_says_so(tmp_path):
    done = run("optimal_discriminator", tmp_path, "--steps", "10", "--rounds", "10")
    assert done.returncode == 1, done.stderr
    assert "missed: max |D - D*|, m = 1" in done.stdout
