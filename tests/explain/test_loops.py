"""Mistakes in loops, and in functions that are called several times, are solved for at one of the calls."""

import pytest

from minigen.explain import file

# A leaky unit with a gate that sees its own state; sequences of several lengths, padded.
GATED = """import numpy as np

def sig(a):
    return 1 / (1 + np.exp(-a))

def run(P, x, n):
    T, B, _ = x.shape
    on = (np.arange(T)[:, None] < n).astype(float)
    s = np.zeros((T + 1, B, len(P["p"])))
    k, c = np.zeros((2, T, B, len(P["p"])))
    for t in range(T):
        m = on[t][:, None]
        k[t] = sig(x[t] @ P["Wk"] + P["p"] * s[t])
        c[t] = np.tanh(x[t] @ P["Wc"] + s[t] @ P["R"])
        s[t + 1] = m * (k[t] * c[t] + (1 - k[t]) * s[t]) + (1 - m) * s[t]
    e = s[T] @ P["V"]
    return 0.5 * (e**2).sum(), (x, on, s, k, c, e)

def run_back(P, memo):
    x, on, s, k, c, e = memo
    G = {name: np.zeros_like(value) for name, value in P.items()}
    G["V"] = s[-1].T @ e
    ds = e @ P["V"].T
    for t in reversed(range(len(x))):
        m = on[t][:, None]
        dn = m * ds
        ak = dn * (c[t] - s[t]) * k[t] * (1 - k[t])
        ac = dn * k[t] * (1 - c[t] ** 2)
        G["Wk"] += x[t].T @ ak
        G["Wc"] += x[t].T @ ac
        G["R"] += s[t].T @ ac
        G["p"] += (ak * s[t]).sum(0)
        ds = (1 - m) * ds + dn * (1 - k[t]) + ac @ P["R"].T + ak * P["p"]
    return G

if __name__ == "__main__":
    rng = np.random.default_rng(0)
    sizes = {"Wk": (2, 9), "Wc": (2, 9), "R": (9, 9), "p": (9,), "V": (9, 2)}
    P = {name: 0.5 * rng.normal(size=size) for name, size in sizes.items()}
    for _ in range(20):
        loss, memo = run(P, rng.normal(size=(11, 30, 2)), rng.integers(4, 12, 30))
        G = run_back(P, memo)
        P = {name: P[name] - 0.1 * G[name] for name in P}
"""
# Sets of points of many sizes, pooled by attention; every set is one call of the two functions.
SETS = """import numpy as np

def read(theta, d):
    return {"W": theta[: d * d].reshape(d, d), "q": theta[d * d : d * d + d], "v": theta[d * d + d :]}

def pooled(p, X):
    H = np.tanh(X @ p["W"])
    a = np.exp(H @ p["q"])
    a = a / a.sum()
    return a @ H @ p["v"], (X, H, a)

def pooled_back(p, g, memo, dout):
    X, H, a = memo
    dH = np.outer(a, dout * p["v"])
    g["v"] += dout * (a @ H)
    da = dout * H @ p["v"]
    ds = a * (da - a @ da)
    g["q"] += H.T @ ds
    dH += np.outer(ds, p["q"])
    g["W"] += X.T @ (dH * (1 - H**2))

def cost(theta, sets, d):
    p, f = read(theta, d), 0.0
    g = {name: np.zeros_like(value) for name, value in p.items()}
    for X, y in sets:
        out, memo = pooled(p, X)
        f += 0.5 * (out - y) ** 2 / len(sets)
        pooled_back(p, g, memo, (out - y) / len(sets))
    return f, np.concatenate([g[name].ravel() for name in ("W", "q", "v")])

if __name__ == "__main__":
    rng = np.random.default_rng(1)
    sets = [(rng.normal(size=(int(rng.integers(3, 9)), 4)), rng.normal()) for _ in range(25)]
    theta = rng.normal(size=24)
    for _ in range(20):
        f, g = cost(theta, sets, 4)
        theta = theta - 0.1 * g
"""
# The bias before the norm has the gradient 0, but for rounding; u stands on both sides of a product.
ALIKE = """import numpy as np

def alike(W, b, x):
    z = x @ W + b
    n = z - z.mean(axis=0)
    r = np.sqrt((n**2).sum(axis=1, keepdims=True) + 0.1)
    u = n / r
    S = u @ u.T
    loss = 0.5 * ((S - 1) ** 2).sum() / len(x)
    dS = (S - 1) / len(x)
    du = (dS + dS.T) @ u
    dn = (du - u * (u * du).sum(axis=1, keepdims=True)) / r
    dz = dn - dn.mean(axis=0)
    return loss, {"W": x.T @ dz, "b": dz.sum(axis=0)}

def inputs(rng):
    n = int(rng.integers(4, 7))
    return {"W": rng.normal(size=(3, 2)), "b": rng.normal(size=2), "x": rng.normal(size=(n, 3))}
"""
# A difference whose one side has an axis less: dcross stands for its own axes.
CROSS = """import numpy as np

def forward(E, w):
    S = E.sum(axis=1)
    return np.sum(w * 0.5 * (S**2 - (E**2).sum(axis=1)).sum(axis=1)) + 0.3 * np.sum(E**3)

def backward(E, w):
    S = E.sum(axis=1)
    dE = 0.9 * E**2 + w[:, None, None] * (S[:, None, :] - E)
    return {"E": dE, "w": 0.5 * (S**2 - (E**2).sum(axis=1)).sum(axis=1)}


def inputs(rng):
    n = int(rng.integers(4, 7))
    return {"E": rng.normal(size=(n, 3, 2)), "w": rng.normal(size=n)}
"""
PLACES = [
    (GATED, ' + ak * P["p"]', ""),
    (GATED, "(1 - m) * ds + dn", "dn"),
    (GATED, "(c[t] - s[t]) * k[t]", "c[t] * k[t]"),
    (GATED, "k[t] * (1 - c[t] ** 2)", "(1 - c[t] ** 2)"),
    (SETS, '    dH += np.outer(ds, p["q"])\n', ""),
    (SETS, "a * (da - a @ da)", "a * (da - da.mean())"),
    (ALIKE, " / r\n    dz", "\n    dz"),
    (ALIKE, "(dS + dS.T) @ u", "dS @ u"),
    (ALIKE, "(S - 1) / len(x)\n    du", "(S - 1 / len(x))\n    du"),
    (CROSS, "(S[:, None, :] - E)", "S[:, None, :]"),
]


@pytest.mark.parametrize("text", [GATED, SETS, ALIKE, CROSS])
def test_the_programs_are_right(text, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(text)
    assert file.check(path, seconds=0).verdict == "ok"


@pytest.mark.parametrize("place", PLACES)
def test_a_mistake_is_found_at_its_line(place, tmp_path):
    text, right, wrong = place
    assert text.count(right) == 1
    path = tmp_path / "mine.py"
    path.write_text(text.replace(right, wrong))
    findings = file.check(path, seconds=60).to_dict()["findings"]  # 12 to 35 s of computing for the slowest
    line = text[: text.index(right)].count("\n") + 1
    told = [f["line"] for f in findings]
    assert len(told) == 1 and abs(told[0] - line) <= right.endswith("\n"), findings
