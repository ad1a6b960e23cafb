"""Gradients at values between the inputs and the loss: what stands under a name of backward, where it promises one, and what the
backward of a layer gives.

A mistake makes every gradient wrong that comes after it, and a second one hides among them. So what is first wrong in
the order of backward is compared like a gradient that is returned: it is wrong because of what was done before, whatever
else is wrong later.

Many people leave a factor out, dz = p - y, and divide by the size of the batch at the end. What is a multiple of its
gradient says which one, and the nearest one before counts for what follows.
"""

import ast
import itertools
import time
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from minigen.explain import trace
from minigen.explain.bench import CALLS, FEW, moving
from minigen.explain.naming import last, promised
from minigen.explain.pairs import goes_back, likely_forward
from minigen.explain.source import called_name

MOST = 6  # places that are compared in one round
PLACES = 40  # that are looked at


@dataclass(frozen=True)
class Place:
    """Where a value is noted: under a name, after a statement; or what a function returns; or its first argument."""

    function: object
    called: str
    statement: object = None  # None for an argument, and for what is returned

    @property
    def key(self):
        if self.statement is not None:
            return f"{self.called} in line {self.statement.lineno}"
        return f"what {self.function.name} {'returns' if self.called == RETURNED else 'is given'}"

    @property
    def fills(self):
        """Whether the statement adds to something, or sets a part of it."""
        first = next(iter(getattr(self.statement, "targets", ())), None)
        part = isinstance(first, ast.Subscript) and not isinstance(first.slice, ast.Constant)
        return part or isinstance(self.statement, ast.AugAssign)

    @property
    def lineno(self):
        """The line after which it is noted; 0 for an argument, -1 for what is returned."""
        if self.statement is not None:
            return self.statement.lineno
        return -1 if self.called == RETURNED else 0


RETURNED = "return"


@dataclass(eq=False)
class Between:
    """A place in backward at one of its calls, and the place in forward, at one of its calls, where the value is made of which it
    gives the gradient.

    It must be the gradient `times` a number: that by which another one, or this one itself, is multiplied, or the size of
    one of its axes.
    """

    place: Place
    call: int
    calls: int
    maker: Place
    made: int  # at which call of the maker; -1 is the last one, however many there are
    times: object = None  # a Between, the number of an axis, or None for 1
    settled: frozenset = frozenset()  # id() of the statements before it whose last value was right

    @property
    def name(self):
        """Another one for another number by which it is multiplied, behind " ~"."""
        name = self.place.key
        if self.call + 1 < self.calls:
            name += f" (call {self.call + 1} of {self.calls})"
        if self.times is None:
            return name
        return f"{name} ~{self.times.place.key if isinstance(self.times, Between) else self.times}"

    def of(self, noted):
        """What stood at the place in a run; None where it was not reached as often."""
        values = [value for key, _, value in noted if key == self.place.key]
        return values[self.call] if self.call < len(values) else None

    def made_of(self, forward):
        """The value of forward, from what was noted while it ran; a parameter is one that was given."""
        return [value for key, _, value in forward if key == self.maker.key][self.made]

    def truth(self, bench, values, g, y, rng, most):
        """The Truth of what must stand there; None where it is not known."""
        right, times = self.measured(bench, values, g, y, rng, most), 1
        if isinstance(self.times, Between) and right is not None:
            other, noted = self.times.measured(bench, values, g, y, rng, FEW), bench.noted(values, g)
            times = None if other is None else other.ratio(self.times.of(noted))
            times = np.nan if times is None else abs(times)
        elif self.times is not None and right is not None:
            times = right.shape[self.times]
        if right is not None:
            right = replace(right, values=right.values * times, slope=right.slope * times)
        return right

    def measured(self, bench, values, g, y, rng, most):
        """The Truth of the gradient at the value that is made in forward; None where it cannot be moved."""

        def loss(change):
            with moving(self.maker.key, made, change) as seen:
                y = bench._forward(values)
            found.extend(seen)
            return float(y if g is None else (g * y).sum())

        found, made = [], self.made
        try:
            if made < 0:
                bench._forward(values)
                made += sum(key == self.maker.key for key, _, _ in bench.noted())
            loss(0.0)
            here = float(y if g is None else (g * y).sum())
            return bench.measured(np.asarray(found[0], float), loss, here, rng, most)
        except Exception:
            return None


def first_wrong(bench, trial, rng, seconds):
    """[Between] of what is first not the gradient that it should be, nor a multiple of it, in the order of one run, and of
    which no gradient is made that is right.
    """
    until = time.thread_time() + seconds
    pairs = [*_named(bench.functions), *_layers(bench.functions)][:PLACES]
    note(bench.functions, pairs)
    bench._forward(trial.values)
    forward, gradients = bench.noted(), bench.play(trial) or {}
    played, found, like, whole, settled = bench.noted(), [], None, set(), {}
    # how the values are made whose names mean another gradient, mostly that of what stands before an activation
    means_another = set()
    inputs = np.concatenate([np.ravel(v) for v in trial.values.values() if np.asarray(v).dtype.kind == "f"])
    judged = {last(n) for n in trial.truth}
    for ways in _in_order(bench.functions, pairs, forward, played):
        if time.thread_time() > until or len(found) >= MOST:
            break
        value, one, times = ways[0].of(played), None, None
        if ways[0].place.key in {f.place.key for f in found}:
            continue  # later calls see what an earlier one left
        given = any(np.array_equal(value, gradient) for gradient in gradients.values())
        if given or not judged.isdisjoint(promised(ways[0].place.called)):
            continue  # it is compared anyway
        for way in ways:
            right = way.measured(bench, trial.values, trial.g, trial.y, rng, FEW)
            if right is None or right.shape != value.shape:
                continue
            if not right.right.any() and not np.any(value):
                one = None  # nothing comes back to the last step of a loop
                break
            if right.right.any():
                one, times = one or way, 1 if right.fits(value) else right.ratio(value)
            if times is not None:
                one = way
                break
        settled[ways[0].place.key] = id(ways[0].place.statement) if times == 1 else None
        if one is None:
            continue
        if times is None and _makes_what_is_right(bench, trial, one, value, gradients, rng):
            means_another |= {_made_by(one.maker)} - {""}
            continue
        one = replace(one, settled=frozenset(settled.values()) - {None})
        if times is not None and times > 0:
            whole |= {one.place.called} if times == 1 else set()
            if one.place.called not in whole or times == 1:  # else it is scaled on its way
                like = None if times == 1 else one
        elif times is not None:
            found.append(replace(one, times=one))
        else:
            found += [one] if like is None else [replace(one, times=like), one]
            alone = like is None and one.calls == 1 and value.ndim
            if alone and not np.isin(one.made_of(forward), inputs).all():
                axes = (axis for axis in {0, value.ndim - 1} if value.shape[axis] > 1)
                found += [replace(one, times=axis) for axis in axes]
    note(bench.functions, ())
    found = [b for b in found if _made_by(b.maker) not in means_another]
    return found[:MOST]


def _made_by(maker):
    """The function by which a value is made: np.tanh of h = np.tanh(z); "" where it is none."""
    value = getattr(maker.statement, "value", None)
    return ast.unparse(value.func) if isinstance(value, ast.Call) else ""


def _makes_what_is_right(bench, trial, one, value, gradients, rng):
    """Whether a gradient that is right is made of what stands at a place of backward: then that is right, and its name means
    another value, as dh may be the gradient of what stands before the activation.
    """
    status = bench.status(trial, gradients)
    change = 0.1 * np.abs(value).max() * rng.standard_normal(value.shape)
    with moving(one.place.key, one.call, change):
        others = bench.play(trial) or {}
    well = [
        n
        for n in gradients
        if status.get(n) and n in others and np.shape(gradients[n]) == np.shape(others[n])
    ]
    return any(
        np.abs(others[n] - gradients[n]).max() > 1e-6 * np.abs(gradients[n]).max()
        for n in well
        if np.size(gradients[n])
    )


def _named(functions):
    """(Place in backward, Place in forward) of names that promise a gradient, and what bears the name that is promised."""
    makers = {}
    for function in functions:
        for _, _, statement in function.statements():
            for _, name in trace.targets(statement):
                makers.setdefault(last(name), []).append(Place(function, name, statement))
    for function in functions:
        for name, statement in trace.last_changes(function, scaled=True):
            for promise in promised(name)[:1]:
                for maker in makers.get(promise, ()):
                    if maker.statement is not statement:
                        yield Place(function, name, statement), maker


def _layers(functions):
    """(what a method that goes back returns, the first argument of the one that it belongs to)."""
    for owner in {f.outer for f in functions} - {None}:
        own = {f.tree.name: f for f in functions if f.outer == owner and isinstance(f.tree, ast.FunctionDef)}
        for name, function in own.items():
            forward = likely_forward(name, own) if goes_back(name, own) else None
            arguments = own[forward].tree.args.args if forward else ()
            if len(arguments) > 1 and len(function.tree.args.args) > 1:
                yield Place(function, RETURNED), Place(own[forward], arguments[1].arg)


def _in_order(functions, pairs, forward, played):
    """[[Between]] in the order of a run, from what was noted while forward ran, and in a whole run: for each call of a place the
    ways to take it, the likeliest first.
    """
    before = {key for key, _, _ in forward}
    # where one function does both, all lines run in forward
    apart = any(key not in before for key, _, _ in played)
    sites = Counter(called_name(n) for f in functions for n in ast.walk(f.tree) if isinstance(n, ast.Call))
    found = {}
    for place, maker in pairs:
        made = [value for key, _, value in forward if key == maker.key]
        owners = [owner for key, owner, _ in played if key == maker.key]
        given = [(i, owner) for i, (key, owner, _) in enumerate(played) if key == place.key]
        if apart and place.key in before:
            continue
        for call, (i, owner) in enumerate(given):
            if place.called == RETURNED:
                at = [n for n, other in enumerate(owners) if other == owner]
                at = at if len(at) == 1 and len(owners) == len(made) else []
            elif len(made) == len(given) and (len(made) == 1 or _in_a_known_order(sites, place, maker)):
                # the last call first, or the first, where a function is called for several inputs
                at = [-1 - call] if len(made) - 1 - call == call else [-1 - call, call]
            else:  # what a loop fills is the gradient when the loop is over
                at = [0] if len(made) == 1 and place.fills and call == len(given) - 1 < CALLS - 1 else []
            for n in at:
                way = Between(place, call, len(given), maker, n)
                found.setdefault((i, place.key), []).append((made[n], way))
    return [_told_apart(ways) for _, ways in sorted(found.items(), key=lambda f: f[0][0])]


def _in_a_known_order(sites, *places):
    """Whether the functions in which these places are, are called from one place each."""
    return all(sites[p.function.name.rpartition(".")[2]] < 2 for p in places)


def _told_apart(ways):
    """The ways to take one call: of lines that make equal values the first, and of different ones the last first."""
    if ways[0][1].call + 1 < ways[0][1].calls:
        return [way for _, way in ways]
    kept = []
    for value, way in ways:
        if not any(np.array_equal(value, other) for other, _ in kept):
            kept.append((value, way))
    return [way for _, way in reversed(kept)]


def note(functions, pairs):
    """Have the functions note what stands at these places, and nothing else."""
    before = [f for f in functions if f.notes]
    for function in before:
        function.notes = {}
    for place in itertools.chain(*pairs):
        place.function.notes.setdefault(place.lineno, {})[place.key] = place.called
    for function in functions:
        if function.notes or function in before:
            try:
                function.put(function.compiled())
            except (SyntaxError, ValueError):  # one that cannot be put together again: nothing of it is noted
                function.notes = {}


def places(betweens):
    """The pairs of places that these need."""
    every = itertools.chain(betweens, (b.times for b in betweens if isinstance(b.times, Between)))
    return [(b.place, b.maker) for b in every]
