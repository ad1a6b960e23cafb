"""The example as a program: a trained discriminator finds D*, and one that was hardly trained does not."""

import json
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "optimal_discriminator.py"


def run(folder, *options):
    command = [sys.executable, str(EXAMPLE), "--out", str(folder / "run"), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_quick_run_reaches_its_criterion(tmp_path):
    done = run(tmp_path, "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    verdict = json.loads((tmp_path / "run" / "verdict.json").read_text())
    assert verdict["verdict"] == "reached"
    assert all(row["verdict"] == "reached" for row in verdict["criteria"])
    for name in ("optimal_discriminator.png", "equilibrium.png"):
        assert (tmp_path / "run" / name).read_bytes().startswith(b"\x89PNG")


def test_a_shorter_run_misses_and_says_so(tmp_path):
    done = run(tmp_path, "--steps", "10", "--rounds", "10")
    assert done.returncode == 1, done.stderr
    assert "missed: max |D - D*|, m = 1" in done.stdout
