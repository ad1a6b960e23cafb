"""The example as a program: a quick run reaches its criterion, one that is too short does not."""

import pytest
from PIL import Image
from programs import run, verdict

from minigen.training import read_log


@pytest.mark.slow
def test_a_short_run_misses_and_says_so(tmp_path):
    done = run("vae_digits", tmp_path, "--epochs", "2")
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines()[-1].startswith("missed; ")
    assert (
        "missed: test -log p(x), nats a digit > 17 and < 18.42 (the best mixture of Bernoullis" in done.stdout
    )
    assert "test reconstruction: " in done.stdout
    assert "test KL: " in done.stdout
    assert list(read_log(tmp_path / "run")) == ["step", "reconstruction", "KL"]
    assert verdict(tmp_path) == "missed"


def test_the_quick_run_reaches_its_looser_criterion(tmp_path):
    done = run("vae_digits", tmp_path, "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdict(tmp_path) == "reached"
    assert "reached: test -log p(x), nats a digit > 17 and < 20.5" in done.stdout
    for name in ("digits", "vae_digits", "interpolation", "bound"):
        assert (tmp_path / "run" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    with Image.open(tmp_path / "run" / "samples.gif") as film:
        assert film.n_frames == 21  # before the first step, and then every twentieth of them


def test_options_are_checked(tmp_path):
    bad = run("vae_digits", tmp_path, "--epochs", "0")
    assert bad.returncode == 2
    assert "must be at least 1" in bad.stderr
    assert not (tmp_path / "run").exists()
