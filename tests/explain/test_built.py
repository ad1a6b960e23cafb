"""What a statement must give is known, and the factor, term or number that makes it so is built."""

import pytest

from minigen.exercises.master import all_masters
from minigen.exercises.verify import plant
from minigen.explain import file

FLOOR = """import numpy as np
def forward(x, W, floor=0.3):
    a = x @ W
    m = np.maximum(a, floor)
    return np.sum(np.sin(m))
def backward(x, W, floor=0.3):
    a = x @ W
    dm = np.cos(np.maximum(a, floor))
    da = dm * (a > floor)
    return {"x": da @ W.T, "W": x.T @ da}
def inputs(rng):
    n = int(rng.integers(4, 7))
    return dict(x=rng.normal(size=(n, 3)), W=rng.normal(size=(3, 2)))
"""
SOFTSIGN = """import numpy as np
def softsign(a, sharp):
    return a / (1 + sharp * np.abs(a))
def slope(a, sharp):
    return 1 / (1 + sharp * np.abs(a)) ** 2
def forward(x, W, v, sharp=1.5):
    return softsign(x @ W, sharp) @ v
def backward(g, x, W, v, sharp=1.5):
    a = x @ W
    da = g[:, None] * v * slope(a, sharp)
    return {"x": da @ W.T, "W": x.T @ da, "v": softsign(a, sharp).T @ g}
def inputs(rng):
    n = int(rng.integers(4, 7))
    return dict(x=rng.normal(size=(n, 3)), W=rng.normal(size=(3, 2)), v=rng.normal(size=2))
"""
LENGTHS = """import numpy as np
def forward(x):
    length = np.sqrt((x**2).sum(axis=1, keepdims=True) + 0.1)
    return np.sum((length - 1) ** 2)
def backward(x):
    length = np.sqrt((x**2).sum(axis=1, keepdims=True) + 0.1)
    dlength = 2 * (length - 1)
    dx = dlength * x / length
    return {"x": dx}
def inputs(rng):
    return dict(x=rng.normal(size=(int(rng.integers(4, 7)), 3)))
"""
TWO_PRICES = """import numpy as np
def softmax(a):
    e = np.exp(a - a.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)
def forward(a, t, q):
    p = softmax(a)
    return -np.sum(t * np.log(p)) + np.sum(q * p)
def backward(a, t, q):
    p = softmax(a)
    da = p * t.sum(axis=1, keepdims=True) - t + p * (q - (q * p).sum(axis=1, keepdims=True))
    return {"a": da}
def inputs(rng):
    n = int(rng.integers(4, 7))
    return dict(a=rng.normal(size=(n, 3)), t=rng.normal(size=(n, 3)), q=rng.normal(size=(n, 3)))
"""
SHARES = """import numpy as np
def forward(a, b):
    return np.sum(b * np.log(np.exp(a).sum(axis=0)))
def backward(a, b):
    share = np.exp(a) / np.exp(a).sum(axis=0)
    return {"a": share * b, "b": np.log(np.exp(a).sum(axis=0))}
def inputs(rng):
    n = int(rng.integers(4, 7))
    return dict(a=rng.normal(size=(3, n)), b=rng.normal(size=n))
"""
DECODED = """import numpy as np
def forward(z, W):
    return np.sum(np.tanh(z @ W)) - 0.5 * np.sum(z**2)
def backward(z, W):
    dlogits = 1 - np.tanh(z @ W) ** 2
    dz = dlogits @ W.T - z
    return {"z": dz}
def inputs(rng):
    n = int(rng.integers(4, 7))
    return dict(z=rng.normal(size=(2, n, 3)), W=rng.normal(size=(3, 5)))
"""
COLUMN = """import numpy as np
def forward(x, u, w):
    return np.sum(np.tanh(x) * u * w.T)
def backward(x, u, w):
    h = np.tanh(x)
    dw = (h * u).sum(axis=0)[:, None]
    return {"x": (1 - h**2) * u * w.T, "u": h * w.T, "w": dw}
def inputs(rng):
    n = int(rng.integers(4, 7))
    return dict(x=rng.normal(size=(n, 3)), u=rng.normal(size=(n, 3)), w=rng.normal(size=(3, 1)))
"""


@pytest.mark.parametrize(
    ("text", "right", "wrong"),
    [
        (FLOOR, "* (a > floor)", "* np.maximum(a, floor)"),
        (FLOOR, "dm * (a > floor)", "dm"),
        (SOFTSIGN, " * slope(a, sharp)", ""),
        (LENGTHS, "x / length", "3 * x"),
        (TWO_PRICES, "p * (q - (q * p).sum(axis=1, keepdims=True))", "p * (1 - p) * q"),
        (TWO_PRICES, " + p * (q - (q * p).sum(axis=1, keepdims=True))", ""),
        (SHARES, "np.exp(a) / np.exp(a).sum(axis=0)\n", "np.exp(a)\n"),
        (SHARES, "np.exp(a) / np.exp(a).sum(axis=0)\n", "(a == a.max(axis=0)).astype(float)\n"),
        (DECODED, "dlogits @ W.T - z", "-z"),
        (COLUMN, "(h * u).sum(axis=0)[:, None]", "np.zeros_like(w)"),
    ],
)
def test_what_is_due_in_a_line_is_built(tmp_path, text, right, wrong):
    assert text.count(right) == 1
    path = tmp_path / "mine.py"
    path.write_text(text)
    assert file.check(path, seconds=0).verdict == "ok"
    path.write_text(text.replace(right, wrong))
    (finding,) = file.check(path, seconds=20, reveal=True).to_dict()["findings"]
    line = text[: text.index(right)].count("\n") + 1
    assert finding["line"] == line
    rows = path.read_text().splitlines()
    row = rows[line - 1]
    rows[line - 1] = row[: finding["column"]] + finding["after"] + row[finding["end_column"] :]
    path.write_text("\n".join(rows) + "\n")
    assert file.check(path, seconds=0).verdict == "ok"


@pytest.mark.parametrize(
    ("exercise", "mutant"),
    [
        ("wgan-critic-and-generator", "N06"),  # the same mistake in two lines, of which others are made
        ("wgan-critic-and-generator", "W01"),  # the two cancel in a third gradient
        ("generator", "N02"),  # in both branches, of which one runs at a time
        ("tanh", "G40"),  # each line has the other's value, and its shape
        ("generator", "G13"),  # a number that the program does not have
        ("transposed-convolution", "C02"),  # an index that counts from the wrong end
        ("conv2d-weight-gradient", "C05"),  # two settings of one call, and small sizes at which one is enough
    ],
)
def test_every_line_of_a_mistake_is_found(exercise, mutant):
    planted = plant(all_masters()[exercise], mutant, 20)
    said = planted.result.explanation
    assert said.complete
    assert {f.line for f in said.findings} == set(planted.lines)
