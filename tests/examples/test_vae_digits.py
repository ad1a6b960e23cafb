"""The example as a program: short runs, whose verdict is honest and which overwrite nothing."""

import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "vae_digits.py"


def run(folder, *options):
    command = [sys.executable, str(EXAMPLE), "--out", str(folder / "run"), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_short_run_misses_and_says_so(tmp_path):
    first = run(tmp_path, "--epochs", "2")
    assert first.returncode == 1, first.stderr
    assert first.stdout.splitlines()[-1].startswith("missed: ")
    assert "test reconstruction" in first.stdout
    assert " KL " in first.stdout
    assert (tmp_path / "run" / "digits.png").read_bytes().startswith(b"\x89PNG")
    before = (tmp_path / "run" / "digits.png").read_bytes()
    second = run(tmp_path, "--epochs", "1", "--seed", "1")
    assert "run-2" in second.stdout
    assert (tmp_path / "run" / "digits.png").read_bytes() == before


def test_options_are_checked(tmp_path):
    bad = run(tmp_path, "--epochs", "0")
    assert bad.returncode == 2
    assert "must be at least 1" in bad.stderr
