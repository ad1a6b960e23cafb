"""What is in a graph: its operations in the order of time, what each of them read, and all their names.

The tape knows the names of parameters. Those of a person's own variables are found where `draw` was called: a
tensor that a variable there holds is drawn under the name of that variable.
"""

import ast
import functools
import linecache
import math
import textwrap
from dataclasses import dataclass, field

import numpy as np

from minigen.engine import backend
from minigen.engine.tape import Leaf, Node, RuleForEach, Tensor, _reachable
from minigen.nn import Module


class Names:
    """What tensors and arrays are called: by `names`, by the caller's variables, by their module."""

    def __init__(self, variables=None, names=None):
        self._by_id, self._kept = {}, []
        for name, value in (variables or {}).items():
            if isinstance(value, Module):
                self._know(dict(value.named_parameters()))
            if isinstance(value, Tensor) and not name.startswith("_"):
                self._know({name: value})
        self._know(names or {}, over=True)

    def _know(self, tensors, over=False):
        for name, tensor in tensors.items():
            key = id(tensor._array if tensor.node is None else tensor.node)
            self._kept.append(tensor)  # an id is only as good as the life of its object
            self._by_id[key] = name if over else self._by_id.get(key, name)

    def of(self, thing):
        """The name of a node or of an array, or None."""
        own = thing.name if type(thing) is Leaf else None
        return own or self._by_id.get(id(thing))


@dataclass(eq=False)
class Entry:
    """One thing of the graph.

    `number` is its place in time: the oldest operation has 1, and so has the oldest parameter. `inputs` are
    the entries that an operation read, in the order of its arguments.
    """

    number: int
    thing: object  # a Node, a Leaf, or an array that is constant
    name: str | None
    kind: str  # "operation", "parameter" or "constant"
    shape: tuple
    inputs: list = field(default_factory=list)

    @property
    def op(self):
        return self.thing.op.name if self.kind == "operation" else None

    @property
    def label(self):
        """What a person calls it, else what it is."""
        return self.name or self.op or self.kind

    def settings(self):
        """The keywords, and the arguments that are plain numbers or shapes, as short text."""
        if self.kind != "operation":
            return ""
        values = [v for v in self.thing.values if isinstance(v, int | float | tuple | str) and v is not False]
        given = [_short(v) for v in values]
        given += [f"{k}={_short(v)}" for k, v in self.thing.kwargs.items() if not backend.is_array(v)]
        return ", ".join(g for g in given if g)


def _short(value):
    if isinstance(value, float):
        return f"{value:.3g}"
    text = str(value)
    return text if len(text) <= 24 else ""


class Record:
    """The graph of a tensor, as a list of entries from the oldest to the youngest."""

    def __init__(self, tensor, names=None):
        names = names or Names()
        nodes = _reachable(tensor.node)[::-1]
        shapes = _shapes(nodes, tensor)
        self.root = tensor.node
        self.entries, self.by_id, constants = [], {}, {}
        count = {"operation": 0, "parameter": 0}
        for node in nodes:
            kind = "operation" if type(node) is Node else "parameter"
            count[kind] += 1
            self._add(Entry(count[kind], node, names.of(node), kind, shapes[id(node)]))
        for entry in [e for e in self.entries if e.kind == "operation"]:
            for parent, value in zip(entry.thing.parents, entry.thing.values, strict=True):
                source = self.by_id.get(id(parent)) if parent is not None else None
                if source is None and backend.is_array(value) and value.ndim:
                    if id(value) not in constants:
                        constants[id(value)] = Entry(0, value, names.of(value), "constant", value.shape)
                    source = constants[id(value)]
                if source is not None:
                    entry.inputs.append(source)
        self.constants = list(constants.values())

    def _add(self, entry):
        self.entries.append(entry)
        self.by_id[id(entry.thing)] = entry

    def entry(self, node):
        return self.by_id[id(node)]


def _shapes(nodes, tensor):
    """The shape of what each node gave: an operation has it, a parameter is known by who read it."""
    shapes = {id(tensor.node): tensor.shape}
    for node in nodes:
        if type(node) is Node:
            shapes[id(node)] = node.out.shape
            for parent, value in zip(node.parents, node.values, strict=True):
                if parent is not None:
                    shapes.setdefault(id(parent), np.shape(value))
    return shapes


def shape_text(shape):
    return "×".join(map(str, shape)) or "scalar"


def norm(array):
    """The Euclidean norm as a float; of NumPy's or CuPy's arrays."""
    return math.sqrt(float((array * array).sum()))


# ----- the rules, as they are written -----


def rule_text(op, i):
    """Rule i of an operation as it is written, without `lambda g, out, ...:`; None where there is none."""
    if isinstance(op.rules, RuleForEach):  # one rule for any number of arguments
        rules, i = [op.rules.rule], 0
    elif i >= len(op.rules) or op.rules[i] is None:
        return None
    else:
        rules = [rule for rule in op.rules if rule is not None]
    code = rules[0].__code__
    texts = _rules_of(code.co_filename).get(min(rule.__code__.co_firstlineno for rule in rules), ())
    return texts[i] if i < len(texts) else rules[min(i, len(rules) - 1)].__name__


def rules_of(op):
    """(argument, rule as it is written) for each argument that has a rule."""
    if isinstance(op.rules, RuleForEach):
        return [("each", rule_text(op, 0))]
    texts = [rule_text(op, i) for i in range(len(op.rules))]
    names = [*op.arguments, *(f"argument {i}" for i in range(len(op.arguments), len(texts)))]
    return [(name, text) for name, text in zip(names, texts, strict=False) if text]


@functools.cache
def _rules_of(filename):
    """{line of the first rule: the texts of all rules} for every call `something.rule(...)` in a file."""
    source = "".join(linecache.getlines(filename))
    try:
        tree = ast.parse(textwrap.dedent(source))
    except SyntaxError:
        return {}
    found = {}
    for call in ast.walk(tree):
        name = getattr(call.func, "attr", getattr(call.func, "id", "")) if isinstance(call, ast.Call) else ""
        if name in ("rule", "RuleForEach") and call.args:
            lines = [a.lineno for a in ast.walk(call) if isinstance(a, ast.Lambda)]
            texts = [
                ast.unparse(next((a for a in ast.walk(arg) if isinstance(a, ast.Lambda)), arg))
                for arg in call.args
            ]
            texts = [text.partition(": ")[2] if text.startswith("lambda") else text for text in texts]
            found[min(lines, default=call.lineno)] = texts
    return found
