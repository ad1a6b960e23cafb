"""Gradients that backward does not give at all, and parameters that no step changes."""

import pytest
from judged import assert_right, checked

LAYER = """import numpy as np
class Dense:
    def __init__(self, n_in, n_out):
        self.W, self.b = np.random.randn(n_in, n_out), np.zeros(n_out)
    def forward(self, x):
        self.x = x
        return x @ self.W + self.b
    def backward(self, dout):
        self.dW = self.x.T @ dout
        self.db = dout.sum(axis=0)
        return dout @ self.W.T
"""
ENTRIES = """import numpy as np
def init(n, h, o, rng):
    W1, W2 = rng.standard_normal((n, h)), rng.standard_normal((h, o))
    return {"W1": W1, "b1": np.zeros(h), "W2": W2, "b2": np.zeros(o)}
def forward(p, x):
    h = np.tanh(x @ p["W1"] + p["b1"])
    return h @ p["W2"] + p["b2"], (x, h)
def backward(p, cache, dy):
    x, h = cache
    g = {}
    g["W2"] = h.T @ dy
    g["b2"] = dy.sum(axis=0)
    da = dy @ p["W2"].T * (1 - h * h)
    g["W1"] = x.T @ da
    g["b1"] = da.sum(axis=0)
    return g
"""
STEP = """import numpy as np
class Net:
    def __init__(self, d=4, h=5):
        self.W1, self.b1 = np.random.randn(d, h), np.zeros(h)
        self.W2, self.b2 = np.random.randn(h, 1), np.zeros(1)
    def predict(self, x):
        self.h = np.tanh(x @ self.W1 + self.b1)
        return self.h @ self.W2 + self.b2
    def train_step(self, x, y, lr=0.1):
        err = (self.predict(x) - y) / len(x)
        loss = 0.5 * len(x) * np.sum(err ** 2)
        dh = err @ self.W2.T * (1 - self.h ** 2)
        self.W2 -= lr * self.h.T @ err
        self.b2 -= lr * err.sum(axis=0)
        self.W1 -= lr * x.T @ dh
        self.b1 -= lr * dh.sum(axis=0)
        return loss
"""
LEFT_OUT = {
    "of a layer": (LAYER, "self.db = dout.sum(axis=0)"),
    "of a dict": (ENTRIES, 'g["b2"] = dy.sum(axis=0)'),
    "of a product": (ENTRIES, 'g["W1"] = x.T @ da'),
    "of a step": (STEP, "self.b1 -= lr * dh.sum(axis=0)"),
}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_a_line_that_gives_a_gradient_is_missing(tmp_path, name):
    text, line = LEFT_OUT[name]
    assert_right(tmp_path, text)
    at = text[: text.index(line)].count("\n") + 1
    target = line.split(" ")[0].replace('"', "'")
    for instead in ("pass", ""):
        said = checked(tmp_path, text.replace(line, instead), seconds=12)
        assert said.verdict == "wrong"
        (finding,) = [f for e in said.explanations for f in e.findings]
        assert finding.before == instead and target in finding.sentence.replace('"', "'")
        assert finding.line == at or not instead and at <= finding.line <= at + 2


# the mask is no parameter
KEPT = """import numpy as np
class Coupling:
    def __init__(self, d, h=6):
        self.mask = (np.arange(d) % 2).astype(float)
        self.W, self.V = np.random.randn(d, h), np.random.randn(h, d)
    def forward(self, x):
        self.x, self.h = x, np.tanh((x * self.mask) @ self.W)
        return x + (1 - self.mask) * (self.h @ self.V)
    def backward(self, dy):
        dt = dy * (1 - self.mask)
        self.dV = self.h.T @ dt
        da = dt @ self.V.T * (1 - self.h ** 2)
        self.dW = (self.x * self.mask).T @ da
        return dy + (da @ self.W.T) * self.mask
"""


def test_what_is_no_parameter_has_no_gradient(tmp_path):
    assert_right(tmp_path, KEPT)


def test_layers_that_are_drawn_once_and_never_trained_are_right(tmp_path):
    without_weights = STEP.replace("self.W1 -= lr * x.T @ dh", "pass")
    assert checked(tmp_path, without_weights).verdict == "wrong"  # the bias beside them is trained
    assert_right(tmp_path, without_weights.replace("self.b1 -= lr * dh.sum(axis=0)", "pass"))


def test_what_one_step_leaves_alone_is_told(tmp_path):
    said = checked(
        tmp_path, STEP.replace("self.b1", "self.shift").replace("self.shift -= lr * dh.sum(axis=0)", "pass")
    )
    assert said.verdict == "inconclusive"
    assert "the loss depends on self.shift, and no step changes it" in str(said)


# one vector holds the gradients of all parameters, and no argument holds the parameters
VECTOR = """import numpy as np
class Mixture:
    names = ["W1", "b1", "W2", "b2"]
    def __init__(self, hidden=4, parts=3):
        self.W1, self.b1 = np.random.randn(2, hidden), np.random.randn(hidden)
        self.W2, self.b2 = np.random.randn(hidden, parts), np.random.randn(parts)
    def get_theta(self):
        return np.concatenate([getattr(self, n).ravel() for n in self.names])
    def cost_and_gradient(self, x, t):
        h = np.tanh(x @ self.W1 + self.b1)
        d = (h @ self.W2 + self.b2 - t) / len(x)
        cost = 0.5 * len(x) * np.sum(d ** 2)
        da = d @ self.W2.T * (1 - h ** 2)
        parts = (x.T @ da, da.sum(axis=0), h.T @ d, d.sum(axis=0))
        return cost, np.concatenate([g.ravel() for g in parts])
if __name__ == "__main__":
    print(Mixture().cost_and_gradient(np.random.randn(6, 2), np.random.randn(6, 3)))
"""


def test_a_vector_holds_the_gradients_of_all_parameters(tmp_path):
    assert_right(tmp_path, VECTOR)
    said = checked(tmp_path, VECTOR.replace("(1 - h ** 2)", "(1 - h)"), seconds=8)
    assert said.verdict == "wrong"
    assert {f.line for e in said.explanations for f in e.findings} == {13}
    wrong = {g["name"] for e in said.explanations for g in e.gradients if g["verdict"] == "wrong"}
    assert wrong == {"the gradient at self.W1", "the gradient at self.b1"}
