"""Loops whose steps a function takes, a critic with a loop of its own, and loops without a loss."""

import pytest
from judged import assert_right, checked, is_told

# dicts of parameters and of gradients
DICTS = """import numpy as np
rng = np.random.default_rng(1)
X = rng.random((40, 6))
P = {"enc": rng.normal(size=(6, 3)) * 0.4, "be": np.zeros(3), "dec": rng.normal(size=(3, 6)) * 0.4}
P["bd"] = np.zeros(6)
state = {k: [0 * v, 0 * v] for k, v in P.items()}
def adam(P, G, t, lr=0.01):
    for k in P:
        m, v = state[k]
        m = 0.9 * m + 0.1 * G[k]
        v = 0.99 * v + 0.01 * G[k] ** 2
        state[k] = [m, v]
        P[k] -= lr * (m / (1 - 0.9 ** t)) / (np.sqrt(v / (1 - 0.99 ** t)) + 1e-8)
for t in range(1, 60):
    x = X[rng.integers(0, 40, 8)]
    h = np.tanh(x @ P["enc"] + P["be"])
    out = h @ P["dec"] + P["bd"]
    loss = 0.5 * np.sum((out - x) ** 2) / len(x)
    G = {}
    dout = (out - x) / len(x)
    G["dec"] = h.T @ dout
    G["bd"] = dout.sum(axis=0)
    dh = dout @ P["dec"].T * (1 - h ** 2)
    G["enc"] = x.T @ dh
    G["be"] = dh.sum(axis=0)
    adam(P, G, t)
"""
# what a function gives back: one parameter with its speed, and each of two
BACK = """import numpy as np
def faster(w, g, v, lr=0.05):
    v = 0.9 * v - lr * g
    return w + v, v
def plain(w, g, lr=0.05):
    return w - lr * g
rng = np.random.default_rng(2)
X, y = rng.normal(size=(30, 4)), rng.normal(size=(30, 1))
A, B, c = rng.normal(size=(4, 5)) * 0.5, rng.normal(size=(5, 1)) * 0.5, np.zeros(1)
vA = np.zeros_like(A)
for epoch in range(40):
    z = X @ A
    h = np.where(z > 0, z, 0.1 * z)
    miss = h @ B + c - y
    loss = np.mean(miss ** 2)
    d = 2 * miss / len(y)
    dB = h.T @ d
    dz = (d @ B.T) * np.where(z > 0, 1.0, 0.1)
    A, vA = faster(A, X.T @ dz, vA)
    B = plain(B, dB)
    c = plain(c, d.sum(axis=0))
"""
# by name: attributes of an object, and a dict that the function knows
NAMES = """import numpy as np
class Box:
    pass
box, weights = Box(), {}
rng = np.random.default_rng(3)
box.enter = rng.normal(size=(3, 4))
box.shift = np.zeros(4)
weights["leave"] = rng.normal(size=(4, 2))
seen = {}
def update(name, slope, lr=0.1):
    seen[name] = 0.9 * seen.get(name, 0.0) + slope
    setattr(box, name, getattr(box, name) - lr * seen[name])
def move(key, slope):
    weights[key] = weights[key] - 0.1 * slope
def train(rounds=30):
    for i in range(rounds):
        x = rng.normal(size=(5, 3))
        s = x @ box.enter + box.shift
        h = s / (1 + np.exp(-s))
        y = h @ weights["leave"]
        t = np.stack([x[:, 0] * x[:, 1], x[:, 2]], axis=1)
        loss = np.mean(np.sum((y - t) ** 2, axis=1))
        dy = 2 * (y - t) / len(x)
        dleave = h.T @ dy
        dh = dy @ weights["leave"].T
        q = 1 / (1 + np.exp(-s))
        ds = dh * (q + h * (1 - q))
        update("enter", x.T @ ds)
        update("shift", ds.sum(axis=0))
        move("leave", dleave)
train()
"""
# an object with a method, lists of arrays, and one step after another in a loop
OBJECT = """import numpy as np
class Descent:
    def __init__(self, lr):
        self.lr, self.t = lr, 0
    def step(self, params, grads):
        self.t += 1
        for p, g in zip(params, grads):
            p -= self.lr / np.sqrt(self.t) * g
class Model:
    def __init__(self, rng):
        self.U, self.b = rng.normal(size=(2, 3)), np.zeros(3)
    def fit(self, X, labels, epochs=20):
        descent = Descent(0.2)
        for epoch in range(epochs):
            a = X @ self.U + self.b
            p = np.exp(a - a.max(axis=1, keepdims=True))
            p /= p.sum(axis=1, keepdims=True)
            loss = -np.log(p[np.arange(len(X)), labels]).mean()
            da = p.copy()
            da[np.arange(len(X)), labels] -= 1
            da /= len(X)
            dU = X.T @ da
            db = da.sum(axis=0)
            descent.step([self.U, self.b], [dU, db])
rng = np.random.default_rng(4)
X = rng.normal(size=(20, 2))
Model(rng).fit(X, (X[:, 0] > 0).astype(int) + (X[:, 1] > 0))
"""
# the critic has a loop of its own, and the generator's step stands behind it
CRITIC = """import numpy as np
rng = np.random.default_rng(5)
cA, ca, cB = rng.normal(size=(2, 6)) * 0.3, np.zeros(6), rng.normal(size=(6, 1)) * 0.3
gA, ga = rng.normal(size=(3, 2)) * 0.5, np.zeros(2)
kept_c, kept_g = [0 * w for w in (cA, ca, cB)], [0 * w for w in (gA, ga)]
def rms(params, grads, kept):
    for w, g, k in zip(params, grads, kept):
        k *= 0.9
        k += 0.1 * g * g
        w -= 0.01 * g / (np.sqrt(k) + 1e-7)
for it in range(30):
    for _ in range(3):
        real = rng.normal(size=(8, 2)) + [2, 0]
        fake = np.tanh(rng.normal(size=(8, 3)) @ gA + ga)
        x = np.concatenate([real, fake])
        h = np.tanh(x @ cA + ca)
        f = h @ cB
        c_loss = f[8:].mean() - f[:8].mean()
        df = np.concatenate([-np.ones((8, 1)), np.ones((8, 1))]) / 8
        dcB = h.T @ df
        dh = df @ cB.T * (1 - h ** 2)
        dcA, dca = x.T @ dh, dh.sum(axis=0)
        rms([cA, ca, cB], [dcA, dca, dcB], kept_c)
        for w in (cA, ca, cB):
            np.clip(w, -0.5, 0.5, out=w)
    z = rng.normal(size=(8, 3))
    fake = np.tanh(z @ gA + ga)
    h = np.tanh(fake @ cA + ca)
    g_loss = -np.mean(h @ cB)
    dh = -np.ones((8, 1)) / 8 @ cB.T * (1 - h ** 2)
    dfake = dh @ cA.T * (1 - fake ** 2)
    dgA, dga = z.T @ dfake, dfake.sum(axis=0)
    rms([gA, ga], [dgA, dga], kept_g)
"""
# two heads, whose losses are added under another name
HEADS = """import numpy as np
rng = np.random.default_rng(6)
body, head, side = rng.normal(size=(3, 4)), rng.normal(size=(4, 1)), rng.normal(size=(4, 2))
for it in range(30):
    x = rng.normal(size=(6, 3))
    h = np.tanh(x @ body)
    s = 1 / (1 + np.exp(-(h @ head)))
    y = (x[:, :1] > 0).astype(float)
    r = h @ side
    main_loss = -np.mean(y * np.log(s) + (1 - y) * np.log(1 - s))
    beside = 0.5 * np.sum((r - x[:, :2]) ** 2) / len(x)
    total = main_loss + 0.3 * beside
    ds = (s - y) / len(x)
    dr = 0.3 * (r - x[:, :2]) / len(x)
    dh = ds @ head.T + dr @ side.T
    body -= 0.1 * x.T @ (dh * (1 - h ** 2))
    head -= 0.1 * h.T @ ds
    side -= 0.1 * h.T @ dr
"""
# momentum of layers that are dicts, beside them in a list
LAYERS = """import numpy as np
rng = np.random.default_rng(7)
layers = [{"W": rng.normal(size=(3, 3)) * 0.5, "b": np.zeros(3)} for _ in range(2)]
inertia = [{k: np.zeros_like(v) for k, v in one.items()} for one in layers]
pace, keep = 0.05, 0.8
for epoch in range(30):
    x = rng.normal(size=(5, 3))
    acts = [x]
    for one in layers:
        acts.append(np.tanh(acts[-1] @ one["W"] + one["b"]))
    loss = np.sum((acts[-1] - np.sin(x)) ** 2) / len(x)
    grad = [None] * len(layers)
    d = 2 * (acts[-1] - np.sin(x)) / len(x)
    for k in reversed(range(len(layers))):
        dz = d * (1 - acts[k + 1] ** 2)
        grad[k] = {"W": acts[k].T @ dz, "b": dz.sum(axis=0)}
        d = dz @ layers[k]["W"].T
    for one, fast, slope in zip(layers, inertia, grad):
        for name in one:
            fast[name] = keep * fast[name] - pace * slope[name]
            one[name] = one[name] + fast[name]
"""
RIGHT = {
    "DICTS": DICTS, "BACK": BACK, "NAMES": NAMES, "OBJECT": OBJECT,
    "CRITIC": CRITIC, "HEADS": HEADS, "LAYERS": LAYERS,
}  # fmt: skip
WRONG = [
    (DICTS, 'dout @ P["dec"].T * (1 - h ** 2)', 'dout @ P["dec"].T * (1 - h) ** 2'),
    (DICTS, 'G["bd"] = dout.sum(axis=0)', 'G["bd"] = dout.mean(axis=0)'),
    (BACK, "faster(A, X.T @ dz, vA)", "faster(A, X.T @ d @ B.T, vA)"),
    (BACK, "dB = h.T @ d", "dB = z.T @ d"),
    (NAMES, "q + h * (1 - q)", "q + s * (1 - q)"),
    (NAMES, 'update("shift", ds.sum(axis=0))', 'update("shift", dh.sum(axis=0))'),
    (NAMES, "dleave = h.T @ dy", "dleave = s.T @ dy"),
    (OBJECT, "dU = X.T @ da", "dU = X.T @ p"),
    (CRITIC, "x.T @ dh, dh.sum(axis=0)", "x.T @ dh, dh.mean(axis=0)"),
    (CRITIC, "dh @ cA.T * (1 - fake ** 2)", "dh @ cA.T * fake"),
    (HEADS, "ds @ head.T + dr @ side.T", "ds @ head.T"),
    (LAYERS, "(1 - acts[k + 1] ** 2)", "(1 - acts[k + 1])"),
]


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_program_is_right(tmp_path, name):
    assert_right(tmp_path, RIGHT[name])


@pytest.mark.parametrize(("text", "before", "after"), WRONG)
def test_a_mistake_is_seen(tmp_path, text, before, after):
    assert is_told(tmp_path, text, before, after)


# no loss: a hinge of several classes, with centres
HINGE = """import numpy as np
rng = np.random.default_rng(8)
X, Y = rng.normal(size=(30, 2)), rng.integers(0, 3, 30)
C, A, b = X[:5].copy(), rng.normal(size=(5, 3)) * 0.3, np.zeros(3)
for epoch in range(20):
    rows = rng.permutation(30)[:10]
    x, y = X[rows], Y[rows]
    gap = x[:, None, :] - C[None, :, :]
    far = (gap ** 2).sum(axis=2)
    K = np.exp(-far)
    F = K @ A + b
    over = F - F[np.arange(10), y][:, None] + 1.0 > 0
    dF = over / 10
    dF[np.arange(10), y] = -(over.sum(axis=1) - 1) / 10
    dA = K.T @ dF
    db = dF.sum(axis=0)
    dfar = -(dF @ A.T) * K
    dC = -2 * (dfar[:, :, None] * gap).sum(axis=0)
    A -= 0.1 * dA
    b -= 0.1 * db
    C -= 0.1 * dC
"""
# steps that go up a reward, and a first gradient whose name tells no value
ASCENT = """import numpy as np
rng = np.random.default_rng(10)
W, b, V = rng.normal(size=(3, 4)) * 0.5, np.zeros(4), rng.normal(size=4)
for round in range(20):
    x = rng.normal(size=(6, 3))
    h = np.tanh(x @ W + b)
    f = h @ V
    sign = np.where(x[:, 0] > 0, 1, -1)
    delta = sign / (1 + np.exp(sign * f))
    dh = np.outer(delta, V) * (1 - h ** 2)
    V += 0.1 * delta @ h
    W += 0.1 * x.T @ dh
    b += 0.1 * dh.sum(axis=0)
"""


@pytest.mark.parametrize(
    ("text", "given"),
    [
        (HINGE, "dF in line 14 is taken as it is"),
        (ASCENT, "delta in line 9 is taken"),
    ],
)
def test_without_a_loss_what_follows_from_the_first_gradients_is_judged(tmp_path, text, given):
    said = checked(tmp_path, text)
    (one,) = said.explanations
    assert said.verdict == "inconclusive"
    assert {g["verdict"] for g in one.gradients} == {"ok"}
    assert len(one.gradients) == 3
    assert given in one.certain[0]


@pytest.mark.parametrize(
    ("text", "before", "after"),
    [
        (HINGE, "dC = -2 *", "dC = 2 *"),
        (HINGE, "dA = K.T @ dF", "dA = far.T @ dF"),
        (ASCENT, "(1 - h ** 2)", "(1 - h)"),
    ],
)
def test_a_mistake_behind_the_first_gradients_is_seen(tmp_path, text, before, after):
    assert is_told(tmp_path, text, before, after)


# the head of a critic learns on features that it does not change: that is meant
FROZEN = """import numpy as np
rng = np.random.default_rng(11)
A, P, v = rng.normal(size=(3, 5)) * 0.4, rng.normal(size=(5, 2)) * 0.4, np.zeros(5)
S, T, R = rng.normal(size=(9, 3)), np.eye(2)[rng.integers(0, 2, 9)], rng.normal(size=9)
for turn in range(20):
    h = np.tanh(S @ A)
    logits = h @ P
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    value = h @ v
    dlogits = (p - T) * (R - value)[:, None]
    dvalue = value - R
    dP, dv = h.T @ dlogits, h.T @ dvalue
    dA = S.T @ (dlogits @ P.T * (1 - h ** 2))
    A -= 0.1 * dA
    P -= 0.1 * dP
    v -= 0.1 * dv
"""
# the function goes up, and is handed minus the gradient
RISING = """import numpy as np
rng = np.random.default_rng(12)
X, y, w = rng.normal(size=(9, 3)), rng.normal(size=9), np.zeros(3)
def raise_by(w, dw):
    w += 0.1 * dw
for turn in range(20):
    off = y - X @ w
    loss = 0.5 * np.sum(off ** 2)
    dw = X.T @ off
    raise_by(w, dw)
"""


@pytest.mark.parametrize("text", [FROZEN, RISING])
def test_what_may_be_meant_otherwise_is_not_called_wrong(tmp_path, text):
    assert checked(tmp_path, text).verdict != "wrong"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("faster(A, X.T @ dz, vA)", "faster(A, X.T @ dz, **{'v': vA})"),  # what it is handed is not known
        ("    A, vA =", "    told = loss + 0.1 * np.sum(A ** 2)\n    change = loss - 1.0\n    A, vA ="),
    ],
)
def test_arguments_in_a_dict_and_sums_that_are_only_told_are_no_error(tmp_path, before, after):
    assert BACK.count(before) == 1
    assert checked(tmp_path, BACK.replace(before, after)).verdict == "ok"
