"""Single steps of players, indices, layers that step themselves, records, closures: what stands elsewhere."""

import pytest
from judged import assert_right, checked, is_told

# a step of one player takes the other one's weights as they are; rate and size belong to the class
PLAYERS = """import numpy as np
class Judge:
    rate, pixels = 0.01, 9
    def __init__(self):
        self.weights = np.array([np.random.normal() for _ in range(self.pixels)])
        self.bias = np.random.normal()
    def forward(self, x):
        return 1 / (1 + np.exp(-(np.dot(x, self.weights) + self.bias)))
    def __backward__(self, x, out, real):
        return (-x * (1 - out), -(1 - out)) if real else (x * out, out)
    def fit(self, x, real=False):
        out = self.forward(x)
        error = -np.log(out) if real else -np.log(1 - out)
        gw, gb = self.__backward__(x, out, real)
        self.weights -= self.rate * gw
        self.bias -= self.rate * gb
        return error
class Maker:
    rate, pixels = 0.01, 9
    def __init__(self):
        self.weights, self.biases = np.random.randn(self.pixels), np.random.randn(self.pixels)
    def __forward__(self, z):
        return 1 / (1 + np.exp(-(z * self.weights + self.biases)))
    def __backward__(self, z, made, out, judge):
        d = -(1 - out) * judge.weights * made * (1 - made)
        return d * z, d
    def fit(self, z, judge):
        made = self.__forward__(z)
        out = judge.forward(made)
        error = -np.log(out)
        gw, gb = self.__backward__(z, made, out, judge)
        self.weights -= self.rate * gw
        self.biases -= self.rate * gb
        return error
"""
# indices of words: one for each example, and several
WORDS = """import numpy as np
class Pairs:
    def __init__(self, vocab_size, dim):
        self.W, self.U = np.random.randn(vocab_size, dim), np.random.randn(dim, vocab_size)
    def forward(self, centers, contexts):
        h, n = self.W[centers], centers.shape[0]
        p = np.exp(h @ self.U)
        p /= p.sum(axis=1, keepdims=True)
        return -np.log(p[np.arange(n), contexts]).mean(), (h, p, centers, contexts)
    def backward(self, cache, lr):
        h, p, centers, contexts = cache
        n = centers.shape[0]
        p[np.arange(n), contexts] -= 1
        dU, dW = h.T @ p / n, np.zeros_like(self.W)
        np.add.at(dW, centers, p @ self.U.T / n)
        self.W -= lr * dW
        self.U -= lr * dU
class Against:
    def __init__(self, vocab_size, dim):
        self.W, self.U = np.random.randn(vocab_size, dim), np.random.randn(dim, vocab_size)
    def forward(self, centers, others):
        s = np.einsum("bd,dbk->bk", self.W[centers], self.U[:, others])
        return np.log(1 + np.exp(s)).mean(), (s, centers, others)
    def backward(self, cache, lr):
        s, centers, others = cache
        d, dU, dW = 1 / (1 + np.exp(-s)) / s.size, np.zeros_like(self.U), np.zeros_like(self.W)
        for i in range(others.shape[0]):
            for k in range(others.shape[1]):
                dU[:, others[i, k]] += d[i, k] * self.W[centers[i]]
                dW[centers[i]] += d[i, k] * self.U[:, others[i, k]]
        self.W -= lr * dW
        self.U -= lr * dU
"""
# layers that take Adam's step in their own backward, and two outputs
STEPS = """import numpy as np
class Coupling:
    def __init__(self, dim, mask):
        self.mask, self.W, self.b = mask, np.random.randn(dim, dim) * 0.3, np.zeros((1, dim))
        self.mW, self.vW, self.mb, self.vb, self.t = 0, 0, 0, 0, 0
    def forward(self, x):
        self.x = x
        self.s = np.tanh((x * self.mask) @ self.W + self.b) * (1 - self.mask)
        return x * np.exp(self.s), self.s.sum(axis=1, keepdims=True)
    def backward(self, dy, dlog, lr):
        ds = (dy * self.x * np.exp(self.s) + dlog) * (1 - self.mask) * (1 - self.s**2)
        dW, db = (self.x * self.mask).T @ ds, ds.sum(axis=0, keepdims=True)
        dx = dy * np.exp(self.s) + (ds @ self.W.T) * self.mask
        self.t += 1
        self.mW, self.vW = 0.9 * self.mW + 0.1 * dW, 0.99 * self.vW + 0.01 * dW**2
        self.mb, self.vb = 0.9 * self.mb + 0.1 * db, 0.99 * self.vb + 0.01 * db**2
        self.W -= lr * self.mW / (1 - 0.9**self.t) / (np.sqrt(self.vW / (1 - 0.99**self.t)) + 1e-8)
        self.b -= lr * self.mb / (1 - 0.9**self.t) / (np.sqrt(self.vb / (1 - 0.99**self.t)) + 1e-8)
        return dx
class Flow:
    def __init__(self, dim, depth=4):
        masks = [(np.arange(dim) % 2 == i % 2)[None] * 1.0 for i in range(depth)]
        self.layers = [Coupling(dim, mask) for mask in masks]
    def forward(self, x):
        total, z = np.zeros((len(x), 1)), x
        for layer in self.layers:
            z, log = layer.forward(z)
            total += log
        return z, total
    def backward(self, dz, dlog, lr):
        for layer in reversed(self.layers):
            dz = layer.backward(dz, dlog, lr)
        return dz
if __name__ == "__main__":
    flow = Flow(4)
    for _ in range(3):
        z, log = flow.forward(np.random.randn(12, 4))
        flow.backward(z / len(z), -np.ones_like(log) / len(z), 0.01)
"""
# the loss is the second result; backward is given the first
RESULT = """import numpy as np
class Shift:
    def __init__(self, rng):
        self.u, self.w = rng.normal(size=2), rng.normal(size=2)
    def f(self, z):
        self.z, self.h = z, np.tanh(z @ self.w)
        return z + np.outer(self.h, self.u)
    def g(self, dx):
        dt = (dx @ self.u) * (1 - self.h**2)
        self.du, self.dw = dx.T @ self.h, self.z.T @ dt
        return dx + np.outer(dt, self.w)
def forward(layers, z):
    for layer in layers:
        z = layer.f(z)
    return z, np.mean((z**4).sum(axis=1))
def backward(layers, x):
    dx = 4 * x**3 / len(x)
    for layer in layers[::-1]:
        dx = layer.g(dx)
    return dx
if __name__ == "__main__":
    rng = np.random.default_rng(1)
    layers = [Shift(rng) for _ in range(3)]
    for _ in range(5):
        x, cost = forward(layers, rng.normal(size=(30, 2)))
        backward(layers, x)
        for layer in layers:
            layer.u -= 0.01 * layer.du
            layer.w -= 0.01 * layer.dw
"""
# a vector of parameters called t, whose length an assertion tells
VECTOR = """import numpy as np
def cost(t, X, k, lam=0.3):
    d, m = X.shape
    if t.size == 0:
        raise ValueError("no parameters")
    assert t.size == k * d + k
    V, g = t[:k * d].reshape(k, d), t[k * d:]
    A = V @ X
    J = 0.5 * ((np.exp(g)[:, None] * A) ** 2).sum() / m + lam * np.abs(A).sum() / m
    dA = np.exp(2 * g)[:, None] * A / m + lam * np.sign(A) / m
    return J, np.concatenate([(dA @ X.T).ravel(), (np.exp(2 * g)[:, None] * A**2).sum(axis=1) / m])
"""
# the loss keeps the targets, which backward reads
TARGETS = """import numpy as np
class Net:
    def __init__(self, n=4, k=3):
        self.W, self.b = np.random.randn(n, k), np.zeros(k)
    def forward(self, x):
        self.x, self.y = x, np.tanh(x @ self.W + self.b)
        return self.y
    def loss(self, targets):
        self.targets = targets
        return 0.5 * ((self.y - targets) ** 2).sum(axis=1).mean()
    def backward(self):
        d = (self.y - self.targets) / len(self.x) * (1 - self.y**2)
        self.grad_W, self.grad_b = self.x.T @ d, d.sum(axis=0)
if __name__ == "__main__":
    net, x = Net(), np.random.randn(20, 4)
    targets = np.tanh(x[:, :3])
    for _ in range(3):
        net.forward(x)
        print(net.loss(targets))
        net.backward()
        net.W -= 0.1 * net.grad_W
        net.b -= 0.1 * net.grad_b
"""
# records of parameters and of settings, a size that is a global, labels of two classes
RECORDS = """from dataclasses import dataclass
import numpy as np
WIDTH = 8
@dataclass
class Parameters:
    w: np.ndarray
    c: np.ndarray
    @classmethod
    def random(cls, generator):
        return cls(w=generator.normal(size=WIDTH), c=np.zeros(1))
@dataclass
class Trace:
    x: np.ndarray
    p: np.ndarray
@dataclass
class Config:
    weight: float = 3.0
    decay: float = 0.01
def predict(params: Parameters, x: np.ndarray) -> Trace:
    assert x.shape[1] == WIDTH
    return Trace(x, 1 / (1 + np.exp(-(x @ params.w + params.c))))
def weighted_loss(params, trace, labels, config):
    likelihood = np.where(labels == 1, trace.p, 1 - trace.p)
    weights = np.where(labels == 1, config.weight, 1.0)
    return -(weights * np.log(likelihood)).sum() + 0.5 * config.decay * (params.w**2).sum()
def gradients(params: Parameters, trace: Trace, labels, config: Config) -> Parameters:
    error = np.where(labels == 1, config.weight, 1.0) * (trace.p - labels)
    return Parameters(w=trace.x.T @ error + config.decay * params.w, c=error.sum(keepdims=True))
"""
# a function that makes parameters and the function of them; noise that is spread evenly between bounds
MADE = """import numpy as np
def build(n=6, k=3, seed=0):
    rng = np.random.default_rng(seed)
    params, grads = {}, {}
    def linear(name, a, b):
        params[name] = rng.normal(size=(a, b)) / np.sqrt(a)
        def apply(x):
            def back(g):
                grads[name] += x.T @ g
                return g @ params[name].T
            return x @ params[name], back
        return apply
    center, decode = linear("center", n, k), linear("decode", k, n)
    def loss(batch, uniform):
        noise = -np.sign(uniform) * np.log1p(-2 * np.abs(uniform))
        z, back_z = center(batch)
        out, back_out = decode(z + noise)
        def backward():
            for name, value in params.items():
                grads[name] = np.zeros_like(value)
            back_z(back_out((out - batch) / len(batch)))
            return grads
        return 0.5 * ((out - batch) ** 2).sum() / len(batch), backward
    return params, loss
if __name__ == "__main__":
    rng = np.random.default_rng(5)
    params, loss = build()
    for _ in range(5):
        value, backward = loss(rng.normal(size=(16, 6)), rng.uniform(-0.5, 0.5, size=(16, 3)))
        for name, grad in backward().items():
            params[name] -= 0.02 * grad
"""
# two alternatives, each of which returns its cost and its gradients
ALTERNATIVES = """import numpy as np
def softmaxCostAndGradient(v, target, U):
    p = np.exp(U @ v) / np.exp(U @ v).sum()
    e = p.copy()
    e[target] -= 1
    return -np.log(p[target]), U.T @ e, np.outer(e, v)
def samplingCostAndGradientFast(v, target, U):
    s = 1 / (1 + np.exp(-U[target] @ v))
    grad = np.zeros_like(U)
    grad[target] = (s - 1) * v
    return -np.log(s), (s - 1) * U[target], grad
if __name__ == "__main__":
    v, U = np.random.randn(4), np.random.randn(6, 4)
    for _ in range(2):
        print(softmaxCostAndGradient(v, 2, U)[0], samplingCostAndGradientFast(v, 3, U)[0])
"""
# gradients that are kept as columns and returned as rows
COLUMNS = """import numpy as np
class Cell:
    def __init__(self, d, h):
        self.W, self.V = np.random.randn(h, d), np.random.randn(h, h)
    def forward(self, x, h):
        self.x, self.h = np.reshape(x, (x.shape[0], 1)), np.reshape(h, (h.shape[0], 1))
        self.y = np.tanh(self.W @ self.x + self.V @ self.h)
        return np.ravel(self.y)
    def backward(self, delta):
        dz = np.zeros(self.y.shape)
        dz += delta.T * (1 - self.y**2)
        self.dW, self.dV = dz @ self.x.T, dz @ self.h.T
        self.dx, self.dh = self.W.T @ dz, self.V.T @ dz
        return self.dx.T, self.dh.T
"""
# layers that are made of one dict of settings, and keep something for backward only in training
SETTINGS = """import numpy as np
class Dense:
    def __init__(self, options):
        units, width = options["units"], options["width"]
        self.W = np.random.randn(width, units) * np.sqrt(2 / width)
        self.b = np.zeros(units)
    def fwd(self, x, TRAINING=False):
        if TRAINING:
            self.kept = [x]
        return x @ self.W + self.b
    def back(self, perturbation):
        x = self.kept.pop()
        return perturbation @ self.W.T, x.T @ perturbation, perturbation.sum(axis=0)
class Drop:
    def __init__(self, options):
        self.keep = options["keep"]
    def fwd(self, x, TRAINING=False):
        if TRAINING:
            self.mask = np.random.random(size=x.shape) < self.keep
            x = x * self.mask / self.keep
        return x
    def back(self, perturbation):
        return perturbation * self.mask / self.keep
"""
# the gradients of the inner layers have names that say nothing of theirs
INNER = """import numpy as np
class Linear:
    def __init__(self, n, k):
        self.W = np.random.randn(n, k)
    def forward(self, x):
        self.x = x
        return x @ self.W
    def backward(self, g):
        return g @ self.W.T, {"W": self.x.T @ g}
class Block:
    def __init__(self, n=5, k=4):
        self.one, self.two = Linear(n, k), Linear(k, n)
    def forward(self, x):
        self.h = np.tanh(self.one.forward(x))
        return x + self.two.forward(self.h)
    def backward(self, g):
        gh, second = self.two.backward(g)
        gx, first = self.one.backward(gh * (1 - self.h**2))
        return g + gx, {"a_q": first["W"], "a_r": second["W"]}
if __name__ == "__main__":
    block = Block()
    for _ in range(3):
        y = block.forward(np.random.randn(7, 5))
        gx, grads = block.backward(y)
"""
# inputs leaves the parameters out, which a function of the file makes
LEFT_OUT = """import numpy as np
def inputs(rng):
    return {"x": rng.normal(size=(6, 4)), "eps": rng.normal(size=(6, 2))}
def init_params(seed=7):
    rng = np.random.default_rng(seed)
    return {"Wm": rng.normal(size=(4, 2)), "Wv": 0.3 * rng.normal(size=(4, 2)), "b": np.zeros(2)}
def forward(params, x, eps):
    mu, logvar = x @ params["Wm"] + params["b"], x @ params["Wv"]
    z = mu + np.exp(0.5 * logvar) * eps
    return 0.5 * (z**2).sum() / len(x), dict(x=x, logvar=logvar, eps=eps, z=z)
def backward(params, cache):
    dz = cache["z"] / len(cache["x"])
    dlogvar = 0.5 * dz * np.exp(0.5 * cache["logvar"]) * cache["eps"]
    return {"dWm": cache["x"].T @ dz, "dWv": cache["x"].T @ dlogvar, "db": dz.sum(axis=0)}
"""
# sizes that a docstring and globals tell; a dict that is made by its keywords
WRITTEN = """import numpy as np
T, B, I, H = 4, 3, 2, 5
def make_params(seed=2):
    r = np.random.RandomState(seed)
    return dict(Wx=r.randn(I, H) * 0.5, Wh=r.randn(H, H) * 0.4, b=r.randn(H) * 0.1)
def run_forward(P, xs, ys, h0):
    \"\"\" xs (T, B, I)   ys, h0 (B, H) \"\"\"
    hs = {-1: h0}
    for t in range(len(xs)):
        hs[t] = np.tanh(xs[t] @ P['Wx'] + hs[t - 1] @ P['Wh'] + P['b'])
    return 0.5 * ((hs[t] - ys) ** 2).sum() / B, (hs, hs[t] - ys)
def run_backward(P, xs, mem):
    hs, err = mem
    D, dh = {k: np.zeros_like(v) for k, v in P.items()}, err / B
    for t in reversed(range(len(xs))):
        da = dh * (1 - hs[t] ** 2)
        D['Wx'] += xs[t].T @ da
        D['Wh'] += hs[t - 1].T @ da
        D['b'] += da.sum(axis=0)
        dh = da @ P['Wh'].T
    return D
"""
# a step with a name in camel case, which keeps a copy of what it changes first
CAMEL = """import numpy as np
class Tied:
    def __init__(self, nVisible=6, nHidden=4, lr=0.1, seed=5):
        rs = np.random.RandomState(seed)
        self.W, self.lr = rs.uniform(-0.7, 0.7, size=(nVisible, nHidden)), lr
    def cost(self, X):
        H = np.tanh(X.dot(self.W))
        return 0.5 * np.sum((H.dot(self.W.T) - X) ** 2) / len(X)
    def trainStep(self, X):
        H = np.tanh(X.dot(self.W))
        W = self.W.copy()
        dR = (H.dot(W.T) - X) / len(X)
        self.W -= self.lr * dR.T.dot(H)
        dA = dR.dot(W) * (1 - H**2)
        self.W -= self.lr * X.T.dot(dA)
if __name__ == "__main__":
    ae, X = Tied(), np.random.RandomState(0).randn(40, 6)
    for i in range(0, 40, 10):
        ae.trainStep(X[i:i + 10])
        print(ae.cost(X))
"""
# a class that is made by its own way to begin
CREATED = """from dataclasses import dataclass, field
import numpy as np
def inputs(rng):
    return {"x": rng.normal(size=(8, 5))}
@dataclass
class Step:
    w: np.ndarray
    grads: dict = field(default_factory=dict)
    @classmethod
    def create(cls, dim: int, rng) -> "Step":
        return cls(rng.normal(size=(dim, dim)) / np.sqrt(dim))
    def forward(self, x):
        self.x, self.y = x, np.tanh(x @ self.w)
        return self.y
    def backward(self, dy):
        da = dy * (1 - self.y**2)
        self.grads["w"] = self.x.T @ da
        return da @ self.w.T
@dataclass
class Flow:
    steps: list
    z: np.ndarray = None
    @classmethod
    def create(cls, dim: int = 5, depth: int = 3, seed: int = 11) -> "Flow":
        rng = np.random.default_rng(seed)
        return cls([Step.create(dim, rng) for _ in range(depth)])
    def nll(self, x):
        for step in self.steps:
            x = step.forward(x)[:, ::-1]
        self.z = x
        return float(0.5 * (x**2).sum(axis=1).mean())
    def backward(self):
        dz = self.z / len(self.z)
        for step in reversed(self.steps):
            dz = step.backward(dz[:, ::-1])
        return dz
"""
# noise is predicted: the loss stands in a loop at the top level; what it is compared with is no label by name
NOISE = """import numpy as np
def forward_for_backward(x_t, t, weights):
    a, kept = np.concatenate([x_t.flatten(), [np.sin(t), np.cos(t)]]), []
    for i, W in enumerate(weights):
        kept.append(a)
        a = np.maximum(a @ W, 0) if i < len(weights) - 1 else a @ W
    epsilon_hat = a
    return epsilon_hat, kept
def net_backward(x_t, epsilon, epsilon_hat, kept, weights):
    delta = (2 * (epsilon_hat.flatten() - epsilon.flatten())).reshape(1, -1)
    grads = []
    for i in reversed(range(len(weights))):
        a = kept[i].reshape(1, -1)
        grads.insert(0, a.T @ delta)
        delta = (delta @ weights[i].T) * (a > 0)
    return grads
weights = [np.random.randn(11, 16) * 0.3, np.random.randn(16, 9) * 0.3]
for step in range(1, 1000):
    noise = np.random.normal(0, 1, (3, 3))
    epsilon_hat, kept = forward_for_backward(np.ones((3, 3)) + noise, step % 10, weights)
    grads = net_backward(noise, noise, epsilon_hat, kept, weights)
    for i in range(len(weights)):
        weights[i] = weights[i] - 0.01 * grads[i]
    if step % 100 == 0:
        print(np.mean((epsilon_hat - noise.flatten()) ** 2))
"""
RIGHT = {
    "PLAYERS": PLAYERS, "WORDS": WORDS, "STEPS": STEPS, "RESULT": RESULT, "VECTOR": VECTOR,
    "TARGETS": TARGETS, "RECORDS": RECORDS, "MADE": MADE, "ALTERNATIVES": ALTERNATIVES, "COLUMNS": COLUMNS,
    "SETTINGS": SETTINGS, "INNER": INNER, "LEFT_OUT": LEFT_OUT, "WRITTEN": WRITTEN, "CAMEL": CAMEL,
    "CREATED": CREATED, "NOISE": NOISE,
}  # fmt: skip
WRONG = [
    (PLAYERS, "made * (1 - made)", "(1 - made)"),
    (WORDS, "d[i, k] * self.W[centers[i]]", "d[i, k] + self.W[centers[i]]"),
    (STEPS, "+ (ds @ self.W.T) * self.mask", "+ (ds @ self.W) * self.mask"),
    (RESULT, "self.z.T @ dt", "self.z.T @ self.h"),
    (VECTOR, "lam * np.sign(A) / m", "lam * np.sign(A)"),
    (TARGETS, "* (1 - self.y**2)", "* (1 - self.y)"),
    (RECORDS, "+ config.decay * params.w", ""),
    (MADE, "x.T @ g", "2 * x.T @ g"),
    (ALTERNATIVES, "(s - 1) * v", "s * v"),
    (LEFT_OUT, "0.5 * dz * np.exp", "dz * np.exp"),
    (WRITTEN, "hs[t - 1].T @ da", "hs[t].T @ da"),
    (CAMEL, "(1 - H**2)", "(1 - H)"),
    (CREATED, "dy * (1 - self.y**2)", "dy * (1 - self.y)"),
    (NOISE, "(delta @ weights[i].T) * (a > 0)", "delta @ weights[i].T"),
    (SETTINGS, "perturbation * self.mask / self.keep", "perturbation * self.mask"),
    (INNER, "self.x.T @ g", "self.x.T @ g / len(g)"),
]


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_program_is_right(tmp_path, name):
    assert_right(tmp_path, RIGHT[name])


@pytest.mark.parametrize(("text", "before", "after"), WRONG)
def test_a_mistake_is_seen(tmp_path, text, before, after):
    assert is_told(tmp_path, text, before, after)


def test_what_forward_returns_is_not_taken_for_gradients_where_no_backward_is_found(tmp_path):
    assert checked(tmp_path, NOISE.replace("net_backward", "predict_again")).verdict != "ok"


BEHIND = """import numpy as np
class CrossEntropy:
    def forward(self, y_true, y_pred):
        return -np.mean(np.log(y_pred[np.arange(len(y_true)), y_true]))
    def backward(self, y_true, y_pred):
        d = y_pred.copy()
        d[np.arange(len(y_true)), y_true] -= 1
        return d / len(y_true)
"""


@pytest.mark.parametrize(("after", "verdict"), [("d / len(y_true)", "inconclusive"), ("d", "wrong")])
def test_a_loss_may_give_the_gradient_before_the_softmax(tmp_path, after, verdict):
    said = checked(tmp_path, BEHIND.replace("return d / len(y_true)", f"return {after}"))
    assert said.verdict == verdict
    told = any("before a softmax" in line for line in said.explanations[0].certain)
    assert told == (verdict == "inconclusive")


BOTH = """import numpy as np
def loss_and_grads(W, x):
    h = np.tanh(x @ W)
    L = np.sum(h**2)
    d = 2 * h * (1 - h**2)
    return L, {"W": x.T @ d, "x": d @ W.T}
def inputs(rng):
    return {"W": rng.normal(size=(4, 3)), "x": rng.normal(size=(5, 4))}
"""


def test_a_loss_with_its_gradients_is_judged_though_all_are_wrong(tmp_path):
    assert checked(tmp_path, BOTH).verdict == "ok"
    assert is_told(tmp_path, BOTH, "2 * h * (1 - h**2)", "2 * h * (1 - h)")


SINGLE = """import numpy as np
from beside import product
def forward(x, w):
    return product(x, w)
def backward(g, x, w):
    return product(g, w.T), product(x.T, g)
"""


def test_what_another_file_rounds_to_single_precision_is_not_called_wrong(tmp_path):
    (tmp_path / "beside.py").write_text(
        "import numpy as np\ndef product(a, b):\n    return np.dot(a, b).astype('float32')\n"
    )
    said = checked(tmp_path, SINGLE)
    assert said.verdict == "inconclusive"
    assert any("single precision" in line for line in said.explanations[0].certain)


FLAG = """import numpy as np
def forward(x, w, squared=False):
    z = x @ w
    return z**2 if squared else np.tanh(z)
def backward(g, x, w, squared=False):
    z = x @ w
    if squared:
        d = 2 * g * z
    else:
        d = g * (1 - np.tanh(z) ** 2)
    return d @ w.T, x.T @ d
"""


def test_lines_that_did_not_run_are_told(tmp_path):
    said = checked(tmp_path, FLAG)
    assert said.verdict == "ok"
    assert any("line 8 did not run at these inputs" in note for note in said.notes)
    assert not any("did not run" in note for note in checked(tmp_path, BOTH).notes)


ZEROS = """import numpy as np
class Net:
    def __init__(self, n=4, k=3):
        self.A, self.B = np.random.randn(n, k), np.random.randn(k, 2)
    def forward(self, x):
        self.x, self.h = x, np.tanh(x @ self.A)
        return self.h @ self.B
    def backward(self, g):
        second = self.h.T @ g
        first = self.x.T @ (g @ self.B.T * (1 - self.h**2))
        return [0 * first, second]
"""


def test_a_gradient_of_zeros_is_not_passed_over(tmp_path):
    assert checked(tmp_path, ZEROS.replace("0 * first", "first")).verdict == "ok"
    assert checked(tmp_path, ZEROS).verdict in ("wrong", "inconclusive")


# its name says nothing of a check, its text does
CHECKED = """import numpy as np
class Schicht:
    def __init__(self, a=4, b=3):
        self.W = np.random.randn(a, b)
    def vorwaerts(self, x):
        self.x = x
        return np.tanh(x @ self.W)
    def rueckwaerts(self, dy):
        da = dy * (1 - np.tanh(self.x @ self.W) ** 2)
        return da @ self.W.T, self.x.T @ da
def pruefe(schicht, x, ziel, h=1e-6):
    y = schicht.vorwaerts(x)
    dx, dW = schicht.rueckwaerts(y - ziel)
    alt = schicht.W[0, 0]
    schicht.W[0, 0] = alt + h
    hoch = 0.5 * np.sum((schicht.vorwaerts(x) - ziel) ** 2)
    schicht.W[0, 0] = alt - h
    tief = 0.5 * np.sum((schicht.vorwaerts(x) - ziel) ** 2)
    schicht.W[0, 0] = alt
    print(dW[0, 0], (hoch - tief) / (2 * h))
"""


def test_a_check_by_differences_is_no_backward(tmp_path):
    assert_right(tmp_path, CHECKED)


# forward takes one example, and backward those of a whole episode
EPISODE = """import numpy as np
def make(rng):
    return {"W1": rng.randn(5, 3), "W2": rng.randn(5)}
def policy_forward(model, x):
    h = model["W1"] @ x
    h[h < 0] = 0
    return 1 / (1 + np.exp(-model["W2"] @ h)), h
def policy_backward(model, xs, hs, dlogits):
    dW2 = np.dot(hs.T, dlogits).ravel()
    dh = np.outer(dlogits, model["W2"])
    dh[hs <= 0] = 0
    return {"W1": np.dot(dh.T, xs), "W2": dW2}
def play(model, rng):
    xs, hs, ds = [], [], []
    for _ in range(4):
        x = rng.randn(3)
        p, h = policy_forward(model, x)
        xs.append(x)
        hs.append(h)
        ds.append((rng.rand() < p) - p)
    return np.vstack(xs), np.vstack(hs), np.array(ds)
if __name__ == "__main__":
    rng = np.random.RandomState(0)
    model = make(rng)
    xs, hs, ds = play(model, rng)
    print(policy_backward(model, xs, hs, ds)["W1"])
"""


def test_a_backward_of_several_examples_is_not_judged_with_a_forward_of_one(tmp_path):
    assert checked(tmp_path, EPISODE).verdict != "wrong"


def test_the_line_at_which_backward_stops_is_told_with_an_open_verdict(tmp_path):
    said = checked(tmp_path, COLUMNS.replace("(1 - self.y**2)", "(1 - self.y)"), seconds=3)
    assert said.verdict == "inconclusive"
    assert [f.line for e in said.explanations for f in e.findings] == [11]
