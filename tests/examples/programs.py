"""Runs an example as a program, and reads its verdict."""

import json
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(example, folder, *options):
    command = [sys.executable, str(EXAMPLES / f"{example}.py"), "--out", str(folder / "run"), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def verdict(folder):
    return json.loads((folder / "run" / "verdict.json").read_text())["verdict"]
