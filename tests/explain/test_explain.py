"""Which line is wrong and why: the change that is found mends the program, and what is said of it is true."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minigen
from minigen import explain

PLANTED = Path(__file__).parent / "planted"


def forward(x, W1, W2):
    a = x @ W1
    h = np.tanh(a)
    return h @ W2


def backward(g, x, W1, W2):
    h = np.tanh(x @ W1)
    gh = g @ W2.T
    ga = gh * (1 - h**2)
    gW2 = h.T @ g
    gW1 = x.T @ ga
    return {"x": ga @ W1.T, "W1": gW1, "W2": gW2}


def inputs(rng):
    n, d, h, k = rng.integers(3, 5), rng.integers(5, 7), rng.integers(2, 4), 2
    return {"x": rng.normal(size=(n, d)), "W1": rng.normal(size=(d, h)), "W2": rng.normal(size=(h, k))}


SOURCE = Path(__file__).read_text()


def mutant(tmp_path, before, after):
    """(backward with a mistake in it, the line where it is)."""
    text = ast.get_source_segment(
        SOURCE, next(n for n in ast.parse(SOURCE).body if getattr(n, "name", "") == "backward")
    )
    assert text.count(before) == 1
    path = tmp_path / "mine.py"
    path.write_text("import numpy as np\n\n\n" + text.replace(before, after) + "\n")
    names = {}
    exec(compile(path.read_text(), str(path), "exec"), names)
    line = 4 + text[: text.index(before)].count("\n")
    return names["backward"], line, path


MISTAKES = [
    ("(1 - h**2)", "(1 - h)", "factor"),
    ("(1 - h**2)", "(1 + h**2)", "sign"),
    ("(1 - h**2)", "(1 - gh**2)", "operand"),
    ("g @ W2.T", "-g @ W2.T", "sign"),
    ("gW1 = x.T @ ga", "gW1 = x.T @ gh", "operand"),
    ("gW1 = x.T @ ga", "gW1 = x.T @ ga / len(x)", "factor"),
    ("gW1 = x.T @ ga", "gW1 = (x.T @ ga).mean()", "reduction"),
    ('"W1": gW1, "W2": gW2', '"W1": gW2, "W2": gW1', "swap"),
    ("gW2 = h.T @ g", "gW2 = 2 * h.T @ g", "factor"),
    ("gh * (1 - h**2)", "gh", "factor"),
]


@pytest.mark.parametrize(("before", "after", "kind"), MISTAKES, ids=[m[1] for m in MISTAKES])
def test_the_change_that_is_found_mends_the_file(before, after, kind, tmp_path):
    wrong, line, path = mutant(tmp_path, before, after)
    said = explain(forward, wrong, inputs, seconds=30, reveal=True)
    assert said.verdict == "wrong"
    (finding,) = said.findings
    assert (finding.line, finding.kind) == (line, kind)
    assert finding.verified_on["inputs"] == 4 and finding.verified_on["sizes"]
    rows = path.read_text().splitlines()
    row = rows[finding.line - 1]
    assert row[finding.column : finding.end_column] == finding.before
    rows[finding.line - 1] = row[: finding.column] + finding.after + row[finding.end_column :]
    names = {}
    exec("\n".join(rows), names)
    assert minigen.check_vjp(forward, names["backward"], inputs).ok


def test_a_right_backward_is_right_and_its_code_is_as_it_was():
    code = backward.__code__
    said = explain(forward, backward, inputs)
    assert said.ok and not said.findings
    assert "right" in str(said)
    assert backward.__code__ is code


def test_the_corrected_line_is_told_only_on_request(tmp_path):
    wrong, *_ = mutant(tmp_path, "(1 - h**2)", "(1 - h)")
    said = explain(forward, wrong, inputs, seconds=30)
    assert said.to_dict()["findings"][0]["after"] is None
    assert "->" not in str(said)


def test_two_mistakes_are_two_findings():
    command = [
        sys.executable,
        "-m",
        "minigen",
        "check",
        str(PLANTED / "course_net.py"),
        "--json",
        "--seconds",
        "60",
    ]
    out = json.loads(subprocess.run(command, capture_output=True, text=True).stdout)
    assert out["verdict"] == "wrong"
    assert [finding["line"] for finding in out["findings"]] == [29, 34]


def test_the_shape_that_programs_rely_on(tmp_path):
    wrong, *_ = mutant(tmp_path, "(1 - h**2)", "(1 - h)")
    said = explain(forward, wrong, inputs, seconds=30).to_dict()
    assert {"verdict", "gradients", "lines", "findings", "tried", "seconds"} <= said.keys()
    assert set(said["gradients"][0]) == {"name", "verdict", "error"}
    assert set(said["lines"][0]) == {"line", "name", "is"}
    assert set(said["findings"][0]) == set(
        "file line end_line column end_column kind before after sentence verified_on alternatives "
        "code".split()
    )
    json.dumps(said)


def test_where_nothing_is_found_only_what_is_certain_is_said():
    def lost(g, x, W1, W2):
        return {"x": np.sin(np.cumsum(g @ W2.T @ W1.T)).reshape(x.shape), "W1": 0 * W1, "W2": 0 * W2}

    said = explain(forward, lost, inputs, seconds=3)
    assert said.verdict == "wrong"
    assert not said.findings and said.certain


def test_a_backward_that_breaks_is_explained():
    def breaks(g, x, W1, W2):
        raise ZeroDivisionError("by hand")

    said = explain(forward, breaks, inputs, seconds=3)
    assert said.verdict == "wrong"
    assert "ZeroDivisionError" in str(said)
