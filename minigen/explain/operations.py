"""An engine of a person's own: a class whose operations keep how they go back, `out._backward = _backward`.

An operation is a pair of forward and backward, but it takes and gives objects. So each gets a function that takes arrays,
makes the objects, calls the operation, and goes back from its result:

    def Tensor_mul(this, other):
        objects = [Tensor(this), Tensor(other)]
        ...
        return out.data, pullback

These functions stand behind the file's last line, so that nothing in them is changed; what they call is the person's.
An operation goes back twice, and what it has added is halved: what assigns where it must add is seen. `backward` itself is
judged on an expression in which two objects are used twice.
"""

import ast
import re
from collections import Counter
from dataclasses import dataclass

from minigen.explain.naming import BACK
from minigen.explain.source import name_of, names_in

_ways_back = ("backward", "grad_fn", "vjp", "back")
# what is handed to an operation where it takes no object
NUMBERS = {"axis": 0, "dim": 0, "power": 3, "exponent": 3, "n": 3, "p": 3, "k": 3, "other": 3}

ONE = """
def {name}({arguments}):
    objects = [{kind}(value) for value in ({arguments},)]
    out = objects[0].{method}({handed})
    def pullback(g):
        out.{grad} = g
        out.{way}({given})
        out.{way}({given})
        {gradients} = (one.{grad} / 2 for one in objects)
        return {gradients}
    return out.{data}, pullback
"""
ROW = """
def {name}_of_a_row(this, other):
    if this.ndim < 2 or this.shape != other.shape:
        raise ValueError("two matrices of one shape are expected")
    one, row = {kind}(this), {kind}(other[0])
    out = one.{method}(row)
    def pullback(g):
        out.{grad} = g
        out.{way}({given})
        this_grad, other_grad = one.{grad}, other * 0.0
        other_grad[0] = row.{grad}
        return this_grad, other_grad
    return out.{data}, pullback
"""
EACH = """
def {name}({arguments}):
    rows = [[{kind}(float(v)) for v in row] for row in zip(*({arguments},))]
    outs = [objects[0].{method}({handed}) for objects in rows]
    def pullback(g):
        for out, value in zip(outs, g):
            out.{grad} = float(value)
            out.{way}({given})
            out.{way}({given})
        {gradients} = (__import__("numpy").array([row[k].{grad} / 2 for row in rows]) for k in range({count}))
        return {gradients}
    return __import__("numpy").array([float(out.{data}) for out in outs]), pullback
"""
WHOLE = """
def {kind}_loss_and_gradients(this, other):
    total, of_this, of_other = 0.0, [], []
    for one, two in {pairs}:
        a, b = {kind}(one), {kind}(two)
        c = a * b
        out = c * c + a * c
        out.{back}()
        total = total + out.{data}
        of_this.append(a.{grad})
        of_other.append(b.{grad})
    this_grad, other_grad = {first}, {second}
    return __import__("numpy").sum(total), (this_grad, other_grad)
"""


def is_one(found):
    """Whether a pair is that of an operation."""
    return found.reading.forward.name in {f.name for f in found.place.program.operations}


def uses_others(found):
    """Whether a pair is that of the backward which walks back through several operations."""
    return is_one(found) and found.reading.forward.name.endswith("_loss_and_gradients")


@dataclass
class Operation:
    """A method that keeps how it goes back: the names of its objects, all that it is handed, and where it keeps the way."""

    method: str
    objects: list
    handed: list
    way: str
    asks: int  # how many arguments the way back takes


def functions(tree):
    """[FunctionDef] that make pairs on arrays of the operations of the engines in a file, behind its last line."""
    last = max((getattr(n, "end_lineno", 0) or 0 for n in tree.body), default=0)
    made = []
    for kind in (n for n in tree.body if isinstance(n, ast.ClassDef)):
        methods = [m for m in kind.body if isinstance(m, ast.FunctionDef)]
        data, grad = _data(methods), _grad(methods)
        found = [o for o in (_operation(m, data, grad) for m in methods) if o is not None]
        if not data or not grad or len(found) < 2:
            continue
        scalar = _of_numbers(tree, methods, data)
        broadcasts = any("broadcast" in getattr(n, "name", "") for n in ast.walk(tree))
        for o in found:
            own = ["this", *o.objects[1:]]
            texts = [EACH if scalar else ONE]
            if broadcasts and not scalar and o.method in ("__add__", "__sub__", "__mul__", "__truediv__"):
                texts.append(ROW)
            words = dict(
                name=f"{kind.name}_{o.method.strip('_')}", kind=kind.name, data=data, grad=grad, method=o.method, way=o.way,
                arguments=", ".join(own), handed=", ".join(o.handed), count=len(own),
                gradients=", ".join(f"{n}_grad" for n in own) + "," * (len(own) == 1),
                given=("float(value)" if scalar else "g") * o.asks,
            )  # fmt: skip
            made += [function for text in texts for function in ast.parse(text.format(**words)).body]
        made += _whole(kind, methods, {o.method for o in found}, data, grad, scalar)
    for function in made:
        ast.increment_lineno(function, last + 2)
        last = function.end_lineno
    return made


def _whole(kind, methods, names, data, grad, scalar):
    others = [m for m in methods if m.name not in names]
    named = next((m for m in others if m.name.endswith("backward")), None)
    back = named or next((m for m in others if _starts(m, grad)), None)
    if (
        back is None
        or not {"__mul__", "__add__"} <= names
        or len(back.args.args) - len(back.args.defaults) != 1
    ):
        return []
    lists = ("of_this", "of_other")
    first, second = (f'__import__("numpy").array({n})' if scalar else f"{n}[0]" for n in lists)
    pairs = "zip(map(float, this), map(float, other))" if scalar else "[(this, other)]"
    text = WHOLE.format(
        kind=kind.name, back=back.name, data=data, grad=grad, pairs=pairs, first=first, second=second
    )
    return ast.parse(text).body


def _data(methods):
    """The attribute in which an object keeps the first argument of its constructor."""
    for m in (m for m in methods if m.name == "__init__" and len(m.args.args) > 1):
        given = m.args.args[1].arg
        for n in (n for n in ast.walk(m) if isinstance(n, ast.Assign)):
            several = isinstance(n.targets[0], ast.Tuple) and isinstance(n.value, ast.Tuple)
            pairs = (
                zip(n.targets[0].elts, n.value.elts, strict=False) if several else [(n.targets[0], n.value)]
            )
            for target, value in pairs:
                if isinstance(target, ast.Attribute) and given in names_in(value):
                    return target.attr
    return ""


def _grad(methods):
    """The attribute to which the ways back add."""
    changed = Counter(
        target.attr
        for m in methods
        for inner in _inner(m).values()
        for n in ast.walk(inner)
        for target in ([n.target] if isinstance(n, ast.AugAssign) else getattr(n, "targets", []))
        if isinstance(target, ast.Attribute)
    )
    return max(changed, key=changed.get, default="")


def _goes_back(name):
    return name.endswith(_ways_back) or bool(re.search(BACK, name, re.I))


def _starts(method, grad):
    """Whether a method sets its own gradient to 1, as the one does that walks back through all operations."""
    ones = (n for n in ast.walk(method) if isinstance(n, ast.Assign) and getattr(n.value, "value", None) == 1)
    return any(getattr(t, "attr", "") == grad and name_of(t.value) == "self" for n in ones for t in n.targets)


def _inner(method):
    """{name: function} of those that are made in a method."""
    return {n.name: n for n in ast.walk(method) if isinstance(n, ast.FunctionDef) and n is not method}


def _operation(method, data, grad):
    """The Operation in a method; None where it is none, or is handed what cannot be chosen."""
    inner = _inner(method)
    kept = [
        (n.targets[0].attr, inner[n.value.id])
        for n in ast.walk(method)
        if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Attribute)
        and getattr(n.value, "id", "") in inner and _goes_back(n.targets[0].attr.strip("_"))
    ]  # fmt: skip
    arguments = [a.arg for a in method.args.args]
    if len(kept) != 1 or not arguments or method.args.vararg:
        return None
    (way, back), objects, handed = kept[0], arguments[:1], []
    moved = {
        n.value.id for n in ast.walk(back) if getattr(n, "attr", "") == grad and isinstance(n.value, ast.Name)
    }
    for k, name in enumerate(arguments[1:], 1):
        if name in moved:
            handed.append(f"objects[{len(objects)}]")
            objects.append(name)
        elif k >= len(arguments) - len(method.args.defaults):
            break
        elif name in NUMBERS:
            handed.append(str(NUMBERS[name]))
        else:
            return None
    return Operation(method.name, objects, handed, way, len(back.args.args))


def _of_numbers(tree, methods, data):
    """Whether the objects hold one number each: math.exp(self.data), and 0 if self.data < 0 else self.data."""
    # the tree grows later, so a walk through it must not be kept
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    chosen = (n.test for m in methods for n in ast.walk(m) if isinstance(n, ast.IfExp))
    asked = (n for test in chosen if isinstance(test, ast.Compare) for n in ast.walk(test))
    by_itself = "math" in names or not names & {"np", "numpy"}
    return by_itself or any(getattr(n, "attr", "") == data for n in asked)
