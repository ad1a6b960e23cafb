"""The command line as a person meets it: what it prints, and its exit codes."""

import json
import os
import subprocess
import sys

import pytest

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


@pytest.mark.parametrize("arguments", [[], ["chekc"], ["check", "--device", "tpu"], ["check", "--jsn"]])
def test_the_parser_refuses(arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(arguments)
    assert "usage: minigen" in capsys.readouterr().err


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
