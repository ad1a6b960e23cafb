"""Forward, gradients and step in the body of one loop, or one after another without a loop."""

import ast

import pytest
from judged import assert_right, checked, is_told

from minigen.explain import loops, pairs

# a method makes its weights anew, and there is no loss
RIDGE = """import numpy as np
class Ridge:
    def __init__(self, rate=0.1, rounds=200):
        self.rate = rate
        self.rounds = rounds
    def fit(self, X, y):
        n, d = X.shape
        self.w = np.zeros(d)
        self.b = 0.0
        for _ in range(self.rounds):
            guess = X @ self.w + self.b
            dw = X.T @ (guess - y) / n
            db = np.mean(guess - y)
            self.w -= self.rate * dw
            self.b -= self.rate * db
        return self
    def predict(self, X):
        return X @ self.w + self.b
"""
# a function; the loss is made only to be told
CLASSES = """import numpy as np
def train(X, labels, classes, lr=0.3, epochs=50, batch=8):
    W = 0.01 * np.random.randn(X.shape[1], classes)
    b = np.zeros(classes)
    for epoch in range(epochs):
        order = np.random.permutation(len(X))
        for i in range(0, len(X), batch):
            rows = order[i:i + batch]
            xb, tb = X[rows], labels[rows]
            scores = xb @ W + b
            e = np.exp(scores - scores.max(axis=1, keepdims=True))
            p = e / e.sum(axis=1, keepdims=True)
            loss = -np.log(p[np.arange(len(rows)), tb]).mean()
            d = p.copy()
            d[np.arange(len(rows)), tb] -= 1
            d /= len(rows)
            dW = xb.T @ d
            db = d.sum(axis=0)
            W -= lr * dW
            b -= lr * db
        if epoch % 10 == 0:
            print(epoch, loss)
    return W, b
rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
W, b = train(X, (X[:, 0] > 0).astype(int) + (X[:, 1] > 0), 3)
"""
# at the top level: the famous eleven lines, with the error the other way round
GATE = """import numpy as np
def squash(x, deriv=False):
    if deriv:
        return x * (1 - x)
    return 1 / (1 + np.exp(-x))
X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
y = np.array([[0, 1, 1, 0]]).T
np.random.seed(3)
first = 2 * np.random.random((3, 5)) - 1
second = 2 * np.random.random((5, 1)) - 1
for _ in range(3000):
    hidden = squash(X @ first)
    out = squash(hidden @ second)
    miss = y - out
    out_delta = miss * squash(out, deriv=True)
    hidden_delta = out_delta @ second.T * squash(hidden, deriv=True)
    second += hidden.T @ out_delta
    first += X.T @ hidden_delta
print(out)
"""
# numbers and lists; sums over the examples
CURVE = """xs = [-1.0, -0.5, 0.1, 0.4, 0.9]
ys = [0.8, 0.2, -0.1, 0.3, 1.1]
p, q, r = 0.1, -0.2, 0.3
tasa = 0.05
for vuelta in range(400):
    dp = dq = dr = 0.0
    coste = 0.0
    for x, y in zip(xs, ys):
        diferencia = p * x * x + q * x + r - y
        coste += diferencia ** 2 / len(xs)
        dp += 2 * diferencia * x * x / len(xs)
        dq += 2 * diferencia * x / len(xs)
        dr += 2 * diferencia / len(xs)
    p -= tasa * dp
    q -= tasa * dq
    r -= tasa * dr
    if vuelta % 100 == 0:
        print(vuelta, coste)
"""
# two players, each with its own loss
PLAYERS = """import numpy as np
def s(a):
    return 1 / (1 + np.exp(-a))
if __name__ == "__main__":
    rng = np.random.RandomState(0)
    shift, u, v = np.zeros(2), rng.randn(2), 0.1
    for round in range(500):
        real = rng.randn(16, 2) + 2
        fake = rng.randn(16, 2) + shift
        pr, pf = s(real @ u + v), s(fake @ u + v)
        d_loss = -np.mean(np.log(pr)) - np.mean(np.log(1 - pf))
        dr, df = (pr - 1) / 16, pf / 16
        du = real.T @ dr + fake.T @ df
        dv = dr.sum() + df.sum()
        u -= 0.1 * du
        v -= 0.1 * dv
        z = rng.randn(16, 2)
        p = s((z + shift) @ u + v)
        g_loss = -np.mean(np.log(p))
        dx = np.outer((p - 1) / 16, u)
        shift -= 0.1 * dx.sum(axis=0)
    print(d_loss, g_loss)
"""
# Adam: what a step takes is no gradient, but dA is; parameters in lists, layer by layer
LAYERS = """import numpy as np
rng = np.random.default_rng(1)
x = rng.normal(size=(20, 3))
t = np.sin(x.sum(axis=1, keepdims=True))
A = [rng.normal(0, 0.5, (3, 4)), rng.normal(0, 0.5, (4, 1))]
m, v = [np.zeros_like(a) for a in A], [np.zeros_like(a) for a in A]
step = 0
while step < 300:
    h = [x]
    for k in range(2):
        h.append(np.tanh(h[k] @ A[k]))
    loss = np.mean((h[-1] - t) ** 2)
    step += 1
    d = 2 * (h[-1] - t) / t.size
    for k in reversed(range(2)):
        d = d * (1 - h[k + 1] ** 2)
        dA = h[k].T @ d
        d = d @ A[k].T
        m[k] = 0.9 * m[k] + 0.1 * dA
        v[k] = 0.99 * v[k] + 0.01 * dA ** 2
        A[k] -= 0.01 * m[k] / (np.sqrt(v[k]) + 1e-8)
"""
# pairs of parameters and gradients; what is recorded is the loss
CODE = """import numpy as np
rng = np.random.RandomState(4)
data = rng.rand(30, 6)
W, b, V, c = rng.randn(6, 2) * 0.3, np.zeros(2), rng.randn(2, 6) * 0.3, np.zeros(6)
params = [W, b, V, c]
losses = []
for epoch in range(100):
    W, b, V, c = params
    code = np.tanh(data @ W + b)
    back = code @ V + c
    losses.append(0.5 * np.sum((back - data) ** 2))
    delta = back - data
    inner = delta @ V.T * (1 - code ** 2)
    grads = [data.T @ inner, inner.sum(0), code.T @ delta, delta.sum(0)]
    params = [p - 0.01 * g for p, g in zip(params, grads)]
"""
# an object with methods that read its weights
NET = """import numpy as np
class Net:
    def __init__(self, n_in, n_hidden):
        self.W1 = np.random.randn(n_in, n_hidden) * 0.5
        self.W2 = np.random.randn(n_hidden, 1) * 0.5
    def run(self, X):
        self.h = np.maximum(0, X @ self.W1)
        return self.h @ self.W2
    def train(self, X, y, rounds=100, lr=0.05):
        for k in range(rounds):
            out = self.run(X)
            loss = 0.5 * np.mean((out - y) ** 2)
            err = (out - y) / len(X)
            dW2 = self.h.T @ err
            dh = err @ self.W2.T
            dh[self.h <= 0] = 0
            dW1 = X.T @ dh
            self.W1 -= lr * dW1
            self.W2 -= lr * dW2
            if loss < 1e-3:
                break
X = np.random.RandomState(0).randn(25, 3)
Net(3, 5).train(X, X[:, :1] ** 2)
"""
# no loop at all
BY_HAND = """import math
x, t = 1.5, 0.2
w, b = 0.6, -0.4
z = w * x + b
a = math.tanh(z)
error = 0.5 * (a - t) ** 2
de_da = a - t
da_dz = 1 - a ** 2
de_dz = de_da * da_dz
de_dw = de_dz * x
de_db = de_dz
w -= 0.1 * de_dw
b -= 0.1 * de_db
print(error, w, b)
"""
# the gradients come from a function: it is what is judged, and no loop
HANDED = """import numpy as np
def loss_and_grad(w, X, y):
    r = X @ w - y
    return 0.5 * r @ r, X.T @ r
X = np.random.RandomState(0).randn(12, 3)
w = np.zeros(3)
for k in range(10):
    loss, dw = loss_and_grad(w, X, X.sum(1))
    w -= 0.1 * dw
"""
# a loop of forward: nothing is trained in it
FLOW = """import numpy as np
def log_density(z, u, w):
    total = -0.5 * np.sum(z ** 2)
    for k in range(len(u)):
        h = np.tanh(w[k] @ z)
        total += np.log(np.abs(1 + (1 - h ** 2) * (u[k] @ w[k])))
        z = z + u[k] * h
    return total
def log_density_grad(z, u, w):
    states = [z]
    for k in range(len(u)):
        states.append(states[-1] + u[k] * np.tanh(w[k] @ states[-1]))
    back = np.zeros_like(z)
    for k in reversed(range(len(u))):
        h = np.tanh(w[k] @ states[k])
        slope = 1 - h ** 2
        uw = u[k] @ w[k]
        a = slope * (u[k] @ back) - 2 * h * slope * uw / (1 + slope * uw)
        back = back + a * w[k]
    return back - z
if __name__ == "__main__":
    rng = np.random.default_rng(2)
    z, u, w = rng.normal(size=3), rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    print(log_density(z, u, w), log_density_grad(z, u, w))
"""
RIGHT = {
    "RIDGE": RIDGE, "CLASSES": CLASSES, "GATE": GATE, "CURVE": CURVE, "PLAYERS": PLAYERS, "LAYERS": LAYERS,
    "CODE": CODE, "NET": NET, "BY_HAND": BY_HAND, "HANDED": HANDED, "FLOW": FLOW,
}  # fmt: skip
WRONG = [
    (RIDGE, "X.T @ (guess - y) / n", "X.T @ guess / n"),
    (RIDGE, "db = np.mean(guess - y)", "db = np.sum(guess - y)"),
    (CLASSES, "dW = xb.T @ d", "dW = xb.T @ p"),
    (CLASSES, "db = d.sum(axis=0)", "db = d.mean(axis=0)"),
    (GATE, "miss * squash(out, deriv=True)", "miss * squash(hidden @ second, deriv=True)"),
    (GATE, "out_delta @ second.T * squash", "miss @ second.T * squash"),
    (CURVE, "dq += 2 * diferencia * x / len(xs)", "dq += 2 * diferencia * q / len(xs)"),
    (CURVE, "r -= tasa * dr", "r -= tasa * dq"),
    (PLAYERS, "fake.T @ df", "real.T @ df"),
    (PLAYERS, "(p - 1) / 16, u)", "p / 16, u)"),
    (LAYERS, "(1 - h[k + 1] ** 2)", "(1 - h[k + 1])"),
    (CODE, "(1 - code ** 2)", "code"),
    (NET, "dW2 = self.h.T @ err", "dW2 = self.h.T @ out"),
    (NET, "dW1 = X.T @ dh", "dW1 = X.T @ self.h"),
    (BY_HAND, "1 - a ** 2", "1 - z ** 2"),
    (BY_HAND, "de_dw = de_dz * x", "de_dw = de_dz * w"),
]


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_program_is_right(tmp_path, name):
    assert_right(tmp_path, RIGHT[name])


@pytest.mark.parametrize(("text", "before", "after"), WRONG)
def test_a_mistake_is_seen(tmp_path, text, before, after):
    assert is_told(tmp_path, text, before, after)


def passes(text):
    """{name: text of the function} of the passes of a file."""
    made = loops.outlined(ast.parse(text), lambda n: bool(pairs._cost.search(n)), pairs.goes_back)[1]
    return {f.name: ast.unparse(f) for f in made}


def test_a_pass_is_named_after_its_line():
    assert [*passes(RIDGE)] == ["loop_in_line_10"]
    assert [*passes(PLAYERS)] == ["loop_in_line_7", "step_in_line_17"]
    assert [*passes(BY_HAND)] == ["lines_from_line_4"]
    assert passes(HANDED) == passes(FLOW) == {}


def test_what_a_person_wrote_keeps_its_line():
    made = loops.outlined(ast.parse(CURVE), lambda n: n == "coste", pairs.goes_back)[1][0]
    lines = {n.lineno for n in made.body if n.lineno <= len(CURVE.splitlines())}
    assert lines == {6, 7, 8}


def test_a_loss_that_is_missing_is_told(tmp_path):
    notes = " ".join(checked(tmp_path, RIDGE).notes)
    assert "loop in line 10: it computes no loss in every pass" in notes
    assert "half the squared error, divided by the number of examples" in notes
