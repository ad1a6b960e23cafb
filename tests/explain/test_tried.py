"""Programs that say no inputs: what is tried for them, and which of their functions are one pair."""

import pytest
from judged import assert_right, checked, is_told

# a block of layers: a width that is handed to a layer is no layer; sequences of the width that the block has
BLOCK = """import numpy as np
class Causal:
    def __init__(self, c_in=3, c_out=4, k=3):
        self.k, self.W = k, np.random.randn(k, c_in, c_out)
    def forward(self, x):
        T = x.shape[1]
        self.xp = np.pad(x, ((0, 0), (self.k - 1, 0), (0, 0)))
        return sum(self.xp[:, i:i + T] @ self.W[i] for i in range(self.k))
    def backward(self, dout):
        T, dxp = dout.shape[1], np.zeros_like(self.xp)
        self.dW = np.zeros_like(self.W)
        for i in range(self.k):
            self.dW[i] = np.einsum("nti,nto->io", self.xp[:, i:i + T], dout)
            dxp[:, i:i + T] += dout @ self.W[i].T
        return dxp[:, self.k - 1:]
class Block:
    def __init__(self, c_in=3, c_out=4, k=3):
        self.one, self.two = Causal(c_in, c_out, k), Causal(c_in, c_out, 1)
    def forward(self, x):
        self.h = np.tanh(self.one.forward(x))
        return self.h + self.two.forward(x)
    def backward(self, dout):
        return self.one.backward(dout * (1 - self.h**2)) + self.two.backward(dout)
"""
# the dict of parameters that the file holds
HELD = """import numpy as np
params = {"Wi": np.random.randn(7, 4), "Wt": np.random.randn(5, 4), "t": np.array(0.5)}
def model(p, img, txt):
    u, v = img @ p["Wi"], txt @ p["Wt"]
    s = np.exp(p["t"])
    loss = 0.5 * np.sum((s * u @ v.T) ** 2)
    def backward():
        d = s * s * u @ v.T
        return {"Wi": img.T @ (d @ v), "Wt": txt.T @ (d.T @ u), "t": np.sum(d * (u @ v.T))}
    return loss, backward
"""
# an object of the class that stands beside the argument, made by its own method; so is the gradient
RECORD = """from __future__ import annotations
from dataclasses import dataclass
import numpy as np
@dataclass
class Net:
    W: np.ndarray
    b: np.ndarray
    rate: float = 0.1
    @classmethod
    def init(cls, n_in: int = 3, n_out: int = 4, seed: int = 0) -> Net:
        rng = np.random.default_rng(seed)
        return cls(rng.normal(size=(n_in, n_out)), rng.normal(size=n_out))
@dataclass
class State:
    x: np.ndarray
    a: np.ndarray
def forward(p: Net, x: np.ndarray) -> State:
    return State(x, np.tanh(x @ p.W + p.b))
def nll(st: State, y: np.ndarray) -> float:
    return 0.5 * np.mean((st.a - y) ** 2)
def backward(p: Net, st: State, y: np.ndarray) -> Net:
    d = (st.a - y) / st.a.size * (1 - st.a**2)
    return Net(W=st.x.T @ d, b=d.sum(axis=0), rate=p.rate)
"""
# a loss that is returned in parts; sizes by default that would take long
PARTS = """import numpy as np
class Coder:
    def __init__(self, nx=784, nh=128, lr=1e-3):
        self.V, self.U, self.lr = np.random.randn(nx, nh) / nx, np.random.randn(nh, nx) / nh, lr
    def forward(self, x):
        self.h = np.tanh(x @ self.V)
        return self.h @ self.U
    def loss(self, x):
        out = self.h @ self.U
        return 0.5 * np.sum((out - x) ** 2) / len(x), 0.1 * np.sum(self.h**2) / len(x)
    def backward(self, x, out):
        d = (out - x) / len(x)
        dh = d @ self.U.T + 0.2 * self.h / len(x)
        return {"U": self.h.T @ d, "V": x.T @ (dh * (1 - self.h**2))}
"""
# axes that only einsum tells, through another function; parameters by the file's own function
LETTERS = """import numpy as np
def init(rng, model, heads):
    shape = (model, heads, model // heads)
    return {"wq": rng.normal(size=shape), "wk": rng.normal(size=shape)}
def scores(p, x):
    q, k = np.einsum("bqm,mhd->bhqd", x, p["wq"]), np.einsum("bkm,mhd->bhkd", x, p["wk"])
    return np.einsum("bhqd,bhkd->bhqk", q, k), q, k
def loss_fn(p, x, target):
    s, q, k = scores(p, x)
    d = (s.sum(1) - target) / s.size
    loss = 0.5 * np.sum((s.sum(1) - target) ** 2) / s.size
    dq, dk = np.einsum("bqk,bhkd->bhqd", d, k), np.einsum("bqk,bhqd->bhkd", d, q)
    grads = {"wq": np.einsum("bqm,bhqd->mhd", x, dq), "wk": np.einsum("bkm,bhkd->mhd", x, dk)}
    return loss, grads
"""
# a weight that is seen transposed under another name
TIED = """import numpy as np
class Tied:
    def __init__(self, n=6, k=4):
        self.W, self.b = np.random.randn(n, k), np.zeros(k)
        self.W_prime = self.W.T
    def cost(self, x):
        return 0.5 * np.mean(np.sum((np.tanh(x @ self.W + self.b) @ self.W_prime - x) ** 2, axis=1))
    def gradients(self, x):
        h = np.tanh(x @ self.W + self.b)
        d = (h @ self.W_prime - x) / len(x)
        dh = d @ self.W * (1 - h**2)
        grad_W = x.T @ dh + d.T @ h
        return grad_W, dh.sum(axis=0)
if __name__ == "__main__":
    net, x = Tied(), np.random.randn(9, 6)
    for _ in range(3):
        print(net.cost(x))
        grad_W, grad_b = net.gradients(x)
        net.W -= 0.1 * grad_W
        net.b -= 0.1 * grad_b
"""
# gradients that are added up and cleared by a method of their own; backward is given what loss returned
ADDED = """import numpy as np
class Zelle:
    def __init__(self, n=4):
        self.gewichte = {"w": np.random.randn(n), "c": np.zeros(1)}
        self.loesche_gradienten()
    def loesche_gradienten(self):
        self.grad = {k: np.zeros_like(w) for k, w in self.gewichte.items()}
    def verlust(self, x, ziel):
        self.x = x
        y = 1 / (1 + np.exp(-(self.gewichte["w"] @ x + self.gewichte["c"][0])))
        return -(ziel * np.log(y) + (1 - ziel) * np.log(1 - y)), y
    def rueckwaerts(self, y, ziel):
        self.grad["w"] += (y - ziel) * self.x
        self.grad["c"] += y - ziel
if __name__ == "__main__":
    zelle = Zelle()
    for k in range(4):
        x = np.random.randn(4)
        _, y = zelle.verlust(x, k % 2)
        zelle.rueckwaerts(y, k % 2)
        for name, w in zelle.gewichte.items():
            w -= 0.1 * zelle.grad[name]
        zelle.loesche_gradienten()
"""
# what is returned is what the layers keep, and one of it has the shape of a mask
LISTED = """import numpy as np
class Capa:
    def __init__(self, n, k):
        self.W = np.random.randn(n, k)
class Red:
    def __init__(self, n):
        self.capas, self.mascara = [Capa(n, 3), Capa(3, 2)], None
    def costo(self, X, Y):
        self.X = X
        self.H = np.tanh(X @ self.capas[0].W)
        self.D = self.H if self.mascara is None else self.H * self.mascara
        self.E = self.D @ self.capas[1].W - Y
        return 0.5 * np.sum(self.E**2)
    def atras(self):
        self.capas[1].dW = self.D.T @ self.E
        d = self.E @ self.capas[1].W.T * (1 - self.H**2) * self.mascara
        self.capas[0].dW = self.X.T @ d
        return [c.dW for c in self.capas]
if __name__ == "__main__":
    red, X, Y = Red(6), np.eye(6), np.random.randn(6, 2)
    for _ in range(3):
        red.mascara = (np.random.rand(6, 3) > 0.5) / 0.5
        print(red.costo(X, Y))
        for capa, dW in zip(red.capas, red.atras()):
            capa.W -= 0.1 * dW
"""
# inputs says what forward takes; what the object is made of, a function of the file makes
MADE = """import numpy as np
class Model:
    def __init__(self, params):
        self.par, self.grad = params, {}
    def forward(self, x):
        self.x = x
        self.h = np.tanh(x @ self.par["H"])
        return 0.5 * np.mean((self.h @ self.par["D"] - x) ** 2)
    def backward(self):
        d = (self.h @ self.par["D"] - self.x) / self.x.size
        self.grad["D"] = self.h.T @ d
        self.grad["H"] = self.x.T @ (d @ self.par["D"].T * (1 - self.h**2))
def make_params(rng, n=5, k=3):
    return dict(H=rng.normal(size=(n, k)), D=rng.normal(size=(k, n)))
def inputs(rng):
    return dict(x=rng.normal(size=(4, 5)))
"""
# a list of parameters within what is returned, and globals of the names that stand in it
LIST = """import numpy as np
W, b = np.random.randn(3, 4), np.zeros((3, 1))
model = [W, b]
def lossFun(x, h0, model):
    W, b = model
    h = np.tanh(W @ x + b + h0)
    dz = (1 - h**2) * h
    dW, db, dh0 = dz @ x.T, dz.sum(axis=1, keepdims=True), dz
    return 0.5 * np.sum(h**2), [dW, db], dh0, h
if __name__ == "__main__":
    for _ in range(3):
        loss, grads, _, _ = lossFun(np.random.randn(4, 1), np.zeros((3, 1)), model)
        for m, d in zip(model, grads):
            m -= 0.1 * d
"""
# the saved values are the last of what forward gives; called with arrays for its list of weights nothing fits
SAVED = """import numpy as np
class Coder:
    @staticmethod
    def _mlp(w, x):
        a = x @ w[0] + w[1]
        h = np.maximum(a, 0)
        return h @ w[2] + w[3], (x, a, h)
    @staticmethod
    def _mlp_back(w, saved, dy):
        x, a, h = saved
        da = (dy @ w[2].T) * (a > 0)
        return da @ w[0].T, [x.T @ da, da.sum(0), h.T @ dy, dy.sum(0)]
"""
# what comes from above is changed in place: all gradients are right
MASKED = """import numpy as np
class Relu:
    def __init__(self, n, k):
        self.W = np.random.randn(n, k)
    def forward(self, x):
        self.x, self.z = x, x @ self.W
        return np.maximum(self.z, 0)
    def backward(self, dout):
        dout[self.z < 0] = 0
        self.dW = self.x.T @ dout
        return dout @ self.W.T
"""
# it is changed in place, and used again: right for what is positive alone
AGAIN = """import numpy as np
class Leaky:
    def forward(self, x):
        self.x = x
        return np.maximum(x, 0) + 3 * x
    def backward(self, dout):
        dx = dout.copy()
        dx[self.x < 0] = 0
        return dx + 3 * dout
"""
# zeros and ones alone, in rows as well, cannot tell x^2 from x^3
CUBE = """def f(x):
    return x ** 3
def f_prime(x):
    return 3 * x ** 2
"""
# numbers alone, and whole ones as a slope
SLOPE = """def relu(z):
    return z if z > 0 else 0
def relu_prime(z):
    return 1 if z > 0 else 0
"""
LOGS = """import math
def loss(w, b):
    z = w * 1.5 + b
    return math.exp(-z) + math.log(1 + z * z)
def grad(w, b):
    z = w * 1.5 + b
    d = -math.exp(-z) + 2 * z / (1 + z * z)
    return 1.5 * d, d
"""
NEURON = """import math
class Neuron:
    def __init__(self):
        self.w, self.b = 0.5, 0.1
    def forward(self, x):
        self.x = x
        self.y = 1 / (1 + math.exp(-(self.w * x + self.b)))
        return self.y
    def backward(self, dy):
        dz = dy * self.y * (1 - self.y)
        self.dw, self.db = dz * self.x, dz
        return dz * self.w
"""
# one name that is returned in two places
TWICE = """import numpy as np
def loss(w, b, x):
    return np.sum(np.tanh(w * 1.5 + b) * x)
def grad(w, b, x):
    z = w * 1.5 + b
    d = (1 - np.tanh(z)**2) * x
    dw = d * 1.5
    return dw, d
def inputs(rng):
    return {n: rng.normal(size=(4, 3)) for n in ("w", "b", "x")}
"""
# what is right at some draws of a mask, or for positive numbers, is not right
DROPPED = """import numpy as np
class Dropout:
    def __init__(self, keep=0.8, seed=0):
        self.keep, self.rng = keep, np.random.default_rng(seed)
    def forward(self, x):
        self.mask = self.rng.random(x.shape) < self.keep
        return x * self.mask / self.keep
    def backward(self, dout):
        dx = dout * self.mask
        return dx / self.keep
"""
ELU = """import numpy as np
def elu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * (np.exp(x) - 1))
def elu_grad(x, alpha=1.0):
    return np.where(x > 0, 1.0, alpha * np.exp(x))
def nll(p):
    return -np.log(p)
def nll_grad(p):
    return -1 / p
"""
HUBER = """import numpy as np
def huber(y_true, y_pred, delta=1.0):
    e = y_pred - y_true
    return np.sum(np.where(np.abs(e) <= delta, 0.5 * e ** 2, delta * (np.abs(e) - 0.5 * delta)))
def huber_prime(y_true, y_pred, delta=1.0):
    e = y_pred - y_true
    return np.where(np.abs(e) <= delta, e, delta * np.sign(e))
"""
# weights on the left of vectors
LEFT = """import numpy as np
relu = lambda z: np.maximum(0, z)
def feedforward(x, W1, W2):
    z1 = W1 @ x
    a1 = relu(z1)
    return z1, a1, np.tanh(W2 @ a1)
def loss(x, y, W1, W2):
    return 0.5 * np.sum((feedforward(x, W1, W2)[-1] - y) ** 2)
def backprop(x, y, W1, W2):
    z1, a1, a2 = feedforward(x, W1, W2)
    delta2 = (a2 - y) * (1 - a2**2)
    delta1 = (W2.T @ delta2) * (z1 > 0)
    return np.outer(delta1, x), np.outer(delta2, a1)
"""
# a transpose that is missing does nothing to a vector
TURNED = """import numpy as np
def net_forward(x, W, V):
    h = np.tanh(x @ W)
    return h @ V, (x, W, V, h)
def net_backward(dout, cache):
    x, W, V, h = cache
    dV = h.T @ dout
    dh = (dout @ V.T) * (1 - h**2)
    return dh @ W.T, x.T @ dh, dV
"""
# an argument that forward has, too, is no upstream gradient
ZIEL = """import numpy as np
class Netz:
    def __init__(self, eingang, ausgang):
        self.W = np.random.normal(0, 0.5, (ausgang, eingang))
    def vorwaerts(self, x):
        self.x, self.y = x, np.tanh(self.W @ x)
        return self.y
    def verlust(self, x, ziel):
        return 0.5 * np.sum((self.vorwaerts(x) - ziel) ** 2)
    def rueckwaerts(self, ziel):
        fehler = (self.y - ziel) * (1 - self.y**2)
        self.dW = fehler @ self.x.T
"""
RIGHT = {
    "BLOCK": BLOCK, "HELD": HELD, "RECORD": RECORD, "PARTS": PARTS, "LETTERS": LETTERS,
    "TIED": TIED, "ADDED": ADDED, "LISTED": LISTED, "MADE": MADE, "LIST": LIST,
    "MASKED": MASKED, "AGAIN": AGAIN, "CUBE": CUBE, "SLOPE": SLOPE, "LOGS": LOGS, "NEURON": NEURON,
    "TWICE": TWICE, "DROPPED": DROPPED, "ELU": ELU, "HUBER": HUBER, "LEFT": LEFT, "TURNED": TURNED,
    "ZIEL": ZIEL,
}  # fmt: skip
WRONG = [  # (program, before, after): a mistake that must be seen, in the line in which it was made
    (BLOCK, "* (1 - self.h**2)", "* (1 - self.h)"),
    (HELD, "img.T @ (d @ v)", "img.T @ d @ v * 2"),
    (RECORD, "st.a.size * (1 - st.a**2)", "st.a.size"),
    (PARTS, "0.2 * self.h", "0.1 * self.h"),
    (LETTERS, '"bqk,bhqd->bhkd", d, q', '"bqk,bhqd->bhkd", d, k'),
    (TIED, "x.T @ dh + d.T @ h", "x.T @ dh"),
    (ADDED, "(y - ziel) * self.x", "(ziel - y) * self.x"),
    (LISTED, "* (1 - self.H**2)", "* (1 - self.H)"),
    (MADE, "(d @ self.par", "(2 * d @ self.par"),
    (LIST, "dz = (1 - h**2) * h", "dz = (1 - h**2)"),
    (MASKED, "self.z < 0", "self.z > 0"),
    (AGAIN, "dout.copy()", "dout"),
    (CUBE, "3 * x ** 2", "3 * x"),
    (SLOPE, "1 if", "2 if"),
    (SLOPE, "1 if z >", "1 if z <"),
    (LOGS, "1.5 * d, d", "2.5 * d, d"),
    (NEURON, "dz * self.w", "dz * self.x"),
    (TWICE, "dw, d", "d, d"),
    (DROPPED, "dout * self.mask", "dout * 1.0"),
    (ELU, "alpha * np.exp(x))\ndef nll(", "alpha * (np.exp(x) - 1))\ndef nll("),
    (HUBER, "<= delta, e,", "> delta, e,"),
    (LEFT, "a2 - y) * (1", "y - a2) * (1"),
    (TURNED, "dout @ V.T", "dout @ V"),
    (ZIEL, "self.y - ziel", "ziel - self.y"),
    (TWICE, "d * 1.5", "d"),
    (NEURON, "dz * self.x, dz", "dz * self.w, dz"),
]


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_program_is_right(tmp_path, name):
    assert_right(tmp_path, RIGHT[name])


@pytest.mark.parametrize(("text", "before", "after"), WRONG)
def test_a_mistake_is_seen(tmp_path, text, before, after):
    assert is_told(tmp_path, text, before, after)


def test_what_cannot_be_called_as_it_is_meant_is_not_called_wrong(tmp_path):
    assert checked(tmp_path, SAVED).verdict == "error"


# a gradient whose name no argument has is that of the argument in its place
PLACED = """import numpy as np
def cost(W, log_s, x):
    return np.sum((x @ W) ** 2) * np.exp(log_s) + np.size(x) * log_s
def cost_grad(W, log_s, x):
    g_W = 2 * x.T @ (x @ W) * np.exp(log_s)
    g_ls = np.sum((x @ W) ** 2) * np.exp(log_s) + np.size(x)
    return g_W, g_ls
def inputs(rng):
    return dict(W=rng.normal(size=(3, 2)), log_s=np.array(0.2), x=rng.normal(size=(4, 3)))
"""


@pytest.mark.parametrize(
    ("before", "after", "verdict"), [("+ np.size", "+ np.size", "ok"), ("+ np.size(x)\n", "\n", "wrong")]
)
def test_a_gradient_is_compared_though_no_argument_has_its_name(tmp_path, before, after, verdict):
    text = PLACED.replace(before, after)
    assert checked(tmp_path, text).verdict == verdict


# two players whose steps take the same weights along; each goes down the loss that it computes itself
STEPS = """import numpy as np
class Game:
    def __init__(self, n=4, k=3):
        self.E, self.G = np.random.randn(n, k), np.random.randn(2, n)
    def d_loss(self, x, z):
        return np.mean(np.tanh(x @ self.E)) - np.mean(np.tanh(z @ self.G @ self.E))
    def g_loss(self, z):
        return np.mean(np.tanh(z @ self.G @ self.E) ** 2)
    def d_step(self, x, z, lr):
        loss, both = self.d_loss(x, z), np.concatenate([x, z @ self.G])
        w = np.where(np.arange(len(both)) < len(x), 1 / len(x), -1 / len(z))[:, None]
        self.E -= lr * both.T @ (w * (1 - np.tanh(both @ self.E) ** 2)) / self.E.shape[1]
        return loss
    def g_step(self, z, lr):
        loss, h = self.g_loss(z), np.tanh(z @ self.G @ self.E)
        self.G -= lr * z.T @ (2 * h * (1 - h**2) @ self.E.T) / h.size
        return loss
if __name__ == "__main__":
    game = Game()
    for _ in range(3):
        z = np.random.randn(6, 2)
        print(game.d_step(np.random.randn(5, 4), z, 0.1), game.g_step(z, 0.1))
"""


def test_a_wrong_step_is_judged_by_the_loss_that_it_computes(tmp_path):
    assert checked(tmp_path, STEPS).verdict == "ok"
    wrong = STEPS.replace("w = np.where(np.arange(len(both)) < ", "w = np.where(np.arange(len(both)) > ")
    said = checked(tmp_path, wrong, seconds=4)
    (one,) = (e for e in said.explanations if e.verdict == "wrong")
    assert "g_loss" not in one.title
    assert [f.line for f in one.findings] == [11]
