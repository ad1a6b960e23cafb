"""A function that makes a loss and gradients, and raises once it has the loss: what mends it is told."""

import pytest
from judged import assert_right, checked

TOGETHER = """import numpy as np
def loss_and_grads(W1, b1, W2, x, y):
    h = np.tanh(x @ W1 + b1)
    diff = h @ W2 - y
    loss = 0.5 * np.sum(diff ** 2) / len(x)
    d = diff / len(x)
    grads = {"W2": h.T @ d}
    da = (d @ W2.T) * (1 - h ** 2)
    grads["W1"] = x.T @ da
    grads["b1"] = da.sum(axis=0)
    return loss, grads
"""
GIVEN = """
def inputs(rng):
    n = lambda *sizes: rng.normal(size=sizes)
    return dict(W1=n(4, 6), b1=n(6), W2=n(6, 3), x=n(5, 4), y=n(5, 3))
"""
SHOWN = """
if __name__ == "__main__":
    rng = np.random.default_rng(0)
    W1, b1, W2 = rng.normal(size=(4, 6)), rng.normal(size=6), rng.normal(size=(6, 3))
    x, y = rng.normal(size=(20, 4)), rng.normal(size=(20, 3))
    for _ in range(10):
        loss, grads = loss_and_grads(W1, b1, W2, x, y)
        W1 -= 0.1 * grads["W1"]
"""
# the way back is called within; the function has no name of a gradient
WITHIN = """import numpy as np
class Layer:
    def __init__(self, n_in, n_out):
        self.W = np.random.default_rng(0).normal(size=(n_in, n_out))
    def forward(self, x):
        self.x = x
        return np.tanh(x @ self.W)
    def backward(self, dout):
        dz = dout * (1 - np.tanh(self.x @ self.W) ** 2)
        self.dW = self.x.T @ dz
        return dz @ self.W.T
def half(layer, x, target):
    diff = layer.forward(x) - target
    dx = layer.backward(diff)
    return 0.5 * np.sum(diff ** 2), dx
if __name__ == "__main__":
    rng = np.random.default_rng(0)
    layer = Layer(4, 3)
    print(half(layer, rng.normal(size=(5, 4)), rng.normal(size=(5, 3))))
"""


@pytest.mark.parametrize("more", ["", GIVEN, SHOWN], ids=["by trying", "given", "shown"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("d @ W2.T", "d @ W2"),
        ("x.T @ da", "x @ da"),
        ("h.T @ d}", "h @ d}"),
        ("(1 - h ** 2)", "(1 - x ** 2)"),
    ],
)
def test_what_mends_the_line_at_which_it_stops_is_found(tmp_path, more, before, after):
    assert TOGETHER.count(before) == 1
    text = TOGETHER.replace(before, after) + more
    said = checked(tmp_path, text, seconds=20)
    (f,) = (f for e in said.explanations for f in e.findings)
    assert said.verdict == "wrong"
    assert f.line == TOGETHER[: TOGETHER.index(before)].count("\n") + 1
    lines = text.splitlines(keepends=True)
    lines[f.line - 1] = lines[f.line - 1][: f.column] + f.after + lines[f.line - 1][f.end_column :]
    assert checked(tmp_path, "".join(lines)).verdict == "ok"


def test_a_way_back_that_is_called_within(tmp_path):
    assert_right(tmp_path, WITHIN)
    said = checked(tmp_path, WITHIN.replace("self.x.T @ dz", "self.x @ dz"), seconds=20)
    assert said.verdict == "wrong"
    assert 10 in {f.line for e in said.explanations for f in e.findings}
