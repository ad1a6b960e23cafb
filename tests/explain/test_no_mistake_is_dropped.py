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


# what the file shows is positive, so that the mask is true everywhere
GATE = """
import numpy as np
class Gate:
    def __init__(self, n):
        self.W = 0.5 + 0.1 * np.random.rand(n, n)
    def forward(self, x):
        self.x = x
        self.z = (x @ self.W) + 2.0
        self.h = np.where(self.z > 0, self.z, 0.1 * self.z)
        return self.h
    def backward(self, dout):
        dz = dout * np.where(self.z > 0, 1.0, 0.1)
        self.dW = self.x.T @ dz
        return dz @ self.W.T
if __name__ == "__main__":
    gate = Gate(3)
    out = gate.forward(0.3 * np.random.RandomState(1).randn(4, 3))
    gate.backward(out)
"""


def test_a_mask_that_is_true_everywhere_hides_no_mistake(tmp_path):
    assert verdict(tmp_path, GATE) == "ok"
    path = tmp_path / "program.py"
    path.write_text(GATE.replace("dz = dout * np.where(self.z > 0, 1.0, 0.1)", "dz = dout * (self.z > 0)"))
    said = file.check(path, seconds=0)
    told = any("self.z > 0 in line" in note and "true everywhere" in note for note in said.notes)
    assert said.verdict == "wrong" or told
