"""The example as a program: the exact gradients, and what a trained discriminator leaves of them."""

import json
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "vanishing_gradient.py"


def run(folder, *options):
    command = [sys.executable, str(EXAMPLE), "--out", str(folder / "run"), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_quick_run_reaches_its_criterion(tmp_path):
    done = run(tmp_path, "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    verdict = json.loads((tmp_path / "run" / "verdict.json").read_text())
    assert verdict["verdict"] == "reached"
    assert all(row["verdict"] == "reached" for row in verdict["criteria"])
    for name in ("vanishing_gradient.png",):
        assert (tmp_path / "run" / name).read_bytes().startswith(b"\x89PNG")


def test_a_shorter_run_misses_and_says_so(tmp_path):
    done = run(tmp_path, "--steps", "5")
    assert done.returncode == 1, done.stderr
    assert "missed: non-saturating / minimax" in done.stdout
