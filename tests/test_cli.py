"""The command line as a person meets it: what it prints, and its exit codes."""

import contextlib
import json
import os
import re
import subprocess
import sys

import pytest

import minigen
from minigen import cli
from minigen.check import subjects

KEYS = {
    "subject",
    "parameter",
    "shape",
    "hand_vs_tape",
    "hand_vs_differences",
    "tape_vs_differences",
    "worst_index",
    "verdict",
}


def test_list_prints_every_name(capsys):
    assert cli.main(["check", "--list"]) == 0
    assert capsys.readouterr().out.split() == list(subjects.NAMES)
    assert set(subjects.QUICK) < set(subjects.NAMES)


def test_the_table_has_a_row_a_parameter(capsys):
    assert cli.main(["check", "ae-mse", "dense"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["subject", "parameter", "shape"]
    assert [line.split()[:2] for line in lines[1:-1]] == [
        ["ae-mse", "encoder.weight"],
        ["ae-mse", "encoder.bias"],
        ["ae-mse", "decoder.weight"],
        ["ae-mse", "decoder.bias"],
        ["dense", "x"],
        ["dense", "weight"],
        ["dense", "bias"],
    ]
    assert all(line.endswith(" ok") for line in lines[1:-1])
    assert lines[-1].startswith("7 gradients, all agree; worst ")


def test_json(capsys):
    assert cli.main(["check", "vae-bernoulli", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert set(answer) == {"ok", "seconds", "device", "records"}
    assert answer["ok"] is True
    assert answer["device"] == "cpu"
    assert len(answer["records"]) == 10
    for record in answer["records"]:
        assert set(record) == KEYS
        assert record["hand_vs_tape"] <= 1e-11
        assert record["hand_vs_differences"] <= 1e-7
        assert len(record["worst_index"]) == len(record["shape"])


def broken(monkeypatch, name):
    """The subject `name` with the sign of its first gradient by hand turned round."""
    build = subjects.build

    def wrong(asked, device):
        subject = build(asked, device)
        if asked == name:
            by_hand, first = subject.by_hand, next(iter(subject.parameters))

            def turned(parameters):
                loss, gradients = by_hand(parameters)
                return loss, gradients | {first: -gradients[first]}

            subject.by_hand = turned
        return subject

    monkeypatch.setattr(subjects, "build", wrong)


def test_a_wrong_derivation_is_told_and_fails(monkeypatch, capsys):
    broken(monkeypatch, "ae-mse")
    assert cli.main(["check", "dense", "ae-mse"]) == 1
    out = capsys.readouterr().out
    (row,) = [line for line in out.splitlines() if line.endswith("wrong")]
    assert row.split()[:2] == ["ae-mse", "encoder.weight"]
    assert "1 do not agree" in out.splitlines()[-1]


def test_a_wrong_derivation_in_json(monkeypatch, capsys):
    broken(monkeypatch, "dense")
    assert cli.main(["check", "dense", "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["ok"] is False
    assert [record["verdict"] for record in answer["records"]] == ["wrong", "ok", "ok"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check", "vae-bernouli"], "there is no subject 'vae-bernouli': did you mean vae-bernoulli"),
        (["check", "zzz"], "see minigen check --list"),
        (
            ["check", "wgan-gp"],
            "did you mean wgan-gp-critic-tanh, wgan-gp-critic-leaky, wgan-gp-critic-conv?",
        ),
        (["check", "dense", "--device", "cuda"], "device 'cuda' needs"),
    ],
)
def test_misuse(arguments, words, capsys):
    if "cuda" in arguments and _has_cupy():
        pytest.skip("a GPU is there, so this is no misuse")
    assert cli.main(arguments) == 2
    assert words in capsys.readouterr().err


def _has_cupy():
    try:
        import cupy
    except ImportError:
        return False
    return cupy.cuda.runtime.getDeviceCount() > 0


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["chekc"], "minigen"),
        (["--nothing"], "minigen"),
        (["check", "--device", "tpu"], "minigen check"),
        (["check", "--jsn"], "minigen check"),
        (["check", "zzz"], "minigen check"),
        (["exercise", "chekc"], "minigen exercise"),
        (["exercise", "check", "dense", "--jsn"], "minigen exercise check"),
        (["exercise", "check", "--seed", "-1"], "minigen exercise check"),
        (["exercise", "hint"], "minigen exercise hint"),
    ],
)
def test_misuse_prints_the_usage_of_the_command_and_ends_with_2(arguments, command, capsys):
    try:
        code = cli.main(arguments)
    except SystemExit as stop:
        code = stop.code
    assert code == 2
    screen = capsys.readouterr()
    assert screen.err.startswith(f"usage: {command} [") and not screen.out
    assert f"\n{command}: " in screen.err


@pytest.mark.parametrize("arguments", [[], ["exercise"]])
def test_a_command_without_its_commands_prints_help(arguments, capsys):
    assert cli.main(arguments) == 0
    screen = capsys.readouterr()
    assert screen.out.startswith(f"usage: {' '.join(['minigen', *arguments])} [") and not screen.err
    assert "--help" in screen.out


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"minigen {minigen.__version__}\n"


@pytest.mark.parametrize("columns", [60, 71, 86, 101, 129])
def test_the_table_fits_the_terminal_and_keeps_every_verdict(columns, monkeypatch, capsys):
    broken(monkeypatch, "ae-mse")
    names = ["dense", "ae-mse", "wgan-gp-critic-conv"]  # the last has a name too long for 17 columns
    monkeypatch.setenv("COLUMNS", "200")
    assert cli.main(["check", *names]) == 1
    whole = [line.split() for line in capsys.readouterr().out.splitlines()]
    monkeypatch.setenv("COLUMNS", str(columns))
    assert cli.main(["check", *names]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= columns
    words = " ".join(lines).split()
    for row in whole[1:-1]:  # names, errors and verdicts are there, and reasons word by word
        kept = row if row[0] not in names else [row[0], row[1], *row[3:6], row[-1]]
        assert set(kept) <= set(words), row
    verdicts = [word for line in lines for word in line.split()[-1:] if word in ("ok", "wrong")]
    assert verdicts == [row[-1] for row in whole[1:-1] if row[0] in names]


def test_colour_is_for_terminals_and_says_nothing_new(monkeypatch, capsys):
    broken(monkeypatch, "dense")
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WT_SESSION", "1")

    def table():
        assert cli.main(["check", "dense"]) == 1
        return capsys.readouterr().out.splitlines()[:-1]  # the last line has the time

    plain = table()
    assert not any("\x1b" in line for line in plain)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    bright = table()
    assert "\x1b[31mwrong\x1b[0m" in bright[1] and "\x1b[32mok\x1b[0m" in bright[-1]
    assert [re.sub(r"\x1b\[\d+m", "", line) for line in bright] == plain
    monkeypatch.setenv("NO_COLOR", "1")
    assert table() == plain
    monkeypatch.setenv("NO_COLOR", "")  # set but empty does not count, says no-color.org
    assert table() == bright
    monkeypatch.setenv("TERM", "dumb")
    assert table() == plain


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")
def test_in_a_real_terminal_of_72_columns():
    import fcntl
    import pty
    import struct
    import termios

    mine, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 72, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR")}
    command = [sys.executable, "-m", "minigen", "check", "dense"]
    run = subprocess.run(command, stdout=theirs, check=False, env=environment | {"TERM": "xterm"})
    os.close(theirs)
    text = b""
    with contextlib.suppress(OSError):  # Linux ends a terminal without writers so
        while part := os.read(mine, 4096):
            text += part
    os.close(mine)
    assert run.returncode == 0
    text = text.decode().replace("\r", "")
    assert text.count("\x1b[32mok\x1b[0m") == 3
    assert max(map(len, re.sub(r"\x1b\[\d+m", "", text).splitlines())) <= 72


def test_python_m_minigen():
    command = [sys.executable, "-m", "minigen", "check", "sigmoid"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "1 gradient, all agree" in run.stdout


def test_a_subject_that_cannot_be_judged(monkeypatch, capsys):
    build, calls = subjects.build, iter(range(10**6))

    def restless(name, device):
        subject = build(name, device)
        by_tape = subject.by_tape
        subject.by_tape = lambda tensors: by_tape(tensors) + float(next(calls))
        return subject

    monkeypatch.setattr(subjects, "build", restless)
    assert cli.main(["check", "tanh"]) == 1
    out = capsys.readouterr().out
    assert "inconclusive" in out
    assert "do not agree" in out.splitlines()[-1]


def test_a_pattern_asks_for_a_family(capsys):
    assert cli.main(["check", "wgan-gp-*"]) == 0
    out = capsys.readouterr().out
    assert {line.split()[0] for line in out.splitlines()[1:-1]} == {
        "wgan-gp-critic-tanh",
        "wgan-gp-critic-leaky",
        "wgan-gp-critic-conv",
    }
    assert "14 gradients (6 without a derivation by hand), all agree" in out


def test_a_reader_that_leaves_early():
    command = f"{sys.executable} -m minigen check dense sigmoid tanh | head -1"
    run = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert run.stdout.startswith("subject")
    assert run.stderr == ""


def test_a_terminal_that_knows_ascii_only():
    command = [sys.executable, "-m", "minigen", "check", "dense"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert "3 gradients, all agree" in run.stdout
