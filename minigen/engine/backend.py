"""The only file that distinguishes the two array libraries: NumPy on the CPU, CuPy on a GPU.

They share one interface, so most code names neither: operators and methods (`x * y`, `x.sum(axis)`) belong to
the array. For the rest, `xp = namespace(x)` finds the library that owns `x`. Random numbers are always drawn
by NumPy on the host and then moved, so one seed gives the same bits on both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np

from minigen.engine.numpy_protocol import TORCH

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

Array: TypeAlias = np.ndarray  # in annotations: an array of NumPy, or of CuPy, which has the same interface
Seed: TypeAlias = "int | np.random.Generator | Random"  # text, because np.random is slow to import
T = TypeVar("T")
F = TypeVar("F", bound=Callable)

_namespaces = {np.ndarray: np, float: None, int: None, bool: None}

# What `replay` (fast/replay.py) uses while it writes down a step: its recording, and the class of its arrays,
# with what is the library for them.
recorder: ContextVar = ContextVar("the recording of the step that is being written down", default=None)
stand_ins: dict[type, Any] = {}
# A replay looks at the settings of modules: a sum over the switches that are not as they were at first, which
# is the old one again where `eval()` was followed by `train()`, and how often another setting has changed.
settings = [0, 0]


def namespace(*arrays: Any) -> Any:
    """The library (`numpy` or `cupy`) that all the arrays belong to, by their exact type;
    Python scalars fit either.

    Raises TypeError when two libraries meet, and when something is no array at all.
    """
    found = None
    for array in arrays:
        kind = type(array)
        xp = _namespaces[kind] if kind in _namespaces else _learn(kind)
        if xp is not found and xp is not None:
            if found is not None and recorder.get() is None:
                raise mixed(*arrays)
            found = xp if found in (None, np) else found
    return found or np


def _learn(kind):
    if issubclass(kind, np.generic):
        xp = np
    elif kind in stand_ins:
        xp = stand_ins[kind]
    elif kind.__module__.partition(".")[0] == "cupy":
        import cupy as xp
    else:
        raise TypeError(
            f"expected an array of NumPy or CuPy, got {kind.__name__}: convert it with np.asarray first"
        )
    _namespaces[kind] = xp
    return xp


def mixed(*arrays):
    """The error for arrays of two libraries in one operation, with its cure."""
    kinds = dict.fromkeys(f"{type(a).__module__.partition('.')[0]}.{type(a).__name__}" for a in arrays)
    return TypeError(
        f"arrays of one library expected, got {', '.join(kinds)}: move them to one device with "
        "minigen.to(array, 'cpu'|'cuda')"
    )


def is_array(value: object) -> bool:
    """Whether `value` is an array of either library."""
    kind = type(value)
    return kind is np.ndarray or kind in stand_ins or kind.__module__.partition(".")[0] == "cupy"


def as_array(data, like=None):
    """`data` (array, list, number) as an array; 0-d results of NumPy's reductions,
    which are scalars, become arrays.
    """
    return data if is_array(data) else (np if like is None else namespace(like)).asarray(data)


def refuse_container(what, value):
    """TypeError for an array with rules of its own, which plain NumPy calls would forget:
    a masked array, an np.matrix.
    """
    if type(value).__module__ == "torch":
        raise TypeError(TORCH)
    if isinstance(value, np.ndarray) and type(value) is not np.ndarray:
        cure = {
            "MaskedArray": "use x.filled(value), or minigen.where(mask, x, value)",
            "matrix": "use np.asarray(x)",
        }.get(type(value).__name__, "use np.asarray(x) if the plain values are meant")
        raise TypeError(f"{what} is a {type(value).__name__}, whose own rules would be lost: {cure}")


def settle(caller, names, values, selects=(), moves=False):
    """The array arguments of one operation as arrays of one floating dtype; see `minigen.op`
    for what is done and why.

    `names` are their names and `selects` marks the masks and labels among them, which stay as they are.
    """
    selects = selects or [False] * len(values)
    if any(is_array(v) and not mask for v, mask in zip(values, selects, strict=True)):
        values = [
            v.item() if isinstance(v, np.generic) else v for v in values
        ]  # take the dtype of the arrays
    elif any(isinstance(v, np.generic) for v in values):
        values = [np.asarray(v) if isinstance(v, np.generic) else v for v in values]
    else:
        values = [np.asarray(v) if isinstance(v, int | float) else v for v in values]
    for name, value, mask in zip(names, values, selects, strict=True):
        refuse_container(f"{caller}: {name}", value)
        if is_array(value):
            if value.dtype.kind not in "fiub":
                raise TypeError(f"{caller}: {name} has dtype {value.dtype}; real numbers expected")
        elif not (value is None or isinstance(value, int | float)):
            cure = f"np.asarray({name}{'' if mask else ', np.float32'})"
            raise TypeError(
                f"{caller}: {name} is a {type(value).__name__}; an array or a Tensor expected: use {cure}"
            )
    floats = {
        name: v.dtype
        for name, v, mask in zip(names, values, selects, strict=False)
        if is_array(v) and v.dtype.kind == "f" and not mask
    }
    if len(set(floats.values())) > 1:
        raise two_dtypes(caller, floats)
    if moves and not floats:
        return values
    dtype = next(iter(floats.values()), np.dtype(np.float64))
    return [
        v
        if mask or not is_array(v) or v.dtype.kind == "f" or (v.dtype.kind == "b" and floats)
        else v.astype(dtype)
        for v, mask in zip(values, selects, strict=True)
    ]


def two_dtypes(caller, floats):
    """The error for two floating dtypes in one operation: it names the argument that differs,
    and the call that converts it.
    """
    names = {dtype: [n for n, d in floats.items() if d == dtype] for dtype in floats.values()}
    (odd, odds), *others = sorted(names.items(), key=lambda item: (len(item[1]), -item[0].itemsize))
    other, rest = max(others, key=lambda item: len(item[1]))
    cure = " and ".join(f"{name}.astype(np.{other})" for name in odds)
    if odds == ["x"] and "weight" in rest:
        cure += f", or layer.astype(np.{odd})"  # a layer is changed as a whole
    elif rest == ["x"] and "weight" in odds:
        cure = f"x.astype(np.{odd}), or layer.astype(np.{other})"

    def are(names, dtype):
        return f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} {dtype}"

    return TypeError(f"{caller}: {are(odds, odd)}, but {are(rest, other)}: use {cure}")


def own(value):
    """A copy of every array in an argument, for the tape: the owner of the original may write to it."""
    if type(value) is int or value is None:  # a stride, an axis
        return value
    if is_array(value):
        return value.copy(order="K")
    if isinstance(value, tuple | list):
        return type(value)(map(own, value))
    return value


def device_of(array: Array) -> str:
    """'cpu' for a NumPy array, 'cuda' for a CuPy array."""
    return "cuda" if namespace(array).__name__ == "cupy" else "cpu"


def to(array: Array, device: str) -> Array:
    """`array` on `device` ('cpu' or 'cuda'): the same object if it is there already, otherwise a copy.

    Raises ValueError for another device name and RuntimeError, with the cure, where CuPy or a GPU is missing.
    """
    if device not in ("cpu", "cuda"):
        raise ValueError(f"device: expected 'cpu' or 'cuda', got {device!r}")
    if device_of(array) == device:
        return array
    return array.get() if device == "cpu" else _cupy().asarray(array)


def _cupy():
    try:
        import cupy

        cupy.cuda.runtime.getDeviceCount()
    except ImportError:
        raise RuntimeError(
            "device 'cuda' needs CuPy: from the checkout, pip install '.[cuda]'; or stay on device 'cpu'"
        ) from None
    except Exception as error:  # CuPy's own error classes exist only where CuPy does
        raise RuntimeError(f"device 'cuda' needs a working GPU ({error}); stay on device 'cpu'") from error
    return cupy


def whole(function: F, keeps: bool = False) -> F:
    """Make a function one entry of a replay, called as it is: for what has a state, checks values, or is one
    large call. Where it has an argument `out`, its result is written there. `keeps` says that the arrays it
    is given are kept by somebody, so it has to be given copies.
    """

    @wraps(function)
    def called(*args, **kwargs):
        if recorder.get() is None:
            return function(*args, **kwargs)
        return recorder.get().call(function, args, kwargs, keeps)

    return called


class Random:
    """Random numbers drawn on the host by one seeded NumPy generator and moved to `device`.

    The same seed gives the same bits on either device, and `state` (a plain dict) can be saved and put back.
    """

    def __init__(self, seed: int, device: str = "cpu", dtype: DTypeLike = np.float32) -> None:
        self._generator = np.random.default_rng(seed)
        self.device, self.dtype = device, np.dtype(dtype)

    @property
    def generator(self) -> np.random.Generator:
        """The generator of NumPy that draws the numbers."""
        if recorder.get() is not None:
            recorder.get().refuse("numbers are drawn by a generator of NumPy: draw them by minigen.Random")
        return self._generator

    @whole
    def normal(self, *shape: int) -> Array:
        """Independent draws from N(0, 1)."""
        return to(self.generator.standard_normal(shape).astype(self.dtype), self.device)

    @whole
    def uniform(self, *shape: int) -> Array:
        """Independent draws from U[0, 1)."""
        below_one = np.nextafter(1, 0, dtype=self.dtype)  # float32 rounds the largest draws up to 1
        return to(np.minimum(self.generator.random(shape).astype(self.dtype), below_one), self.device)

    @whole
    def bernoulli(self, p: float, *shape: int) -> Array:
        """Independent zeros and ones, one with probability `p`: the mask of dropout and of masking noise."""
        return to((self.generator.random(shape) < p).astype(self.dtype), self.device)

    @whole
    def permutation(self, n: int) -> Array:
        """0 .. n-1 in random order."""
        return to(self.generator.permutation(n), self.device)

    @property
    def state(self) -> dict[str, Any]:
        return self.generator.bit_generator.state

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        self.generator.bit_generator.state = state


def add_at(target, index, values):
    """target[index] += values in place, where an index that occurs k times receives k additions."""
    if has_arrays(index):
        namespace(target, values).add.at(target, index, values)
    else:  # slices and integers name each place at most once, so the plain form is right, and fast
        target[index] += values


def has_arrays(index):
    """Whether an index holds integer arrays or lists, which may name one place twice."""
    return any(is_array(i) or isinstance(i, list) for i in (index if isinstance(index, tuple) else (index,)))


def unstretched(x):
    """An array as it was before it was stretched: of size 1 along the axes where every entry is the same one.

    What is then done to it is done once and not for all entries. A tensor is given back as it is.
    """
    return x[(*(slice(None if step else 1) for step in x.strides), ...)] if is_array(x) else x


def windows(x, kernel, stride, dilation):
    """Every window of a kernel, as a view without a copy: (N, H, W, C) -> (N, OH, OW, kh, kw, C).

    windows[n, i, j, a, b] is x[n, i*stride + a*dilation, j*stride + b*dilation]. Do not write
    to it: windows overlap.
    """
    (n, h, w, c), (kh, kw), (sh, sw), (dh, dw) = x.shape, kernel, stride, dilation
    oh, ow = (h - dh * (kh - 1) - 1) // sh + 1, (w - dw * (kw - 1) - 1) // sw + 1
    bn, bh, bw, bc = x.strides
    return namespace(x).lib.stride_tricks.as_strided(
        x, (n, oh, ow, kh, kw, c), (bn, bh * sh, bw * sw, bh * dh, bw * dw, bc)
    )


@contextmanager
def setting(variable: ContextVar[T], value: T) -> Iterator[T]:
    """A context variable set to `value` inside the with block, for this thread alone."""
    token = variable.set(value)
    try:
        yield value
    finally:
        variable.reset(token)
