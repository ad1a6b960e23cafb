"""Mistakes of several kinds in whole programs: the line is named, and the change rights all gradients."""

import numpy as np
import pytest

from minigen.explain import file, trace

TWO = """import numpy as np
class Dense:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)
        self.b = np.zeros(n_out)
    def forward(self, x):
        self.x = x
        return x @ self.W + self.b
    def backward(self, g):
        self.dW = self.x.T @ g
        self.db = g.sum(axis=0)
        return g @ self.W.T
"""
LEAKY = """import numpy as np
def forward(x, W, slope=0.2):
    a = x @ W
    return np.where(a > 0, a, slope * a)
def backward(g, x, W, slope=0.2):
    a = x @ W
    da = g * np.where(a > 0, 1, slope)
    return {"x": da @ W.T, "W": x.T @ da}
"""
SOFTMAX = """import numpy as np
def forward(x, W):
    a = x @ W
    e = np.exp(a - a.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)
def backward(g, x, W):
    p = forward(x, W)
    da = p * (g - (g * p).sum(axis=1, keepdims=True))
    return {"x": da @ W.T, "W": x.T @ da}
"""
TIED = """import numpy as np
def forward(x, W):
    return np.tanh(x @ W) @ W.T
def backward(g, x, W):
    h = np.tanh(x @ W)
    dh = g @ W
    dW = g.T @ h
    dW += x.T @ (dh * (1 - h**2))
    return {"W": dW}
"""
INPUTS = """
def inputs(rng):
    n, d, h = int(rng.integers(3, 5)), 4, 3
    return {"x": rng.normal(size=(n, d)), "W": rng.normal(size=(d, h))}
"""


@pytest.mark.parametrize(
    ("text", "before", "after", "line", "kind"),
    [
        (
            TWO,
            "self.dW = self.x.T @ g\n        self.db",
            "self.db = self.x.T @ g\n        self.dW",
            10,
            "swap",
        ),
        (TIED + INPUTS, "dW = g.T @ h\n", "dW = np.ones_like(W)\n    dW += g.T @ h\n", 8, "accumulate"),
        (LEAKY + INPUTS, "g * np.where(a > 0, 1, slope)", "g", 7, "factor"),
        (SOFTMAX + INPUTS, "p * (g - (g * p).sum(axis=1, keepdims=True))", "g * p * (1 - p)", 8, "function"),
    ],
)
def test_the_mistake_is_found_and_its_change_mends_the_program(tmp_path, text, before, after, line, kind):
    assert text.count(before) == 1
    path = tmp_path / "mine.py"
    path.write_text(text.replace(before, after))
    said = file.check(path, seconds=25, reveal=True).to_dict()
    (finding,) = said["findings"]
    assert (finding["line"], finding["kind"]) == (line, kind)
    rows = path.read_text().splitlines()
    head, tail = rows[line - 1][: finding["column"]], rows[finding["end_line"] - 1][finding["end_column"] :]
    rows[line - 1 : finding["end_line"]] = (head + finding["after"] + tail).splitlines()
    path.write_text("\n".join(rows) + "\n")
    assert file.check(path, seconds=0).verdict == "ok"


def test_two_mistakes_in_two_gradients_are_found_before_every_change_was_tried(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        TWO.replace("self.x.T @ g", "2 * self.x.T @ g").replace("g.sum(axis=0)", "-g.sum(axis=0)")
    )
    said = file.check(path, seconds=25).to_dict()
    assert sorted(f["line"] for f in said["findings"]) == [10, 11]
    assert said["tried"] < 3000
    assert np.isfinite(said["seconds"])


def test_a_multiple_is_told_by_the_size_that_it_is():
    """m = 4 times here and 5 times at other inputs, where m is 5; what stays equal may be so by chance."""
    here, there = (
        trace.Line(None, None, "dZ", 0, None, 1, False, numbers={"m": m, "k": 4, "n": 1}) for m in (4, 5)
    )
    assert trace.multiple(here, 4.0, there, 5.0) == "m times"
    assert trace.multiple(here, 0.25, there, 0.2) == "1/m of"
    assert trace.multiple(here, 4.0, there, 4.0) == "4 times"
    assert trace.multiple(here, 4.0, None, None) == "4 times"
