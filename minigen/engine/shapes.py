"""Operations that only move entries; their gradients move them back.

The form is that of ops.py: the forward on arrays, and the rules directly under it.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias, overload

from minigen.engine.backend import Array, add_at, namespace, settle
from minigen.engine.tape import RuleForEach, Tensor, Value, Values, op

Axis: TypeAlias = int | tuple[int, ...] | list[int] | None  # in annotations: one axis, several, or all
Shape: TypeAlias = tuple[int, ...] | list[int]


def axes_of(axis, ndim):
    """`axis` (None, one or several, negative ones too) as a tuple of axes from 0 to ndim - 1.

    Raises ValueError for an axis that does not exist or comes twice, TypeError for one
    that is no whole number.
    """
    if axis is None:
        return tuple(range(ndim))
    axes = tuple(operator.index(a) for a in (axis if isinstance(axis, tuple | list) else (axis,)))
    if not all(-ndim <= a < ndim for a in axes):
        which = f"{ndim} axes, 0 to {ndim - 1}" if ndim else "no axes: it is one number"
        raise ValueError(f"axis {axis} does not exist: the array has {which}")
    axes = tuple(a % ndim for a in axes)
    if len(set(axes)) < len(axes):
        raise ValueError(f"axis {axis} names an axis twice")
    return axes


@op(moves=True)
def reshape(x: Value, shape: Shape) -> Value:
    """The same entries in another shape, in row-major order; one size may be -1 and is computed from the
    others. Raises ValueError where the number of entries differs.
    """
    return x.reshape(shape)


reshape.rule(lambda g, out, x, shape: g.reshape(x.shape))


@op(moves=True)
def transpose(x: Value, axes: Shape | None = None) -> Value:
    """The axes in another order, out.shape[i] = x.shape[axes[i]]; reversed when none is given.

    Raises ValueError where `axes` is not a permutation of them.
    """
    return x.transpose(axes)


transpose.rule(lambda g, out, x, axes=None: g.transpose(inverse_of(axes)))


def inverse_of(axes):
    """The order of axes that undoes the order `axes`."""
    return None if axes is None else tuple(sorted(range(len(axes)), key=lambda i: axes[i] % len(axes)))


@op(moves=True)
def flip(x: Value, axis: Axis = None) -> Value:
    """x with the order of its entries reversed along `axis` (one, several, or all): the shape of x.

    Raises ValueError for an axis that does not exist.
    """
    return namespace(x).flip(x, axes_of(axis, x.ndim))


flip.rule(lambda g, out, x, axis=None: flip(g, axis))


@op(moves=True)
def getitem(x: Value, index: Any) -> Value:
    """x[index], with slices, integers, masks and integer arrays, as in NumPy.

    Raises IndexError for an index outside x.
    """
    return x[index]


getitem.rule(lambda g, out, x, index: scatter(g, index, x.shape))


@op(moves=True)
def scatter(g: Value, index: Any, shape: Shape) -> Value:
    """Zeros of `shape` with g added at `index`, k times where an index occurs k times:
    the adjoint of `getitem`.
    """
    out = namespace(g).zeros(shape, g.dtype)
    add_at(out, index, g)
    return out


scatter.rule(lambda g, out, x, index, shape: g[index])


@op(moves=True)
def pad(x: Value, widths: Sequence[tuple[int, int]]) -> Value:
    """Zeros around x: `widths` gives (before, after) for each axis, so size n becomes before + n + after.

    Raises ValueError for other widths.
    """
    _check_widths(x, widths)
    out = namespace(x).zeros(tuple(n + a + b for n, (a, b) in zip(x.shape, widths, strict=True)), x.dtype)
    out[_middle(x.shape, widths)] = x
    return out


pad.rule(lambda g, out, x, widths: g[_middle(x.shape, widths)])


def _check_widths(x, widths):
    try:
        fits = len(widths) == x.ndim and all(
            len(pair) == 2 and operator.index(min(pair)) >= 0 for pair in widths
        )
    except TypeError:
        fits = False
    if not fits:
        raise ValueError(
            f"pad: widths must hold (before, after), whole numbers not below 0, for each of the {x.ndim} "
            f"axes of x {x.shape}: {((1, 1),) * x.ndim} surrounds it by one; got {widths!r}"
        )


def _middle(shape, widths):
    return tuple(slice(a, a + n) for n, (a, _) in zip(shape, widths, strict=True))


@op(moves=True, name="concatenate")
def _concatenate(*xs, axis):
    """Several arrays end to end along `axis`."""
    return namespace(*xs).concatenate(xs, axis)


_concatenate.rules = RuleForEach(lambda i, g, out, *xs, axis: g[_part(i, xs, axis)])


def _part(i, xs, axis):
    """Where argument i lies in the joined array."""
    start = sum(x.shape[axis] for x in xs[:i])
    return (slice(None),) * axis + (slice(start, start + xs[i].shape[axis]),)


@overload
def concatenate(tensors: Iterable[Array], axis: int = 0) -> Array: ...
@overload
def concatenate(tensors: Iterable[Value], axis: int = 0) -> Tensor: ...
def concatenate(tensors: Iterable[Value], axis: int = 0) -> Value:
    """Several arrays joined along `axis`, whose sizes add up.

    Raises ValueError where another axis differs in size, and for no arrays.
    """
    tensors = _several("concatenate", tensors)
    shapes = [t.shape for t in tensors]
    (axis,) = axes_of(operator.index(axis), len(shapes[0]))
    if len({(len(s), *s[:axis], *s[axis + 1 :]) for s in shapes}) > 1:
        raise ValueError(f"concatenate: all axes but axis {axis} must have equal sizes, got shapes {shapes}")
    return _concatenate(*tensors, axis=axis)


@overload
def stack(tensors: Iterable[Array], axis: int = 0) -> Array: ...
@overload
def stack(tensors: Iterable[Value], axis: int = 0) -> Tensor: ...
def stack(tensors: Iterable[Value], axis: int = 0) -> Value:
    """n arrays of one shape joined along a new `axis` of size n.

    Raises ValueError for different shapes, and for no arrays.
    """
    tensors = _several("stack", tensors)
    shapes = [t.shape for t in tensors]
    if len(set(shapes)) > 1:
        raise ValueError(f"stack: arrays of one shape expected, got shapes {shapes}")
    axis = _new_axis("stack", axis, "the arrays have", shapes[0])
    return _concatenate(*(expand_dims(t, axis) for t in tensors), axis=axis)


def _several(caller, tensors):
    tensors = [_settled(caller, t) for t in tensors]
    if not tensors:
        raise ValueError(f"{caller}: no arrays given")
    return tensors


def _settled(caller, x):
    """x as an array or tensor, whose shape may be asked for."""
    return x if isinstance(x, Tensor) else settle(caller, ["x"], [x], moves=True)[0]


def expand_dims(x: Values, axis: int) -> Values:
    """x with a new axis of size 1 at position `axis` of the result.

    Raises ValueError unless -n-1 <= axis <= n, for x of n axes.
    """
    x = _settled("expand_dims", x)
    axis = _new_axis("expand_dims", axis, "x has", x.shape)
    return reshape(x, (*x.shape[:axis], 1, *x.shape[axis:]))


def _new_axis(caller, axis, whose, shape):
    """The place, from 0, of an axis that is put into `shape`."""
    axis, n = operator.index(axis), len(shape)
    if not -n - 1 <= axis <= n:
        raise ValueError(
            f"{caller}: axis {axis} is out of range: {whose} shape {shape}, "
            f"so the new axis must lie between {-n - 1} and {n}"
        )
    return axis % (n + 1)


def squeeze(x: Values, axis: Axis = None) -> Values:
    """x without its axes of size 1, or without the given one(s).

    Raises ValueError where a given one is longer.
    """
    x = _settled("squeeze", x)
    axes = [i for i, n in enumerate(x.shape) if n == 1] if axis is None else axes_of(axis, x.ndim)
    for i in axes:
        if x.shape[i] != 1:
            raise ValueError(
                f"squeeze: axis {i} has size {x.shape[i]}, only axes of size 1 can go; x is {x.shape}"
            )
    return reshape(x, tuple(n for i, n in enumerate(x.shape) if i not in axes))
