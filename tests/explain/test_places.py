"""Mistakes in places that are hard to see: arguments, brackets, loops, lines and paths that are not there."""

import numpy as np
import pytest

from minigen.explain import built, file, penalty, shown

CALLED = """import numpy as np
class Module:
    def __call__(self, x):
        return self.forward(x)
class Gate(Module):
    def forward(self, x):
        self.x, self.s = x, 1 / (1 + np.exp(-x))
        return x * self.s
    def backward(self, d):
        return d * (self.s + self.x * self.s * (1 - self.s))
class Linear(Module):
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)
    def forward(self, x):
        self.x = x
        return x @ self.W
    def backward(self, d):
        self.dW = self.x.T @ d
        return d @ self.W.T
class Net:
    def __init__(self):
        self.a, self.gate, self.b, self.skip = Linear(3, 4), Gate(), Linear(4, 5), Linear(3, 4)
    def forward(self, x):
        h = self.gate(self.a(x)) + self.skip(x)
        return self.b(h)
    def backward(self, d):
        dh = self.b.backward(d)
        dx = self.a.backward(self.gate.backward(dh))
        dx = dx + self.skip.backward(dh)
        return dx
if __name__ == "__main__":
    net, x = Net(), np.random.randn(30, 3)
    y = net.forward(x)
    net.backward(y)
"""
ARGUMENT = """import numpy as np
class Net:
    def __init__(self, W, V):
        self.W, self.V = W, V
    def loss(self, x):
        a = np.tanh(x @ self.W)
        return np.sum((a @ self.V) ** 2) + np.sum(a**3)
    def gradients(self, x):
        self.g = {}
        a = np.tanh(x @ self.W)
        dy = 2 * a @ self.V
        self.g["V"] = a.T @ dy
        self.down(x, dy, a, 3 * a * a * (1 - a**2))
        return self.g
    def down(self, x, dy, a, extra):
        self.g["W"] = x.T @ (dy @ self.V.T * (1 - a**2) + extra)
def inputs(rng):
    return {"net": Net(rng.normal(size=(3, 4)), rng.normal(size=(4, 2))), "x": rng.normal(size=(6, 3))}
"""
BRACKET = """import numpy as np
def loss(x, W, g):
    h = x @ W
    inv = 1 / np.sqrt(h.var(axis=1, keepdims=True) + 1e-3)
    xn = (h - h.mean(axis=1, keepdims=True)) * inv
    value = np.sum(np.sin(g * xn))
    d = np.cos(g * xn)
    dxn = d * g
    c1 = dxn.mean(axis=1, keepdims=True)
    c2 = (dxn * xn).mean(axis=1, keepdims=True)
    dh = inv * (dxn - c1 - xn * c2)
    return value, {"W": x.T @ dh, "g": (d * xn).sum(axis=0)}
def inputs(rng):
    n = int(rng.integers(6, 9))
    return {"x": rng.normal(size=(n, 3)), "W": rng.normal(size=(3, 4)), "g": rng.normal(size=4)}
"""
NESTED = """import numpy as np
def swish(x):
    s = 1 / (1 + np.exp(-x))
    def back(g):
        return g * (s + x * s * (1 - s))
    return x * s, back
def forward(x, W, v):
    h, back_h = swish(x @ W)
    y, back_y = swish(h @ v)
    def back(g):
        dy = back_y(g)
        dh = back_h(np.outer(dy, v))
        return {"x": dh @ W.T, "W": x.T @ dh, "v": h.T @ dy}
    return y, back
def inputs(rng):
    n = int(rng.integers(4, 7))
    return {"x": rng.normal(size=(n, 3)), "W": rng.normal(size=(3, 4)), "v": rng.normal(size=4)}
"""
NUMBERED = """import numpy as np
def forward(X, P, D, keep):
    cache = {"A0": X}
    for l in range(1, 4):
        Z = P["W" + str(l)] @ cache["A" + str(l - 1)]
        cache["T" + str(l)] = np.tanh(Z)
        cache["A" + str(l)] = cache["T" + str(l)] * D["D" + str(l)] / keep
    return cache["A3"], cache
def backward(dA, P, cache, D, keep):
    grads = {}
    for l in range(3, 0, -1):
        dT = dA * D["D" + str(l)] / keep
        dZ = dT * (1 - cache["T" + str(l)] ** 2)
        grads["dW" + str(l)] = dZ @ cache["A" + str(l - 1)].T
        dA = P["W" + str(l)].T @ dZ
    return grads
def inputs(rng):
    n = int(rng.integers(5, 8))
    P = {f"W{l}": rng.normal(size=(4, 4)) for l in (1, 2, 3)}
    D = {f"D{l}": (rng.random((4, n)) < 0.7).astype(float) for l in (1, 2, 3)}
    return {"X": rng.normal(size=(4, n)), "P": P, "D": D, "keep": rng.uniform(0.6, 0.9)}
"""
LOOP = """import numpy as np
def loss(xs, W, U, p):
    T, H = len(xs), len(U)
    h, hs, ks = np.zeros(H), [np.zeros(H)], []
    for t in range(T):
        k = np.tanh(W @ xs[t] + U @ h)
        h = k + p * np.sin(h)
        hs.append(h)
        ks.append(k)
    value = np.sum(h**3) + sum(np.sum(one) for one in hs)
    dW, dU, dp, dh = np.zeros_like(W), np.zeros_like(U), np.zeros_like(p), 3 * h**2
    for t in reversed(range(T)):
        dh = dh + 1
        slope = np.cos(hs[t])
        dk = dh * (1 - ks[t] ** 2)
        dW += np.outer(dk, xs[t])
        dU += np.outer(dk, hs[t])
        dp += dh * np.sin(hs[t])
        q = dh * p
        dh = U.T @ dk + q * slope
    return value, {"W": dW, "U": dU, "p": dp}
def inputs(rng):
    T, n = int(rng.integers(3, 5)), 3
    xs, W, U = (rng.normal(size=size) for size in ((T, 2), (n, 2), (n, n)))
    return {"xs": xs, "W": W, "U": U, "p": rng.normal(size=n)}
"""
ROWS = """import numpy as np
def loss(x, A1, A2, lam):
    h = np.tanh(x @ A1)
    R1, R2 = A1.copy(), A2.copy()
    R1[0] = 0
    R2[0] = 0
    return np.sum((h @ A2) ** 2) + lam * (np.sum(R1**2) + np.sum(R2**2))
def loss_gradients(x, A1, A2, lam):
    h = np.tanh(x @ A1)
    dy = 2 * h @ A2
    G2 = h.T @ dy
    G1 = x.T @ (dy @ A2.T * (1 - h**2))
    B1 = 2 * lam * A1
    B2 = 2 * lam * A2
    B1[0] = 0
    B2[0] = 0
    return G1 + B1, G2 + B2
def inputs(rng):
    n = int(rng.integers(4, 7))
    A1, A2 = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))
    return {"x": rng.normal(size=(n, 3)), "A1": A1, "A2": A2, "lam": rng.uniform(1, 2)}
"""
SEVERAL = """import numpy as np
def layer_forward(x, w):
    return np.sin(x * w), (x, w)
def layer_backward(d, cache):
    x, w = cache
    d = d * np.cos(x * w)
    return d * w, np.sum(d * x, axis=0)
def net_forward(x, w, u):
    y, one = layer_forward(x, w)
    r = x + y
    z, two = layer_forward(r, u)
    return r + z, (one, two)
def net_backward(d, cache):
    one, two = cache
    dr, du = layer_backward(d, two)
    dr = dr + d
    dx, dw = layer_backward(dr, one)
    return dx + dr, dw, du
def inputs(rng):
    n = int(rng.integers(4, 7))
    return {"x": rng.normal(size=(n, 3)), "w": rng.normal(size=3), "u": rng.normal(size=3)}
"""
ENTRY = """import numpy as np
def add(G, x, dh, P):
    G["w1"] += x.T @ dh
def loss(P, x):
    h = np.tanh(x @ P["w1"])
    q = (1 - h**2) * P["w2"]
    g = q @ P["w1"].T
    G = {k: np.zeros_like(v) for k, v in P.items()}
    dg = 2 * g
    G["w1"] += dg.T @ q
    dq = dg @ P["w1"]
    G["w2"] += (dq * (1 - h**2)).sum(axis=0)
    add(G, x, dq * P["w2"] * -2 * h * (1 - h**2), P)
    add(G, x, 1 - h**2, P)
    return np.sum(g**2) + np.sum(h), G
def inputs(rng):
    n = int(rng.integers(4, 7))
    return {"P": {"w1": rng.normal(size=(3, 4)), "w2": rng.normal(size=4)}, "x": rng.normal(size=(n, 3))}
"""
MASKED = """import numpy as np
def loss(hs, V, c, mask):
    n = mask.sum()
    value, dV, dc = 0.0, np.zeros_like(V), np.zeros_like(c)
    for t in range(len(hs)):
        y = hs[t] @ V + c
        value += np.sum(mask[t][:, None] * (y**2 / 2 - 0.3 * y)) / n
        m = mask[t][:, None]
        dy = y.copy()
        dy -= 0.3
        dy *= m / n
        dV += hs[t].T @ dy
        dc += dy.sum(axis=0)
    return value, {"V": dV, "c": dc}
def inputs(rng):
    T = int(rng.integers(3, 5))
    mask = (rng.random((T, 5)) < 0.6).astype(float)
    mask[0, :2] = 1, 0
    V, c = rng.normal(size=(3, 2)), rng.normal(size=2)
    return {"hs": rng.normal(size=(T, 5, 3)), "V": V, "c": c, "mask": mask}
"""
ENDS = """import numpy as np
def forward(xs, W):
    X, H = xs.shape[1], len(W)
    h, vs = np.zeros(H), []
    for x in xs:
        v = np.concatenate([x, h])
        h = np.tanh(W @ v)
        vs.append((v, h))
    return h, vs
def backward(dh, W, vs):
    H = len(W)
    X = W.shape[1] - H
    dW = np.zeros_like(W)
    for v, h in reversed(vs):
        dz = dh * (1 - h**2)
        dW += np.outer(dz, v)
        dv = W.T @ dz
        dh = dv[X:]
    return dW
def inputs(rng):
    T, H, X = int(rng.integers(3, 5)), 3, 4
    return {"xs": rng.normal(size=(T, X)), "W": rng.normal(size=(H, X + H))}
"""
CHANNELS = """import numpy as np
def norm_forward(x, gamma):
    mu = x.mean(axis=(0, 2, 3), keepdims=True)
    std = np.sqrt(((x - mu) ** 2).mean(axis=(0, 2, 3), keepdims=True) + 1e-3)
    xhat = (x - mu) / std
    return gamma * xhat, (xhat, std, gamma)
def norm_backward(dout, cache):
    xhat, std, gamma = cache
    m = dout.shape[0] * dout.shape[2] * dout.shape[3]
    dgamma = (dout * xhat).sum(axis=(0, 2, 3), keepdims=True)
    d = dout * gamma
    first = d.sum(axis=(0, 2, 3), keepdims=True) / m
    second = xhat * (d * xhat).sum(axis=(0, 2, 3), keepdims=True) / m
    return (d - first - second) / std, dgamma
def inputs(rng):
    c = int(rng.integers(2, 4))
    return {"x": rng.normal(size=(3, c, 2, 4)), "gamma": rng.normal(size=(1, c, 1, 1))}
"""
ELU = """import numpy as np
def elu(u):
    return np.where(u > 0, u, 1.7 * np.expm1(np.minimum(u, 0)))
def elu_prime(u):
    return np.where(u > 0, 1.0, 1.7 * np.exp(np.minimum(u, 0)))
def forward(x, W):
    u = x @ W
    return elu(u), u
def backward(g, x, W, u):
    du = g * elu_prime(u)
    return {"x": du @ W.T, "W": x.T @ du}
def inputs(rng):
    return {"x": rng.normal(size=(6, 3)), "W": rng.normal(size=(3, 4))}
"""
STRIDE = """import numpy as np
def pool_forward(x, k, stride=2):
    n, m = (x.shape[0] - k.shape[0]) // stride + 1, (x.shape[1] - k.shape[1]) // stride + 1
    out = np.zeros((n, m))
    for i in range(n):
        for j in range(m):
            r, c = i * stride, j * stride
            out[i, j] = (x[r : r + k.shape[0], c : c + k.shape[1]] * k).sum()
    return out, (x, k, stride)
def pool_backward(g, cache):
    x, k, stride = cache
    dx, dk = np.zeros_like(x), np.zeros_like(k)
    for i in range(g.shape[0]):
        for j in range(g.shape[1]):
            r, c = i * stride, j * stride
            dx[r : r + k.shape[0], c : c + k.shape[1]] += g[i, j] * k
            dk += g[i, j] * x[r : r + k.shape[0], c : c + k.shape[1]]
    return dx, dk
def inputs(rng):
    return {"x": rng.normal(size=(7, 9)), "k": rng.normal(size=(3, 2))}
"""
GATE = """import numpy as np
def gate_forward(x, W):
    s = x.mean(axis=(1, 2))
    g = np.tanh(s @ W)
    return x * g[:, None, None, :], (x, s, g, W)
def gate_backward(dout, cache):
    x, s, g, W = cache
    dx = dout * g[:, None, None, :]
    da = (dout * x).sum(axis=(1, 2)) * (1 - g**2)
    dW = s.T @ da
    ds = da @ W.T
    dx = dx + ds[:, None, None, :] / (x.shape[1] * x.shape[2])
    return dx, dW
def inputs(rng):
    return {"x": rng.normal(size=(2, 3, 4, 5)), "W": rng.normal(size=(5, 5))}
"""
ORDER = """import numpy as np
def scan(xs, w, order):
    h, kept = np.zeros(3), {}
    for t in order:
        kept[t] = h
        h = np.tanh(xs[t] + w * h)
    return h, kept
def scan_back(dh, xs, w, order, kept):
    dxs, dw = np.zeros_like(xs), np.zeros_like(w)
    for t in reversed(list(order)):
        da = dh * (1 - np.tanh(xs[t] + w * kept[t]) ** 2)
        dxs[t] = da
        dw += da * kept[t]
        dh = da * w
    return dxs, dw
def forward(xs, w):
    return scan(xs, w, [2, 0, 3, 1])[0]
def backward(g, xs, w):
    order = [2, 0, 3, 1]
    h, kept = scan(xs, w, order)
    dxs, dw = scan_back(g, xs, w, order, kept)
    return {"xs": dxs, "w": dw}
def inputs(rng):
    return {"xs": rng.normal(size=(4, 3)), "w": rng.normal(size=3)}
"""
SLOPES = """import numpy as np
LAM = 0.3
def cost(W, V, x):
    h = 1 / (1 + np.exp(-(W @ x)))
    s = h * (1 - h)
    r = V @ h - x
    return 0.5 * np.sum(r**2) + LAM * np.sum(s**2 * np.sum(W**2, axis=1)[:, None])
def cost_grad(W, V, x):
    h = 1 / (1 + np.exp(-(W @ x)))
    s = h * (1 - h)
    r = V @ h - x
    dh = V.T @ r + 2 * LAM * s * np.sum(W**2, axis=1)[:, None] * (1 - 2 * h)
    dW = (dh * s) @ x.T
    dW = dW + 2 * LAM * W * np.sum(s**2, axis=1)[:, None]
    return {"W": dW, "V": r @ h.T}
def inputs(rng):
    return {"W": rng.normal(size=(4, 3)), "V": rng.normal(size=(3, 4)), "x": rng.normal(size=(3, 6))}
"""
CENTRED = """import numpy as np
class Norm:
    def forward(self, x):
        self.xc = x - x.mean(axis=(0, 2, 3), keepdims=True)
        self.i = 1 / np.sqrt((self.xc**2).mean(axis=(0, 2, 3), keepdims=True) + 0.1)
        return self.xc * self.i
    def backward(self, d):
        m = d.size / d.shape[1]
        dv = -0.5 * (d * self.xc).sum(axis=(0, 2, 3), keepdims=True) * self.i**3
        dxc = d * self.i + 2 * self.xc * dv / m
        return dxc - dxc.mean(axis=(0, 2, 3), keepdims=True)
def inputs(rng):
    return {"norm": Norm(), "x": rng.normal(size=(3, 2, 4, 3))}
"""
NAMES = """import numpy as np
def loss(p, x):
    a = np.tanh(x @ p["W"])
    u = np.tanh(a @ p["U"])
    b = a + u
    return 0.5 * np.sum((b @ p["V"]) ** 2), {"x": x, "p": p, "all": {"p": p}, "a": a, "b": b, "u": u}
def gradients(p, c):
    q = p
    dy = c["b"] @ q["V"]
    grads = {"V": c["b"].T @ dy}
    db = dy @ q["V"].T
    du = db * (1 - c["u"] ** 2)
    grads["U"] = c["a"].T @ du
    da = db + du @ q["U"].T
    grads["W"] = c["x"].T @ (da * (1 - c["a"] ** 2))
    return grads
def inputs(rng):
    m = lambda *s: rng.normal(size=s)
    more = {f"unused{i}": m(2, 2) for i in range(24)}
    return {"p": {**more, "W": m(3, 4), "U": m(4, 4), "V": m(4, 2)}, "x": m(6, 3)}
"""
CASES = [
    (ELU, "1.0, 1.7 * np.exp(", "1.0, np.exp(", 5),
    (STRIDE, "r, c = i * stride, j * stride\n            dx[", "r, c = i, j\n            dx[", 15),
    (GATE, "    dx = dx + ds[:, None, None, :] / (x.shape[1] * x.shape[2])\n", "", 12),
    (ORDER, "reversed(list(order))", "range(3, -1, -1)", 10),
    (SLOPES, "    dW = dW + 2 * LAM * W * np.sum(s**2, axis=1)[:, None]\n", "", 13),
    (CENTRED, " - dxc.mean(axis=(0, 2, 3), keepdims=True)\n", "\n", 10),
    (NAMES, "da = db + du", "da = du", 14),
    (CALLED, "self.x * self.s *", "self.s *", 10),
    (CALLED, "dx = dx + self.skip.backward(dh)", "self.skip.backward(dh)", 29),
    (ARGUMENT, "3 * a * a * (1 - a**2))", "np.zeros_like(a))", 13),
    (BRACKET, " - xn * c2", "", 11),
    (BRACKET, "xn * c2", "c2", 11),
    (NESTED, "x * s * (1", "s * (1", 5),
    (NUMBERED, 'dA * D["D" + str(l)] / keep', "dA", 12),
    (LOOP, " + q * slope", "", 20),
    (ROWS, "    B1[0] = 0\n", "", 15),
    (SEVERAL, "    dr = dr + d\n", "", 15),
    (ENTRY, '    G["w1"] += dg.T @ q\n', "", 12),
    (MASKED, "dy *= m / n", "dy /= n", 12),
    (ENDS, "dv[X:]", "dv[:H]", 18),
    (CHANNELS, "dout.shape[0] * dout.shape[2] * dout.shape[3]", "dout.shape[0]", 9),
]


@pytest.mark.parametrize(("text", "before", "after", "line"), CASES)
def test_the_line_is_found_and_its_change_mends_the_program(tmp_path, text, before, after, line):
    assert text.count(before) == 1
    path = tmp_path / "mine.py"
    path.write_text(text)
    assert file.check(path, seconds=0).verdict == "ok"
    path.write_text(text.replace(before, after))
    said = file.check(path, seconds=25, reveal=True).to_dict()
    finding, *more = said["findings"]
    assert not more
    near = [finding["line"], *(other["line"] for other in finding["alternatives"])]
    assert line in near or finding["before"] == "" and line in (finding["line"] - 1, finding["line"] + 1)
    path.write_text(_applied(path.read_text(), finding))
    assert file.check(path, seconds=0).verdict == "ok"


GAN = """import numpy as np
class Layer:
    def __init__(self, n_in, n_out, decay=0.0):
        self.W, self.decay = np.random.randn(n_in, n_out), decay
    def forward(self, x):
        self.x = x
        return np.tanh(x @ self.W)
    def backward(self, d):
        da = d * (1 - np.tanh(self.x @ self.W) ** 2)
        self.dW = self.x.T @ da + 2 * self.decay * self.W
        return da @ self.W.T
class Gan:
    def __init__(self):
        self.maker, self.judge = Layer(3, 4), Layer(4, 1, 0.05)
    def judge_loss(self, real):
        return np.mean(self.judge.forward(real) ** 2) + self.judge.decay * np.sum(self.judge.W**2)
    def judge_backward(self, real):
        y = self.judge.forward(real)
        self.judge.backward(2 * y / y.size)
    def maker_loss(self, z):
        return np.mean(self.judge.forward(self.maker.forward(z)))
    def maker_backward(self, z):
        y = self.judge.forward(self.maker.forward(z))
        self.maker.backward(self.judge.backward(np.ones_like(y) / y.size))
if __name__ == "__main__":
    gan = Gan()
    real, z = np.random.randn(20, 4), np.random.randn(20, 3)
    gan.judge_backward(real)
    gan.maker_backward(z)
    print(gan.judge_loss(real), gan.maker_loss(z))
"""
TRACE = """import numpy as np
class Trace:
    def __init__(self, x, h, loss):
        self.x, self.h, self.loss = x, h, loss
def forward(P, x):
    h = np.tanh(x @ P["A"])
    return Trace(x, h, np.mean((h @ P["B"]) ** 2))
def backward(P, t: Trace):
    y = t.h @ P["B"]
    dy = 2 * y / y.size
    return {"B": t.h.T @ dy, "A": t.x.T @ (dy @ P["B"].T * (1 - t.h**2))}
def inputs(rng):
    n = int(rng.integers(4, 7))
    return {"P": {"A": rng.normal(size=(3, 4)), "B": rng.normal(size=(4, 2))}, "x": rng.normal(size=(n, 3))}
"""
HANDED = """import numpy as np
def score(P, x):
    h = np.tanh(x @ P["A"])
    return h @ P["b"], (x, h)
def score_backward(P, d, cache, G):
    x, h = cache
    G["b"] += h.T @ d
    G["A"] += x.T @ (np.outer(d, P["b"]) * (1 - h**2))
def score_loss(P, real, fake):
    one, first = score(P, real)
    two, second = score(P, fake)
    return one.mean() - two.mean(), (first, second)
def score_grads(P, cache):
    G = {k: np.zeros_like(v) for k, v in P.items()}
    n = len(cache[0][0])
    score_backward(P, np.full(n, 1 / n), cache[0], G)
    score_backward(P, np.full(n, -1 / n), cache[1], G)
    return G
if __name__ == "__main__":
    P = {"A": np.random.randn(3, 4), "b": np.random.randn(4)}
    loss, cache = score_loss(P, np.random.randn(20, 3), np.random.randn(20, 3))
    print(loss, score_grads(P, cache))
"""
MOMENTUM = """import numpy as np
RATE = 0.1
class Line:
    def __init__(self, n):
        self.W, self.vW = np.random.randn(n, 2), np.zeros((n, 2))
    def bend_loss(self, x):
        return np.mean(np.sin(x @ self.W))
    def bend_step(self, x):
        d = np.cos(x @ self.W) / len(x) / 2
        self.vW = 0.9 * self.vW - RATE * (x.T @ d)
        self.W = self.W + self.vW
if __name__ == "__main__":
    line = Line(3)
    for _ in range(3):
        line.bend_step(np.random.randn(20, 3))
    print(line.bend_loss(np.random.randn(20, 3)))
"""


LISTED = """import numpy as np
A, B = np.random.randn(3, 4), np.random.randn(4, 4)
c = np.zeros(4)
def lossFun(xs, target):
    h, hs = np.zeros(4), []
    for x in xs:
        h = np.tanh(x @ A + h @ B + c)
        hs.append(h)
    loss = np.sum((h - target) ** 2)
    dA, dB, dc = np.zeros_like(A), np.zeros_like(B), np.zeros_like(c)
    dh = 2 * (h - target)
    for t in reversed(range(len(xs))):
        da = dh * (1 - hs[t] ** 2)
        dA += np.outer(xs[t], da)
        dB += np.outer(hs[t - 1] if t else np.zeros(4), da)
        dc += da
        dh = B @ da
    grads = [dA, dB, dc]
    for g in grads:
        np.clip(g, -50, 50, out=g)
    return loss, grads, h
if __name__ == "__main__":
    loss, grads, h = lossFun(np.random.randn(3, 3), np.random.randn(4))
    for p, g in zip([A, B, c], grads):
        p -= 0.1 * g
"""
PARAMS = """import numpy as np
class Dense:
    def __init__(self, n_in, n_out):
        self.W, self.b = np.random.randn(n_in, n_out), np.zeros((1, n_out))
        self.params = (self.W, self.b)
    def forward(self, X):
        self.X = X
        return np.tanh(X @ self.W + self.b)
    def backward(self, grad):
        grad = grad * (1 - np.tanh(self.X @ self.W + self.b) ** 2)
        self.grads = (self.X.T @ grad, np.sum(grad, axis=0, keepdims=True))
        return grad @ self.W.T
class Net:
    def __init__(self, layers):
        self.layers = layers
    def forward(self, X):
        for layer in self.layers:
            X = layer.forward(X)
        return X
    def backProp(self, grad):
        for layer in reversed(self.layers):
            grad = layer.backward(grad)
        return grad
if __name__ == "__main__":
    net = Net([Dense(4, 16), Dense(16, 16), Dense(16, 2)])
    X = np.random.randn(40, 4)
    Y = net.forward(X)
    net.backProp(Y)
"""
UNNAMED = """import numpy as np
def run(xs, h0, U, v):
    h = {-1: h0}
    for t in range(len(xs)):
        h[t] = np.tanh(xs[t] + U @ h[t - 1])
    return np.sin(h[len(xs) - 1] @ v), (xs, h)
def bptt(cache, U, v):
    xs, h = cache
    dU, last = np.zeros_like(U), h[len(xs) - 1]
    dh = np.cos(last @ v) * v
    for t in reversed(range(len(xs))):
        da = dh * (1 - h[t] ** 2)
        dU += np.outer(da, h[t - 1])
        dh = U.T @ da
    return dh, dU, np.cos(last @ v) * last
def inputs(rng):
    T = int(rng.integers(2, 5))
    xs, h0, v = rng.normal(size=(T, 4)), rng.normal(size=4), rng.normal(size=4)
    return {"xs": xs, "h0": h0, "U": rng.normal(size=(4, 4)), "v": v}
"""
DRIVER = """import numpy as np
def cost(theta, X, y):
    return np.mean((X @ theta - y) ** 2)
def cost_gradient(theta, X, y):
    return 2 * X.T @ (X @ theta - y) / len(y)
def gradient_descent(theta, X, y, rate, steps, **more):
    for _ in range(steps):
        theta = theta - rate * cost_gradient(theta, X, y, **more)
    return theta
def inputs(rng):
    n = int(rng.integers(5, 8))
    return {"theta": rng.normal(size=3), "X": rng.normal(size=(n, 3)), "y": rng.normal(size=n)}
"""


@pytest.mark.parametrize(
    ("text", "before", "after", "compared"),
    [
        (LISTED, "dh = B @ da", "dh = da", 3),
        (LISTED, "dc += da", "dc = da", 3),
        (PARAMS, "np.sum(grad, axis=0, keepdims=True)", "np.mean(grad, axis=0, keepdims=True)", 7),
    ],
)
def test_no_gradient_of_a_list_is_left_out_without_a_word(tmp_path, text, before, after, compared):
    assert text.count(before) == 1
    path = tmp_path / "mine.py"
    for text_now, verdict in ((text, "ok"), (text.replace(before, after), "wrong")):
        path.write_text(text_now)
        said = file.check(path, seconds=0)
        assert said.verdict == verdict
        assert sum(len(one.gradients) for one in said.explanations) == compared


LOOKUP = """import numpy as np
def look_forward(ids, E):
    return E[ids], (ids, E.shape)
def look_backward(dout, cache):
    ids, shape = cache
    dE = np.zeros(shape)
    np.add.at(dE, ids, dout)
    return dE
if __name__ == "__main__":
    E, ids = np.random.randn(6, 3), np.random.randint(0, 6, (20, 8))
    out, cache = look_forward(ids, E)
    E -= 0.1 * look_backward(2 * out, cache)
"""
STEPS = """import numpy as np
RATE = 0.1
class Fit:
    def __init__(self, n):
        self.w, self.b = np.random.randn(n), np.zeros(1)
        self.vw, self.vb = np.zeros(n), np.zeros(1)
    def loss(self, x, y):
        return np.mean((x @ self.w + self.b - y) ** 2)
    def update_loss(self, x, y):
        return self.loss(x, y)
    def update(self, x, y):
        d = 2 * (x @ self.w + self.b - y) / len(x)
        self.vw = 0.9 * self.vw - RATE * (x.T @ d)
        self.vb = 0.9 * self.vb - RATE * d.sum(keepdims=True)
        self.w = self.w + self.vw
        self.b = self.b + self.vb
if __name__ == "__main__":
    fit = Fit(3)
    x, y = np.random.randn(20, 3), np.random.randn(20)
    fit.update(x, y)
    print(fit.loss(x, y))
"""
RUN = """import numpy as np
class Cell:
    def __init__(self, n, k):
        self.U, self.V = np.random.randn(n, k), np.random.randn(k)
    def run(self, xs, ys):
        self.xs, self.h = xs, np.tanh(xs @ self.U)
        self.e = self.h @ self.V - ys
        return 0.5 * (self.e**2).sum()
    def back(self):
        dh = np.outer(self.e, self.V) * (1 - self.h**2)
        return {"U": self.xs.T @ dh, "V": self.h.T @ self.e}
def descend(obj, grad, lr):
    for name in grad:
        setattr(obj, name, getattr(obj, name) - lr * grad[name])
if __name__ == "__main__":
    cell = Cell(3, 4)
    print(cell.run(np.random.randn(20, 3), np.random.randn(20)))
    descend(cell, cell.back(), 0.1)
"""


def test_inputs_that_the_file_shows_are_not_given_up_for_others_at_which_all_is_right(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(LOOKUP.replace("np.add.at(dE, ids, dout)", "dE[ids] = dout"))
    assert file.check(path, seconds=0).verdict == "wrong"


def test_a_velocity_is_named_after_a_parameter_of_its_shape():
    """What is zero in the inputs must not be a mean, a mask or a parameter: zeros would hide mistakes."""

    class Holder:
        pass

    holder = Holder()
    for name, size in (("W", 3), ("vW", 3), ("u", 3), ("mu", 3), ("ask", 2), ("mask", 3)):
        setattr(holder, name, np.ones(size))
    for name in vars(holder):
        address = (("self", ""), ("attr", name))
        assert shown._is_velocity(address, holder, vars(holder)[name]) == (name == "vW")
        assert not shown._is_velocity((("arg", name),), None, vars(holder)[name])


def test_a_step_that_is_made_and_not_taken_is_wrong(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(STEPS.replace("        self.b = self.b + self.vb\n", ""))
    (said,) = file.check(path, seconds=0).explanations
    told = {g["name"]: g["verdict"] for g in said.gradients}
    assert told == {"the change of self.w": "ok", "the change of self.b": "wrong"}


@pytest.mark.parametrize("text", [GAN, TRACE, HANDED, MOMENTUM, DRIVER, LOOKUP, STEPS, RUN, UNNAMED])
def test_a_right_program_is_right_and_wholly_judged(tmp_path, text):
    path = tmp_path / "mine.py"
    path.write_text(text)
    said = file.check(path, seconds=0)
    assert said.verdict == "ok" and said.explanations


def test_decay_in_gradients_of_another_player_is_told_and_only_where_it_is_decay(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(GAN)
    said = file.check(path, seconds=0)
    assert any("weight decay of what Gan.judge_loss / judge_backward trains" in note for note in said.notes)
    path.write_text(GAN.replace("2 * self.decay * self.W", "2 * self.decay * self.W**2"))
    assert file.check(path, seconds=0).verdict == "wrong"


TWO_PAIRS = """import numpy as np
def slope(h):
    return 1 - h**2
def one_forward(x, W):
    return np.tanh(x @ W), (x, W)
def one_backward(d, cache):
    x, W = cache
    h = np.tanh(x @ W)
    return d * slope(h) @ W.T, x.T @ (d * slope(h))
def two_forward(x, W):
    return 2 * np.tanh(x @ W), (x, W)
def two_backward(d, cache):
    x, W = cache
    h = np.tanh(x @ W)
    return d * slope(h) @ W.T, x.T @ (d * slope(h))
def inputs(rng):
    n = int(rng.integers(4, 7))
    return {"x": rng.normal(size=(n, 3)), "W": rng.normal(size=(3, 2))}
"""


def test_a_change_that_spoils_another_pair_is_none(tmp_path):
    """With twice the slope the second pair would be right, and the first would not."""
    path = tmp_path / "mine.py"
    path.write_text(TWO_PAIRS)
    said = file.check(path, seconds=15).to_dict()
    assert said["findings"] and all(f["line"] > 3 for f in said["findings"])


def test_a_blurred_solution_is_not_the_only_one():
    """Edits for values of which many are right: a term is told by what backward makes of it."""
    rng = np.random.default_rng(0)
    shape, through = (5, 3), rng.normal(size=(7, 15))
    a, b = rng.normal(size=shape), rng.normal(size=shape)
    atoms = [built.Atom("a", a), built.Atom("b", b)]
    library = built.Library(atoms, [], shape)
    found = [name for _, name in library.seen_through(through, through @ (-2 * a * b).reshape(-1))]
    assert "a * b * -2" in found or "b * a * -2" in found
    assert library.seen_through(through, rng.normal(size=7)) == []
    assert penalty._decay(2 * a, a) == "2 times"


def _applied(text, finding):
    rows, line, end = text.splitlines(), finding["line"], finding["end_line"]
    if finding["before"] == "":
        before = [row for row in rows[: line - 1] if row.strip()][-1]
        indent = before[: len(before) - len(before.lstrip())]
        rows[line - 1 : line - 1] = [indent + row.strip() for row in finding["after"].splitlines()]
    else:
        new = rows[line - 1][: finding["column"]] + finding["after"] + rows[end - 1][finding["end_column"] :]
        rows[line - 1 : end] = new.splitlines()
    return "\n".join(rows) + "\n"
