"""A check leaves a model as it was: running statistics, gradients, counters, whatever its methods change.

Forward and backward are called hundreds of times. The objects that they can reach by name
(the one a method belongs to, those a function closes over or names among its globals) are remembered before
and put back afterwards: attributes are bound to what they were bound to, and arrays hold what they held.
A list or an array that a function closes over without such an object is the person's own affair.
"""

import functools
import inspect
from contextlib import contextmanager
from types import FunctionType, MethodType

import numpy as np

from minigen.engine.tape import Tensor

MOST = 20_000  # objects: a search that finds more stops there
_LEAVES = (str, bytes, int, float, complex, bool, type(None), type, FunctionType, type(np))


@contextmanager
def preserved(*functions):
    """Put everything that the functions can reach back to what it was."""
    bound, arrays = snapshot(functions)
    try:
        yield
    finally:
        restore(bound, arrays)


def restore(bound, arrays):
    """Bind attributes and entries of containers as they were, and give arrays their values back."""
    for container, items in bound:
        if isinstance(container, list):
            container[:] = items
        else:
            container.clear()
            container.update(items)
    for x, values in arrays:
        if not np.array_equal(x, values, equal_nan=x.dtype.kind in "fc"):
            x[...] = values


def snapshot(functions):
    bound, arrays, seen = [], [], {}
    todo = [x for f in functions for x in _held(f) if isinstance(x, Tensor) or hasattr(x, "__dict__")]
    while todo and len(seen) < MOST:
        x = todo.pop()
        if isinstance(x, _LEAVES) or id(x) in seen:
            continue
        seen[id(x)] = x
        if isinstance(x, np.ndarray):
            if x.flags.writeable and x.dtype != object:
                arrays.append((x, x.copy()))
        elif isinstance(x, Tensor):
            todo += [x.data, x.grad]
            slots = _Slots(x, ("grad",))
            bound.append((slots, dict(slots)))
        elif isinstance(x, list):
            bound.append((x, list(x)))
            todo += x
        elif isinstance(x, dict):
            bound.append((x, dict(x)))
            todo += x.values()
        elif isinstance(x, tuple):
            todo += x
        elif isinstance(x, MethodType | functools.partial):
            todo += _held(x)
        elif type(vars(x) if hasattr(x, "__dict__") else None) is dict:
            bound.append((vars(x), dict(vars(x))))
            todo += vars(x).values()
    return bound, arrays


class _Slots(dict):
    """An object without a __dict__ that is restored like one."""

    def __init__(self, x, names):
        super().__init__((n, getattr(x, n)) for n in names)
        self.x = x

    def clear(self):
        pass

    def update(self, items):
        for n, v in items.items():
            if getattr(self.x, n) is not v:
                setattr(self.x, n, v)


def _held(f):
    """What a function, method or model holds on to."""
    if isinstance(f, functools.partial):
        return [*_held(f.func), *f.args, *f.keywords.values()]
    if isinstance(f, MethodType):
        return [f.__self__, *_held(f.__func__)]
    if not isinstance(f, FunctionType):
        return [] if f is None or inspect.isbuiltin(f) or isinstance(f, np.ufunc | type) else [f]
    held = [c.cell_contents for c in f.__closure__ or () if _filled(c)]
    held += f.__defaults__ or ()
    held += [f.__globals__[n] for n in f.__code__.co_names if n in f.__globals__]
    out = []
    for x in held:
        if isinstance(x, FunctionType) and x.__module__ == f.__module__ and x is not f:
            out += [c.cell_contents for c in x.__closure__ or () if _filled(c)]
            out += [x.__globals__[n] for n in x.__code__.co_names if n in x.__globals__]
        else:
            out.append(x)
    return out


def _filled(cell):
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True
