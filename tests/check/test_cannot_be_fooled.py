"""Wrong backwards on inputs of every kind: none is called ok, by any of the checkers;
the right ones never wrong.

Each layer comes with its right backward and with wrong ones, and with inputs that hide the mistakes
of others: ones, zeros, the identity, whole numbers, positive, symmetric, a batch or a width of 1,
a random state that is the checker's favourite. A mistake that no input of a kind can show
(the right formula, at these values, everywhere near them) is not in the table.
"""

import numpy as np
import pytest

import minigen as mg
from minigen.check import check_gradients, check_vjp
from minigen.testing import GradientMismatch, assert_gradients

N, D, H = 5, 4, 3


def dense(x, w, b):
    return np.tanh(x @ w + b)


def right(g, x, w, b):
    ga = g * (1 - dense(x, w, b) ** 2)
    return {"x": ga @ w.T, "w": x.T @ ga, "b": ga.sum(0)}


def changed(name, change):
    """The right backward with one gradient replaced by `change(ga, x, w, b)`."""

    def backward(g, x, w, b):
        ga = g * (1 - dense(x, w, b) ** 2)
        return right(g, x, w, b) | {name: change(ga, x, w, b)}

    return backward


class Memory:
    """The activations of the first call, kept for ever."""

    def __init__(self):
        self.kept = {}

    def __call__(self, g, x, w, b):
        y = self.kept.setdefault("y", dense(x, w, b))
        ga = g * (1 - y**2)
        return {"x": ga @ w.T, "w": x.T @ ga, "b": ga.sum(0)}


class Counter:
    """Right the first time it is called."""

    def __init__(self):
        self.calls = 0

    def __call__(self, g, x, w, b):
        self.calls += 1
        return {n: v if self.calls == 1 else 2 * v for n, v in right(g, x, w, b).items()}


def with_activation(slope):
    """A backward in which the slope of tanh is something else, a function of y and a."""

    def backward(g, x, w, b):
        ga = g * slope(dense(x, w, b), x @ w + b)
        return {"x": ga @ w.T, "w": x.T @ ga, "b": ga.sum(0)}

    return backward


def last_row_lost(ga, x, w, b):
    return x[:-1].T @ ga[:-1]


WRONG = {
    "sign": lambda: lambda *a: {n: -v for n, v in right(*a).items()},
    "twice": lambda: lambda *a: {n: 2 * v for n, v in right(*a).items()},
    "half a percent": lambda: lambda *a: {n: 1.005 * v for n, v in right(*a).items()},
    "x is 0": lambda: changed("x", lambda ga, x, w, b: 0 * x),
    "w is 0": lambda: changed("w", lambda ga, x, w, b: 0 * w),
    "b is 0": lambda: changed("b", lambda ga, x, w, b: 0 * b),
    "W, not its transpose": lambda: changed("x", lambda ga, x, w, b: ga @ w.T[:, ::-1]),
    "W reversed": lambda: changed("x", lambda ga, x, w, b: ga[:, ::-1] @ w.T),
    "1/N": lambda: changed("w", lambda ga, x, w, b: x.T @ ga / len(x)),
    "mean for sum": lambda: changed("b", lambda ga, x, w, b: ga.mean(0)),
    "summed over all": lambda: changed("b", lambda ga, x, w, b: np.full(b.shape, ga.sum())),
    "activation left out": lambda: with_activation(lambda y, a: 1 + 0 * y),
    "slope at the wrong place": lambda: with_activation(lambda y, a: 1 - a**2),
    "slope of another": lambda: with_activation(lambda y, a: y * (1 - y)),
    "square forgotten": lambda: with_activation(lambda y, a: 1 - y),
    "absolute value": lambda: with_activation(lambda y, a: 1 - np.abs(y)),
    "g forgotten": lambda: lambda g, x, w, b: right(np.ones_like(g), x, w, b),
    "|x|": lambda: changed("w", lambda ga, x, w, b: np.abs(x).T @ ga),
    "x squared": lambda: changed("w", lambda ga, x, w, b: (x**2).T @ ga),
    "w squared": lambda: changed("x", lambda ga, x, w, b: ga @ (w**2).T),
    "batch reversed": lambda: changed("w", lambda ga, x, w, b: x[::-1].T @ ga),
    "the first row for all": lambda: changed("x", lambda ga, x, w, b: np.tile((ga @ w.T)[:1], (len(x), 1))),
    "remembered values": Memory,
    "right once": Counter,
    "a constant added": lambda: changed("b", lambda ga, x, w, b: ga.sum(0) + 1e-3),
    "one entry zeroed": lambda: changed(
        "w", lambda ga, x, w, b: (x.T @ ga) * (np.arange(w.size).reshape(w.shape) != 0)
    ),
    "weight decay added": lambda: changed("w", lambda ga, x, w, b: x.T @ ga + 1e-4 * w),
    "rounded": lambda: lambda *a: {n: v.astype(np.float32).astype(float) for n, v in right(*a).items()},
}


def draw(seed, n=N, d=D, h=H):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d)), rng.standard_normal((d, h)), rng.standard_normal(h)


def symmetric(w):
    return (w + w.T) / 2


KINDS = {
    "generic": lambda: draw(0),
    "another seed": lambda: draw(1),
    "x zeros": lambda: (np.zeros((N, D)), *draw(0)[1:]),
    "x ones": lambda: (np.ones((N, D)), *draw(0)[1:]),
    "all ones": lambda: (np.ones((N, D)), np.ones((D, H)), np.ones(H)),
    "all zeros": lambda: (np.zeros((N, D)), np.zeros((D, H)), np.zeros(H)),
    "w eye": lambda: (draw(0)[0], np.eye(D), np.zeros(D)),
    "x eye": lambda: (np.eye(D), *draw(0)[1:]),
    "w zeros": lambda: (draw(0)[0], np.zeros((D, H)), np.zeros(H)),
    "arange": lambda: (
        np.arange(N * D).reshape(N, D) / 1.0,
        np.arange(D * H).reshape(D, H) / 50.0,
        np.arange(H) / 1.0,
    ),
    "positive": lambda: tuple(np.abs(v) for v in draw(0)),
    "negative": lambda: tuple(-np.abs(v) for v in draw(0)),
    "in [0, 1]": lambda: tuple(np.random.default_rng(0).random(v.shape) for v in draw(0)),
    "symmetric": lambda: (symmetric(draw(0, D)[0]), symmetric(draw(1, D, D, D)[1]), np.zeros(D)),
    "batch of 1": lambda: draw(0, n=1),
    "width of 1": lambda: draw(0, h=1),
    "one input": lambda: draw(0, d=1),
    "all sizes 1": lambda: draw(0, 1, 1, 1),
    "all sizes 1, ones": lambda: (np.ones((1, 1)), np.ones((1, 1)), np.ones(1)),
    "equal rows": lambda: (np.tile(draw(0)[0][:1], (N, 1)), *draw(0)[1:]),
    "one-hot rows": lambda: (np.eye(D)[[0, 2, 1, 3, 0]], *draw(0)[1:]),
    "large": lambda: tuple(100 * v for v in draw(0)),
    "small": lambda: tuple(1e-3 * v for v in draw(0)),
}


def by_vjp(backward, inputs):
    return check_vjp(dense, backward, list(inputs))


def by_assert(backward, inputs):
    try:
        return assert_gradients(dense, backward, dict(zip("xwb", inputs, strict=True)), seconds=0)
    except GradientMismatch as error:
        return error.report


def by_tape(backward, inputs):
    return check_gradients(lambda x, w, b: mg.tanh(x @ w + b), backward, list(inputs))


CHECKERS = {"check_vjp": by_vjp, "assert_gradients": by_assert, "check_gradients": by_tape}


def fooled(checker, kinds):
    """Every (mistake, kind) that the checker calls ok."""
    return [(m, k) for k in kinds for m, make in WRONG.items() if CHECKERS[checker](make(), KINDS[k]()).ok]


def test_the_table_is_large_enough():
    assert len(WRONG) >= 20 and len(KINDS) >= 16


@pytest.mark.parametrize(
    "kind", ["generic", "all ones", "all zeros", "w eye", "batch of 1", "all sizes 1", "positive"]
)
def test_no_wrong_backward_is_ok(kind):
    assert fooled("check_vjp", [kind]) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("checker", CHECKERS)
def test_no_wrong_backward_is_ok_anywhere(checker, kind):
    assert fooled(checker, [kind]) == []


@pytest.mark.parametrize("checker", CHECKERS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_right_backward_is_never_called_wrong(checker, kind):
    report = CHECKERS[checker](right, KINDS[kind]())
    assert report.verdict != "wrong", report
    if kind != "large":  # there every tanh is saturated, and nothing is left to compare
        assert report.ok, report
