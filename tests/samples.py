"""Sample inputs for every operation: where to evaluate it, and what NumPy says it should give.

A line is `sample("name of the op", call, draws..., like=the same in plain NumPy)`. Floating arrays are
differentiated; integer and boolean ones are passed as they are. Sizes are distinct primes,
so that a transposed or mis-summed gradient cannot have the right shape by luck, and values keep a distance
from every kink that differences could step over. An op that is added to the registry needs a line here:
test_ops.py refuses an op without one.
"""

import math
from functools import cached_property

import numpy as np
import oracle

import minigen as mg
from minigen.engine import ops
from minigen.engine.tape import registry

SAMPLES = []


class Sample:
    """One call of one operation, or of a function composed of several."""

    def __init__(self, op, call, draws, like, host):
        self.op, self.call, self.draws, self.like, self.host = op, call, draws, like, host
        self.name = f"{op}-{sum(s.op == op for s in SAMPLES)}"

    def __repr__(self):
        return self.name

    @cached_property
    def arguments(self):
        rng = oracle.rng_of(self.name)
        return [np.asarray(draw(rng)) for draw in self.draws]

    @cached_property
    def floats(self):
        return [a for a in self.arguments if a.dtype.kind == "f"]

    def function(self, device=None):
        """The call as a function of the floating arguments alone, its constants on the device."""
        place = (lambda a: a) if device is None else device.array

        def f(*floats):
            floats = iter(floats)
            return self.call(*(next(floats) if a.dtype.kind == "f" else place(a) for a in self.arguments))

        return f

    @cached_property
    def cotangent(self):
        """A random g of the shape of the result, and a random direction for each argument."""
        rng = oracle.rng_of(f"{self.name} cotangent")
        return rng.normal(size=np.shape(self.function()(*self.floats)))

    @cached_property
    def directions(self):
        rng = oracle.rng_of(f"{self.name} directions")
        return [rng.normal(size=a.shape) for a in self.floats]

    @cached_property
    def measured_first(self):
        return oracle.measured_first_order(self.function(), self.floats, self.cotangent)

    @cached_property
    def measured_second(self):
        return oracle.measured_second_order(self.function(), self.floats, self.cotangent, self.directions)


def sample(op, call, *draws, like, host=False):
    """`host` marks what no GPU does alone: a list as an index is sent over,
    a mask's picks must be counted.
    """
    SAMPLES.append(Sample(op, call, draws, like, host))


def normal(*shape):
    return lambda rng: rng.normal(size=shape)


def positive(*shape):
    return lambda rng: rng.uniform(0.5, 2, size=shape)


def spread(*shape, shift=0.0):
    """A shuffled grid of step 0.15, none nearer to 0 than 0.045; `shift` it for a second argument."""
    n = math.prod(shape)
    return lambda rng: (rng.permutation(n).reshape(shape) - n // 2 + 0.3) * 0.15 + shift


def either_sign(*shape):
    return lambda rng: rng.choice([-1, 1], size=shape) * rng.uniform(0.5, 2, size=shape)


def mask(*shape):
    return lambda rng: rng.permutation(np.arange(math.prod(shape)) % 2 == 0).reshape(shape)


def exactly(values):
    return lambda rng: np.array(values)


# ----- arithmetic, with every kind of stretching ------------------------------------------------------------

PAIRS = [
    ((2, 3), (2, 3)),
    ((5, 2, 3), (2, 3)),
    ((3,), (2, 3)),
    ((2, 1), (1, 3)),
    ((), (2, 3)),
    ((2, 3), ()),
    ((), ()),
]
BINARY = {
    "add": (np.add, normal, normal),
    "sub": (np.subtract, normal, normal),
    "mul": (np.multiply, normal, normal),
    "div": (np.divide, normal, positive),
    "pow": (np.power, positive, normal),
    "logaddexp": (np.logaddexp, normal, normal),
    "_difference": (np.subtract, normal, normal),
    "maximum": (np.maximum, spread, lambda *shape: spread(*shape, shift=0.07)),
    "minimum": (np.minimum, spread, lambda *shape: spread(*shape, shift=0.07)),
}
for _name, (_like, _left, _right) in BINARY.items():
    _op = registry[_name]
    for _x, _y in PAIRS:
        sample(_name, _op, _left(*_x), _right(*_y), like=_like)
    sample(_name, lambda x, _op=_op: _op(x, 3), _left(2, 3), like=lambda x, _f=_like: _f(x, 3.0))
    sample(_name, lambda y, _op=_op: _op(0.7, y), _right(2, 3), like=lambda y, _f=_like: _f(0.7, y))

for _exponent in (0, 1, 2, 3, -1, -2):
    sample(
        "pow", lambda x, _n=_exponent: x**_n, either_sign(2, 3), like=lambda x, _n=_exponent: x ** float(_n)
    )
sample("pow", lambda x: x**0.5, positive(2, 3), like=np.sqrt)
sample("pow", lambda x, n: x**n, positive(2, 3), exactly([0.0, 2.0, 3.0]), like=np.power)
sample("neg", mg.neg, normal(2, 3), like=np.negative)

for _mask, _x, _y in [
    ((2, 3), (2, 3), (2, 3)),
    ((2, 1), (3,), (5, 1, 1)),
    ((3,), (2, 3), ()),
    ((), (2,), (3, 1)),
]:
    sample("where", mg.where, mask(*_mask), normal(*_x), normal(*_y), like=np.where)
sample(
    "where", lambda m, x: mg.where(m, x, 0.0), mask(2, 3), normal(2, 3), like=lambda m, x: np.where(m, x, 0.0)
)
sample(
    "where", lambda m, y: mg.where(m, 1.0, y), mask(2, 3), normal(2, 3), like=lambda m, y: np.where(m, 1.0, y)
)

for _mask, _g in [((2, 3), (2, 3)), ((5, 2, 3), (2, 3)), ((), (2,))]:
    sample("select", lambda m, g: ops.select(g, m), mask(*_mask), normal(*_g), like=lambda m, g: g * m)
sample("select", lambda g: ops.select(g, False), normal(2, 3), like=lambda g: 0 * g)

# ----- functions of one argument ----------------------------------------------------------------------------

for _name, _draw, _like in [
    ("exp", normal, np.exp),
    ("log", positive, np.log),
    ("log1p", positive, np.log1p),
    ("expm1", normal, np.expm1),
    ("sqrt", positive, np.sqrt),
    ("sin", normal, np.sin),
    ("cos", normal, np.cos),
    ("tanh", normal, np.tanh),
    ("sigmoid", normal, lambda x: 0.5 + 0.5 * np.tanh(x / 2)),
    ("softplus", normal, lambda x: np.logaddexp(0, x)),
    ("abs", spread, np.abs),
    ("relu", spread, lambda x: x * (x > 0)),
    ("leaky_relu", spread, lambda x: np.where(x > 0, x, 0.01 * x)),
    ("elu", spread, lambda x: np.where(x > 0, x, np.exp(x) - 1)),
]:
    for _shape in ((2, 3), ()):
        sample(_name, registry[_name], _draw(*_shape), like=_like)
sample(
    "leaky_relu", lambda x: mg.leaky_relu(x, 0.2), spread(2, 3), like=lambda x: np.where(x > 0, x, 0.2 * x)
)
sample(
    "leaky_relu",
    lambda x: mg.leaky_relu(x, slope=0.3),
    spread(2, 3),
    like=lambda x: np.where(x > 0, x, 0.3 * x),
)
sample(
    "elu",
    lambda x: mg.elu(x, alpha=0.5),
    spread(2, 3),
    like=lambda x: np.where(x > 0, x, 0.5 * (np.exp(x) - 1)),
)
sample("clip", lambda x: mg.clip(x, -0.2, 0.25), spread(2, 3), like=lambda x: np.clip(x, -0.2, 0.25))
sample("clip", lambda x: mg.clip(x, None, 0.25), spread(2, 3), like=lambda x: np.minimum(x, 0.25))
sample("clip", lambda x: mg.clip(x, -0.2, None), spread(2, 3), like=lambda x: np.maximum(x, -0.2))
sample(
    "clip",
    lambda x, low: mg.clip(x, low, 0.5),
    spread(2, 1),
    exactly(np.array([[-7, 0, 7]], np.int8)),
    like=lambda x, low: np.clip(x, low, 0.5),
)
sample("astype", lambda x: ops.astype(x, x.dtype), normal(2, 3), like=lambda x: x)

# ----- reductions -------------------------------------------------------------------------------------------

REDUCTIONS = {
    "sum": (normal, np.sum),
    "max": (spread, np.max),
    "min": (spread, np.min),
    "mean": (normal, np.mean),
    "var": (normal, np.var),
    "std": (lambda *shape: spread(*shape) if shape else exactly(1.0), np.std),
    "centred": (normal, lambda x, axis, keepdims: x - x.mean(axis, keepdims=True)),
    "logsumexp": (normal, lambda x, axis, keepdims: np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims))),
}
for _name, (_draw, _like) in REDUCTIONS.items():
    _reduce = (
        getattr(ops, _name)
        if _name != "centred"
        else lambda x, axis=None, keepdims=False: ops.centred(x, axis)
    )
    for _axis, _keep in [
        (None, False),
        (None, True),
        (0, False),
        (-1, True),
        (1, False),
        ((0, 2), False),
        ((-1, 0), True),
    ]:
        sample(
            _name,
            lambda x, _f=_reduce, _a=_axis, _k=_keep: _f(x, axis=_a, keepdims=_k),
            _draw(2, 3, 5),
            like=lambda x, _f=_like, _a=_axis, _k=_keep: _f(x, axis=_a, keepdims=_k),
        )
    sample(_name, _reduce, _draw(), like=lambda x, _f=_like: _f(x, axis=None, keepdims=False))
for _axis in (None, 1, (0, -1)):
    sample(
        "sum64",
        lambda x, _a=_axis: ops.sum64(x, _a),
        normal(2, 3, 5),
        like=lambda x, _a=_axis: x.sum(_a, keepdims=True),
    )
for _axis in (-1, 0, 1):
    sample(
        "log_softmax",
        lambda x, _a=_axis: mg.log_softmax(x, _a),
        normal(2, 3, 5),
        like=lambda x, _a=_axis: np.log(np.exp(x) / np.exp(x).sum(_a, keepdims=True)),
    )
    sample(
        "softmax",
        lambda x, _a=_axis: mg.softmax(x, _a),
        normal(2, 3, 5),
        like=lambda x, _a=_axis: np.exp(x) / np.exp(x).sum(_a, keepdims=True),
    )

# ----- shapes -----------------------------------------------------------------------------------------------

for _from, _to in [
    ((2, 3), (3, 2)),
    ((2, 3), (6,)),
    ((2, 3), (-1,)),
    ((2, 3), (1, 2, 3)),
    ((), (1, 1)),
    ((1,), ()),
]:
    sample(
        "reshape", lambda x, _s=_to: mg.reshape(x, _s), normal(*_from), like=lambda x, _s=_to: x.reshape(_s)
    )
for _axes in (None, (1, 0, 2), (2, 0, 1), (-1, 0, 1)):
    sample(
        "transpose",
        lambda x, _a=_axes: mg.transpose(x, _a),
        normal(2, 3, 5),
        like=lambda x, _a=_axes: x.transpose(_a),
    )
for _axis in (None, 0, -1, (0, 2)):
    sample(
        "flip", lambda x, _a=_axis: mg.flip(x, _a), normal(2, 3, 5), like=lambda x, _a=_axis: np.flip(x, _a)
    )

INDICES = [
    1,
    -1,
    slice(1, None),
    (slice(None), slice(None, None, -2)),
    (..., 0),
    (None, 1),
    (1, 2),
    ([0, 2, 0],),
    (),
    (..., None),
]
for _index in INDICES:
    _list = _index == ([0, 2, 0],)
    sample(
        "getitem",
        lambda x, _i=_index: mg.getitem(x, _i),
        normal(3, 5),
        like=lambda x, _i=_index: x[_i],
        host=_list,
    )
    sample(
        "scatter",
        lambda g, _i=_index: mg.scatter(g, _i, (3, 5)),
        lambda rng, _i=_index: rng.normal(size=np.zeros((3, 5))[_i].shape),
        like=lambda g, _i=_index: oracle.naive_scatter(g, _i, (3, 5)),
        host=_list,
    )
REPEATS = [
    (lambda x, i: x[i], normal(3, 5), exactly([0, 2, 2, 2])),
    (lambda x, i: x[i], normal(3, 5), exactly([[0, 1], [1, -1]])),
    (lambda x, i: x[:, i], normal(3, 5), exactly([4, 4, 0])),
    (lambda x, i, j: x[i, j], normal(3, 5), exactly([0, 2, 0]), exactly([1, 3, 1])),
    (lambda x, i: x[i, 1:3], normal(3, 5), exactly([1, 1])),
    (lambda x, m: x[m], normal(3, 5), mask(3, 5)),
    (lambda x, m: x[m], normal(3, 5), mask(3)),
]
for _call, *_draws in REPEATS:
    sample("getitem", _call, *_draws, like=_call, host=_call.__code__.co_varnames[1] == "m")
sample(
    "scatter",
    lambda g, i: mg.scatter(g, i, (3, 5)),
    normal(4, 5),
    exactly([0, 2, 2, -1]),
    like=lambda g, i: oracle.naive_scatter(g, i, (3, 5)),
)
sample("pad", lambda x: mg.pad(x, ((1, 0), (2, 3))), normal(2, 3), like=lambda x: np.pad(x, ((1, 0), (2, 3))))
sample(
    "_concatenate",
    lambda x, y, z: mg.concatenate([x, y, z]),
    normal(2, 5),
    normal(3, 5),
    normal(1, 5),
    like=lambda *xs: np.concatenate(xs),
)
sample(
    "_concatenate",
    lambda x, y: mg.concatenate((x, y), axis=-1),
    normal(2, 5),
    normal(2, 3),
    like=lambda *xs: np.concatenate(xs, -1),
)
sample(
    "_concatenate",
    lambda x, y: mg.concatenate([x, y, x], 1),
    normal(2, 3),
    normal(2, 2),
    like=lambda x, y: np.concatenate([x, y, x], 1),
)
for _axis in (0, 1, -1):
    sample(
        "stack",
        lambda x, y, _a=_axis: mg.stack([x, y], _a),
        normal(2, 3),
        normal(2, 3),
        like=lambda x, y, _a=_axis: np.stack([x, y], _a),
    )
    sample(
        "expand_dims",
        lambda x, _a=_axis: mg.expand_dims(x, _a),
        normal(2, 3),
        like=lambda x, _a=_axis: np.expand_dims(x, _a),
    )
for _axis in (None, 1, -1, (1, 3)):
    sample(
        "squeeze",
        lambda x, _a=_axis: mg.squeeze(x, _a),
        normal(2, 1, 3, 1),
        like=lambda x, _a=_axis: np.squeeze(x, _a),
    )
for _from, _to in [((3,), (2, 3)), ((2, 1, 5), (2, 3, 5)), ((), (2, 3)), ((2, 3), (2, 3))]:
    sample(
        "broadcast_to",
        lambda x, _s=_to: mg.broadcast_to(x, _s),
        normal(*_from),
        like=lambda x, _s=_to: np.broadcast_to(x, _s),
    )
    sample(
        "sum_to",
        lambda x, _s=_from: mg.sum_to(x, _s),
        normal(*_to),
        like=lambda x, _s=_from: oracle.naive_sum_to(x, _s),
    )

# ----- products ---------------------------------------------------------------------------------------------

for _x, _y in [
    ((2, 3), (3, 5)),
    ((7, 2, 3), (7, 3, 5)),
    ((7, 2, 3), (3, 5)),
    ((2, 3), (7, 3, 5)),
    ((2, 1, 3, 5), (7, 5, 2)),
]:
    sample("_matmul", mg.matmul, normal(*_x), normal(*_y), like=np.matmul)
for _x, _y in [((3,), (3,)), ((3,), (3, 5)), ((2, 3), (3,)), ((7, 2, 3), (3,)), ((3,), (7, 3, 5))]:
    sample("matmul", mg.matmul, normal(*_x), normal(*_y), like=np.matmul)
for _x in [(2, 3), (3,), (2, 7, 3)]:
    _op = "_dense" if len(_x) == 2 else "dense"
    sample(_op, mg.dense, normal(*_x), normal(3, 5), normal(5), like=lambda x, w, b: x @ w + b)
sample("dense", mg.dense, normal(2, 3), normal(3, 5), like=np.matmul)
for _subscripts, _x, _y in [
    ("nd,dh->nh", (2, 3), (3, 5)),
    ("nd,dh->hn", (2, 3), (3, 5)),
    ("bij,bj->bi", (2, 3, 5), (2, 5)),
    ("i,j->ij", (3,), (5,)),
]:
    sample(
        "_einsum",
        lambda x, y, _s=_subscripts: mg.einsum(_s, x, y),
        normal(*_x),
        normal(*_y),
        like=lambda x, y, _s=_subscripts: np.einsum(_s, x, y),
    )
for _subscripts, _x, _y in [
    ("ba,cb", (3, 2), (5, 3)),
    ("ij,kl->jk", (2, 3), (5, 7)),
    (" i , i -> ", (3,), (3,)),
]:
    sample(
        "einsum",
        lambda x, y, _s=_subscripts: mg.einsum(_s, x, y),
        normal(*_x),
        normal(*_y),
        like=lambda x, y, _s=_subscripts: np.einsum(_s, x, y),
    )
