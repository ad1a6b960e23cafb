"""Mistakes that are told by what the program says elsewhere, or by what a value is: slices, loops, orders,
closures, items of a comprehension, normalised values, parameters that backward never reads.
"""

import pytest

from minigen.explain import file

TAPS = """import numpy as np
def forward(x, k, gap=2):
    n = x.shape[1] - gap * (len(k) - 1)
    return sum(k[i] * x[:, i * gap : i * gap + n] for i in range(len(k)))
def backward(g, x, k, gap=2):
    n = x.shape[1] - gap * (len(k) - 1)
    dx, dk = np.zeros_like(x), np.zeros_like(k)
    for i in range(len(k)):
        dk[i] = np.sum(g * x[:, i * gap : i * gap + n])
        dx[:, i * gap : i * gap + n] += k[i] * g
    return dx, dk
def inputs(rng):
    return dict(x=rng.normal(size=(int(rng.integers(2, 5)), 9)), k=rng.normal(size=3))
"""
PACKED = """import numpy as np
NAMES = [("W", (3, 2)), ("b", (2,)), ("V", (2, 3))]
def apart(theta):
    parts, at = {}, 0
    for name, shape in NAMES:
        parts[name], at = theta[at : at + np.prod(shape)].reshape(shape), at + np.prod(shape)
    return parts
def loss(theta, x):
    p = apart(theta)
    h = np.tanh(x @ p["W"] + p["b"])
    off = h @ p["V"] - x
    da = off @ p["V"].T * (1 - h**2)
    slopes = {"V": h.T @ off, "b": da.sum(axis=0), "W": x.T @ da}
    return 0.5 * np.sum(off**2), np.concatenate([slopes[name].ravel() for name, _ in NAMES])
def inputs(rng):
    return dict(theta=rng.normal(size=14), x=rng.normal(size=(int(rng.integers(3, 6)), 3)))
"""
SHUFFLED = """import numpy as np
ORDER = np.array([2, 0, 3, 1])
def forward(x, w):
    return np.tanh(x[:, ORDER] * w)
def backward(g, x, w):
    da = g * (1 - np.tanh(x[:, ORDER] * w) ** 2)
    dx = da * w
    return dx[:, np.argsort(ORDER)], (da * x[:, ORDER]).sum(axis=0)
def inputs(rng):
    return dict(x=rng.normal(size=(int(rng.integers(3, 6)), 4)), w=rng.normal(size=4))
"""
CLOSED = """import numpy as np
def squash(a):
    y = np.tanh(a)
    return y, lambda up: up * (1 - y**2)
def loss(x, W):
    y, back = squash(x @ W)
    return 0.5 * np.sum(y**2), {"W": x.T @ back(y)}
def inputs(rng):
    return dict(x=rng.normal(size=(int(rng.integers(3, 6)), 4)), W=rng.normal(size=(4, 3)))
"""
WIDTHS = """import numpy as np
WIDTHS = (0.7, 1.9)
def forward(a):
    return np.sum(sum(np.exp(-(a**2) / (2 * s**2)) for s in WIDTHS))
def backward(a):
    w = sum(np.exp(-(a**2) / (2 * s**2)) / s**2 for s in WIDTHS)
    return {"a": -a * w}
def inputs(rng):
    return dict(a=rng.normal(size=int(rng.integers(3, 7))))
"""
LENGTH = """import numpy as np
def forward(x, W):
    h = x @ W
    size = np.sqrt((h**2).sum(axis=1, keepdims=True))
    return h / size, (x, W, h / size, size)
def backward(dy, cache):
    x, W, y, size = cache
    dh = (dy - y * (dy * y).sum(axis=1, keepdims=True)) / size
    return dh @ W.T, x.T @ dh
def inputs(rng):
    return dict(x=rng.normal(size=(int(rng.integers(3, 6)), 4)), W=rng.normal(size=(4, 3)))
"""
PEEPS = """import numpy as np
def forward(x, p):
    c, kept = np.zeros(x.shape[1:]), []
    for t in range(len(x)):
        i, f = np.tanh(x[t] + p["low"] * c), np.tanh(2 * x[t] + p["high"] * c)
        kept.append((c, i, f))
        c = f * c + i * x[t]
    return c, kept
def backward(g, kept, x, p):
    grads, dc = {"low": np.zeros_like(p["low"]), "high": np.zeros_like(p["high"])}, g
    for t in reversed(range(len(x))):
        c, i, f = kept[t]
        di, df = dc * x[t] * (1 - i**2), dc * c * (1 - f**2)
        grads["low"] += (di * c).sum(axis=0)
        grads["high"] += (df * c).sum(axis=0)
        dc = dc * f
        dc = dc + di * p["low"] + df * p["high"]
    return grads
def inputs(rng):
    n, k = int(rng.integers(2, 5)), 3
    return dict(x=rng.normal(size=(4, n, k)), p={"low": rng.normal(size=k), "high": rng.normal(size=k)})
"""
SEEN = """import numpy as np
def loss(x, w, seen):
    off = (x @ w) * seen
    return np.sum(off**2) / seen.sum(), {"w": 2 * x.T @ off / seen.sum()}
def inputs(rng):
    n = int(rng.integers(5, 9))
    return dict(x=rng.normal(size=(n, 3)), w=rng.normal(size=3), seen=(np.arange(n) % 3 > 0).astype(float))
"""
SIDES = """import numpy as np
def halves(x, turned):
    a, b = x[:, :2], x[:, 2:]
    return (b, a) if turned else (a, b)
def forward(x, s, turned):
    a, b = halves(x, turned)
    return np.concatenate([a, b * np.exp(s * a)], axis=1)
def backward(g, x, s, turned):
    a, b = halves(x, turned)
    e = np.exp(s * a)
    ga, gb = g[:, :2] + g[:, 2:] * b * e * s, g[:, 2:] * e
    ds = np.sum(g[:, 2:] * b * e * a, axis=0)
    first, second = halves(np.concatenate([ga, gb], axis=1), turned)
    return np.concatenate([first, second], axis=1), ds
def inputs(rng):
    return dict(x=rng.normal(size=(int(rng.integers(3, 6)), 4)), s=rng.normal(size=2), turned=True)
"""


@pytest.mark.parametrize(
    ("text", "before", "after", "line", "kind"),
    [
        (TAPS, "dx[:, i * gap : i * gap + n]", "dx[:, i : i + n]", 10, "index"),
        (PACKED, "for name, _ in NAMES", "for name in slopes", 14, "order"),
        (SHUFFLED, "np.argsort(ORDER)", "ORDER", 8, "order"),
        (CLOSED, "1 - y**2", "1 - a**2", 4, "operand"),
        (WIDTHS, " / s**2 for", " for", 6, "factor"),
        (LENGTH, "(dy - y * (dy * y).sum(axis=1, keepdims=True))", "dy", 8, "term"),
        (PEEPS, '        dc = dc + di * p["low"] + df * p["high"]\n', "", 17, "missing path"),
        (SEEN, "x.T @ off / seen.sum()", "x.T @ off / len(x)", 4, "constant"),
        (SIDES, "axis=1), turned)", "axis=1), False)", 13, "constant"),
    ],
)
def test_the_mistake_is_found_and_its_change_mends_the_program(tmp_path, text, before, after, line, kind):
    assert text.count(before) == 1
    path = tmp_path / "mine.py"
    path.write_text(text)
    assert file.check(path, seconds=0).verdict == "ok"
    path.write_text(text.replace(before, after))
    said = file.check(path, seconds=25, reveal=True).to_dict()
    (finding,) = said["findings"]
    assert (finding["line"], finding["kind"]) == (line, kind)
    rows = path.read_text().splitlines()
    if finding["before"] == "":
        rows.insert(line - 1, finding["after"])
    else:
        row = rows[line - 1]
        rows[line - 1] = row[: finding["column"]] + finding["after"] + row[finding["end_column"] :]
    path.write_text("\n".join(rows) + "\n")
    assert file.check(path, seconds=0).verdict == "ok"


def test_of_equal_changes_the_one_in_the_function_that_makes_the_value_is_told(tmp_path):
    """A factor that is missing in a loss's gradient could as well be put in where the gradient is called."""
    path = tmp_path / "mine.py"
    path.write_text(MADE)
    (finding,) = file.check(path, seconds=25).to_dict()["findings"]
    assert finding["line"] == 6


MADE = """import numpy as np
class Half:
    def forward(self, y):
        self.y = y
        return np.sum(y**2)
    def backward(self): return self.y
class Net:
    def __init__(self):
        self.W, self.loss = np.random.randn(4, 3), Half()
    def forward(self, x):
        self.x = x
        return self.loss.forward(np.tanh(x @ self.W))
    def backward(self):
        d = self.loss.backward()
        self.dW = self.x.T @ (d * (1 - self.loss.y**2))
"""
