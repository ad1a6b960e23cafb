"""A stand-in for CuPy: CuPy's manners, NumPy's arithmetic. No GPU code is being run.

It shows whether code would be refused: a NumPy array that meets a device array, an implicit conversion, a
function of NumPy where `namespace` was forgotten, a name that CuPy lacks, a reduction taken for
a Python number. And it counts what a GPU is slow at: kernels launched, results read by the host,
data uploaded. It cannot show the numbers CUDA computes, kernel source, asynchrony, or speed;
only the same tests on a real GPU can.

Manners follow CuPy 14: promotion by NEP 50 (NumPy 2 does the same), C-ordered results whatever the
order of the operands, 0-d arrays from reductions. Where there is a graphics card, the tests of these
manners run over CuPy too. It is stricter where CuPy is slow or silent: `np.exp(x)` works on CuPy,
slowly; an array of indices out of range wraps around, and a view made by broadcast_to can be written to.
It lacks what it was not taught.
"""

import sys
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import ModuleType, SimpleNamespace

import numpy as np


@dataclass
class Counts:
    launches: int = 0  # kernels started
    reads: int = 0  # times the host waited for a result
    uploads: int = 0  # times host data was sent to the device


counts = Counts()


@contextmanager
def counting():
    """`with counting() as counted:` holds, after the block, what happened inside it."""
    before, counted = replace(counts), Counts()
    yield counted
    for name in vars(counts):
        setattr(counted, name, getattr(counts, name) - getattr(before, name))


class ndarray:
    """What CuPy calls an array: it lives elsewhere (here: in `_device`), and the host has to ask for it."""

    __module__ = "cupy"
    __slots__ = ("_device", "__weakref__")
    __hash__ = None
    __array_priority__ = 100

    T = property(lambda self: _wrap(self._device.T))
    base = property(lambda self: None if self._device.base is None else _wrap(self._device.base))
    flat = property(lambda self: iter(self.ravel()))

    def __getitem__(self, index):
        index, moves = _index(index, reading=True)
        counts.launches += moves
        got = self._device[index]
        if moves:
            got = np.array(got, order="C")  # what is gathered lies in the order of its axes
        if isinstance(got, np.generic):  # CuPy answers with a 0-d view
            got = self._device[(*index, ...) if isinstance(index, tuple) else (index, ...)]
        return _wrap(got)

    def __setitem__(self, index, value):
        if isinstance(value, (np.ndarray, list, tuple)):
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        counts.launches += 1
        self._device[_index(index, reading=False)[0]] = _operand(value)

    def __len__(self):
        return len(self._device)

    def __iter__(self):
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    def reshape(self, *shape):
        return _moved(self, self._device.reshape(*shape))

    def ravel(self):
        return _moved(self, self._device.ravel())

    def transpose(self, *axes):
        return _wrap(self._device.transpose(*axes))

    def view(self, dtype):
        return _wrap(self._device.view(dtype))

    def astype(self, dtype, copy=True):
        return _launched(self._device.astype(dtype, copy=True)) if copy or self.dtype != dtype else self

    def copy(self, order="C"):
        return _launched(self._device.copy(order))

    def fill(self, value):
        self[...] = value

    def get(self):
        """A copy on the host, which has to wait for it."""
        counts.reads += 1
        return np.array(self._device, order="C")

    # How NumPy is kept out.

    def __array__(self, *args, **kwargs):
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. "
            "Please use `.get()` to construct a NumPy array explicitly."
        )

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        for value in inputs:
            if isinstance(value, np.ndarray):
                raise TypeError(f"Unsupported type {type(value)}")
        if method == "__call__" and not kwargs and any(isinstance(value, np.generic) for value in inputs):
            # np.float64(2) * x comes by here, and promotes, as on CuPy
            return getattr(cupy, ufunc.__name__)(*inputs)
        raise TypeError(
            f"np.{ufunc.__name__} on a CuPy array: slow on CuPy, refused by its stand-in; use namespace(x)"
        )

    def __array_function__(self, function, types, args, kwargs):
        raise TypeError(f"np.{function.__name__} on a CuPy array: refused by the stand-in; use namespace(x)")


def _wrap(host):
    array = object.__new__(ndarray)
    array._device = np.asarray(host)
    return array


def _launched(host):
    counts.launches += 1
    return _wrap(host)


def _moved(array, host):
    """A reshaped array: a view for nothing, or a copy for one launch."""
    return _wrap(host) if np.may_share_memory(array._device, host) else _launched(host)


def _operand(value):
    """What a kernel takes: a device array, or a Python or NumPy scalar."""
    if type(value) is ndarray:
        return value._device
    if isinstance(value, (bool, int, float, complex, np.generic)):
        return value
    raise TypeError(f"Unsupported type {type(value)}")


def _array(value):
    if type(value) is not ndarray:
        raise TypeError(f"Argument has incorrect type (expected cupy.ndarray, got {type(value).__name__})")
    return value._device


def _index(index, reading):
    """The index for NumPy, and whether a kernel has to gather.

    The size of what a mask picks, the host must wait for.
    """
    parts, moves = [], False
    for part in index if isinstance(index, tuple) else (index,):
        if isinstance(part, (list, np.ndarray)):  # CuPy takes these, and sends them over each time
            counts.uploads += 1
            part, moves = np.asarray(part), True
        elif type(part) is ndarray:
            part, moves = part._device, True
        if reading and isinstance(part, np.ndarray) and part.dtype == bool:
            counts.reads += 1
        parts.append(part)
    return (tuple(parts) if isinstance(index, tuple) else parts[0]), moves


class _Ufunc:
    def __init__(self, name):
        self.__name__, self._host = name, getattr(np, name)

    def __call__(self, *args, out=None, dtype=None):
        counts.launches += 1
        operands = [_operand(a) if self.__name__ != "matmul" else _array(a) for a in args]
        with np.errstate(all="ignore"):  # a kernel does not warn
            if out is not None:
                self._host(*operands, out=_array(out), dtype=dtype)
                return out
            return _wrap(self._host(*operands, order="C", dtype=dtype))

    def at(self, array, indices, values):
        if self.__name__ not in ("add", "subtract", "maximum", "minimum"):
            raise NotImplementedError(f"`cupy_{self.__name__}.at` is not supported yet")
        if self.__name__ == "subtract" and array.dtype not in (np.int32, np.uint32):
            raise TypeError("cupy.subtract.at only supports int32, uint32, as data type")
        counts.launches += 1
        self._host.at(_array(array), _index(indices, reading=False)[0], _operand(values))


def _reduction(name):
    def reduce(self, axis=None, *, keepdims=False, **dtype):
        if isinstance(axis, list):
            raise TypeError("'list' object cannot be interpreted as an integer")
        if unknown := dtype.keys() - {"dtype"}:
            raise TypeError(f"{name}() got an unexpected keyword argument {unknown.pop()!r}")
        with np.errstate(all="ignore"):
            reduced = getattr(self._device, name)(axis=axis, keepdims=keepdims, **dtype)
            return _launched(np.array(reduced, order="C"))

    return reduce


def _operator(ufunc, swapped=False):
    def operate(self, other):
        if type(other) is not ndarray and getattr(other, "__array_ufunc__", False) is None:
            return NotImplemented  # NEP 13, asked of the object: the other one knows better
        return ufunc(other, self) if swapped else ufunc(self, other)

    return operate


cupy = ModuleType("cupy", __doc__)

UFUNCS = (
    "add subtract multiply divide floor_divide remainder power negative absolute abs matmul sign "
    "maximum minimum"
)
UFUNCS += (
    " logaddexp exp expm1 log log1p sqrt square sin cos tanh floor ceil reciprocal isfinite isnan "
    "isinf invert bitwise_and"
)
UFUNCS += (
    " bitwise_or bitwise_xor logical_and logical_or logical_not less less_equal greater greater_equal "
    "equal not_equal"
)
for _name in UFUNCS.split():
    setattr(cupy, _name, _Ufunc(_name))

for _name in "sum mean prod max min any all argmax argmin var std".split():
    _method = _reduction(_name)
    setattr(ndarray, _name, _method)
    setattr(cupy, _name, lambda a, axis=None, _m=_method, **kwargs: (_array(a), _m(a, axis, **kwargs))[1])

for _name in "shape dtype ndim size strides flags nbytes itemsize".split():
    setattr(ndarray, _name, property(lambda self, _n=_name: getattr(self._device, _n)))

for _name in "tolist __float__ __int__ __bool__ __repr__ __format__".split():
    setattr(ndarray, _name, lambda self, *args, _n=_name: getattr(self.get(), _n)(*args))
ndarray.item = lambda self: self.get().item()

BINARY = dict(
    add="add", sub="subtract", mul="multiply", truediv="divide", floordiv="floor_divide", mod="remainder"
)
BINARY |= {"pow": "power", "matmul": "matmul", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor"}
for _name, _ufunc in BINARY.items():
    _ufunc = getattr(cupy, _ufunc)
    setattr(ndarray, f"__{_name}__", _operator(_ufunc))
    setattr(ndarray, f"__r{_name}__", _operator(_ufunc, swapped=True))
    setattr(ndarray, f"__i{_name}__", lambda self, other, _u=_ufunc: _u(self, other, out=self))

COMPARISONS = dict(lt="less", le="less_equal", gt="greater", ge="greater_equal", eq="equal", ne="not_equal")
for _name, _ufunc in COMPARISONS.items():
    setattr(ndarray, f"__{_name}__", _operator(getattr(cupy, _ufunc)))

for _name, _ufunc in dict(neg="negative", abs="absolute", invert="invert").items():
    _ufunc = getattr(cupy, _ufunc)
    setattr(ndarray, f"__{_name}__", lambda self, _u=_ufunc: _u(self))


def asarray(a, dtype=None):
    if type(a) is ndarray:
        return a if dtype is None or a.dtype == dtype else a.astype(dtype)
    counts.uploads += 1
    return _wrap(np.array(a, dtype=dtype, order="A"))


def array(a, dtype=None):
    return a.astype(dtype or a.dtype) if type(a) is ndarray else asarray(a, dtype)


def asnumpy(a):
    return a.get() if type(a) is ndarray else np.asarray(a)


def where(condition, x, y):
    return _launched(np.where(_array(condition), _operand(x), _operand(y)))


def clip(a, a_min, a_max, out=None):
    low, high = (None if bound is None else _operand(bound) for bound in (a_min, a_max))
    return _launched(np.array(np.clip(_array(a), low, high), order="C"))


def concatenate(arrays, axis=0):
    return _launched(np.array(np.concatenate([_array(a) for a in arrays], axis), order="C"))


def flip(a, axis=None):
    return _wrap(np.flip(_array(a), axis))


def einsum(subscripts, *arrays):
    return _launched(np.einsum(subscripts, *(_array(a) for a in arrays)))


def may_share_memory(a, b):
    return np.may_share_memory(_array(a), _array(b))


def broadcast_to(a, shape):
    return _wrap(np.broadcast_to(_array(a), shape))


def tile(a, reps):
    return _launched(np.tile(_array(a), reps))


def _as_strided(x, shape=None, strides=None):
    return _wrap(np.lib.stride_tricks.as_strided(_array(x), shape, strides))


for _function in (
    asarray,
    array,
    asnumpy,
    where,
    clip,
    concatenate,
    flip,
    einsum,
    broadcast_to,
    may_share_memory,
    tile,
):
    setattr(cupy, _function.__name__, _function)
for _name in "empty zeros ones full arange".split():
    _function = getattr(np, _name)
    setattr(cupy, _name, lambda *args, _f=_function, **kwargs: _launched(_f(*args, **kwargs)))
for _name in "empty_like zeros_like ones_like full_like".split():
    _function = getattr(np, _name)
    setattr(cupy, _name, lambda a, *args, _f=_function, **kwargs: _launched(_f(_array(a), *args, **kwargs)))
for _name in "bool_ int32 int64 float32 float64 inf nan pi newaxis".split():
    setattr(cupy, _name, getattr(np, _name))
cupy.ndarray = ndarray
cupy.lib = SimpleNamespace(stride_tricks=SimpleNamespace(as_strided=_as_strided))
cupy.cuda = SimpleNamespace(runtime=SimpleNamespace(getDeviceCount=lambda: 1))


@contextmanager
def installed():
    """`with installed() as cupy:` `import cupy` finds the stand-in,
    and afterwards whatever was there before.
    """
    before = sys.modules.get("cupy")
    sys.modules["cupy"] = cupy
    try:
        yield cupy
    finally:
        del sys.modules["cupy"]
        if before is not None:
            sys.modules["cupy"] = before
