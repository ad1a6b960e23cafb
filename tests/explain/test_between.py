"""Two mistakes in one program, told apart by names that promise a gradient, and by layers."""

import ast
from types import SimpleNamespace

import pytest

from minigen.explain import file
from minigen.explain.between import Between, Place

# one flat vector: nothing that is returned comes right with one of two mistakes mended
FLAT = """import numpy as np
RATE, SIZE = 0.3, 5
def apart(theta):
    return theta[: SIZE * 4].reshape(4, SIZE), theta[SIZE * 4 :]
def cost(theta, data):
    W, c = apart(theta)
    h = 1 / (1 + np.exp(-(data @ W + c)))
    mean = h.mean(axis=0)
    away = h @ W.T - data
    rare = np.sum(RATE * np.log(RATE / mean) + (1 - RATE) * np.log((1 - RATE) / (1 - mean)))
    return 0.5 * np.sum(away**2) / len(data) + rare
def cost_gradient(theta, data):
    W, c = apart(theta)
    n = len(data)
    h = 1 / (1 + np.exp(-(data @ W + c)))
    mean = h.mean(axis=0)
    daway = (h @ W.T - data) / n
    dmean = -RATE / mean + (1 - RATE) / (1 - mean)
    dh = daway @ W
    dh += dmean / n
    da = dh * h * (1 - h)
    dW = data.T @ da + daway.T @ h
    return np.concatenate([dW.ravel(), da.sum(axis=0)])
def inputs(rng):
    return dict(theta=rng.normal(size=25) * 0.5, data=rng.normal(size=(int(rng.integers(4, 8)), 4)))
"""
# both mistakes are in what all gradients but one depend on; the batch is divided by at the end
COLUMNS = """import numpy as np
def forward(p, X, T):
    Z1 = p["W1"] @ X + p["b1"]
    A1 = np.tanh(Z1)
    Z2 = p["W2"] @ A1
    A2 = Z2 * Z2 / (1 + Z2 * Z2)
    return 0.5 * np.sum((A2 - T) ** 2) / X.shape[1], (X, T, A1, Z2, A2)
def backward(p, cache):
    X, T, A1, Z2, A2 = cache
    m = X.shape[1]
    dA2 = A2 - T
    dZ2 = dA2 * 2 * Z2 / (1 + Z2 * Z2) ** 2
    dA1 = p["W2"].T @ dZ2
    dZ1 = dA1 * (1 - A1**2)
    return {"W2": dZ2 @ A1.T / m, "W1": dZ1 @ X.T / m, "b1": dZ1.sum(axis=1, keepdims=True) / m}
def inputs(rng):
    m = int(rng.integers(3, 7))
    p = {"W1": rng.normal(size=(5, 4)), "b1": rng.normal(size=(5, 1)), "W2": rng.normal(size=(2, 5))}
    return dict(p=p, X=rng.normal(size=(4, m)), T=rng.normal(size=(2, m)))
"""
# layers without parameters behind those that have some: no gradient tells one of them from the other
LAYERS = """import numpy as np
class Leaky:
    slope = 0.15
    def forward(self, x):
        self.x = x
        return np.where(x > 0, x, self.slope * x)
    def backward(self, dout):
        return dout * np.where(self.x > 0, 1, self.slope)
class Mean:
    def forward(self, x):
        self.shape = x.shape
        return x.mean(axis=1)
    def backward(self, dout):
        n, h, w = self.shape
        return np.ones(self.shape) * dout[:, None, :] / h
class Scale:
    def __init__(self, n):
        self.gain = np.ones(n)
    def forward(self, x):
        self.x = x
        return x * self.gain
    def backward(self, dout):
        self.dgain = np.sum(dout * self.x, axis=(0, 1))
        return dout * self.gain
class Net:
    def __init__(self):
        self.layers = [Scale(4), Leaky(), Mean()]
    def loss(self, x, t):
        for layer in self.layers:
            x = layer.forward(x)
        self.off = x - t
        return np.sum(self.off**2)
    def backward(self):
        d = 2 * self.off
        for layer in reversed(self.layers):
            d = layer.backward(d)
        return d
if __name__ == "__main__":
    net = Net()
    x, t = np.random.randn(30, 5, 4), np.random.randn(30, 4)
    net.loss(x, t)
    net.backward()
"""
# what two lines have in common is one mistake, whatever else is wrong
COMMON = """import numpy as np
def forward(p, x, t):
    h = np.tanh(x @ p["w"])
    off = h @ p["v"] - t
    return np.sum(off**2 * np.exp(-2 * p["s"]) + 2 * p["s"]) / 2, (x, h, off)
def backward(p, cache):
    x, h, off = cache
    precision = np.exp(-2 * p["s"])
    doff = off * precision
    dh = doff @ p["v"].T
    da = dh * (1 - h**2)
    return {"s": len(x) - np.sum(off**2, axis=0) * precision, "v": h.T @ doff, "w": x.T @ da}
def inputs(rng):
    n = int(rng.integers(4, 8))
    p = {"w": rng.normal(size=(3, 5)), "v": rng.normal(size=(5, 2)), "s": rng.normal(size=2) * 0.3}
    return dict(p=p, x=rng.normal(size=(n, 3)), t=rng.normal(size=(n, 2)))
"""


@pytest.mark.parametrize(
    ("text", "changes", "lines"),
    [
        (
            FLAT,
            [("(1 - RATE) / (1 - mean)\n", "(1 - RATE) / mean\n"), ("daway.T @ h", "2 * daway.T @ h")],
            [18, 22],
        ),
        (FLAT, [("dh += dmean / n", "dh += dmean"), ("h * (1 - h)", "h * (1 + h)")], [20, 21]),
        (
            COLUMNS,
            [("2 * Z2 / (1 + Z2 * Z2) ** 2", "2 * Z2 / (1 + Z2 * Z2)"), ("1 - A1**2", "1 - A1")],
            [12, 14],
        ),
        (LAYERS, [("np.where(self.x > 0, 1, self.slope)", "(self.x > 0)"), (" / h\n", "\n")], [8, 15]),
        (
            COMMON,
            [('precision = np.exp(-2 * p["s"])', 'precision = np.exp(-p["s"])'), ("1 - h**2", "1 + h**2")],
            [8, 11],
        ),
    ],
)
def test_of_two_mistakes_each_is_found(tmp_path, text, changes, lines):
    path = tmp_path / "mine.py"
    path.write_text(text)
    assert file.check(path, seconds=0).verdict == "ok"
    for before, after in changes:
        assert text.count(before) == 1
        text = text.replace(before, after)
    path.write_text(text)
    said = file.check(path, seconds=30, reveal=True).to_dict()
    assert [finding["line"] for finding in said["findings"]] == lines
    rows = text.splitlines()
    for finding in reversed(said["findings"]):
        row = rows[finding["line"] - 1]
        rows[finding["line"] - 1] = row[: finding["column"]] + finding["after"] + row[finding["end_column"] :]
    path.write_text("\n".join(rows) + "\n")
    assert file.check(path, seconds=0).verdict == "ok"


def test_a_step_of_a_loop_is_the_same_one_from_its_end_where_there_are_more_steps():
    function = SimpleNamespace(name="bptt", notes={})
    back, forth = (Place(function, n, ast.parse(f"{n} = 1").body[0]) for n in ("dq", "q"))
    between = Between(back, 1, 3, forth, -2)  # found in a run of three steps
    of_five = [value for t in range(5) for value in ((back.key, 0, 10.0 - t), (forth.key, 0, 20.0 + t))]
    assert between.of(of_five) == 9.0 and between.made_of(of_five) == 23.0
    assert between.of(of_five[:2]) is None
