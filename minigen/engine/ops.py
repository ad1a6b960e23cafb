"""The operations: each forward on arrays, and directly under it the rule for each argument.

In a rule, `g` is the upstream gradient, `out` the result, and then come the arguments;
the rule returns <g, d out>. Rules are written in operators and in operations of this file,
so that they can be differentiated themselves. A comparison such as `x > 0` is a plain mask in either case:
it chooses a piece and has no slope.

Shapes broadcast as in NumPy; a rule writes the gradient at the stretched shape and the engine sums it back.
Where two shapes do not broadcast, the operation raises ValueError. An `axis` is one axis, several,
or None for all; one that does not exist, or that is named twice, raises ValueError.
"""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from minigen.engine import numpy_protocol
from minigen.engine.backend import Array, as_array, namespace, unstretched
from minigen.engine.fast import sums, threads
from minigen.engine.shapes import (
    Axis,
    Shape,
    axes_of,
    expand_dims,
    getitem,
    inverse_of,
    reshape,
    squeeze,
    transpose,
)
from minigen.engine.tape import Tensor, Value, Values, _data, broadcast_to, op, sum_to, takes

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

# ----- arithmetic -------------------------------------------------------------------------------------------


@op(broadcasts=True)
def add(x: Value, y: Value) -> Value:
    """x + y, entry by entry; the shapes broadcast."""
    return x + y


add.rule(lambda g, out, x, y: g, lambda g, out, x, y: g)


@op(broadcasts=True)
def sub(x: Value, y: Value) -> Value:
    """x - y, entry by entry; the shapes broadcast."""
    return x - y


sub.rule(lambda g, out, x, y: g, lambda g, out, x, y: -g)


@op(broadcasts=True)
def mul(x: Value, y: Value) -> Value:
    """x * y, entry by entry; the shapes broadcast."""
    return x * y


mul.rule(lambda g, out, x, y: g * y, lambda g, out, x, y: g * x)


@op(broadcasts=True)
def div(x: Value, y: Value) -> Value:
    """x / y, entry by entry; the shapes broadcast. A division by 0 gives inf or nan and NumPy's warning."""
    return x / y


div.rule(lambda g, out, x, y: g / y, lambda g, out, x, y: -g * out / y)


@op(broadcasts=True)
def pow(x: Value, y: Value) -> Value:
    """x ** y.

    The shapes broadcast. The gradient for y exists where x > 0; where x = 0 and y >= 0 it is 0,
    where x < 0 it is nan.
    """
    return x**y


pow.rule(
    lambda g, out, x, y: _power_for_base(g, x, y), lambda g, out, x, y: _power_for_exponent(g, out, x, y)
)


def _power_for_base(g, x, y):
    """g y x^(y-1), and 0 for x^0 at x = 0, where the formula would give 0 * inf."""
    if isinstance(y, int | float):
        if y == 2:
            return 2 * unstretched(g) * x  # one pass over a large array where the sum of squares is taken
        return g * (y * x ** (y - 1)) if y else select(g, False)
    usual = (x != 0) | (y != 0)
    return select(g * (y * x ** where(usual, y - 1, 1.0)), usual)


def _power_for_exponent(g, out, x, y):
    """g x^y log x, and 0 for 0^y with y >= 0, where the formula would give 0 * -inf."""
    if isinstance(x, int | float):
        if x == 0:
            return select(-g * out, y < 0)  # out is inf there, and stays it
        return g * out * (math.log(x) if x > 0 else math.nan)
    constant = (x == 0) & (y >= 0)
    return select(g * out * log(where(constant, 1.0, x)), ~constant)


@op()
def neg(x: Value) -> Value:
    """-x, entry by entry."""
    return -x


neg.rule(lambda g, out, x: -g)

# ----- smooth functions -------------------------------------------------------------------------------------


@op()
def exp(x: Value) -> Value:
    """e^x, entry by entry."""
    return namespace(x).exp(x)


exp.rule(lambda g, out, x: g * out)


@op()
def log(x: Value) -> Value:
    """The natural logarithm, entry by entry; -inf at 0 and nan below, with NumPy's warning."""
    return namespace(x).log(x)


log.rule(lambda g, out, x: g / x)


@op()
def log1p(x: Value) -> Value:
    """log(1 + x), entry by entry, with all its digits near x = 0."""
    return namespace(x).log1p(x)


log1p.rule(lambda g, out, x: g / (1 + x))


@op()
def expm1(x: Value) -> Value:
    """e^x - 1, entry by entry, with all its digits near x = 0."""
    return namespace(x).expm1(x)


expm1.rule(lambda g, out, x: g * (out + 1))


@op()
def sqrt(x: Value) -> Value:
    """The square root, entry by entry; nan below 0, and slope inf at 0, with NumPy's warning."""
    return namespace(x).sqrt(x)


sqrt.rule(lambda g, out, x: g * 0.5 / out)


@op()
def sin(x: Value) -> Value:
    """The sine, entry by entry, of x in radians."""
    return namespace(x).sin(x)


sin.rule(lambda g, out, x: g * cos(x))


@op()
def cos(x: Value) -> Value:
    """The cosine, entry by entry, of x in radians."""
    return namespace(x).cos(x)


cos.rule(lambda g, out, x: -g * sin(x))


@op()
def tanh(x: Value) -> Value:
    """(e^x - e^-x) / (e^x + e^-x), entry by entry, between -1 and 1."""
    return namespace(x).tanh(x)


tanh.rule(lambda g, out, x: g * (1 - out * out))


@op()
def sigmoid(x: Value) -> Value:
    """1 / (1 + exp(-x)), entry by entry. Where exp(-x) overflows, the result is 0, which is the limit."""
    with np.errstate(over="ignore"):
        return 1 / (1 + namespace(x).exp(-x))


sigmoid.rule(lambda g, out, x: g * (out * (1 - out)))


@op()
def softplus(x: Value) -> Value:
    """log(1 + exp(x)), entry by entry, computed as max(x, 0) + log1p(exp(-|x|)),
    so that nothing overflows.
    """
    xp = namespace(x)
    return _positive_part(x) + xp.log1p(xp.exp(-xp.abs(x)))


softplus.rule(lambda g, out, x: g * sigmoid(x))


def _positive_part(x):
    """max(x, 0); NumPy compares two arrays three times as fast as an array and a number
    (NumPy 2.4, measured).
    """
    xp = namespace(x)
    return xp.maximum(x, xp.zeros_like(x))


@op(broadcasts=True)
def logaddexp(x: Value, y: Value) -> Value:
    """log(exp(x) + exp(y)) without overflow: -inf where both are -inf; infinities that are
    equal share the slope.
    """
    return namespace(x, y).logaddexp(x, y)


logaddexp.rule(
    lambda g, out, x, y: g * sigmoid(_difference(x, y)), lambda g, out, x, y: g * sigmoid(_difference(y, x))
)


@op(broadcasts=True, name="logaddexp")
def _difference(x, y):
    """x - y, and 0 where the two are equal, infinities too: inf - inf would be nan."""
    with np.errstate(invalid="ignore"):
        return namespace(x, y).where(x == y, 0, x - y)


_difference.rule(lambda g, out, x, y: g, lambda g, out, x, y: -g)

# ----- functions in pieces: the mask says which piece was taken ---------------------------------------------


_integers = {np.dtype(f"f{n}"): np.dtype(f"i{n}") for n in (2, 4, 8)}


@op(broadcasts=True, name="where")
def select(g: Value, mask: Array) -> Value:
    """g where `mask` is true, 0 elsewhere, whatever g holds there: inf * 0 would be nan.

    It sets the gradient to 0 where another piece was taken, so that sqrt(relu(x)) has slope 0 at x < 0.
    The bits of g are multiplied by 0 or 1 as an integer is, ten times as fast as `where` at masks without a
    pattern (NumPy 2.4, measured). The result has the memory order of the mask, which is that of the input: a
    convolution is fastest when its gradient has it too.
    """
    bits = g.view(_integers[g.dtype])
    if type(mask) is not type(g) or mask.shape != g.shape:  # a number, or to be stretched
        return (mask * bits).view(g.dtype)
    xp = namespace(g)
    return xp.multiply(mask, bits, out=xp.empty_like(mask, dtype=bits.dtype)).view(g.dtype)


select.rule(lambda v, out, g, mask: select(v, mask), None)


@op(branches=lambda x: x > 0)
def abs(x: Value) -> Value:
    """|x|, entry by entry, with slope 0 at 0."""
    return namespace(x).abs(x)


abs.rule(lambda g, out, x: select(g, x > 0) - select(g, x < 0))


@op(branches=lambda x: x > 0)
def relu(x: Value) -> Value:
    """max(x, 0), entry by entry, with slope 0 at 0."""
    return _positive_part(x)


relu.rule(lambda g, out, x: select(g, x > 0))


@op(branches=lambda x, slope=0.01: x > 0)
def leaky_relu(x: Value, slope: float = 0.01) -> Value:
    """x where x > 0, slope * x elsewhere, entry by entry; the derivative at 0 is `slope`.

    Raises ValueError for a slope that is not between 0 and 1.
    """
    if not 0 <= slope <= 1:
        raise ValueError(f"leaky_relu: slope must lie between 0 and 1, got {slope}")
    return namespace(x).maximum(x, slope * x) if slope else _positive_part(x)  # 0 * inf would be nan


leaky_relu.rule(lambda g, out, x, slope=0.01: g * _slopes(x, slope) if slope else select(g, x > 0))


def _slopes(x, low):
    """1 where x > 0 and `low` elsewhere, in the dtype of x."""
    return (x > 0).astype(x.dtype) * (1 - low) + low


@op(branches=lambda x, alpha=1.0: x > 0)
def elu(x: Value, alpha: float = 1.0) -> Value:
    """x where x > 0, alpha * (exp(x) - 1) elsewhere, entry by entry; the derivative at 0 is `alpha`."""
    xp = namespace(x)
    return _positive_part(x) + alpha * xp.expm1(xp.minimum(x, 0))


elu.rule(
    lambda g, out, x, alpha=1.0: (
        select(g, x > 0) + select(g * (alpha * exp(minimum(x, 0.0))), ~(x > 0))  # no overflow at large x
    )
)


@op(broadcasts=True, branches=lambda x, y: x >= y)
def maximum(x: Value, y: Value) -> Value:
    """The larger of x and y, entry by entry; the shapes broadcast. At a tie the gradient goes to x."""
    return namespace(x, y).maximum(x, y)


maximum.rule(lambda g, out, x, y: select(g, x >= y), lambda g, out, x, y: select(g, x < y))


@op(broadcasts=True, branches=lambda x, y: x <= y)
def minimum(x: Value, y: Value) -> Value:
    """The smaller of x and y, entry by entry; the shapes broadcast. At a tie the gradient goes to x."""
    return namespace(x, y).minimum(x, y)


minimum.rule(lambda g, out, x, y: select(g, x <= y), lambda g, out, x, y: select(g, x > y))


@op(broadcasts=True, branches=lambda x, low, high: _inside(x, low, high))
def clip(x: Value, low: Value | None, high: Value | None) -> Value:
    """min(max(x, low), high), entry by entry.

    The bounds are numbers, arrays that broadcast against x, or None for no bound.

    The slope is 1 inside and on the edges, 0 outside. The bounds take no gradient.
    """
    return namespace(x).clip(x, low, high)


clip.rule(lambda g, out, x, low, high: select(g, _inside(x, low, high)))


def _inside(x, low, high):
    inside = x >= (-math.inf if low is None else low)
    return inside if high is None else inside & (x <= high)


@op(broadcasts=True, branches=lambda mask, x, y: mask)
def where(mask: Value, x: Value, y: Value) -> Value:
    """x where mask is true (not 0), y elsewhere; the three shapes broadcast.

    The entry that was not taken has gradient 0.
    """
    return namespace(mask, x, y).where(mask, x, y)


where.rule(
    None,
    lambda g, out, mask, x, y: select(g, mask if _is_boolean(mask) else mask != 0),
    lambda g, out, mask, x, y: select(g, ~mask if _is_boolean(mask) else mask == 0),
)


def _is_boolean(mask):
    """Whether a mask is one already; comparing a boolean array with 0 would turn it into integers first."""
    return not isinstance(mask, int | float) and mask.dtype == bool


# ----- reductions -------------------------------------------------------------------------------------------


@op()
def sum(x: Value, axis: Axis = None, keepdims: bool = False) -> Value:
    """The sum over `axis`. The reduced axes are removed, or kept with size 1 if keepdims is true."""
    return sums.total(x, _axes("sum", axis, x), keepdims)


sum.rule(lambda g, out, x, axis=None, keepdims=False: broadcast_to(_kept(g, x.shape, axis), x.shape))


@op(branches=lambda x, axis=None, keepdims=False: _first(x, axis, "argmax"))
def max(x: Value, axis: Axis = None, keepdims: bool = False) -> Value:
    """The largest entry over `axis`; of equal ones the first takes the gradient.

    Raises ValueError where there is none.
    """
    return x.max(axis=_axes("max", axis, x, least=1), keepdims=keepdims)


max.rule(
    lambda g, out, x, axis=None, keepdims=False: select(
        _kept(g, x.shape, axis), _first(_data(x), axis, "argmax")
    )
)


@op(branches=lambda x, axis=None, keepdims=False: _first(x, axis, "argmin"))
def min(x: Value, axis: Axis = None, keepdims: bool = False) -> Value:
    """The smallest entry over `axis`; of equal ones the first takes the gradient.

    Raises ValueError where there is none.
    """
    return x.min(axis=_axes("min", axis, x, least=1), keepdims=keepdims)


min.rule(
    lambda g, out, x, axis=None, keepdims=False: select(
        _kept(g, x.shape, axis), _first(_data(x), axis, "argmin")
    )
)


def _axes(caller, axis, x, least=0):
    """`axis` as NumPy wants it.

    Raises ValueError where it does not exist, or where x has fewer than `least` results to give.
    """
    axes = None if axis is None else axes_of(axis, x.ndim)
    if least and x.size == 0 and _count(x, axis) == 0:
        raise ValueError(f"{caller}: no entries over axis {axis}: x has shape {x.shape}; is the batch empty?")
    return axes


def _count(x, axis):
    """How many entries each result of a reduction is made of."""
    return math.prod(x.shape[a] for a in axes_of(axis, x.ndim))


def _kept(g, shape, axis):
    """g with the reduced axes put back at size 1, to broadcast against `shape`; a scalar does anyway."""
    if axis is None:
        return g
    axes = axes_of(axis, len(shape))
    return g.reshape(tuple(1 if i in axes else n for i, n in enumerate(shape)))


def _without(x, axes):
    """x without the reduced axes, which have size 1."""
    return x.reshape([n for i, n in enumerate(x.shape) if i not in axes])


def _first(x, axis, chosen):
    """A mask of the first entry along the reduced axes that "argmax" or "argmin" names."""
    axes = axes_of(axis, x.ndim)
    if x.size == 0:
        return x == x
    last = [i for i in range(x.ndim) if i not in axes] + list(axes)
    moved = x.transpose(last)
    flat = moved.reshape(*moved.shape[: x.ndim - len(axes)], -1)
    hit = namespace(x).arange(flat.shape[-1]) == getattr(flat, chosen)(axis=-1)[..., None]
    return hit.reshape(moved.shape).transpose(inverse_of(last))


@op(name="sum")
def sum64(x: Value, axis: Axis = None) -> Value:
    """The sum over `axis`, which stays with size 1, kept in float64 on the way and given in the dtype of x.

    For sums that take part in a difference, and for very long ones: NumPy adds rows one after another along
    all axes but the last, which loses digits in float32.
    """
    return sums.total(x, _axes("sum", axis, x), True, np.float64)


sum64.rule(lambda g, out, x, axis=None: broadcast_to(g, x.shape))


@takes("x")
def mean(x: Value, axis: Axis = None, keepdims: bool = False) -> Value:
    """sum(x) / n over the n entries of `axis`. Raises ValueError where n = 0."""
    _axes("mean", axis, x, least=1)
    return sum(x, axis, keepdims) / _count(x, axis)


@op(name="var")
def centred(x: Value, axis: Axis = None) -> Value:
    """x minus its mean over `axis`, as exact far from 0 as near it.

    The computed mean has a rounding error. The mean of the differences is this error,
    and is subtracted in a second pass.
    """
    axes = _axes("var", axis, x, least=1)
    out = x - sums.total(x, axes, True) / _count(x, axis)
    out -= sum64(out, axes) / _count(x, axis)
    return out


centred.rule(lambda g, out, x, axis=None: centred(g, axis))


@op()
def var(x: Value, axis: Axis = None, keepdims: bool = False) -> Value:
    """sum((x - mean)^2) / n over the n entries of `axis`; divided by n, not by n - 1.

    Raises ValueError where n = 0.
    """
    apart = centred.forward(x, axis)
    spread = sum64(apart * apart, axis) / _count(x, axis)
    return spread if keepdims else _without(spread, axes_of(axis, x.ndim))


var.rule(
    lambda g, out, x, axis=None, keepdims=False: (
        _kept(g, x.shape, axis) * (2 / _count(x, axis)) * centred(x, axis)
    )
)


def std(x: Values, axis: Axis = None, keepdims: bool = False) -> Values:
    """sqrt(var(x)) over `axis`.

    Where all entries are equal it has a kink, as |x| has at 0, and the slope is 0.
    """
    spread = var(x, axis, keepdims)
    equal = spread == 0
    return where(equal, 0.0, sqrt(where(equal, 1.0, spread)))


@op()
def logsumexp(x: Value, axis: Axis = None, keepdims: bool = False) -> Value:
    """log sum exp(x) over `axis`, computed as m + log sum exp(x - m) with m = max(x),
    so that nothing overflows.

    An entry of -inf adds 0 to the sum; the result is -inf where all entries are. The gradient is `softmax`.
    """
    axes = axes_of(axis, x.ndim)
    top = _largest(x, axes)
    total = _log_of_sum(_difference.forward(x, top), axes) + top
    return total if keepdims else _without(total, axes)


logsumexp.rule(lambda g, out, x, axis=None, keepdims=False: _kept(g, x.shape, axis) * softmax(x, axis))


@op()
def log_softmax(x: Value, axis: Axis = -1) -> Value:
    """log(exp(x) / sum exp(x)): log-probabilities along `axis`, the shape of x.

    Infinities as in `softmax`.
    """
    axes = axes_of(axis, x.ndim)
    apart = _difference.forward(x, _largest(x, axes))
    return apart - _log_of_sum(apart, axes)


log_softmax.rule(lambda g, out, x, axis=-1: g - exp(out) * sum64(g, axis))


@op()
def softmax(x: Value, axis: Axis = -1) -> Value:
    """exp(x) / sum exp(x): probabilities along `axis`, the shape of x.

    They are computed from x - max(x), so a constant added to x costs no digits. An entry of -inf has
    probability 0. Where all entries are -inf, or several are +inf, these are equally likely.
    """
    axes = axes_of(axis, x.ndim)
    out = namespace(x).exp(_difference.forward(x, _largest(x, axes)))
    return out / sum64(out, axes)


softmax.rule(lambda g, out, x, axis=-1: out * (g - sum64(g * out, axis)))


def _largest(x, axes):
    """The largest entry over `axes`, which stay with size 1; -inf where there is none."""
    if all(x.shape[a] for a in axes):
        return x.max(axis=axes, keepdims=True)
    return namespace(x).full([1 if i in axes else n for i, n in enumerate(x.shape)], -math.inf, x.dtype)


def _log_of_sum(apart, axes):
    """log sum exp of distances from the largest entry; the sum is at least 1, or 0 of nothing."""
    xp = namespace(apart)
    with np.errstate(divide="ignore"):
        return xp.log(sum64(xp.exp(apart), axes))


# ----- products ---------------------------------------------------------------------------------------------


@op(broadcasts=True, name="matmul")
def _matmul(x, y):
    """(..., n, k) @ (..., k, m) -> (..., n, m)."""
    return threads.matmul(x, y)


_matmul.rule(lambda g, out, x, y: _matmul(g, _turned(y)), lambda g, out, x, y: _matmul(_turned(x), g))


def _turned(x):
    """The matrices of a batch transposed."""
    return x.T if x.ndim == 2 else x.transpose((*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


@takes("x", "y", computes=False)
def matmul(x: Value, y: Value) -> Value:
    """x @ y: (..., n, k) @ (..., k, m) -> (..., n, m).

    A vector on the left is one row, a vector on the right one column.

    Raises ValueError for numbers, and where the two k differ.
    """
    if x.ndim == 0 or y.ndim == 0 or x.shape[-1] != y.shape[-2 if y.ndim > 1 else 0]:
        raise ValueError(
            f"matmul: {x.shape} @ {y.shape}: the last size of the first must equal the second-last of the "
            "second"
        )
    left, right = x.ndim == 1, y.ndim == 1
    out = _matmul(expand_dims(x, 0) if left else x, expand_dims(y, 1) if right else y)
    return squeeze(out, ((-2,) if left else ()) + ((-1,) if right else ())) if left or right else out


@op(name="dense")
def _dense(x, weight, bias):
    """x @ weight + bias as one operation: (N, D), (D, H), (H,) -> (N, H)."""
    _check_features(x, weight)
    if bias.shape != weight.shape[1:]:
        raise ValueError(
            f"dense: weight {weight.shape} makes {weight.shape[1]} outputs but bias has shape {bias.shape}"
        )
    out = threads.matmul(x, weight)
    sums.add_row(out, bias)
    return out


_dense.rule(
    lambda g, out, x, weight, bias: _matmul(g, _turned(weight)),
    lambda g, out, x, weight, bias: _matmul(_turned(x), g),
    lambda g, out, x, weight, bias: sum_to(g, bias.shape),
)


@takes("x", "weight", "bias", computes=False)
def dense(x: Value, weight: Value, bias: Value | None = None) -> Value:
    """x @ weight + bias: (..., D) @ (D, H) + (H,) -> (..., H). Raises ValueError when D or H do not fit."""
    if bias is None:
        _check_features(x, weight)
        return matmul(x, weight)
    if x.ndim == 2:
        return _dense(x, weight, bias)
    rows = _dense(reshape(x, (math.prod(x.shape[:-1]), *x.shape[-1:])), weight, bias)
    return reshape(rows, (*x.shape[:-1], weight.shape[1]))


def _check_features(x, weight):
    if weight.ndim != 2 or x.ndim < 1 or x.shape[-1] != weight.shape[0]:
        raise ValueError(
            f"dense: x {x.shape} has {x.shape[-1:]} features but weight {weight.shape} takes "
            f"{weight.shape[:1]}"
        )


@op(name="einsum")
def _einsum(x, y, *, indices):
    """sum_k x[i] y[j] -> out[o] for indices (i, j, o), where each letter of i is in j or o,
    and each of j in i or o.
    """
    i, j, o = indices
    return namespace(x, y).einsum(f"{i},{j}->{o}", x, y)


_einsum.rule(
    lambda g, out, x, y, indices: _einsum(g, y, indices=(indices[2], indices[1], indices[0])),
    lambda g, out, x, y, indices: _einsum(g, x, indices=(indices[2], indices[0], indices[1])),
)


@overload
def einsum(subscripts: str, x: Array, y: Array) -> Array: ...
@overload
def einsum(subscripts: str, x: Value, y: Value) -> Tensor: ...
@takes(None, "x", "y")
def einsum(subscripts: str, x: Value, y: Value) -> Value:
    """A sum of products, given by letters for the axes: einsum("nd,dh->nh", x, y)[n, h] =
    sum_d x[n, d] y[d, h].

    Each axis has a letter; letters that are missing after the arrow are summed over. Without an arrow,
    the letters that occur once are kept, in alphabetical order, as in NumPy. Raises ValueError where a letter
    stands for two sizes or twice in one operand.
    """
    i, j, o = _letters(subscripts)
    for name, letters, array in (("first", i, x), ("second", j, y)):
        if len(letters) != array.ndim or len(set(letters)) < len(letters):
            raise ValueError(
                f"einsum: the {name} operand has shape {array.shape}, and {letters!r} must name each axis by "
                f"a letter of its own; the subscripts are {subscripts!r}"
            )
    sizes = dict(zip(i, x.shape, strict=True))
    for letter, size in zip(j, y.shape, strict=True):
        if sizes.setdefault(letter, size) != size:
            raise ValueError(
                f"einsum: {letter!r} is {sizes[letter]} in the first operand and {size} in the second; "
                f"{subscripts!r} with shapes {x.shape} and {y.shape}"
            )
    x, i = _sum_alone(x, i, j + o)
    y, j = _sum_alone(y, j, i + o)
    return _einsum(x, y, indices=(i, j, o))


def _letters(subscripts):
    """("nd", "dh", "nh") for "nd,dh->nh"; raises ValueError for what is not of this form."""
    left, arrow, o = subscripts.replace(" ", "").partition("->")
    operands = left.split(",")
    if len(operands) == 2 and not arrow:
        o = "".join(sorted(letter for letter in set(left) - {","} if left.count(letter) == 1))
    if (
        len(operands) != 2
        or not (left.replace(",", "a") + o + "a").isalpha()
        or not set(o) <= set(left) - {","}
    ):
        raise ValueError(
            f'einsum: subscripts of two operands expected, such as "nd,dh->nh", got {subscripts!r}'
        )
    if len(set(o)) < len(o):
        raise ValueError(f"einsum: a letter stands twice after the arrow of {subscripts!r}")
    return *operands, o


def _sum_alone(x, letters, others):
    """x summed over the axes whose letter stands nowhere else, so that both rules of
    the product are products.
    """
    alone = tuple(axis for axis, letter in enumerate(letters) if letter not in others)
    return (sum(x, alone) if alone else x), "".join(letter for letter in letters if letter in others)


# ----- Python's operators and the methods of tensors --------------------------------------------------------


@op(moves=True)
def astype(x: Value, dtype: DTypeLike) -> Value:
    """The same values in another floating dtype; the gradient has the dtype of x."""
    return x.astype(dtype)


astype.rule(lambda g, out, x, dtype: g.astype(x.dtype))


class Methods(numpy_protocol.NumPyProtocol):
    """What a Tensor inherits: Python's operators, and the usual operations as methods.

    The class Tensor is defined in tape.py, which the operations import. So its methods can only be added
    here, where both are known. The function of the same name says what each computes.
    """

    __slots__ = ()

    def __add__(x, y: Value) -> Tensor:
        return add(x, y)

    def __radd__(x, y: Value) -> Tensor:
        return add(y, x)

    def __sub__(x, y: Value) -> Tensor:
        return sub(x, y)

    def __rsub__(x, y: Value) -> Tensor:
        return sub(y, x)

    def __mul__(x, y: Value) -> Tensor:
        return mul(x, y)

    def __rmul__(x, y: Value) -> Tensor:
        return mul(y, x)

    def __truediv__(x, y: Value) -> Tensor:
        return div(x, y)

    def __rtruediv__(x, y: Value) -> Tensor:
        return div(y, x)

    def __pow__(x, y: Value) -> Tensor:
        return pow(x, y)

    def __rpow__(x, y: Value) -> Tensor:
        return pow(y, x)

    def __matmul__(x, y: Value) -> Tensor:
        return matmul(x, y)

    def __rmatmul__(x, y: Value) -> Tensor:
        return matmul(y, x)

    def __neg__(x) -> Tensor:
        return neg(x)

    def __abs__(x) -> Tensor:
        return abs(x)

    # Comparisons give plain boolean arrays, which have no gradient.
    def __lt__(x, y: Value) -> Array:
        return _data(x) < _data(y)

    def __le__(x, y: Value) -> Array:
        return _data(x) <= _data(y)

    def __gt__(x, y: Value) -> Array:
        return _data(x) > _data(y)

    def __ge__(x, y: Value) -> Array:
        return _data(x) >= _data(y)

    def __eq__(x, y: object) -> Array:
        return _data(x) == _data(y)

    def __ne__(x, y: object) -> Array:
        return _data(x) != _data(y)

    def __getitem__(x, index: Any) -> Tensor:
        return getitem(x, tuple(_data(i) for i in index) if isinstance(index, tuple) else _data(index))

    def exp(x) -> Tensor:
        return exp(x)

    def log(x) -> Tensor:
        return log(x)

    def sqrt(x) -> Tensor:
        return sqrt(x)

    def abs(x) -> Tensor:
        return abs(x)

    def clip(x, low: Value | None = None, high: Value | None = None) -> Tensor:
        return clip(x, low, high)

    def sum(x, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return sum(x, axis, keepdims)

    def mean(x, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return mean(x, axis, keepdims)

    def var(x, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return var(x, axis, keepdims)

    def std(x, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return std(x, axis, keepdims)

    def max(x, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return max(x, axis, keepdims)

    def min(x, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return min(x, axis, keepdims)

    def argmax(x, axis: int | None = None) -> Array:
        """Where the largest entry is, over all or along `axis`: a plain array of integers,
        which have no gradient.
        """
        return as_array(_data(x).argmax(axis))

    def reshape(x, *shape: int | Shape) -> Tensor:
        """x.reshape(2, 3) or x.reshape((2, 3))."""
        return reshape(x, _sizes(shape))

    def flatten(x) -> Tensor:
        """All entries in one row, (size,)."""
        return reshape(x, (x.size,))

    ravel = flatten

    def squeeze(x, axis: Axis = None) -> Tensor:
        return squeeze(x, axis)

    def transpose(x, *axes: int | Shape) -> Tensor:
        """x.transpose(1, 0) or x.transpose((1, 0)); reversed when no axes are given."""
        return transpose(x, _sizes(axes) or None)

    @property
    def T(x) -> Tensor:
        """The axes reversed."""
        return transpose(x)

    def astype(x, dtype: DTypeLike) -> Tensor:
        return astype(x, np.dtype(dtype))

    def tolist(x) -> Any:
        """The values as nested Python lists. On a GPU this waits for the result."""
        return _data(x).tolist()


def _sizes(sizes):
    return sizes[0] if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes


Tensor.__bases__ = (Methods,)  # inheritance, declared late: see the docstring of Methods

numpy_protocol.operators.update(add=add, subtract=sub, multiply=mul, divide=div, power=pow, matmul=matmul)
numpy_protocol.operators.update(
    less=lambda x, y: operator.lt(_data(x), _data(y)),
    less_equal=lambda x, y: operator.le(_data(x), _data(y)),
    greater=lambda x, y: operator.gt(_data(x), _data(y)),
    greater_equal=lambda x, y: operator.ge(_data(x), _data(y)),
    equal=lambda x, y: operator.eq(_data(x), _data(y)),
    not_equal=lambda x, y: operator.ne(_data(x), _data(y)),
)
_public = "exp log log1p expm1 sqrt sin cos tanh logaddexp maximum minimum clip where sum mean var std"
_public += (
    " max min reshape transpose flip pad squeeze concatenate stack broadcast_to expand_dims matmul einsum abs"
)
numpy_protocol.functions.update(
    {name: name for name in _public.split()}, absolute="abs", negative="neg", amax="max", amin="min"
)
