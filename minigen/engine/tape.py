"""All of automatic differentiation: a tape that remembers what was computed, and a walk backwards along it.

A `Tensor` is what a person holds: an array, its gradient, and the node it came from. A `Node` is what the tape remembers of
one operation. Nodes point to earlier nodes and to plain arrays, never to a tensor, so no reference cycle can form and memory
is freed by counting alone.

Every node takes the next tick of one clock. What was computed from a thing is younger than the thing, so walking the nodes
from the youngest to the oldest meets each one after everything that depends on it: its gradient is complete. That is the
whole reason for a topological order, and the smallest program that breaks without one is `y = x * x; z = y + y * x`.

Each operation has one rule per argument, the textbook formula, written in operators and minigen operations. These work on
arrays and on tensors alike: an ordinary backward pass hands the rules arrays, which is fast; `create_graph=True` hands them
tensors, so the gradient is itself on the tape and can be differentiated again.
"""

from contextvars import ContextVar
from itertools import count
from operator import attrgetter

import numpy as np

from minigen.engine import anomaly, backend
from minigen.engine.numpy_protocol import NumPyProtocol

_clock = count(1)
_recording = ContextVar("recording", default=True)
_branches = ContextVar("branches", default=None)
_youngest_first = attrgetter("tick")


class StaleGraphError(RuntimeError):
    """A backward pass would mix values from before and after an optimizer changed a parameter."""


class Node:
    """What the tape remembers of one operation: the argument arrays, the output array, and the nodes the arguments came from."""

    __slots__ = ("tick", "op", "values", "kwargs", "out", "parents", "line")

    def __init__(self, op, values, kwargs, out, parents, line):
        self.tick = next(_clock)
        self.op, self.values, self.kwargs = op, values, kwargs
        self.out, self.parents = out, parents
        self.line = line  # where a person called the op; known only under detect_anomaly()


class Leaf:
    """Where a gradient ends: the node of a tensor that a person made with `requires_grad=True`.

    `changed` is the tick at which an optimizer last wrote to the data; `buffer` is where an optimizer wants the gradient.
    """

    __slots__ = ("tick", "grad", "buffer", "changed", "name")
    parents = ()

    def __init__(self, name=None):
        self.tick, self.changed = next(_clock), 0
        self.grad = self.buffer = None
        self.name = name

    def accumulate(self, g):
        if self.grad is not None:
            self.grad += g
        elif self.buffer is not None:
            self.buffer[...] = g
            self.grad = self.buffer
        else:
            self.grad = backend.as_array(g).copy()  # never borrowed: x + x hands one array to two owners


class Tensor(NumPyProtocol):
    """An array whose history is remembered, so that gradients can flow back through it.

    `Tensor(data, requires_grad=True)` starts a history; a tensor without one is a constant and costs nothing. Arithmetic,
    comparison (giving plain boolean arrays), indexing and the functions of `minigen` work as in NumPy. Raises TypeError
    for integer data that asks for a gradient.
    """

    __slots__ = ("data", "node", "_name", "__weakref__")

    def __init__(self, data, requires_grad=False, name=None):
        if isinstance(data, Tensor):
            raise TypeError(
                "Tensor: data is already a Tensor; use it as it is, or .detach() to cut its history"
            )
        self.data = backend.as_array(data)
        if self.data.dtype.kind not in "fiub":
            raise TypeError(f"Tensor: expected real numbers, got dtype {self.data.dtype}")
        if requires_grad and self.data.dtype.kind != "f":
            raise TypeError(
                f"Tensor: a gradient needs real numbers, but data has dtype {self.data.dtype}: "
                "use data.astype(np.float32), or np.float64 for checking"
            )
        self._name = name
        self.node = Leaf(name) if requires_grad else None

    @property
    def name(self):
        return self._name

    @name.setter
    def name(self, name):
        self._name = name
        if type(self.node) is Leaf:
            self.node.name = name

    @property
    def requires_grad(self):
        return self.node is not None

    @property
    def grad(self):
        """The gradient that `backward` has gathered, a plain array, or None. Only tensors a person made have one."""
        return self.node.grad if type(self.node) is Leaf else None

    @grad.setter
    def grad(self, g):
        if type(self.node) is not Leaf:
            raise AttributeError("only a tensor made with requires_grad=True holds a gradient")
        self.node.grad = g

    shape = property(lambda self: self.data.shape)
    dtype = property(lambda self: self.data.dtype)
    ndim = property(lambda self: self.data.ndim)
    size = property(lambda self: self.data.size)

    def numpy(self):
        """The values as a NumPy array on the host; shares memory with `data` where that is NumPy already."""
        return backend.to(self.data, "cpu")

    def item(self):
        """The one value of a one-element tensor as a Python number. On a GPU this waits for the result."""
        return self.data.item()

    def detach(self):
        """The same data without its history: a constant. Gradients stop here."""
        return _tensor(self.data, None)

    def backward(self, gradient=None, retain_graph=False):
        """Add d(self)/d(leaf), weighted by `gradient` (1 for a scalar), to the `.grad` of every leaf below, and free the graph.

        Raises RuntimeError on a second pass through the same graph, and StaleGraphError where a parameter has moved since.
        """
        seed = _seed("backward", self, gradient)
        for node, g in _walk(self.node, seed, create_graph=False, free=not retain_graph):
            if type(node) is Leaf:
                node.accumulate(g)

    __hash__ = object.__hash__  # == compares entries, so it cannot serve to find a tensor in a set

    def __len__(self):
        return len(self.data)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __bool__(self):
        return bool(self.data)

    def __float__(self):
        return float(self.data)

    def __setitem__(self, index, value):
        raise TypeError(
            "a Tensor cannot be changed in place, the tape still needs the old values: "
            "build a new one with minigen.where(mask, value, x) or minigen.concatenate([...])"
        )

    def __repr__(self):
        name = f", name={self.name!r}" if self.name else ""
        kind = ", requires_grad=True" if self.requires_grad else ""
        return f"Tensor({self.data!r}{name}{kind})"


def _tensor(data, node):
    """A Tensor without the checks, for arrays the engine made itself."""
    tensor = Tensor.__new__(Tensor)
    tensor.data, tensor.node, tensor._name = data, node, None
    return tensor


def _data(value):
    return value.data if isinstance(value, Tensor) else value


class Op:
    """An operation: its forward on arrays, and one rule per argument.

    A rule is a pure function `rule(g, out, *arguments, **keywords)` of the upstream gradient `g`, the output and the
    arguments, and returns the gradient for its argument. `broadcasts=True` lets the engine sum a gradient back to the shape
    of an argument that was stretched; from any other op a gradient of the wrong shape is an error. `variadic=True` is for
    any number of arguments under one rule, which is told the position. `branches` gives the masks by which a
    piecewise op chose its pieces; the checker compares them to tell a kink from a mistake. `name` is what a person called,
    for the messages, where that is not the op itself.
    """

    def __init__(self, forward, broadcasts, variadic, branches, name=None):
        self.forward, self.branches = forward, branches
        self.broadcasts, self.variadic = broadcasts, variadic
        self.name, self.__doc__, self.rules = name or forward.__name__, forward.__doc__, ()

    def rule(self, *rules):
        """Declare the rules, one per argument, in order; None for an argument that takes no gradient."""
        self.rules = rules

    def __call__(self, *args, **kwargs):
        for a in args:
            if type(a) is Tensor:
                break
        else:
            return self.forward(*args, **kwargs)  # plain arrays: nothing to remember
        values, parents, tracked = [], [], False
        for a in args:
            if type(a) is Tensor:
                values.append(a.data)
                parents.append(a.node)
                tracked = tracked or a.node is not None
            else:
                values.append(a.item() if isinstance(a, np.generic) else a)
                parents.append(None)
        if kwargs:
            kwargs = {key: self._keyword(key, value) for key, value in kwargs.items()}
        try:
            out = self.forward(*values, **kwargs)
        except (TypeError, ValueError) as error:
            raise self._explain(error, values) from error
        if isinstance(out, np.generic):
            out = np.asarray(out)
        if _branches.get() is not None and self.branches is not None:
            _branches.get().append((self.name, self.branches(*values, **kwargs)))
        line = anomaly.inspect_result(self, values, out) if anomaly.watching.get() else None
        if not (tracked and _recording.get()):
            return _tensor(out, None)
        if len(parents) > len(self.rules) and not self.variadic and any(parents[len(self.rules) :]):
            raise TypeError(
                f"{self.name}: only the first {len(self.rules)} arguments take a gradient; detach() the others"
            )
        dtype = out.dtype
        for value, parent in zip(values, parents, strict=True):
            if parent is not None and value.dtype is not dtype and value.dtype != dtype:
                self._refuse_mixed_dtypes(values, value.dtype)
        return _tensor(out, Node(self, values, kwargs, out, parents, line))

    def _keyword(self, key, value):
        if isinstance(value, Tensor):
            raise TypeError(f"{self.name}: pass {key} by position, not by keyword, so that the tape sees it")
        return value.item() if isinstance(value, np.generic) else value

    def _refuse_mixed_dtypes(self, values, wanted):
        """TypeError that names the arguments of another dtype than `wanted`, that of a tensor which needs a gradient."""
        names = self.forward.__code__.co_varnames
        names = [f"argument {i}" if self.variadic else names[i] for i in range(len(values))]
        arrays = [(name, v.dtype) for name, v in zip(names, values, strict=True) if backend.is_array(v)]
        odd = [(name, dtype) for name, dtype in arrays if dtype != wanted]
        if not odd:
            return  # astype: one array, and the dtype is what shall change
        fitting = [name for name, dtype in arrays if dtype == wanted]
        cure = f"pass {odd[0][0] if ' ' not in odd[0][0] else 'it'}.astype(np.{wanted})"
        if odd[0][1].kind == "f":
            cure += f", or bring the parameters to {odd[0][1]}: layer.astype(np.{odd[0][1]})"
        raise TypeError(
            f"{self.name}: {' and '.join(f'{name} is {dtype}' for name, dtype in odd)}, but "
            f"{' and '.join(fitting)} {'is' if len(fitting) == 1 else 'are'} {wanted}: {cure}"
        )

    def _explain(self, error, values):
        """The same error, or a better one for the two mistakes everybody makes."""
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
        return f"<op {self.name}>"


registry = {}  # every op by name, so that a test can ask each one for its checks


def op(broadcasts=False, variadic=False, branches=None, name=None):
    """Turn a forward on arrays into an operation of the tape; see `Op`."""

    def declare(forward):
        registry[forward.__name__] = made = Op(forward, broadcasts, variadic, branches, name)
        return made

    return declare


@op()
def broadcast_to(x, shape):
    """x stretched to `shape`: the adjoint of `sum_to`. Raises ValueError where x does not broadcast to it."""
    return backend.namespace(x).broadcast_to(x, shape)


broadcast_to.rule(lambda g, out, x, shape: sum_to(g, x.shape))


@op()
def sum_to(x, shape):
    """x summed over the axes along which `shape` would be stretched to reach x: the adjoint of `broadcast_to`.

    Raises ValueError where `shape` does not broadcast to that of x.
    """
    if x.shape == shape:
        return x
    lead = x.ndim - len(shape)
    if x.shape[lead:] == shape:
        return x.sum(axis=0 if lead == 1 else tuple(range(lead)))
    if lead < 0 or any(n not in (1, m) for n, m in zip(shape, x.shape[lead:], strict=True)):
        raise ValueError(f"sum_to: {shape} does not broadcast to {x.shape}, the shape of x")
    axes = (*range(lead), *(i + lead for i, size in enumerate(shape) if size == 1))
    return x.sum(axis=axes).reshape(shape)


sum_to.rule(lambda g, out, x, shape: broadcast_to(g, x.shape))


def grad(y, inputs, gradient=None, create_graph=False, allow_unused=False):
    """The gradients of `y` (a scalar, or weighted by `gradient`) with respect to each tensor in `inputs`, as tensors.

    Touches no `.grad` and frees nothing. With `create_graph=True` the gradients are on the tape and can be differentiated
    again; this is how gradient penalties are written. Raises ValueError for an input that y does not depend on, unless
    `allow_unused=True`, which gives None there.
    """
    inputs = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    for i, x in enumerate(inputs):
        if not (isinstance(x, Tensor) and x.requires_grad):
            raise ValueError(f"grad: input {i} is a constant: make it with Tensor(data, requires_grad=True)")
    found = {x.node: None for x in inputs}
    seed = _seed("grad", y, gradient)
    if create_graph:
        seed = gradient if isinstance(gradient, Tensor) else _tensor(seed, None)
    for node, g in _walk(y.node, seed, create_graph, False, found):
        if node in found:
            found[node] = g if create_graph else _tensor(backend.as_array(g), None)
    for i, x in enumerate(inputs):
        if found[x.node] is None and not allow_unused:
            raise ValueError(
                f"grad: y does not depend on input {i}{f' ({x.name})' if x.name else ''}: was the path cut by detach() "
                "or no_grad()? Pass allow_unused=True to get None instead"
            )
    return [found[x.node] for x in inputs]


def _seed(caller, y, gradient):
    if not y.requires_grad:
        raise RuntimeError(
            f"{caller}: this tensor has no history: nothing it was computed from requires a gradient, "
            "or it was computed under no_grad() or after detach()"
        )
    if gradient is None:
        if y.size != 1:
            raise ValueError(
                f"{caller}: y has shape {y.shape}, and only a scalar has one gradient: reduce it with .sum() or "
                f".mean(), or pass gradient= an array of shape {y.shape}"
            )
        return backend.namespace(y.data).ones_like(y.data)
    gradient = _data(gradient)
    if type(gradient) is not type(y.data) or gradient.shape != y.shape or gradient.dtype != y.dtype:
        came = f"{gradient.dtype} {gradient.shape}" if backend.is_array(gradient) else type(gradient).__name__
        raise ValueError(f"{caller}: gradient must be an array {y.dtype} {y.shape} like y, got {came}")
    return gradient


def _walk(root, seed, create_graph, free, targets=None):
    """Yield (node, gradient) from the root back to the leaves, each node once, when its gradient is complete."""
    order = _reachable(root)
    needed = None if targets is None else _above(targets, order)
    gradients = {root: seed}
    watching = anomaly.watching.get()
    for node in order:
        g = gradients.pop(node, None)
        if g is None:
            continue
        yield node, g
        if type(node) is Leaf:
            continue
        op, out, values, kwargs = node.op, node.out, node.values, node.kwargs
        if create_graph:
            out = _tensor(out, node)
            values = [v if p is None else _tensor(v, p) for v, p in zip(values, node.parents, strict=True)]
        for i, parent in enumerate(node.parents):
            if parent is None or (needed is not None and parent not in needed):
                continue
            rule = op.rules[0] if op.variadic else op.rules[i]
            if rule is None:
                continue
            arguments = (g, out, i, *values) if op.variadic else (g, out, *values)
            gx = anomaly.unwatched(rule, *arguments, **kwargs) if watching else rule(*arguments, **kwargs)
            x = values[i]
            if gx.shape != x.shape:
                if not op.broadcasts:
                    raise ValueError(
                        f"{op.name}: the rule for argument {i} gave shape {gx.shape}, the argument has {x.shape}"
                    )
                gx = sum_to(gx, x.shape)
            if gx.dtype != x.dtype:
                raise TypeError(
                    f"{op.name}: the rule for argument {i} gave {gx.dtype}, the argument is {x.dtype}"
                )
            if watching:
                anomaly.inspect_gradient(node, i, g, gx)
            gradients[parent] = gradients[parent] + gx if parent in gradients else gx
        if free:
            node.values = node.out = None
            node.parents = ()


def _reachable(root):
    """All nodes below the root, youngest first; refuses freed and stale ones before any gradient has been touched."""
    seen, stack = {root}, [root]
    while stack:
        node = stack.pop()
        if type(node) is Node and node.values is None:
            raise RuntimeError(
                "backward: this graph was used and freed by an earlier backward(); "
                "pass retain_graph=True to the earlier call to use it twice"
            )
        for parent in node.parents:
            if parent is None:
                continue
            if type(parent) is Leaf and parent.changed > node.tick:
                raise StaleGraphError(
                    f"backward: parameter {parent.name or '(unnamed)'} was changed by an optimizer after the loss was computed, so the "
                    "gradient would mix old and new values: compute the loss again, or call backward() before step()"
                )
            if parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return sorted(seen, key=_youngest_first, reverse=True)


def _above(targets, order):
    """The nodes that lie between the targets and the root: all others need no gradient."""
    needed = set(targets)
    for node in reversed(order):
        if any(parent in needed for parent in node.parents):
            needed.add(node)
    return needed


def no_grad():
    """`with no_grad():` nothing is recorded: for evaluation, and for the half of a model that must stay fixed."""
    return backend.setting(_recording, False)


def recording():
    """`with recording():` undoes no_grad, for a value that contains a gradient."""
    return backend.setting(_recording, True)


def record_branches():
    """`with record_branches() as taken:` collects (op, masks) of every piecewise op, in order."""
    return backend.setting(_branches, [])
