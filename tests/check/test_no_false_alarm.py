"""Random right networks, deep and shallow, of every scale: none is called wrong,
and few cannot be decided.
"""

import os
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from itertools import count
from multiprocessing import get_context

import numpy as np
import pytest

from minigen.check import check_vjp


def sigmoid(z):
    return np.exp(-np.logaddexp(0, -z))


ACTIVATIONS = {  # name: (function, slope as a function of z and y)
    "tanh": (np.tanh, lambda z, y: 1 - y * y),
    "sigmoid": (sigmoid, lambda z, y: y * (1 - y)),
    "softplus": (lambda z: np.logaddexp(0, z), lambda z, y: sigmoid(z)),
    "relu": (lambda z: np.maximum(z, 0), lambda z, y: (z > 0) * 1.0),
    "leaky": (lambda z: np.where(z > 0, z, 0.1 * z), lambda z, y: np.where(z > 0, 1.0, 0.1)),
    "abs": (np.abs, lambda z, y: np.sign(z)),
    "sin": (np.sin, lambda z, y: np.cos(z)),
    "linear": (lambda z: z, lambda z, y: np.ones_like(z)),
}


def mean(h):
    return h.sum(1, keepdims=True) / h.shape[1]


def normalise(h):
    c = h - mean(h)
    s = np.sqrt(mean(c * c) + 1e-3)
    return c / s, s


class Network:
    """A random chain of dense layers, activations and normalisations with an array or a number at the end."""

    def __init__(self, seed, scale, depth=None):
        rng = np.random.default_rng(seed)
        depth = 1 + int(12 * rng.random() ** 2) if depth is None else depth  # few are deep: those take long
        sizes = rng.integers(2, 6, depth + 1)
        self.kinds = rng.choice(list(ACTIVATIONS), depth)
        self.normed = rng.random(depth) < 0.2
        self.end = str(rng.choice(["array", "mean", "sum of squares", "softmax"]))
        if self.normed[-1] and self.end == "mean":
            self.end = "array"  # the mean of what is normalised is 0, a constant with nothing to compare
        self.inputs = {"x": rng.standard_normal((int(rng.integers(2, 6)), sizes[0]))}
        for i in range(depth):
            self.inputs[f"w{i}"] = rng.standard_normal((sizes[i], sizes[i + 1])) / np.sqrt(sizes[i])
            self.inputs[f"b{i}"] = 0.3 * rng.standard_normal(sizes[i + 1])
        # one of them is of another size, and what it meets makes up for some
        name = str(rng.choice(list(self.inputs)))
        self.inputs[name] = scale * self.inputs[name]
        self.factor = scale if rng.random() < 0.3 else 1.0
        self.seed = seed

    def has_a_gradient(self):
        """Whether a step as long as the inputs changes the output by more than rounding,
        as the gradient tells it.

        It does not where all relu are dead, or a softmax of large numbers is saturated.
        """
        with np.errstate(all="ignore"):
            y = self.forward(self.inputs)
            g = np.random.default_rng([self.seed, 1]).standard_normal(y.shape)
            found = self.backward(g, self.inputs)
        change = max(np.abs(found[n] * x).max() for n, x in self.inputs.items())
        return change > 1e-10 * np.abs(g * y).max()

    def forward(self, p):
        return self.run(p)[0]

    def run(self, p):
        h, trace = p["x"], []
        for i, kind in enumerate(self.kinds):
            z = h @ p[f"w{i}"] + p[f"b{i}"]
            y = ACTIVATIONS[kind][0](z)
            out, s = normalise(y) if self.normed[i] else (y, None)
            trace.append((h, z, y, out, s))
            h = out
        if self.end == "mean":
            return np.asarray(self.factor * h.mean()), trace
        if self.end == "sum of squares":
            return np.asarray(self.factor * (h * h).sum()), trace
        if self.end == "softmax":
            e = np.exp(h - h.max(1, keepdims=True))
            return self.factor * e / e.sum(1, keepdims=True), trace
        return self.factor * h, trace

    def backward(self, g, p):
        out, trace = self.run(p)
        h = trace[-1][3]
        if self.end == "mean":
            gh = np.full(h.shape, g * self.factor / h.size)
        elif self.end == "sum of squares":
            gh = 2 * g * self.factor * h
        elif self.end == "softmax":
            q = out / self.factor
            gh = self.factor * q * (g - (g * q).sum(1, keepdims=True))
        else:
            gh = self.factor * g
        found = {}
        for i in reversed(range(len(self.kinds))):
            before, z, y, n, s = trace[i]
            if s is not None:
                gh = (gh - mean(gh) - n * mean(gh * n)) / s
            gz = gh * ACTIVATIONS[self.kinds[i]][1](z, y)
            found |= {f"w{i}": before.T @ gz, f"b{i}": gz.sum(0)}
            gh = gz @ p[f"w{i}"].T
        return found | {"x": gh}


SCALES = [10.0**k for k in range(-8, 9)]


def verdicts(seeds, scales):
    """The verdicts on a network for each seed and scale; one without a gradient is drawn again."""
    out = []
    for seed in seeds:
        for scale in scales:
            draws = (Network([seed, draw], scale) for draw in count())
            network = next(n for n in draws if n.has_a_gradient())
            with np.errstate(all="ignore"):
                report = check_vjp(network.forward, network.backward, network.inputs, seed=seed)
            assert report.verdict != "wrong", f"{network.seed}, {scale}\n{report}"
            out.append(report.verdict)
    return out


@pytest.mark.parametrize("scale", [1.0, 1e4, 1e8])
def test_a_network_without_a_gradient_is_not_called_wrong(scale):
    """Where nothing can be compared it is inconclusive; where the loss is seen to be constant,
    a claim of 0 is right.
    """
    networks = [n for n in (Network(seed, scale) for seed in range(300)) if not n.has_a_gradient()]
    found = []
    for network in networks[:6]:
        with np.errstate(all="ignore"):
            found.append(check_vjp(network.forward, network.backward, network.inputs).verdict)
    assert "wrong" not in found and (scale == 1 or "inconclusive" in found), found


def test_a_right_network_is_never_called_wrong():
    assert verdicts(range(10), [1.0]).count("ok") >= 9
    assert verdicts(range(100, 101), SCALES[::2]).count("ok") >= 7


def on_all_cores(seeds, scales):
    with ProcessPoolExecutor(os.cpu_count(), get_context("forkserver")) as pool:
        parts = [seeds[i : i + 4] for i in range(0, len(seeds), 4)]
        return [v for part in pool.map(verdicts, parts, [scales] * len(parts)) for v in part]


@pytest.mark.slow
def test_a_thousand_right_networks_of_scale_1_are_decided():
    found = on_all_cores(range(1000), [1.0])
    assert len(found) == 1000 and found.count("inconclusive") <= 0.01 * len(found), Counter(found)


@pytest.mark.slow
def test_a_thousand_right_networks_of_every_scale():
    found = on_all_cores(range(1000, 1064), SCALES)
    assert len(found) == 1088 and found.count("inconclusive") <= 0.05 * len(found), Counter(found)


@pytest.mark.slow  # half a minute
@pytest.mark.parametrize("end", ["array", "loss"])
def test_relu_layers_of_ordinary_size_are_decided(end):
    """784-400-20 with a batch of 32: 12 800 relu, of which some change sides along any direction."""
    rng = np.random.default_rng(0)
    p = [
        rng.random((32, 784)),
        rng.standard_normal((784, 400)) / 28,
        np.zeros(400),
        rng.standard_normal((400, 20)) / 20,
    ]

    def forward(x, w, b, v):
        y = np.maximum(x @ w + b, 0) @ v
        return y if end == "array" else 0.5 * (y * y).sum()

    def backward(g, x, w, b, v, wrong=1.0):
        h = np.maximum(x @ w + b, 0)
        gy = g if end == "array" else g * (h @ v)
        gh = gy @ v.T * (h > 0)
        return {"x": gh @ w.T, "w": wrong * x.T @ gh, "b": gh.sum(0), "v": h.T @ gy}

    report = check_vjp(forward, backward, p)
    assert report.ok, report
    report = check_vjp(forward, lambda g, x, w, b, v: backward(g, x, w, b, v, 1.001), p)
    assert [r.verdict for r in report.records] == ["ok", "wrong", "ok", "ok"], report
