"""What differences of forward cannot show: values that a person takes as given, though parameters take part in making them.

Samples that a model draws, the target of a temporal difference, what a comment calls detached: backward
passes nothing on there, and means it. So where gradients are wrong, forward is run again with such a value held
fixed; if all are right then, nobody but the person can say whether it is meant. A path that was forgotten
looks the same, so only what the file itself names or marks is held fixed.
"""

import ast
import contextlib
import itertools
import re
from dataclasses import replace

import numpy as np

from minigen.explain.bench import answering, recorded
from minigen.explain.trace import assignments, drawing, draws, watching, with_part

# in a line or above it
_says = re.compile(r"stop.?(the )?grad|grad\w* (is |are )?stopp|(?<!not )detach|\bsg[\[(]", re.I)
_target = re.compile(r"(self\.)?((td|q|y)_)?targets?", re.I)
_chooses = {"argmin", "argmax", "round", "rint", "sign", "floor"}


def concerns(bench):
    """Whether a program draws, marks a value, or has a target: else nothing here is asked for."""
    texts = ("\n".join(f.lines) for f in bench.functions)
    return bool(drawing(bench)) or any(_says.search(text) or "target" in text for text in texts)


def taken_as_given(bench, trial, lines):
    """What forward takes as given, in words, and with which held fixed all gradients are right; "" if there is no such thing."""
    draw, gradients, own = drawing(bench), bench.play(trial), [x for x in lines if x.forward and x.calls == 1]
    for line in reversed([x for x in own if draws(x.statement, draw) or _is_a_target(x)]):
        held = {line.key: lambda *_, line=line: with_part(line.value, line.part, 0.0)}
        if _is_right(bench, trial, gradients, [(line.function, {line.key: line.statement.value})], held):
            why = "is drawn at random" if draws(line.statement, draw) else "may be meant as a constant"
            return f"{line.name} of line {line.statement.lineno}, which {why},"
    places = [
        (f, n) for f in bench.functions for _, _, s in f.statements() if _is_marked(f, s) for n in _read(s)
    ]
    slots = dict(enumerate(n for _, n in places))

    def watched(keys):
        functions = {id(places[k][0]): places[k][0] for k in keys}
        return [(f, {k: slots[k] for k in keys if places[k][0] is f}) for f in functions.values()]

    values = _values(bench, trial, watched(slots), slots)
    given = [v for v in trial.values.values() if isinstance(v, np.ndarray)]  # is no value of forward's
    held = {k: v for k, v in values.items() if not any(np.array_equal(v, other) for other in given)}
    for some in itertools.chain(((k,) for k in held), itertools.combinations(held, 2)):
        answers = {k: lambda *_, v=held[k]: v.copy() for k in some}
        if _is_right(bench, trial, gradients, watched(some), answers):
            names = " and ".join(f"{ast.unparse(slots[k])} in line {slots[k].lineno}" for k in some)
            return f"{names}, which the file may mean as constant,"
    return ""


def _is_a_target(line):
    """Whether a line has the name of a target, and is not an entry of something else: target = logits[rows, labels]."""
    return bool(_target.fullmatch(line.name)) and not isinstance(line.statement.value, ast.Subscript)


def _is_marked(function, statement):
    """Whether a statement, or the line above it, says that something is detached."""
    if not isinstance(statement, ast.Assign | ast.AugAssign | ast.Return) or statement.value is None:
        return False
    lines = function.lines[max(statement.lineno - 2, 0) : statement.end_lineno]
    return bool(_says.search("\n".join(lines)))


def _read(statement):
    """The names and attributes that a statement reads, one by one."""
    called = {id(n.func) for n in ast.walk(statement) if isinstance(n, ast.Call)}
    for n in ast.walk(statement.value):
        if isinstance(n, ast.Name | ast.Attribute | ast.Subscript) and isinstance(n.ctx, ast.Load):
            if id(n) not in called:
                yield n


def _values(bench, trial, wanted, keys):
    """{key: array} of the watched expressions that are arrays, and that forward reaches once."""
    with contextlib.ExitStack() as together:
        for function, slots in wanted:
            together.enter_context(watching(function, slots))
        kept, _ = recorded(keys, lambda: bench._forward(trial.values))
    once = {k: calls[0] for k, calls in kept.items() if len(calls) == 1}
    return {k: v for k, v in once.items() if isinstance(v, np.ndarray) and v.size}


def _is_right(bench, trial, gradients, wanted, answers):
    """Whether all gradients are right where watched expressions have given values."""
    try:
        with contextlib.ExitStack() as together:
            for function, slots in wanted:
                together.enter_context(watching(function, slots))
            with answering(answers):
                fixed = replace(trial, truth=bench.trial_at(trial).truth)
    except Exception:
        return False
    return all(bench.status(fixed, gradients).values())


def chosen(bench, trial, lines, names):
    """The line of forward that draws whole numbers, such as the 0 and 1 of binary units, with a probability that depends on these
    values; None if none does.

    Behind it what is returned is a step function of them: differences say nothing.
    """
    draw, rng = drawing(bench), np.random.default_rng(23)
    whole = [x for x in lines if x.forward and draws(x.statement, draw) and x.value.size]
    whole = [x for x in whole if np.ptp(x.value) > 0 and (x.value == np.rint(x.value)).all()]
    for _ in range(2 if whole else 0):
        moved = {n: v + 3 * rng.standard_normal(np.shape(v)) for n, v in trial.values.items() if n in names}
        with contextlib.suppress(Exception):
            found = assignments(bench, replace(trial, values=trial.values | moved))
            others = {(x.statement, x.part): x.value for x in found}
            for x in whole:
                other = others.get((x.statement, x.part))
                differs = other is not None and not np.array_equal(other, x.value)
                if differs and _matters(bench, trial, x, other):
                    return x
    return None


def _matters(bench, trial, line, other):
    """Whether forward gives something else where a line of it has another value."""
    change = {line.key: lambda value, _: with_part(value, line.part, other - line.value)}
    with watching(line.function, {line.key: line.statement.value}), answering(change):
        return not np.array_equal(bench._forward(trial.values), trial.y)


def behind_a_choice(bench, trial, names):
    """Those of these values with which what forward chooses changes: the nearest code, or a sign."""
    wanted, count = [], itertools.count()
    for f in bench.functions:
        calls = [n for n in ast.walk(f.tree) if isinstance(n, ast.Call)]
        some = [n for n in calls if getattr(n.func, "attr", getattr(n.func, "id", "")) in _chooses]
        wanted += [(f, {next(count): n for n in some})] if some else []
    keys = [key for _, slots in wanted for key in slots]
    rng, found = np.random.default_rng(29), set()

    def choices(values):
        with contextlib.ExitStack() as together:
            for function, slots in wanted:
                together.enter_context(watching(function, slots))
            kept, _ = recorded(keys, lambda: bench._forward(values))
        return kept

    for name in names:
        with contextlib.suppress(Exception):
            moved = trial.values[name] + 3 * rng.standard_normal(np.shape(trial.values[name]))
            one, other = choices(trial.values), choices(trial.values | {name: moved})
            if any(not np.array_equal(a, b) for k in one for a, b in zip(one[k], other[k], strict=True)):
                found.add(name)
    return found
