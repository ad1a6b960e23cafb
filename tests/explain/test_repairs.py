"""Repairs that take more than one word of a line: lines that are missing, outer names, equal changes."""

from pathlib import Path

import pytest

from minigen.explain import file

GRU = """import numpy as np
def forward(x, h, W, U):
    hs = []
    for t in range(x.shape[1]):
        hs.append(h)
        h = np.tanh(x[:, t] @ W + h @ U)
    return h, (x, hs, h, W, U)
def backward(dout, cache):
    x, hs, h, W, U = cache
    dW, dU, dx = np.zeros_like(W), np.zeros_like(U), np.zeros_like(x)
    dh = dout
    for t in reversed(range(x.shape[1])):
        after = h if t == x.shape[1] - 1 else hs[t + 1]
        da = dh * (1 - after**2)
        dW += x[:, t].T @ da
        dU += hs[t].T @ da
        dx[:, t] = da @ W.T
        dbefore = da @ U.T
        dh = dbefore
    return dx, dh, dW, dU
def inputs(rng):
    n, t, d, k = rng.integers(3, 5), rng.integers(3, 5), 4, 5
    m = lambda *s: 0.5 * rng.normal(size=s)
    return dict(x=m(n, t, d), h=m(n, k), W=m(d, k), U=m(k, k))
"""
CLOSURE = """import numpy as np
def loss(x, noise, W):
    noisy = x + noise
    h = np.tanh(noisy @ W)
    def backward():
        dW = noisy.T @ (h * (1 - h**2))
        return {"W": dW}
    return 0.5 * np.sum(h**2), backward
def inputs(rng):
    n, d, k = rng.integers(3, 6), 4, 5
    return dict(x=rng.normal(size=(n, d)), noise=rng.normal(size=(n, d)), W=rng.normal(size=(d, k)))
"""
PENALTY = """import numpy as np
def loss(x, W, v):
    h = np.tanh(x @ W)
    y = np.sum(h @ v) + np.sum((h @ h.T) ** 2)
    dW = x.T @ (v * (1 - h**2))
    dh = 4 * h @ h.T @ h
    da = dh * (1 - h**2)
    dW += x.T @ da
    dv = h.sum(axis=0)
    return y, dict(W=dW, v=dv)
def inputs(rng):
    n, d, k = rng.integers(3, 6), 4, 5
    return dict(x=rng.normal(size=(n, d)), W=0.3 * rng.normal(size=(d, k)), v=rng.normal(size=k))
"""
NORM = """import numpy as np
def forward(x):
    var = np.mean(x**2, axis=0)
    root = np.sqrt(var + 0.1)
    inverse = 1.0 / root
    return x * inverse, (x, var, root, inverse)
def backward(dout, cache):
    x, var, root, inverse = cache
    dinverse = np.sum(dout * x, axis=0)
    droot = -1.0 / root**2 * dinverse
    dvar = 0.5 / np.sqrt(var + 0.1) * droot
    dx = dout * inverse + 2.0 / len(x) * x * dvar
    return dx
def inputs(rng):
    return dict(x=rng.normal(size=(rng.integers(4, 7), rng.integers(3, 6))))
"""
SWAPPED = """import numpy as np
def forward(x, W, U):
    mu, lv = x @ W, x @ U
    return np.sum(mu**2 + np.exp(lv) * 3)
def backward(x, W, U):
    mu, lv = x @ W, x @ U
    dmu, dlv = 2 * mu, 3 * np.exp(lv)
    dx = dmu @ W.T + dlv @ U.T
    return {"x": dx}
def inputs(rng):
    n, d, k = rng.integers(3, 6), 4, 5
    return dict(x=rng.normal(size=(n, d)), W=rng.normal(size=(d, k)), U=0.3 * rng.normal(size=(d, k)))
"""


@pytest.mark.parametrize(
    ("text", "before", "after", "line"),
    [
        (GRU, "        dh = dbefore\n", "", 19),
        (CLOSURE, "noisy.T @", "x.T @", 6),
        (PENALTY, "    dW += x.T @ da\n", "", 8),
        (NORM, "0.5 / np.sqrt(var", "1.0 / np.sqrt(var", 11),
        (NORM, "-1.0 / root**2", "-2.0 / root**2", 10),
        (SWAPPED, "dmu @ W.T + dlv @ U.T", "dlv @ W.T + dmu @ U.T", 8),
    ],
)
def test_the_line_and_the_change_are_found(tmp_path, text, before, after, line):
    assert text.count(before) == 1
    path = tmp_path / "mine.py"
    path.write_text(text)
    assert file.check(path, seconds=0).verdict == "ok"
    path.write_text(text.replace(before, after))
    said = file.check(path, seconds=20, reveal=True).to_dict()
    (finding,) = said["findings"]
    assert finding["line"] == line
    assert finding["verified_on"]["all"]
    rows = path.read_text().splitlines()
    if finding["before"]:
        row = rows[line - 1]
        rows[line - 1] = row[: finding["column"]] + finding["after"] + row[finding["end_column"] :]
    else:
        rows.insert(line - 1, finding["after"])
    path.write_text("\n".join(rows) + "\n")
    assert file.check(path, seconds=0).verdict == "ok"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("style", "before", "after", "line"),
    [
        ("recurrent_letters", "dh = Why.T @ dy + dhnext", "dh = Why.T @ dy", 35),
        ("recurrent_letters", "dy[targets[t]] -= 1", "dy[inputs[t]] -= 1", 32),
        ("recurrent_letters", "hs[t - 1].T", "hs[t].T", 39),
        ("recurrent_clipped", "(1 - hs[t] * hs[t])", "(1 - hs[t])", 37),
        ("conv_loops", "pad : pad + H, pad : pad + W]", ":H, :W]", 41),
        ("conv_loops", "dw[f] += x_pad", "dw[f] = x_pad", 39),
        ("conv_channels_last", "] += W[:", "] = W[:", 48),
        ("mixture_class", "(diff**2 * inverse[None] - 1)", "diff**2 * inverse[None]", 44),
        ("mixture_functions", "dist / sigma**3", "dist / sigma**2", 21),
    ],
)
def test_mistakes_in_programs_that_say_no_inputs_are_found(tmp_path, style, before, after, line):
    text = (Path(__file__).parent / "styles" / f"{style}.py").read_text()
    assert text.count(before) == 1
    path = tmp_path / "mine.py"
    path.write_text(text.replace(before, after))
    (finding,) = file.check(path, seconds=20).to_dict()["findings"]
    assert finding["line"] == line


def test_a_pool_that_sets_where_windows_overlap_is_wrong(tmp_path):
    """Of the sizes that could be tried, some hide it; those that the file names do not."""
    text = (Path(__file__).parent / "styles" / "conv_loops.py").read_text()
    path = tmp_path / "mine.py"
    path.write_text(text[text.index("def max_pool_f") :].replace("+= mask *", "= mask *"))
    path.write_text("import numpy as np\n" + path.read_text())
    assert file.check(path, seconds=0).verdict == "wrong"


WIDE = """import numpy as np
def forward(x, W, b):
    a = x @ W + b
    return (a - a.mean(0)) / np.sqrt(a.var(0) + 0.1)
def backward(g, x, W, b):
    a = x @ W + b
    s = np.sqrt(a.var(0) + 0.1)
    y = (a - a.mean(0)) / s
    da = (g - g.mean(0) - y * (g * y).mean(0)) / s
    return {"W": x.T @ da, "b": da.sum(0)}
def inputs(rng):
    return dict(x=rng.normal(size=(6, 4)), W=rng.normal(size=(4, 20)), b=rng.normal(size=20))
"""


def test_a_gradient_that_is_zero_is_right_in_wide_layers_too(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(WIDE)
    assert file.check(path, seconds=0).verdict == "ok"
    path.write_text(WIDE.replace("da.sum(0)", "da.sum(0) + 1e-4"))
    assert file.check(path, seconds=0).verdict == "wrong"


LAST = """import numpy as np
def forward(x, W1, b1, W2, b2, W3, b3):
    h = np.tanh(np.tanh(x @ W1 + b1) @ W2 + b2)
    return h @ W3 + b3, h
def backward(dout, h):
    dW3 = h.T @ dout
    db3 = dout.sum(axis=0)
    return {"W3": dW3, "b3": db3}
def inputs(rng):
    m = lambda *s: rng.normal(size=s)
    return dict(x=m(5, 4), W1=m(4, 3), b1=m(3), W2=m(3, 6), b2=m(6), W3=m(6, 2), b3=m(2))
"""


@pytest.mark.parametrize("returned", ['{"W3": dW3, "b3": db3}', "dW3, db3"])
def test_the_gradients_of_the_last_layer_alone_are_not_asked_for_those_of_the_others(tmp_path, returned):
    path = tmp_path / "mine.py"
    path.write_text(LAST.replace('{"W3": dW3, "b3": db3}', returned))
    said = file.check(path, seconds=0).to_dict()
    assert said["verdict"] == "ok", said["certain"]
    assert len(said["gradients"]) == 2


SMOOTH = """import numpy as np
class Critic:
    def __init__(self, n, rate=0.1, smooth=0.9):
        self.rate, self.smooth = rate, smooth
        self.W = np.random.default_rng(0).normal(size=(n, 1))
    def forward(self, x):
        self.x = x
        self.t = x @ self.W
        return np.mean(np.logaddexp(0, self.t) - self.smooth * self.t)
    def backward(self):
        p = 1 / (1 + np.exp(-self.t))
        self.dW = self.x.T @ (p - self.smooth) / len(self.x)
"""


def test_two_settings_that_are_equal_by_chance_are_told_apart(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(SMOOTH.replace("(p - self.smooth)", "(p - 1.0)"))  # 0.1 is 1 - 0.9, but rate is not meant
    (finding,) = file.check(path, seconds=15, reveal=True).to_dict()["findings"]
    assert finding["line"] == 12
    assert "smooth" in finding["after"] and "rate" not in finding["after"]


def test_what_is_the_gradient_of_a_sum_or_of_a_mean_is_told(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "import numpy as np\ndef loss(p, t):\n    return 0.5 * (p - t) ** 2\n"
        "def loss_grad(p, t):\n    return (p - t) / len(p)\n"
        "def inputs(rng):\n    return dict(p=rng.normal(size=5), t=rng.normal(size=5))\n"
    )
    said = file.check(path, seconds=0)
    assert any("gradient of the mean of what loss returns" in note for note in said.notes), said.notes
