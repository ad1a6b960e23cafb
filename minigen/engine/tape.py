"""Automatic differentiation: a tape that records every operation, and a backward pass along it.

A `Tensor` is what a program holds: an array, its gradient, and the node it came from.
A `Node` is the record of one operation. Nodes point to earlier nodes and to plain arrays, never to a tensor,
so no reference cycle can form and memory is freed by counting alone.

Every node takes the next tick of one clock, so a result has a larger tick than its arguments.
The backward pass visits the nodes from the largest tick to the smallest. It comes to a node after all nodes
that depend on it, and the gradient of the node is then complete. This is what a topological order is for;
the smallest program that breaks without one is `y = x * x; z = y + y * x`.

Each operation has one rule per argument, the textbook formula, written in operators and minigen operations.
These work on arrays and on tensors alike: an ordinary backward pass hands the rules arrays, which is fast;
`create_graph=True` hands them tensors, so the gradient is itself on the tape and can be differentiated again.

What the tape has recorded does not change. A tensor owns its values: `Tensor(array)` copies them, and the
result of an operation is read-only. Once a person has asked for the `.data` of a parameter or a constant,
to write to it perhaps, the tape copies it wherever an operation is recorded, as it copies a plain array.
So the gradient is always that of the old values.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from contextvars import ContextVar
from functools import partial, update_wrapper, wraps
from itertools import count
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeAlias, TypeVar, overload

import numpy as np

from minigen.engine import anomaly, backend
from minigen.engine.backend import Array
from minigen.engine.fast import sums
from minigen.engine.numpy_protocol import NumPyProtocol

if TYPE_CHECKING:
    from minigen.engine.ops import Methods  # which ops.py gives to Tensor at the end
else:
    Methods = NumPyProtocol

_clock = count(1)
_recording = ContextVar("recording", default=True)
_branches: ContextVar[list | None] = ContextVar("branches", default=None)
_settled_here = ContextVar("rules are running on arrays, which are settled", default=False)
_watching, _new, _ndarray = anomaly.watching, object.__new__, np.ndarray
_float32, _float64 = np.dtype(np.float32), np.dtype(np.float64)
_tick = attrgetter("tick")
_floating = frozenset((np.ndarray, np.float32, np.float64))


class StaleGraphError(RuntimeError):
    """A backward pass would mix values from before and after an optimizer changed a parameter."""


class Node:
    """The record of one operation: the argument arrays, the output array, and the nodes of the arguments."""

    __slots__ = ("tick", "op", "values", "kwargs", "out", "parents", "line")

    def __init__(self, op, values, kwargs, out, parents, line):
        self.tick = next(_clock)
        self.op, self.values, self.kwargs = op, values, kwargs
        self.out, self.parents = out, parents
        self.line = line  # where a person called the op; known only under detect_anomaly()


class Leaf:
    """The node of a tensor made with `requires_grad=True`: gradients are accumulated here.

    `changed` is the tick at which an optimizer last wrote to the data; `buffer` is where an optimizer wants
    the gradient. `lent` is the tick at which `.data` was first read, and `kept` a copy of the values then,
    for the graphs recorded before.
    """

    __slots__ = ("tick", "grad", "buffer", "changed", "lent", "kept", "name")
    parents = ()

    def __init__(self, name=None):
        self.tick, self.changed, self.lent = next(_clock), 0, 0
        self.grad = self.buffer = self.kept = None
        self.name = name

    def accumulate(self, g):
        if self.grad is not None:
            self.grad += g
        elif self.buffer is not None:
            self.buffer[...] = g
            self.grad = self.buffer
        else:
            self.grad = backend.as_array(g).copy()  # never borrowed: x + x hands one array to two owners


def accumulate():
    """`Leaf.accumulate`, as one entry of a replay where a step is being written down."""
    return Leaf.accumulate if backend.recorder.get() is None else backend.whole(Leaf.accumulate)


class Tensor(Methods):
    """An array with a record of the operations that made it, so that it can be differentiated.

    `Tensor(data, requires_grad=True)` starts a history; a tensor without one is a constant.
    The data is copied. Arithmetic, comparison (giving plain boolean arrays), indexing and the functions of
    `minigen` work as in NumPy. Raises TypeError for integer data that asks for a gradient.
    """

    __slots__ = ("_array", "node", "_name", "_lent", "__weakref__")

    def __init__(self, data: Any, requires_grad: bool = False, name: str | None = None) -> None:
        if isinstance(data, Tensor):
            raise TypeError(
                "Tensor: data is already a Tensor; use it as it is, or .detach() to cut its history"
            )
        self._array = _real_array("Tensor: data", data, requires_grad)
        self._name, self._lent = name, False
        self.node = Leaf(name) if requires_grad else None

    @property
    def data(self) -> Array:
        """The values, as an array of NumPy or CuPy.

        A parameter or a constant may be written to, `p.data[...] = values`; a loss that was computed before
        keeps the old values. The result of a recorded operation is read-only, because its rule needs it;
        `.data.copy()` may be changed.
        """
        if type(self.node) is Node:
            if hasattr(self._array, "setflags"):  # CuPy's arrays are always writable
                self._array.setflags(write=False)
        elif not self._lent:
            self._lend()
        return _data(self)

    @data.setter
    def data(self, data: Array) -> None:
        if data is _data(self):
            return  # p.data *= 2 has written in place already
        if type(self.node) is Node:
            raise TypeError(
                "data: this tensor is the result of an operation: build a new one, Tensor(values)"
            )
        if type(self.node) is Leaf and self.node.buffer is not None:
            raise RuntimeError(
                f"data: parameter {self.name or '(unnamed)'} lives in the buffer of an optimizer, which "
                "would go on training the old array: write p.data[...] = values, "
                "or call optimizer.release() first"
            )
        self._array, self._lent = _real_array("data", data, type(self.node) is Leaf), False

    def _lend(self):
        """From now on a person may write to the data; the graphs that exist keep what it holds now."""
        self._lent = True
        if self.node is None:
            self._array = backend.own(self._array)
        else:
            self.node.lent, self.node.kept = next(_clock), backend.own(self._array)

    @property
    def name(self) -> str | None:
        return self._name

    @name.setter
    def name(self, name: str | None) -> None:
        self._name = name
        if type(self.node) is Leaf:
            self.node.name = name

    @property
    def requires_grad(self) -> bool:
        return self.node is not None

    @property
    def grad(self) -> Array | None:
        """The gradient that `backward` has accumulated, a plain array, or None.

        Only a tensor made with requires_grad=True has one.
        """
        return _data(self.node.grad) if type(self.node) is Leaf else None

    @grad.setter
    @partial(backend.whole, keeps=True)
    def grad(self, g: Array | None) -> None:
        if type(self.node) is not Leaf:
            raise AttributeError("only a tensor made with requires_grad=True holds a gradient")
        x = self._array
        g = np.asarray(g) if isinstance(g, np.generic) else g
        if g is not None and (type(g) is not type(x) or g.shape != x.shape or g.dtype != x.dtype):
            came = f"{g.dtype} {g.shape}" if backend.is_array(g) else type(g).__name__
            raise ValueError(
                f"grad: the gradient of {self.name or 'this tensor'} must be an array {x.dtype} {x.shape} "
                f"like its data, got {came}"
            )
        self.node.grad = g

    @property
    def shape(self) -> tuple[int, ...]:
        return self._array.shape

    @property
    def dtype(self) -> np.dtype:
        return self._array.dtype

    @property
    def ndim(self) -> int:
        return self._array.ndim

    @property
    def size(self) -> int:
        return self._array.size

    def numpy(self) -> np.ndarray:
        """The values as a NumPy array on the host; the very array of `data` where that is NumPy already."""
        return backend.to(self.data, "cpu")

    def item(self) -> float:
        """The one value of a one-element tensor as a Python number. On a GPU this waits for the result."""
        return _data(self).item()

    def detach(self) -> Tensor:
        """The same data without its history: a constant, through which no gradient passes."""
        return _tensor(self._array if type(self.node) is Node else backend.own(_data(self)), None)

    def backward(self, gradient: Value | None = None, retain_graph: bool = False) -> None:
        """Add d(self)/d(leaf), weighted by `gradient` (1 for a scalar), to the `.grad` of every leaf
        below, and free the graph.

        Raises RuntimeError on a second pass through the same graph, and StaleGraphError where a
        parameter has moved since.
        """
        seed = _seed("backward", self, gradient)
        _walk(self.node, seed, accumulate(), free=not retain_graph)

    __hash__ = object.__hash__  # == compares entries, so it cannot serve to find a tensor in a set

    def __len__(self) -> int:
        return len(self._array)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        return bool(_data(self))

    def __float__(self) -> float:
        return float(_data(self))

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(
            "a Tensor cannot be changed in place, the tape still needs the old values: "
            "build a new one with minigen.where(mask, value, x) or minigen.concatenate([...])"
        )

    def __repr__(self):
        name = f", name={self.name!r}" if self.name else ""
        kind = ", requires_grad=True" if self.requires_grad else ""
        return f"Tensor({self._array!r}{name}{kind})"


Value: TypeAlias = Tensor | Array | np.number | float  # in annotations: what an operation takes and gives
_Plain: TypeAlias = Array | np.number | float | tuple[int, ...] | list[int] | None
Values = TypeVar("Values", Tensor, Array)  # in annotations: the result is of the kind of the argument
_P = ParamSpec("_P")


class Operation(Protocol[_P]):
    """For type checkers: arrays give an array, and where one of the arguments is a Tensor,
    a Tensor results.
    """

    @overload
    def __call__(self, *args: _Plain, **kwargs: Any) -> Array: ...
    @overload
    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> Tensor: ...


def _tensor(data, node):
    """A Tensor without the checks, for arrays the engine made itself."""
    tensor = _new(Tensor)
    tensor._array, tensor.node, tensor._name, tensor._lent = data, node, None, False
    return tensor


def _data(value):
    if backend.recorder.get() is not None:
        return backend.recorder.get().seen(value)
    return value._array if isinstance(value, Tensor) else value


def _real_array(what, data, differentiable):
    """A copy of `data` as an array of real numbers, of floating point where it is to have a
    gradient; TypeError otherwise.
    """
    backend.refuse_container(what, data)
    array = _data(backend.as_array(data))
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{what}: expected real numbers, got dtype {array.dtype}")
    if differentiable and array.dtype.kind != "f":
        raise TypeError(
            f"{what}: a gradient needs real numbers, but data has dtype {array.dtype}: "
            "use data.astype(np.float32), or np.float64 for checking"
        )
    return array.copy(order="K")


class Op(Generic[_P]):
    """An operation: its forward on arrays, and one rule per argument.

    A rule is a pure function `rule(g, out, *arguments, **keywords)` of the upstream gradient `g`,
    the output and the arguments, and returns the gradient for its argument. `broadcasts=True` lets the
    engine sum a gradient back to the shape of an argument that was stretched; from any other op a gradient
    of the wrong shape is an error. `moves=True` says that entries are only moved. `branches` gives the
    masks by which a piecewise op chose its pieces; the checker compares them to tell a kink from a mistake.
    `name` is what a person called, for the messages, where that is not the op itself.

    What the arguments may be is settled here, for arrays and tensors alike; `backend.settle` says how.
    """

    def __init__(self, forward, broadcasts=False, moves=False, branches=None, name=None):
        self.forward, self.branches = forward, branches
        self.broadcasts, self.moves = broadcasts, moves
        update_wrapper(self, forward)  # so that help() and editors show the signature
        self.name, self.rules = name or forward.__name__, ()
        self.masks = frozenset()
        code = getattr(forward, "__code__", None)  # a ufunc has none
        self.arguments = code.co_varnames[: code.co_argcount] if code else ()

    def rule(self, *rules: Callable[..., Any] | None) -> None:
        """Declare the rules, one per argument, in order; None for an argument that only
        selects, as a mask or a label.
        """
        self.rules = rules
        self.masks = frozenset(i for i, rule in enumerate(rules) if rule is None)

    @overload
    def __call__(self, *args: _Plain, **kwargs: Any) -> Array: ...
    @overload
    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> Tensor: ...
    def __call__(self, *args, **kwargs):
        # the first argument mostly tells, and is asked faster than all of them
        if not (args and type(args[0]) is Tensor) and Tensor not in map(type, args):
            return self.forward(*args, **kwargs) if _settled_here.get() else self._on_arrays(args, kwargs)
        if backend.recorder.get() is not None:
            args = backend.recorder.get().arguments(args)
        # What came: the arrays, and the nodes they came from.
        values, parents, exposed = [], [], []  # exposed: the places of what somebody may write to
        tracked = leaf = odd = False
        dtype, rules = None, len(self.rules)
        for a in args:
            if type(a) is Tensor:
                if a._lent:
                    exposed.append(len(values))
                node, a = a.node, a._array
                parents.append(node)
                if node is not None:
                    tracked = True
                    if type(node) is Leaf:
                        leaf = True
            else:
                parents.append(None)
                if type(a) is float or type(a) is int or a is None:
                    values.append(a)
                    continue
                exposed.append(len(values))
            if type(a) is not _ndarray:
                odd = odd or len(values) < rules or isinstance(a, np.generic)
            elif a.dtype is not dtype and len(values) not in self.masks:
                odd, dtype = odd or dtype is not None, a.dtype
            values.append(a)
        if odd or not (dtype is _float32 or dtype is _float64):
            values = self._settle(values)
        if kwargs:
            kwargs = {key: self._keyword(key, value) for key, value in kwargs.items()}
        # What the tape keeps is its own.
        recorded = tracked and _recording.get()
        if recorded:
            for i in exposed:
                values[i] = backend.own(values[i])
            if kwargs:
                kwargs = {key: backend.own(value) for key, value in kwargs.items()}
        # The result.
        try:
            out = self.forward(*values, **kwargs)
        except (TypeError, ValueError) as error:
            raise self._explain(error, values) from error
        if type(out) is not _ndarray and isinstance(out, np.generic):
            out = np.asarray(out)
        elif (leaf or exposed) and (out.base is not None or id(out) in map(id, values)):
            out = _unshared(out, values, parents)
        if self.branches is not None and _branches.get() is not None:
            _branches.get().append((self.name, self.branches(*values, **kwargs)))
        line = anomaly.inspect_result(self, values, out) if _watching.get() else None
        if not recorded:
            return _tensor(out, None)
        if len(parents) > rules and any(parents[rules:]):
            raise TypeError(
                f"{self.name}: only the first {rules} arguments take a gradient; detach() the others"
            )
        return _tensor(out, Node(self, values, kwargs, out, parents, line))

    def _on_arrays(self, args, kwargs):
        """The forward alone: plain arrays leave nothing to remember."""
        dtype = None
        for a, rule in zip(args, self.rules, strict=False):
            if rule is None and type(a) is _ndarray:
                continue
            if type(a) not in _floating or (a.dtype is not dtype and dtype is not None):
                dtype = None
                break
            dtype = a.dtype
        if not (dtype is _float32 or dtype is _float64):
            args = self._settle(list(args))
        if kwargs:
            kwargs = {key: self._keyword(key, value) for key, value in kwargs.items()}
        return self.forward(*args, **kwargs)

    def _settle(self, values):
        """The array arguments as `backend.settle` leaves them.

        Those beyond the rules are shapes, indices and bounds.
        """
        n = min(len(self.rules) or len(values), len(values))
        names = self.arguments[:n] or [f"tensors[{i}]" for i in range(n)]  # those of concatenate and stack
        selects = [bool(self.rules) and self.rules[i] is None for i in range(n)]
        settled = backend.settle(self.name, names, values[:n], selects, self.moves)
        return settled + [v.item() if isinstance(v, np.generic) else v for v in values[n:]]

    def _keyword(self, key, value):
        if isinstance(value, Tensor):
            raise TypeError(f"{self.name}: pass {key} by position, not by keyword, so that the tape sees it")
        return value.item() if isinstance(value, np.generic) else value

    def _explain(self, error, values):
        """The same error, or a clearer one for two common mistakes: two array libraries,
        and shapes that do not broadcast.
        """
        arrays = [v for v in values if backend.is_array(v)]
        if len({type(a) for a in arrays}) > 1:
            return backend.mixed(*arrays)
        if self.broadcasts and isinstance(error, ValueError) and "broadcast" in str(error):
            shapes = " and ".join(str(a.shape) for a in arrays)
            return ValueError(
                f"{self.name}: shapes {shapes} do not broadcast: from the right, sizes must be equal or 1; "
                "reshape one of them, or use x[:, None] to add an axis"
            )
        return error

    def __repr__(self):
        return f"<op {self.name}{inspect.signature(self)}>"


def _unshared(out, values, parents):
    """`out`, copied where it is a view of what is written to elsewhere: a parameter,
    or an array that a person holds.
    """
    for value, parent in zip(values, parents, strict=True):
        mine = type(parent) is Node or not backend.is_array(value)
        if not mine and backend.namespace(out).may_share_memory(out, value):
            return out.copy(order="K")
    return out


registry: dict[str, Op] = {}  # every op by name, so that a test can ask each one for its checks


def op(
    broadcasts: bool = False,
    moves: bool = False,
    branches: Callable[..., Any] | None = None,
    name: str | None = None,
) -> Callable[[Callable[_P, Any]], Op[_P]]:
    """Turn a forward on arrays into an operation of the tape; see `Op`.

    An operation computes in floating point. An integer or boolean array takes the dtype of the floating
    arrays beside it; where there is none it becomes float64. So nothing wraps and nothing is truncated.
    Three things stay as they are: the arguments of an op with `moves=True`, masks and labels,
    and booleans beside floating arrays. Two floating dtypes in one operation are a TypeError. So are lists
    and tuples where an array is meant, masked arrays, np.matrix, and entries that are no real numbers.
    Python and NumPy scalars take the dtype of the arrays.
    """

    def declare(forward: Callable[_P, Any]) -> Op[_P]:
        registry[forward.__name__] = made = Op(forward, broadcasts, moves, branches, name)
        return made

    return declare


class RuleForEach:
    """The rules of an op that takes any number of arguments: `rule(i, ...)` serves argument i."""

    def __init__(self, rule):
        self.rule = rule

    def __len__(self):
        return sys.maxsize

    def __getitem__(self, i):
        return partial(self.rule, i)


def takes(
    *names: str | None, selects: tuple[str, ...] = (), computes: bool = True
) -> Callable[[Callable[_P, Any]], Operation[_P]]:
    """Settle the array arguments of a function that is composed of operations, under its own name: see `op`.

    `names` are its first parameters, None for one that is no array; `selects` are the masks and labels
    among them. Each becomes an array or a tensor, so that the function may ask for shapes and dtypes.
    A function that leaves all computing to operations (`computes=False`) is called first and its arguments
    are looked at only if one turns out to have no shape.
    """

    def wrap(function: Callable[_P, Any]) -> Operation[_P]:
        n = len(names)

        @wraps(function)
        def tried(*args, **kwargs):
            try:
                return function(*args, **kwargs)
            except AttributeError:
                return settled(*args, **kwargs)

        @wraps(function)
        def settled(*args, **kwargs):
            dtype = None
            for a in args[:n]:
                if type(a) is Tensor:
                    a = a._array
                elif a is None:
                    continue
                if type(a) is not np.ndarray or not (a.dtype is _float32 or a.dtype is _float64):
                    break
                if a.dtype is not dtype and dtype is not None:
                    break
                dtype = a.dtype
            else:
                if kwargs.keys().isdisjoint(names):
                    return function(*args, **kwargs)  # the usual case: nothing to settle
            given = dict(zip(names, args, strict=False)) | {
                key: kwargs[key] for key in names if key in kwargs
            }
            given.pop(None, None)
            given = _settled(function.__name__, given, selects)
            args = [*(given.get(key, a) for key, a in zip(names, args, strict=False)), *args[n:]]
            return function(*args, **{key: given.get(key, value) for key, value in kwargs.items()})

        return settled if computes else tried

    return wrap


def _settled(caller, given, selects):
    """`given` (arrays and tensors by name), settled; a tensor stays the same one unless
    its dtype has to change.
    """
    arrays = [_data(a) for a in given.values()]
    arrays = [np.asarray(a) if isinstance(a, int | float | np.generic) else a for a in arrays]
    settled = backend.settle(caller, list(given), arrays, [name in selects for name in given])
    return {
        name: new if not isinstance(a, Tensor) else a if new is _data(a) else _tensor(new, None)
        for (name, a), new in zip(given.items(), settled, strict=True)
    }


@op(moves=True)
def broadcast_to(x: Value, shape: tuple[int, ...]) -> Value:
    """x repeated along its axes of size 1 and along new leading axes, to `shape`: the adjoint of `sum_to`.

    Raises ValueError where x does not broadcast to it.
    """
    return backend.namespace(x).broadcast_to(x, shape)


broadcast_to.rule(lambda g, out, x, shape: sum_to(g, x.shape))


@op()
def sum_to(x: Value, shape: tuple[int, ...]) -> Value:
    """x summed over the axes along which `shape` broadcasts to the shape of x, -> `shape`:
    the adjoint of `broadcast_to`.

    Raises ValueError where `shape` does not broadcast to that of x.
    """
    if x.shape == shape:
        return x
    lead = x.ndim - len(shape)
    if x.shape[lead:] == shape:
        return sums.total(x, tuple(range(lead)))
    if lead < 0 or any(n not in (1, m) for n, m in zip(shape, x.shape[lead:], strict=True)):
        raise ValueError(f"sum_to: {shape} does not broadcast to {x.shape}, the shape of x")
    axes = (*range(lead), *(i + lead for i, size in enumerate(shape) if size == 1))
    return sums.total(x, axes).reshape(shape)


sum_to.rule(lambda g, out, x, shape: broadcast_to(g, x.shape))


def grad(
    y: Tensor,
    inputs: Tensor | Iterable[Tensor],
    gradient: Value | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> list[Tensor]:
    """The gradients of `y` (a scalar, or weighted by `gradient`) with respect to each tensor
    in `inputs`, as tensors.

    Touches no `.grad` and frees nothing. With `create_graph=True` the gradients are on the tape and can be
    differentiated again; this is how gradient penalties are written. Raises ValueError for an input that y
    does not depend on, unless `allow_unused=True`, which gives None there.
    """
    inputs = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    for i, x in enumerate(inputs):
        if not (isinstance(x, Tensor) and x.requires_grad):
            raise ValueError(f"grad: input {i} is a constant: make it with Tensor(data, requires_grad=True)")
    found = {}
    seed = _seed("grad", y, gradient)
    if create_graph:
        seed = gradient if isinstance(gradient, Tensor) else _tensor(seed, None)
    _walk(y.node, seed, found.__setitem__, create_graph, targets={x.node for x in inputs})
    for i, x in enumerate(inputs):
        if x.node not in found and not allow_unused:
            raise ValueError(
                f"grad: y does not depend on input {i}{f' ({x.name})' if x.name else ''}: was the path cut "
                "by detach() or no_grad()? Pass allow_unused=True to get None instead"
            )
    gradients = [found.get(x.node) for x in inputs]
    return [g if create_graph or g is None else _tensor(backend.as_array(g), None) for g in gradients]


def _seed(caller, y, gradient):
    if not y.requires_grad:
        raise RuntimeError(
            f"{caller}: this tensor has no history: nothing it was computed from requires a gradient, "
            "or it was computed under no_grad() or after detach()"
        )
    if gradient is None:
        if y.size != 1:
            raise ValueError(
                f"{caller}: y has shape {y.shape}, and only a scalar has one gradient: reduce it with .sum() "
                f"or .mean(), or pass gradient= an array of shape {y.shape}"
            )
        return backend.namespace(y._array).ones_like(y._array)
    gradient = _data(gradient)
    if type(gradient) is not type(y._array) or gradient.shape != y.shape or gradient.dtype != y.dtype:
        came = f"{gradient.dtype} {gradient.shape}" if backend.is_array(gradient) else type(gradient).__name__
        raise ValueError(f"{caller}: gradient must be an array {y.dtype} {y.shape} like y, got {came}")
    return gradient


def _walk(root, seed, deliver, create_graph=False, free=False, targets=()):
    """The backward pass, from the root to the leaves: each node once, when its gradient is complete.

    `deliver(node, gradient)` is called for every leaf, or for the targets where there are any.
    """
    order = _reachable(root)
    needed = _above(targets, order) if targets else None
    gradients = {root: seed}
    through = anomaly.inspected(_gradient) if _watching.get() else _gradient
    settled = _settled_here.set(not create_graph)
    try:
        for node in order:
            g = gradients.pop(node, None)
            if g is None:
                continue
            if type(node) is Leaf or node in targets:
                deliver(node, g)
            if type(node) is Leaf:
                continue
            out, values = node.out, node.values
            if create_graph:
                out = _tensor(out, node)
                values = [
                    v if p is None else _tensor(v, p) for v, p in zip(values, node.parents, strict=True)
                ]
            for i, parent in enumerate(node.parents):
                if parent is not None and (needed is None or parent in needed):
                    gx = through(node, i, g, out, values)
                    if gx is not None:
                        gradients[parent] = gradients[parent] + gx if parent in gradients else gx
            if free:
                node.values = node.out = None
                node.parents = ()
    finally:
        _settled_here.reset(settled)


def _gradient(node, i, g, out, values):
    """The gradient for argument i by rule i of the node's op, in the shape and dtype of the argument;
    None where there is no rule.
    """
    op, x = node.op, values[i]
    rule = op.rules[i]
    if rule is None:
        return None
    gx = rule(g, out, *values, **node.kwargs)
    if gx.shape != x.shape:
        if not op.broadcasts:
            raise ValueError(
                f"{op.name}: the rule for argument {i} gave shape {gx.shape}, the argument has {x.shape}"
            )
        gx = sum_to(gx, x.shape)
    if gx.dtype is not x.dtype and gx.dtype != x.dtype:
        raise TypeError(f"{op.name}: the rule for argument {i} gave {gx.dtype}, the argument is {x.dtype}")
    return gx


def _reachable(root):
    """All nodes below the root, youngest first; refuses freed and stale ones before any
    gradient has been touched.
    """
    seen, stack = {root}, [root]
    while stack:
        node = stack.pop()
        if type(node) is Node and node.values is None:
            raise RuntimeError(
                "backward: this graph was used and freed by an earlier backward(); "
                "pass retain_graph=True to the earlier call to use it twice"
            )
        for parent in node.parents:
            if type(parent) is Leaf:
                if parent.changed > node.tick or parent.lent > node.tick:
                    _values_of_then(node, parent)
                seen.add(parent)
            elif parent is not None and parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return sorted(seen, key=_tick, reverse=True)


def _values_of_then(node, leaf):
    """Give the node the values its argument had when it was computed; refuse where an optimizer
    has written over them.
    """
    if leaf.changed > node.tick:
        raise StaleGraphError(
            f"backward: parameter {leaf.name or '(unnamed)'} was changed by an optimizer after the loss was "
            "computed, so the gradient would mix old and new values: compute the loss again, "
            "or call backward() before step()"
        )
    node.values = [
        leaf.kept if parent is leaf else v for v, parent in zip(node.values, node.parents, strict=True)
    ]


def _above(targets, order):
    """The nodes that lie between the targets and the root: all others need no gradient."""
    needed = set(targets)
    for node in reversed(order):
        if any(parent in needed for parent in node.parents):
            needed.add(node)
    return needed


def no_grad() -> AbstractContextManager[bool]:
    """`with no_grad():` nothing is recorded: for evaluation, and for the half of a
    model that must stay fixed.
    """
    return backend.setting(_recording, False)


def recording():
    """`with recording():` undoes no_grad, for a value that contains a gradient."""
    return backend.setting(_recording, True)


def record_branches():
    """`with record_branches() as taken:` collects (op, masks) of every piecewise op, in order."""
    return backend.setting(_branches, [])
