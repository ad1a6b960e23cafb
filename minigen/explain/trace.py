"""What the lines of backward compute: which value's gradient each one is, and which one its name promises.

The slope of the loss at any named value of forward is measured by moving that value while forward runs;
no derivative rule is needed. Names such as gz, dz, d_z, grad_z, delta_z and z_grad promise the gradient at z.
"""

import ast
import contextlib
import itertools
import re
import sys
from dataclasses import dataclass, field

import numpy as np

from minigen.explain.bench import answering, recorded, slope, watched, weighed
from minigen.explain.naming import last, promised
from minigen.explain.source import changed

DIRECTIONS = 4  # along which the slope at a value of forward is measured
CLOSE = 1e-5
DRAWS = re.compile(
    r"(standard_)?normal|randn?|random(_sample)?|uniform|choice|binomial|integers|randint|bernoulli|gumbel"
)


@dataclass
class Line:
    """One name that a person's program assigns in one run."""

    function: object
    statement: ast.AST
    name: str
    key: int
    value: np.ndarray
    calls: int
    forward: bool
    finished: bool = True  # whether the value is what the name promises, or later lines add to it
    numbers: dict = field(default_factory=dict)  # {name: whole number} of what the line can name
    part: int | None = None  # which of the values, where the statement unpacks several


@dataclass
class Slopes:
    """The gradient at a value, as far as it is known: its slopes along some directions, NaN at a kink."""

    shape: tuple
    directions: np.ndarray
    slopes: np.ndarray

    def along(self, value):
        return np.tensordot(self.directions, value, self.directions.ndim - 1)

    def fits(self, value):
        """Whether a value is the gradient."""
        known = ~np.isnan(self.slopes)
        if np.shape(value) != self.shape or not known.any():
            return False
        scale = np.abs(self.slopes[known]).max() + np.abs(value).max(initial=0.0)
        return bool(np.abs(self.along(value) - self.slopes)[known].max() <= CLOSE * scale + 1e-9)

    def times(self, value):
        """The number by which a value is a multiple of the gradient; None where it is none."""
        known = ~np.isnan(self.slopes) & (self.slopes != 0)
        if np.shape(value) != self.shape or known.sum() < 2:
            return None
        ratios = self.along(value)[known] / self.slopes[known]
        return float(ratios[0]) if ratios[0] and np.allclose(ratios, ratios[0], rtol=CLOSE, atol=0) else None


@contextlib.contextmanager
def watching(function, slots):
    """Expressions of a function, {key: node}, are watched as long as this lasts."""
    try:
        function.put(function.compiled(watched(function.tree, slots)))
        yield
    finally:
        function.put(function.compiled())


def assignments(bench, trial):
    """[Line]: the assignments of arrays that one run makes, in the order in which they were first made."""
    keys, found = itertools.count(), {}
    with contextlib.ExitStack() as together:
        for function in bench.functions:
            slots, changes = {}, dict(last_changes(function))
            for _, _, statement in function.statements():
                names = [(part, name, changes.get(name) is statement) for part, name in targets(statement)]
                if names:
                    key = next(keys)
                    slots[key] = statement.value
                    found[key] = (function, statement, names)
            if slots:
                together.enter_context(watching(function, slots))
        kept, scopes = recorded(found, lambda: bench.play(trial), {key: key for key in found})
        forward, _ = recorded(found, lambda: bench._forward(trial.values))
    lines = []
    for key, calls in kept.items():
        function, statement, names = found[key]
        count, around = len(forward.get(key, calls)), scopes[key][0]
        numbers = {n: int(v) for n, v in around.items() if type(v) is int or isinstance(v, np.integer)}
        for part, name, done in names:
            value = part_of(calls[-1], part)
            if isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.ndim:
                what = (function, statement, name, key, value, count, key in forward, done, numbers, part)
                lines.append(Line(*what))
    return lines


def last_changes(function, scaled=False):
    """[(name, the statement that changes it last)] of a function; if `scaled`, also the one before where the last is a
    scaling, dscores /= root: the name may promise what stood there before.
    """
    found, before = {}, {}
    for _, _, statement in function.statements():
        for name in changed(statement):
            found[name], before[name] = statement, found.get(name)
    scalings = [n for n, s in found.items() if isinstance(getattr(s, "op", None), ast.Mult | ast.Div)]
    return [(n, before[n]) for n in scalings if scaled and before[n] is not None] + [*found.items()]


def gradients(bench, trial, lines):
    """{name in small letters: Slopes} of the values of forward whose gradient a line of backward promises."""
    at = makers(lines)
    wanted = {p for x in lines for p in promised(x.name)} & set(at)
    rng = np.random.default_rng(17)
    found = {name: _slopes(bench, trial, at[name], rng) for name in sorted(wanted)}
    return {name: slopes for name, slopes in found.items() if slopes is not None}


def makers(lines):
    """{name in small letters: the line that makes what bears it last}; what forward itself computes goes before."""
    found = {}
    for x in sorted((x for x in lines if x.calls == 1), key=lambda x: x.forward):
        name = last(x.name)
        one = found.get(name)
        if one is None or one.forward < x.forward or not np.array_equal(one.value, x.value):
            found[name] = x  # and not z = hidden(x), which hands it on
    return found


def multiple(line, times, again, times_again):
    """How often a line is a gradient, in words: by a size that has a name, which is another number at other inputs.

    `times` is the number at the first inputs; `again` is the same line at others, and `times_again` the number there.
    """
    for name, size in line.numbers.items() if times_again is not None else ():
        other = again.numbers.get(name, size)
        if size > 1 and other != size:  # a size that stays as it is may be equal by chance
            for said, one, two in ((f"{name} times", size, other), (f"1/{name} of", 1 / size, 1 / other)):
                if np.allclose((times, times_again), (one, two), rtol=CLOSE):
                    return said
    return f"{times:.4g} times"


def not_run(bench, trials, is_asked):
    """The lines of statements that compute and that no run at these inputs came to, in the functions that ran and whose name
    `is_asked`: a mistake there is not seen.
    """
    paths, ran, before = {f.path for f in bench.functions}, set(), sys.gettrace()

    def watch(frame, event, _):
        path = frame.f_code.co_filename
        if path not in paths:
            return None
        ran.add((path, frame.f_lineno))
        return watch

    sys.settrace(watch)
    try:
        for trial in trials:
            bench.play(trial)
    finally:
        sys.settrace(before)
    found = set()
    for function in bench.functions:
        own = {(function.path, n) for n in range(function.tree.lineno + 1, function.tree.end_lineno + 1)}
        if not own & ran or not is_asked(function.name.rpartition(".")[2]):
            continue
        for _, _, statement in function.statements():
            lines = {(function.path, n) for n in range(statement.lineno, statement.end_lineno + 1)}
            if not lines & ran and any(isinstance(n, ast.BinOp | ast.Call) for n in ast.walk(statement)):
                found.add(statement.lineno)
    return sorted(found)


def one_sided(bench, trials, is_asked):
    """[(line, text, whether it is true)] of the masks that are the same for every entry at all these inputs, in the functions whose
    name `is_asked`: a mistake in the other case is not seen.
    """
    keys, found = itertools.count(), {}
    with contextlib.ExitStack() as together:
        for function in (f for f in bench.functions if is_asked(f.name.rpartition(".")[2])):
            slots = {next(keys): n for n in ast.walk(function.tree) if isinstance(n, ast.Compare)}
            found |= {key: (function, node) for key, node in slots.items()}
            if slots:
                together.enter_context(watching(function, slots))
        values = {key: [] for key in found}
        for trial in trials if found else ():
            for key, calls in recorded(found, lambda trial=trial: bench.play(trial))[0].items():
                values[key] += [v for v in calls if isinstance(v, np.ndarray) and v.size > 1]
    same = {}
    for key, masks in values.items():
        true = [bool(np.all(m)) for m in masks if np.all(m) or not np.any(m)]
        if masks and len(true) == len(masks) and len(set(true)) == 1:
            function, node = found[key]
            same[node.lineno, function.text(node)] = true[0]
    return sorted((line, text, true) for (line, text), true in same.items())


def drawing(bench):
    """The names of the functions that draw random numbers."""
    return {f.tree.name for f in bench.functions if isinstance(f.tree, ast.FunctionDef) and draws(f.tree, ())}


def draws(tree, others):
    """Whether a function or statement draws random numbers, or calls one of `others`."""
    called = (
        getattr(n.func, "attr", getattr(n.func, "id", "")) for n in ast.walk(tree) if isinstance(n, ast.Call)
    )
    return any(name in others or DRAWS.fullmatch(name) for name in called)


def broken(lines, known):
    """How many lines of backward are not the gradient that their names promise, as far as it is `known`."""
    own = [(x, known[p]) for x in lines if x.finished for p in promised(x.name) if p in known]
    return sum(not slopes.fits(x.value) for x, slopes in own)


def target(statement):
    """The name that a statement assigns to; None where it is none, or several."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
        if isinstance(target, ast.Name | ast.Attribute) or (
            isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant)
        ):
            return ast.unparse(target)
    return None


def targets(statement):
    """[(part, name)] that a statement assigns to: which of the values, where it unpacks several, and None else."""
    name = target(statement)
    if name:
        return [(None, name)]
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        names = getattr(statement.targets[0], "elts", [])
        if not any(isinstance(n, ast.Starred) for n in names):
            return [
                (k, ast.unparse(n)) for k, n in enumerate(names) if isinstance(n, ast.Name | ast.Attribute)
            ]
    return []


def part_of(value, part):
    """A value, or one of those in a tuple or list; None where there is no such one."""
    if part is None:
        return value
    return value[part] if isinstance(value, tuple | list) and part < len(value) else None


def with_part(value, part, change):
    """A value with a change of one of its parts; None: of the whole."""
    if part is None:
        return value + change
    return type(value)(v + change if k == part else v for k, v in enumerate(value))


def _slopes(bench, trial, line, rng):
    """The Slopes at a value of forward; None if y does not depend on it."""
    directions = rng.standard_normal((DIRECTIONS, *line.value.shape))
    here = weighed(trial.y, trial.g)

    def loss(change):
        with answering({line.key: lambda value, _: with_part(value, line.part, change)}):
            return weighed(bench._forward(trial.values), trial.g)

    try:
        with watching(line.function, {line.key: line.statement.value}):
            measured = [slope(lambda h, d=d: loss(h * d), 0.1, here) for d in directions / 10]
    except Exception:
        return None
    measured = np.array(measured) * 10
    return Slopes(line.value.shape, directions, measured) if np.nan_to_num(measured).any() else None
