"""The command line of the exercises: what a person sees on the way through, and that
nothing they wrote is lost.
"""

import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

import minigen
from minigen.cli import main
from minigen.exercises import attempts, progress, runner, watch
from minigen.exercises.lookup import UserError, find
from minigen.exercises.master import all_masters
from minigen.exercises.workspace import Workspace, initialise

DENSE = all_masters()["dense"]


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    """The list of exercises has a line for each where there is room."""
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A fresh folder of exercises, and in it."""
    monkeypatch.chdir(tmp_path)
    assert main(["exercise", "init", "."]) == 0
    return Workspace.here()


@pytest.fixture
def say():
    """Runs a command in this process; returns (exit code, output, the last line)."""

    def run(*arguments):
        screen = io.StringIO()
        with redirect_stdout(screen), redirect_stderr(screen):
            code = main(["exercise", *arguments])
        text = screen.getvalue()
        assert text.splitlines()[-1].startswith("next: "), text
        return code, text, text.splitlines()[-1]

    return run


def record(workspace, id):
    return json.loads((workspace.root / ".minigen" / "progress.json").read_text())["exercises"][id]


def test_init_adds_what_is_missing_and_says_so(tmp_path, monkeypatch, say):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "minigen-exercises").mkdir()
    mine = tmp_path / "minigen-exercises" / "dense.py"
    mine.write_text("mine")
    code, text, last = say("init")
    count = len(all_masters())
    assert code == 0 and f"{count - 1} files added" in text and "1 file already there, unchanged" in text
    assert "cd minigen-exercises, open dense.py" in last
    assert mine.read_text() == "mine"
    assert len(list(mine.parent.glob("*.py"))) == count
    monkeypatch.chdir(mine.parent)
    (mine.parent / "mse.py").unlink()
    assert "1 file added: mse.py" in say("init")[1]  # the same folder, not one inside it
    (tmp_path / "file").write_text("")
    assert say("init", str(tmp_path / "file"))[0] == 2


def test_without_a_folder_there_is_a_catalogue_and_a_way_on(tmp_path, monkeypatch, say):
    monkeypatch.chdir(tmp_path)
    assert "minigen exercise init" in say("list")[2]
    assert "minigen exercise init" in say("show", "dense")[2]
    assert (
        "hint 1 of 3" in say("hint", "dense")[1] and "hint 2 of 3" in say("hint", "dense", "--level", "2")[1]
    )
    for arguments in (
        ["check"],
        ["check", "dense"],
        ["next"],
        ["watch"],
        ["diff", "dense"],
        ["reset", "dense"],
    ):
        code, text, last = say(*arguments)
        assert code == 2 and "no exercises in this folder" in text and "minigen exercise init" in last
    assert list(tmp_path.iterdir()) == []


def test_commands_work_from_the_parent_of_the_folder(tmp_path, monkeypatch, say):
    monkeypatch.chdir(tmp_path)
    say("init")
    file = tmp_path / "minigen-exercises" / "dense.py"
    file.write_text(DENSE.solution())
    code, text, last = say("check", "dense")
    assert code == 0 and "(minigen-exercises/bias-broadcasting.py)" in last
    assert "1 passed" in say("list")[1] and "bias-broadcasting" in say("next")[1]
    assert "minigen-exercises/dense.py" in say("reset", "dense")[1] and file.read_text() == DENSE.stub()
    assert "unchanged" in say("init")[1] and len(list(tmp_path.iterdir())) == 1
    say("init", "a second one")
    for arguments in (["check", "dense"], ["list"], ["next"], ["init"]):
        code, text, last = say(*arguments)
        assert code == 2 and "there are 2 folders of exercises here: 'a second one', minigen" in text
        assert last.startswith("next: cd 'a second one'")
    assert say("explain", "G06")[0] == 0


def test_a_file_of_another_name_is_told_by_its_content_or_by_the_person(here, say):
    mine, record_of = here.root / "my try (2).py", here.progress.entry
    mine.write_text(DENSE.mutant("G06"))
    code, text, last = say("check", str(mine))
    assert code == 1 and "gbias = g.mean(axis=0)" in text
    assert last.endswith("of 'my try (2).py', then: minigen exercise check 'my try (2).py'")
    assert record_of("dense")["code"] == "G06"
    mine.write_text(DENSE.solution().replace('check("dense", backward)', "0"))  # the title still tells
    assert "dense: passed" in say("check", str(mine))[1]
    assert (here.root / "dense.py").read_text() == DENSE.stub()
    bare = (
        "import numpy as np\n\n\ndef backward"
        + DENSE.solution().split("def backward")[1].split("\n\n\nif")[0]
    )
    mine.write_text(bare)
    code, text, last = say("check", str(mine))
    assert (
        code == 2
        and "neither the name nor the content" in text
        and last.endswith("check 'my try (2).py' --as ID")
    )
    code, text, last = say("check", str(mine), "--as", "dense")
    assert code == 0 and "dense: passed" in text
    mine.write_text(bare.replace("g @ weight.T", "g @ weight"))
    assert say("check", str(mine), "--as", "dense")[2].endswith("check 'my try (2).py' --as dense")
    assert "is as it was at first" in say("reset", str(mine), "--as", "dense")[1]  # this file, not dense.py
    assert mine.read_text() == DENSE.stub()
    assert (
        say("check", "nowhere.py", "--as", "dense")[0] == 2
        and say("check", str(mine), "--as", "dens")[0] == 2
    )
    copy = here.root / "dense-2.py"  # a copy of the exercise, and no second bug
    copy.write_text(DENSE.solution())
    assert "dense: passed" in say("check", "dense-2.py")[1]


def test_a_file_far_from_any_folder_of_exercises_is_judged(tmp_path, monkeypatch, say):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dense.py").write_text(DENSE.solution())
    code, text, last = say("check", "dense.py")
    assert code == 0 and last.startswith("next: Bias and broadcasting: minigen exercise show")
    assert "letter for letter" in say("diff", "dense.py", "--reveal")[1]
    (tmp_path / "dense.py").write_text("mine")
    say("reset", "dense.py")
    assert sorted(p.read_text() for p in tmp_path.iterdir()) == sorted(["mine", DENSE.stub()])


@pytest.mark.skipif(
    os.name == "nt" or (os.geteuid() == 0 and not shutil.which("setpriv")),
    reason="needs a user with few rights",
)
def test_a_folder_in_which_one_may_not_write(tmp_path):
    """The real command, of a user without rights there: it answers, says that nothing is
    kept, and shows every hint.
    """
    folder = Path(tempfile.mkdtemp(prefix="read only "))
    try:
        workspace, _, _ = initialise(folder)
        workspace.replace(find("dense"), DENSE.solution())
        for path in (folder, folder / ".minigen"):
            path.chmod(0o555)
        drop = (
            ["setpriv", "--bounding-set", "-dac_override"] if os.geteuid() == 0 else []
        )  # root may write anywhere

        def call(*arguments):
            return subprocess.run(
                [*drop, sys.executable, "-m", "minigen", "exercise", *arguments],
                cwd=folder,
                env=os.environ | {"PYTHONPATH": str(Path(minigen.__file__).parents[1])},
                capture_output=True,
                text=True,
            )

        done = call("check", "dense")
        assert done.returncode == 0 and "dense: passed" in done.stdout, done.stderr
        assert done.stderr.count("your progress is not kept (this folder is read-only)") == 1
        assert (
            "next: minigen exercise check dense   (another hint: minigen exercise hint dense --level 2)"
            in call("hint", "dense").stdout
        )
        assert call("list").returncode == call("show", "dense").returncode == 0
        done = call("bug", "dense", "--reveal")
        assert done.returncode == 2 and "Permission denied" in done.stderr
        assert done.stderr.splitlines()[-1].startswith("next: go to a folder where you may write")
    finally:
        for path in (folder, folder / ".minigen"):
            path.chmod(0o755)
        shutil.rmtree(folder)


def test_the_way_through_an_exercise(here, say):
    file = here.root / "dense.py"
    assert say("next")[2] == "next: open dense.py, then: minigen exercise check dense"
    code, text, last = say("check")
    assert code == 5 and "still to write: x, weight, bias" in text and "put a formula" in last
    file.write_text(DENSE.mutant("G06"))
    code, text, last = say("check", "dense.py")
    assert code == 1 and "[G06]" in text and "gbias = g.mean(axis=0)" in text
    number = DENSE.mutant("G06").splitlines().index("    gbias = g.mean(axis=0)  # (N, H) -> (H,)") + 1
    assert last == f"next: repair line {number} of dense.py, then: minigen exercise check dense"
    assert "hint:" not in text
    say("check")
    assert "hint: minigen exercise hint dense   (3 times the same" in say("check")[1]
    assert "wrong" in say("list")[1].splitlines()[0]
    file.write_text(DENSE.solution())
    code, text, last = say("check", "DENSE")
    second = list(all_masters())[1]
    assert code == 0 and "passed" in text and f"show {second}" in last and "(1 of " in last
    assert record(here, "dense") == record(here, "dense") | {"state": "passed", "attempts": 4, "code": None}
    assert say("list")[1].splitlines()[0].endswith("passed")
    assert second in say("next")[1]
    last_but_one, final = list(all_masters())[-2:]
    (here.root / f"{last_but_one}.py").write_text(all_masters()[last_but_one].solution())
    assert (
        f"show {final}" in say("check", last_but_one)[2]
    )  # onward, even where something earlier was left out
    file.write_text(DENSE.solution() + "\n# a thought\n")
    assert say("list")[1].splitlines()[0].endswith("passed; your file has changed since")


def test_an_exercise_that_changed_is_said(here, say):
    (here.root / "dense.py").write_text(DENSE.solution())
    say("check", "dense")
    here.progress.change("dense", exercise_hash="another")
    assert "passed; the exercise has changed since" in say("list")[1].splitlines()[0]


def test_check_as_json(here, capsys):
    (here.root / "dense.py").write_text(DENSE.mutant("G06").replace("    gx", "    print(1)\n    gx"))
    assert main(["exercise", "check", "dense", "--json", "--seed", "3"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer == answer | {
        "version": 2,
        "exit_code": 1,
        "id": "dense",
        "status": "wrong",
        "verdict": "wrong",
        "code": "G06",
        "seed": 3,
        "printed": "1",
    }
    assert [g["verdict"] for g in answer["gradients"]] == ["ok", "ok", "wrong"]
    (finding,) = answer["findings"]
    assert (finding["line"], finding["kind"], finding["after"]) == (32, "reduction", None)
    assert answer["place"] == [32, "gbias = g.mean(axis=0)  # (N, H) -> (H,)"]
    assert main(["exercise", "check", "dense", "--json", "--reveal"]) == 1
    assert json.loads(capsys.readouterr().out)["findings"][0]["after"] == "g.sum(axis=0)"
    assert record(here, "dense")["revealed"]
    assert main(["exercise", "check", "nothing-like-it", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["status"] == "error"


def test_the_table_comes_before_the_search(here, monkeypatch):
    """A search that is stopped has lost nothing that was known before."""
    monkeypatch.setattr(runner, "PAUSE", 0.002)  # the search may be over soon: then there is nothing early
    (here.root / "dense.py").write_text(DENSE.mutant("G06"))
    early = []
    result = runner.run(here.root / "dense.py", DENSE, search=5, early=early.append)
    (first,) = early
    assert first["report"] == result["report"] and "<- first wrong line" in first["report"]
    assert not first["findings"] and len(result["findings"]) == 1
    assert runner.run(here.root / "dense.py", DENSE, search=0, early=early.append)["findings"] == []
    assert len(early) == 1


def test_check_all_makes_the_record_anew(here, say, capsys):
    keep = ("dense", "relu", "mse", "gaussian-kl")
    for id in set(all_masters()) - set(keep):
        (here.root / f"{id}.py").unlink()
    (here.root / "dense.py").write_text(DENSE.solution())
    (here.root / "relu.py").write_text("syntax(")
    here.write(find("dense-G10"), find("dense-G10").text())
    (here.root / "bugs" / "notes.py").write_text("of somebody else")
    code, text, last = say("check", "--all")
    assert code == 4 and last == "next: minigen exercise check relu"
    assert "1 passed, " in text and "2 error" in text  # dense-G10 does not fit either
    assert {id: record(here, id)["state"] for id in keep} == {
        "dense": "passed",
        "relu": "error",
        "mse": "not attempted",
        "gaussian-kl": "not attempted",
    }
    (here.root / "relu.py").unlink()
    (here.root / "bugs" / find("dense-G10").file.name).unlink()
    assert say("check", "--all")[0] == 5
    main(["exercise", "check", "--all", "--json"])
    answer = json.loads(capsys.readouterr().out)
    assert len(answer["results"]) == len(all_masters()) and answer["results"][0]["status"] == "passed"


def test_a_solution_is_for_those_who_passed_or_insist(here, say):
    for command in ("solution", "diff", "bug"):
        code, text, last = say(command, "dense")
        assert code == 2 and "x.T @ g" not in text and f"minigen exercise {command} dense --reveal" in last
    assert not (here.root / "bugs").exists()
    code, text, _ = say("solution", "dense", "--reveal")
    assert code == 0 and text.startswith("def backward(") and "x.T @ g" in text
    assert record(here, "dense")["revealed"] is True and "solution seen" in say("list")[1]
    code, text, _ = say("diff", "dense")
    assert code == 0 and "-    gx = ...\n" in text and "+    gx = g @ weight.T" in text
    (here.root / "mse.py").write_text(all_masters()["mse"].solution())
    say("check", "mse")
    assert say("solution", "mse")[0] == 0 and "revealed" not in record(here, "mse")
    assert "letter for letter" in say("diff", "mse")[1]


def test_hints_come_one_at_a_time(here, say):
    for level in (1, 2, 3, 3):
        code, text, last = say("hint", "dense")
        assert code == 0 and text.count("hint ") - last.count("hint ") == level
        assert DENSE.hints[level - 1] in " ".join(text.split())  # wrapped for the terminal
    assert "--reveal" in last and record(here, "dense")["hints"] == 3
    assert say("hint", "dense", "--level", "4")[0] == 2


def test_spot_the_bug(here, say, capsys):
    (here.root / "dense.py").write_text(DENSE.solution())
    say("check", "dense")
    code, text, last = say("bug", "dense")
    path, first = here.root / "bugs" / "dense-1.py", f"dense-{next(iter(DENSE.mutants))}"
    assert code == 0 and last.endswith("minigen exercise check dense-1")
    assert "one mistake is planted" in path.read_text()
    assert "bugs/dense-2.py" in say("bug", "dense")[1]  # the next one, though the first is not repaired
    path.write_text(DENSE.solution())
    assert "is there already and stays as it is" in say("bug", "dense-1")[1]
    code, text, _ = say("check", "dense-1")
    assert code == 0 and path.read_text() == DENSE.solution()
    assert f"more: minigen exercise explain {first[6:]}   (the mistake that was planted)" in text
    assert record(here, first)["state"] == "passed"
    assert "1 bug repaired" in say("list")[1].splitlines()[0]
    assert "bugs/dense-3.py" in say("bug", "dense")[1]
    number = list(DENSE.mutants).index("G10") + 1
    assert f"dense-{number}" in say("bug", "dense", "g10")[1]
    for _ in range(len(DENSE.mutants) - 4):
        say("bug", "dense")
    code, text, last = say("bug", "dense")
    assert "every bug of dense has its file; still to repair: dense-2, " in text and "check dense-2" in last
    here.progress.change_all({f"dense-{key}": {"passed_hash": "1"} for key in DENSE.mutants})
    assert f"all {len(DENSE.mutants)} bugs" in say("bug", "dense")[1]


CODE = re.compile(r"\b[A-Z]\d\d\b")  # of the catalogue


def test_a_bug_is_not_named_before_it_is_repaired(here, say, capsys):
    (here.root / "dense.py").write_text(DENSE.solution())
    say("check", "dense")
    for number, key in enumerate(DENSE.mutants, 1):
        said = say("bug", "dense")[1] + say("show", f"dense-{number}")[1] + say("check", f"dense-{number}")[1]
        assert f"dense-{number}: " in said and not CODE.search(said), said
        assert not CODE.search((here.root / "bugs" / f"dense-{number}.py").read_text())
        assert main(["exercise", "check", f"dense-{number}", "--json"]) in (1, 4)
        answer = capsys.readouterr().out
        assert not CODE.search(answer) and json.loads(answer)["id"] == f"dense-{number}"
        assert record(here, f"dense-{key}")["state"] in ("wrong", "error")
    assert not CODE.search(say("check", "--all")[1])
    assert not CODE.search(say("bug", "dense")[1])


def test_bugs_under_their_old_names_stay_valid(here, say):
    key = "G06"
    number = list(DENSE.mutants).index(key) + 1
    old = here.root / "bugs" / f"dense-{key}.py"
    old.parent.mkdir()
    old.write_text(DENSE.solution())
    here.progress.change("dense", passed_hash="1")
    assert "dense-G06.py: is there already" in say("bug", "dense", str(number))[1]
    for name in (f"dense-{number}", f"dense-{key}", str(old)):
        code, text, _ = say("check", name)
        assert code == 0 and f"dense-{number}: passed" in text
    assert say("check", "--all")[1].count(f"dense-{number}") == 1
    assert [p.name for p in old.parent.iterdir()] == [old.name]


@pytest.mark.parametrize("id", all_masters())
def test_every_mutant_is_a_bug_to_spot(id):
    master = all_masters()[id]
    for key in master.mutants:
        text = find(f"{id}-{key}").text()
        compile(text, id, "exec")
        assert "put a formula in place" not in text and "one mistake is planted" in text
        assert text != find(id).text()


def test_reset_keeps_what_was_there(here, say):
    file = here.root / "dense.py"
    assert "nothing to do" in say("reset", "dense")[1]
    for number in (1, 2):  # within the same second, too
        file.write_bytes(b"my hour of work \xff")
        assert "yours is kept in" in say("reset", "dense")[1]
        assert file.read_text() == DENSE.stub()
        backups = list((here.root / ".minigen" / "backup").iterdir())
        assert [b.read_bytes() for b in backups] == [b"my hour of work \xff"] * number
    file.unlink()
    assert say("reset", "dense")[0] == 0 and file.read_text() == DENSE.stub()


def test_notebook(here, say):
    assert say("notebook", "dense")[0] == 0
    book = here.root / "dense.ipynb"
    assert json.loads(book.read_text())["cells"]
    book.write_text("mine")
    assert say("notebook", "dense")[0] == 2 and book.read_text() == "mine"


def test_diff_does_not_count_comments(here, say):
    text = all_masters()["mse"].solution()
    bare = [line.split("  #")[0] for line in text.splitlines() if not line.strip().startswith("#")]
    (here.root / "mse.py").write_text("\n".join(bare) + "\n")
    assert say("check", "mse")[0] == 0
    assert "the solution, but for comments" in say("diff", "mse")[1]


def test_explain_knows_which_exercise_was_checked(here, say):
    assert say("explain", "V02")[2].endswith("minigen exercise check ID")
    (here.root / "dense.py").write_text(DENSE.mutant("G06"))
    say("check", "dense")
    here.progress.change("mse", state="wrong", code="G01", when="2999-01-01T00:00:00")
    assert say("explain", "G06")[2].endswith("minigen exercise check dense")
    assert say("explain", "V02")[2].endswith("minigen exercise check mse")


def test_only_the_first_call_prints(here, say):
    (here.root / "dense.py").write_text(
        DENSE.solution().replace("    # ---- your", "    print('shape', g.shape)\n    # ---- your")
    )
    code, text, _ = say("check", "dense")
    assert code == 0 and text.count("| shape") == 1


def test_a_narrow_terminal(here, say, monkeypatch):
    for columns in (60, 80, 100):
        monkeypatch.setenv("COLUMNS", str(columns))
        (here.root / "dense.py").write_text(DENSE.mutant("G06"))
        for words in (["list"], ["explain"], ["explain", "V02"], ["show", "dense"], ["check"]):
            text = say(*words)[1]
            lines = [
                x for x in text.splitlines() if not x.startswith(("next: ", "  line", "  bias", "dense ·"))
            ]
            assert max(map(len, lines)) <= columns, (columns, text)
        here.progress.change("dense", passed_hash="1", exercise_hash="1")
        listed = say("list")[1]
        assert "passed; the exercise has changed since" in listed and "Sigmoid: a layer of neurons" in listed


def test_explain(here, say):
    assert "σ has disappeared" in say("explain", "v02")[1] and "V02  σ" in say("explain")[1]
    assert say("explain", "V99")[0] == 2


def test_names_are_understood_or_guessed():
    assert find("VAE_Reparameterization.py").id == find("some/where/vae-reparameterization.py").id
    assert find("vae-reparameterization-v12.SIGN").bug == "V12.sign"
    for wrong, near in (
        ("dens", "dense"),
        ("dense-G99", f"dense-1 to dense-{len(DENSE.mutants)}"),
        ("reparam", "vae-reparameterization"),
        ("", "list"),
    ):
        with pytest.raises(UserError) as trouble:
            find(wrong)
        assert near in str(trouble.value) + trouble.value.cure
    for unknown in ("init", "../../etc", "-"):
        with pytest.raises(UserError, match="there is no exercise"):
            find(unknown)


def test_progress_keeps_what_it_does_not_know(tmp_path):
    (tmp_path / ".minigen").mkdir()
    path = tmp_path / ".minigen" / "progress.json"
    path.write_text(
        '{"format": 7, "colour": "blue", "exercises": {"dense": {"mood": 1, "hints": 2}, "odd": 3}}'
    )
    here = progress.Progress(tmp_path)
    here.change("dense", hints=3)
    here.change("relu", state="wrong")
    known = json.loads(path.read_text())
    assert known["format"] == 7 and known["colour"] == "blue"
    assert known["exercises"] == {"dense": {"mood": 1, "hints": 3}, "relu": {"state": "wrong"}}
    assert [p.name for p in path.parent.iterdir()] == ["progress.json"]


def test_progress_that_cannot_be_written_is_said_and_no_more(here, say, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    before = here.progress.read()
    monkeypatch.setattr(progress.os, "replace", full)
    code, text, _ = say("hint", "dense")
    assert (
        code == 0
        and "your progress is not kept (No space left on device)" in text
        and here.progress.read() == before
    )
    assert not list((here.root / ".minigen").glob("*.tmp"))


def test_watch_sees_each_new_content_once(here, monkeypatch):
    file, dense, relu = here.root / "dense.py", find("dense"), find("relu")
    steps = iter(
        [
            lambda: file.write_text("half"),
            lambda: file.write_text("half of it"),  # still being written: not yet
            lambda: None,
            lambda: os.utime(file, (1, 1)),  # touched, the same content
            file.unlink,  # as editors do for a moment
            lambda: file.write_text("half of it"),
            lambda: None,
            lambda: (here.root / "relu.py").write_text("x"),
            lambda: None,
        ]
    )
    looks = []

    def sleep(_):
        looks.append(1)
        next(steps)()

    monkeypatch.setattr(watch.time, "sleep", sleep)
    seen = watch.changes(here, watch.look(here, [dense, relu]), dense)
    assert next(seen) is dense and not looks
    assert next(seen) is dense and len(looks) == 3
    assert next(seen) is relu and len(looks) == 9


@pytest.mark.skipif(os.name == "nt", reason="needs SIGINT")
def test_watch_for_real(here):
    """Save, read the answer, Ctrl-C; no control characters reach the terminal."""
    root = str(Path(minigen.__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "minigen", "exercise", "watch", "dense"],
        env=os.environ | {"PYTHONPATH": root},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        lines = iter(process.stdout.readline, "")
        assert "Ctrl-C ends" in next(lines)
        first = _until_next(lines)
        assert "still to write" in first
        (here.root / "dense.py").write_text(DENSE.solution())
        second = _until_next(lines)
        assert "passed" in second and "bias-broadcasting.py is watched from now on" in second
        process.send_signal(2)
        rest = process.communicate(timeout=10)[0]
        assert process.returncode == 0 and rest.splitlines()[-1].startswith("next: ")
        assert "\x1b" not in first + second + rest
    finally:
        process.kill()
        process.communicate()


@pytest.mark.skipif(os.name == "nt", reason="needs a terminal of POSIX")
@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_watch_clears_a_terminal_and_goes_on(here, term):
    import pty

    ours, theirs = pty.openpty()
    (here.root / "dense.py").write_text(DENSE.solution())
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "minigen", "exercise", "watch", "dense"],
        env=os.environ | {"PYTHONPATH": str(Path(minigen.__file__).parents[1]), "TERM": term},
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    late = threading.Timer(60, process.kill)  # a read from a terminal has no limit of its own
    late.start()
    try:
        with open(ours, encoding="utf-8", newline="\n") as screen:
            lines = iter(screen.readline, "")
            first = _until_next(lines)
            assert "dense: passed" in first and "bias-broadcasting.py is watched from now on" in first
            assert ("\x1b[2J\x1b[H" in first) is (term == "xterm")
            second = all_masters()["bias-broadcasting"]
            (here.root / "bias-broadcasting.py").write_text(second.solution())
            assert "bias-broadcasting: passed" in _until_next(lines)
            process.send_signal(2)
            third = list(all_masters())[2]
            assert _until_next(lines).endswith(f"minigen exercise check {third}\r\n")
    finally:
        late.cancel()
        process.kill()
        process.communicate()


def test_watch_does_not_name_a_bug(here, monkeypatch, capsys):
    here.write(find("dense-G06"), find("dense-G06").text())

    def stopped(workspace, checked, first):
        yield first
        raise KeyboardInterrupt

    monkeypatch.setattr(watch, "changes", stopped)
    name = find("dense-G06").name
    assert main(["exercise", "watch", name]) == 1
    said = capsys.readouterr().out
    assert f"{name}: not right yet" in said and said.endswith(f"check {name}\n") and not CODE.search(said)


def _until_next(lines):
    text = ""
    for line in lines:
        text += line
        if line.startswith("next: "):
            return text
    raise AssertionError(text)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")
def test_ctrl_c_leaves_no_process_behind(here):
    """The process of the person's file goes with the command, and what that one started goes too."""
    (here.root / "dense.py").write_text(
        "import os, subprocess, time\n"
        "other = subprocess.Popen(['sleep', '60'])\n"
        "open('pids', 'w').write(f'{os.getpid()} {other.pid}.')\n"
        "time.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "minigen", "exercise", "check", "dense"],
        env=os.environ | {"PYTHONPATH": str(Path(minigen.__file__).parents[1])},
        stderr=subprocess.PIPE,
        text=True,
    )
    pids, deadline = here.root / "pids", time.monotonic() + 20
    while not (pids.exists() and pids.read_text().endswith(".")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(2)
    assert "interrupted" in process.communicate(timeout=10)[1] and process.returncode == 130
    running = pids.read_text().rstrip(".").split()
    while any(map(_alive, running)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [_alive(pid) for pid in running] == [False, False]


def _alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_new_and_verify(tmp_path, monkeypatch, say):
    monkeypatch.chdir(tmp_path)
    code, _, last = say("new", "my-exercise", "--into", ".")
    assert code == 0 and last == "next: minigen exercise verify my_exercise.py"
    code, text, _ = say("verify", "my_exercise.py")
    assert (
        code == 0 and "my-exercise: ok, 3 mutants, 3 rejected, 3 located" in text
    )  # the scaffold is an exercise that is fit
    assert say("new", "my-exercise", "--into", ".")[0] == 2
    for name in ("Käse", "9-lives", "two words", "dense"):
        assert say("new", name, "--into", ".")[0] == 2
    assert [p.name for p in tmp_path.iterdir() if p.name != "__pycache__"] == ["my_exercise.py"]
    path = tmp_path / "my_exercise.py"
    # fmt: skip
    path.write_text(
        path.read_text()
        .replace("gx = g * scale\n        g", "gx = g\n        g")
        .replace("gx = g * scale\n", "gx = g\n")
    )
    assert say("verify", "my_exercise.py")[0] == 1
    path.write_text(path.read_text().replace("$y_{nd} =", r"$\overbrace{y} ="))
    assert (
        r"! the statement cannot be shown on a terminal: \overbrace is not known"
        in say("verify", "my_exercise.py")[1]
    )
    path.write_text("x = 1\n")
    code, text, _ = say("verify", "my_exercise.py")
    assert code == 2 and "is no master: my_exercise.py: a master needs ID" in text
    assert "1 exercise, 0 not fit" in say("verify", "dense")[1]


def test_new_never_writes_into_the_package(tmp_path, monkeypatch, say):
    monkeypatch.chdir(tmp_path)
    code, text, last = say("new", "my-exercise")
    assert code == 0 and last == "next: minigen exercise verify my_exercise.py"
    assert "minigen exercise init --from ." in text
    assert (tmp_path / "my_exercise.py").is_file()
    package = Path(minigen.__file__).parent
    for folder in (package, package / "exercises", package / "exercises" / "mine"):
        assert say("new", "another-one", "--into", str(folder))[0] == 2
        assert not (folder / "another_one.py").exists()
    monkeypatch.chdir(package / "exercises")
    assert say("new", "another-one")[0] == 2 and not Path("another_one.py").exists()


@pytest.fixture
def course(tmp_path, monkeypatch, say):
    """A teacher's folder of masters: one is fit, one is broken, one file is something else."""
    monkeypatch.chdir(tmp_path)
    masters = tmp_path / "our masters"
    say("new", "stretch", "--into", str(masters))
    (masters / "broken.py").write_text('ID = "broken"\n')
    (masters / "helpers.py").write_bytes(b"# \xff")
    return masters


STRETCH = ("gx = ...", "gx = g * scale"), ("gscale = ...", "gscale = (g * x).sum(axis=0)")


def solve(file):
    text = file.read_text()
    for empty, solved in STRETCH:
        text = text.replace(empty, solved)
    file.write_text(text)


def test_a_folder_remembers_the_masters_it_was_made_from(course, say, capsys, monkeypatch):
    code, text, last = say("list", "--from", "our masters")
    assert code == 0 and "  1  stretch  Stretch" in text and "dense" not in text
    assert "left out: broken.py: a master needs ORDER" in text and "init --from 'our masters'" in last
    code, text, last = say("init", "mine", "--from", "our masters")
    assert code == 0 and "mine: 1 exercise\n" in text and "check stretch" in last
    folder = course.parent / "mine"
    assert sorted(p.name for p in folder.iterdir()) == [".minigen", "stretch.py"]
    for place in (course.parent, folder):  # from above, and inside
        monkeypatch.chdir(place)
        assert "1 exercise, 0 passed" in say("list")[1] and "[stretch]" in say("next")[1]
        assert say("check")[0] == 5 and say("check", "dense")[0] == 2
        assert "hint 1 of 3" in say("hint", "stretch", "--level", "1")[1]
        assert "1 file already there" in say("init")[1]
    solve(folder / "stretch.py")
    assert main(["exercise", "check", "stretch", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == "stretch"
    assert say("check", "--all")[0] == 0 and "gx = g * scale" in say("solution", "stretch")[1]
    assert "stretch-1.py" in say("bug", "stretch")[1] and say("check", "stretch-1")[0] == 1
    assert say("notebook", "stretch")[0] == 0 and "letter for letter" in say("diff", "stretch")[1]
    assert record(Workspace(folder), "stretch")["state"] == "passed"
    ran = subprocess.run(
        [sys.executable, str(folder / "stretch.py")],  # as the last lines of the file offer, from anywhere
        cwd="/",
        env=os.environ | {"PYTHONPATH": str(Path(minigen.__file__).parents[1])},
        capture_output=True,
        text=True,
    )
    assert "passed" in ran.stdout, ran.stderr


def test_masters_that_were_moved_are_missed_and_found(course, say):
    say("init", "mine", "--from", "our masters")
    moved = course.rename(course.with_name("moved"))
    code, text, last = say("list")
    assert code == 2 and "'our masters', but there is no such file or folder" in text and "--from DIR" in last
    assert "1 exercise, 0 passed" in say("list", "--from", str(moved))[1]
    assert say("init", "--from", str(moved))[0] == 0 and say("list")[0] == 0
    own = Path(minigen.__file__).parent / "exercises" / "masters"
    code, text, last = say("init", "--from", str(own))
    assert (
        code == 2 and "mine is a folder for the exercises of moved already" in text and "ANOTHER-NAME" in last
    )
    assert say("init", "moved", "--from", "moved")[0] == 2 and not (moved / ".minigen").exists()
    (moved / "stretch.py").unlink()
    assert "there is no exercise in moved" in say("list")[1]


def test_a_master_by_its_path_or_with_from(here, say, course):
    path = str(course / "stretch.py")
    file = course.parent / "stretch.py"  # the folder is that of minigen's own exercises
    for words in (["stretch", "--from", str(course)], [path]):
        assert (
            "[stretch]" in say("show", *words)[1] and "hint 1 of 3" in say("hint", *words, "--level", "1")[1]
        )
        code, text, last = say("check", *words)
        assert code == 4 and "there is no file stretch.py" in text
        assert last.startswith("next: minigen exercise reset stretch --from 'our masters")
        assert "written: stretch.py" in say("reset", *words)[1]
        assert say("check", *words)[0] == 5
        solve(file)
        assert say("check", *words)[0] == 0 and say("check", "stretch.py", "--from", str(course))[0] == 0
        assert (
            "gx = g * scale" in say("solution", *words)[1] and "letter for letter" in say("diff", *words)[1]
        )
        assert "check stretch-1 --from 'our masters" in say("bug", *words)[2]
        file.unlink(), (course.parent / "bugs" / "stretch-1.py").unlink()
    assert f"{len(all_masters())} exercises" in say("list")[1]
    assert "stretch: ok" in say("verify", path)[1]
    code, text, _ = say("verify", "--from", str(course))
    assert code == 1 and "stretch: ok" in text and "2 exercises, 1 not fit" in text


BROKEN = {
    "no docstring": ('r"""Stretch', 'ABOUT = r"""Stretch', "a master begins with a docstring"),
    "a name that is none": ('ID = "stretch"', 'ID = "../stretch"', "ID is '../stretch', expected words"),
    "an order that is none": ("ORDER = ", "ORDER = 'a' #", "ORDER is 'a', expected a number"),
    "one wanted, no tuple": ('WANTED = ("x", "scale")', 'WANTED = "x"', "expected a tuple of texts"),
    "no backward": ("def backward(", "def back(", "a master needs a function backward"),
    "no marks": ("# BEGIN SOLUTION", "#", "without its partner"),
    "does not parse": ("ORDER =", "ORDER ==== ", "invalid syntax"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_master_is_told_in_a_sentence(course, say, name):
    path = course / "stretch.py"
    old, new, sentence = BROKEN[name]
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    for words in (["list", "--from", "our masters"], ["show", str(path)], ["init", "--from", str(path)]):
        code, said, _ = say(*words)
        assert code == 2 and "left out: " in said and sentence in said, said
    assert not (course.parent / "minigen-exercises").exists()


def test_a_master_that_fails_when_it_is_used(course, say):
    say("init", "mine", "--from", "our masters")
    path = course / "stretch.py"
    path.write_text(path.read_text().replace("import numpy as np", "import numpy as np\n\nnumber = 1 / 0"))
    code, text, last = say("check", "stretch")
    assert last == "next: tell its author: minigen exercise verify 'our masters/stretch.py'"
    assert code == 4 and "this exercise cannot be given: stretch.py fails: ZeroDivisionError" in text
    code, text, last = say("bug", "stretch", "--reveal")
    assert code == 4 and "stretch.py fails: ZeroDivisionError" in text and "verify" in last


def test_a_broken_exercise_is_named(monkeypatch, say):
    def broken():
        raise SyntaxError("invalid syntax", ("new_one.py", 3, 1, "x ="))

    monkeypatch.setattr("minigen.exercises.master.all_masters", broken)
    code, text, _ = say("list")
    assert code == 4 and "an exercise of minigen is broken: invalid syntax (new_one.py, line 3)" in text


def test_list_loads_no_more_than_the_package(tmp_path):
    """What makes `list` quick: nothing is loaded beyond `import minigen`, argparse and
    the text of the masters.
    """
    program = (
        "import sys, minigen; before = set(sys.modules)\n"
        "from minigen.cli import main; main(['exercise', 'list'])\n"
        "print('loaded', *sorted(set(sys.modules) - before))"
    )
    root = str(Path(minigen.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=os.environ | {"PYTHONPATH": root},
        capture_output=True, text=True
    )  # fmt: skip
    loaded = set(done.stdout.splitlines()[-1].split()[1:])
    ours = {name for name in loaded if name.startswith("minigen")}
    assert ours == {"minigen.cli", "minigen.read", "minigen.terminal", "minigen.exercises"} | {
        f"minigen.exercises.{n}"
        for n in "attempts command lessons lookup master progress runner workspace".split()
    }
    assert not {name for name in loaded if name.split(".")[0] in ("numpy", "matplotlib", "tqdm", "inspect")}


def test_the_runner_gives_up_on_a_process_that_ignores_its_limit(tmp_path, monkeypatch):
    """The clock inside the process can be switched off by the file; the one outside cannot."""
    monkeypatch.setattr(attempts.runner, "GRACE", 0.5)
    path = tmp_path / "dense.py"
    path.write_text("import faulthandler\nfaulthandler.cancel_dump_traceback_later()\nwhile True: pass\n")
    started = time.monotonic()
    result = runner.run(path, DENSE, seconds=1)
    assert result["status"] == "error" and "stopped after 1 s" in result["message"]
    assert time.monotonic() - started < 10
