"""Writing down a step: arrays that note what is done to them, and the notes.

A `Recorded` holds an array and behaves like one. What is computed with it is computed at once, on the array
inside, and noted in the `Recording` that goes on; the result is a `Recorded` again. To the engine it is
a third array library beside NumPy and CuPy: operators and methods belong to the array, and `namespace(x)`
gives the rest. An entry is one call that writes to memory. A view needs none: it always shows the same.

What cannot be repeated (a value that is read, a result whose size depends on values, a function that is not
known here) is done all the same, so that the step ends as it would have; the recording remembers the reason.
"""

from __future__ import annotations

import inspect
import operator
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from pathlib import Path

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from minigen.engine import backend, tape
from minigen.engine.tape import Leaf, Tensor

_packages = str(Path(__file__).parents[2]) + os.sep, str(Path(np.__file__).parent) + os.sep
NUMBERS = (bool, int, float, complex, str, bytes, np.generic, type(None))
_facts = {"shape", "dtype", "ndim", "size", "strides", "base", "flags", "itemsize", "nbytes"}
_readers = {"item", "tolist", "tobytes", "nonzero", "dump", "tofile"}
# What gives an array and does nothing else: methods of arrays, functions, and what is both.
_both = "reshape transpose squeeze swapaxes ravel copy dot sum mean max min prod any all argmax argmin"
_methods = {name: getattr(np.ndarray, name) for name in (_both + " view astype flatten").split()}
_functions = " where clip broadcast_to flip concatenate stack einsum tile expand_dims moveaxis"
_functions = {getattr(np, name) for name in (_both + _functions).split()}
_makers = {"zeros", "ones", "full", "empty", "arange", "zeros_like", "ones_like", "full_like", "empty_like"}
_questions = {np.may_share_memory, np.shares_memory, np.shape, np.ndim, np.size}  # the values do not matter


class Recorded(NDArrayOperatorsMixin):
    """An array `value` whose calls are noted. Operators are ufuncs, as the mixin has them."""

    __slots__ = ("value", "__weakref__")

    def __init__(self, value):
        self.value = value

    @property
    def recording(self):
        return backend.recorder.get() or Recording()  # of an array that is kept after the step, in vain

    def __array_ufunc__(self, ufunc, method, *inputs, out=(), **kwargs):
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        if out:
            kwargs["out"] = out if len(out) > 1 else out[0]
        if ufunc.nout > 1 or method not in ("__call__", "reduce", "at"):
            return self._unknown(function, inputs, kwargs)
        written = inputs[0] if method == "at" else kwargs.get("out")
        return self.recording.note(function, inputs, kwargs, written)

    def __array_function__(self, function, types, args, kwargs):
        if function in _questions:
            args, kwargs = self.recording.plain((args, kwargs))
            return function(*args, **kwargs)
        if function not in _functions or "out" in kwargs or (function is np.where and len(args) != 3):
            return self._unknown(function, args, kwargs)
        return self.recording.note(function, args, kwargs)

    def _unknown(self, function, args, kwargs):
        self.recording.refuse(f"np.{function.__name__} in this form is not written down")
        args, kwargs = self.recording.plain((args, kwargs))
        return function(*args, **kwargs)

    def __array__(self, *args, **kwargs):
        self.recording.refuse("an array is converted by a function that is not written down")
        return np.array(self.value, *args, **kwargs)

    def __getattr__(self, name):
        if name in _facts:
            return getattr(self.value, name)
        if name in _methods:
            return lambda *args, **kwargs: self.recording.note(_methods[name], (self, *args), kwargs)
        if name[:2] == "__":
            raise AttributeError(name)  # other protocols than these
        read = f"a value is read, by .{name}()" if name in _readers else f".{name} is not written down"
        self.recording.refuse(read)
        return getattr(self.value, name)

    T = property(lambda self: self.transpose())

    def sum(self, axis=None, **kwargs):
        return np.add.reduce(self, axis=axis, **kwargs)  # what NumPy's method does, with less around it

    def setflags(self, write):
        self.value.setflags(write=write)

    def __len__(self):
        return len(self.value)

    def __getitem__(self, index):
        plain = self.recording.plain(index)
        if any(getattr(i, "dtype", None) == np.dtype(bool) for i in parts(plain)):
            self.recording.refuse("a mask selects: the size of the result depends on values")
        if isinstance(self.value[plain], np.generic):
            return self[(*parts(index), ...)].copy()  # a copy, where (..., ) alone would give a view
        return self.recording.note(operator.getitem, (self, index), {})

    def __setitem__(self, index, value):
        target = self
        if not backend.has_arrays(self.recording.plain(index)):
            whole = () if any(i is Ellipsis for i in parts(index)) else (...,)
            target, index = self.value[(*parts(index), *whole)], ...
            if type(value) is Recorded and same_place(value.value, target):
                return  # x[i] += y has added in place already
        self.recording.note(operator.setitem, (target, index, value), {}, target)

    def __pow__(self, other):  # not np.power: x ** 2 is a square
        if getattr(other, "__array_ufunc__", 0) is None:  # as a Tensor has it: its own turn
            return NotImplemented
        return self.recording.note(operator.pow, (self, other), {})

    def __rpow__(self, other):
        return self.recording.note(operator.pow, (other, self), {})

    def __ipow__(self, other):
        return self.recording.note(operator.ipow, (self, other), {}, self)

    def _read(self, name):
        self.recording.refuse("a value is read: an `if`, or a conversion to a Python number, depends on it")
        return getattr(self.value, name)()

    def __repr__(self):
        return f"Recorded({self.value!r})"


for _name in ("__bool__", "__int__", "__float__", "__index__"):
    setattr(Recorded, _name, lambda x, _name=_name: x._read(_name))


class Namespace:
    """NumPy, as `namespace(x)` gives it for a `Recorded` x: new arrays are recorded ones, too."""

    def __getattr__(self, name):
        if name in _makers and backend.recorder.get():
            return partial(backend.recorder.get().make, getattr(np, name))
        return getattr(np, name)


backend.stand_ins[Recorded] = Namespace()


@dataclass(eq=False)
class Entry:
    """One call. `writes` is the array that it writes to, or None; it may have other `effects`."""

    function: Callable
    args: tuple
    kwargs: dict
    writes: np.ndarray | None
    effects: bool
    line: str  # of the person's program
    arrays: list  # all that it reads or writes
    errors: dict  # what NumPy is to do about a division by zero and the like, unlike outside the step
    constant: bool = False  # the result is the same in every play
    leaf: Leaf | None = None  # whose gradient this call adds to
    first: bool = False  # ... and the step has set the gradient to None before

    def makes(self, memory):
        """Whether it writes to the memory of this id."""
        return self.writes is not None and id(home(self.writes)) == memory


class Recording:
    """The notes of one run of a step."""

    def __init__(self, before=None):
        self.entries, self.why, self.errors = [], None, np.geterr()
        self.known = {}  # id of an array -> its stand-in, which keeps it alive
        self.own = {}  # id of memory that the step made -> its number
        self.fixed = []  # the arguments, in memory of their own
        self.tensors = {}  # id of a tensor that was there before -> (tensor, its array)
        self.held = {}  # place of an array that was there before -> (array, copy of what it must hold)
        self.start = next(tape._clock)
        self.leaves = {}  # id of a leaf that was given a gradient -> the leaf
        leaves, held = (before.leaves, before.held) if before else ({}, {})
        self.had = {key for key, leaf in leaves.items() if leaf.grad is not None}
        self._undisturbed([array for array, _ in held.values()])

    def run(self, step, args, kwargs):
        """The step, done and written down; `result` is what it returns."""
        args, kwargs = mapped((args, kwargs), self._fix)
        token = backend.recorder.set(self)
        try:
            self.result = step(*args, **kwargs)
        finally:
            backend.recorder.reset(token)
        self._undisturbed([array for array, _ in self.held.values()])

    def refuse(self, reason):
        """Remember the first reason why this step cannot be replayed."""
        self.why = self.why or f"{reason}; {_line()}"

    def number(self, array):
        """The number of the memory of an array that this step made; None for what was there before."""
        return self.own.get(id(home(array)))

    def _new(self, array):
        self.own[id(home(array))] = len(self.own)

    def _stand_in(self, array):
        if id(array) not in self.known:
            self.known[id(array)] = Recorded(array)
        return self.known[id(array)]

    def _fix(self, value):
        """An argument that is an array, in memory of its own and in the same layout."""
        array = value._array if isinstance(value, Tensor) and value.node is None else value
        if type(array) is not np.ndarray:
            if not isinstance(array, NUMBERS):
                history = " with a history" if isinstance(value, Tensor) else ""
                self.refuse(f"an argument is a {type(value).__name__}{history}: arrays and numbers expected")
            return value
        fixed = twin(array)
        fixed[...] = array
        self.fixed.append(fixed)
        self._new(fixed)
        stand_in = self._stand_in(fixed)
        return tape._tensor(stand_in, None) if isinstance(value, Tensor) else stand_in

    # ----- what the engine asks -----

    def seen(self, value):
        """The stand-in for the array of a tensor, or for an array; anything else as it is."""
        array = value._array if isinstance(value, Tensor) else value
        if type(array) is not np.ndarray:
            if type(array) is not Recorded and backend.is_array(array):
                self.refuse("its arrays are on a GPU")
            return array
        if isinstance(value, Tensor):
            self.tensors[id(value)] = value, array
        return self._stand_in(array)

    def arguments(self, args):
        """The arguments of an operation with stand-ins for all arrays."""
        return tuple(map(self._argument, args))

    def _argument(self, value):
        array = self.seen(value)
        if type(value) is not Tensor:
            return array
        tensor = tape._tensor(array, value.node)
        tensor._lent = value._lent
        return tensor

    # ----- what the stand-ins tell -----

    def plain(self, value):
        """`value` with the arrays in place of their stand-ins."""
        return mapped(value, self._array)

    def _array(self, value):
        if type(value) is not Recorded:
            return value
        if self.known.get(id(value.value)) is not value:
            self.refuse("a result of an earlier call is used: only parameters and arguments are carried over")
        return value.value

    def note(self, function, args, kwargs, target=None, effects=False):
        """A call, done and written down: `target` is an array that it changes, and `effects` says that it
        has others besides.
        """
        args, kwargs, target = self.plain((args, kwargs, target))
        arrays = arrays_in(args, kwargs)
        if target is not None and any(home(target) is home(fixed) for fixed in self.fixed):
            self.refuse("an argument is written to, which the caller would not see: return the result")
        self._undisturbed(arrays)
        with backend.setting(backend.recorder, None):
            result = function(*args, **kwargs)
        if target is not None or result is None:
            self._add(function, args, kwargs, target, effects)
            return None if target is None else self._stand_in(target)
        if isinstance(result, np.generic):
            result = np.asarray(result)
        if type(result) is not np.ndarray:
            self.refuse(f"{function.__name__} gives a {type(result).__name__}, not an array")
            return result
        if id(home(result)) in self.own or any(home(result) is home(array) for array in arrays):
            return self._stand_in(result)  # a view
        self._new(result)
        into = store, (result, function, args, kwargs), {}
        self._add(*(into if effects else written_into(function, args, kwargs, result)), result, effects)
        return self._stand_in(result)

    def make(self, function, *args, **kwargs):
        """A call that makes an array of numbers that are the same in every play."""
        args, kwargs = self.plain((args, kwargs))
        array = function(*args, **kwargs)
        self._new(array)
        if not function.__name__.startswith("empty"):
            self._add(np.copyto, (array, array.copy(order="K")), {}, array, constant=True)
        return self._stand_in(array)

    def call(self, function, args, kwargs=None, keeps=False):
        """A call of a function that is `whole`: one that has effects, or an argument `out` for its result."""
        leaf = args[0] if args and type(args[0]) is Leaf else None
        if leaf and leaf.tick > self.start:
            return function(*args)  # of a tensor that the step made: calls like any other
        first = leaf is not None and leaf.grad is None and leaf.buffer is not None and id(leaf) in self.had
        effects = "out" not in inspect.signature(function).parameters
        if keeps:
            function, args = with_copies, (function, args)
        result = self.note(function, args, kwargs or {}, effects=effects)
        if leaf:
            self.leaves[id(leaf)] = leaf
            self.entries[-1].leaf, self.entries[-1].first = leaf, first
        return result

    def _add(self, function, args, kwargs, writes, effects=False, constant=False):
        errors = {kind: how for kind, how in np.geterr().items() if how != self.errors[kind]}
        arrays = arrays_in(args, kwargs)
        self.entries.append(Entry(function, args, kwargs, writes, effects, _line(), arrays, errors, constant))
        if effects or self.number(writes) is None:
            self.held = {place: (array, array.copy()) for place, (array, _) in self.held.items()}

    def _undisturbed(self, arrays):
        """What was there before is changed by entries alone: no play would repeat another change."""
        for array in arrays:
            if self.number(array) is None:
                before = self.held.setdefault((id(home(array)), *place(array)), (array, array.copy()))[1]
                if before.tobytes() != array.tobytes():
                    self.refuse("an array was changed by a call that is not written down")

    # ----- two runs -----

    def difference(self, before):
        """Where this run was not like the one before, or None."""
        for mine, theirs in zip_longest(self.entries, before.entries):
            if mine is None or theirs is None:
                return f"two calls in a row did not do the same; {(mine or theirs).line}"
            for new, old in zip_longest(self._forms(mine), before._forms(theirs)):
                if new != old:
                    return f"{_told(new, old)}; {mine.line}"
        if self._flat(self.result) != before._flat(before.result):
            return "what the step returns is not the same in two calls"
        return None

    def _forms(self, entry):
        """What must be the same in two runs, one thing after the other."""
        if entry.constant:
            return [("number", entry.args[1].tobytes()), *self._flat(entry.writes)]
        return self._flat((entry.function, entry.args, entry.kwargs, entry.writes, entry.errors))

    def _flat(self, value):
        found = []

        def add(v):
            v = v._array if isinstance(v, Tensor) and type(v._array) is Recorded else v
            v = v.value if type(v) is Recorded else v
            if type(v) is np.ndarray:
                number = self.number(v)
                found.append(("array", id(home(v)) if number is None else number, number is None, *place(v)))
            elif isinstance(v, (*NUMBERS, np.dtype)):
                found.append(("number", type(v), repr(v)))
            elif isinstance(v, np.ufunc) or not hasattr(v, "__self__"):
                found.append(("object", id(v)))
            else:  # a method of NumPy is a new object whenever it is asked for
                found.append(("object", id(v.__self__), v.__name__))

        mapped(value, add, found.append)
        return found


def _told(new, old):
    """What is wrong about a step that did `new` where it did `old` before."""
    if new and old and new[0] == old[0] == "array" and new[2] and old[2]:
        return "an array is made anew in every call: make it an argument, or make it once, outside the step"
    if new and old and new[0] == old[0] == "number" and len(new) > 2:
        return f"a number differs from call to call, {old[-1]} and then {new[-1]}: it cannot be repeated"
    return "two calls in a row did not do the same"


# ----- calls that write into memory that is there -----


def written_into(function, args, kwargs, result):
    """(function, args, kwargs) of a call that writes into `result` what function(*args, **kwargs) gives.

    It is tried, and taken only if it gives the same bits.
    """
    trial = twin(result)
    try:
        call = _with_out(function, args, kwargs, trial)
        call[0](*call[1], **call[2])
        if trial.tobytes() == result.tobytes():
            return _with_out(function, args, kwargs, result)
    except (TypeError, ValueError):
        pass
    return store, (result, function, args, kwargs), {}


def _with_out(function, args, kwargs, out):
    if function is operator.pow and args[1:] == (2,):
        return np.multiply, (args[0], args[0], out), {}
    if function in (np.ndarray.copy, np.ndarray.astype):
        return np.copyto, (out, args[0]), {"casting": "unsafe"}
    if function in (np.ndarray.reshape, np.ndarray.ravel, np.ndarray.flatten) and out.flags.c_contiguous:
        return np.copyto, (out.reshape(args[0].shape), args[0]), {}
    if function is np.where and not kwargs and args[0].dtype == bool:
        return choose, (*args, out), {}
    return function, args, {**kwargs, "out": out}


def choose(mask, x, y, out):
    np.copyto(out, y)
    np.copyto(out, x, where=mask)


def store(out, function, args, kwargs):
    out[...] = function(*args, **kwargs)


def with_copies(function, args):
    return function(*mapped(args, lambda v: v.copy(order="K") if type(v) is np.ndarray else v))


# ----- arrays within arguments, and their memory -----


def parts(index):
    """An index as a tuple."""
    return index if isinstance(index, tuple) else (index,)


def mapped(value, change, inside=lambda kind: None):
    """`value` with `change` applied to all that its tuples, lists, dicts and slices hold."""
    kind = type(value)
    if kind is tuple or kind is list:
        inside((kind, len(value)))
        return kind([mapped(v, change, inside) for v in value])
    if kind is dict:
        inside((kind, *value))
        return {key: mapped(v, change, inside) for key, v in value.items()}
    if kind is slice:
        return slice(*mapped((value.start, value.stop, value.step), change, inside))
    return change(value)


def arrays_in(*values):
    found = []
    mapped(values, lambda v: found.append(v) if type(v) is np.ndarray else None)
    return found


def home(array):
    """The array that owns the memory which an array shows."""
    while type(array.base) is np.ndarray:
        array = array.base
    return array


def address(array):
    return array.__array_interface__["data"][0]


def place(array):
    """Where an array lies in the memory of its owner, and how."""
    return address(array) - address(home(array)), array.shape, array.strides, array.dtype.str


def same_place(a, b):
    return home(a) is home(b) and place(a) == place(b)


def twin(array):
    """An empty array of the same layout, gaps and all."""
    steps = [(n - 1) * s for n, s in zip(array.shape, array.strides, strict=True)] if array.size else []
    before, after = -sum(s for s in steps if s < 0), sum(s for s in steps if s > 0)
    memory = np.empty(before + after + array.itemsize, np.uint8)
    return np.ndarray(array.shape, array.dtype, memory, before, array.strides)


def _line():
    """The line of the person's program that is being run."""
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_packages):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
