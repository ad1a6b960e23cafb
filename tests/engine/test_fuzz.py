"""Random calls of every public function: right values, or a refusal that is meant; never a crash,
a hang or a silent mistake.

Each call draws a function, a dtype, shapes, layouts (F order, negative strides, broadcast views, 0-d, empty),
containers and sizes. Where minigen answers, the answer is compared with NumPy in float64; where it refuses,
the exception must be a TypeError or a ValueError (an index may also be out of range).
"""

import math
import signal
import warnings
from collections import Counter
from contextlib import contextmanager

import numpy as np
import pytest

import minigen as mg
from minigen import Tensor, losses, nn

REFUSALS = (TypeError, ValueError, RuntimeError)
INDEXED = ("getitem", "scatter")  # an index may be out of range, which is an IndexError


def sigmoid(x):
    return np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))))


def lse(x, axis=None, keepdims=False):
    top = x.max(axis=axis, keepdims=True, initial=-np.inf)  # nothing sums to log 0
    out = np.log(np.exp(x - top).sum(axis=axis, keepdims=True)) + top
    return out if keepdims else out.reshape(np.sum(x, axis=axis).shape)


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis=axis, keepdims=True, initial=-np.inf))
    return e / e.sum(axis=axis, keepdims=True)


def conv(x, w, b=None):
    n, c, h, v = x.shape
    o, d, kh, kw = w.shape
    if c != d or kh > h or kw > v or (b is not None and b.shape != (o,)):
        raise ValueError
    places = np.lib.stride_tricks.sliding_window_view(x, (kh, kw), axis=(2, 3))
    out = np.einsum("nchwab,ocab->nohw", places, w)
    return out if b is None else out + b[:, None, None]


def conv_transpose(x, w):
    if x.ndim != 4 or w.ndim != 4 or x.shape[1] != w.shape[0]:
        raise ValueError
    a, b = w.shape[2] - 1, w.shape[3] - 1
    return conv(np.pad(x, [(0, 0), (0, 0), (a, a), (b, b)]), w.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1])


def same(*arrays):
    """A loss does not stretch, and its first axis is the batch."""
    if len({a.shape for a in arrays}) > 1 or arrays[0].ndim == 0 or arrays[0].size == 0:
        raise ValueError
    return len(arrays[0])


def shape(x):
    return x.shape if hasattr(x, "shape") else np.shape(x)


def scale_and_shift(x, axis=-1):
    """Ones and zeros for a norm of x with features along `axis`."""
    dtype = getattr(x, "dtype", None)
    dtype = dtype if dtype in (np.float32, np.float64) else np.float64
    n = shape(x)[axis] if len(shape(x)) > 1 or (shape(x) and axis < 0) else 1
    return np.ones(n, dtype), np.zeros(n, dtype)


def batch_norm(x):
    if x.ndim not in (2, 4) or len(x) < 2 or x.size == 0:
        raise ValueError
    axes = (0, 2, 3)[: x.ndim - 1]
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5)


def windows(x, of):
    if x.ndim != 4:
        raise ValueError
    return of(np.lib.stride_tricks.sliding_window_view(x, (2, 2), axis=(2, 3))[:, :, ::2, ::2], axis=(-1, -2))


def labels(x):
    """A class for each row of the logits x (N, K)."""
    if len(shape(x)) != 2 or 0 in shape(x):
        raise ValueError
    return np.arange(len(x)) % shape(x)[1]


def softplus(x):
    return np.logaddexp(0, x)


def scores(x):
    """One score an example, (N,) or (N, 1)."""
    if x.ndim not in (1, 2) or len(x) == 0 or x.shape[1:] not in ((), (1,)):
        raise ValueError
    return x


def quarter(x):
    """The weights of an interpolation, (N, 1) in the dtype of x."""
    dtype = getattr(x, "dtype", None)
    return np.full((*shape(x)[:1], 1), 0.25, dtype if dtype in (np.float32, np.float64) else np.float64)


def critic(w):
    """sum tanh(x) w over the features: a critic whose slope at x is (1 - tanh(x)^2) w."""

    def f(x):
        if shape(w) != x.shape:
            raise ValueError
        return mg.sum(mg.tanh(x) * w, tuple(range(1, x.ndim)))

    return f


def squared_slopes(x, w):
    same(x, w)
    return (((1 - np.tanh(x) ** 2) * w) ** 2).reshape(len(x), -1).sum(1)


UNARY = {
    "exp": np.exp, "log": np.log, "log1p": np.log1p, "expm1": np.expm1, "sqrt": np.sqrt, "sin": np.sin,
    "cos": np.cos, "tanh": np.tanh, "abs": np.abs,
    "neg": np.negative, "sigmoid": sigmoid, "softplus": lambda x: np.logaddexp(0, x),
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
}  # fmt: skip
BINARY = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "pow": np.power,
    "maximum": np.maximum,
    "minimum": np.minimum, "logaddexp": np.logaddexp,
}  # fmt: skip
REDUCTIONS = {
    "sum": np.sum,
    "mean": np.mean,
    "var": np.var,
    "std": np.std,
    "max": np.max,
    "min": np.min,
    "logsumexp": lse,
}
AXES = (None, 0, -1, 1, (0, 1), (0, -1), 2, -3, ())

# name -> (number of arrays, minigen's function, NumPy's function, what else the call draws)
CALLS = {name: (1, getattr(mg, name), like, lambda rng: {}) for name, like in UNARY.items()}
CALLS |= {name: (2, getattr(mg, name), like, lambda rng: {}) for name, like in BINARY.items()}
CALLS |= {
    name: (
        1,
        getattr(mg, name),
        like,
        lambda rng: {"axis": AXES[rng.integers(len(AXES))], "keepdims": bool(rng.integers(2))},
    )
    for name, like in REDUCTIONS.items()
}
CALLS |= {
    "softmax": (1, mg.softmax, softmax, lambda rng: {"axis": int(rng.integers(-3, 3))}),
    "log_softmax": (1, mg.log_softmax, lambda x, axis: x - lse(x, axis, True),
        lambda rng: {"axis": int(rng.integers(-3, 3))}),
    "clip": (1, lambda x: mg.clip(x, -0.5, 1.0), lambda x: np.clip(x, -0.5, 1.0), lambda rng: {}),
    "where": (3,
        lambda m, x, y: mg.where(mg.to(np.asarray(m.data if isinstance(m, Tensor) else m) > 0, "cpu"), x, y),
              lambda m, x, y: np.where(m > 0, x, y), lambda rng: {}),
    "reshape": (1, lambda x: mg.reshape(x, (-1,)), lambda x: x.reshape(-1), lambda rng: {}),
    "transpose": (1, mg.transpose, np.transpose, lambda rng: {}),
    "flip": (1, mg.flip, np.flip, lambda rng: {"axis": AXES[rng.integers(5)]}),
    "getitem": (1, lambda x: mg.getitem(x, 0), lambda x: x[0], lambda rng: {}),
    "scatter": (1, lambda x: mg.scatter(x, slice(None), shape(x)), lambda x: x, lambda rng: {}),
    "pad": (1, lambda x: mg.pad(x, [(1, 2)] * len(shape(x))),
        lambda x: np.pad(x, [(1, 2)] * x.ndim) if x.ndim else x, lambda rng: {}),
    "squeeze": (1, mg.squeeze, np.squeeze, lambda rng: {"axis": AXES[rng.integers(4)]}),
    "expand_dims": (1, mg.expand_dims, np.expand_dims, lambda rng: {"axis": int(rng.integers(-3, 3))}),
    "concatenate": (2, lambda x, y: mg.concatenate([x, y]), lambda x, y: np.concatenate([x, y]),
        lambda rng: {}),
    "stack": (2, lambda x, y: mg.stack([x, y]), lambda x, y: np.stack([x, y]), lambda rng: {}),
    "broadcast_to": (1, lambda x: mg.broadcast_to(x, (2, *shape(x))),
        lambda x: np.broadcast_to(x, (2, *x.shape)), lambda rng: {}),
    "sum_to": (1, lambda x: mg.sum_to(x, shape(x)[1:]), lambda x: x.sum(0), lambda rng: {}),
    "einsum": (2, lambda x, y: mg.einsum("ab,bc->ac", x, y),
        lambda x, y: np.einsum("ab,bc->ac", x, y) if x.shape[1] == y.shape[0] else same(), lambda rng: {}),
    "matmul": (2, mg.matmul, np.matmul, lambda rng: {}),
    "dense": (2, mg.dense, lambda x, w: x @ w if w.ndim == 2 else same(), lambda rng: {}),
    "conv2d": (2, mg.conv2d, conv, lambda rng: {}),
    "conv2d with strides": (2, lambda x, w: mg.conv2d(x, w, stride=2, padding=1),
                            lambda x, w: conv(np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)]), w)[:, :, ::2, ::2],
                            lambda rng: {}),
    "conv_transpose2d": (2, mg.conv_transpose2d, conv_transpose, lambda rng: {}),
    "conv2d_weight": (2, lambda x, g: mg.conv2d_weight(x, g, kernel_size=2),
                      lambda x, g: np.einsum("nchwab,noab->ochw",
                          np.lib.stride_tricks.sliding_window_view(x, g.shape[2:], axis=(2, 3)), g)
                      if x.shape[2] == g.shape[2] + 1 and x.shape[3] == g.shape[3] + 1 else same(),
                      lambda rng: {}),
    "batch_norm": (1, lambda x: nn.batch_norm(x, *scale_and_shift(x, 1)),
                   batch_norm, lambda rng: {}),
    "avg_pool2d": (1, lambda x: nn.avg_pool2d(x, 2), lambda x: windows(x, np.mean), lambda rng: {}),
    "max_pool2d": (1, lambda x: nn.max_pool2d(x, 2), lambda x: windows(x, np.max), lambda rng: {}),
    "upsample_nearest": (1, lambda x: nn.upsample_nearest(x, 2), lambda x: x.repeat(2, 2).repeat(2, 3),
        lambda rng: {}),
    "layer_norm": (1, lambda x: nn.layer_norm(x, *scale_and_shift(x)),
                   lambda x: (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5),
                   lambda rng: {}),
    "squared_error": (2, losses.squared_error, lambda x, y: 0.5 * ((x - y) ** 2).sum() / same(x, y),
        lambda rng: {}),
    "l1_activity": (1, losses.l1_activity, lambda x: np.abs(x).sum() / same(x), lambda rng: {}),
    "gaussian_kl": (2, losses.gaussian_kl, lambda m, v: 0.5 * (np.exp(v) + m * m - 1 - v).sum() / same(m, v),
        lambda rng: {}),
    "bce_with_logits": (2, lambda s, x: losses.bce_with_logits(s, mg.sigmoid(x)),
                        lambda s, x: (softplus(s) - sigmoid(x) * s).sum() / same(s, x), lambda rng: {}),
    "gaussian_nll": (3, losses.gaussian_nll,
                     lambda m, v, x: 0.5 * (np.log(2 * np.pi) + v + (x - m) ** 2 * np.exp(-v)).sum() / same(m,
                         x, *[v] * (v.ndim > 0)), lambda rng: {}),
    "softmax_cross_entropy": (1, lambda x: losses.softmax_cross_entropy(x, labels(x)),
                              lambda x: (lse(x, 1) - x[np.arange(len(x)), labels(x)]).mean(), lambda rng: {}),
    "sparse_kl": (1, lambda h: losses.sparse_kl(mg.sigmoid(mg.clip(h, -3, 3)), 0.1),
                  lambda h: (lambda r: (0.1 * np.log(0.1 / r) + 0.9 * np.log(0.9 / (1 - r))).sum())(
                      sigmoid(np.clip(h, -3, 3)).sum(0) / same(h)), lambda rng: {}),
    "l2": (2, lambda x, y: losses.l2([x, y]), lambda x, y: 0.5 * ((x * x).sum() + (y * y).sum()),
        lambda rng: {}),
    "discriminator_loss": (2, lambda r, f: losses.discriminator_loss(r, f, 0.9),
                           lambda r, f: (softplus(-scores(r)) + 0.1 * r).mean() + softplus(scores(f)).mean(),
                           lambda rng: {}),
    "generator_loss": (1, losses.generator_loss, lambda f: softplus(-scores(f)).mean(), lambda rng: {}),
    "generator_loss, minimax": (1, lambda f: losses.generator_loss(f, "minimax"),
        lambda f: -softplus(scores(f)).mean(), lambda rng: {}),
    "critic_loss": (2, losses.critic_loss, lambda r, f: scores(f).mean() - scores(r).mean(), lambda rng: {}),
    "wgan_generator_loss": (1, losses.wgan_generator_loss, lambda f: -scores(f).mean(), lambda rng: {}),
    "gradient_penalty": (3, lambda x, fake, w: losses.gradient_penalty(critic(w), x, fake, quarter(x)),
                         lambda x, fake, w: ((np.sqrt(squared_slopes(x / 4 + fake * (3 * same(x,
                             fake) / len(x) / 4), w) + 1e-12) - 1) ** 2).mean(),
                         lambda rng: {}),
    "r1_penalty": (2, lambda x, w: losses.r1_penalty(critic(w), x),
        lambda x, w: 0.5 * squared_slopes(x, w).mean(), lambda rng: {}),
    "dropout": (1, lambda x: nn.dropout(x, np.arange(max(1, math.prod(shape(x)))).reshape(shape(x) or ()) % 2,
        0.5),
                lambda x: 2 * x * (np.arange(x.size).reshape(x.shape) % 2), lambda rng: {}),
    "batch_norm_eval": (1,
        lambda x: nn.batch_norm_eval(x, *scale_and_shift(x, 1), *scale_and_shift(x, 1)[::-1]),
                        lambda x: x / np.sqrt(1 + 1e-5) if x.ndim in (2, 4) else same(), lambda rng: {}),
    "reparameterize": (3, losses.reparameterize, lambda m, v, e: m + np.exp(v / 2) * e + 0 * same(m, v, e),
        lambda rng: {}),
}  # fmt: skip
NO_GRADIENT = {"where": 1, "gradient_penalty": 2, "r1_penalty": 1}  # the first arguments, masks and data
SHAPES = [
    (),
    (1,),
    (3,),
    (0,),
    (2, 3),
    (3, 3),
    (3, 1),
    (1, 3),
    (0, 3),
    (2, 3, 3),
    (2, 2, 4, 5),
    (3, 2, 2, 2),
    (0, 2, 3, 3),
]


def layout(rng, a):
    """The same values in another layout: F order, negative strides,
    every second entry, or a stretched view.
    """
    kind = rng.integers(5)
    if kind == 1:
        return np.asfortranarray(a) if a.ndim else a
    if kind == 2 and a.ndim:
        return np.ascontiguousarray(a[::-1])[::-1]
    if kind == 3 and a.ndim:
        wide = np.repeat(a, 2, axis=-1)
        return wide[..., ::2]
    if kind == 4 and a.ndim and len(a):
        return np.broadcast_to(a[:1], a.shape)
    return a


def draw(rng, shape, dtype):
    a = rng.normal(size=shape) * 10.0 ** rng.integers(-2, 2)
    return layout(rng, np.asarray(a, dtype) if np.dtype(dtype).kind == "f" else np.asarray(a * 100, dtype))


def contain(rng, a):
    """The array as it is, as a tensor with or without history, and sometimes as something to be refused."""
    kind = rng.integers(12)
    if kind < 4:
        return a
    if kind < 9:
        return Tensor(a, requires_grad=a.dtype.kind == "f" and kind < 7)
    return (a, a.tolist(), np.ma.masked_array(a), np.asarray(a, object))[rng.integers(4)]


def differences(rng, like, options, arrays, given):
    """(slope by minigen, slope by differences of NumPy's function) of the sum along a random
    direction, in float64.

    None where nothing float64 has a gradient, where a value is not finite, and at a kink:
    the one-sided slopes differ.
    """
    moved = [isinstance(v, Tensor) and v.requires_grad and v.grad is not None for v in given]
    if not any(moved) or any(a.dtype != np.float64 for a in arrays):
        return None
    directions = [
        rng.normal(size=a.shape) * m * np.maximum(1e-3, np.abs(a)) for a, m in zip(arrays, moved, strict=True)
    ]
    h = 1e-5
    with np.errstate(all="ignore"):
        below, here, above = (
            np.sum(like(*(a + t * d for a, d in zip(arrays, directions, strict=True)), **options))
            for t in (-h, 0, h)
        )
        by_tape = sum(np.sum(v.grad * d) for v, d, m in zip(given, directions, moved, strict=True) if m)
    left, right = (here - below) / h, (above - here) / h
    noise = 1e-10 * (abs(here) + 1) / h
    if (
        not np.isfinite([left, right, by_tape]).all()
        or abs(left - right) > 1e-2 * (abs(left) + abs(right)) + noise
    ):
        return None
    return by_tape, (left + right) / 2


def one_call(seed):
    """(name, what happened, exception): 'right', 'refused', or 'wrong'."""
    rng = np.random.default_rng(seed)
    name = list(CALLS)[rng.integers(len(CALLS))]
    n, function, like, options = CALLS[name]
    options = options(rng)
    dtype = (np.float32, np.float64)[rng.integers(2)]
    first = SHAPES[rng.integers(len(SHAPES))]
    shapes = [first] + [first if rng.integers(2) else SHAPES[rng.integers(len(SHAPES))] for _ in range(n - 1)]
    kinds = [
        dtype if rng.integers(10) else (np.uint8, np.int64, bool, np.int8)[rng.integers(4)] for _ in shapes
    ]
    arrays = [draw(rng, shape, kind) for shape, kind in zip(shapes, kinds, strict=True)]
    given = [contain(rng, a) for a in arrays]
    arguments = [(a.shape, str(a.dtype), type(v).__name__) for a, v in zip(arrays, given, strict=True)]
    label = f"seed {seed}: {name}{options} of {arguments}"
    try:
        got = function(*given, **options)
    except Exception as error:
        return label, "refused", error
    tensor = isinstance(got, Tensor)
    values = np.asarray(got.data if tensor else got)
    try:
        right = like(*(a.astype(np.float64) for a in arrays), **options)
    except Exception as error:
        return label, "answered what NumPy refuses", error
    single = any(a.dtype == np.float32 for a in arrays)
    with np.errstate(all="ignore"):
        size = np.max(np.abs(np.where(np.isfinite(right), right, 0)), initial=1.0)
        if values.shape != np.shape(right):
            return label, f"wrong shape {values.shape}, right is {np.shape(right)}", None
        if single and np.any(np.abs(right) > 1e37):
            return label, "right", None  # overflow of float32
        tolerance = (3e-5 if single else 1e-10) * size
        if not np.allclose(values, right, rtol=3e-4 if single else 1e-9, atol=tolerance, equal_nan=True):
            return label, "wrong", None
    if tensor and got.requires_grad:
        try:
            got.backward(np.ones(got.shape, got.dtype))
        except Exception as error:
            return label, "backward", error
        for v in given[NO_GRADIENT.get(name, 0) :]:
            if (
                isinstance(v, Tensor)
                and v.requires_grad
                and (v.grad is None or v.grad.shape != v.shape or v.grad.dtype != v.dtype)
            ):
                return label, "wrong gradient shape or dtype", None
        slopes = differences(rng, like, options, arrays, given)
        if slopes and not np.isclose(*slopes, rtol=1e-4, atol=1e-5 * max(1.0, size)):
            return (
                label,
                f"wrong gradient: {slopes[0]:.8g}, differences of NumPy's function give {slopes[1]:.8g}",
                None,
            )
    return label, "right", None


@contextmanager
def at_most(seconds):
    def late(*_):
        raise TimeoutError(f"a call took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def fuzz(seeds):
    count, wrong, cryptic = Counter(), [], []
    for seed in seeds:
        with warnings.catch_warnings(), np.errstate(all="ignore"), at_most(20):
            warnings.simplefilter("ignore")
            label, what, error = one_call(seed)
        kind = type(error).__name__ if error else ""
        count[what.split()[0], kind] += 1
        if what not in ("right", "refused"):
            wrong.append(f"{label}: {what} {kind} {error or ''}")
        elif (
            error is not None
            and not isinstance(error, REFUSALS)
            and not label.split(": ")[1].startswith(INDEXED)
        ):
            cryptic.append(f"{label}: {kind}: {error}")
    return count, wrong, cryptic


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="the system has no alarm")
@pytest.mark.parametrize("n", [1000, pytest.param(12_000, marks=pytest.mark.slow)])
def test_random_calls(n):
    count, wrong, cryptic = fuzz(range(n))
    assert not wrong, f"{len(wrong)} of {n} calls:\n" + "\n".join(wrong[:20])
    assert len(cryptic) <= math.floor(n / 1000), f"{len(cryptic)} of {n} calls:\n" + "\n".join(cryptic[:20])
    assert count["right", ""] > n / 4, count  # else the draws are too bad to show anything
    assert sum(k for (what, _), k in count.items() if what == "refused") > n / 20, count


def test_every_public_operation_is_drawn():
    functions = {n for n in vars(mg) if not n.startswith("_") and isinstance(getattr(mg, n), type(mg.exp))}
    assert functions - {"take"} <= set(CALLS), functions - set(CALLS)
