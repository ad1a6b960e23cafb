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
# entries of lists by counters, and decay that the comment alone tells
RATINGS = """import random
random.seed(3)
scores = [[4, 0, 1, 2], [0, 3, 5, 1], [2, 2, 0, 4]]
def factors(R, k=2, rounds=50, eta=0.02, lam=0.1):
    U = [[random.gauss(0, 1) for _ in range(k)] for _ in R]
    V = [[random.gauss(0, 1) for _ in range(k)] for _ in R[0]]
    for _ in range(rounds):
        for u in range(len(R)):
            for m in range(len(R[0])):
                if R[u][m] == 0:
                    continue
                err = R[u][m] - sum(U[u][f] * V[m][f] for f in range(k))
                for f in range(k):  # half of err^2 + lam (u^2 + v^2)
                    old = U[u][f]
                    U[u][f] = old - eta * (lam * old - err * V[m][f])
                    V[m][f] = V[m][f] - eta * (lam * V[m][f] - err * old)
    return U, V
U, V = factors(scores)
"""
# momentum, and a loss with decay
MOMENTUM = """import numpy as np
X = np.array([[0.2, 1.0], [-0.7, 0.3], [1.4, -0.5], [0.6, 0.9], [-1.1, 0.4]])
t = np.array([1.0, -0.4, 0.8, 1.3, -0.9])
gain, shift = np.zeros(2), 0.0
speed, speed0 = np.zeros(2), 0.0
for k in range(80):
    miss = X @ gain + shift - t
    loss = np.mean(miss ** 2) + 0.05 * np.sum(gain ** 2)
    g_gain = 2 * X.T @ miss / len(t) + 0.1 * gain
    g_shift = 2 * np.mean(miss)
    speed = 0.9 * speed - 0.01 * g_gain
    speed0 = 0.9 * speed0 - 0.01 * g_shift
    gain = gain + speed
    shift = shift + speed0
"""
# two players whose losses are printed together
DUEL = """import numpy as np
rng = np.random.default_rng(5)
s = lambda v: 1 / (1 + np.exp(-v))
p, q = 0.4, -0.1
m, n = 0.8, 0.3
rate = 0.05
for step in range(200):
    true = 2 + 0.3 * rng.normal(size=16)
    z = rng.normal(size=16)
    made = m * z + n
    yes, no = s(p * true + q), s(p * made + q)
    d_loss = -np.mean(np.log(yes)) - np.mean(np.log(1 - no))
    gp = np.mean((yes - 1) * true) + np.mean(no * made)
    gq = np.mean(yes - 1) + np.mean(no)
    p -= rate * gp
    q -= rate * gq
    no = s(p * made + q)
    g_loss = -np.mean(np.log(no))
    back = (no - 1) * p
    m -= rate * np.mean(back * z)
    n -= rate * np.mean(back)
    if step % 50 == 0:
        print(step, d_loss, g_loss)
"""
# the loss is a function of the weights, called in a report
VALLEY = """def valley(a, b):
    return (1 - a) ** 2 + 10 * (b - a * a) ** 2
a, b = -0.6, 0.8
for i in range(100):
    gap = b - a * a
    da = -2 * (1 - a) - 40 * a * gap
    db = 20 * gap
    if i % 20 == 0:
        print(i, valley(a, b))
    a = a - 0.01 * da
    b = b - 0.01 * db
"""
# the inner loop adds up what the step of the outer one takes
WORDS = """import numpy as np
rng = np.random.default_rng(1)
near = [(0, 1), (1, 2), (2, 3), (3, 0), (1, 4)]
A, B = rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
for epoch in range(20):
    total = 0.0
    for centre, other in near:
        v = A[centre]
        far = [k for k in range(5) if k != other][:2]
        p = 1 / (1 + np.exp(-v @ B[other]))
        total -= np.log(p)
        dv = (p - 1) * B[other]
        B[other] = B[other] - 0.1 * (p - 1) * v
        for k in far:
            q = 1 / (1 + np.exp(-v @ B[k]))
            total -= np.log(1 - q)
            dv += q * B[k]
            B[k] -= 0.1 * q * v
        A[centre] -= 0.1 * dv
    print(total)
"""
# the loss is a method of the object, called after the step
MARGIN = """import numpy as np
class Margin:
    def __init__(self, rate=0.2, lam=0.02, rounds=100):
        self.rate, self.lam, self.rounds = rate, lam, rounds
    def loss(self, X, y):
        return np.mean(np.logaddexp(0, -y * (X @ self.w + self.c))) + 0.5 * self.lam * self.w @ self.w
    def fit(self, X, y):
        n, d = X.shape
        self.w, self.c = np.zeros(d), 0.0
        best = np.inf
        for _ in range(self.rounds):
            k = -y / (1 + np.exp(y * (X @ self.w + self.c)))
            gw = X.T @ k / n + self.lam * self.w
            gc = k.sum() / n
            self.w = self.w - self.rate * gw
            self.c = self.c - self.rate * gc
            now = self.loss(X, y)
            if now > best:
                break
            best = now
        return self
rng = np.random.default_rng(4)
X = rng.normal(size=(40, 3))
Margin().fit(X, np.where(X[:, 0] > 0, 1, -1))
"""
# counts, without a loss, and with a length of the step that is computed
COUNTS = """import math
xs = [(0.2, 1.0), (-0.5, 0.4), (1.1, -0.3), (0.7, 0.8)]
ks = [2, 0, 3, 1]
w = [0.1, -0.2, 0.3]
for epoch in range(30):
    lr = 0.1 / (1 + 0.1 * epoch)
    for x, k in zip(xs, ks):
        rate = math.exp(w[0] + w[1] * x[0] + w[2] * x[1])
        d = rate - k
        w[0] -= lr * d
        w[1] -= lr * d * x[0]
        w[2] -= lr * d * x[1]
"""
# an ELBO, of which the opposite goes down
BOUND = """import numpy as np
rng = np.random.default_rng(8)
data = (rng.random((30, 4)) < 0.5) * 1.0
E, D = 0.3 * rng.normal(size=(4, 2)), 0.3 * rng.normal(size=(2, 4))
for epoch in range(20):
    elbo = 0
    for i in range(0, 30, 6):
        x = data[i:i + 6]
        mu = x @ E
        z = mu + rng.normal(size=mu.shape)
        o = 1 / (1 + np.exp(-z @ D))
        rec = -np.sum(x * np.log(o) + (1 - x) * np.log(1 - o)) / 6
        kl = 0.5 * np.sum(mu ** 2) / 6
        elbo -= rec + kl
        d = (o - x) / 6
        dD = z.T @ d
        dmu = d @ D.T + mu / 6
        dE = x.T @ dmu
        for p, g in ((E, dE), (D, dD)):
            p -= 0.1 * g
"""
# lines without a loop, whose step is one of them
ONCE = """import numpy as np
rng = np.random.default_rng(6)
x, t = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
W, b, V, c = rng.normal(size=(3, 2)), np.zeros(2), rng.normal(size=(2, 2)), np.zeros(2)
h = np.tanh(x @ W + b)
y = h @ V + c
loss = ((y - t) ** 2).sum() / 6
dy = 2 * (y - t) / 6
dV = h.T @ dy
dc = dy.sum(axis=0)
dz = dy @ V.T * (1 - h ** 2)
dW = x.T @ dz
db = dz.sum(axis=0)
W = W - 0.1 * dW
b = b - 0.1 * db
V = V - 0.1 * dV
c = c - 0.1 * dc
"""
# a derivative of two terms, within a product
BEND = """import numpy as np
rng = np.random.default_rng(9)
m, u, k = 0.7, 0.5, -0.2
for i in range(50):
    z = rng.normal(size=12)
    x = m * z
    p = 1 / (1 + np.exp(-(u * x + k * x ** 2)))
    loss = -np.mean(np.log(p))
    d = (p - 1) / 12
    dx = d * (u + 2 * k * x)
    m -= 0.1 * np.sum(dx * z)
"""
# layers in a loop, each with its decay
DECAYED = """import numpy as np
rng = np.random.default_rng(3)
X, T = rng.normal(size=(12, 4)), rng.normal(size=(12, 2))
sizes = [4, 5, 3, 2]
W = [0.5 * rng.normal(size=(a, b)) for a, b in zip(sizes, sizes[1:])]
V = [np.zeros_like(w) for w in W]
wd, lr = 0.05, 0.1
for epoch in range(30):
    acts = [X]
    for l in range(3):
        z = acts[-1] @ W[l]
        acts.append(np.tanh(z) if l < 2 else z)
    loss = 0.5 * np.sum((acts[-1] - T) ** 2) / 12
    loss += 0.5 * wd * sum(np.sum(w ** 2) for w in W)
    G = [None] * 3
    d = (acts[-1] - T) / 12
    for l in reversed(range(3)):
        if l < 2:
            d = d * (1 - acts[l + 1] ** 2)
        G[l] = acts[l].T @ d + wd * W[l]
        d = d @ W[l].T
    for l in range(3):
        V[l] = 0.9 * V[l] - lr * G[l]
        W[l] += V[l]
"""
# rows that occur twice; the parameters are changed by np.subtract.at
PHRASES = """import numpy as np
rng = np.random.default_rng(1)
text = rng.integers(0, 9, 80)
A, B, c = rng.normal(0, 0.4, (9, 4)), rng.normal(0, 0.4, (9, 4)), np.zeros(9)
def log_sigmoid(t):
    return -np.log1p(np.exp(-t))
for epoch in range(5):
    total = 0.0
    for i in range(1, len(text)):
        rows = np.concatenate([[text[i - 1]], rng.integers(0, 9, 4)])
        sign = np.array([1, -1, -1, -1, -1])
        a, b = A[text[i]], B[rows]
        score = b @ a + c[rows]
        total += -np.where(sign > 0, log_sigmoid(score), log_sigmoid(-score)).sum()
        d = 1 / (1 + np.exp(-score)) - (sign > 0)
        step_a = d @ b
        dB = np.outer(d, a)
        np.subtract.at(B, rows, 0.05 * dB)
        np.subtract.at(c, rows, 0.05 * d)
        A[text[i]] -= 0.05 * step_a
    print(total)
"""
# in the first call 4 - u is the other index
TABLE = """import numpy as np
games = [(0, 4, 0.5), (2, 1, 1.5), (3, 0, -0.5), (1, 3, 1.0), (4, 2, 0.2)]
rng = np.random.default_rng(2)
P, Q = rng.normal(size=(5, 2)), rng.normal(size=(5, 2))
for epoch in range(40):
    for u, v, r in games:
        e = P[u] @ Q[v] - r
        loss = 0.5 * e ** 2
        gP = e * Q[v]
        gQ = e * P[u]
        P[u] -= 0.1 * gP
        Q[v] -= 0.1 * gQ
"""
# a list holds the parameters that forward names; every step is halved
LISTED = """import numpy as np
rng = np.random.default_rng(4)
points = []
for _ in range(30):
    a, b = rng.normal(size=2)
    points.append((a, b, np.sin(a) * b))
data = np.array(points)
U, u, V = rng.normal(0, 0.6, (2, 5)), np.zeros(5), rng.normal(0, 0.6, (5, 1))
everything = [U, u, V]
eta = 0.2
for round_ in range(300):
    x, t = data[:, :2], data[:, 2:]
    h = np.tanh(x @ U + u)
    miss = h @ V - t
    loss = np.mean(miss ** 2)
    dmiss = 2 * miss / len(x)
    dV = h.T @ dmiss
    dh = dmiss @ V.T * (1 - h ** 2)
    dU, du = x.T @ dh, dh.sum(axis=0)
    slopes = [dU, du, dV]
    for k in range(len(everything)):
        everything[k] -= eta * slopes[k] / 2
"""
# the same with momentum, and the gradients by enumerate
SHARED = LISTED.replace("eta = 0.2\n", "eta, push = 0.2, [0 * p for p in everything]\n").replace(
    """    for k in range(len(everything)):
        everything[k] -= eta * slopes[k] / 2
""",
    """    for k, g in enumerate(slopes):
        push[k] = 0.8 * push[k] + g
        everything[k] -= eta * push[k]
""",
)
# no loss is computed: 1 is taken away at the labels; all parameters begin in one line
TAGGED = """import numpy as np
def train(X, tags, rounds=20, lr=0.1):
    rng = np.random.default_rng(0)
    A, B = [rng.normal(0, 0.4, (4, 4)) for _ in range(2)]
    C = rng.normal(0, 0.4, (4, 3))
    for r in range(rounds):
        right = 0
        for x, tag in zip(X, tags):
            h = np.tanh(x @ A)
            k = np.tanh(h @ B) + h
            e = np.exp(k @ C)
            p = e / e.sum()
            right += p.argmax() == tag
            d = p.copy()
            d[tag] -= 1
            dC = np.outer(k, d)
            dk = C @ d
            dz = dk * (1 - np.tanh(h @ B) ** 2)
            dB = np.outer(h, dz)
            dh = B @ dz + dk
            dA = np.outer(x, dh * (1 - h ** 2))
            for W, dW in zip((A, B, C), (dA, dB, dC)):
                W -= lr * dW
        print(r, right / len(X))
rng = np.random.default_rng(1)
train(rng.normal(size=(25, 4)), rng.integers(0, 3, 25))
"""
# two players, whose losses are computed nowhere
FORGER = """import numpy as np
rng = np.random.RandomState(6)
def judge(v, D, e):
    return 1 / (1 + np.exp(-(v @ D + e)))
G, D, e = 0.5 * rng.randn(2, 3), 0.5 * rng.randn(3, 1), 0.1
for turn in range(400):
    true = rng.randn(10, 3) + [1.0, 0.0, -1.0]
    noise = rng.randn(10, 2)
    made = np.tanh(noise @ G)
    yes = judge(true, D, e)
    maybe = judge(made, D, e)
    gD = (true.T @ (yes - 1) + made.T @ maybe) / 10
    ge = np.mean(yes - 1) + np.mean(maybe)
    D -= 0.2 * gD
    e -= 0.2 * ge
    noise = rng.randn(10, 2)
    made = np.tanh(noise @ G)
    fooled = judge(made, D, e)
    dmade = (fooled - 1) @ D.T / 10
    gG = noise.T @ (dmade * (1 - made ** 2))
    G -= 0.1 * gG
    if turn % 100 == 0:
        print(turn, yes.mean(), fooled.mean())
"""
# a list of parameters with momentum, and the gradients in the line of the loop
ROLLED = """import numpy as np
rng = np.random.default_rng(8)
X = rng.normal(size=(40, 3))
Y = np.sin(X[:, :2])
theta = [rng.normal(0, 0.5, (3, 6)), np.zeros(6), rng.normal(0, 0.5, (6, 2)), np.zeros(2)]
speed = [np.zeros_like(q) for q in theta]
count = 0
while count < 300:
    count += 1
    A, a, B, b = theta
    z = X @ A + a
    s = 1 / (1 + np.exp(-z))
    h = z * s
    off = h @ B + b - Y
    loss = np.mean(off ** 2)
    doff = 2 * off / off.size
    gB, gb = h.T @ doff, doff.sum(axis=0)
    dz = (doff @ B.T) * s * (1 + z * (1 - s))
    gA, ga = X.T @ dz, dz.sum(axis=0)
    for i, g in enumerate([gA, ga, gB, gb]):
        speed[i] = 0.9 * speed[i] - 0.1 * g
        theta[i] = theta[i] + speed[i]
"""
# attributes that are set by their names, with momentum
NAMED = """import numpy as np
class Squeeze:
    def __init__(self, d, k):
        self.rng = np.random.default_rng(3)
        self.A, self.B = self.rng.normal(0, 0.5, (d, k)), self.rng.normal(0, 0.5, (k, d))
        self.c = np.zeros(d)
    def learn(self, X, rounds=30, rate=0.05):
        push = {}
        for r in range(rounds):
            x = X[self.rng.permutation(len(X))[:10]]
            h = np.tanh(x @ self.A)
            off = h @ self.B + self.c - x
            loss = 0.5 * np.sum(off ** 2) / len(x)
            d = off / len(x)
            dh = (d @ self.B.T) * (1 - h ** 2)
            slopes = {"A": x.T @ dh, "B": h.T @ d, "c": d.sum(axis=0)}
            for name, slope in slopes.items():
                push[name] = 0.9 * push.get(name, 0.0) - rate * slope
                setattr(self, name, getattr(self, name) + push[name])
        return loss
print(Squeeze(5, 3).learn(np.random.default_rng(0).normal(size=(50, 5))))
"""
# two players in turn: each a dict, with momentum; a layer called L
TURNS = """import numpy as np
rng = np.random.default_rng(5)
G = {"L": rng.normal(0, 0.6, (2, 2)), "m": np.zeros(2)}
C = [{"W": rng.normal(0, 0.6, (2, 4)), "b": np.zeros(4)}, {"W": rng.normal(0, 0.6, (4, 1)), "b": np.zeros(1)}]
vG = {k: np.zeros_like(v) for k, v in G.items()}
for turn in range(200):
    true = rng.normal(size=(12, 2)) + [2.0, -1.0]
    z = rng.normal(size=(12, 2))
    made = z @ G["L"] + G["m"]
    both = np.concatenate([true, made])
    wish = np.concatenate([np.ones((12, 1)), np.zeros((12, 1))])
    h0 = np.tanh(both @ C[0]["W"] + C[0]["b"])
    out = h0 @ C[1]["W"] + C[1]["b"]
    cost = 0.5 * np.mean((out - wish) ** 2)
    d = (out - wish) / len(both)
    dh0 = d @ C[1]["W"].T * (1 - h0 ** 2)
    slopes = [{"W": both.T @ dh0, "b": dh0.sum(axis=0)}, {"W": h0.T @ d, "b": d.sum(axis=0)}]
    for L, g in zip(C, slopes):
        for k in L:
            L[k] -= 0.1 * g[k]
    z = rng.normal(size=(12, 2))
    made = z @ G["L"] + G["m"]
    h0 = np.tanh(made @ C[0]["W"] + C[0]["b"])
    out = h0 @ C[1]["W"] + C[1]["b"]
    cost_g = 0.5 * np.mean((out - 1) ** 2)
    d = (out - 1) / len(made)
    dmade = (d @ C[1]["W"].T * (1 - h0 ** 2)) @ C[0]["W"].T
    g_slopes = {"L": z.T @ dmade, "m": dmade.sum(axis=0)}
    for k in G:
        vG[k] = 0.5 * vG[k] + g_slopes[k]
        G[k] = G[k] - 0.1 * vG[k]
"""
# no loss is computed; a square is watched, and no loss; velocities in a list beside the parameters
WATCHED = """import numpy as np
rng = np.random.default_rng(9)
X = rng.normal(size=(30, 2))
y = (X[:, 0] > X[:, 1]).astype(float)
w, c = rng.normal(size=2), np.zeros(1)
vw, vc = np.zeros(2), np.zeros(1)
everything = [w, c]
speeds = [vw, vc]
for turn in range(50):
    p = 1 / (1 + np.exp(-(X @ w + c)))
    d = (p - y) / len(y)
    dw, dc = X.T @ d, d.sum(keepdims=True)
    slopes = [dw, dc]
    for i in range(2):
        speeds[i] = 0.9 * speeds[i] + slopes[i]
        everything[i] -= 0.3 * speeds[i]
    far = (w - 2.0) ** 2
"""
RIGHT = {
    "RIDGE": RIDGE, "CLASSES": CLASSES, "GATE": GATE, "CURVE": CURVE, "PLAYERS": PLAYERS, "LAYERS": LAYERS,
    "CODE": CODE, "NET": NET, "BY_HAND": BY_HAND, "HANDED": HANDED, "FLOW": FLOW,
    "RATINGS": RATINGS, "MOMENTUM": MOMENTUM, "DUEL": DUEL, "VALLEY": VALLEY, "WORDS": WORDS,
    "MARGIN": MARGIN, "COUNTS": COUNTS, "BOUND": BOUND, "ONCE": ONCE,
    "BEND": BEND, "DECAYED": DECAYED, "PHRASES": PHRASES, "TABLE": TABLE,
    "LISTED": LISTED, "TAGGED": TAGGED, "FORGER": FORGER,
    "ROLLED": ROLLED, "SHARED": SHARED, "NAMED": NAMED, "TURNS": TURNS,
    "WATCHED": WATCHED,
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
    (RATINGS, "lam * old - err * V[m][f]", "lam * old - err * V[u][f]"),
    (RATINGS, "lam * V[m][f] - err * old", "lam * V[m][f] - err * U[u][f]"),
    (MOMENTUM, "g_shift = 2 * np.mean(miss)", "g_shift = 2 * np.sum(miss)"),
    (MOMENTUM, "0.1 * gain", "0.1 * gain / len(t)"),
    (DUEL, "np.mean(no * made)", "np.mean(no * true)"),
    (DUEL, "back = (no - 1) * p", "back = no * p"),
    (VALLEY, "da = -2 * (1 - a) - 40 * a * gap", "da = -2 * (1 - a) - 40 * gap"),
    (VALLEY, "db = 20 * gap", "db = 10 * gap"),
    (WORDS, "dv += q", "dv = q"),
    (WORDS, "B[other] - 0.1 * (p - 1) * v", "B[other] - 0.1 * p * v"),
    (MARGIN, "gc = k.sum() / n", "gc = k.sum() / d"),
    (MARGIN, "np.exp(y * (X @ self.w + self.c))", "np.exp(-y * (X @ self.w + self.c))"),
    (COUNTS, "w[2] -= lr * d * x[1]", "w[2] -= lr * d * x[0]"),
    (BOUND, "dD = z.T @ d", "dD = mu.T @ d"),
    (ONCE, "b = b - 0.1 * db", "b = b - 0.1 * dc"),
    (BEND, "dx = d * (u + 2 * k * x)", "dx = d * u"),
    (DECAYED, "G[l] = acts[l].T @ d + wd * W[l]", "G[l] = acts[l].T @ d"),
    (PHRASES, "np.outer(d, a)", "np.outer(d, A[rows[0]])"),
    (PHRASES, "c, rows, 0.05 * d)", "c, rows, 0.05 * d * score)"),
    (PHRASES, "step_a = d @ b", "step_a = d @ B[text[:5]]"),
    (TABLE, "gP = e * Q[v]", "gP = e * Q[4 - u]"),
    (TABLE, "gQ = e * P[u]", "gQ = e * P[v]"),
    (LISTED, "dmiss @ V.T * (1 - h ** 2)", "dmiss @ V.T * (1 - h) ** 2"),
    (LISTED, "du = x.T @ dh, dh.sum(axis=0)", "du = x.T @ dh, dh.mean(axis=0)"),
    (SHARED, "miss / len(x)", "miss / len(U)"),
    (WATCHED, "X.T @ d,", "X.T @ (p - y),"),
    (NAMED, "(d @ self.B.T) * (1 - h ** 2)", "(d @ self.B.T) * h"),
    (NAMED, '"c": d.sum(axis=0)', '"c": d.mean(axis=0)'),
    (TURNS, 'd @ C[1]["W"].T * (1 - h0 ** 2)\n    slopes', 'd @ C[1]["W"].T * h0\n    slopes'),
    (TURNS, "z.T @ dmade", "made.T @ dmade"),
    (ROLLED, "s * (1 + z * (1 - s))", "s * (1 - s)"),
    (ROLLED, "2 * off / off.size", "2 * off / len(X)"),
    (FORGER, "made.T @ maybe", "true.T @ maybe"),
    (FORGER, "(1 - made ** 2)", "(1 - made) ** 2"),
    (TAGGED, "dh = B @ dz + dk", "dh = B @ dz"),
    (TAGGED, "dB = np.outer(h, dz)", "dB = np.outer(dz, h)"),
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


def test_weight_decay_that_no_loss_has_is_told(tmp_path):
    notes = " ".join(checked(tmp_path, RATINGS).notes)
    assert "adds weight decay by lam" in notes


def test_a_loop_of_other_things_is_no_error():
    text = "for t in range(3):\n    p = w * x\n    loss = (p - y) ** 2\n    dw = 2 * (p - y) * x\n"
    text += "    for name, value in items(x):\n        note(name, value)\n    w -= 0.1 * dw\n"
    assert [*passes(text)] == ["loop_in_line_1"]
