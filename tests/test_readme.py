"""README says what is true: its Python runs and prints what stands there, its tables and counts
are those of the package.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from minigen.book import extras
from minigen.check import subjects
from minigen.exercises.master import all_masters

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PROGRAMS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def runs_alone(program):
    """The example of a rule is a piece of ops.py, not a program."""
    return "@op" not in program


@pytest.mark.parametrize("program", [p for p in PROGRAMS if runs_alone(p)], ids=lambda p: p.split("\n")[0])
def test_a_program_runs_and_prints_what_its_comments_say(program, tmp_path):
    (tmp_path / "program.py").write_text(program)
    done = subprocess.run(
        [sys.executable, "-W", "error", "program.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    promised = re.findall(r"^print\(.*\)\s+# (.*)$", program, re.MULTILINE)
    if promised:
        assert done.stdout.splitlines() == promised


@pytest.mark.parametrize("name", ["my_vae.py", "course_net.py"])
def test_a_transcript_says_what_is_said(name):
    """The lines and the causes; the numbers may differ in their last digits from machine to machine."""
    shown = README[README.index(f"$ minigen check {name}") :].split("```")[0]
    command = [sys.executable, "-m", "minigen", "check", name, "--seconds", "60"]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    said = subprocess.run(
        command, cwd=ROOT / "tests/explain/planted", capture_output=True, text=True, env=env
    ).stdout
    kept = [row for row in shown.splitlines() if re.match(r"  \d|line |likely|         ", row)]
    assert len(kept) > 6
    for row in kept:
        assert row in said.splitlines(), row


def squeezed(source):
    return re.sub(r'"""[^"]*"""|\s', "", source).replace(",)", ")")


def test_the_piece_of_ops_stands_in_ops():
    (piece,) = (p for p in PROGRAMS if not runs_alone(p))
    assert squeezed(piece) in squeezed((ROOT / "minigen/engine/ops.py").read_text())


def test_the_table_of_subjects_is_complete():
    table = README[README.index("| group | subjects") : README.index("Museum:")]
    told = re.findall(r"`([^`]+)`", "\n".join(table.splitlines()[2:]))
    without = set(subjects.NAMES) - set(told)
    assert not without, f'README.md, "What is covered", lacks {", ".join(sorted(without))}'
    assert told == list(subjects.NAMES), 'README.md, "What is covered", is not in the order of the files'


def test_the_number_of_gradients_is_what_check_finds():
    numbers = {True: 0, False: 0}  # with and without a derivation by hand
    for subject in map(subjects.build, subjects.NAMES):
        numbers[subject.by_hand is not None] += len(subject.wrt or subject.parameters)
    told = f"{sum(numbers.values())} gradients ({numbers[False]} without a derivation by hand), all agree"
    assert told in README, f'README.md, "Two commands", must say "{told}"'


def test_counts_are_those_of_the_package():
    masters = all_masters().values()
    mutants, n = sum(len(master.mutants) for master in masters), len(masters)
    told = {
        "minigen/exercises/README.md": [
            f"{mutants} planted mistakes",
            f"{n} backward passes",
            f"{n} exercises, one file each",
            f"(1 of {n} passed)",
        ],
        "README.md": [f", {n} exercises from"],
    }
    missing = [
        f'{file} must say "{number}"'
        for file, numbers in told.items()
        for number in numbers
        if number not in (ROOT / file).read_text()
    ]
    assert not missing, "; ".join(missing)


def test_the_gallery_is_complete():
    """Each program has a row with its figure, claim, what was reached, what is known, command and time."""
    rows = {row["name"]: row for row in extras.experiments()}
    without = {path.stem for path in (ROOT / "examples").glob("*.py")} - set(rows)
    assert not without, f"the table in examples/README.md has no row for {', '.join(sorted(without))}"
    for name, row in rows.items():
        assert (ROOT / "examples" / f"{name}.py").is_file(), f"examples/README.md names {name}, which is gone"
        assert row["image"].is_file(), f"{row['image']} is missing"
        assert re.fullmatch(rf"python examples/{name}\.py( --\w+)*", row["command"]), row["command"]
        assert re.search(r"\babout \d+ s\b|not measured", row["time"]), f"{name}: {row['time']}"


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_every_path_it_names_exists(name):
    for path in re.findall(r"`((?:minigen|examples|tests)/[\w/.]+)`", (ROOT / name).read_text()):
        if "my_" not in path:
            assert (ROOT / path).exists(), path


def test_links_work_outside_the_repository():
    assert not re.findall(r"\]\((?!https?://)[^)]+\)|<img", README)
