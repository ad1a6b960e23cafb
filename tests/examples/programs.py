"""Runs an example as a program, reads its verdict, or takes its functions alone."""

import json
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(example, folder, *options):
    command = [sys.executable, str(EXAMPLES / f"{example}.py"), "--out", str(folder / "run"), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def verdict(folder):
    return json.loads((folder / "run" / "verdict.json").read_text())["verdict"]


def load(example):
    """What the example defines, by name; the program does not run."""
    return SimpleNamespace(**runpy.run_path(str(EXAMPLES / f"{example}.py")))
