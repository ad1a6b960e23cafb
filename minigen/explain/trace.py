"""What the lines of backward compute: which value's gradient each one is, and which one its name promises.

The gradient at any named value of forward is measured by moving that value while forward runs;
no derivative rule is needed. Names such as gz, dz, d_z, grad_z, delta_z and z_grad promise the gradient at z.
"""

import ast
import itertools
from dataclasses import dataclass

import numpy as np

from minigen.explain.bench import answering, recorded, slope, watched
from minigen.explain.naming import promised

MOST = 60  # entries of one value of forward at which its gradient is measured
CLOSE = 1e-6


@dataclass
class Line:
    """One assignment of a person's program in one run."""

    function: object
    statement: ast.AST
    name: str
    key: int
    value: np.ndarray
    calls: int
    forward: bool


def assignments(bench, trial):
    """[Line]: the assignments of arrays that one run makes, in the order in which they were first made."""
    keys, found, installed = itertools.count(), {}, []
    for function in bench.functions:
        slots = {}
        for _, _, statement in function.statements():
            name = _target(statement)
            if name:
                key = next(keys)
                slots[key] = statement.value
                found[key] = (function, statement, name)
        if slots:
            function.put(function.compiled(watched(function.tree, slots)))
            installed.append((function, slots))
    try:
        kept = recorded(found, lambda: bench.play(trial))
        forward = recorded(found, lambda: bench._forward(trial.values))
        lines = []
        for key, calls in kept.items():
            value = calls[-1][0]
            if isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.ndim:
                lines.append(Line(*found[key], key, value, len(forward.get(key, calls)), key in forward))
        at = {x.name.rpartition(".")[2].lower(): x for x in lines if x.forward and x.calls == 1}
        wanted = {p for x in lines if not x.forward for p in promised(x.name)} & set(at)
        gradients = {
            name: _gradient(bench, trial, at[name]) for name in wanted if at[name].value.size <= MOST
        }
    finally:
        for function, _ in installed:
            function.put(function.compiled())
    return lines, {n: g for n, g in gradients.items() if g is not None}


def _target(statement):
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
        if isinstance(target, ast.Name | ast.Attribute) or (
            isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant)
        ):
            return ast.unparse(target)
    return None


def _gradient(bench, trial, line):
    """The gradient of the loss at a value of forward; None if y does not depend on it."""
    g = trial.g
    flat = np.empty(line.value.size)

    def loss(i, h):
        def answer(value, _):
            moved = np.array(value, float)
            moved.reshape(-1)[i] += h
            return moved

        with answering({line.key: answer}):
            y = bench._forward(trial.values)
        return float(y if g is None else (g * y).sum())

    try:
        for i in range(flat.size):
            flat[i] = slope(lambda h, i=i: loss(i, h), 1.0)
    except Exception:
        return None
    return flat.reshape(line.value.shape) if np.nan_to_num(flat).any() else None


def agrees(value, gradient):
    """Whether a value is a gradient, at the entries where it is known."""
    if np.shape(value) != np.shape(gradient):
        return False
    known = ~np.isnan(gradient)
    with np.errstate(all="ignore"):
        scale = np.abs(gradient[known]).max(initial=0.0)
        return bool(np.all(np.abs(value[known] - gradient[known]) <= CLOSE * scale + 1e-9))
