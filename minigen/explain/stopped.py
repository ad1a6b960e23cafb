"""What differences of forward cannot show: values that a person takes as given, though parameters take part in making them.

Samples that a model draws, the target of a temporal difference, what a comment calls detached: backward
passes nothing on there, and means it. So where gradients are wrong, forward is run again with such a value held
fixed; if all are right then, nobody but the person can say whether it is meant.
"""

import ast
import contextlib
import itertools
import re
from dataclasses import replace

import numpy as np

from minigen.explain.bench import answering, recorded
from minigen.explain.trace import assignments, drawing, draws, watching, with_part

_says = re.compile(
    r"stop.?(the )?grad|grad\w*.?(is |are )?stop|detach|semi.?grad|no.?grad|\bsg\b|taken? as (a )?(given|constant)|"
    r"treat\w* as (a )?(given|constant)|(is|are) (held |kept )?(a )?(constants?|fixed)",
    re.I,
)
_target = re.compile(r"(^|_)(td_)?targets?(_|$)|teacher", re.I)
_MOST = 24  # places of which two are held fixed together


def taken_as_given(bench, trial, lines):
    """What forward takes as given, in words, and with which held fixed all gradients are right; "" if there is no such thing."""
    draw, gradients, own = drawing(bench), bench.play(trial), [x for x in lines if x.forward and x.calls == 1]
    for line in reversed([x for x in own if draws(x.statement, draw) or _target.search(x.name)]):
        held = {line.key: lambda *_, line=line: with_part(line.value, line.part, 0.0)}
        if _is_right(bench, trial, gradients, [(line.function, {line.key: line.statement.value})], held):
            why = "is drawn at random" if draws(line.statement, draw) else "may be meant as a constant"
            return f"{line.name} of line {line.statement.lineno}, which {why},"
    status = bench.status(trial, gradients)
    unknown = bench.task.assumed and not any(status[n] for n in bench.task.names if n in status)
    functions = [f for f in bench.functions if unknown or _says.search("\n".join(f.lines))]
    slots, of = {}, {}
    for f in functions:
        for node in (n for _, _, statement in f.statements() for n in _read(statement)):
            of[len(slots)], slots[len(slots)] = f, node

    def watched(keys):
        each = [(f, {k: slots[k] for k in keys if of[k] is f}) for f in functions]
        return [(f, some) for f, some in each if some]

    with contextlib.ExitStack() as together:
        for f, some in watched(slots):
            together.enter_context(watching(f, some))
        values, _ = recorded(slots, lambda: bench._forward(trial.values))
    held = {k: lambda *_, v=v: np.copy(v[0])[()] for k, v in values.items() if len(v) == 1 and _varies(v[0])}
    several = itertools.combinations([*held][: 0 if unknown else _MOST], 2)
    for some in [*((k,) for k in held), *several]:
        if _is_right(bench, trial, gradients, watched(some), {k: held[k] for k in some}, unknown):
            names = " and ".join(f"{ast.unparse(slots[k])} in line {slots[k].lineno}" for k in some)
            return f"{names}, which the file may mean as constant,"
    return ""


def _read(statement):
    """The names and attributes that a statement reads, one by one; in a compound statement nothing."""
    if not isinstance(statement, ast.Assign | ast.AugAssign | ast.Return) or statement.value is None:
        return
    called = {id(n.func) for n in ast.walk(statement) if isinstance(n, ast.Call)}
    for n in ast.walk(statement.value):
        if isinstance(n, ast.Name | ast.Attribute | ast.Subscript) and id(n) not in called:
            yield n


def _varies(value):
    return isinstance(value, np.ndarray | np.floating) and value.dtype.kind == "f" and value.size > 0


def _is_right(bench, trial, gradients, wanted, held, unknown=False):
    """Whether all gradients are right where watched expressions have given values; up to a number, if the loss is unknown."""
    try:
        with contextlib.ExitStack() as together:
            for function, slots in wanted:
                together.enter_context(watching(function, slots))
            with answering(held):
                fixed = replace(trial, truth=bench.trial_at(trial).truth)
    except Exception:
        return False
    if unknown and gradients is not None:
        return all(_is_multiple(gradients.get(n), truth) for n, truth in fixed.truth.items())
    return all(bench.status(fixed, gradients).values())


def _is_multiple(gradient, truth):
    """Whether a gradient is a number above 0 times the right one."""
    if np.shape(gradient) != truth.shape or truth.known.size < 2 or not truth.right.any():
        return False
    got = np.ravel(gradient)[truth.known]
    factor = got @ truth.right / (truth.right @ truth.right)
    return factor > 0 and np.allclose(got, factor * truth.right, rtol=1e-5, atol=1e-8)


def chosen(bench, trial, lines, names):
    """The line of forward that draws whole numbers, such as the 0 and 1 of binary units, with a probability that depends on these
    values; None if none does.

    Behind it what is returned is a step function of them: differences say nothing.
    """
    draw, rng = drawing(bench), np.random.default_rng(23)
    whole = [x for x in lines if x.forward and draws(x.statement, draw)]
    whole = [x for x in whole if np.ptp(x.value) > 0 and (x.value == np.rint(x.value)).all()]
    for _ in range(2 if whole else 0):
        moved = {n: v + 3 * rng.standard_normal(np.shape(v)) for n, v in trial.values.items() if n in names}
        with contextlib.suppress(Exception):
            others = assignments(bench, replace(trial, values=trial.values | moved))
            others = {(x.statement, x.part): x.value for x in others}
            for x in whole:
                other = others.get((x.statement, x.part))
                if other is not None and not np.array_equal(other, x.value):
                    return x
    return None
