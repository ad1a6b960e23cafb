"""The child in which a person's program and its edited copies run: limits of time,
and nothing outside is changed.
"""

import os
import subprocess
import time

import pytest

from minigen.explain import file
from minigen.explain.process import Stopped, limited


def test_what_the_work_returns_comes_back_with_its_messages():
    told = []
    assert limited(lambda send: send("halfway") or 7, seconds=10, receive=told.append) == 7
    assert told == ["halfway"]


def test_an_endless_loop_is_stopped():
    begun = time.monotonic()
    with pytest.raises(Stopped, match="time is over"):
        limited(lambda send: [None for _ in iter(int, 1)], seconds=1)
    assert time.monotonic() - begun < 5


def test_a_program_that_ends_is_told_apart():
    with pytest.raises(Stopped, match="without an answer"):
        limited(lambda send: os._exit(3), seconds=10)


def test_an_exception_is_handed_over():
    with pytest.raises(Stopped, match="ValueError: invalid literal"):
        limited(lambda send: int("no"), seconds=10)


@pytest.mark.parametrize(
    "act",
    [
        lambda path: path.joinpath("new.txt").write_text("x"),
        lambda path: path.joinpath("kept.txt").unlink(),
        lambda path: path.joinpath("folder").mkdir(),
        lambda path: os.rename(path / "kept.txt", path / "moved.txt"),
        lambda path: subprocess.run(["touch", str(path / "new.txt")]),
        lambda path: os.system(f"touch {path / 'new.txt'}"),
    ],
    ids=["write", "remove", "mkdir", "rename", "subprocess", "system"],
)
def test_nothing_outside_is_changed(act, tmp_path):
    (tmp_path / "kept.txt").write_text("mine")
    with pytest.raises(Stopped, match="PermissionError: while it is checked"):
        limited(lambda send: act(tmp_path), seconds=10)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["kept.txt"]
    assert (tmp_path / "kept.txt").read_text() == "mine"


def test_the_verdict_stands_where_the_search_is_cut_off(tmp_path, monkeypatch):
    path = tmp_path / "mine.py"
    path.write_text(
        "def forward(x):\n    return x**2\ndef backward(g, x):\n    return g * x\n"
        "def inputs(rng):\n    return {'x': rng.normal(size=4)}\n"
    )
    judge = file.explain_task

    def endless(task, *, seconds, **options):
        if seconds:
            time.sleep(60)
        return judge(task, seconds=seconds, **options)

    monkeypatch.setattr(file, "explain_task", endless)
    monkeypatch.setattr(file, "LOADING", 6.0)
    monkeypatch.setattr(file.process, "BUSY", 0)
    said = file.check(path, seconds=5)
    assert said.verdict == "wrong"
    assert any("the search for the line stopped" in sentence for sentence in said.explanations[0].certain)
