"""Weight decay, penalties beside forward, velocities, and other things that look like gradients."""

import numpy as np
import pytest

from minigen.explain import file, shown

DECAY = """import numpy as np
class Dense:
    def __init__(self, n_in, n_out, decay=0.02):
        self.W = np.random.randn(n_in, n_out)
        self.b = np.zeros(n_out)
        self.decay = decay
    def forward(self, x):
        self.x = x
        return np.tanh(x @ self.W + self.b)
    def backward(self, dout):
        da = dout * (1 - np.tanh(self.x @ self.W + self.b) ** 2)
        self.dW = self.x.T @ da + self.decay * self.W
        self.db = da.sum(axis=0)
        return da @ self.W.T
"""
PENALTY = """import numpy as np
STRENGTH = 0.3
class Net:
    def __init__(self, n, k):
        self.V, self.U = np.random.randn(n, k), np.random.randn(k, n)
    def forward(self, x):
        self.x, self.h = x, np.tanh(x @ self.V)
        return self.h @ self.U
    def sparsity_penalty(self):
        return STRENGTH * np.sum(np.mean(self.h, axis=0) ** 2)
    def backward(self, dout):
        dU = self.h.T @ dout
        dh = dout @ self.U.T
        dh = dh + 2 * STRENGTH * np.mean(self.h, axis=0) / len(self.x)
        dV = self.x.T @ (dh * (1 - self.h**2))
        return dV, dU
if __name__ == "__main__":
    net, x = Net(4, 6), np.random.randn(30, 4)
    for _ in range(10):
        y = net.forward(x)
        loss = 0.5 * np.sum((y - x) ** 2) + net.sparsity_penalty()
        dV, dU = net.backward(y - x)
        net.V, net.U = net.V - 0.01 * dV, net.U - 0.01 * dU
"""
VELOCITY = """import numpy as np
RATE, KEEP = 0.05, 0.9
class Pair:
    def __init__(self, n, k):
        self.d_w, self.g_w = np.random.randn(n, k), np.random.randn(k, n)
        self.speed = {}
    def d_loss(self, x):
        self.x, self.u = x, x @ self.d_w
        return np.mean(np.log(1 + np.exp(-self.u)))
    def g_loss(self, z):
        self.z, self.fake = z, np.tanh(z @ self.g_w)
        return np.mean(self.fake**2)
    def move(self, name, grad):
        v = KEEP * self.speed.get(name, 0.0) - RATE * grad
        self.speed[name] = v
        setattr(self, name, getattr(self, name) + v)
    def backward_d(self):
        du = -1 / (1 + np.exp(self.u)) / self.u.size
        self.move("d_w", self.x.T @ du)
    def backward_g(self):
        da = 2 * self.fake * (1 - self.fake**2) / self.fake.size
        self.move("g_w", self.z.T @ da)
if __name__ == "__main__":
    pair = Pair(3, 4)
    for _ in range(5):
        pair.d_loss(np.random.randn(20, 3))
        pair.backward_d()
        pair.g_loss(np.random.randn(20, 4))
        pair.backward_g()
"""
PAIRS_IN_A_LIST = """import numpy as np
from dataclasses import dataclass
@dataclass(frozen=True)
class Settings:
    slope: float = 0.2
def cost(layers, x, t, settings):
    for W, b in layers:
        a = x @ W + b
        x = np.where(a > 0, a, settings.slope * a)
    return 0.5 * np.sum((x - t) ** 2)
def cost_grad(layers, x, t, settings):
    kept = []
    for W, b in layers:
        a = x @ W + b
        kept.append((x, a))
        x = np.where(a > 0, a, settings.slope * a)
    d, grads = x - t, [None] * len(layers)
    for i in reversed(range(len(layers))):
        x, a = kept[i]
        d = d * np.where(a > 0, 1, settings.slope)
        grads[i] = (x.T @ d, d.sum(axis=0))
        d = d @ layers[i][0].T
    return grads
def sgd(model, rate):
    model.W -= rate * model.dW
def options(size):
    p = {"out": np.zeros(size)}
    p.update(rate=0.1)
    return p
if __name__ == "__main__":
    layers = [(np.random.randn(4, 5), np.zeros(5)), (np.random.randn(5, 3), np.zeros(3))]
    x, t = np.random.randn(20, 4), np.random.randn(20, 3)
    for _ in range(10):
        loss = cost(layers, x, t, Settings())
        grads = cost_grad(layers, x, t, Settings())
        layers = [(W - 0.01 * gW, b - 0.01 * gb) for (W, b), (gW, gb) in zip(layers, grads)]
"""
UNROLLED = """import numpy as np
def roll(x, W, U, s):
    states = [s]
    for part in x:
        states.append(np.tanh(part @ W + states[-1] @ U))
    return 0.5 * np.sum(states[-1] ** 2), (x, states)
def bptt(saved, W, U):
    x, states = saved
    dW, dU, d = np.zeros_like(W), np.zeros_like(U), states[-1]
    for t in reversed(range(len(x))):
        da = d * (1 - states[t + 1] ** 2)
        dW += x[t].T @ da
        dU += states[t].T @ da
        d = da @ U.T
    return dW, dU, d
def inputs(rng):
    n = int(rng.integers(2, 5))
    W, U, s = rng.normal(size=(2, 4)), rng.normal(size=(4, 4)), rng.normal(size=(n, 4))
    return dict(x=rng.normal(size=(3, n, 2)), W=W, U=U, s=s)
if __name__ == "__main__":
    given = inputs(np.random.default_rng(0))
    loss, saved = roll(**given)
    grads = bptt(saved, given["W"], given["U"])
"""
TURN = """import numpy as np
class Turn:
    def forward(self, x):
        return x[:, ::-1]
    def backward(self, dy):
        return dy[:, ::-1]
"""
STACK = """import numpy as np
class Layer:
    def __init__(self, n, k):
        self.W = np.random.randn(n, k)
    def forward(self, x):
        self.x = x
        return np.tanh(x @ self.W)
    def backward(self, d):
        d = d * (1 - np.tanh(self.x @ self.W) ** 2)
        self.dW = self.x.T @ d
        return d @ self.W.T
class Net:
    def __init__(self, n):
        self.layers = [Layer(n, 5), Layer(5, 3)]
    def loss(self, x, t):
        for layer in self.layers:
            x = layer.forward(x)
        self.d = x - t
        return 0.5 * np.sum(self.d**2)
    def backward(self):
        d = self.d
        for layer in reversed(self.layers):
            d = layer.backward(d)
        return d
if __name__ == "__main__":
    net = Net(4)
    net.loss(np.random.randn(20, 4), np.random.randn(20, 3))
    net.backward()
"""
BOOK = """import numpy as np
class Dense:
    def __init__(self, n, k, l1=0.0, l2=0.0):
        self.weights, self.l1, self.l2 = np.random.randn(n, k), l1, l2
    def forward(self, inputs):
        self.inputs = inputs
        self.output = inputs @ self.weights
    def regularization_loss(self):
        return self.l1 * np.sum(np.abs(self.weights)) + self.l2 * np.sum(self.weights**2)
    def backward(self, dvalues):
        self.dweights = self.inputs.T @ dvalues
        self.dweights += self.l1 * np.sign(self.weights)
        self.dweights += 2 * self.l2 * self.weights
        self.dinputs = dvalues @ self.weights.T
if __name__ == "__main__":
    layer = Dense(3, 4, l1=0.02, l2=0.05)
    layer.forward(np.random.randn(30, 3))
    print(np.mean(layer.output) + layer.regularization_loss())
    layer.backward(np.random.randn(30, 4))
"""
LABELS_LATER = """import numpy as np
class Net:
    def __init__(self, n, k, rate=0.1, decay=0.02):
        self.v, self.u = np.random.randn(n, k), np.random.randn(k, 2)
        self.rate, self.decay = rate, decay
    def feedforward(self, x):
        self.x, self.h = x, np.tanh(x @ self.v)
        self.output = self.h @ self.u
        return self.output
    def cost(self, y):
        return 0.5 * np.sum((y - self.output) ** 2) / len(y) + 0.5 * self.decay * np.sum(self.u**2)
    def backprop(self, y):
        d = (y - self.output) / len(y)
        dh = d @ self.u.T * (1 - self.h**2)
        self.u = self.u + self.rate * (self.h.T @ d - self.decay * self.u)
        self.v = self.v + self.rate * (self.x.T @ dh)
if __name__ == "__main__":
    net, x, y = Net(3, 5), np.random.randn(30, 3), np.random.randn(30, 2)
    for _ in range(5):
        net.feedforward(x)
        print(net.cost(y))
        net.backprop(y)
"""
CAMEL = """import numpy as np
def drawWeights(rng, n, k):
    return rng.normal(size=(n, k))
def netCost(U, X, Y, strength):
    return 0.5 * np.sum((np.tanh(X @ U) - Y) ** 2) + strength * np.sum(U[1:] ** 2)
def netGradient(U, X, Y, strength):
    H = np.tanh(X @ U)
    R = 2 * strength * U
    R[0] = 0
    return X.T @ ((H - Y) * (1 - H**2)) + R
def inputs(rng):
    return dict(U=rng.normal(size=(3, 2)), X=rng.normal(size=(5, 3)), Y=rng.normal(size=(5, 2)), strength=0.4)
if __name__ == "__main__":
    rng = np.random.default_rng(0)
    U = drawWeights(rng, 3, 2)
    G = netGradient(U, rng.normal(size=(9, 3)), rng.normal(size=(9, 2)), 0.4)
"""
ITSELF = STACK.replace("def loss(self, x, t):", "def loss(self, x):\n        t = x").replace(
    "Layer(5, 3)", "Layer(5, 4)"
)
ITSELF = ITSELF.replace(
    "net.loss(np.random.randn(20, 4), np.random.randn(20, 3))", "net.loss(np.random.randn(20, 4))"
)
BESIDE_X = """import numpy as np
def scaled(x, p, grads):
    y = x * np.exp(p["flow.logs"]) + p["flow.shift"]
    def back(dy):
        grads["flow.shift"] = dy.sum(axis=0)
        grads["flow.logs"] = (dy * x * np.exp(p["flow.logs"])).sum(axis=0)
        return dy * np.exp(p["flow.logs"])
    return y, back
def flow(x, p):
    grads = {}
    y, back = scaled(x, p, grads)
    def backward():
        grads["x"] = back(np.tanh(y) / len(x))
        return grads
    return np.mean(np.log(np.cosh(y)).sum(axis=1)), backward
def inputs(rng):
    p = {"flow.logs": 0.3 * rng.normal(size=3), "flow.shift": rng.normal(size=3)}
    return dict(x=rng.normal(size=(5, 3)), p=p)
"""
SAME_CLASS = """import numpy as np
from dataclasses import dataclass
@dataclass
class Critic:
    W: np.ndarray
    b: np.ndarray
    v: np.ndarray
def critic_loss(c, real, fake):
    grad = Critic(np.zeros_like(c.W), np.zeros_like(c.b), np.zeros_like(c.v))
    loss = 0.0
    for x, sign in ((real, -1), (fake, 1)):
        h = np.tanh(x @ c.W + c.b)
        loss += sign * np.mean(h @ c.v)
        df = sign * np.ones(len(x)) / len(x)
        da = np.outer(df, c.v) * (1 - h**2)
        grad.v += df @ h
        grad.W += x.T @ da
        grad.b += da.sum(axis=0)
    return loss, grad
def inputs(rng):
    c = Critic(rng.normal(size=(2, 3)), rng.normal(size=3), rng.normal(size=3))
    return dict(c=c, real=rng.normal(size=(5, 2)), fake=rng.normal(size=(5, 2)))
"""
SAME_NAME = """import numpy as np
class Scale:
    def __init__(self, n):
        self.gamma, self.beta = np.ones(n), np.zeros(n)
    def forward(self, x):
        self.x = x
        return self.gamma * x + self.beta
    def backward(self, g):
        self.dgamma, self.dbeta = (g * self.x).sum(axis=0), g.sum(axis=0)
        return g * self.gamma
class Sparsity:
    def __init__(self, beta):
        self.beta = beta
    def forward(self, x):
        self.n, self.mean = len(x), x.mean(axis=0)
        self.penalty = self.beta * np.sum(self.mean**2)
        return x
    def backward(self, g):
        return g + 2 * self.beta * self.mean / self.n
class Net:
    def __init__(self, n):
        self.layers = [Scale(n), Sparsity(0.3), Scale(n)]
    def loss(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        self.y = x
        return 0.5 * np.sum(x**2) + self.layers[1].penalty
    def backprop(self):
        g = self.y
        for layer in reversed(self.layers):
            g = layer.backward(g)
if __name__ == "__main__":
    net = Net(4)
    net.loss(np.random.randn(20, 4))
    net.backprop()
"""
WITHIN = """import numpy as np
class Dense:
    def __init__(self, n, k):
        self.weights = np.random.randn(n, k) / 2
    def forward(self, inputs):
        self.inputs = inputs
        self.output = inputs @ self.weights
    def backward(self, dvalues):
        self.dweights = self.inputs.T @ dvalues
        self.dinputs = dvalues @ self.weights.T
class Model:
    def __init__(self, n, k):
        self.encoder, self.decoder = Dense(n, k), Dense(k, n)
    def forward(self, X, noise):
        self.encoder.forward(X)
        self.decoder.forward(self.encoder.output + 0.1 * noise)
        self.error = self.decoder.output - X
        return 0.5 * np.mean(np.sum(self.error**2, axis=1))
    def backward(self):
        self.decoder.backward(self.error / len(self.error))
        self.encoder.backward(self.decoder.dinputs)
if __name__ == "__main__":
    model = Model(6, 3)
    model.forward(np.random.randn(20, 6), np.random.randn(20, 3))
    model.backward()
"""
WEIGHTED = """import numpy as np
def forwardPropagation(X, parameters):
    Z = parameters["W"] @ X + parameters["b"]
    E = np.exp(Z - Z.max(axis=0))
    A = E / E.sum(axis=0)
    return A, {"A": A}
def computeCost(A, Y, classWeights):
    return -np.sum(classWeights * Y * np.log(A)) / Y.shape[1]
def backwardPropagation(X, Y, cache, classWeights):
    dZ = np.sum(classWeights * Y, axis=0, keepdims=True) * (cache["A"] - Y) / X.shape[1]
    return {"dW": dZ @ X.T, "db": dZ.sum(axis=1, keepdims=True)}
if __name__ == "__main__":
    X, Y = np.random.randn(4, 30), np.eye(3)[:, np.random.randint(0, 3, 30)]
    parameters = {"W": np.random.randn(3, 4), "b": np.zeros((3, 1))}
    classWeights = 30 / (3 * Y.sum(axis=1, keepdims=True))
    for _ in range(20):
        A, cache = forwardPropagation(X, parameters)
        computeCost(A, Y, classWeights)
        grads = backwardPropagation(X, Y, cache, classWeights)
"""
ASKED = """import numpy as np
class Dense:
    def __init__(self, n, k, strength=0.05):
        self.V, self.gain, self.strength = np.random.randn(n, k), np.ones((1, k)), strength
    def forward(self, inputs):
        self.inputs, self.length = inputs, np.sqrt(np.sum(self.V**2, axis=0, keepdims=True))
        self.W = self.gain * self.V / self.length
        self.output = inputs @ self.W
    def backward(self, dvalues):
        self.dW = self.inputs.T @ dvalues + self.strength * np.sign(self.W)
        unit = self.V / self.length
        self.dgain = np.sum(self.dW * unit, axis=0, keepdims=True)
        self.dV = self.gain / self.length * (self.dW - unit * self.dgain)
        self.dinputs = dvalues @ self.W.T
class Loss:
    def calculate(self, output, y):
        return np.mean((output - y) ** 2)
    def regularization_loss(self, layer):
        return layer.strength * np.sum(np.abs(layer.W))
    def backward(self, dvalues, y):
        self.dinputs = 2 * (dvalues - y) / dvalues.size
def back_through(layers, loss, y):
    loss.backward(layers[-1].output, y)
    d = loss.dinputs
    for layer in reversed(layers):
        layer.backward(d)
        d = layer.dinputs
"""
RIGHT = {
    "beside x": BESIDE_X,
    "same class": SAME_CLASS,
    "same name": SAME_NAME,
    "within": WITHIN,
    "weighted": WEIGHTED,
    "decay": DECAY,
    "l1": DECAY.replace("self.decay * self.W", "self.decay * np.sign(self.W)"),
    "both": DECAY.replace("self.decay * self.W", "self.decay * self.W + 0.05 * np.sign(self.W)"),
    "penalty": PENALTY,
    "velocity": VELOCITY,
    "pairs in a list": PAIRS_IN_A_LIST,
    "unrolled": UNROLLED,
    "turn": TURN,
    "stack": STACK,
    "itself": ITSELF,  # what comes back to an autoencoder's input is not the slope at its target
    "book": BOOK,
    "labels later": LABELS_LATER,
    "camel": CAMEL,
}


def judged(tmp_path, text, **options):
    path = tmp_path / "mine.py"
    path.write_text(text, encoding="utf-8")
    return file.check(path, reveal=True, **options).to_dict()


def test_a_penalty_that_a_loss_asks_of_a_layer_is_no_mistake_of_the_layer(tmp_path):
    said = judged(tmp_path, ASKED, seconds=0)
    assert {g["verdict"] for g in said["gradients"]} == {"ok"} and said["verdict"] != "wrong"
    wrong = judged(tmp_path, ASKED.replace("+ self.strength", "+ 2 * self.strength"), seconds=0)
    assert wrong["verdict"] == "wrong"


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_program_is_right_and_wholly_judged(name, tmp_path):
    said = judged(tmp_path, RIGHT[name])
    assert said["verdict"] == "ok", said
    counts = {
        "beside x": 3,
        "same class": 3,
        "same name": 4,
        "turn": 1,
        "camel": 1,
        "pairs in a list": 4,
        "decay": 3,
        "l1": 3,
        "both": 3,
        "unrolled": 3,
        "stack": 3,
    }
    assert len(said["gradients"]) == counts.get(name, 2)


@pytest.mark.parametrize(
    ("name", "right", "wrong", "after"),
    [
        (
            "beside x",
            'dy * x * np.exp(p["flow.logs"])).sum',
            "dy * y).sum",
            "p",
        ),  # under the key of what it is for
        ("same class", "grad.W += x.T @ da", "grad.W += x.T @ h", "da"),
        ("same name", "2 * self.beta * self.mean / self.n", "2 * self.beta * self.mean", "self.n"),
        ("within", "self.error / len(self.error)", "self.error", "self.error"),
        ("weighted", '* (cache["A"] - Y) / X', '* (cache["A"] + Y) / X', "-"),
        ("decay", "self.x.T @ da +", "self.x.T @ dout +", "da"),  # beside the decay, a mistake
        (
            "decay",
            "(1 - np.tanh(self.x @ self.W + self.b) ** 2)",
            "(1 - np.tanh(self.x @ self.W) ** 2)",
            "self.b",
        ),
        ("penalty", "2 * STRENGTH * np", "STRENGTH * np", "2"),
        ("penalty", "axis=0) / len(self.x)", "axis=0)", "shape[0]"),
        ("velocity", "/ self.u.size", "", "self.u"),
        ("velocity", "2 * self.fake * (1", "2 * self.z.mean() * (1", "self.fake"),
        ("pairs in a list", "np.where(a > 0, 1, settings.slope)", "(a > 0)", "settings.slope"),
        ("unrolled", "dU += states[t].T", "dU += states[t + 1].T", "0"),
        ("turn", "return dy[:, ::-1]", "return dy", "[:, ::-1]"),
        ("book", "2 * self.l2 * self", "self.l2 * self", "2"),
        ("book", "self.inputs.T @ dvalues", "2 * self.inputs.T @ dvalues", "self.inputs.T"),
        ("labels later", "self.output) / len(y)\n        dh", "self.output)\n        dh", "shape[0]"),
        ("labels later", " * (1 - self.h**2)", "", "self.h"),
        ("camel", "R = 2 * strength", "R = strength", "2"),
        ("labels later", "(1 - self.h**2)", "self.h", "1 - self.h ** 2"),
        ("stack", "return d @ self.W.T", "return 2 * d @ self.W.T", "d"),
    ],
)
def test_a_mistake_is_found_at_its_line(name, right, wrong, after, tmp_path):
    text = RIGHT[name]
    assert text.count(right) == 1
    line = text[: text.index(right)].count("\n") + 1
    said = judged(tmp_path, text.replace(right, wrong))
    assert said["verdict"] == "wrong"
    assert [f["line"] for f in said["findings"]][:1] == [line]
    assert after in said["findings"][0]["after"]


@pytest.mark.parametrize("mistake", [("", ""), ("grad.W += x.T @ da", "grad.W += x.T @ h")])
def test_a_gradient_of_another_shape_hides_nothing_beside_it(mistake, tmp_path):
    text = SAME_CLASS.replace("    return loss, grad\n", "    grad.b = grad.b.sum()\n    return loss, grad\n")
    said = judged(tmp_path, text.replace(*mistake), seconds=0)
    wrong = [g["name"] for g in said["gradients"] if g["verdict"] == "wrong"]
    assert said["verdict"] == "wrong" and len(said["gradients"]) == 3
    assert wrong == (["W", "b"] if mistake[0] else ["b"])


def test_what_is_not_decay_is_not_taken_for_it(tmp_path):
    """A forgotten g, and a decay with the wrong sign, are what they were."""
    for right, wrong in (("dout * (1 -", "(1 -"), ("da + self.decay", "da - self.decay")):
        said = judged(tmp_path, DECAY.replace(right, wrong), seconds=3)
        assert said["verdict"] == "wrong", wrong


def test_a_symmetric_matrix_stays_so_and_shares_of_a_whole_add_up():
    rng = np.random.default_rng(0)
    value = rng.random((6, 6))
    value = value + value.T - 2 * np.diag(np.diag(value))
    value /= value.sum()
    new = shown._of_its_kind(value, {6: np.arange(4)}, rng)
    assert new.shape == (4, 4) and np.allclose(new, new.T) and np.isclose(new.sum(), 1)
    assert not np.diag(new).any() and not np.allclose(new, value[:4, :4])
