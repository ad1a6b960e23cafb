"""Whatever a person's file does, the real command answers with a sentence,
and the record of progress survives.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import minigen
from minigen.exercises import attempts, command
from minigen.exercises.lookup import find
from minigen.exercises.master import all_masters
from minigen.exercises.workspace import initialise

STUB = all_masters()["dense"].stub()
RIGHT = all_masters()["dense"].solution()
STATUS = {code: status for status, code in attempts.EXIT.items()}
BODY = "    return {"  # the last line of backward


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One folder of exercises for all, with something in its record that has to survive."""
    workspace, _, _ = initialise(tmp_path_factory.mktemp("there is a space, and a σ") / "exercises")
    workspace.progress.change("sigmoid", state="passed", passed_hash="0123")
    return workspace.root


@pytest.fixture(scope="module")
def minigen_exercise(tmp_path_factory):
    """The real command in a process of its own: a script, as an installation makes one."""
    script = tmp_path_factory.mktemp("bin") / "minigen"
    script.write_text("import sys\nfrom minigen.cli import main\nsys.exit(main())\n")
    root = str(Path(minigen.__file__).parents[1])
    path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])

    def call(folder, *arguments, encoding="utf-8"):
        return subprocess.run(
            [sys.executable, str(script), "exercise", *arguments],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": path, "PYTHONIOENCODING": encoding},
            input="7\n",  # somebody sits there and types; a check must not listen
            capture_output=True,
            encoding=encoding,
            timeout=60,
        )

    return call


def inside(line, text=RIGHT):
    """The solution with a line more in its backward."""
    return text.replace(BODY, f"    {line}\n{BODY}")


BAD = {
    "does not parse": (STUB.replace("gx = ...", "gx = (g @"), 4, "is not valid Python", "gx = (g @"),
    "wrong indent": (STUB.replace("    gx = ...", "      gx = g"), 4, "is not valid Python", "gweight = ..."),
    "not a text": (b"\xff\xfe\x00gx", 4, "is not a text in UTF-8", ""),
    "a null byte": (b"gx = 1\x00", 4, "bytes that no text has", ""),
    "empty": (b"", 4, "has no function `backward`", ""),
    "backward is a number": (RIGHT + "\nbackward = 3\n", 4, "has no function `backward`", ""),
    "fails while loading": (STUB.replace("import numpy", "import nunpy"), 4, "while it was being loaded",
        "nunpy"),
    "endless loop": (inside("while True: pass"), 4, "stopped after 1 s, in line", "while True: pass"),
    "endless loop while loading": ("while True:\n    pass\n", 4, "stopped after 1 s, in line",
        "dense.py, line"),
    "sleeps": (inside("import time; time.sleep(99)"), 4, "stopped after 1 s", "time.sleep(99)"),
    "returns None": (RIGHT.replace(BODY, "    {"), 1, "backward returned nothing", ""),
    "returns a list": (inside("return [gx, gweight, gbias]"), 1, "returned a list", ""),
    "returns a number": (inside("return 3.0"), 1, "returned a float", ""),
    "wrong names": (RIGHT.replace('{"x":', '{"X":'), 1, "did you mean 'x'", ""),
    "misses a name": (inside('return {"x": gx, "weight": gweight}'), 1, "no gradient named 'bias'", ""),
    "wrong argument": (RIGHT.replace("weight, bias):\n    # --", "weigth, bias):\n    # --"), 1,
        "did you mean 'weight'", ""),
    "raises": (inside("1 / 0"), 4, "backward raised ZeroDivisionError", "1 / 0"),
    "does not fit": (RIGHT.replace("g @ weight.T", "g @ weight"), 4, "a matrix product does not fit",
        "g is (5, 7)"),
    "recursion": (inside("backward(g, cache, x, weight, bias)"), 4, "RecursionError", "line"),
    "prints a lot": (inside("print('word ' * 99999)", STUB), 5, "still to write", "more characters"),
    "prints without end": (inside("while True: print('word')"), 4, "stopped after 1 s", "| word"),
    "reads stdin": (inside("input('how many?')"), 4, "waits for input", "input('how many?')"),
    "reads stdin while loading": ("import sys\nn = int(sys.stdin.readline())\n", 4, "ValueError", "readline"),
    "exit()": (inside("exit()"), 4, "calls exit()", "exit()"),
    "sys.exit(0) while loading": ("import sys\nsys.exit(0)\n", 4, "calls exit() while it was", "sys.exit(0)"),
    "os._exit(0)": (inside("import os; os._exit(0)"), 4, "take os._exit() out", ""),
    "kills itself": (inside("import os; os.kill(os.getpid(), 9)"), 4, "ended from outside (SIGKILL)", ""),
    "KeyboardInterrupt": (inside("raise KeyboardInterrupt"), 4, "raised KeyboardInterrupt", "raise"),
    "deletes its arguments": (inside("del g, x"), 0, "passed", ""),
    "deletes from its argument": (inside("cache.clear()"), 1, 'changes cache["y"] in place', ""),
    "overwrites its argument": (inside("x[:] = 0"), 1, "changes x in place", ""),
    "one big array": (inside("import numpy as np; np.ones(10**10)"), 4, "more than 1 GiB of memory",
        "np.ones"),
    "ever more memory": (inside("a = [b'']\n    while True: a.append(a[-1] + b'.' * 10**7)"), 4,
        "GiB of memory", "a.append"),
    "a thread that goes on": (
        inside("import threading, time; threading.Thread(target=time.sleep, args=(50,)).start()"),
        0,
        "passed",
        "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_gets_a_sentence(minigen_exercise, folder, name):
    content, code, sentence, detail = BAD[name]
    (folder / "dense.py").write_bytes(content if isinstance(content, bytes) else content.encode())
    limit = "1" if "stopped" in sentence else "20"
    started = time.monotonic()
    done = minigen_exercise(folder, "check", "dense", "--time-limit", limit)
    said = done.stdout
    assert done.returncode == code, said + done.stderr
    assert time.monotonic() - started < 15  # nothing waits for what the file has left running
    assert sentence in said and detail in said and done.stderr == "", said + done.stderr
    assert "minigen/" not in said and "Traceback" not in said, said  # the person's file only
    assert len(said) < 6000
    last = said.splitlines()[-1]
    assert last.startswith("next: ") and ("minigen exercise" in last)
    record = json.loads((folder / ".minigen" / "progress.json").read_text())["exercises"]
    assert record["sigmoid"] == {"state": "passed", "passed_hash": "0123"}
    assert record["dense"]["state"] == STATUS[code]


def test_a_file_called_like_a_module_breaks_nothing(minigen_exercise, folder):
    """random.py beside the exercises hides Python's only from the person's file,
    not from NumPy; helpers are found.
    """
    (folder / "random.py").write_text("raise RuntimeError('not this one')\n")
    (folder / "helpers.py").write_text("def turned(a):\n    return a.T\n")
    text = RIGHT.replace("import numpy", "from helpers import turned\nimport numpy")
    (folder / "dense.py").write_text(text.replace("weight.T", "turned(weight)"))
    done = minigen_exercise(folder, "check", "dense")
    assert done.returncode == 0, done.stdout
    (folder / "random.py").unlink()


def test_a_missing_file_and_an_unknown_id(minigen_exercise, folder):
    (folder / "dense.py").unlink()
    done = minigen_exercise(folder, "check", "dense")
    assert done.returncode == 4 and "there is no file dense.py" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("next: minigen exercise init")
    done = minigen_exercise(folder, "check", "vae-reparametrization")
    assert done.returncode == 2 and "did you mean vae-reparameterization" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("next: ")


def test_what_the_file_prints_is_shown_shortened(minigen_exercise, folder):
    (folder / "dense.py").write_text(inside("for i in range(500): print('σ', i)"), encoding="utf-8")
    said = minigen_exercise(folder, "check", "dense").stdout
    assert "  | σ 0\n  | σ 1\n" in said and "σ 21" not in said and "more lines" in said


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"exercises": 3}', b"\xff\xfe", b""])
def test_a_corrupt_record_is_set_aside_and_made_anew(minigen_exercise, tmp_path, content):
    workspace, _, _ = initialise(tmp_path)
    record = tmp_path / ".minigen" / "progress.json"
    record.write_bytes(content)
    workspace.replace(find("dense"), RIGHT)
    done = minigen_exercise(tmp_path, "check", "dense")
    assert done.returncode == 0 and "was set aside" in done.stderr
    aside = [p for p in record.parent.iterdir() if p.name.startswith("progress-unreadable")]
    assert [p.read_bytes() for p in aside] == [content]
    assert json.loads(record.read_text())["exercises"]["dense"]["state"] == "passed"


def test_a_terminal_without_greek_letters(minigen_exercise, tmp_path):
    done = minigen_exercise(tmp_path, "explain", "V02", encoding="ascii")
    assert done.returncode == 0 and "? has disappeared" in done.stdout
    done = minigen_exercise(tmp_path, "show", "mse", encoding="ascii")
    # the LaTeX, where Unicode would be lost
    assert r"$$L = \frac1N \sum_n" in done.stdout and "?" not in done.stdout


def test_misuse_is_not_mistaken_for_not_attempted(minigen_exercise, folder):
    # fmt: skip
    for arguments in (
        ["chekc"],
        ["check", "--seed", "x"],
        ["check", "--seed", "-1"],
        ["hint"],
        ["check", "--time-limit", "0"],
    ):
        done = minigen_exercise(folder, *arguments)
        assert done.returncode == command.MISUSED == 2, arguments
        assert done.stderr.splitlines()[-1].startswith("next: minigen exercise")
