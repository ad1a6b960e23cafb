"""The operations: each forward on arrays, with the rule for each argument beside it.

In a rule, `g` is the upstream gradient, `out` the result, and then come the arguments; the rule returns <g, d out>. Rules
are written in operators and in operations of this file, so that they can be differentiated themselves. A comparison such
as `x > 0` is a plain mask in either case: it chooses a piece and has no slope.

Shapes broadcast as in NumPy; a rule writes the gradient at the stretched shape and the engine sums it back.
"""

import math
import operator

import numpy as np

from minigen.engine import numpy_protocol
from minigen.engine.backend import namespace
from minigen.engine.fast import threads
from minigen.engine.shapes import axes_of, expand_dims, getitem, inverse_of, reshape, squeeze, transpose
from minigen.engine.tape import Tensor, _data, broadcast_to, op, sum_to, takes

# ----- arithmetic ---------------------------------------------------------------------------------------------------


@op(broadcasts=True)
def add(x, y):
    return x + y


@op(broadcasts=True)
def sub(x, y):
    return x - y


@op(broadcasts=True)
def mul(x, y):
    return x * y


@op(broadcasts=True)
def div(x, y):
    return x / y


@op(broadcasts=True)
def pow(x, y):
    """x ** y; the gradient for y exists where x > 0."""
    return x**y


@op()
def neg(x):
    return -x


add.rule(lambda g, out, x, y: g, lambda g, out, x, y: g)
sub.rule(lambda g, out, x, y: g, lambda g, out, x, y: -g)
mul.rule(lambda g, out, x, y: g * y, lambda g, out, x, y: g * x)
div.rule(lambda g, out, x, y: g / y, lambda g, out, x, y: -g * out / y)
pow.rule(lambda g, out, x, y: g * _slope_of_power(x, y), lambda g, out, x, y: g * out * _log_of_base(x))
neg.rule(lambda g, out, x: -g)


def _slope_of_power(x, y):
    """y x^(y-1), and 0 for the constant x^0, where the formula would give 0/0 at x = 0."""
    return 0.0 if isinstance(y, int | float) and y == 0 else y * x ** (y - 1)


def _log_of_base(x):
    return math.log(x) if isinstance(x, int | float) else log(x)


# ----- smooth functions ---------------------------------------------------------------------------------------------


@op()
def exp(x):
    return namespace(x).exp(x)


@op()
def log(x):
    return namespace(x).log(x)


@op()
def log1p(x):
    """log(1 + x), exact where x is small."""
    return namespace(x).log1p(x)


@op()
def expm1(x):
    """exp(x) - 1, exact where x is small."""
    return namespace(x).expm1(x)


@op()
def sqrt(x):
    return namespace(x).sqrt(x)


@op()
def tanh(x):
    return namespace(x).tanh(x)


@op()
def sigmoid(x):
    """1 / (1 + exp(-x)), over the whole float range: where exp overflows the answer is 0, as it should be."""
    with np.errstate(over="ignore"):
        return 1 / (1 + namespace(x).exp(-x))


@op()
def softplus(x):
    """log(1 + exp(x)), written as max(x, 0) + log1p(exp(-|x|)) so that nothing overflows."""
    xp = namespace(x)
    return _positive_part(x) + xp.log1p(xp.exp(-xp.abs(x)))


def _positive_part(x):
    """max(x, 0); NumPy compares two arrays three times as fast as an array and a number (NumPy 2.4, measured)."""
    xp = namespace(x)
    return xp.maximum(x, xp.zeros_like(x))


exp.rule(lambda g, out, x: g * out)
log.rule(lambda g, out, x: g / x)
log1p.rule(lambda g, out, x: g / (1 + x))
expm1.rule(lambda g, out, x: g * (out + 1))
sqrt.rule(lambda g, out, x: g * 0.5 / out)
tanh.rule(lambda g, out, x: g * (1 - out * out))
sigmoid.rule(lambda g, out, x: g * (out * (1 - out)))
softplus.rule(lambda g, out, x: g * sigmoid(x))

# ----- functions in pieces: the mask says which piece was taken ------------------------------------------------------


@op(branches=lambda x: x > 0)
def abs(x):
    """|x|, with slope 0 at 0."""
    return namespace(x).abs(x)


@op(branches=lambda x: x > 0)
def relu(x):
    """max(x, 0), with slope 0 at 0."""
    return _positive_part(x)


@op(branches=lambda x, slope=0.01: x > 0)
def leaky_relu(x, slope=0.01):
    """x where x > 0, slope * x elsewhere, for a slope between 0 and 1."""
    if not 0 <= slope <= 1:
        raise ValueError(f"leaky_relu: slope must lie between 0 and 1, got {slope}")
    return namespace(x).maximum(x, slope * x)


@op(branches=lambda x, alpha=1.0: x > 0)
def elu(x, alpha=1.0):
    """x where x > 0, alpha * (exp(x) - 1) elsewhere."""
    xp = namespace(x)
    return _positive_part(x) + alpha * xp.expm1(xp.minimum(x, 0))


@op(broadcasts=True, branches=lambda x, y: x >= y)
def maximum(x, y):
    """The larger of two; at a tie the gradient goes to the first."""
    return namespace(x, y).maximum(x, y)


@op(broadcasts=True, branches=lambda x, y: x <= y)
def minimum(x, y):
    """The smaller of two; at a tie the gradient goes to the first."""
    return namespace(x, y).minimum(x, y)


@op(branches=lambda x, low, high: _inside(x, low, high))
def clip(x, low, high):
    """x held between low and high; the slope is 1 inside and on the edges, 0 outside. None leaves a side open."""
    return namespace(x).clip(x, low, high)


@op(broadcasts=True, branches=lambda mask, x, y: mask)
def where(mask, x, y):
    """x where mask is true, y elsewhere."""
    return namespace(mask, x, y).where(mask, x, y)


def _sign(x):
    return namespace(_data(x)).sign(_data(x))


def _steps(x, low):
    """1 where x > 0 and `low` elsewhere, in the dtype of x."""
    mask = (x > 0).astype(x.dtype)
    return mask if low == 0 else mask * (1 - low) + low


def _inside(x, low, high):
    inside = x >= (-math.inf if low is None else low)
    return inside if high is None else inside & (x <= high)


abs.rule(lambda g, out, x: g * _sign(x))
relu.rule(lambda g, out, x: g * _steps(x, 0))
leaky_relu.rule(lambda g, out, x, slope=0.01: g * _steps(x, slope))
elu.rule(lambda g, out, x, alpha=1.0: g * (_steps(x, 0) + (x <= 0) * (out + alpha)))
maximum.rule(lambda g, out, x, y: g * (x >= y), lambda g, out, x, y: g * (x < y))
minimum.rule(lambda g, out, x, y: g * (x <= y), lambda g, out, x, y: g * (x > y))
clip.rule(lambda g, out, x, low, high: g * _inside(x, low, high))
where.rule(None, lambda g, out, mask, x, y: g * (mask != 0), lambda g, out, mask, x, y: g * (mask == 0))

# ----- reductions ---------------------------------------------------------------------------------------------------


@op()
def sum(x, axis=None, keepdims=False):
    """The sum over `axis` (one, several, or all)."""
    return x.sum(axis=axis, keepdims=keepdims)


sum.rule(lambda g, out, x, axis=None, keepdims=False: broadcast_to(_kept(g, x.shape, axis), x.shape))


@op(branches=lambda x, axis=None, keepdims=False: _first_largest(x, axis))
def max(x, axis=None, keepdims=False):
    """The largest entry over `axis` (one, several, or all); of equal ones the first takes the gradient."""
    return x.max(axis=axis, keepdims=keepdims)


max.rule(
    lambda g, out, x, axis=None, keepdims=False: _kept(g, x.shape, axis) * _first_largest(_data(x), axis)
)


def _kept(g, shape, axis):
    """g with the reduced axes put back at size 1, so that it broadcasts against `shape`."""
    if axis is None:
        return g.reshape(())
    axes = axes_of(axis, len(shape))
    return g.reshape(tuple(1 if i in axes else n for i, n in enumerate(shape)))


def _first_largest(x, axis):
    """1 at the first largest entry along the reduced axes, 0 elsewhere, in the dtype of x."""
    axes = axes_of(axis, x.ndim)
    last = [i for i in range(x.ndim) if i not in axes] + list(axes)
    moved = x.transpose(last)
    flat = moved.reshape(*moved.shape[: x.ndim - len(axes)], -1)
    xp = namespace(x)
    hit = xp.arange(flat.shape[-1]) == flat.argmax(axis=-1)[..., None]
    return hit.astype(x.dtype).reshape(moved.shape).transpose(inverse_of(last))


@takes("x")
def min(x, axis=None, keepdims=False):
    """The smallest entry over `axis`; of equal ones the first takes the gradient."""
    return -max(-x, axis, keepdims)


@takes("x")
def mean(x, axis=None, keepdims=False):
    """The average over `axis`."""
    return sum(x, axis, keepdims) / _count(x, axis)


@takes("x")
def var(x, axis=None, keepdims=False):
    """The average squared distance from the mean over `axis` (divided by n, not n - 1)."""
    apart = x - mean(x, axis, True)
    return mean(apart * apart, axis, keepdims)


def _count(x, axis):
    count = math.prod(x.shape[a] for a in axes_of(axis, x.ndim))
    if count == 0:
        raise ValueError(f"mean: no entries to average: x has shape {x.shape}; is the batch empty?")
    return count


@takes("x")
def logsumexp(x, axis=None, keepdims=False):
    """log sum exp(x), with the largest entry taken out first so that nothing overflows."""
    top = _data(x).max(axis=axis, keepdims=True)
    total = log(sum(exp(x - top), axis, True)) + top
    return total if keepdims else squeeze(total, axes_of(axis, x.ndim))


@takes("x")
def log_softmax(x, axis=-1):
    """x - logsumexp(x): log-probabilities along `axis`."""
    return x - logsumexp(x, axis, True)


@takes("x")
def softmax(x, axis=-1):
    """exp(x) / sum exp(x): probabilities along `axis`."""
    return exp(log_softmax(x, axis))


# ----- products -----------------------------------------------------------------------------------------------------


@op(broadcasts=True)
def _matmul(x, y):
    return threads.matmul(x, y)


def _turned(x):
    """The matrices of a batch transposed."""
    return x.T if x.ndim == 2 else x.transpose((*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


_matmul.rule(lambda g, out, x, y: _matmul(g, _turned(y)), lambda g, out, x, y: _matmul(_turned(x), g))


@takes("x", "y", computes=False)
def matmul(x, y):
    """x @ y: (..., n, k) @ (..., k, m) -> (..., n, m); a vector counts as one row on the left, one column on the right."""
    if x.ndim == 0 or y.ndim == 0 or x.shape[-1] != y.shape[-2 if y.ndim > 1 else 0]:
        raise ValueError(
            f"matmul: {x.shape} @ {y.shape}: the last size of the first must equal the second-last of the second"
        )
    left, right = x.ndim == 1, y.ndim == 1
    out = _matmul(expand_dims(x, 0) if left else x, expand_dims(y, 1) if right else y)
    return squeeze(out, ((-2,) if left else ()) + ((-1,) if right else ())) if left or right else out


def _check_features(x, weight):
    if weight.ndim != 2 or x.ndim < 1 or x.shape[-1] != weight.shape[0]:
        raise ValueError(
            f"dense: x {x.shape} has {x.shape[-1:]} features but weight {weight.shape} takes {weight.shape[:1]}"
        )


@op()
def _dense(x, weight, bias):
    _check_features(x, weight)
    if bias.shape != weight.shape[1:]:
        raise ValueError(
            f"dense: weight {weight.shape} makes {weight.shape[1]} outputs but bias has shape {bias.shape}"
        )
    out = threads.matmul(x, weight)
    out += bias
    return out


_dense.rule(
    lambda g, out, x, weight, bias: _matmul(g, _turned(weight)),
    lambda g, out, x, weight, bias: _matmul(_turned(x), g),
    lambda g, out, x, weight, bias: sum_to(g, bias.shape),
)


@takes("x", "weight", "bias", computes=False)
def dense(x, weight, bias=None):
    """x @ weight + bias: (..., D) @ (D, H) + (H,) -> (..., H). Raises ValueError when D or H do not fit."""
    if bias is None:
        _check_features(x, weight)
        return matmul(x, weight)
    if x.ndim == 2:
        return _dense(x, weight, bias)
    rows = _dense(reshape(x, (-1, x.shape[-1])), weight, bias)
    return reshape(rows, (*x.shape[:-1], weight.shape[1]))


# ----- Python's operators and methods for tensors --------------------------------------------------------------------


def _plain(index):
    return tuple(_data(i) for i in index) if isinstance(index, tuple) else _data(index)


def _shape(sizes):
    """reshape(2, 3) and reshape((2, 3)) mean the same."""
    return sizes[0] if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes or None


for _name, _ufunc, _function in (
    ("add", "add", add),
    ("sub", "subtract", sub),
    ("mul", "multiply", mul),
    ("truediv", "divide", div),
    ("pow", "power", pow),
    ("matmul", "matmul", matmul),
):
    setattr(Tensor, f"__{_name}__", lambda x, y, _f=_function: _f(x, y))
    setattr(Tensor, f"__r{_name}__", lambda x, y, _f=_function: _f(y, x))
    numpy_protocol.operators[_ufunc] = _function

for _name, _ufunc in (
    ("lt", "less"),
    ("le", "less_equal"),
    ("gt", "greater"),
    ("ge", "greater_equal"),
    ("eq", "equal"),
    ("ne", "not_equal"),
):
    _compare = getattr(operator, _name)
    setattr(Tensor, f"__{_name}__", lambda x, y, _f=_compare: _f(x.data, _data(y)))
    numpy_protocol.operators[_ufunc] = lambda x, y, _f=_compare: _f(_data(x), _data(y))

Tensor.sum = lambda x, axis=None, keepdims=False: sum(x, axis, keepdims)
Tensor.mean = lambda x, axis=None, keepdims=False: mean(x, axis, keepdims)
Tensor.var = lambda x, axis=None, keepdims=False: var(x, axis, keepdims)
Tensor.max = lambda x, axis=None, keepdims=False: max(x, axis, keepdims)
Tensor.min = lambda x, axis=None, keepdims=False: min(x, axis, keepdims)
Tensor.__neg__ = lambda x: neg(x)
Tensor.__abs__ = lambda x: abs(x)
Tensor.__getitem__ = lambda x, index: getitem(x, _plain(index))
Tensor.reshape = lambda x, *shape: reshape(x, _shape(shape))
Tensor.transpose = lambda x, *axes: transpose(x, _shape(axes))
Tensor.T = property(lambda x: transpose(x))

_public = "exp log log1p expm1 sqrt tanh maximum minimum clip where sum mean var max min reshape transpose flip pad squeeze"
_public += " concatenate stack broadcast_to expand_dims matmul abs"
numpy_protocol.functions.update(
    {name: name for name in _public.split()}, absolute="abs", negative="neg", amax="max", amin="min"
)
