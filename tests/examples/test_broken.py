"""Mistakes in the models turn verdicts: a few of them here, all of them in the slow tests."""

import inspect
import json
from types import SimpleNamespace

import pytest
from programs import EXAMPLES, load, run, verdict

from minigen.byhand import museum
from minigen.experiment import MISSED, REACHED

broken = load("broken")
CELLS = [
    (name, *cell)
    for name, mistake in broken.MISTAKES.items()
    for cell in broken.cells(mistake, everything=True)
]
CHEAP = [
    (name, "vanishing_gradient", "quick") for name in (broken.NOTHING, "a generator that runs from the data")
]


def code(cell, folder):
    return broken.judged(SimpleNamespace(seed=0, folder=folder), cell)["code"]


@pytest.mark.parametrize("cell", CHEAP, ids=", ".join)
def test_a_verdict_is_turned_by_the_mistake_alone(cell, tmp_path):
    assert code(cell, tmp_path) == (REACHED if cell[0] == broken.NOTHING else MISSED), (
        tmp_path / "said.txt"
    ).read_text()
    assert "value" in (tmp_path / "said.txt").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("cell", CELLS, ids=", ".join)
def test_the_verdict_is_turned(cell, tmp_path):
    assert code(cell, tmp_path) == MISSED, (tmp_path / "said.txt").read_text()


@pytest.mark.slow
def test_the_quick_run_reaches_its_criterion(tmp_path):
    done = run("broken", tmp_path, "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdict(tmp_path) == "reached"
    assert (tmp_path / "run" / "broken.png").read_bytes().startswith(b"\x89PNG")
    table = json.loads((tmp_path / "run" / "table.json").read_text())
    assert sum(told == "missed" for told in table.values()) >= 16


def test_every_experiment_has_three_mistakes_at_least():
    asked = [name for _, name, _ in CELLS]
    names = {path.stem for path in EXAMPLES.glob("*.py")} - {"broken"}
    assert set(asked) <= names
    few = [name for name in sorted(names) if len({c[0] for c in CELLS if c[1] == name}) < 3]
    assert not few, f"examples/broken.py asks about fewer than 3 mistakes: {', '.join(few)}"


def test_the_gallery_has_all_verdicts_that_are_asked_for():
    told = (EXAMPLES / "README.md").read_text()
    for name, mistake in broken.MISTAKES.items():
        cells = broken.cells(mistake, everything=True)
        verdicts = ", ".join(f"`{n}`{' (default)' if p == 'default' else ''} missed" for n, p in cells)
        assert f"| {name} | {verdicts} |" in told


def test_every_specimen_of_the_museum_is_planted():
    specimens = [
        f for _, f in inspect.getmembers(museum, inspect.isfunction) if f.__module__ == museum.__name__
    ]
    planted = [name for name in broken.MISTAKES if "(museum: " in name]
    assert len(planted) == len(specimens)
    short = [name for name, mistake in broken.MISTAKES.items() if broken.cells(mistake, everything=False)]
    assert set(planted) <= set(short) and len(short) >= len(specimens) + 10


@pytest.mark.parametrize("name", broken.MISTAKES)
def test_a_mistake_is_planted_and_taken_away(name):
    for plant in broken.MISTAKES[name].plants:
        owner, attribute = broken.place_of(plant)
        right = getattr(owner, attribute)
        with broken.planted(plant):
            assert getattr(owner, attribute) is not right
        assert getattr(owner, attribute) is right
