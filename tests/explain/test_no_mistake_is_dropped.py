"""A wrong gradient must not come out right because it was dropped, or because it was never
asked the right question.
"""

import pytest

from minigen.explain import file

LAYER = """
import numpy as np
class Affine:
    def __init__(self, n_in, n_out):
        self.W = 0.3 * np.random.randn(n_in, n_out)
        self.b = 0.1 * np.ones((1, n_out))
    def forward(self, x):
        self.x = x
        return x @ self.W + self.b
    def backward(self, dout):
        self.dW = self.x.T @ dout
        self.db = np.sum(dout, axis=0, keepdims=True)
        return dout @ self.W.T
"""
LOSS = """
import numpy as np
def forward(x, w):
    return np.mean(np.tanh(x @ w))
def backward(g, x, w):
    dh = g * (1 - np.tanh(x @ w) ** 2) / len(x)
    return np.outer(dh, w), x.T @ dh
def inputs(rng):
    return {"x": rng.normal(size=(5, 3)), "w": rng.normal(size=3)}
"""
RECTIFIER = """
import numpy as np
class Rectifier:
    def forward(self, x):
        self.x = x
        return np.maximum(x, 0)
    def backward(self, dout):
        dx = dout.copy()
        dx[self.x <= 0] = 0
        return dx
"""


def verdict(tmp_path, text):
    path = tmp_path / "program.py"
    path.write_text(text)
    return file.check(path, seconds=0).verdict


@pytest.mark.parametrize("text", [LAYER, LOSS, RECTIFIER])
def test_right_programs_are_right(tmp_path, text):
    assert verdict(tmp_path, text) == "ok"


def test_a_change_of_the_upstream_gradient_is_told(tmp_path):
    path = tmp_path / "program.py"
    for text, told in ((RECTIFIER, False), (RECTIFIER.replace("dout.copy()", "dout"), True)):
        path.write_text(text)
        said = file.check(path, seconds=0)
        assert said.verdict == "ok"  # all gradients are right, as in many public programs
        assert any("changes the upstream gradient in place" in note for note in said.notes) == told


@pytest.mark.parametrize(
    ("text", "before", "after"),
    [
        (LAYER, "axis=0, keepdims=True)", "keepdims=True)"),  # (1, 1) for a bias of (1, n)
        (LAYER, "self.x.T @ dout", "2 * self.x.T @ dout"),
        (LOSS, "g * (1 -", "(1 -"),  # right at g = 1 alone
    ],
)
def test_the_mistake_is_seen(tmp_path, text, before, after):
    assert text.count(before) == 1
    assert verdict(tmp_path, text.replace(before, after)) == "wrong"


def test_a_default_for_g_that_is_never_read_is_no_mistake(tmp_path):
    text = LOSS.replace("(g, x, w)", "(x, w, g=1)").replace("g * (1 -", "(1 -")
    assert verdict(tmp_path, text) == "ok"
