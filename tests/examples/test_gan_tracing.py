"""The example as a program, and its round as one works it out on paper."""

import numpy as np
import pytest
from programs import load, run, verdict

example = load("gan_tracing")


def test_the_quick_run_reaches_its_criterion(tmp_path):
    done = run("gan_tracing", tmp_path, "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdict(tmp_path) == "reached"
    assert (tmp_path / "run" / "gan_tracing.png").read_bytes().startswith(b"\x89PNG")
    assert (
        "| after G's move | 0.5000 | 0.0000 | 0.1250 | 0.7237 | 0.5150 |"
        in (tmp_path / "run" / "round.md").read_text()
    )


def test_a_run_too_short_misses_and_says_so(tmp_path):
    done = run("gan_tracing", tmp_path, "--rounds", "5")
    assert done.returncode == 1, done.stdout + done.stderr
    assert verdict(tmp_path) == "missed"
    assert "missed: m at the end" in done.stdout


def test_the_round_of_the_docstring_is_that_of_the_losses():
    """The gradients of the docstring, from differences of the two losses."""
    x, z = np.array(example.DATA), np.array(example.NOISE)

    def of_d(a, b, m):
        real, fake = a * x + b, a * (z + m) + b
        return np.mean(np.logaddexp(0, -real)) + np.mean(np.logaddexp(0, fake))

    def of_g(a, b, m):
        return np.mean(np.logaddexp(0, -(a * (z + m) + b)))

    h = 1e-6
    assert (of_d(h, 0, 0) - of_d(-h, 0, 0)) / (2 * h) == pytest.approx(-1)
    assert (of_d(0, h, 0) - of_d(0, -h, 0)) / (2 * h) == pytest.approx(0, abs=1e-9)
    assert (of_g(0.5, 0, h) - of_g(0.5, 0, -h)) / (2 * h) == pytest.approx(-0.25)
    assert example.answer(0.5, 0, x) == pytest.approx(0.7237, abs=5e-5)
    assert example.answer(0.5, 0.5 * 0.125, z) == pytest.approx(0.5150, abs=5e-5)
