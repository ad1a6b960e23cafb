"""Finds the smallest change of a person's own lines that makes every gradient right.

1. Watch one run: which statements are executed, with what values and names in scope.
2. A statement whose value y depends on belongs to forward and is left alone. One whose value no wrong gradient depends
on cannot be at fault. Backward is linear in most of its values: one run for each entry of a value measures how the
gradients answer to it. Then the value that would make them right can be solved for, and what a changed expression can
mend is known from its own value, without a run of the program.
3. Try the changes of whole lines, then the simple ones of expressions, cheapest first; then expressions built for the
solved value, or, where many values are right, for what backward must make of it; then lines that are missing; then two
changes in one line. What a run with a change gave is kept, since several groups of gradients ask for it.
4. Accept a change only if all gradients are right at other inputs, of other sizes where they can vary, and under other
settings, and no other pair of the file is spoiled. Of equal changes the one wins under which most names of the person's
tell the truth.
5. Where no single change mends all, accept one that makes some gradients right and breaks none, or what is first wrong
between them (between.py), and go on: several mistakes. Of three changes and more, see whether one does what two do.
"""

import ast
import contextlib
import copy
import functools
import itertools
import math
import re
import time
from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np

from minigen.explain import between, built, derivative, missing, normalised, process, trace
from minigen.explain import edits as changes
from minigen.explain.arrays import host
from minigen.explain.bench import (
    CALLS,
    FEW,
    MOST,
    UNTOUCHED,
    Bench,
    answering,
    evaluated,
    expression_answer,
    recorded,
    repeatable,
    watched,
)
from minigen.explain.edits import Edit, Slots, applied, atoms, expression_edits, statement_edits
from minigen.explain.elsewhere import Elsewhere
from minigen.explain.evidence import CHANGE
from minigen.explain.naming import is_gradient_name, last, promised
from minigen.explain.pairs import goes_back
from minigen.explain.source import called_name, functions_of, name_of, names_in, small

TRIALS = 4  # sets of inputs on which a change must hold
LOOKS = 8  # further ones at which only the slope along one direction is compared
ENTRIES = 4  # entries of an upstream gradient, each of which is not zero alone
SOLVED = 600  # entries of a value that is solved for
SPARE = 8  # equations more than unknowns, from which is seen how far differences err
SOLVING = 0.3  # the share of the time that may go into solving
ROUNDING = 1e-13
OWN = 0.2  # the less that a change costs in a line that is named after the gradient it computes
WHOLE = 0.1  # the share of the time for measuring every entry of the wrong gradients
APART = 0.6  # the share of the time for mistakes of which each spoils a part of what is wrong
LOOKING = 0.1  # the share of the time in which what is first wrong is looked for
BETWEEN = 0.3  # the share of the time for the lines that are first wrong
NARROW = 0.5  # the same, where lines before them are known to be right
AFTERWARDS = 1.0  # seconds in which a cheaper change than the one at hand is looked for
PART = 1.5  # the most that a change may cost that mends some gradients, where others stay wrong
TWICE = 0.3  # the more that one change may cost that does what two do
ANOTHER = 1.3  # what one change that mends all may cost more than one that mends a part
UNUSUAL = 1.6  # those up to this cost do so where they can be tried without a run
LIKELY = 1.31  # simple changes up to this cost come before expressions that are built
BUILT = 2.0  # where a change costs more, expressions are built for other lines as well
HANDED_OUT = 0.2  # the more that a change costs where a name is returned, and not where its value is made
MADE_BY_ANOTHER = 0.25  # the more that a change costs that mends what another function of the person's gives
SETUP = 0.5  # the more that a change costs in a line that only prepares values
FEW_EDITS = 24  # of one kind in one statement
NEAR = 0.25  # changes that cost so little more than the best are told as well


@dataclass(eq=False)
class Suspect:
    """A statement that may be at fault."""

    function: object
    body: list
    index: int
    statement: ast.AST
    slots: Slots
    keys: dict  # watched key of every slot: {id(node): k}
    scope: dict = field(default_factory=dict)
    namespace: dict = field(default_factory=dict)
    values: dict = field(default_factory=dict)  # {id(node): value in the call `at`}
    calls: int = 0
    touches: frozenset = frozenset()  # the gradients that depend on it
    # the values, one for each call, that would make the wrong gradients right; () where they are not unique
    target: object = None
    at: int = 0  # the call that `values`, `scope` and `response` are of
    later: dict = field(default_factory=dict)  # {id(statement): names} of its body in that call
    response: object = None  # how the wrong gradients answer to the value: a Response
    edits: list = field(default_factory=list)  # its simple changes, up to the cost `made_to`
    made_to: float = -np.inf
    whole: list = None  # the changes of the whole statement
    asked: bool = False  # whether it was tried to solve for its value
    built: bool = False  # whether expressions were built for it
    outer: frozenset = frozenset()  # names of an enclosing function's that its own code does not reach yet
    watched: object = None  # the code of its function with the expressions of this statement watched
    piece: bool = False  # one of several values that a statement lists
    # {id(expression): the comprehension that computes it for each item}
    inner: dict = field(default_factory=dict)
    scopes: dict = field(default_factory=dict)  # {id(comprehension): names in its first item}
    rank: float = 0.0
    where: int = 0  # when it was first reached
    forward: bool = False  # it runs when forward runs
    setup: bool = False  # its value does not come from the upstream gradient

    def __post_init__(self):
        for node in ast.walk(self.statement):
            if isinstance(node, ast.ListComp | ast.GeneratorExp | ast.DictComp):
                first = {id(n) for n in ast.walk(node.generators[0].iter)}
                self.inner |= {id(n): node for n in ast.walk(node) if n is not node and id(n) not in first}

    @property
    def is_argument(self):
        """Whether it is what a call is given, and not one of several values."""
        return self.piece and isinstance(self.statement, ast.Expr)

    @property
    def hands_out(self):
        """Whether it is one of several values that are returned, by its name: made elsewhere."""
        return self.piece and isinstance(self.statement.value, ast.Name)

    @property
    def nodes(self):
        """{key: expression} of every slot."""
        return {self.keys[id(n)]: n for n in self.slots.nodes}

    @property
    def value(self):
        """What the statement gave in the call `at`; None where that is not known."""
        return self.values.get(id(self.value_node))

    @property
    def value_node(self):
        """The expression whose value stands for the statement: the outermost one that holds numbers."""
        value = getattr(self.statement, "value", None)
        unused = isinstance(self.statement, ast.Expr) and isinstance(value, ast.Call) and not self.piece
        if self.values and (unused or not _holds_numbers(self.values.get(id(value)))):
            return next(
                (n for n in self.slots.nodes if n is not value and _moves(self.values.get(id(n)))), value
            )
        return value


@dataclass
class Response:
    """How the wrong gradients answer to the value of a statement, where they are linear in it.

    `rows[name]` is (matrix, needed): the gradient is right where matrix @ (value - was) = needed, at its entries.
    `matrix` is that of the gradients that are right already, and must not change.
    `code` computes the value again in the statement's scope, with every expression in it, `inside`, watched.
    """

    was: np.ndarray
    rows: dict
    matrix: np.ndarray
    code: object
    inside: frozenset

    def could_mend(self, value):
        """Whether the wrong gradients would be right with this value, as far as can be told."""
        if not _moves(value) or np.shape(value) != self.was.shape:
            return True
        change = (np.asarray(value, float) - self.was).reshape(-1)
        if not np.isfinite(change).all():
            return False
        kept = _largest(self.matrix @ change)
        if kept > 1e-4 * _largest(self.matrix) * _largest(change) + 1e-7:
            return False
        for matrix, needed in self.rows.values():
            apart = _largest(matrix @ change - needed)
            if not apart <= 1e-5 * _largest(needed) + 1e-7:
                return False
        return True


@dataclass(eq=False)
class Repair:
    """A change that was verified: what it mends, and equal ones."""

    suspect: Suspect
    edit: Edit
    mends: tuple
    trials: int
    sizes: bool
    alternatives: list = field(default_factory=list)
    undo: object = None  # takes the change out again


def _softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


BEFORE = {  # the function that a loss is behind, and what its gradient is before it
    "softmax": (_softmax, lambda p, g: p * (g - (g * p).sum(axis=-1, keepdims=True))),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), lambda p, g: p * (1 - p) * g),
}


def _a_little_else(value, rng, far=1):
    """A value, or every number in it, moved a little, or `far` times as much."""
    value = host(value)
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return value * (1 + 0.1 * far) + 0.05 * far * rng.standard_normal(value.shape)
    if type(value) in (tuple, list):
        return type(value)(_a_little_else(v, rng, far) for v in value)
    if type(value) is dict:
        return {n: _a_little_else(v, rng, far) for n, v in value.items()}
    return value * (1 + 0.1 * far) + 0.03 * far if isinstance(value, float | np.floating) else value


class Search:
    """One search; `run()` gives the list of Repairs, and `status` what is right after them."""

    def __init__(self, task, *, rng):
        self.deadline = self.patience = 0.0
        self.plain = {}  # the code of each function as it stands in its tree
        self.task, self.rng = task, rng
        self.functions = functions_of(task.functions)
        # their names, without those of classes around them
        self.own_names = {f.name.rpartition(".")[2] for f in self.functions}
        self.bench = Bench(task, self.functions)
        # small inputs to search at, and others to verify at
        among = 6 if task.sizes_vary else 1
        self.trials = [self.bench.trial(rng, among=among), self.bench.trial(rng)]
        self.trial = self.trials[0]
        self.repairs = []
        # what may be wrong in the text as it is written, and where
        self.suspects, self.suspected_at = [], self.trial
        self.lines, self.known, self.traced = [], {}, self.trial  # what `trace` found, and where

    def trace(self):
        """What the lines compute, and the gradients that their names promise: a help, which may fail."""
        self.traced = self.trials[0]
        with contextlib.suppress(Exception):
            self.lines = trace.assignments(self.bench, self.traced)
            self.known = trace.gradients(self.bench, self.traced, self.lines)

    @functools.cached_property
    def traced_again(self):
        """(lines, known) as `trace` finds them, at other inputs."""
        with contextlib.suppress(Exception):
            trial = next(t for t in self.trials if t is not self.traced)
            lines = trace.assignments(self.bench, trial)
            return lines, trace.gradients(self.bench, trial, lines)
        return [], {}

    progress = None  # called with the number of changes tried, about once a second
    _asked, _now, _told = 0, 0.0, 0.0

    def late(self):
        """Whether the time is over: that of computing, so that a busy machine finds as much as a quiet one."""
        self._asked += 1  # the clock is slow: it is read now and then
        if self._asked % 16 == 1:
            self._now = time.thread_time()
            if self.progress and self._now > self._told + 1.0:
                self._told = self._now
                self.progress(self.bench.tried)
            if time.monotonic() > self.patience:
                self._now = np.inf
        return self._now > self.deadline

    # ----- the verdict

    def status(self):
        """{gradient: right at every trial}."""
        found = {}
        for trial in self.trials:
            for name, right in self._status_at(trial).items():
                found[name] = found.get(name, True) and right
        return found

    def _status_at(self, trial):
        """{gradient: right} at one trial, with whatever changes are in place."""
        return self.bench.status(trial, self.bench.play(trial))

    def _is_right_at(self, trial):
        return all(self._status_at(trial).values())

    def wrong_first(self):
        """Put the inputs at which a gradient is wrong before those at which all are right."""
        self.trials.sort(key=self._is_right_at)

    def right_for_one_entry(self):
        """Whether all gradients are right for upstream gradients with one entry that is not zero, at the very inputs at
        which some are wrong for others.
        """
        if self.task.several:  # one entry would be one of one output alone
            return False
        wrong = [t for t in self.trials if not self._is_right_at(t)]
        every = (t for t in wrong for _ in range(ENTRIES if t.y.ndim > 1 else 3 * ENTRIES))
        for trial in (self.bench.with_one_entry(self.rng, t) for t in every):
            if trial is None or not self._is_right_at(trial):
                return False
        return bool(wrong)

    def right_before(self):
        """ "softmax" or "sigmoid" if the one gradient of a loss is right for what goes into that function, where the loss is
        given what comes out of it: p - y of a cross-entropy; "" else.
        """
        names = [*self.trials[0].truth]
        if len(names) != 1 or self.trials[0].y.ndim or self.task.takes_g:
            return ""
        kinds = (k for k in BEFORE if all(self._is_right_before(k, names[0], t) for t in self.trials))
        return next(kinds, "")

    def _is_right_before(self, kind, name, trial):
        into, back = BEFORE[kind]
        p = into(trial.values[name]) if np.ndim(trial.values[name]) else None
        if p is None or p.size > missing.MOST:
            return False
        there = self.bench.trial_of(trial.values | {name: p}, self.rng, p.size)
        truth, played = there.truth[name], self.bench.play(there)
        if played is None or truth.known.size != p.size or np.shape(played.get(name)) != p.shape:
            return False
        due = back(p, truth.right.reshape(p.shape))
        return bool(np.any(due) and np.allclose(played[name], due, rtol=1e-5, atol=1e-7))

    def look_again(self, looks=LOOKS):
        """Whether all is right at many other inputs too; those at which it is not are kept."""
        for _ in range(3):
            trial = self.bench.doubtful(self.rng, looks)
            if trial is None:
                return True
            if not self._is_right_at(trial):
                self.trials.insert(0, trial)
                return False
        return True

    def run(self, seconds, rounds=5):
        self.deadline = time.thread_time() + seconds
        self._asked = 0
        self.patience = time.monotonic() + process.BUSY * seconds
        with repeatable(), np.errstate(all="ignore"):
            return self._rounds(rounds)

    def _rounds(self, rounds):
        self.base = self.status()
        self.beside = [*self._right_beside()]
        self.remembers = self._remembers()
        if self.remembers:
            return self.repairs
        try:
            while not all(self.base.values()) and len(self.repairs) < rounds and not self.late():
                repair = self._round()
                if repair is None and self.misled:  # at the inputs of this round more seems right than is
                    continue
                if repair is None:
                    break
                self._apply(repair)
            if not all(self.base.values()):
                self._take_back()
            elif len(self.repairs) > 2:
                self._fewer()
        finally:
            for function in self.functions:
                function.restore()
        return self.repairs

    def _apply(self, *repairs):
        for repair in repairs:
            if repair.undo is None:
                repair.edit.new = copy.deepcopy(repair.edit.new)  # later rounds find nodes by identity
            repair.undo = applied(repair.edit, repair.suspect.function)
            self.repairs.append(repair)
        self._compile(repairs)

    def _undo(self, repairs):
        """Take the last of the changes out again."""
        for repair in reversed(repairs):
            repair.undo()
            self.repairs.remove(repair)
        self._compile(repairs)

    def _compile(self, repairs):
        for function in {id(r.suspect.function): r.suspect.function for r in repairs}.values():
            function.put(function.compiled())
        self.base = self.status()

    def _fewer(self):
        """Of three changes or more, look for one that does what several of them do: what two lines have in common."""
        every = [*self.repairs]
        for n in range(1, len(every) - 1):
            for kept in itertools.combinations(every, n):
                bodies = Counter(id(r.edit.body) for r in every if r.edit.body is not None)
                if any(bodies[id(r.edit.body)] > 1 for r in kept):  # its place there depends on the others
                    continue
                self._undo([*self.repairs])
                try:
                    self._apply(*kept)
                except ValueError:  # it changes what another change has put there
                    pass
                else:
                    with self._in_part_of_the_time(0.5):
                        wrong, suspects, first = self._begin_round()
                        best = self._mending(wrong, suspects, first, quick=True)
                    if best is not None and set(wrong) <= set(best.mends):
                        return self._apply(best)
                self._undo([*self.repairs])
                self._apply(*every)
                if self.late():
                    return

    def _remembers(self):
        """Whether backward gives another gradient after a call with other inputs of the same sizes."""
        trial, moved = self.trials[0], {}
        for n, v in trial.values.items():
            moved[n] = v * 1.1 if isinstance(v, np.ndarray) and v.dtype.kind == "f" else v
        one = self.bench.play(trial)
        self.bench.play(replace(trial, values=moved))
        two = self.bench.play(trial)
        return bool(one and two) and not all(_equal(one.get(n), two.get(n)) for n in trial.truth if n in one)

    def _right_beside(self):
        """(Bench, Trial, the gradients that are right) of other pairs in the file, which no change may spoil."""
        for other in (task.judged for task in self.task.beside if task.judged is not None):
            trial = other.trials[0]
            status = other.bench.status(trial, other.bench.play(trial))
            if any(status.values()):
                yield other.bench, trial, [n for n, right in status.items() if right]

    def _spoils(self):
        """Whether a gradient of another pair that was right is wrong now."""
        for bench, trial, right in self.beside:
            status = bench.status(trial, bench.play(trial))
            if not all(status[n] for n in right):
                return True
        return False

    def _take_back(self):
        """Of what mends some gradients and not all, keep what is simple: the rest may only look like a mistake."""
        asked = {*self.trial.truth, UNTOUCHED}
        odd = (n for n, r in enumerate(self.repairs) if r.edit.cost > PART or asked.isdisjoint(r.mends))
        first = next(odd, len(self.repairs))
        self._undo(self.repairs[first:])

    # ----- one round

    def _begin_round(self):
        """The gradients that are wrong, the suspects, and what is wrong first."""
        self.plain, self.bases, self.misled = {}, {}, False
        # what earlier changes have put there has no place in the person's text
        self.put = {id(n) for r in self.repairs if r.edit.new is not None for n in _put_anew(r.edit)}
        self.observed, self.made = None, {}  # the statements and their changes, for all goals of a round
        self.judged, self.measured = {}, {}  # what runs gave in this round, which later goals ask for again
        self._compare_lines()
        self.trial = next((t for t in self.trials if self._wrong_at(t)), self.trials[0])
        gradients, self.now = self._before(self.trial)
        self.given = {n: (gradients or {}).get(n) for n in self.trial.every}
        # then what is changed must be compiled: it cannot be watched
        self.raises = self.bench.raises(self.trial)
        wrong = self.wrong = self._wrong_at(self.trial)
        suspects = self._suspects_of(wrong)
        self.first = self._wrong_first(wrong)
        return wrong, suspects, self.first

    def _wrong_at(self, trial):
        """The gradients that are wrong at a trial, of those that backward gives."""
        return [n for n, right in self._before(trial)[1].items() if not right and n not in trial.between]

    def _round(self):
        """The likeliest change that mends all that is wrong; where there is none, what is wrong first."""
        wrong, suspects, first = self._begin_round()
        best = partly = self._mending_a_line()
        if best is not None and set(wrong) <= set(best.mends) or self.misled:
            return best
        goals, best = [], None
        if first and len(wrong) > 1 and not self.raises:
            with self._in_part_of_the_time(0.5):
                best = self._mending(wrong, self._suspects_of(wrong), first, quick=True)
            goals = self._goals(suspects, first) if len(first) > 1 else [[*first]]
        if best is not None and partly is not None and best.edit.cost > partly.edit.cost + ANOTHER:
            best = None  # two mistakes are likelier
        if self.misled or best is None and goals and partly is not None:
            return None if self.misled else partly
        with self._in_part_of_the_time(APART):
            for n, goal in enumerate(goals if best is None else ()):
                with self._in_part_of_the_time(1 / (len(goals) - n)):
                    makers = {n: first[n] for n in goal if n in first}
                    best = self._mending(goal, self._suspects_of(goal), makers)
                if best is not None or self.misled:
                    break
        if best is None and not self.misled:
            with self._in_part_of_the_time(1.0 if partly is None else 0.5):
                best = self._mending(wrong, self._suspects_of(wrong), first)
        return best or (None if self.misled else partly)

    def _compare_lines(self):
        """Have the lines that are first not what their names promise compared, in this round, as gradients are."""
        self.bench.between = ()
        between.note(self.functions, ())
        trial, left = self.trials[0], LOOKING * (self.deadline - time.thread_time())
        with contextlib.suppress(Exception):
            self.bench.between = between.first_wrong(self.bench, trial, self.rng, left)
        between.note(self.functions, between.places(self.bench.between))
        for trial in self.trials:
            self.bench.with_between(trial, self.rng, MOST if trial is self.trials[0] else FEW)

    def _mending_a_line(self):
        """A change that makes right what stands under a name of backward, the first that is not the gradient it promises: there
        may be further mistakes, so that no gradient that is returned need come right.
        """
        narrow = any(place.settled for place in self.bench.between)
        with self._in_part_of_the_time(NARROW if narrow else BETWEEN):
            for place in self.bench.between if not self.raises else ():
                if self.now.get(place.name, True):
                    continue
                suspects = self._suspects_of([place.name])
                suspects = [s for s in suspects if id(s.statement) not in place.settled]
                makers = (s for s in self.everything if s.statement is place.place.statement)
                given = self.given[place.name]
                first = {place.name: next((s for s in makers if missing.makes(s, given)), None)}
                best = self._mending([place.name], suspects, first)
                if best is not None or self.misled:
                    return best
        return None

    def _before(self, trial):
        """(gradients, {gradient: right}) of a trial before any change of this round."""
        if id(trial) not in self.bases:
            gradients = self.bench.play(trial)
            self.bases[id(trial)] = gradients, self.bench.status(trial, gradients, lines=True), trial
        return self.bases[id(trial)][:2]

    @contextlib.contextmanager
    def _in_part_of_the_time(self, share):
        whole, now = self.deadline, time.thread_time()
        self.deadline = now + share * (whole - now)
        try:
            yield
        finally:
            self.deadline, self._asked = whole, 0

    def _wrong_first(self, wrong):
        """{gradient: the statement that makes it, or None} of those into which no other that is wrong flows."""
        made = {}
        for s in self.everything:
            for n in s.touches:
                given = self.given[n]
                if s.calls == 1 and isinstance(given, np.ndarray) and missing.makes(s, given):
                    made[n] = s
        self.settled = {id(s) for n, s in made.items() if self.now[n]}  # what they give is right
        makers = {n: s for n, s in made.items() if n in wrong}
        self.named = {n: trace.target(s.statement) for n, s in makers.items()}
        later = {
            n
            for m, s in makers.items()
            for n in wrong
            if m != n and s is not makers.get(n) and n in s.touches
        }
        return {n: makers.get(n) for n in wrong if n not in later and n != UNTOUCHED}

    def _goals(self, suspects, first):
        """Groups of the gradients that are wrong first, of each of which one value would make all right."""
        groups = {frozenset(s.touches & set(self.goal)) for s in suspects if s.target is not None}
        groups -= {frozenset(self.goal)}  # that was tried
        groups = sorted((g for g in groups if g & first.keys()), key=len, reverse=True)
        found = []
        for group in [*groups, *({n} for n in first)]:
            if not any(group <= set(known) for known in found):
                found.append(sorted(group))
        return found

    def _mending(self, goal, suspects, first, quick=False):
        """A Repair that makes the gradients `goal` right, and no other one wrong; None if none is found.

        `first` are those of them into which no other wrong one flows. Where it is one, the mistake is in the statement
        that makes it or before, and what the statement must give is known. `quick`: only what is likely is tried, where
        it is not certain that one value can mend all.
        """
        others = [s for n, s in self.first.items() if s is not None and n not in goal]
        # what is right though something wrong flows into it
        by_chance = {n for s in others for n in s.touches}
        self.goal = goal
        self.must = [n for n, right in self.now.items() if n in goal or right and n not in by_chance]
        self.seen, self.full, self.elsewhere = set(), [], []
        everything, suspects = suspects, [s for s in suspects if self._able(s)]
        self._measure_whole(first)
        known = [s for s in first.values() if s is not None] if len(first) == 1 else []
        for s in known:
            self._know(s, *first)
        for tier in self._first_tiers(known, everything):
            # in a loop that is slow the first tiers would take all of the time
            with self._in_part_of_the_time(0.5 if quick else 1.0):
                tier()
            best = self._best(suspects)
            if best is not None or self.misled or self.late():
                return best
        suspects = self._solved(suspects)
        if set(self.wrong) <= set(goal) and not self.repairs:
            self.suspects, self.suspected_at = suspects, self.trial
        aimed = [s for s in suspects if s.target is not None]
        tiers, likely = [*self._tiers(suspects, aimed)], None
        if quick:  # is it what all of them depend on, and none that is right?
            through = [s for s in suspects if s.response is None and set(goal) <= s.touches]
            just = [s for s in suspects if s.touches - {UNTOUCHED} == set(goal) - {UNTOUCHED}]
            tiers = tiers[:5] if aimed else [lambda: self._simple(through, LIKELY)]
            likely = tiers[-1]  # the most of the time is for it
            looped, trees = [s for s in just if s.response is None], [f.tree for f in self.functions]
            tiers[:0] = [
                lambda: self._try_all(missing.of_what_forward_reads(just, trees)),
                lambda: self._try_all(missing.inside_products(just, lambda f: _unread(f.tree))),
                lambda: self._few_of_a_kind(looped),
            ]
            tiers += [lambda: self._two_in_one(known), lambda: self._missing_lines(just)]
            tiers += [lambda: self._in_loops(just), lambda: self._simple(just)]
        for tier in tiers:
            share = 1.0 if not quick or tier is tiers[-1] else 0.85 if tier is likely else 0.5
            with self._in_part_of_the_time(share):
                tier()
            best = self._best(suspects)
            if best is not None or self.misled:
                return best
            if self.late():
                break
        return self._accept(self.full, last=True) or self._accept(self.elsewhere)

    def _best(self, suspects):
        if self.full or self.elsewhere:
            self._cheaper(suspects)
        return self._accept(self.full) or self._accept(self.elsewhere)

    def _able(self, s):
        """Whether another value of a statement could mend all that is to be mended."""
        if self.raises or not s.touches:
            return True
        return {n for n in self.goal if n != UNTOUCHED} <= s.touches and id(s) not in self.settled

    def _first_tiers(self, known, everything):
        yield lambda: self._simple(known, LIKELY, inside=True)
        yield lambda: self._try_all(missing.handed_on(self.everything, lambda f: _unread(f.tree)))
        yield lambda: self._simple(everything, PART, whole=True)
        yield lambda: self._simple(known, UNUSUAL, inside=True)
        yield lambda: self._built([s for s in known if s.target])
        yield lambda: self._simple(known, inside=True)

    def _tiers(self, suspects, aimed):
        best = max((s.rank for s in suspects), default=0.0)
        first = [s for s in suspects if s.rank >= 0.75 * best]
        told = [s for s in suspects if s.response is not None]  # most of their changes need no run
        yield lambda: self._simple(first, LIKELY)
        yield lambda: self._simple(told, LIKELY)
        yield lambda: self._built(aimed)
        yield lambda: self._simple(told)
        yield lambda: self._simple(suspects, LIKELY)
        yield lambda: self._simple(first)
        yield lambda: self._missing_lines(suspects)
        yield lambda: self._two_in_one(aimed or suspects[:6])
        yield lambda: self._simple(suspects)
        yield lambda: self._in_loops(suspects)
        yield lambda: self._two_in_one(suspects)

    def _know(self, s, name):
        """The value of a statement that makes a gradient is that gradient: what it must be need not be solved for."""
        truth, given = self.trial.every[name], self.given[name]
        value = np.asarray(s.value, float)
        if value.shape != truth.shape or not np.isfinite(given).all():
            return
        needed = truth.right - given.reshape(-1)[truth.known]
        rows = {name: (np.eye(value.size)[truth.known], needed)}
        if truth.known.size == value.size:
            s.target = [value + needed.reshape(value.shape)]
        s.rank += 1.0
        s.response = self._response(s, value, rows, np.zeros((0, value.size)))

    def _cheaper(self, suspects):
        """Is there a cheaper change than those that were found? For a while, the others are asked as well."""
        deadline = self.deadline
        found = self.full or self.elsewhere
        least = min(edit.cost + edit.less - self._own(s, edit) for edit, s, _ in found)
        more = AFTERWARDS if least < UNUSUAL else 2 * AFTERWARDS
        self.deadline = min(deadline, time.thread_time() + more)
        suspects = self._solved(suspects)
        least += 0.0 if self.full else TWICE
        promising = [s for s in suspects if self._promises(s)]
        if least > UNUSUAL:  # the likely changes of all lines before the others of any
            self._simple(promising, LIKELY)
            self._simple([s for s in suspects if s not in promising], LIKELY)
        self._simple(promising, least + OWN)
        if least > BUILT:
            self._built([s for s in suspects if s.target])
        self._simple([s for s in suspects if s not in promising], least)
        self.deadline = deadline

    def _measure_whole(self, first):
        """Measure every entry of the wrong gradients where that takes little, so that more can be solved for."""
        trial, left = self.trial, WHOLE * (self.deadline - time.thread_time())
        wanted = [n for n in first or self.goal if n != UNTOUCHED]
        for name in sorted(wanted, key=lambda n: np.prod(trial.every[n].shape)):
            if trial.every[name].direction is None:
                continue
            size, began = int(np.prod(trial.every[name].shape)), time.thread_time()
            self.bench._forward(trial.values)
            left -= 4.5 * size * (time.thread_time() - began)
            if left < 0:
                return
            whole = self._truth(name, size)
            (trial.between if name in trial.between else trial.truth)[name] = whole

    def _truth(self, name, most):
        """The Truth of a gradient, or of what a line must give, at so many entries."""
        trial = self.trial
        if name in trial.between:
            between = next(b for b in self.bench.between if b.name == name)
            return between.truth(self.bench, trial.values, trial.g, trial.y, self.rng, most)
        return self.bench.truth(trial.values, name, trial.g, trial.y, self.rng, most)

    def _suspects_of(self, goal):
        """The statements of backward that one of these gradients depends on, the likeliest first."""
        self.goal = goal
        if self.observed is None:
            self.observed = self._observed()
        found = [copy.copy(s) for s in self.observed]
        for s in found:
            s.edits, s.whole = [], None
            s.touches = frozenset(n for n in s.touches if n not in self.trial.between or n in self.goal)
            self._rank(s, self.goal, not any(self.now.values()))
        self.everything = sorted(found, key=lambda s: s.where)
        return sorted((s for s in found if s.rank > 0), key=lambda s: (-s.rank, s.where))

    def _observed(self):
        """The statements of backward, with what they computed in one run; in later goals of a round they are the same."""
        found, keys, installed = [], itertools.count(), []
        for function in self.functions:
            own = self._statements_of(function, keys)
            found += own
            try:
                nodes = {k: n for s in own for k, n in s.nodes.items()}
                function.put(function.compiled(watched(function.tree, nodes)))
                installed.append(function)
            except (SyntaxError, ValueError):
                pass
        try:
            wanted = {k: id(s.inner.get(n, s.statement)) for s in found for n, k in s.keys.items()}
            every = {id(n): [] for function in self.functions for n in _ends_around(function.tree)}
            kept, scopes = recorded(wanted, lambda: self.bench.play(self.trial), wanted, every)
            forward, _ = recorded(wanted, lambda: self.bench._forward(self.trial.values))
            other = self._with_another_g(wanted, self.goal)
            order = {k: i for i, k in enumerate(kept)}
            found = [s for s in found if any(k in kept for k in s.keys.values())]
            for s in found:
                self._note(s, kept, order)
                s.forward = any(k in forward for k in s.keys.values())
                inner = {id(c): scopes[id(c)] for c in s.inner.values() if id(c) in scopes}
                s.scope, s.namespace = scopes.get(id(s.statement)) or next(iter(inner.values()))
                s.scopes = {c: names for c, (names, _) in inner.items()}
            _add_outer_scopes(found, every)
            computed = {ast.dump(s.statement) for s in found if s.forward and not s.piece}
            for s in found:  # a line that forward has too, word for word, prepares what it made
                again = not s.forward and isinstance(s.statement, ast.Assign)
                s.setup = self._is_setup(s, kept, other) or again and ast.dump(s.statement) in computed
            raises = not any(self.now.values())
            self.stops_forward = any(s.forward and self._raises_at(s) for s in found)
            with_values = [s for s in found if not self._belongs_to_forward(s, forward, raises)]
            if not all(s.forward for s in with_values):  # what forward keeps for backward prepares values
                with_values = [s for s in with_values if not s.piece or not s.forward or s.is_argument]
                for s in with_values:
                    s.setup = s.setup or s.forward
        finally:
            for function in installed:
                self._as_written(function)
        self.kept = kept
        return with_values

    def _statements_of(self, function, keys):
        """[Suspect] of the statements of a function, of each of several values that one lists, and of what a
        lambda gives; every expression has one of the `keys`.
        """
        found, kinds = [], {n for n, v in function.living.__globals__.items() if isinstance(v, type)}

        def add(slots, body, index):
            numbered = {id(n): next(keys) for n in slots.nodes}
            found.append(Suspect(function, body, index, slots.statement, slots, numbered))

        for body, index, statement in function.statements():
            whole = Slots(statement)
            pieces = [Slots(piece) for piece in _pieces(statement, self.own_names, kinds)]
            inside = {id(n) for piece in pieces for n in piece.nodes}
            whole.nodes = [n for n in whole.nodes if id(n) not in inside]
            add(whole, body, index)
            for piece in pieces:
                add(piece, [], 0)
                found[-1].piece = True
                found[-1].asked = found[-1].hands_out  # it is solved for where it is made
        for node in (n for n in ast.walk(function.tree) if isinstance(n, ast.Lambda)):
            gives = Slots(ast.Return(node.body))
            gives.statement.lineno = node.lineno
            add(gives, [], 0)
        return found

    def _solved(self, suspects):
        """The suspects after it was tried to solve for the value of each, in their new order."""
        now = time.thread_time()
        self.solved_by = now + SOLVING * (self.deadline - now)
        for s in suspects if any(self.now.values()) else ():
            if s.response is None and not s.asked:
                s.asked = True
                with self._watching(s):
                    self._solve(s, self.kept, self.goal)
        return sorted(suspects, key=lambda s: (-s.rank, s.where))

    @contextlib.contextmanager
    def _watching(self, s):
        """The expressions of a statement are watched as long as this lasts."""
        if s.watched is None:
            s.watched = s.function.compiled(watched(s.function.tree, s.nodes))
        s.function.put(s.watched)
        try:
            yield
        finally:
            self._as_written(s.function)

    def _as_written(self, function):
        """Put the function back as it is in its tree."""
        if id(function) not in self.plain:
            self.plain[id(function)] = function.compiled()
        function.put(self.plain[id(function)])

    def _with_another_g(self, wanted, wrong):
        """What was watched with another upstream gradient; {} where no wrong gradient, or nothing, depends on it."""
        if self.trial.g is None:
            return {}
        other = replace(self.trial, g=np.random.default_rng(3).standard_normal(self.trial.g.shape))
        one, two = self.given, self.bench.play(other) or {}
        if all(n in two and _equal(one[n], two[n]) for n in wrong if n in one):
            return {}
        return recorded(wanted, lambda: self.bench.play(other))[0]

    def _is_setup(self, s, kept, other):
        """A line that prepares values of forward is less likely at fault
        than one that computes a gradient.
        """
        key = s.keys.get(id(s.value_node))
        if key not in kept or isinstance(s.statement, ast.Return) and s.function.name not in self.called:
            return False
        if _counts(kept[key][0]):
            return True
        if key not in other or not _holds_numbers(kept[key][0]):
            return False  # a mask, or what a loop goes through
        return all(_equal(a, b) for a, b in zip(kept[key], other[key], strict=False))

    @functools.cached_property
    def called(self):
        """The functions of the person's that are called by name in another one."""
        nodes = [(f, n) for f in self.functions for n in ast.walk(f.tree)]
        used = {(getattr(n, "id", getattr(n, "attr", None)), id(f)) for f, n in nodes}
        own = {f.name: f.name.rpartition(".")[2] for f in self.functions}
        return {
            f.name
            for f in self.functions
            if any((own[f.name], id(other)) in used for other in self.functions if other is not f)
        }

    def _note(self, s, kept, order):
        for key, node in s.nodes.items():
            if key in kept:
                s.values[id(node)] = kept[key][0]
                s.calls = max(s.calls, len(kept[key]))
        s.where = min(order[k] for k in s.keys.values() if k in order)

    def _belongs_to_forward(self, s, forward, raises):
        """Whether y changes with the value of this statement."""
        key = s.keys.get(id(s.value_node))
        if raises and self.stops_forward:  # one function makes the loss and the gradients
            return key in forward and self._moves_y(key)
        if raises:
            return any(k in forward for k in s.keys.values()) and not isinstance(s.statement, ast.Return)
        if key is None or not _holds_numbers(s.value):
            return False
        gradients = self._moved(key)
        if gradients is None:
            return True
        base = self.given
        s.touches = frozenset(n for n in base if n in gradients and not _equal(gradients[n], base[n]))
        # the gradients of a loss are linear in all but what is prepared, or is carried through several calls
        if s.touches and self.trial.g is None and s.calls == 1:
            further = self._moved(key, 2) or {}
            s.setup = s.setup or not all(
                n in further and _in_line(base[n], gradients[n], further[n]) for n in s.touches
            )
        return False

    def _raises_at(self, s):
        """Whether this is the statement at which backward stops."""
        if not self.raises or self.raises[0] != s.function.path:
            return False
        return s.statement.lineno <= self.raises[1] <= s.statement.end_lineno

    def _moves_y(self, key):
        """Whether y is another one where a watched value is moved a little."""
        rng = np.random.default_rng(5)
        with contextlib.suppress(Exception), answering({key: lambda value, _: _a_little_else(value, rng)}):
            return not np.array_equal(self.bench._forward(self.trial.values), self.trial.y)
        return True

    def _moved(self, key, far=1):
        """The gradients of a run in which a watched value is moved a little, or `far` times as much."""
        rng = np.random.default_rng(5)
        with answering({key: lambda value, _: _a_little_else(value, rng, far)}):
            return self.bench.play(self.trial)

    def _rank(self, s, wrong, raises):
        """Ochiai: how far what depends on the statement is what is wrong."""
        if raises or not _holds_numbers(s.value):
            s.rank = 0.3 if not s.forward else 0.05
            if self.raises:
                on_the_way = any(
                    path == s.function.path and s.function.tree.lineno <= line <= s.function.tree.end_lineno
                    for path, line in self.raises[3]
                )
                # of a loop: the order of what it goes through
                header = isinstance(s.statement, ast.Expr) and not s.body
                s.rank = 0.9 if header and on_the_way else 0.5 if on_the_way else s.rank
            if self.raises and self.raises[:2] == (s.function.path, s.statement.lineno):
                s.rank = 1.0
            return
        hit = sum(n in s.touches for n in wrong)
        s.rank = hit / np.sqrt(len(wrong) * max(len(s.touches), 1)) if hit else 0.0
        if wrong == [UNTOUCHED]:
            s.rank = 0.5
        absent = any(g is None for n, g in self.given.items() if n in wrong)
        if absent and not s.forward and not s.touches:
            s.rank = 0.5  # what it computes goes nowhere, and a gradient is not given
        put = [t for t in getattr(s.statement, "targets", ()) if isinstance(t, ast.Subscript)]
        if put and not s.forward and not s.touches and not s.piece:
            s.rank = 0.3  # what it puts somewhere, another line writes over
        if not s.rank and isinstance(s.statement, ast.Expr) and _moves(s.values.get(id(s.statement.value))):
            s.rank = 0.3  # a call whose result is not used
        outer = s.values.get(id(getattr(s.statement, "value", None)))
        if not s.rank and not s.forward and not _holds_numbers(outer):
            s.rank = 0.3  # a mask or an index: what moves its parts a little need not change it
        if not s.rank and not s.forward and not s.touches and not s.piece and _places(s):
            s.rank = 0.3  # only where its largest entry stands is asked

    def _solve(self, s, kept, wrong):
        """Solve for the value of this statement with which the wrong gradients that depend on it are right."""
        key = s.keys.get(id(s.value_node))
        calls = kept.get(key, [])
        base = [np.asarray(c, float) for c in calls if _moves(c)]
        size = sum(b.size for b in base)
        late = self.late() or time.thread_time() > self.solved_by
        if not base or len(base) != len(calls) or len(calls) == CALLS or size > SOLVED or late:
            return
        mine = [n for n in wrong if n in s.touches and n in self.trial.every]
        if not mine:
            return
        kept_right = s.touches.intersection(self.must).difference(mine)
        names = mine + [n for n in self.trial.every if n in kept_right]
        ends = np.cumsum([self.trial.every[n].known.size for n in names])
        right = np.concatenate([self.trial.every[n].right for n in names])

        runs = self.measured.setdefault(id(s.value_node), {})

        def outputs(change, column=None):
            gradients = runs.get(column)
            if gradients is None:
                pieces = iter(_split(change, base))
                with answering({key: lambda value, _: value + next(pieces)}):
                    gradients = self.bench.play(self.trial)
            if column is not None:
                runs[column] = gradients
            try:
                flat = {n: np.asarray(gradients[n], float).reshape(-1) for n in names}
                return np.concatenate([flat[n][self.trial.every[n].known] for n in names])
            except (TypeError, KeyError, ValueError, IndexError, StopIteration):
                return None

        start = outputs(np.zeros(size))
        if start is None:
            return
        columns = []
        for i in range(size):
            moved = outputs(np.eye(1, size, i)[0], i)
            if moved is None or time.thread_time() > self.solved_by:
                return
            columns.append(moved - start)
        jacobian, needed = np.array(columns).T, right - start
        if not np.isfinite(jacobian).all():
            return
        change, *_ = np.linalg.lstsq(jacobian, needed, rcond=1e-10)
        got, told = outputs(change), start + jacobian @ change
        allowed = 1e-6 * (_largest(right) + 1e-12)
        if got is None or _largest(got - told) > allowed + 1e-6 * _largest(told):
            self._prepares(s)
            return  # the gradients are not linear in this value: nothing follows
        _, strengths, directions = np.linalg.svd(jacobian, full_matrices=False)
        # differences err: where that is not small in the value, many values are as good
        more, size_of = len(jacobian) > size + SPARE, _largest(right)
        noise = max(1e-13 * size_of, 5 * _largest(told - right)) if more else 1e-9 * size_of
        blurred = 1e6 * noise / (_largest(change) + 1e-300)
        felt = directions[strengths > max(1e-8 * strengths[0], blurred)]
        unique = len(felt) == size
        pieces = _split(change, base)
        if _largest(told - right) > allowed:
            reduces = any(getattr(getattr(n, "func", None), "attr", "") in _REDUCTIONS for n in s.slots.nodes)
            # no value of this shape alone makes them right
            s.rank *= 0.1 if len(wrong) == len(mine) and not reduces else 0.5
        else:
            s.target = [b + c for b, c in zip(base, pieces, strict=True)] if unique else ()
            s.rank += len(mine) / len(wrong)
        places = {n: slice(a, b) for n, a, b in zip(names, [0, *ends[:-1]], ends, strict=True)}
        if len(base) == 1:
            rows = {n: (jacobian[places[n]], needed[places[n]]) for n in mine}
            s.response = self._response(s, base[0], rows, jacobian[places[mine[-1]].stop :])
        elif s.target is not None:
            self._solve_one_call(s, key, pieces, _split((felt**2).sum(axis=0) > 1 - 1e-11, base))

    def _solve_one_call(self, s, key, pieces, sure):
        """Of several calls, each of which sees what earlier ones left, take the one whose value is furthest from right, as it
        is in a run where the value of every call is `pieces` more. `sure`: the entries for which that is known.
        """
        most = max(_largest(piece) for piece in pieces)
        told = [int((known & (np.abs(p) > 1e-4 * most)).sum()) for known, p in zip(sure, pieces, strict=True)]
        # what later calls see is only known where all that earlier ones give is
        first = next((n for n, known in enumerate(sure) if not known.all()), len(sure))
        told[first + 1 :] = [0] * len(told[first + 1 :])
        at, left = int(np.argmax(told)), iter(pieces)
        own = [x for x in self.everything if x.function is s.function]
        near = [x for x in own if x is s or x.body and x.body is s.body]
        wanted = {k: id(x.statement) for x in near for k in x.keys.values()}
        every, changed = {id(x.statement): [] for x in near}, {key: lambda value: value + next(left)}
        nodes = {k: n for x in near for k, n in x.nodes.items()}
        s.function.put(s.function.compiled(watched(s.function.tree, nodes)))
        kept, _ = recorded(wanted, lambda: self.bench.play(self.trial), wanted, every, changed)
        s.later = {n: names[at] for n, names in every.items() if len(names) == len(pieces)}
        calls = kept.get(key, ())
        if not told[at] or len(calls) != len(pieces) or id(s.statement) not in s.later:
            return
        if s.target:
            s.target = [np.asarray(value, float) + piece for value, piece in zip(calls, pieces, strict=True)]
        s.at, s.scope = at, {n: s.scope[n] for n in s.outer} | s.later[id(s.statement)]
        s.values = {id(n): kept[k][at] for k, n in s.nodes.items() if len(kept.get(k, ())) == len(pieces)}
        known = sure[at].reshape(-1)
        rows = {"": (np.eye(known.size)[known], pieces[at].reshape(-1)[known])}
        s.response = self._response(s, np.asarray(calls[at], float), rows, np.zeros((0, known.size)))

    def _prepares(self, s):
        """Note that a statement only prepares values: backward is linear in those that it carries back."""
        for edit in [*s.edits, *(s.whole or ())] if not s.setup else ():
            edit.cost += SETUP
        s.setup = True

    def would_do(self, s):
        """Whether all that is wrong is right with the value that was found for a suspect."""
        if not s.target:
            return False
        pieces = iter(s.target)
        with self._watching(s), answering({s.keys[id(s.value_node)]: lambda *_: next(pieces)}):
            gradients = self.bench.play(self.suspected_at)
        return all(self.bench.status(self.suspected_at, gradients).values())

    def _response(self, s, was, rows, matrix):
        """The Response of a statement at one call; None where its value cannot be computed again in its scope."""
        node = s.value_node
        inside = frozenset(id(n) for n in ast.walk(node))
        parts = {k: n for k, n in s.nodes.items() if id(n) in inside and n is not node}
        try:
            tree = ast.fix_missing_locations(ast.Expression(watched(node, parts)))
            code = small.code(compile(tree, "<statement>", "eval"))
            with np.errstate(all="ignore"):
                again = evaluated(code, s.namespace, s.scope)
        except Exception:
            return None
        return Response(was, rows, matrix, code, inside) if _equal(again, was) else None

    # ----- the tiers

    def _simple(self, suspects, to=np.inf, whole=False, inside=False):
        """The simple changes of every suspect that cost no more and were not tried yet, cheapest first.

        `whole`: only those of whole statements, and of what a loop goes through, which are few; `inside`: no others
        than those of expressions.
        """
        plans = []
        for s in suspects:
            if whole and s.piece:
                continue
            for edit in self._whole_edits(s) if whole and s.body else self._edits_of(s, to):
                if edit.cost <= to and id(edit) not in self.seen and not (inside and edit.body is not None):
                    plans.append((edit.cost - 0.15 * s.rank, s, edit))
        plans.sort(  # changes of whole statements, which are few, first; then one statement after the other
            key=lambda p: (round(p[0] * 4), p[2].body is None, p[1].where, p[0])
        )
        self._try_all([(s, edit) for _, s, edit in plans])

    def _few_of_a_kind(self, suspects):
        """The simple changes of every suspect of whose kind it has few, such as its slices: one of them is likelier than one
        of the hundreds that put another array in some place.
        """
        plans = []
        for s in suspects:
            edits = [e for e in self._edits_of(s) if id(e) not in self.seen]
            count = Counter((e.kind, e.cost) for e in edits)
            plans += [
                (e.cost, len(plans) + i, s, e)
                for i, e in enumerate(edits)
                if count[e.kind, e.cost] <= FEW_EDITS and e.cost < UNUSUAL
            ]
        self._try_all([(s, e) for *_, s, e in sorted(plans, key=lambda p: p[:2])])

    def _whole_edits(self, s):
        if s.whole is None:
            s.whole = list(changes.of_a_part(s.body, s.index, s.statement, s.function.tree))
            s.whole += statement_edits(s.body, s.index, s.statement) if s.body else ()
            s.whole += changes.moves(s.function.tree, s.body, s.index, s.statement) if s.body else ()
            for edit in s.whole:
                edit.cost += SETUP * s.setup
        return s.whole

    def _edits_of(self, s, to=np.inf):
        """The simple changes of a statement, as far as they were asked for: those of a higher cost are many."""
        for least, most in ((-np.inf, LIKELY), (LIKELY, np.inf)):
            if s.made_to < most and to > least:
                key = id(s.slots), id(s.scope), most
                if key not in self.made:
                    made = [e for e in self._simple_edits(s, most) if least < e.cost <= most]
                    self.made[key] = made, s.scope  # kept, so that no other scope gets its id
                s.edits += [replace(e, cost=e.cost + SETUP * s.setup) for e in self.made[key][0]]
                s.made_to = most
        return s.edits + self._whole_edits(s)

    def _simple_edits(self, s, to):
        for comprehension in {id(c): c for c in s.inner.values() if id(c) in s.scopes}.values():
            yield from self._of_a_comprehension(s, comprehension, to)
        arrays, numbers = atoms(s.scope, s.namespace)
        numbers = numbers + changes.sizes(arrays)
        yield from expression_edits(s.slots, s.values, arrays, numbers, _own_functions(s), to)
        yield from normalised.edits(s.slots, s.values, arrays)
        yield from changes.calls(s.slots, s.values, built.calls(s, arrays))
        yield from changes.other_collections(s.slots, s.values, s.scope)
        yield from changes.other_constants(s.slots, s.values, self.literals)
        yield from self.as_elsewhere.edits(s)
        yield from derivative.edits(s, self.functions)
        yield from derivative.in_factors(s.slots, self.partners)

    def _of_a_comprehension(self, s, comprehension, to):
        """The changes of what a comprehension computes for each item, with the names that it binds."""
        whole = comprehension.value if isinstance(comprehension, ast.DictComp) else comprehension.elt
        part = copy.copy(s.slots)
        part.statement = ast.copy_location(ast.Expr(whole), whole)
        inside = {id(n) for n in ast.walk(whole)}
        part.nodes = [n for n in part.nodes if id(n) in inside]
        inner = s.scopes[id(comprehension)]
        bound = {n: v for n, v in inner.items() if n not in s.scope and not n.startswith(".")}
        arrays, numbers = atoms(bound, {})
        if arrays or numbers:
            yield from expression_edits(part, s.values, arrays, numbers, _own_functions(s), to)

    @functools.cached_property
    def partners(self):
        return derivative.partners(self.functions)

    @functools.cached_property
    def as_elsewhere(self):
        return Elsewhere(self.functions)

    @functools.cached_property
    def literals(self):
        """The broken numbers that stand in the program, such as the slope of a leaky relu."""
        nodes = (n for f in self.functions for n in ast.walk(f.tree) if isinstance(n, ast.Constant))
        return {n.value for n in nodes if isinstance(n.value, float) and abs(n.value) not in (0, 0.5, 1, 2)}

    def _try_all(self, plans):
        """Try changes until a full repair is at hand and what is left costs clearly more."""
        for s, edit in plans:
            if self.late():
                return
            self.seen.add(id(edit))
            if id(edit.node) in self.put:
                continue
            if self.full and edit.cost > min(f[0].cost for f in self.full) + NEAR:
                continue
            if self.raises and self._calls_less(edit):
                continue
            in_place = edit.body is None and not self.raises and id(edit.node) in s.keys
            in_place = in_place and not self._calls_again(edit)
            status = self._with_answer(s, edit) if in_place else self._with_compiled(s, edit)
            self._keep(s, edit, status)

    def _calls_again(self, edit):
        """Whether what a change replaces and its new value both call what may add to gradients: that must run once."""

        def calls(tree):
            every = [n for n in ast.walk(tree) if isinstance(n, ast.Call)]
            return any(isinstance(n.func, ast.Subscript) or _called(n) in self.own_keepers for n in every)

        return calls(edit.node) and calls(edit.new)

    @functools.cached_property
    def own_keepers(self):
        """The names of the person's functions that set more than their own variables: self.dW, bank["b"]."""
        keepers = set()
        for function in self.functions:
            for tree in (n for n in ast.walk(function.tree) if isinstance(n, ast.FunctionDef)):
                kept = (n for n in ast.walk(tree) if isinstance(n, ast.Attribute | ast.Subscript))
                if any(isinstance(n.ctx, ast.Store) for n in kept):
                    keepers.add(tree.name)
        return keepers

    def _calls_less(self, edit):
        """Whether a change leaves out a call of the person's own: then a line that raises is only not reached."""

        def count(nodes):
            calls = (n for node in nodes for n in ast.walk(node) if isinstance(n, ast.Call))
            return sum(_called(n) in self.own_names for n in calls)

        return count(_put(edit)) < count(_replaced(edit))

    def _with_answer(self, s, edit):
        """The status with another expression in the place of a watched one; None where it can mend nothing."""
        try:
            code = compiled(edit.new)
        except (SyntaxError, ValueError, TypeError):
            return None
        told = s.response is not None and id(edit.node) in s.response.inside
        first = code if edit.node is s.value_node or s.calls == 1 and not told else None
        answers = {s.keys[id(edit.node)]: expression_answer(code)}
        return self._with_answers(s, answers, edit, told, first)

    def _with_answers(self, s, answers, edit, told, code=None):
        """The same with several; `told`: the statement's Response tells beforehand what their value can mend.

        `code` is what must be possible to compute; the whole value, if it is not given.
        """
        from_outside = not s.outer.isdisjoint(_names_read(edit.new))
        if id(edit.node) in s.inner:  # of what it does not read, a comprehension knows nothing
            return self._with_compiled(s, edit)
        if from_outside and s.calls > 1:  # what is known of a name around is that of one of the calls
            return self._with_compiled(s, edit)
        code = code or told and s.response.code
        if code:
            try:
                with answering(answers), np.errstate(all="ignore"):
                    value = evaluated(code, s.namespace, s.scope)
                if told and not s.response.could_mend(value):
                    self.bench.tried += 1
                    return None
            except NameError:
                pass  # a variable of a comprehension
            except Exception:
                return None
        if from_outside:
            return self._with_compiled(s, edit)  # the nested function must first be given the name

        def run():
            with self._watching(s), answering(answers):
                return self.bench.play(self.trial)

        return self._judged(edit, run)

    def _judged(self, edit, run):
        """The status with a change, {gradient: right}, of one run in a round; None where the run gives nothing."""
        if edit.body is None:
            key = id(edit.node), ast.dump(edit.new)
        else:
            to = id(edit.to[0]) if edit.to else None
            key = id(edit.body), edit.index, edit.gone, to, *map(ast.dump, edit.statements)
        if key not in self.judged:
            gradients = run()
            self.judged[key] = gradients and self.bench.status(self.trial, gradients, lines=True)
        return self.judged[key]

    def _keep(self, s, edit, status):
        """Remember a change that mends what is to be mended, at the other inputs as well."""
        if status is None or not all(status[n] for n in self.must):
            return
        if s.setup and any(not status[n] for n in s.touches):
            return  # what more than one gradient is made from is at fault if all of them come right
        read = {name for tree in _put(edit) for name in _names_read(tree)}
        if any(not status[n] and name in read for n, name in self.named.items()):
            return  # it reads what is still wrong: right by chance, and no longer when that is mended
        more = _unlikely(s, edit) + HANDED_OUT * s.hands_out + MADE_BY_ANOTHER * self._mends_another(s, edit)
        edit = replace(edit, cost=edit.cost + more, less=max(0.0, -more))
        held = self._holds(s, edit)
        if held:
            gained = [n for n in status if status[n] and not self.now[n]]
            (self.elsewhere if held == ELSEWHERE else self.full).append((edit, s, gained))

    def _mends_another(self, s, edit):
        """Whether a change adds something to what a function of the person's that goes back gives, to a name that it is given,
        or to the gradient that another object keeps, such as self.dense2.dinputs: the mistake is likelier in that function.
        """
        node = edit.node
        if edit.new is None or all(n is not node for n in ast.walk(edit.new)):
            return False
        if isinstance(node, ast.Attribute):
            return isinstance(node.value, ast.Attribute | ast.Subscript) and is_gradient_name(node.attr)
        call = s.slots.place(node)[0] if isinstance(node, ast.Name) and id(node) in s.slots.parents else node
        name = _called(call)
        return name in self.own_names and goes_back(name, self.own_names)

    def _built(self, suspects):
        """Expressions built for the solved value of a statement: a term, a factor of a term, or the whole."""
        for s in sorted((s for s in suspects if s.target and not s.built), key=lambda s: -s.rank):
            if self.late() or self.full and s.rank < 0.9 * self.full[0][1].rank:
                return
            s.built = True
            with np.errstate(all="ignore"):
                plans = [(s, edit) for edit in built.edits(s)]
            self._try_all(sorted(plans, key=lambda p: p[1].cost))
        for s in suspects:
            if s.target == ():  # many values are right, such as those behind a mask
                self._try_all([(s, edit) for edit in built.products(s)])
                self._try_all([(s, edit) for edit in built.among_many(s)])

    def _missing_lines(self, suspects):
        """Lines that are not there: first those that are built for what a gradient lacks."""
        if not self.raises:
            self._try_all(missing.of_unread(self.everything, lambda f: _unread(f.tree)))
            self._try_all(missing.of_another_number(self.everything))
            self._try_all(missing.of_neighbours(self.everything))
            self._try_all(missing.terms(self.everything, [*self._lacking(suspects)]))
        self._try_all([(s, edit) for s in suspects[:12] for edit in missing.lines(s)])
        for s in suspects[:12]:
            if s.body and not s.setup and s.target is not None:
                self._try_all(missing.later_paths(s, self.everything))

    def _in_loops(self, suspects):
        """Products that are missing as terms of what a loop computes."""
        carried = {trace.target(s.statement) for s in self.everything if not s.setup}
        # of a loss it is not seen which names only prepare values
        used = {trace.target(s.statement) for s in self.everything if not s.setup and s.touches}
        used = used if self.trial.g is not None else ()
        able = [s for s in suspects if s.calls > 1 and isinstance(s.statement, ast.Assign | ast.Return)]
        for s in [s for s in able if s.target is not None] or able:
            self._try_all([(s, edit) for edit in built.in_loops(s, carried, used)])

    def _lacking(self, suspects):
        """(Suspect, name, sign, what it lacks): of those that make a wrong gradient, and those that were solved for; of
        entries of a dict of gradients, where a statement adds to another one; and of what is left out as a whole.
        """
        made = set()
        for name in self.goal:
            given = self.given.get(name)
            if given is None or not np.any(given):
                yield from self._left_out(name, given)
            if not isinstance(given, np.ndarray):
                continue
            for s in missing.makers(self.everything, given):
                needed = self._lacks(name, given)
                if needed is not None:
                    made.add(id(s))
                    yield s, missing.assigned(s.statement), "+=", needed
            yield from self._entries_lacking(name, given)
        for s in suspects:
            if s.target and s.body and id(s) not in made and id(s.value_node) in s.values:
                lacks = s.target[s.at] - np.asarray(s.value, float)
                yield s, missing.assigned(s.statement), "+=", lacks

    def _entries_lacking(self, name, given):
        """(Suspect, entry, what it lacks): grads["w1"] after the last line of a function that adds to grads["w2"]."""
        key, last = re.sub(r"\W+$", "", name).split('"')[-1], {}
        for s in (s for s in self.everything if s.calls == 1 and s.body):
            target = getattr(s.statement, "target", None)
            if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
                entries = s.scope.get(target.value.id)
                if isinstance(entries, dict) and getattr(entries.get(key), "shape", None) == given.shape:
                    last[id(s.body), target.value.id] = s
        needed = self._lacks(name, given) if last else None
        for (_, container), s in last.items() if needed is not None else ():
            yield s, f"{container}[{key!r}]", "+=", needed

    def _left_out(self, name, given):
        """(Suspect, name, sign, value) of a gradient that is never stored, or of a parameter that no step changes, after a
        line that stores another one under such a name.
        """
        shape = self.trial.every[name].shape
        size = math.prod(shape)
        values = self._truth(name, size).values if size <= missing.MOST else np.array(np.nan)
        label = self.task.names.get(name, "").replace('"', "'")
        parameter = label.removeprefix(CHANGE)
        if not label or np.isnan(values).any() or (given is None) != (label == parameter):
            return
        sign, value = ("=", values) if given is None else ("-=", self.task.step * values)
        labels = [
            self.task.names.get(n, "") for n, known in self.given.items() if n != name and known is not None
        ]
        theirs = {called.replace('"', "'").removeprefix(CHANGE) for called in labels}
        makers = [
            s for s in self.everything if s.body and s.calls == 1 and missing.assigned(s.statement) in theirs
        ]
        number = re.findall(r"\d+", parameter)  # b1 stands beside W1
        beside = [s for s in makers if re.findall(r"\d+", missing.assigned(s.statement)) == number]
        for s in (beside or makers)[:1]:
            yield s, parameter, sign, value.reshape(shape)

    def _lacks(self, name, given):
        """What is missing from a gradient, at every entry."""
        if given.size > missing.MOST or given.shape != self.trial.every[name].shape:
            return None
        whole = self._truth(name, given.size)
        lacks = np.zeros(given.shape)
        lacks.reshape(-1)[whole.entries] = whole.values - given.reshape(-1)[whole.entries]
        return None if np.isnan(lacks).any() else lacks

    def _two_in_one(self, suspects):
        """Two cheap changes in one statement."""
        for s in (s for s in suspects[:4] if s.value_node is not None):
            own = {id(n) for n in ast.walk(s.value_node)}
            cheap = [e for e in self._edits_of(s) if e.body is None and id(e.node) in s.keys]
            cheap = [e for e in cheap if e.cost - SETUP * s.setup <= 1.25]
            unique = {(id(e.node), ast.dump(e.new)): e for e in cheap}
            cheap = [e for e in sorted(unique.values(), key=lambda e: e.cost)[:120] if id(e.node) in own]
            inside = {id(e): {id(n) for n in ast.walk(e.node)} for e in cheap}
            codes = {}
            for e in cheap:
                with contextlib.suppress(SyntaxError, ValueError, TypeError):
                    codes[id(e)] = compiled(e.new)
            for a, b in itertools.combinations([e for e in cheap if id(e) in codes], 2):
                if self.late() or (self.full and a.cost + b.cost > self.full[0][0].cost + NEAR):
                    break
                if id(b.node) in inside[id(a)] or id(a.node) in inside[id(b)]:
                    continue
                answers = {s.keys[id(e.node)]: expression_answer(codes[id(e)]) for e in (a, b)}
                both = self._joined(s, a, b)
                if both is not None:
                    self._keep(s, both, self._with_answers(s, answers, both, s.response is not None))

    def _joined(self, s, a, b):
        """Two changes of one statement as one change of its value."""
        node = s.value_node
        if a.node is node or b.node is node:
            return None
        new = changes.replaced(node, {id(a.node): a.new, id(b.node): b.new})
        return Edit(a.cost + b.cost + 0.3, a.kind, f"{a.words}; and {b.words}", node, new)

    # ----- acceptance

    def _accept(self, candidates, last=False):
        """The cheapest change that was verified, with its equals; None if there is none."""
        accepted, mended = [], candidates is self.full
        candidates = self._without_broken_promises(self._under_other_settings(candidates, last))
        for edit, s, gained in sorted(candidates, key=lambda c: c[0].cost)[:40]:
            if accepted and edit.cost > accepted[0].edit.cost + NEAR:
                break
            accepted.append(Repair(s, edit, tuple(gained), len(self.trials), self.task.sizes_vary))
        accepted.sort(
            key=lambda r: (-len(r.mends), r.edit.cost - self._own(r.suspect, r.edit), r.suspect.where)
        )
        while accepted and mended and set(self.wrong) <= {*self.goal, *accepted[0].mends}:
            if self._changed(accepted[0].suspect, accepted[0].edit, self.look_again):
                break
            if any(self.base.get(n) and not right for n, right in self._before(self.trials[0])[1].items()):
                # what is right elsewhere is not so here, change or no change: as at a tiny eps
                self.trials.pop(0)
                break
            newest = functools.partial(self._is_right_at, self.trials[0])
            accepted = [r for r in accepted[1:] if self._changed(r.suspect, r.edit, newest)]
            self.misled = not accepted
        if not accepted:
            return None
        first = accepted[0]
        others = {id(r.suspect.statement): r for r in reversed(accepted)}  # one of each statement
        first.alternatives = [r for r in accepted if r in others.values() and r is not first][:3]
        return first

    def _under_other_settings(self, candidates, last):
        """Those of the changes that hold where settings are others, too: two of them may be equal by chance.

        Where none does, nothing may follow, since one setting may have been made from another: that is for the `last`.
        """
        if not candidates or self.trial_of_settings is None:
            return candidates
        self._before(self.trial_of_settings)
        hold = functools.partial(self._right_at, self.trial_of_settings)
        held = [c for c in candidates[:60] if self._changed(c[1], c[0], hold, False)]
        return held or (candidates if last else [])

    @functools.cached_property
    def trial_of_settings(self):
        try:
            trial = self.bench.trial_with_other_settings(self.rng)
            return trial if trial is None or np.isfinite(trial.y).all() else None
        except Exception:  # the program does not take other settings
            return None

    def _own(self, s, edit):
        """The less that a change costs in a line that is named after the gradient it computes; names may be exchanged. It costs
        more in a line that stands in forward as well.
        """
        if self._repeats_forward(s):
            return -OWN
        return OWN if edit.kind != "swap" and self._promises(s) and not _is_late(s, edit) else 0.0

    def _repeats_forward(self, s):
        """Whether a statement stands in a function that does not go back, too, as gap = out - y: then it is meant so."""
        text = _as_in_forward(s.statement)
        return bool(text) and any(text in texts for f, texts in self._texts if f is not s.function)

    @functools.cached_property
    def _texts(self):
        others = [f for f in self.functions if not goes_back(f.name.rpartition(".")[2])]
        return [(f, {_as_in_forward(n) for n in ast.walk(f.tree)}) for f in others]

    def _promises(self, s):
        """Whether the name that a statement assigns to promises a gradient that is judged, or known."""
        judged = {n.strip("~").lower() for n in self.trial.truth}  # what an object keeps is not meant
        shape = getattr(s.value, "shape", ())
        judged |= {n for n, slopes in self.known.items() if slopes.shape == shape}
        return any(p in judged for p in promised(trace.target(s.statement) or ""))

    def _without_broken_promises(self, candidates):
        """Of the cheapest changes that mend everything, those with which most lines are what their names promise."""
        least = min((edit.cost for edit, *_ in candidates), default=0.0)
        near = [c for c in candidates if c[0].cost <= least + NEAR][:40]
        if not self.lines or len(near) < 2:
            return candidates
        counts = [self._broken_promises(s, edit) for edit, s, _ in near]
        return [c for c, count in zip(near, counts, strict=True) if count == min(counts)]

    def _broken_promises(self, s, edit):
        known = {last(n): truth for n, truth in self.traced.truth.items()} | self.known

        def count():
            return trace.broken(trace.assignments(self.bench, self.traced), known)

        return self._changed(s, edit, count, len(self.lines))

    def _holds(self, s, edit):
        """Whether what must be right is so with the change, at every trial; ELSEWHERE if at some it changes nothing."""
        while len(self.trials) < TRIALS:
            self.trials.append(self.bench.trial(self.rng, most=FEW))
        for trial in self.trials[:TRIALS]:
            self._before(trial)

        def hold():
            found = True
            for trial in self.trials[:TRIALS]:
                right = self._right_at(trial)
                if not right:
                    return False
                found = ELSEWHERE if right == ELSEWHERE else found
            return False if self._spoils() else found

        return self._changed(s, edit, hold, False)

    def _right_at(self, trial):
        """Whether what must be right is so at a trial; ELSEWHERE if there all is as it was before the change."""
        before, base = self._before(trial)
        gradients = self.bench.play(trial)
        status = self.bench.status(trial, gradients, lines=True)
        if all(status[n] or n not in self.goal and not base[n] for n in self.must if n in status):
            return True
        same = gradients and before and gradients.keys() == before.keys()
        return ELSEWHERE if same and all(_equal(gradients[n], before[n]) for n in before) else False

    def _with_compiled(self, s, edit):
        """The status with a change that needs another function."""
        return self._judged(edit, lambda: self._changed(s, edit, lambda: self.bench.play(self.trial)))

    def _changed(self, s, edit, work, otherwise=None):
        """`work()` with a change in place; `otherwise` where the change cannot be made, or raises at new inputs."""
        try:
            undo = applied(edit, s.function)
        except ValueError:
            return otherwise
        try:
            s.function.put(s.function.compiled())
            return work()
        except Exception:
            return otherwise
        finally:
            undo()
            self._as_written(s.function)


ELSEWHERE = "elsewhere"
_REDUCTIONS = ("sum", "mean", "max", "min", "prod", "einsum", "dot")

# ----- small things -----------------------------------------------------------------------------------------


def _pieces(statement, own, kinds):
    """The values that a statement lists, return a, b or d = {"W": a, "b": b} or step(a, b), each as a statement of its own:
    one may be wrong where another, such as a loss, is what forward gives. So may what a method of the person's is given,
    `own` are their names, d = self.layer.backward(d * mask): it leaves gradients that the value does not reach. What an
    object is made of, return Slopes(W=a, b=b), is listed as well; `kinds` are the names of classes.
    """

    def each(kind, parts):
        return [ast.copy_location(kind(part), part) for part in parts]

    value = getattr(statement, "value", None)
    if isinstance(statement, ast.Expr) and isinstance(value, ast.Call) and len(value.args) > 1:
        return each(ast.Expr, value.args)
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in own:
        plain = ast.Constant | ast.Starred | ast.Name
        return each(ast.Expr, [part for part in value.args if not isinstance(part, plain)])
    if isinstance(value, ast.Call) and getattr(value.func, "id", "") in kinds:
        parts = [*value.args, *(k.value for k in value.keywords)]
        if len(parts) > 1 and not any(isinstance(p, ast.Starred) for p in parts):
            return each(ast.Return, parts)
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    target = targets[0] if len(targets) == 1 else None
    if target is None and not isinstance(statement, ast.Return):
        return []
    if isinstance(value, ast.Dict) and None not in value.keys:
        parts = value.values
        names = [ast.Subscript(target, k, ast.Store()) for k in value.keys] if target is not None else []
    elif isinstance(value, ast.Tuple | ast.List):
        parts, names = value.elts, getattr(target, "elts", [])
    else:
        return []
    if len(parts) < 2 or any(isinstance(n, ast.Starred) for n in [*parts, *names]):
        return []
    if len(names) != len(parts):
        return each(ast.Return, parts)
    pairs = zip(names, parts, strict=True)
    return [ast.copy_location(ast.Assign([name], part), part) for name, part in pairs]


def _as_in_forward(statement):
    """The text of an assignment, with h for cache["h"] and self.h; "" for other statements, and for one that computes nothing."""
    if not isinstance(statement, ast.Assign):
        return ""
    plain = _Plain().visit(copy.deepcopy(statement))
    return ast.unparse(plain) if isinstance(plain.value, ast.BinOp | ast.Call) else ""


class _Plain(ast.NodeTransformer):
    """What is kept under a name is called by that."""

    def visit_Attribute(self, node):
        return ast.Name(node.attr, node.ctx) if name_of(node.value) == "self" else self.generic_visit(node)

    def visit_Subscript(self, node):
        key = getattr(node.slice, "value", None)
        return ast.Name(key, node.ctx) if isinstance(key, str) else self.generic_visit(node)


def _own_functions(s):
    """{name: code} of the person's functions, and of those that a call of theirs has made."""
    known = s.namespace | s.scope
    return {n: f.__code__ for n, f in known.items() if hasattr(f, "__code__") and not n.startswith("_")}


def _add_outer_scopes(suspects, every):
    """To what a statement of a nested function can name, add the names of the functions around it, as they were in the
    call that made it: of those in `every`, {statement at the end of a function: names of each call}, the one with which
    it shares what it reads.
    """
    for function in {id(s.function): s.function for s in suspects}.values():
        around = {id(node): inside for node, inside in _enclosing(function.tree, ())}
        ends = {}
        for node in _ends_around(function.tree):
            ends.setdefault(id(around[id(node)][-1]), []).extend(every.get(id(node), ()))
        places = ((s, id(s.statement if id(s.statement) in around else s.value_node)) for s in suspects)
        own = [(s, around[place]) for s, place in places if s.function is function and place in around]
        last = {}  # the names of each function, as they were at its last statement
        for s, inside in sorted(own, key=lambda pair: pair[0].where):
            last[id(inside[-1])] = s.scope
        for s, inside in own:
            known = {}
            for outer in inside[:-1]:
                calls = [names for names in ends.get(id(outer), ()) if _agree(names, s.scope)]
                known |= calls[0] if calls else last.get(id(outer), {})
            s.outer = frozenset(known.keys() - s.scope.keys())
            s.scope = known | s.scope


def _ends_around(tree):
    """The statements that return from functions in which others stand."""
    for node, inside in _enclosing(tree, ()):
        within = ast.walk(inside[-1]) if isinstance(node, ast.Return) else ()
        if any(isinstance(n, ast.FunctionDef | ast.Lambda) and n is not inside[-1] for n in within):
            yield node


def _agree(names, scope):
    """Whether two scopes hold the same arrays under the names that both have."""
    both = [(names[n], scope[n]) for n in names.keys() & scope.keys()]
    arrays = [(a, b) for a, b in both if isinstance(a, np.ndarray) or isinstance(b, np.ndarray)]
    return bool(arrays) and all(np.array_equal(a, b) for a, b in arrays)


def _enclosing(node, inside):
    """(node, the functions around it, the innermost last) of every node in a tree."""
    yield node, inside
    if isinstance(node, ast.FunctionDef | ast.Lambda):
        inside = (*inside, node)
    for child in ast.iter_child_nodes(node):
        yield from _enclosing(child, inside)


def _unread(tree):
    """The names that a function gives a value and never reads."""
    bound, read = _bound_and_read(tree)
    return {n for n in bound if not read[n]}


def _bound_and_read(tree):
    bound, read = set(), Counter()
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load):
                read[node.id] += 1
            else:
                bound.add(node.id)
    return bound, read


def _unlikely(s, edit):
    """What a change costs for the names in it: less where it reads what is computed and nowhere read, more where
    something that is computed would no longer be read, and a little for every name that is new in the statement,
    and for every size that is spelled out: mu.shape[0] where there is a name N."""
    bound, read = _bound_and_read(s.function.tree)
    gone, new = _replaced(edit), _put(edit)
    before, after = (Counter(n for tree in trees for n in _names_read(tree)) for trees in (gone, new))
    listed = {  # T, B, D = x.shape names a size whether it is read or not
        n.id
        for statement in ast.walk(s.function.tree)
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Tuple)
        for n in statement.targets[0].elts
        if isinstance(n, ast.Name) and _counts(s.scope.get(n.id))
    }
    wakes = any(n in bound and not read[n] and n not in listed for n in after)
    drops = any(n in bound and read[n] == before[n] and n not in after for n in before)
    fresh = len(after.keys() - set(_names_read(s.statement)))
    spelled = max(0, _sizes_read(new) - _sizes_read(gone))
    return 0.2 * drops - 0.35 * wakes + 0.03 * fresh + 0.05 * spelled + 0.1 * _is_late(s, edit)


def _replaced(edit):
    """The trees that a change takes away."""
    return [edit.node] if edit.body is None else edit.body[edit.index : edit.index + edit.gone]


def _put(edit):
    """The trees that a change puts in their place."""
    return [edit.new] if edit.body is None else edit.statements


def _called(node):
    """The name of what a call calls; "" of any other node."""
    func = getattr(node, "func", None)
    return getattr(func, "attr", getattr(func, "id", ""))


def _is_late(s, edit):
    """Whether something is added to the name of a gradient that is read only here: that belongs to the line that makes it."""
    if edit.body is not None or not isinstance(edit.node, ast.Name) or not is_gradient_name(edit.node.id):
        return False
    names = [n for n in ast.walk(s.function.tree) if isinstance(n, ast.Name) and n.id == edit.node.id]
    read = sum(isinstance(n.ctx, ast.Load) for n in names)
    return 1 == read < len(names) and any(n is edit.node for n in ast.walk(edit.new))


def _put_anew(edit):
    """The expressions of a change that do not stand in the person's text."""
    first, last = edit.node.lineno, edit.node.end_lineno
    return [n for n in ast.walk(edit.new) if not first <= getattr(n, "lineno", 0) <= last]


def _sizes_read(trees):
    nodes = (n for tree in trees for n in ast.walk(tree) if isinstance(n, ast.Attribute))
    return sum(n.attr in ("shape", "size") for n in nodes)


def _names_read(tree):
    return [n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)]


def compiled(expression):
    """The code of an expression that was put together from pieces, most of which have their places already."""
    try:
        _place(expression)
        return small.code(compile(ast.Expression(expression), "<change>", "eval"))
    except TypeError:
        return small.code(compile(ast.fix_missing_locations(ast.Expression(expression)), "<change>", "eval"))


def _place(node):
    if not hasattr(node, "lineno") and isinstance(node, ast.expr | ast.keyword):
        node.lineno = node.end_lineno = 1
        node.col_offset = node.end_col_offset = 0
        for child in ast.iter_child_nodes(node):
            _place(child)


def _moves(value):
    if isinstance(value, np.ndarray):
        return value.dtype.kind == "f" and value.size > 0
    return isinstance(value, float | np.floating)


def _places(s):
    """Whether the function asks where the largest or smallest entry of what a statement assigns stands: np.argmax(window)."""
    name = missing.assigned(s.statement)
    asked = (
        n
        for n in ast.walk(s.function.tree)
        if called_name(n) in ("argmax", "argmin", "argsort", "max", "amax")
    )
    return name is not None and any(name in names_in(call) for call in asked)


def _holds_numbers(value):
    if isinstance(value, tuple | list):
        return any(_holds_numbers(v) for v in value)
    return any(map(_holds_numbers, value.values())) if isinstance(value, dict) else _moves(value)


def _counts(value):
    """Whether a value is a whole number, or several: sizes."""
    if isinstance(value, tuple | list):
        return bool(value) and all(map(_counts, value))
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _in_line(*three):
    """Whether three arrays lie on one line, at equal distances."""
    try:
        one, two, three = (np.asarray(v, float) for v in three)
        bend, size = _largest(three - 2 * two + one), _largest(two - one)
    except (TypeError, ValueError):
        return False
    return bool(bend <= 1e-6 * size + ROUNDING)  # the gradient of a bias before a norm is 0 but for rounding


def _equal(a, b):
    try:
        return np.array_equal(np.asarray(a, float), np.asarray(b, float), equal_nan=True)
    except (TypeError, ValueError):
        return False


def _largest(array):
    """The largest of the absolute values in an array; 0 where it is empty."""
    return np.abs(array).max(initial=0.0)


def _split(flat, like):
    pieces, at = [], 0
    for b in like:
        pieces.append(flat[at : at + b.size].reshape(b.shape))
        at += b.size
    return pieces
