"""Shapes: nothing is computed, only put elsewhere, so each adjoint puts things back.

The form is that of ops.py: the forward on arrays, and the rules beside it.
"""

from minigen.engine.backend import add_at, namespace, settle
from minigen.engine.tape import RuleForEach, Tensor, op


def axes_of(axis, ndim):
    """`axis` (None, one or several, negative ones too) as a tuple of axes from 0 to ndim - 1."""
    axes = range(ndim) if axis is None else axis if isinstance(axis, tuple | list) else (axis,)
    if not all(-ndim <= a < ndim for a in axes):
        raise ValueError(f"axis {axis} does not exist: the array has {ndim} axes, 0 to {ndim - 1}")
    return tuple(a % ndim for a in axes)


@op(moves=True)
def reshape(x, shape):
    return x.reshape(shape)


@op(moves=True)
def transpose(x, axes=None):
    """The axes in another order; reversed when none is given."""
    return x.transpose(axes)


@op(moves=True)
def flip(x, axis=None):
    return namespace(x).flip(x, axis)


@op(moves=True)
def getitem(x, index):
    """x[index], with slices, integers, masks and integer arrays."""
    return x[index]


@op(moves=True)
def scatter(g, index, shape):
    """Zeros of `shape` with g added at `index`, k times where an index occurs k times: the adjoint of `getitem`."""
    out = namespace(g).zeros(shape, g.dtype)
    add_at(out, index, g)
    return out


@op(moves=True)
def pad(x, widths):
    """Zeros around x: `widths` gives (before, after) for each axis."""
    out = namespace(x).zeros(tuple(n + a + b for n, (a, b) in zip(x.shape, widths, strict=True)), x.dtype)
    out[_middle(x.shape, widths)] = x
    return out


@op(moves=True)
def _concatenate(*xs, axis):
    return namespace(*xs).concatenate(xs, axis)


def _middle(shape, widths):
    return tuple(slice(a, a + n) for n, (a, _) in zip(shape, widths, strict=True))


def inverse_of(axes):
    return None if axes is None else tuple(sorted(range(len(axes)), key=lambda i: axes[i] % len(axes)))


def _part(i, xs, axis):
    """Where argument i lies in the joined array."""
    start = sum(x.shape[axis] for x in xs[:i])
    return (slice(None),) * (axis % xs[0].ndim) + (slice(start, start + xs[i].shape[axis]),)


reshape.rule(lambda g, out, x, shape: g.reshape(x.shape))
transpose.rule(lambda g, out, x, axes=None: g.transpose(inverse_of(axes)))
flip.rule(lambda g, out, x, axis=None: flip(g, axis))
getitem.rule(lambda g, out, x, index: scatter(g, index, x.shape))
scatter.rule(lambda g, out, x, index, shape: g[index])
pad.rule(lambda g, out, x, widths: g[_middle(x.shape, widths)])
_concatenate.rules = RuleForEach(lambda i, g, out, *xs, axis: g[_part(i, xs, axis)])


def concatenate(tensors, axis=0):
    """Several arrays end to end along `axis`."""
    return _concatenate(*tensors, axis=axis)


def stack(tensors, axis=0):
    """Several arrays of one shape side by side along a new `axis`."""
    return _concatenate(*(expand_dims(t, axis) for t in tensors), axis=axis)


def expand_dims(x, axis):
    """A new axis of size 1 at position `axis`."""
    x = x if isinstance(x, Tensor) else settle("expand_dims", ["x"], [x], moves=True)[0]
    axis = axis % (x.ndim + 1)
    return reshape(x, (*x.shape[:axis], 1, *x.shape[axis:]))


def squeeze(x, axis=None):
    """x without its axes of size 1, or without the given one(s)."""
    x = x if isinstance(x, Tensor) else settle("squeeze", ["x"], [x], moves=True)[0]
    axes = [i for i, n in enumerate(x.shape) if n == 1] if axis is None else axes_of(axis, x.ndim)
    for i in axes:
        if x.shape[i] != 1:
            raise ValueError(
                f"squeeze: axis {i} has size {x.shape[i]}, only axes of size 1 can go; x is {x.shape}"
            )
    return reshape(x, tuple(n for i, n in enumerate(x.shape) if i not in axes))
