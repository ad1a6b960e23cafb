"""The transcript in minigen/exercises/README.md is what a person sees who types the same."""

import io
import os
import re
import shlex
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import minigen
from minigen.cli import main

README = Path(minigen.__file__).parent / "exercises" / "README.md"
UNSAID = {"gweight": "x.T @ g"}  # a line that the text calls right and does not show


def test_the_first_quarter_of_an_hour(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    edits, commands = dict(UNSAID), 0
    for number, part in enumerate(README.read_text(encoding="utf-8").split("```")):
        if number % 2 == 0:
            edits |= dict(re.findall(r"`(g\w+) = ([^`]+)`", part))
            continue
        for step in part.strip().split("$ ")[1:]:
            command, _, expected = step.partition("\n")
            if command.startswith("cd "):
                os.chdir(command[3:])
                continue
            if "check" in command:
                edits = {name: value for name, value in edits.items() if not _edited(name, value)}
            screen = io.StringIO()
            with redirect_stdout(screen), redirect_stderr(screen):
                main(shlex.split(command)[1:])
            assert re.fullmatch(_pattern(expected), _rounded(screen.getvalue().strip()), re.DOTALL), (
                screen.getvalue()
            )
            commands += 1
    assert commands == 5 and not edits


def _edited(name, value):
    """Write `value` into the line of every file that computes `name`; whether there was one."""
    changed = 0
    for file in Path.cwd().glob("*.py"):
        if file.stem in ("dense", "vae-reparameterization"):
            text, count = re.subn(rf"(?m)^    {name} = .*$", f"    {name} = {value}", file.read_text())
            file.write_text(text)
            changed += count
    return changed > 0


def _rounded(text):
    return re.sub(r"\d\.\de-1\d", "a rounding error", text)


def _pattern(expected):
    """The text, where a line of three dots stands for any lines, and a rounding error for any other."""
    return re.escape(_rounded(expected.strip())).replace(r"\.\.\.", ".*")
