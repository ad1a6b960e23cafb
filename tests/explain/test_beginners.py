"""Small programs of a first week: numbers and lists, a loop at the end, words of other languages."""

import numpy as np
import pytest
from judged import assert_right, checked, is_told

from minigen.explain.bench import slope

# numbers in a tuple; the labels stand in what backward is given, and the loss is called at the end alone
NEURON = """import math
def forward(x, w, b):
    z = w * x + b
    a = 1 / (1 + math.exp(-z))
    return z, a
def loss(a, y):
    return (a - y) ** 2
def backward(x, y, a):
    dL_da = 2 * (a - y)
    dL_dz = dL_da * a * (1 - a)
    dL_dw = dL_dz * x
    dL_db = dL_dz
    return dL_dw, dL_db
x, y, w, b = 0.5, 1.0, 0.1, 0.0
for i in range(20):
    z, a = forward(x, w, b)
    dw, db = backward(x, y, a)
    w, b = w - 0.5 * dw, b - 0.5 * db
print(loss(a, y))
"""
# lists of numbers, in French
NEURONE = """import math
def propagation(entrees, poids, biais):
    somme = biais
    for e, p in zip(entrees, poids):
        somme += e * p
    return math.tanh(somme)
def erreur(sortie, cible):
    return 0.5 * (cible - sortie) ** 2
def retropropagation(entrees, sortie, cible):
    delta = (sortie - cible) * (1 - sortie * sortie)
    grad_poids = [delta * e for e in entrees]
    return grad_poids, delta
entrees, poids, biais, cible = [1.0, -0.5, 0.25], [0.1, 0.2, -0.3], 0.05, 0.8
for tour in range(50):
    sortie = propagation(entrees, poids, biais)
    gp, gb = retropropagation(entrees, sortie, cible)
    poids = [p - 0.1 * g for p, g in zip(poids, gp)]
    biais -= 0.1 * gb
print(erreur(sortie, cible))
"""
# sums that are divided where they are returned; whole numbers as data, and zeros to begin with
LINE = """def mse(xs, ys, w, b):
    return sum((w * x + b - y) ** 2 for x, y in zip(xs, ys)) / len(xs)
def gradients(xs, ys, w, b):
    grad_w, grad_b = 0, 0
    for i in range(len(xs)):
        error = w * xs[i] + b - ys[i]
        grad_w += 2 * error * xs[i]
        grad_b += 2 * error
    return grad_w / len(xs), grad_b / len(xs)
xs, ys, w, b = [1, 2, 3, 4], [3.1, 4.9, 7.2, 9.0], 0.0, 0.0
for epoch in range(100):
    gw, gb = gradients(xs, ys, w, b)
    w, b = w - 0.02 * gw, b - 0.02 * gb
"""
# with a wrong sign the training leads to a loss that is infinite
LOGISTIC = """import numpy as np
def cost(X, y, w, b):
    f = 1 / (1 + np.exp(-(X @ w + b)))
    return -np.sum(y * np.log(f) + (1 - y) * np.log(1 - f)) / len(X)
def gradient(X, y, w, b):
    error = 1 / (1 + np.exp(-(X @ w + b))) - y
    dw = X.T @ error / len(X)
    db = np.sum(error) / len(X)
    return dw, db
if __name__ == "__main__":
    X = np.random.default_rng(1).normal(size=(100, 2))
    y = (X.sum(1) > 0).astype(float)
    w, b = np.zeros(2), 0.0
    for i in range(2000):
        dw, db = gradient(X, y, w, b)
        w, b = w - 0.5 * dw, b - 0.5 * db
    print(cost(X, y, w, b))
"""
# arguments that are changed in place, each a single number
STEP = """import numpy as np
def cost(X, Y, w, b):
    return np.mean((X.dot(w) + b - Y) ** 2)
def gd_step(X, Y, w, b, lr):
    diff = X.dot(w) + b - Y
    w -= lr * 2 / len(Y) * X.T.dot(diff)
    b -= lr * 2 / len(Y) * diff.sum()
if __name__ == "__main__":
    X = np.linspace(0, 1, 30).reshape(-1, 1)
    Y, w, b = 3 * X[:, 0] + 1, np.zeros(1), np.zeros(1)
    for step in range(300):
        gd_step(X, Y, w, b, 0.1)
    print(cost(X, Y, w, b))
"""
# no word of a function says that it goes back; its loss, which nothing calls, is told by its name
CHAIN = """import numpy as np
def qianxiang(xulie, Wx, Wh):
    h = [np.zeros(len(Wh))]
    for x in xulie:
        h.append(np.tanh(Wx @ x + Wh @ h[-1]))
    return h
def sunshi(xulie, mubiao, Wx, Wh):
    return np.sum((qianxiang(xulie, Wx, Wh)[-1] - mubiao) ** 2)
def fanxiang(xulie, mubiao, Wx, Wh):
    h = qianxiang(xulie, Wx, Wh)
    dWx, dWh = np.zeros_like(Wx), np.zeros_like(Wh)
    dh = 2 * (h[-1] - mubiao)
    for t in reversed(range(len(xulie))):
        dz = dh * (1 - h[t + 1] ** 2)
        dWx += np.outer(dz, xulie[t])
        dWh += np.outer(dz, h[t])
        dh = Wh.T @ dz
    return dWx, dWh
print(fanxiang(np.random.randn(4, 3), np.zeros(2), np.random.randn(2, 3), np.random.randn(2, 2)))
"""
# the code at the end turns the training of all layers off
NORM = """import numpy as np
class Layer:
    training = True
class Norm(Layer):
    def __init__(self, n):
        self.gamma, self.beta, self.mean = np.ones(n), np.zeros(n), np.zeros(n)
    def forward(self, x):
        mean = x.mean(0) if self.training else self.mean
        self.mean = 0.9 * self.mean + 0.1 * mean
        self.inv = 1 / np.sqrt(((x - mean) ** 2).mean(0) + 1e-5)
        self.xhat = (x - mean) * self.inv
        return self.gamma * self.xhat + self.beta
    def backward(self, grad):
        self.dgamma, self.dbeta = np.sum(grad * self.xhat, 0), np.sum(grad, 0)
        return self.gamma * self.inv / len(grad) * (len(grad) * grad - self.dbeta - self.xhat * self.dgamma)
if __name__ == "__main__":
    layer, x = Norm(3), np.random.randn(20, 3)
    layer.backward(layer.forward(x) - x)
    Layer.training = False
    print(layer.forward(x))
"""
# the two passes of a critic cancel in its last bias: what is stored is 0, whatever stood there before
CRITIC = """import numpy as np
class Critic:
    def __init__(self, n=4, k=5):
        self.par = {"W": np.random.randn(n, k), "v": np.random.randn(k), "c": np.zeros(1)}
        self.grads = {name: np.zeros_like(p) for name, p in self.par.items()}
    def __call__(self, x):
        self.x, self.h = x, np.tanh(x @ self.par["W"])
        return self.h @ self.par["v"] + self.par["c"]
    def backward(self, g):
        self.grads["v"] += self.h.T @ g
        self.grads["c"] += g.sum()
        self.grads["W"] += self.x.T @ (np.outer(g, self.par["v"]) * (1 - self.h**2))
def critic_loss(critic, real, fake):
    for g in critic.grads.values():
        g.fill(0)
    f = critic(fake)
    critic.backward(np.full(len(f), 1 / len(f)))
    r = critic(real)
    critic.backward(np.full(len(r), -1 / len(r)))
    return f.mean() - r.mean()
if __name__ == "__main__":
    critic = Critic()
    for step in range(3):
        critic_loss(critic, np.random.randn(20, 4), np.random.randn(20, 4))
        for name, p in critic.par.items():
            p -= 0.01 * critic.grads[name]
"""
# an object that is made of others by a way of its own, as the annotations of its fields tell
MADE = """import numpy as np
from dataclasses import dataclass, field
@dataclass
class Dense:
    w: np.ndarray
    @classmethod
    def make(cls, n_in, n_out, rng):
        return cls(rng.normal(size=(n_in, n_out)))
@dataclass
class Net:
    one: Dense
    two: Dense
    tape: dict = field(default_factory=dict)
    @classmethod
    def make(cls, seed=0):
        rng = np.random.default_rng(seed)
        return cls(Dense.make(4, 3, rng), Dense.make(3, 2, rng))
    def forward(self, x):
        h = np.arctan(x @ self.one.w)
        self.tape = dict(x=x, z=x @ self.one.w, h=h)
        return np.sum((h @ self.two.w) ** 2)
    def backward(self):
        dout = 2 * self.tape["h"] @ self.two.w
        self.two.dw = self.tape["h"].T @ dout
        dz = (dout @ self.two.w.T) / (1 + self.tape["z"] ** 2)
        self.one.dw = self.tape["x"].T @ dz
"""
# one entry of each row, and not those columns of all rows
ROWS = """import numpy as np
def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)
def verlust(W, b, X, klassen):
    p = softmax(X @ W + b)
    return -np.mean(np.log(p[np.arange(len(X)), klassen]))
def gradienten(W, b, X, klassen):
    dz = softmax(X @ W + b)
    dz[np.arange(len(X)), klassen] -= 1
    dz /= len(X)
    return X.T @ dz, dz.sum(axis=0)
"""
# one example at a time: with several the step would give the bias another shape
COLUMN = """import numpy as np
class Dense:
    def __init__(self, n_in, n_out):
        self.W, self.b = np.random.normal(0, 0.5, (n_out, n_in)), np.zeros((n_out, 1))
    def forward(self, x):
        self.x = x
        return self.W @ x + self.b
    def backward(self, grad, lr):
        dx = self.W.T @ grad
        self.W = self.W - lr * (grad @ self.x.T)
        self.b = self.b - lr * grad
        return dx
"""
# the length of a step under a name of its own
RATE = """import numpy as np
class Recta:
    def __init__(self, n=3):
        self.w = np.random.randn(n)
    def paso(self, x, t, alfa):
        error = x @ self.w - t
        perdida = 0.5 * np.sum(error**2)
        self.w -= alfa * (x.T @ error)
        return perdida
if __name__ == "__main__":
    recta, x = Recta(), np.random.randn(20, 3)
    for epoca in range(20):
        print(recta.paso(x, x.sum(1), 0.02 * (1 - epoca / 20)))
"""
# functions and derivatives in dicts, of the input and of the output
TABLE = """import numpy as np
FUNCTIES = {
    "zacht": lambda z: z / (1 + np.abs(z)),
    "bult": lambda z: np.exp(-z * z),
}
AFGELEIDEN = {
    "zacht": lambda z: (1 + np.abs(z)) ** -2,
    "bult": lambda z: -2 * z * np.exp(-z * z),
}
MET_UITVOER = {
    "tanh": (np.tanh, lambda y: 1 - y * y),
    "elu": (
        lambda x: np.where(x > 0, x, np.exp(np.minimum(x, 0)) - 1),
        lambda y: np.where(y > 0, 1.0, y + 1),
    ),
}
"""
# Turkish: what the error is made of is handed to backward alone, and the inputs are zeros and ones
HUCRE = """import math
class Hucre:
    def __init__(self, n):
        self.agirlik = [0.3 * (-1) ** i for i in range(n)]
        self.esik = 0.1
    def ileri(self, girdi):
        self.girdi = girdi
        toplam = self.esik
        for a, g in zip(self.agirlik, girdi):
            toplam += a * g
        self.cikti = math.tanh(toplam)
        return self.cikti
    def geri(self, istenen):
        fark = self.cikti - istenen
        delta = fark * (1 - self.cikti * self.cikti)
        self.dagirlik = [delta * g for g in self.girdi]
        self.desik = delta
hucre = Hucre(3)
for tur in range(50):
    for girdi, istenen in (([0, 0, 1], 0), ([1, 0, 1], 1)):
        hucre.ileri(girdi)
        hucre.geri(istenen)
"""
# an engine whose ways back have names of another language
VALOR = """import math
class Num:
    def __init__(self, v):
        self.v, self.g, self.vuelta, self.antes = v, 0.0, lambda: None, ()
    def __add__(self, otro):
        r = Num(self.v + otro.v)
        r.antes = (self, otro)
        def vuelta():
            self.g += r.g
            otro.g += r.g
        r.vuelta = vuelta
        return r
    def __mul__(self, otro):
        r = Num(self.v * otro.v)
        r.antes = (self, otro)
        def vuelta():
            self.g += otro.v * r.g
            otro.g += self.v * r.g
        r.vuelta = vuelta
        return r
    def exp(self):
        r = Num(math.exp(self.v))
        r.antes = (self,)
        def vuelta():
            self.g += r.v * r.g
        r.vuelta = vuelta
        return r
    def repartir(self):
        orden, vistos = [], set()
        def ver(n):
            if n not in vistos:
                vistos.add(n)
                for a in n.antes:
                    ver(a)
                orden.append(n)
        ver(self)
        self.g = 1.0
        for n in reversed(orden):
            n.vuelta()
"""
# numbers in Python's own loops
DUENN = """def verlust(w, b, x, y):
    summe = 0.0
    for i in range(len(x)):
        for j in range(len(w)):
            summe += (w[j] * x[i] + b[j] - y[i]) ** 2 / len(x)
    return summe
def ableitung(w, b, x, y):
    gw, gb = [0.0] * len(w), [0.0] * len(b)
    for i in range(len(x)):
        for j in range(len(w)):
            rest = w[j] * x[i] + b[j] - y[i]
            gw[j] += 2 * rest * x[i] / len(x)
            gb[j] += 2 * rest / len(x)
    return gw, gb
x, y = [0.5, -1.0, 2.0, 0.3], [1.0, 0.2, -0.4, 0.9]
print(verlust([0.1, 0.4], [0.0, 0.3], x, y), ableitung([0.1, 0.4], [0.0, 0.3], x, y))
"""
# each function gives its own derivative where a flag asks for it
FLAGS = """import numpy as np
def smooth(x, deriv=False):
    s = 1 / (1 + np.exp(-x))
    if deriv:
        return s + x * s * (1 - s)
    return x * s
def hat(x, deriv=False):
    if deriv:
        return -2 * x * np.exp(-x ** 2)
    return np.exp(-x ** 2)
xs = np.array([-1.2, 0.4, 0.9])
for f in (smooth, hat):
    print(f.__name__, f(xs, deriv=True))
"""
# a formula and its derivative, of which a term is easily forgotten
WAVE = """from math import exp, sin, cos
def f(x):
    return x ** 3 * sin(2 * x) + exp(-x)
def df(x):
    return 3 * x ** 2 * sin(2 * x) + 2 * x ** 3 * cos(2 * x) - exp(-x)
print(f(0.7), df(0.7))
"""
# the label is 1, and a number of the object is a parameter
OPINION = """import numpy as np
class Opinion:
    def __init__(self, words, size):
        rng = np.random.default_rng(0)
        self.V = rng.normal(size=(words, size))
        self.u = rng.normal(size=size)
        self.c = 0.0
    def loss(self, ids, label):
        self.ids, self.label = ids, label
        self.m = self.V[ids].mean(axis=0)
        self.p = 1 / (1 + np.exp(-(self.m @ self.u + self.c)))
        return -label * np.log(self.p) - (1 - label) * np.log(1 - self.p)
    def grads(self):
        d = self.p - self.label
        dV = np.zeros_like(self.V)
        np.add.at(dV, self.ids, d * self.u / len(self.ids))
        return dV, d * self.m, d
model = Opinion(5, 3)
print(model.loss([0, 2, 2, 4], 1), model.grads())
"""
# which gradient is whose tells the step alone
TELLER = """from math import tanh
class Unit:
    def __init__(self, weights, shift):
        self.weights = weights
        self.shift = shift
    def out(self, x):
        return tanh(sum(w * v for w, v in zip(self.weights, x)) + self.shift)
    def cost(self, rows):
        return sum((self.out(x) - t) ** 2 for x, t in rows) / len(rows)
    def slopes(self, rows):
        n, first, second = len(rows), [0.0] * len(self.weights), 0.0
        for x, t in rows:
            y = self.out(x)
            d = 2 * (y - t) * (1 - y * y)
            first = [a + d * v for a, v in zip(first, x)]
            second += d
        return [a / n for a in first], second / n
    def learn(self, rows, step=0.1):
        p, q = self.slopes(rows)
        self.weights = [w - step * a for w, a in zip(self.weights, p)]
        self.shift -= step * q
rows = [([0.2, 1.0], 0.4), ([0.9, -0.3], -0.6), ([-0.8, 0.5], 0.8)]
unit = Unit([0.4, -0.5], 0.2)
for k in range(10):
    unit.learn(rows)
print(unit.cost(rows))
"""
# a method that needs no object, with its cache behind other outputs
CELL = """import numpy as np
class Cell:
    @staticmethod
    def forward(X, W, h0=None):
        n, b, d = X.shape
        k = W.shape[1]
        h0 = np.zeros((b, k)) if h0 is None else h0
        H, I = np.zeros((n, b, k)), np.zeros((n, b, d + k))
        for t in range(n):
            I[t] = np.concatenate([X[t], H[t - 1] if t else h0], axis=1)
            H[t] = np.tanh(I[t] @ W)
        cache = dict(H=H, I=I, W=W)
        return H, H[t], cache
    @staticmethod
    def backward(dH, cache):
        H, I, W = cache["H"], cache["I"], cache["W"]
        n, b, k = H.shape
        d = W.shape[0] - k
        dX, dW, dH = np.zeros((n, b, d)), np.zeros_like(W), dH.copy()
        dh0 = np.zeros((b, k))
        for t in reversed(range(n)):
            dz = dH[t] * (1 - H[t] ** 2)
            dW += I[t].T @ dz
            dI = dz @ W.T
            dX[t] = dI[:, :d]
            if t:
                dH[t - 1] += dI[:, d:]
            else:
                dh0 = dI[:, d:]
        return dX, dW, dh0
if __name__ == "__main__":
    rng = np.random.default_rng(0)
    X, W = rng.normal(size=(4, 2, 3)), rng.normal(size=(7, 4))
    H, last, cache = Cell.forward(X, W, rng.normal(size=(2, 4)))
    print(Cell.backward(rng.normal(size=H.shape), cache)[0].shape)
"""
# decay that is written into the gradient alone, and a mask of dropout
ZERFALL = """import numpy as np
class Netz:
    def __init__(self, ein, mitte, aus, lam=0.01, p=0.4):
        rng = np.random.default_rng(2)
        self.W, self.V = rng.normal(size=(ein, mitte)), rng.normal(size=(mitte, aus))
        self.b, self.c = np.zeros(mitte), np.zeros(aus)
        self.lam, self.p = lam, p
    def ziehen(self, n):
        self.maske = (np.random.default_rng(1).random((n, self.b.size)) >= self.p) / (1 - self.p)
    def vorwaerts(self, X):
        self.X = X
        self.h = np.tanh(X @ self.W + self.b) * self.maske
        self.y = self.h @ self.V + self.c
        return self.y
    def kosten(self, T):
        return 0.5 * np.sum((self.y - T) ** 2) / len(T)
    def rueckwaerts(self, T):
        d = (self.y - T) / len(T)
        dV = self.h.T @ d + self.lam * self.V
        dc = d.sum(axis=0)
        a = self.h * (1 - self.p)
        dz = d @ self.V.T * self.maske * (1 - a ** 2)
        dW = self.X.T @ dz + self.lam * self.W
        db = dz.sum(axis=0)
        return dW, db, dV, dc
netz = Netz(3, 5, 2)
X, T = np.random.default_rng(3).normal(size=(8, 3)), np.random.default_rng(4).normal(size=(8, 2))
netz.ziehen(8)
netz.vorwaerts(X)
print(netz.kosten(T), len(netz.rueckwaerts(T)))
"""
# parameters that are objects, in layers that a function of the file puts together
BUILT = """from dataclasses import dataclass
import numpy as np
WIDTH = 4
@dataclass
class Param:
    value: np.ndarray
    grad: np.ndarray = None
@dataclass
class Scale:
    a: Param
    def forward(self, x):
        self.x = x
        return x * np.exp(self.a.value)
    def backward(self, g):
        self.a.grad = (g * self.x).sum(axis=0) * np.exp(self.a.value)
        return g * np.exp(self.a.value)
@dataclass
class Mix:
    W: Param
    def forward(self, x):
        self.x = x
        return np.tanh(x @ self.W.value)
    def backward(self, g):
        d = g * (1 - np.tanh(self.x @ self.W.value) ** 2)
        self.W.grad = self.x.T @ d
        return d @ self.W.value.T
@dataclass
class Chain:
    parts: list
    def energy(self, x):
        for part in self.parts:
            x = part.forward(x)
        self.out = x
        return 0.5 * np.sum(x ** 2) / len(x)
    def backward(self):
        d = self.out / len(self.out)
        for part in reversed(self.parts):
            d = part.backward(d)
        return d
def assemble(seed=0):
    rng = np.random.default_rng(seed)
    make = lambda *shape: Param(0.4 * rng.normal(size=shape))
    return Chain([Scale(make(WIDTH)), Mix(make(WIDTH, WIDTH)), Scale(make(WIDTH))])
"""
# matrices, whose * is a product
MATRIX = """import numpy as np
def vorwaerts(X, W, b):
    H = np.tanh(W * X + b)
    return H, (X, H)
def verlust(H, T):
    return 0.5 * np.square(H - T).sum() / T.shape[1]
def rueckwaerts(T, cache):
    X, H = cache
    d = np.multiply((H - T) / T.shape[1], 1 - np.square(H))
    return {"dW": d * X.T, "db": d.sum(axis=1)}
if __name__ == "__main__":
    rng = np.random.RandomState(0)
    X, T = np.matrix(rng.randn(3, 8)), np.matrix(rng.randn(2, 8))
    W, b = np.matrix(rng.randn(2, 3)), np.matrix(np.zeros((2, 1)))
    H, cache = vorwaerts(X, W, b)
    print(verlust(H, T), rueckwaerts(T, cache)["dW"].shape)
"""
# windows that overlap, of which the largest entry gets the gradient
PEAKS = """import numpy as np
def peaks(x, k=2, s=3):
    n, m = (x.shape[0] - k) // s + 1, (x.shape[1] - k) // s + 1
    out = np.zeros((n, m))
    for i in range(n):
        for j in range(m):
            out[i, j] = np.max(x[i * s:i * s + k, j * s:j * s + k])
    return out
def peaks_backward(dout, x, k=2, s=3):
    dx = np.zeros(x.shape)
    for i in range(dout.shape[0]):
        for j in range(dout.shape[1]):
            part = x[i * s:i * s + k, j * s:j * s + k]
            a, b = np.unravel_index(np.argmax(part), part.shape)
            dx[i * s + a, j * s + b] += dout[i, j]
    return dx
x = np.random.default_rng(0).normal(size=(8, 8))
print(peaks_backward(np.ones((3, 3)), x))
"""
# what a row loses is balanced by its own class
MARGINS = """import numpy as np
def loss(W, X, y):
    rows = np.arange(len(X))
    s = X @ W
    over = np.maximum(0, s - s[rows, y][:, None] + 1)
    over[rows, y] = 0
    value = over.sum() / len(X)
    count = (over > 0) * 1.0
    count[rows, y] = -count.sum(axis=1)
    dW = X.T @ count / len(X)
    return value, dW
rng = np.random.default_rng(1)
X, y = rng.normal(size=(9, 4)), rng.integers(0, 3, 9)
print(loss(rng.normal(size=(4, 3)), X, y)[0])
"""
# rows and columns by counters
SMOOTH = """import numpy as np
def smooth_forward(x, f):
    n, k = x.shape[0] - f.shape[0] + 1, f.shape[0]
    out = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            out[i, j] = np.sum(x[i:i + k, j:j + k] * f)
    return out
def smooth_backward(dout, x, f):
    dx, df, k = np.zeros_like(x), np.zeros_like(f), f.shape[0]
    for i in range(dout.shape[0]):
        for j in range(dout.shape[1]):
            dx[i:i + k, j:j + k] += dout[i, j] * f
            df += dout[i, j] * x[i:i + k, j:j + k]
    return dx, df
rng = np.random.default_rng(2)
x, f = rng.normal(size=(5, 5)), rng.normal(size=(2, 2))
print(smooth_backward(smooth_forward(x, f), x, f)[1])
"""
# a loss and its gradient at once, which only those that are right show
UNLIKE = """import numpy as np
def carre(p, y):
    e = p - y
    return 0.5 * (e ** 2).sum(), e
def douce(p, y):
    e = p - y
    return np.log(np.cosh(e)).sum(), np.tanh(e)
p, y = np.array([[0.2, 1.1], [2.0, 0.7]]), np.array([[0.0, 1.0], [2.5, 0.1]])
for f in (carre, douce):
    print(f(p, y))
"""
# two losses, one for each player, and the gradients of both
RIVALS = """import numpy as np
def logistic(v):
    return 1 / (1 + np.exp(-v))
def scores(theta, phi, z, x):
    fake = z * theta[0] + theta[1]
    return fake, logistic(phi[0] * x + phi[1]), logistic(phi[0] * fake + phi[1])
def both_losses(theta, phi, z, x):
    _, p, q = scores(theta, phi, z, x)
    disc_loss = -np.mean(np.log(p)) - np.mean(np.log(1 - q))
    gen_loss = -np.mean(np.log(q))
    return disc_loss, gen_loss
def both_gradients(theta, phi, z, x):
    fake, p, q = scores(theta, phi, z, x)
    dphi = np.array([np.mean((p - 1) * x) + np.mean(q * fake), np.mean(p - 1) + np.mean(q)])
    dfake = (q - 1) * phi[0] / len(z)
    dtheta = np.array([np.sum(dfake * z), np.sum(dfake)])
    return dtheta, dphi
rng = np.random.default_rng(0)
x, z = rng.normal(2, 0.5, 12), rng.normal(size=12)
print(both_losses(np.array([1.0, 0.3]), np.array([0.4, -0.2]), z, x))
print(both_gradients(np.array([1.0, 0.3]), np.array([0.4, -0.2]), z, x))
"""
# names that say whose gradient they are by their first letter alone
QUERIES = """import numpy as np
def contrast(q, k, m):
    near, far = ((q - k) ** 2).sum(axis=1), ((q - m) ** 2).sum(axis=1)
    return np.log1p(np.exp(near - far)).mean(), (q, k, m, near, far)
def contrast_backward(cache):
    q, k, m, near, far = cache
    s = (1 / (1 + np.exp(far - near)) / len(q))[:, None]
    toward = 2 * s * (q - k)
    away = 2 * s * (q - m)
    return {"query": toward - away, "key": -toward, "miss": away}
rng = np.random.default_rng(1)
value, cache = contrast(*rng.normal(size=(3, 5, 4)))
print(value, contrast_backward(cache))
"""
# parameters in pairs, and gradients in pairs at the same places
STACK = """import numpy as np
def layer(W, b):
    def go(x):
        h = np.tanh(x @ W + b)
        def back(g):
            g = g * (1 - h ** 2)
            return g @ W.T, x.T @ g, g.sum(axis=0)
        return h, back
    return go
def net(pairs):
    layers = [layer(W, b) for W, b in pairs]
    def run(x, t):
        a, back_a = layers[0](x)
        c, back_c = layers[1](a)
        o, back_o = layers[2](c)
        loss = ((o - t) ** 2).sum() + 0.1 * (c ** 2).sum()
        def back():
            g, gW3, gb3 = back_o(2 * (o - t))
            g = g + 0.2 * c
            g, gW2, gb2 = back_c(g)
            _, gW1, gb1 = back_a(g)
            return [(gW1, gb1), (gW2, gb2), (gW3, gb3)]
        return loss, back
    return run
if __name__ == "__main__":
    rng = np.random.default_rng(2)
    sizes = [4, 6, 5, 3]
    pairs = [(rng.normal(0, 0.5, (m, n)), np.zeros(n)) for m, n in zip(sizes, sizes[1:])]
    loss, back = net(pairs)(rng.normal(size=(8, 4)), rng.normal(size=(8, 3)))
    print(loss, back())
"""
# the same two losses in a class that keeps its gradients
BOTH = """import numpy as np
def sig(v):
    return 1 / (1 + np.exp(-v))
class Duel:
    def __init__(self, seed=0):
        r = np.random.default_rng(seed)
        self.D, self.e = r.normal(size=(3, 1)), np.array([0.2])
        self.G, self.m = r.normal(size=(2, 3)), r.normal(size=3)
    def forward(self, x, z):
        self.x, self.z = x, z
        self.fake = z @ self.G + self.m
        self.p, self.q = sig(x @ self.D + self.e), sig(self.fake @ self.D + self.e)
        d_loss = -np.mean(np.log(self.p)) - np.mean(np.log(1 - self.q))
        g_loss = -np.mean(np.log(self.q))
        return d_loss, g_loss
    def backward(self):
        n = len(self.x)
        self.dD = (self.x.T @ (self.p - 1) + self.fake.T @ self.q) / n
        self.de = np.mean(self.p - 1, axis=0) + np.mean(self.q, axis=0)
        dfake = (self.q - 1) @ self.D.T / n
        self.dG = self.z.T @ dfake
        self.dm = dfake.sum(axis=0)
if __name__ == "__main__":
    r = np.random.default_rng(1)
    duel = Duel()
    print(duel.forward(r.normal(size=(6, 3)), r.normal(size=(6, 2))))
    duel.backward()
    print(duel.dG, duel.dD)
"""
# beside two gradients stands what forward gives, whose name begins like that of the labels
BESIDE = """import numpy as np
def cost_and_slopes(x, w, b, y):
    y_pred = np.tanh(x @ w + b)
    d = 2 * (y_pred - y) * (1 - y_pred ** 2) / len(x)
    return np.mean((y_pred - y) ** 2), {"w_grad": x.T @ d, "b_grad": d.sum(), "y_pred": y_pred}
r = np.random.default_rng(1)
print(cost_and_slopes(r.normal(size=(7, 3)), r.normal(size=3), 0.4, r.normal(size=7)))
"""
# a slope on one side, copies, a logarithm of a size, a root, and a sum that forward has as well
SPREAD = """import numpy as np
def forward(q, k, s, t):
    a = np.where(q > 0, q, np.exp(np.minimum(q, 0)) - 1)
    score = a @ k.T / np.sqrt(q.shape[1])
    up = np.repeat(s, 2, axis=1)
    m = (1 - 0.3) * t ** 2 + 0.3 / len(t)
    return np.sum(np.sin(score)) + np.sum(up ** 3) - np.sum(np.log(np.abs(s))) + np.sum(m ** 2) / 2
def backward(q, k, s, t):
    n, d = q.shape
    a = np.where(q > 0, q, np.exp(np.minimum(q, 0)) - 1)
    g = np.cos(a @ k.T / np.sqrt(d))
    da = g @ k / np.sqrt(d)
    dq = da * np.where(q > 0, 1, a + 1)
    dk = g.T @ a / np.sqrt(d)
    dup = 3 * np.repeat(s, 2, axis=1) ** 2
    ds = dup[:, ::2] + dup[:, 1::2] - 1 / s
    dt = ((1 - 0.3) * t ** 2 + 0.3 / len(t)) * 2 * (1 - 0.3) * t
    return dq, dk, ds, dt
if __name__ == "__main__":
    r = np.random.default_rng(0)
    given = r.normal(size=(3, 4)), r.normal(size=(5, 4)), r.normal(size=(2, 3)), r.normal(size=6)
    print(forward(*given), backward(*given))
"""
RIGHT = {
    "NEURON": NEURON, "NEURONE": NEURONE, "LINE": LINE, "LOGISTIC": LOGISTIC, "STEP": STEP, "CHAIN": CHAIN,
    "NORM": NORM, "CRITIC": CRITIC, "MADE": MADE, "ROWS": ROWS, "COLUMN": COLUMN, "RATE": RATE,
    "TABLE": TABLE, "HUCRE": HUCRE, "VALOR": VALOR, "DUENN": DUENN,
    "FLAGS": FLAGS, "WAVE": WAVE, "OPINION": OPINION, "TELLER": TELLER, "CELL": CELL,
    "ZERFALL": ZERFALL, "BUILT": BUILT,
    "PEAKS": PEAKS, "MARGINS": MARGINS, "SMOOTH": SMOOTH, "UNLIKE": UNLIKE,
    "RIVALS": RIVALS, "QUERIES": QUERIES, "STACK": STACK, "BOTH": BOTH,
    "BESIDE": BESIDE, "SPREAD": SPREAD,
}  # fmt: skip
WRONG = [
    (NEURON, "dL_dw = dL_dz * x", "dL_dw = dL_dz * w"),
    (NEURON, "dL_db = dL_dz", "dL_db = dL_da"),
    (NEURONE, "(1 - sortie * sortie)", "(1 - sortie)"),
    (NEURONE, "delta * e for e", "2 * delta * e for e"),
    (LINE, "grad_w += 2", "grad_w = 2"),
    (LOGISTIC, "-(X @ w + b))) - y", "-(X @ w + b))) + y"),
    (LOGISTIC, "np.sum(error) / len(X)", "np.sum(error)"),
    (STEP, "w -= lr", "w += lr"),
    (STEP, "diff.sum()", "diff.mean()"),
    (CHAIN, "dz, h[t])", "dz, h[t + 1])"),
    (CHAIN, "Wh.T @ dz", "Wh @ dz"),
    (NORM, "- self.xhat * self.dgamma", "+ self.xhat * self.dgamma"),
    (CRITIC, "(1 - self.h**2)", "(1 - self.h)"),
    (MADE, "/ (1 + self", "* (1 - self"),
    (ROWS, "dz[np.arange(len(X)), klassen]", "dz[:, klassen]"),
    (COLUMN, "self.b - lr", "self.b + lr"),
    (RATE, "(x.T @ error)", "(x.T @ t)"),
    (TABLE, "-2 * z * np", "-2 * np"),
    (TABLE, "1 - y * y", "1 - np.tanh(y) ** 2"),
    (TABLE, "1.0, y + 1)", "1.0, np.exp(y))"),
    (HUCRE, "delta * g for g", "fark * g for g"),
    (HUCRE, "self.desik = delta", "self.desik = fark"),
    (VALOR, "otro.g += self.v * r.g", "otro.g = self.v * r.g"),
    (VALOR, "self.g += r.v * r.g", "self.g += self.v * r.g"),
    (DUENN, "gb[j] += 2 * rest / len(x)", "gb[j] += 2 * rest"),
    (FLAGS, "s + x * s * (1 - s)", "s + x * (1 - s)"),
    (FLAGS, "return -2 * x * np.exp(-x ** 2)", "return -2 * np.exp(-x ** 2)"),
    (
        WAVE,
        "3 * x ** 2 * sin(2 * x) + 2 * x ** 3 * cos(2 * x) - exp(-x)",
        "3 * x ** 2 * sin(2 * x) - exp(-x)",
    ),
    (WAVE, "2 * x ** 3 * cos(2 * x)", "x ** 3 * cos(2 * x)"),
    (
        OPINION,
        "np.add.at(dV, self.ids, d * self.u / len(self.ids))",
        "dV[self.ids] += d * self.u / len(self.ids)",
    ),
    (OPINION, "d = self.p - self.label", "d = (self.p - self.label) * self.p"),
    (TELLER, "second / n", "second"),
    (TELLER, "(1 - y * y)", "(1 - y)"),
    (CELL, "dH[t - 1] += dI[:, d:]", "dH[t - 1] = dI[:, d:]"),
    (CELL, "(1 - H[t] ** 2)", "(1 - H[t])"),
    (ZERFALL, "* self.maske * (1", "* (1"),
    (ZERFALL, "dc = d.sum(axis=0)", "dc = d.mean(axis=0)"),
    (BUILT, "d @ self.W.value.T", "d @ self.W.value"),
    (BUILT, "(g * self.x).sum(axis=0) * np.exp(self.a.value)", "(g * self.x).sum(axis=0)"),
    (PEAKS, "part = x[i * s:i * s + k, j * s:j * s + k]", "part = x[i:i + k, j:j + k]"),
    (MARGINS, "-count.sum(axis=1)", "-1"),
    (SMOOTH, "df += dout[i, j]", "df += dout[j, i]"),
    (SMOOTH, "+= dout[i, j] * f\n", "+= dout[i, j] * f[::-1, ::-1]\n"),
    (BOTH, "self.z.T @ dfake", "self.z.T @ self.fake"),
    (BOTH, "self.dm = dfake.sum(axis=0)", "self.dm = dfake.mean(axis=0)"),
    (SPREAD, "da = g @ k / np.sqrt(d)", "da = g @ k / d"),
    (SPREAD, "np.where(q > 0, 1, a + 1)", "np.where(q > 0, 1, 1)"),
    (SPREAD, "dup = 3 * np.repeat(s, 2, axis=1)", "dup = 3 * np.tile(s, (1, 2))"),
    (SPREAD, "- 1 / s", "- np.log(np.abs(s))"),
    (SPREAD, "dt = ((1 - 0.3) * t ** 2 + 0.3 / len(t))", "dt = ((1 - 0.3) * t ** 2)"),
    (RIVALS, "np.sum(dfake * z)", "np.sum(dfake * x)"),
    (RIVALS, "np.mean(q * fake)", "np.mean(q * z)"),
    (QUERIES, "toward - away", "toward"),
    (QUERIES, "away = 2 * s * (q - m)", "away = 2 * s * (k - m)"),
    (STACK, "g = g + 0.2 * c", "g = 0.2 * c"),
]


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_program_is_right(tmp_path, name):
    assert_right(tmp_path, RIGHT[name])


@pytest.mark.parametrize(("text", "before", "after"), WRONG)
def test_a_mistake_is_seen(tmp_path, text, before, after):
    assert is_told(tmp_path, text, before, after)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_a_right_program_of_matrices_is_right(tmp_path):
    assert_right(tmp_path, MATRIX)


def test_a_function_that_is_unlike_the_others_of_its_form_is_told(tmp_path):
    said = checked(tmp_path, UNLIKE.replace("np.tanh(e)", "np.cosh(e)"))
    assert said.verdict == "inconclusive"
    assert any("douce was not judged" in c for e in said.explanations for c in e.certain)


def test_a_small_kink_within_the_step_is_not_counted_as_known():
    def bent(at):
        return lambda h: h + 0.001 * max(h - at, 0.0)

    assert slope(bent(3e-6), 0.0, 0.0) == pytest.approx(1, abs=1e-8)  # between the two smallest steps
    assert np.isnan(slope(bent(0.0), 0.0, 0.0))
    smooth = slope(lambda h: np.log(0.01 + h), 0.0, np.log(0.01))
    assert smooth == pytest.approx(100, rel=1e-6)
