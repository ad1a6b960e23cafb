"""The example as a program: the exact gradients, and what a trained discriminator leaves of them."""

import pytest
from programs import run, verdict


def test_the_quick_run_reaches_its_criterion(tmp_path):
    done = run("vanishing_gradient", tmp_path, "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdict(tmp_path) == "reached"
    assert (tmp_path / "run" / "vanishing_gradient.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_shorter_run_misses_and_says_so(tmp_path):
    done = run("vanishing_gradient", tmp_path, "--steps", "5")
    assert done.returncode == 1, done.stderr
    assert "missed: non-saturating / minimax" in done.stdout
