"""What one step makes inside: the gradients of a function that changes the parameters itself and returns none of them.

The change of a parameter is its gradient times a step only where the step is a plain one. Adam's first step is a sign,
and a clipped one has another length. What says it is what the function calls dW, and what it hands on together with a
parameter: update("W", W, dW). The loss, too, may be a variable of the step.
"""

import ast
import contextlib
import re
import sys
from dataclasses import dataclass, field

import numpy as np

from minigen.explain import scene as scenes
from minigen.explain.naming import bases, is_gradient_name
from minigen.explain.source import short_name, walk

_memory = re.compile(r"vel|mom|speed|cache|acc|^[mv]_?$", re.I)  # what an optimizer keeps of earlier steps
MOST = 256  # arrays of one step that are kept


@dataclass
class Inside:
    """{address: array} of one step, and {address: that of the parameter it was handed on with}."""

    values: dict = field(default_factory=dict)
    of: dict = field(default_factory=dict)
    y: object = None

    @property
    def full(self):
        return len(self.values) >= MOST


def losses(tree, is_loss):
    """What a function calls its loss, as expressions that hold when it returns: "loss", or "self.losses[-1]" of a list;
    `is_loss` judges a name.
    """
    found = []
    for n in walk(tree):
        method = getattr(n, "func", None)
        if getattr(method, "attr", "") == "append":  # a loss is a number
            found.append(f"{ast.unparse(method.value)}[-1]")
        for target in getattr(n, "targets", [n.target] if isinstance(n, ast.AugAssign) else []):
            if isinstance(target, ast.Name | ast.Attribute) and is_loss(short_name(target)):
                found.append(ast.unparse(target))
    return list(dict.fromkeys(found))


@contextlib.contextmanager
def watched(live, name, local=""):
    """An Inside of what the function called `name` makes, filled as it runs; `local`: the expression that is y there."""
    inside, path, counts = Inside(), str(live.program.path), {}
    leaves = scenes.leaves(live, live.program)
    known = {id(value): (address, value) for address, (_, _, value) in leaves.items()}
    layers = {id(holder): address[:-1] for address, (holder, *_) in leaves.items() if len(address) > 2}
    shapes = {np.shape(value) for _, value in known.values()}
    before = sys.getprofile()

    def watch(frame, event, result):
        if before is not None:
            before(frame, event, result)
        code = frame.f_code
        if event not in ("call", "return") or code.co_filename != path:
            return
        if event == "return" and code.co_name == name:
            if local and inside.y is None:
                with contextlib.suppress(Exception):
                    y = eval(local, frame.f_globals, dict(frame.f_locals))
                    inside.y = float(y) if np.ndim(y) == 0 and not isinstance(y, bool | str) else None
            first = code.co_varnames[0] if code.co_argcount else ""
            # of a layer, whose method has the same name
            owner = layers.get(id(frame.f_locals.get(first)), ())
            for variable, value in frame.f_locals.items():
                at = (("inside", name), *owner, ("variable" if owner else "key", variable))
                keep(at, value, _attribute(owner, variable, known))
                if isinstance(value, list | dict) and is_gradient_name(variable):
                    _of_a_collection(at, value, known, keep)
        caller = frame.f_back
        if event == "call" and code.co_name != name and caller is not None and caller.f_code.co_name == name:
            handed(frame, code)

    def handed(frame, code):
        k = counts[code.co_name] = counts.get(code.co_name, -1) + 1
        given = {n: frame.f_locals[n] for n in code.co_varnames[: code.co_argcount] if n in frame.f_locals}
        of = _parameter_of(given, known)
        for argument, value in given.items():
            address = (("inside", code.co_name), ("key", k), ("key", argument))
            keep(address, value, of)
            if isinstance(value, list | tuple | dict):
                _of_a_collection(address, value, known, keep)

    def keep(address, value, of):
        if isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.shape in shapes:
            if id(value) not in known and address not in inside.values and not inside.full:
                inside.values[address] = value.copy()
                if of is not None and known[of[0]][1].shape == value.shape:
                    inside.of[address] = of[1]

    sys.setprofile(watch)
    try:
        yield inside
    finally:
        sys.setprofile(before)


def _attribute(owner, variable, known):
    """(id, address) of the attribute of a layer whose gradient a variable promises; None where there is none."""
    names = bases(variable) if owner else ()
    of = ((i, a) for i, (a, _) in known.items() if a[:-1] == owner and str(a[-1][1]).lower() in names)
    return next(of, None)


def _parameter_of(given, known):
    """(id, address) of the parameter that a call speaks of: one that it is given, or that has the name which it is given;
    None where there is none, or several.
    """
    named = {v for v in given.values() if isinstance(v, str)}
    found = [(id(v), known[id(v)][0]) for v in given.values() if isinstance(v, np.ndarray) and id(v) in known]
    if not found and named:
        found = [(i, a) for i, (a, v) in known.items() if named & {a[-1][1]} and isinstance(v, np.ndarray)]
        plain = [f for f in found if f[1][0][0] == "self" and len(f[1]) == 2]
        found = plain if len(plain) == 1 else found
    return found[0] if len(found) == 1 else None


def _of_a_collection(address, value, known, keep):
    """Keep what is handed on as one list or dict: of the parameters that stand in the same order, or under the same names."""
    items = list(value.items() if isinstance(value, dict) else enumerate(value))
    if not items or not all(isinstance(v, np.ndarray) for _, v in items):
        return
    groups = {}
    for i, (a, v) in known.items():
        groups.setdefault(a[:-1], {})[a[-1][1]] = i, a, v
    alike = [
        group
        for group in groups.values()
        if group.keys() == {k for k, _ in items}
        and all(np.shape(group[k][2]) == v.shape for k, v in items)
        and any(np.any(v) for *_, v in group.values())  # velocities are zero at first
    ]
    named = [g for g in alike if not any(_memory.search(str(k)) for _, a, _ in g.values() for _, k in a[:-1])]
    alike = named or alike
    for k, v in items:
        of = alike[0][k][:2] if len(alike) == 1 else None
        keep((*address, ("key", k)), v, of)
