"""Runs a task with changes in it, and compares what comes out with the truth.

The truth is taken from differences of the person's own forward. A change is one of two things. A change of an
expression needs no new function: the expression is wrapped once, `e` becomes `watch(k, e)`, and watch may answer with
another value. A change of a statement is compiled anew. In both cases the whole program runs, forward and backward.

A program in which y is no longer what it was has changed its forward, and is not a repair: that is how the lines of
forward are told from those of backward, wherever they stand.
"""

import ast
import copy
import functools
import sys
import traceback
import types
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import numpy as np

from minigen.explain.arrays import host, library_of, theirs
from minigen.explain.source import NOTE, called_name, is_pass, without_added

AGREE = 1e-6  # relative, of the largest entry: differences are good to 1e-9 where they are used
MOST = 16  # entries of one array that are compared one by one; the others along one direction
FEW = 5  # where what was right elsewhere is only to be confirmed
REDRAWN = 5  # times at most, for one trial
CALLS = 64  # of one expression, in a loop, whose values are kept
WATCH = "__minigen_watch__"


@dataclass
class Truth:
    """What a gradient must be at some of its entries; NaN where the function has a kink there."""

    shape: tuple
    entries: np.ndarray
    values: np.ndarray
    direction: np.ndarray | None = None  # where not every entry is compared
    slope: float = np.nan  # the derivative along it

    def __post_init__(self):
        known = ~np.isnan(self.values)
        self.known, self.right = self.entries[known], self.values[known]
        self.allowed = AGREE * (np.abs(self.right).max(initial=0.0) + 1e-12) + 1e-9

    @property
    def compares(self):
        """Whether anything is known of the gradient: of a function that has a kink at every entry, nothing is."""
        along = self.direction is not None and not np.isnan(self.slope)
        return bool(self.known.size or along or 0 in self.shape)

    @property
    def is_zero(self):
        """Whether forward does not depend on the value: then nobody need return a gradient."""
        along = self.direction is None or abs(self.slope) < 1e-12
        return bool(self.known.size == self.entries.size and not self.right.any() and along)

    def fits(self, given):
        """Whether a given gradient is right: at the entries, and along one direction through all of them."""
        given = np.asarray(given) if np.ndim(given) == 0 else given
        if getattr(given, "shape", None) != self.shape or given.dtype.kind not in "fiub":
            return False
        if not self.at_entries(given):
            return False
        if self.direction is None or np.isnan(self.slope):
            return True
        along = float((given * self.direction).sum())
        noise = 1e-9 * np.sqrt(given.size)  # a gradient may be 0, such as that of a bias before batch norm
        return abs(along - self.slope) <= 1e-5 * (abs(self.slope) + np.linalg.norm(given)) + noise

    def at_entries(self, given):
        """Whether a given gradient is right at the entries that were measured one by one."""
        if getattr(given, "shape", None) != self.shape or not self.known.size:
            return getattr(given, "shape", None) == self.shape
        apart = np.abs(given.reshape(-1)[self.known] - self.right).max()
        return bool(apart <= self.allowed)  # NaN is not right either

    def error(self, given):
        """(largest error relative to the largest entry, (index, given, right) where it is); None where shapes differ."""
        try:
            given = np.asarray(given)
        except ValueError:
            return None, None
        if given.shape != self.shape or given.dtype.kind not in "fiub":
            return None, None
        if not self.known.size:
            return 0.0, None
        right, mine = self.right, given.reshape(-1)[self.known].astype(float)
        with np.errstate(all="ignore"):
            apart = np.abs(mine - right)
            apart = np.where(np.isfinite(apart), apart, np.inf)
        k = int(np.argmax(apart))
        index = tuple(int(i) for i in np.unravel_index(self.known[k], self.shape))
        apart = max(float(apart[k]) - 1e-9, 0.0)  # differences do not see less
        return apart / (np.abs(right).max(initial=0.0) + 1e-12), (index, float(mine[k]), float(right[k]))

    def ratio(self, given):
        """The number that every entry is multiplied by, where there is one."""
        given = None if given is None else np.asarray(given)
        if given is None or given.shape != self.shape or given.dtype.kind != "f":
            return None
        given, known = given.reshape(-1)[self.known], self.right != 0
        if known.sum() < 2 or given[~known].any():
            return None
        ratios = given[known] / self.right[known]
        return float(ratios[0]) if ratios[0] and np.allclose(ratios, ratios[0], rtol=1e-5, atol=0) else None


@dataclass
class Trial:
    """One set of inputs with its cotangent, y, and the true gradients."""

    values: dict
    g: np.ndarray | None
    y: np.ndarray
    truth: dict
    between: dict = field(default_factory=dict)  # {line: Truth} of what lines of backward must give

    @property
    def every(self):
        return self.truth | self.between


class Bench:
    """A task, the person's functions as trees, and sets of inputs with the truth at each."""

    def __init__(self, task, functions):
        self.task, self.functions, self.tried = task, functions, 0
        self.changes_g = False  # whether the last run changed the upstream gradient in place
        self._asks = task.must_use_g or None  # whether the backward of a loss uses the upstream gradient
        self._cut = parts_kept(functions, task.names)
        for function in functions:
            function.living.__globals__[WATCH] = _watch
            function.living.__globals__[NOTE] = _note

    # ----- inputs and truth

    def trial(self, rng, among=1, most=MOST):
        """A Trial at fresh inputs, of a few draws the smallest of those in which fewest sizes are equal by chance; at most
        so many entries of an array one by one."""
        draws = [_copied(self.task.draw(rng)) for _ in range(among)]

        def worth(drawn):
            sizes = {n for v in drawn.values() for n in np.shape(v)}
            return -len(sizes), sum(np.size(v) for v in drawn.values())

        trial = self.trial_of(min(draws, key=worth), rng, most)
        for _ in range(REDRAWN):  # where forward is not finite, nothing can be compared
            if np.isfinite(trial.y).all():
                break
            trial = self.trial_of(_copied(self.task.draw(rng)), rng, most)
        return trial

    def trial_with_other_settings(self, rng):
        """A Trial at which the numbers that are not differentiated are others, too; None where there are none.

        A whole number may be a setting, or a size that must stay: it is 1 more where forward takes that.
        """
        values, other = _copied(self.task.draw(rng)), {}
        numbers = {n: v for n, v in values.items() if isinstance(v, np.ndarray) and v.shape == ()}
        numbers = {n: v for n, v in numbers.items() if n not in self.task.names}
        for n, v in numbers.items():
            if v.dtype.kind == "f":
                other[n] = v * rng.uniform(0.7, 1.3)
        for n, v in numbers.items():
            if v.dtype.kind == "i":
                with suppress(Exception):
                    if np.isfinite(self._forward(values | {n: v + 1})).all():
                        other[n] = v + 1
        return self.trial_of(values | other, rng, FEW) if other else None

    def with_one_entry(self, rng, trial):
        """The same Trial with an upstream gradient that is not zero in one entry alone, for each example; None where it has
        no more than one.
        """
        y = trial.y
        if not y.ndim or trial.g is None or y.shape[-1] < 2:
            return None
        kept = np.zeros(y.shape)
        np.put_along_axis(kept, rng.integers(0, y.shape[-1], (*y.shape[:-1], 1)), 1.0, axis=-1)
        return self.trial_of(trial.values, rng, MOST, trial.g * kept)

    between = ()  # the lines of backward that are compared, too, for the moment

    def with_between(self, trial, rng, most):
        """A Trial with the truth of the lines that are compared now, and of no others."""
        known = {b.name: b.truth(self, trial.values, trial.g, trial.y, rng, most) for b in self.between}
        trial.between = {n: truth for n, truth in known.items() if truth is not None}
        return trial

    def trial_of(self, values, rng, most, g=None):
        """The Trial at some values, at most so many entries of an array one by one."""
        y, drawn = self._begun(values, rng)
        g = drawn if g is None else g
        names = [n for n in self.task.names if n in values]
        trial = Trial(values, g, y, {n: self.truth(values, n, g, y, rng, most) for n in names})
        return self.with_between(trial, rng, most)

    def trial_at(self, trial):
        """The truth measured anew at the same values, at a few entries of each array."""
        return self.trial_of(trial.values, np.random.default_rng(37), FEW, trial.g)

    def _begun(self, values, rng):
        """y at some values, and the upstream gradient."""
        y = self._forward(values)
        return y, rng.standard_normal(y.shape) if y.ndim else self._upstream_of_a_loss(values)

    def doubtful(self, rng, looks):
        """A Trial at fresh inputs at which the gradients do not fit the slope along one common direction; None if none.

        A look takes a few runs of forward, so that many inputs can be looked at. What it finds is not the verdict: at a
        kink a slope may be off.
        """
        for _ in range(looks):
            values = _copied(self.task.draw(rng))
            y, g = self._begun(values, rng)
            names = [n for n in self.task.names if n in values]
            directions = {n: rng.standard_normal(np.shape(values[n])) / 10 for n in names}
            directions |= {n: self._cut[n](d) for n, d in directions.items() if n in self._cut}
            gradients = self.play(Trial(values, g, y, {}))
            if not self._fit_along(directions, gradients, values, y, g):
                return self.trial_of(values, rng, MOST)
        return None

    def _fit_along(self, directions, gradients, values, y, g):
        """Whether gradients have the slope along a common direction, as far as it is known."""
        if gradients is None or not gradients[UNTOUCHED]:
            return False
        parts = [(np.asarray(gradients.get(n)), d) for n, d in directions.items()]
        if not all(p.shape == d.shape and p.dtype.kind in "fiub" for p, d in parts):
            return False
        along = [(p * d).sum() for p, d in parts]

        def loss(h):
            return weighed(self._forward(values | {n: values[n] + h * d for n, d in directions.items()}), g)

        right = slope(loss, 0.1, weighed(y, g))
        return np.isnan(right) or abs(sum(along) - right) <= 1e-5 * (abs(right) + np.abs(along).sum()) + 1e-8

    def _upstream_of_a_loss(self, values):
        """1 for a backward that does not ask what comes from above a loss, else a number that is not 1."""
        if not self.task.takes_g:
            return None
        if self._asks is None:
            try:
                one, other = (self.task.play(_copied(values), np.array(g)).gradients for g in (1.0, 1.7))
                self._asks = not all(np.array_equal(one[n], other[n], equal_nan=True) for n in one)
            except Exception:
                self._asks = False
        return np.array(1.7) if self._asks else None

    def _forward(self, values):
        _begin_notes()
        np.random.seed(0)
        with np.errstate(all="ignore"):
            return np.array(self.task.forward(_copied(values)), float)

    def truth(self, values, name, g, y, rng, most):
        """The Truth of one gradient, at most so many entries of it one by one."""
        x = np.asarray(values[name])

        def loss(change):
            return weighed(self._forward({**values, name: x + change}), g)

        return self.measured(x, loss, weighed(y, g), rng, most, self._cut.get(name))

    def measured(self, x, loss, here, rng, most, cut=None):
        """The Truth of the derivative of loss(change) at 0, where it is `here`; the change is that of an array x, or of
        what `cut` leaves of it.
        """
        cut = cut if x.ndim > 1 else None
        entries = np.arange(x.size) if cut is None else np.flatnonzero(cut(np.ones(x.shape)))
        whole = len(entries) <= most
        entries = entries if whole else np.sort(rng.choice(entries, most, replace=False))
        right = np.empty(len(entries))
        for k, i in enumerate(entries):
            unit = np.zeros(x.shape)
            unit.reshape(-1)[i] = 1.0
            right[k] = slope(lambda h, unit=unit: loss(h * unit), float(np.abs(x.reshape(-1)[i])), here)
        if whole:
            return Truth(x.shape, entries, right)
        direction = rng.standard_normal(x.shape) if cut is None else cut(rng.standard_normal(x.shape))
        along = slope(lambda h: loss(h * direction / 10), 0.1, here) * 10
        return Truth(x.shape, entries, right, direction, along)

    # ----- running

    def play(self, trial):
        """{name: gradient} and y of one run; None where it raises or y is not what it was."""
        self.tried += 1
        np.random.seed(0)
        values = _copied(trial.values)
        upstream = None if trial.g is None else trial.g.copy()
        _begin_notes()
        try:
            with np.errstate(all="ignore"):
                played = self.task.play(values, upstream)
        except Exception:
            return None
        y = np.asarray(played.y)
        if y.shape != trial.y.shape or not _same(y, trial.y):
            return None
        self.changes_g = upstream is not None and not np.array_equal(upstream, trial.g, equal_nan=True)
        untouched = (self.task.may_change_g or not self.changes_g) and all(
            np.array_equal(values[n], v)
            for n, v in trial.values.items()
            if isinstance(v, np.ndarray) and n in values
        )
        between = {b.name: b.of(_noted) for b in self.between}
        return {**played.gradients, **between, UNTOUCHED: untouched or self.task.step is not None}

    def noted(self, values=None, g=None):
        """[(key, id of the object, value)] of what was noted in the last run, or in a new one at some values."""
        if values is not None:
            self.play(Trial(values, g, self._forward(values), {}))
        return [*_noted]

    def raises(self, trial):
        """What a run raises: (path, line, what was raised, [(path, line)] of the calls that led there); None if nothing."""
        np.random.seed(0)
        try:
            with np.errstate(all="ignore"):
                self.task.play(_copied(trial.values), None if trial.g is None else trial.g.copy())
        except Exception as error:
            paths = {f.path for f in self.functions}
            walked = traceback.walk_tb(error.__traceback__)
            mine = [(f.f_code.co_filename, n) for f, n in walked if f.f_code.co_filename in paths]
            path, line = mine[-1] if mine else ("", None)
            return path, line, f"{type(error).__name__}: {error}", mine
        return None

    def status(self, trial, gradients, lines=False):
        """{name: is it right}, of lines that are compared, too, if so; every one wrong where the run gave nothing."""
        found = {
            n: gradients is not None and (t.fits(gradients[n]) if n in gradients else t.is_zero)
            for n, t in (trial.every if lines else trial.truth).items()
        }
        found[UNTOUCHED] = gradients is not None and bool(gradients[UNTOUCHED])
        return found


UNTOUCHED = "(what backward was given)"


@contextmanager
def repeatable():
    """np.random.default_rng() without a seed gives the same numbers at every call, as long as this lasts."""
    fresh = np.random.default_rng
    np.random.default_rng = lambda seed=None: fresh(0 if seed is None else seed)
    try:
        yield
    finally:
        np.random.default_rng = fresh


def weighed(y, g):
    """The number whose derivative is asked for: <g, y>, or y itself where it is the loss."""
    return float(y if g is None else (g * y).sum())


def slope(loss, size, here):
    """The derivative of loss(h) at 0, where it is `here`, by differences of order four; NaN where there is a kink.

    Where loss is smooth, loss(h) + loss(-h) - 2 loss(0) grows like h squared. Where it does not, a kink of the function
    or of its slope (Huber's loss) lies within reach, and a smaller step is taken. So it is where differences of order two
    and four agree too little: the bend of softsign jumps at 0. The two sides of a sharp bend come nearer to each other with
    a smaller step, those of a kink do not, however small it is: one example among many has crossed its relu.
    """
    for h in (1e-3 * max(1.0, size), 1e-5 * max(1.0, size)):
        p1, m1, p2, m2 = loss(h), loss(-h), loss(2 * h), loss(-2 * h)
        bend, twice = p1 + m1 - 2 * here, p2 + m2 - 2 * here
        fine = (8 * (p1 - m1) - (p2 - m2)) / (12 * h)
        noise = 1e-13 * (1 + abs(here))
        if (
            abs(twice - 4 * bend) <= 1e-3 * abs(bend) + noise
            and abs((p1 - m1) / (2 * h) - fine) <= (3e-6 if h > 1e-4 else 1e-4) * abs(fine) + 2e-8
        ):
            return fine
    one, other = (p1 - here) / h, (here - m1) / h
    if abs(one - other) > 1e-3 * (abs(one) + abs(other)) + 1e-6:
        return np.nan
    p0, m0 = loss(h / 10), loss(-h / 10)
    # rounding alone makes about 1e-10 of a loss near 1 over a step of 1e-6
    jump, nearer, noise = abs(one - other), abs(p0 + m0 - 2 * here) / (h / 10), 1e-8 * (1 + abs(here))
    if (
        jump <= noise or 0.05 * jump <= nearer <= 0.5 * jump
    ):  # a bend, whose jump is a tenth at a tenth of the step
        return (p1 - m1) / (2 * h)
    return np.nan if nearer > 0.5 * jump else (p0 - m0) / (2 * h / 10)  # else the kink is further away


# ----- the wrapped expressions ---------------------------------------------------------------------------------------

_answers = {}


def _watch(k, value):
    answer = _answers.get(k)
    return value if answer is None else theirs(answer(value, sys._getframe(1)), library_of(value))


def parts_kept(functions, names):
    """{value: np.tril or np.triu, as a function of an array} of gradients, {value: what it is called}, of which backward keeps a
    triangle alone: dL = np.tril(dL), or return dm, np.tril(dL). Then the value is a triangle, and the rest of it no parameter.
    """
    nameless = [value for value, name in names.items() if name.startswith("the gradient at")]
    found = {}
    for n in (n for f in functions for n in ast.walk(f.tree)):
        if isinstance(n, ast.Assign) and (kept := _triangle(n.value)):
            found |= {value: kept for value, name in names.items() if name == ast.unparse(n.targets[0])}
        elif isinstance(n, ast.Return) and n.value is not None:
            parts = [p for p in getattr(n.value, "elts", [n.value]) if not isinstance(p, ast.Name)]
            for part, value in zip(parts, nameless, strict=False) if len(parts) == len(nameless) else ():
                found |= {value: kept} if (kept := _triangle(part)) else {}
    return found


def _triangle(node):
    """np.tril or np.triu as a function of an array, with the diagonal that a call gives; None for other expressions."""
    if called_name(node) not in ("tril", "triu") or not node.args:
        return None
    first = [k.value for k in node.keywords if k.arg == "k"] + node.args[1:]
    offset = 0
    with suppress(ValueError):  # a name, and no number
        offset = ast.literal_eval(first[0]) if first else 0
    return functools.partial(getattr(np, called_name(node)), k=offset)


_noted, _counts, _moved = [], Counter(), {}  # what a run notes, how often, and what of it is moved


def _begin_notes():
    _noted.clear()
    _counts.clear()


def _note(key, value, owner):
    """Note a value, or the first array of several, and give it back, moved if that is asked for."""
    noted = next((v for v in value if np.ndim(v)), None) if isinstance(value, tuple | list) else value
    change = _moved.get((key, _counts[key]))
    _counts[key] += 1
    if _counts[key] <= CALLS:
        _noted.append((key, id(owner), np.array(host(noted))))
    return value if change is None else value + change


@contextmanager
def moving(key, call, change):
    """What is noted under a key at one of its calls is moved; gives the values, which are filled in by a run, as they were."""
    seen = []
    _moved[key, call] = change
    try:
        yield seen
    finally:
        _moved.clear()
        seen += [value for other, _, value in _noted if other == key][call : call + 1]


@contextmanager
def answering(answers):
    """Watched expressions get other values than their own: {k: function(value, frame)}."""
    _answers.update(answers)
    try:
        yield
    finally:
        _answers.clear()


def recorded(ks, run, statements=None, every=None, changed=None):
    """Run, and return what was watched: ({k: [value of each call]}, {statement: (names in scope, globals)}).

    The keys of `ks` stand in the order in which they were first reached. `statements` says in which statement
    an expression stands, {k: statement}; of each the names are kept as they were when it was first reached. Of those
    in `every`, {statement: []}, they are kept for every call. `changed`, {k: function(value)}, answers with others.
    """
    kept, scopes, statements, every, changed = {}, {}, statements or {}, every or {}, changed or {}

    firsts = {}  # the expression of each statement that is reached first

    def names_kept(frame):
        names = frame.f_locals
        names = without_added(names) if is_pass(frame.f_code.co_name) else names
        return {n: _kept(v, 2) for n, v in names.items()}

    def keep(k):
        statement = statements.get(k)

        def answer(value, frame):
            calls = kept.setdefault(k, [])
            if len(calls) < CALLS:
                calls.append(_kept(value))
            if statement is not None and statement not in scopes:
                around = {n: _kept(v) for n, v in frame.f_globals.items()}  # a step may change those, too
                scopes[statement] = names_kept(frame), around
            if statement in every and k == firsts.setdefault(statement, k) and len(every[statement]) < CALLS:
                every[statement].append(names_kept(frame))
            return changed[k](value) if k in changed else value

        return answer

    with answering({k: keep(k) for k in ks}):
        run()
    return kept, scopes


def _kept(value, depth=1):
    """A value as it is now: later lines may change arrays, and what dicts, lists and objects hold, in place."""
    value = host(value)
    if isinstance(value, np.ndarray):
        return value.copy()
    if depth and type(value) in (list, tuple):
        return type(value)(_kept(v, depth - 1) for v in value)
    if depth and type(value) is dict:
        return {k: _kept(v, depth - 1) for k, v in value.items()}
    plain = isinstance(value, type | types.FunctionType | types.MethodType | types.ModuleType)
    if depth > 1 and hasattr(value, "__dict__") and not plain:
        try:
            new = copy.copy(value)
            vars(new).update({k: _kept(v, depth - 1) for k, v in vars(value).items()})
            return new
        except Exception:  # an object with a way of its own to be copied
            return value
    return value


def expression_answer(code):
    """The answer that evaluates another expression where the watched one stands."""

    def answer(value, frame):
        return evaluated(code, frame.f_globals, frame.f_locals)

    return answer


def evaluated(code, names, scope):
    """The value of an expression where these globals and these locals are known. What a comprehension or a lambda in it reads
    are globals for eval: it gets both together then.
    """
    if any(isinstance(c, types.CodeType) for c in code.co_consts):
        return eval(code, {**names, **scope})
    return eval(code, names, dict(scope))


def watched(tree, slots):
    """A copy of `tree` in which every node of `slots` {k: node} is wrapped."""
    keys = {id(node): k for k, node in slots.items()}

    def wrap(node):
        new = copy.copy(node)
        for name, value in ast.iter_fields(node):
            if isinstance(value, ast.AST):
                setattr(new, name, wrap(value))
            elif isinstance(value, list):
                setattr(new, name, [wrap(v) if isinstance(v, ast.AST) else v for v in value])
        if id(node) not in keys:
            return new
        call = ast.Call(ast.Name(WATCH, ast.Load()), [ast.Constant(keys[id(node)]), new], [])
        return ast.copy_location(call, node)

    return wrap(tree)


def _copied(values):
    return {n: v.copy() if isinstance(v, np.ndarray) else copy.deepcopy(v) for n, v in values.items()}


def _same(a, b):
    if a.dtype == b.dtype and (a == b).all():
        return True
    try:
        return bool(np.allclose(np.asarray(a, float), b, rtol=1e-10, atol=1e-12, equal_nan=True))
    except (TypeError, ValueError):
        return False
