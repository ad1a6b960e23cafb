"""The example as a program: short runs, whose verdict is honest and which overwrite nothing."""

import json
import subprocess
import sys
from pathlib import Path

from minigen.training import read_log

EXAMPLE = Path(__file__).parents[2] / "examples" / "vae_digits.py"


def run(folder, *options):
    command = [sys.executable, str(EXAMPLE), "--out", str(folder / "run"), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_short_run_misses_and_says_so(tmp_path):
    first = run(tmp_path, "--epochs", "2")
    assert first.returncode == 1, first.stderr
    assert first.stdout.splitlines()[-1].startswith("missed; ")
    assert (
        "missed: test -log p(x), nats a digit < 18.42 (the best mixture of Bernoullis), value "
        in first.stdout
    )
    assert "test reconstruction: " in first.stdout
    assert "test KL: " in first.stdout
    assert (tmp_path / "run" / "digits.png").read_bytes().startswith(b"\x89PNG")
    assert list(read_log(tmp_path / "run")) == ["step", "reconstruction", "KL"]
    assert json.loads((tmp_path / "run" / "verdict.json").read_text())["verdict"] == "missed"
    before = (tmp_path / "run" / "digits.png").read_bytes()
    second = run(tmp_path, "--epochs", "1", "--seed", "1")
    assert "run-2" in second.stdout
    assert (tmp_path / "run" / "digits.png").read_bytes() == before


def test_the_quick_run_reaches_its_looser_criterion(tmp_path):
    done = run(tmp_path, "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "reached: test -log p(x), nats a digit < 20.5" in done.stdout


def test_options_are_checked(tmp_path):
    bad = run(tmp_path, "--epochs", "0")
    assert bad.returncode == 2
    assert "must be at least 1" in bad.stderr
    assert not (tmp_path / "run").exists()
