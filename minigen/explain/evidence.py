"""Pairs gradients with the values they belong to: by name, by shape, and by what a difference says.

Whatever backward returned, stored or changed is a candidate. A name such as dW1 promises W1; a slope along random
directions says whether the promise is kept. A promise stands even where it is broken, since that is what is to be
found out; what promises nothing is taken where its slope fits, or where only one place is left for its shape.
"""

import ast
import functools
import inspect
import itertools
import math
import re
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from minigen.explain import scene as scenes
from minigen.explain.naming import bases, cache_named, is_gradient_name, player
from minigen.explain.reading import PLAYERS, Assumed, Outcome, photograph, touched
from minigen.explain.source import is_pass, short_name, tree_of, walk
from minigen.explain.steps import told_by_steps

STEP = 1e-5  # of the central differences that choose between readings; the verdict is taken elsewhere
AGREE = 3e-5  # relative
NEARLY = 0.1  # so near, relatively, it is asked again with the steps FINER: many layers of exp bend much
FINER = 1e-6, 1e-7
steps = (
    "lr", "learning_rate", "alpha", "eta", "step", "step_size", "rate", "learningrate", "learn_rate",
    "epsilon",
)  # fmt: skip


may_be_labels = re.compile(
    r"^(\w*one_?hot\w*|y_?oh|y|t|labels?|targets?|y_true|Y|gt|truth|y_batch|ys|tgt|true|idx|indices|index|classes|actual|desired)$"
)


_velocity = re.compile(r"_?(vel|mom|velocity|momentum|velocities|moments?|speed|[mvsr]|ema)$", re.I)
MOST_SILENT = 24  # arrays of which is asked whether a gradient of them is missing
MOST_SETTINGS = 8  # numbers of which is asked whether they are a weight decay
CHANGE = "the change of "
TAKEN = "changed", "moved"  # a step was taken: the gradient is the change of a parameter, divided by the step


@dataclass(frozen=True)
class Source:
    """Where a gradient is read: returned at, stored at, added to, or the change of a parameter over a step."""

    # "returned", "stored", "added", "changed", "moved" (a new parameter, returned), "inside" a step
    kind: str
    address: tuple
    label: str
    step: float | None = None
    row: str = ""  # the argument that says of which row, or rows, of the value it is the gradient
    of: tuple = ()  # the address of the value, where there is no choice
    decay: float = 0.0  # so many times the parameter is taken as well, which is no part of the loss
    among: tuple = ()  # the addresses of all values whose gradients it gives as one vector, one after another
    count: tuple = ()  # (argument, axis) with which a layer counts the examples by which it divides its step

    def whole(self, gradient, shape, live):
        """The gradient in the shape of the value: with zeros in all other rows, where it is that of some; times the number of
        examples, where the mean is made in the step.
        """
        if self.count:
            name, axis = self.count
            return gradient * np.shape(live.arguments[name])[axis]
        if not self.row:
            return gradient
        full = np.zeros(shape)
        np.add.at(full, live.arguments[self.row], gradient)
        return full


@dataclass
class Match:
    value: tuple  # address
    source: Source
    right: bool
    named: bool
    shaped: bool = True  # whether the gradient has the shape of the value
    shape: tuple = ()  # that of the gradient
    factor: float | None = None  # where it is this number times the right one
    idle: bool = False  # whether it is 0, as the slopes are: a bias before a batch norm
    exchanged: bool = False  # whether it is right for another value, with which it is exchanged


class Slopes:
    """Slopes of <g, y> along random directions of one value, measured once each, as far as they are asked for."""

    def __init__(self, reading, scene, seed=0):
        self.reading, self.scene, self.known = reading, scene, {}
        # not those of any input
        self.rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(71,)))
        self.g = None

    def weigh(self, y):
        y = np.concatenate([np.ravel(part) for part in y]) if isinstance(y, tuple) else y
        if self.g is None:
            self.g = 1.0 if np.ndim(y) == 0 else self.rng.standard_normal(np.shape(y))
        return float(np.sum(self.g * y))

    def at(self, address, shape):
        """(direction, slope) for three directions."""
        known = self.known.setdefault(address, [])
        for n in range(3):
            if n == len(known):
                known.append(self._slope(address, self.rng.standard_normal(shape)))
            yield known[n]

    def moves(self, address):
        """Whether y depends on a value at all."""
        shape = np.shape(scenes.reach(self.scene.live(), address)[2])
        return any(abs(slope) > 1e-7 for _, slope in self.at(address, shape))

    def reads(self, address, row):
        """Whether y depends on this row of a value."""
        direction = np.zeros(np.shape(scenes.reach(self.scene.live(), address)[2]))
        direction[row] = self.rng.standard_normal(direction[row].shape)
        return abs(self._slope(address, direction)[1]) > 1e-7

    def _slope(self, address, direction, step=STEP):
        ends = []
        for sign in (1, -1):
            live = self.scene.live()
            container, key, old = scenes.reach(live, address)
            scenes.put(container, key, old, np.asarray(old) + sign * step * direction)
            ends.append(self.weigh(self.reading.run(live, back=False).y))
        self.size = max(1.0, abs(ends[0]))
        return direction, (ends[0] - ends[1]) / (2 * step)

    def fit(self, address, gradient):
        """True where the gradient has these slopes, None where all is zero, False where it has not."""
        agreed, missed, alive = 0, 0, False
        if not np.isfinite(gradient).all():
            return False
        for direction, slope in self.at(address, gradient.shape):
            claimed = float(np.sum(gradient * direction))
            alive = alive or abs(claimed) + abs(slope) > 1e-7 * self.size
            fits = self._near(claimed, slope)
            if not fits and abs(claimed - slope) < NEARLY * abs(slope):  # it may be the difference that errs
                fits = any(self._near(claimed, self._slope(address, direction, h)[1]) for h in FINER)
            agreed, missed = agreed + fits, missed + (not fits)
            if alive and 2 in (agreed, missed):  # of three
                break
        return (agreed >= 2) if alive else None

    def _near(self, claimed, slope):
        return abs(claimed - slope) <= AGREE * (abs(claimed) + abs(slope)) + 1e-8 * self.size

    def factor(self, address, gradient):
        """How many times the right gradient this one is, None where it is no multiple of it."""
        claims = [(float(np.sum(gradient * d)), slope) for d, slope in self.at(address, gradient.shape)]
        if not all(abs(slope) > 1e-5 * self.size for _, slope in claims):
            return None
        ratios = [claim / slope for claim, slope in claims]
        return ratios[0] if np.ptp(ratios) <= AGREE * abs(ratios[0]) else None


@dataclass(frozen=True)
class Uncompared:
    """A gradient that backward gave and that could not be compared, and why."""

    label: str
    why: str
    setting: str = ""  # the argument of forward that would have to be given to compare it
    matters: bool = True  # whether all may be right though it was not compared
    address: tuple = ()  # where backward gave it


class Reshaped(Uncompared):
    """A parameter to which a step gives another shape: other inputs are meant."""


def match(reading, scene):
    """[Match] for one scene, y, and [Uncompared] with the number of all gradients that found no value.

    Raises what the person's code raises.
    """
    slopes = scene.once(reading.before_backward, lambda: Slopes(reading, scene))
    live = scene.live()
    values = {a: np.array(v) for a, (_, _, v) in scenes.leaves(live, live.program).items()}
    before = scene.live()
    first = photograph(before)
    slopes.weigh(reading.run(before, back=False).y)
    if reading.backward is not None or reading.closure:  # what forward writes itself is a cache, not an input
        written = touched(Outcome(None, None, first, before))
        kept = scenes.leaves(before, before.program).keys() - written.keys()
        values = {a: v for a, v in values.items() if a in kept or a[0][0] == "arg" and len(a) == 1}
    if isinstance(reading.loss, Assumed):  # which has no gradient at its labels
        values.pop((("arg", dict(reading.loss.bound)["y"][1]),), None)
    live = scene.live()  # globals are shared, and the run before may have taken a step
    outcome = reading.run(live, lambda y: np.array(slopes.g))
    if not np.all(np.isfinite(outcome.y)):
        return [], outcome.y, ([], 0)
    found, y, (missed, open_) = _assign(reading, slopes, values, outcome)
    if reading.outputs in PLAYERS:
        found, told = _of_this_loss(reading, scene, found, values, outcome)
        missed += told
    others = _of_another_player(reading, found, outcome.live)
    found = [m for m in found if m not in others]
    why = "the function takes a second step, down another loss, which the first step moves"
    missed += dict.fromkeys(Uncompared(scenes.text(_player(m.value)), why) for m in others)
    found, passed = _passed_on(found, values)
    decayed = _of_another_decay(reading, found, values, outcome, slopes)
    found = [m for m in found if id(m) not in decayed]
    missed += [*passed, *decayed.values()]
    still = [m for m in found if not m.right and not slopes.moves(m.value)]
    through = [m for m in still if not m.idle]
    if through and _steps_words & outcome.live.program.words and 2 * len(still) <= len(found):
        why = "forward rounds or takes a sign behind it, so that its own derivative is 0: a gradient passed straight through"
        missed += [Uncompared(m.source.label or scenes.text(m.value), why) for m in through]
        found, still = [m for m in found if m not in through], []
    # else it is the loss of another player, or of what forward gave, in which the weights no longer stand
    # a step for one example leaves the rows of others as they are
    against = [m for m in still if not (m.idle and is_pass(reading.forward.name))]
    depends = 2 * len(against) <= len(found) and any(m.right or m not in still for m in found)
    return (found, y, (missed, open_)) if depends else ([], y, ([], 0))


_steps_words = {"sign", "sgn", "round", "rint", "floor", "ceil", "heaviside"}


def _passed_on(found, values):
    """(Matches, [Uncompared]): what has the name of another gradient than that at the data, and is that of each example's own
    loss, so many times the right one as there are examples, is not compared where all parameters are right: dA0 of a course.
    """
    data = [
        m
        for m in found
        if not m.right and not m.named and len(m.value) == 1 and m.value[0][0] == "arg" and bases(last_name(m.source.label))
        and m.factor is not None and any(n > 1 and abs(m.factor - n) < 1e-3 for n in np.shape(values[m.value]))
    ]  # fmt: skip
    others = [m for m in found if m not in data]
    if len(data) != 1 or len(others) < 2 or not all(m.right for m in others):
        return found, []
    label = data[0].source.label or f"the gradient at {scenes.text(data[0].value)}"
    why = f"it is {data[0].factor:.3g} times the gradient at {scenes.text(data[0].value)}, that of each example's own loss"
    return others, [Uncompared(label, why, matters=False)]


def _of_another_decay(reading, found, values, outcome, slopes):
    """{id(Match): Uncompared} of the parameters whose step takes a multiple of themselves beside what the loss asks for, where it is
    given a number that the loss is not: lmbda / n of all examples, and of a batch.
    """
    step = reading.backward
    known = {name for name, _ in reading.forward.bound}
    given = [p for p, what in step.bound if what[0] == "given" and p not in known] if step is not None else []
    numbers = [p for p in given if isinstance(outcome.live.arguments.get(p), int)]
    if not numbers or not any(m.right for m in found):
        return {}
    told, changed = {}, touched(outcome)
    for m in (m for m in found if not m.right and m.source.kind == "changed" and m.value in changed):
        start, after = changed[m.value]
        gradient, parts = (start - after) / m.source.step, []
        for direction, slope in slopes.at(m.value, gradient.shape):
            parts.append((np.sum(gradient * direction) - slope) / np.sum(values[m.value] * direction))
        if np.ptp(parts) <= 1e-4 * np.abs(parts).max():
            why = f"its step takes {parts[0]:.3g} times the parameter more than this loss asks for: another weight decay"
            told[id(m)] = Uncompared(m.source.label or scenes.text(m.value), why)
    return told


def _of_this_loss(reading, scene, found, values, outcome):
    """(Matches of this player's loss, [Uncompared]), where forward returns that of the other one beside it.

    A gradient that is right for one is that one's. One that is right for neither belongs to the player that its parameter is named
    after; else to the loss that has no right one yet; where both have some, or none, to the one whose gradient is nearer.
    """
    other = replace(reading, outputs=sum(PLAYERS) - reading.outputs)
    slopes = _slopes_of(other, scene)
    given = {(s.kind, s.address): g for s, g in _candidates(reading, values, outcome, scene)}
    gradients = {m.value: given.get((m.source.kind, m.source.address)) for m in found if m.shaped}
    shapes = {m.value: np.shape(values[m.value]) for m in found}
    gradients = {
        v: g.reshape(shapes[v])
        for v, g in gradients.items()
        if g is not None and g.size == math.prod(shapes[v])
    }
    theirs = {v for v, g in gradients.items() if slopes.fit(v, g)}
    well, first = any(m.right for m in found), reading.outputs == PLAYERS[0]

    def is_here(m):
        if m.right or m.value in theirs:
            return m.right
        if (who := player(scenes.text(m.value))) is not None:
            return who == player(reading.title.rpartition(", of ")[2])
        if well != bool(theirs):
            return not well
        if m.value not in gradients:
            return first
        mine, far = (_distance(_slopes_of(r, scene), m.value, gradients[m.value]) for r in (reading, other))
        return mine < far or mine == far and first

    alone = found and not theirs and all(m.right for m in found)
    why = "every gradient that is returned is one of this loss"
    told = [Uncompared("the gradient of the other player's loss", why)] if alone else []
    return [m for m in found if is_here(m)], told


def _slopes_of(reading, scene):
    slopes = Slopes(reading, scene)
    slopes.weigh(reading.run(scene.live(), back=False).y)
    return slopes


def _distance(slopes, value, gradient):
    """How far a gradient is from the right one, as a share of it, in a few directions."""
    claims = [(float(np.sum(gradient * d)), slope) for d, slope in slopes.at(value, gradient.shape)]
    return sum(abs(claim - slope) for claim, slope in claims) / (
        sum(abs(slope) for _, slope in claims) + 1e-300
    )


def _of_another_player(reading, found, live):
    """The Matches of another player, whose step the same function takes down another loss: where it computes a second one after
    a step, the changes of one argument or object are all right, and those of the other are all wrong.
    """
    tree = tree_of(live.program.tree, reading.forward.function(live)) if reading.backward is None else None
    losses, steps, players = [], [], {}
    for n in walk(tree) if tree is not None else ():
        names = [getattr(t, "id", getattr(t, "attr", "")) for t in getattr(n, "targets", ())]
        losses += [n.lineno for name in names if _loss.search(name)]
        steps += [n.lineno] if isinstance(n, ast.AugAssign) and isinstance(n.op, ast.Sub) else []
    if any(min(losses, default=0) < step < max(losses, default=0) for step in steps):
        for m in found:
            players.setdefault(_player(m.value), []).append(m)
    badly = [ms for ms in players.values() if not any(m.right for m in ms)]
    well = [ms for ms in players.values() if all(m.right for m in ms)]
    return [m for ms in badly for m in ms] if well and len(players) == len(well) + len(badly) else []


def _player(address):
    """The argument, global or attribute of the object in which a parameter stands."""
    return address[:1] if address[0][0] != "self" else address[:2]


_loss = re.compile(r"loss|cost|objective|score", re.I)


def alike(shape, of_gradient):
    """Whether two shapes are one but for axes of size 1, and a difference is no larger: (1, 4) and (4,), but not
    (4, 1) and (4,), whose difference is 4 by 4.
    """
    without_ones = [[n for n in s if n != 1] for s in (shape, of_gradient)]
    if without_ones[0] != without_ones[1]:
        return False
    return math.prod(np.broadcast_shapes(shape, of_gradient)) == math.prod(shape)


def _assign(reading, slopes, values, outcome):
    candidates = _of_a_step(list(_candidates(reading, values, outcome, slopes.scene)), values, slopes)
    of_rows = {}
    if not is_pass(reading.forward.name):  # whose gradients are those of whole arrays
        candidates, of_rows = _with_rows(candidates, values, slopes, outcome.live)
    candidates = [part for one in candidates for part in _in_pieces(*one, values, slopes)]
    if reading.elementwise:
        candidates = [(s, slopes.g * np.broadcast_to(v, np.shape(slopes.g))) for s, v in candidates]
    arguments = [a for a in values if a[0][0] == "arg"]
    found, taken = {}, set()

    def is_taken(source):
        return (source.kind, source.address) in taken

    def take(value, source, fits, named, shaped=True, shape=()):
        found[value] = Match(value, source, bool(fits), named, shaped, shape, idle=fits is None)
        kinds = ("stored", "added") if source.kind in ("stored", "added") else (source.kind,)
        taken.update((kind, source.address) for kind in kinds)

    def same(value, gradient):
        return alike(np.shape(values[value]), gradient.shape)

    ranked = _promised(reading, candidates, values, same, outcome.live, of_rows)
    owed = _owed(candidates, values, same, reading)
    best = {}
    still = set()  # what is stored is 0, as it should be, whatever was added to what stood there
    for score, _, source, _, _ in ranked:
        best[source] = min(best.get(source, 0), score)
    for score, _, source, gradient, value in sorted(ranked, key=lambda r: r[:2]):
        late = value in found or is_taken(source) or score > best[source] + 0.5
        late = late or (source.address, value) in still
        if late or _is_idle(source, value, values, slopes):
            continue
        fits = slopes.fit(value, gradient.reshape(np.shape(values[value])))
        if source.kind in ("stored", "added") and not fits and fits is not None:
            other = _read_otherwise(source, candidates)
            if other and slopes.fit(value, other[1].reshape(np.shape(values[value]))):
                source, fits = other[0], True
        if fits is None and source.kind != "returned":
            still.add((source.address, value))
            continue
        if not fits:  # two may have this name and shape, and it is the gradient of the other one
            others = [v for _, _, of, _, v in ranked if of == source and v not in found]
            others = [v for v in others if not _has_its_own(v, source, candidates)]
            if _is_handed_on(source, gradient, values[value]):
                taken.add((source.kind, source.address))
                continue
            value = next((v for v in others if slopes.fit(v, gradient.reshape(np.shape(values[v])))), value)
            fits = fits if not others else slopes.fit(value, gradient.reshape(np.shape(values[value])))
        take(value, source, fits, True)
    given = [(s, g) for s, g in candidates if s.kind == "returned"]
    # a column of it, say, and returned as a row
    kept = {value: values[value] for source, _, value in owed if source.kind == "stored"}
    for source, value in _that_fit(given, kept, slopes, found, is_taken, outcome.live):
        take(value, source, True, False)
    for source, gradient, value in owed:
        if value not in found and not is_taken(source) and slopes.moves(value):
            take(value, source, False, True, False, np.shape(gradient))
    for source, value in _that_fit(candidates, values, slopes, found, is_taken, outcome.live):
        take(value, source, True, False)
    # the change of a parameter over a step, where nothing else was found; first the step with which most are right
    changes = [(s, g) for s, g in candidates if s.kind in TAKEN]
    down = _that_take_steps(tree_of_backward(reading, outcome.live))
    if reading.takes_g:
        changes = _of_means(changes, slopes, outcome.live) or changes
    fits_with = [s.step for s, g in changes if s.of not in found and slopes.fit(s.of, g)]
    changes.sort(key=lambda c: -fits_with.count(c[0].step))
    for source, gradient in changes:
        # else it is what an earlier call has left
        if source.of not in found and not is_taken(source) and slopes.moves(source.of):
            fits = slopes.fit(source.of, gradient)
            clips = source.of[0][0] == "arg" and len(source.of) == 1 and source.kind != "moved"
            if fits or not clips or source.of[0][1] in down:  # clipping an argument is no step
                take(source.of, source, fits, True)
    taken |= _told_twice(candidates, found)
    for source, value in _left_alone(reading, candidates, values, slopes, outcome, found, is_taken):
        take(value, source, False, False)
    numbers = _of_numbers(reading, outcome)
    for source, gradient, value in _by_place(candidates, arguments, found, is_taken, numbers):
        if slopes.moves(value):
            take(value, source, False, False, same(value, gradient), gradient.shape)
    alike_ = itertools.chain(
        _by_structure(candidates, values, found, is_taken),
        _by_names_alike(candidates, values, found, is_taken),
    )
    for source, gradient, value in alike_:
        if slopes.moves(value):
            take(value, source, False, False, same(value, gradient), gradient.shape)
    for source, value in _by_shape(reading, candidates, values, found, is_taken, outcome.live.program):
        if slopes.moves(value):
            take(value, source, False, False)
    unsure = _put_in_order(reading, found, slopes, dict(candidates), outcome.live)
    open_ = _without_a_value(reading, candidates, is_taken)
    unsure += _of_another_shape(values, outcome, slopes) if changes else []
    missed = _uncompared(reading, candidates, values, found, is_taken, outcome.live, slopes) + unsure
    _measure_factors(found, slopes, dict(candidates), values)
    labels = {s.address for s in open_} | {m.label for m in missed}
    return list(found.values()), outcome.y, (missed, len(labels))


def _left_alone(reading, candidates, values, slopes, outcome, found, is_taken):
    """(source, argument), where one of the arguments alone is left with the shape. `found` grows meanwhile."""
    arguments = [a for a in values if a[0][0] == "arg"]
    alone = len({s.address for s, _ in candidates}) == 1  # it is all that backward gives
    beside = any(m.right and m.source.kind in ("stored", "added", "changed") for m in found.values())
    # a number beside arrays may be a loss
    numbers = (reading.takes_g or alone) and _of_numbers(reading, outcome)
    for source, gradient in candidates:
        if is_taken(source) or source.kind in ("added", "inside", *TAKEN):
            continue
        name = last_name(source.label)
        handed_back = source.address == (("returned", ""),) and reading.takes_g and _back.match(source.label)
        if not (source.label == "" or is_gradient_name(name) or handed_back):
            continue
        if source.kind == "stored" and (not _strict.search(name) or _is_inside(source)):
            continue
        left = [
            a
            for a in arguments
            if a not in found
            and np.shape(values[a]) == gradient.shape
            and (gradient.ndim or numbers)
            and not _is_label(a, arguments)
            and not _beside_an_output(a, outcome.live.arguments)
            and not _promises_another(source, a)
        ]
        if len(left) == 1 and slopes.moves(left[0]):
            if not _may_be_target(source, arguments, outcome, alone, beside):
                yield source, left[0]


def _of_numbers(reading, outcome):
    """Whether a backward is there, and forward is given numbers alone."""
    return reading.backward is not None and _is_given_numbers(outcome)


def _is_given_numbers(outcome):
    given = outcome.live.arguments.values()
    return all(isinstance(v, int | float | np.generic) or getattr(v, "ndim", 1) == 0 for v in given)


def _that_fit(candidates, values, slopes, found, is_taken, live):
    """(source, value) of what promises nothing, where the slopes agree. `found` grows as they are taken."""
    arguments = [a for a in values if a[0][0] == "arg"]
    for source, gradient in candidates:
        if is_taken(source) or source.kind == "added":
            continue
        twins = _of_its_twins(source, gradient, candidates, arguments)
        for value, now in values.items():
            fits_in = value not in found and alike(np.shape(now), gradient.shape)
            if not fits_in or value == source.address and source.kind == "stored":
                continue
            if source.kind in (*TAKEN, "inside") and value != source.of:
                continue
            # a loss is as often symmetric in both: the sign would be taken for the other's
            if _is_label(value, arguments) or _beside_an_output(value, live.arguments):
                continue
            if value not in twins and slopes.fit(value, gradient.reshape(np.shape(now))):
                yield source, value
                break


def _of_its_twins(source, gradient, candidates, arguments):
    """The arguments in whose place another value is returned that is equal to this one, as the second d of return d, d."""
    rows = [(s, g) for s, g in candidates if s.kind == "returned" and len(s.address) == 2]
    if source not in (s for s, _ in rows):
        return set()
    first = next((i for i, (_, g) in enumerate(rows) if g.ndim), 0)  # a loss may stand before them
    equal = (
        i - first for i, (s, g) in enumerate(rows) if s != source and g.ndim and np.array_equal(g, gradient)
    )
    return {arguments[i] for i in equal if 0 <= i < len(arguments)}


def _told_twice(candidates, found):
    """{(kind, address)} of what is returned, where all of it is also stored and belongs to a value there: return
    [c.dW for c in layers].
    """
    arrays = dict(candidates)
    stored = [arrays[m.source] for m in found.values() if m.source.kind == "stored" and m.source in arrays]
    returned = [(s, g) for s, g in candidates if s.kind == "returned"]
    twice = len(returned) > 1 and all(any(np.array_equal(g, known) for known in stored) for _, g in returned)
    return {(s.kind, s.address) for s, _ in returned} if twice else set()


def _of_another_shape(values, outcome, slopes):
    """[Reshaped] of the parameters that have another shape after a step, as a bias does to which all examples were added."""
    found = []
    for address, (_, after) in touched(outcome).items():
        before = np.shape(values[address]) if address in values else ()
        if before and np.shape(after) != before and slopes.moves(address):
            why = f"a step changes its shape, {before}, to {np.shape(after)}"
            found.append(Reshaped(scenes.text(address), why, address=address))
    return found


def _that_take_steps(tree):
    """The names from which, or to which, a function adds something times the length of a step: w -= lr * dw."""
    found = set()
    for n in walk(tree) if tree is not None else ():
        if isinstance(n, ast.AugAssign) and isinstance(n.op, ast.Add | ast.Sub):
            named = {name.lower() for m in walk(n.value) if (name := short_name(m))}
            found |= {short_name(n.target)} if named & set(steps) else set()
    return found


def _of_means(changes, slopes, live):
    """The changes times the number of examples, where a layer that is given the gradient of a sum takes a step down the
    mean: some of them are right then, and none is as it stands. [] where it is not so.
    """
    if any(slopes.fit(s.of, g) for s, g in changes):
        return []
    given, best, most = {n: v for n, v in live.arguments.items() if isinstance(v, np.ndarray)}, [], 0
    for name, axis in ((n, axis) for n, v in given.items() for axis in range(v.ndim)):
        count = given[name].shape[axis]
        whole = [(replace(s, count=(name, axis)), count * g) for s, g in changes]
        fit = sum(bool(slopes.fit(s.of, g)) for s, g in whole)
        if fit > most:
            best, most = whole, fit
    return best


def _decays(reading, scene, changed):
    """{address: number}: how many times a parameter itself its change takes, over a step of 1, where a number that the loss
    does not use makes it shrink: weight decay, whose part of the change is that number times the parameter.
    """
    if not changed:
        return {}
    names = dict(scene.program.names)  # globals, which every run begins anew
    live = scene.live()
    leaves = scenes.leaves(live, live.program)
    held = [a for a, (_, _, v) in leaves.items() if np.ndim(v) == 0 and 0 < v < 1]
    found, y = {}, reading.run(live, None).y if held else None
    for address in held[:MOST_SETTINGS]:
        live = scene.live()
        container, key, value = scenes.reach(live, address)
        scenes.put(container, key, value, 1.5 * value)
        try:
            outcome = reading.run(live, None)
        except Exception:
            continue
        if not np.array_equal(outcome.y, y):
            continue  # the loss uses it
        again = touched(outcome)
        more = {a: again[a][1] - after for a, (_, after) in changed.items() if a in again}
        moved = {a: (d, changed[a][0]) for a, d in more.items() if d.any()}
        times = {a: float(np.sum(d * start) / np.sum(start**2)) for a, (d, start) in moved.items()}
        if not any(start.size > 1 for _, start in moved.values()):
            continue  # of one number all is a multiple
        if all(np.allclose(d, times[a] * start, rtol=1e-6, atol=1e-15) for a, (d, start) in moved.items()):
            found |= {a: -2 * k for a, k in times.items()}
    scene.program.names.update(names)
    return found


def _has_its_own(value, source, candidates):
    """Whether a value's own layer keeps a gradient of the same name: layers[3].db, where layers[0].db is asked for."""
    beside = [s for s, _ in candidates if s.kind == source.kind and s.address[:-1] == value[:-1]]
    others = [s for s in beside if s.address != source.address]
    name = last_name(source.label)
    return source.kind in ("stored", "added") and any(last_name(s.label) == name for s in others)


def _with_rows(candidates, values, slopes, live):
    """(candidates, {Source: value}): one that is the gradient of a row of an array, which an argument counts, has the shape
    of the array.
    """
    counts = {
        n: v for n, v in live.arguments.items() if isinstance(v, int | np.integer) and not isinstance(v, bool)
    }
    shapes, ways = {np.shape(v) for v in values.values()}, {}
    numbers = {a: str(a[-1][1]).lower() for a, v in values.items() if counts and not np.ndim(v)}
    numbers = {a: name for a, name in numbers.items() if slopes.moves(a)}
    own = {a for a in numbers if a[0][0] == "self"}
    for source, gradient in candidates if counts else ():
        promised = bases(last_name(source.label))
        of_number = not gradient.shape and not ({*numbers.values()} & promised if promised else own)
        if source.kind == "returned" and (gradient.shape not in shapes or of_number):
            ways[source] = {
                (n, a): replace(source, row=n).whole(gradient, np.shape(v), live)
                for a, v in values.items()
                for n, i in counts.items()
                if np.shape(v)[1:] == gradient.shape and np.ndim(v) and 0 <= i < len(v)
            }
    chosen = {}  # {source: (argument, value)}, first of those that are right, then of those that are left
    for source, full in ways.items():
        right = [way for way in full if slopes.fit(way[1], full[way]) and way not in chosen.values()]
        chosen |= {source: right[0]} if right else {}
    for source, full in ways.items():
        others = {value for _, value in chosen.values()}
        left = {(way[1], live.arguments[way[0]]): way for way in full if way[1] not in others}
        left = [way for (value, row), way in left.items() if slopes.reads(value, row)]
        named = [way for way in left if str(way[1][-1][1]).lower() in bases(last_name(source.label))]
        if source not in chosen and (named or len(left) == 1):
            chosen[source] = (named or left)[0]
    found = [
        (replace(s, row=chosen[s][0]), ways[s][chosen[s]]) if s in chosen else (s, g) for s, g in candidates
    ]
    return found, {replace(s, row=n): value for s, (n, value) in chosen.items()}


def _in_pieces(source, gradient, values, slopes):
    """(Source, gradient) of each parameter, of a returned vector that is as long as all those of an object, which it holds one
    after another; else of the whole.
    """
    whole = [(source, gradient)]
    sizes = {a: np.size(v) for a, v in values.items() if len(a) > 1 and np.ndim(v)}
    if source.kind != "returned" or gradient.ndim != 1 or gradient.shape in map(np.shape, values.values()):
        return whole
    for holder in dict.fromkeys(a[:-1] for a in sizes):
        own = [a for a in sizes if a[:-1] == holder]
        own = own if sum(sizes[a] for a in own) == gradient.size else [a for a in own if slopes.moves(a)]
        if len(own) < 2 or sum(sizes[a] for a in own) != gradient.size:
            continue

        def parts(order):
            ends = np.cumsum([sizes[a] for a in order])[:-1]
            cut = zip(order, np.split(gradient, ends), strict=True)
            return {a: part.reshape(np.shape(values[a])) for a, part in cut}

        def kind(a):  # W of W1
            return re.sub(r"\d+", "", str(a[-1][1]))

        kinds = [kind(a) for a in own]
        # as they were made, or W1, W2, b1, b2
        orders = [own, sorted(own, key=lambda a: kinds.index(kind(a)))]
        order = max(orders, key=lambda order: sum(bool(slopes.fit(*one)) for one in parts(order).items()))
        return [
            (
                replace(source, address=(*source.address, ("piece", k)), label="", of=a, among=tuple(order)),
                part,
            )
            for k, (a, part) in enumerate(parts(order).items())
        ]
    return whole


def _without_a_value(reading, candidates, is_taken):
    """The sources of what is returned like a gradient and belongs to no value."""
    return [
        source
        for source, gradient in candidates
        if source.kind == "returned"
        and not is_taken(source)
        and gradient.size > 1
        and (bases(last_name(source.label)) or not source.label and reading.backward is not None)
    ]


def _read_otherwise(source, candidates):
    """What is stored in a place for what was added to it, and the other way round; None where there is only one."""
    of_it = (c for c in candidates if c[0].address == source.address)
    return next((c for c in of_it if c[0].kind not in (source.kind, *TAKEN)), None)


def _promised(reading, candidates, values, same, live, of_rows):
    """[(-score, order, Source, gradient, value)]: what promises a value's gradient, by its name or its place."""
    ranked = []
    by_structure = _of_nested_lists(candidates, values) | _of_one_structure(candidates, values)
    by_structure |= _in_lists(candidates, values, live)
    by_structure = _of_like_addresses(candidates, values) | by_structure
    of_one = _of_one_holder(candidates, values)
    by_structure = _of_the_only_array(candidates, values) | by_structure | of_one | of_rows
    by_structure |= {s: s.of for s, _ in candidates if s.kind == "inside" or s.among}
    for order, (source, gradient) in enumerate(candidates):
        for value in values:
            # what is handed on with a parameter is its gradient; a dict with the keys of one holder is of that one
            sure = 9.0 if source.kind == "inside" else 4.0 if source in of_one else 3.0
            score = max(_promise(source, value, reading), sure * (by_structure.get(source) == value))
            if score and same(value, gradient) and not is_kept(source, value):
                ranked.append((-score, order, source, gradient, value))
    named = {source for _, _, source, _, _ in ranked}
    told = told_by_steps(live.program.tree, (reading.backward or reading.forward).name)
    for order, (source, gradient) in enumerate(candidates if told else ()):
        if source.kind != "returned" or source in named:
            continue
        place, parts = (source.address[1][1], source.address[2:]) if len(source.address) > 1 else (None, ())
        for value in values:
            whole = value[: len(value) - len(parts)]
            fits = whole and whole + parts == value and whole[-1][1] == told.get(place)
            if fits and value[0][0] == "self" and same(value, gradient):
                ranked.append((-2.0, order, source, gradient, value))
    return ranked


def _of_one_structure(candidates, values):
    """{Source: value}, where what is returned stands in it as the values stand in one argument: in a list of pairs, or
    under the keys of a dict or the attributes of an object, beside which there may be others.
    """
    returned = {s.address[1:]: (s, g) for s, g in candidates if s.kind == "returned"}
    said = set().union(*(bases(last_name(s.label)) for s, _ in returned.values()))
    roots = dict.fromkeys(a[0] for a in values if a[0][0] == "arg" and len(a) > 1)
    for root in sorted(roots, key=lambda root: str(root[1]).lower() not in said):
        inside = {a[1:]: a for a in values if a[0] == root}
        named = all(isinstance(k[-1][1], str) for k in inside)
        for before in {k[: len(k) - len(n)] for k in returned for n in inside}:
            same = {n: before + n for n in inside if before + n in returned}
            pairs = [(values[inside[n]], returned[k][1]) for n, k in same.items()]
            fits = [alike(np.shape(value), gradient.shape) for value, gradient in pairs]
            handed_on = all(_stays(value, gradient) for value, gradient in pairs)  # as in a cache
            here = sum(k[: len(before)] == before for k in returned)
            whole = len(same) == len(inside) == here and all(fits)
            if len(before) > 1 and isinstance(before[-1][1], int) and not named:
                rows = {k[: len(before)] for k in returned if k[: len(before) - 1] == before[:-1]}
                if len(rows) > 1:
                    continue  # one row of a matrix, as long as x
            if len(same) > 1 and (whole or named and any(fits)) and not handed_on:
                return {returned[k][0]: inside[n] for n, k in same.items()}
    return {}


def _of_nested_lists(candidates, values):
    """{Source: value}, where a list of lists of numbers is returned that has just as many as one attribute of the object."""
    given, kept = {}, {}
    for source, gradient in candidates:
        if source.kind == "returned" and not np.ndim(gradient) and len(source.address) > 2:
            for n in (1, 2):  # the list itself, or one of several
                given.setdefault(source.address[:n], {})[source.address[n:]] = source
    for value, now in values.items():
        if value[0][0] == "self" and len(value) > 2 and not np.ndim(now):
            kept.setdefault(value[:2], {})[value[2:]] = value
    found = {}
    for whole in given.values():
        alike_ = [parts for parts in kept.values() if parts.keys() == whole.keys()]
        twins = [other for other in given.values() if other.keys() == whole.keys()]
        if len(alike_) == len(twins) == 1 and len(whole) > 1:
            found |= {source: alike_[0][place] for place, source in whole.items()}
    return found


def _stays(value, returned):
    """Whether what is returned is the value itself, or near to it: as after a step, and no gradient."""
    if np.shape(value) != returned.shape:
        return False
    return bool(np.linalg.norm(returned - value) <= 0.3 * np.linalg.norm(value))


def _of_like_addresses(candidates, values):
    """{Source: value}, where what is returned is numbered and named as the values of an argument are, but for numbers that
    are the same for all: grads[i]["W"] of layers[i][1]["W"].
    """
    returned = {s.address: (s, g) for s, g in candidates if s.kind == "returned"}
    told = _told_apart([a for a in returned if len(a) > 2])
    for root in dict.fromkeys(a[0] for a in values if len(a) > 2 and a[0][0] in ("arg", "self")):
        inside = _told_apart([a for a in values if a[0] == root and len(a) > 2])
        same = {k: (told[k], inside[k]) for k in told.keys() & inside.keys() if len(k) > 1}
        numbered = any(isinstance(step, int) for k in same for step in k)
        if len(same) < max(2, len(told)) or not numbered:
            continue
        pairs = [(values[value], returned[of][1]) for of, value in same.values()]
        fits = all(alike(np.shape(value), gradient.shape) for value, gradient in pairs)
        if fits and not all(_stays(value, gradient) for value, gradient in pairs):
            return {returned[of][0]: value for of, value in same.values()}
    return {}


def _told_apart(addresses):
    """{keys and numbers by which an address differs from the others of its length: address}, as far as there is one."""
    found = {}
    for length in {len(a) for a in addresses}:
        alike_ = [a for a in addresses if len(a) == length]
        places = [
            i for i in range(1, length) if len({a[i] for a in alike_}) > 1 or isinstance(alike_[0][i][1], str)
        ]
        for a in alike_:
            found.setdefault(tuple(a[i][1] for i in places), []).append(a)
    return {key: a[0] for key, a in found.items() if len(a) == 1}


def _of_one_holder(candidates, values):
    """{Source: value}, where a dict is returned that has the keys of one that an object or global holds, and only of one."""
    inside = [(s, g) for s, g in candidates if s.kind == "returned" and len(s.address) > 1]
    returned = {s.address[-1][1]: (s, g) for s, g in inside}
    if len(returned) < 2 or not all(isinstance(k, str) for k in returned):
        return {}
    holders = {}
    for a in values:
        if len(a) > 1 and a[-1][1] in returned and not _velocity.match(str(a[-2][1])):
            holders.setdefault(a[:-1], {})[a[-1][1]] = a
    whole = [held for held in holders.values() if held.keys() == returned.keys()]
    fits = [
        held
        for held in whole
        if all(alike(np.shape(values[a]), returned[k][1].shape) for k, a in held.items())
    ]
    return {returned[k][0]: a for k, a in fits[0].items()} if len(fits) == 1 else {}


def _of_the_only_array(candidates, values):
    """{Source: value}, where an object keeps one array of a shape, and a gradient that says of nothing it is: table and grad."""
    found = {}
    for source, gradient in candidates:
        holder, name = source.address[:-1], str(source.address[-1][1])
        plain = re.fullmatch(r"_?(g|grad|grads|gradient)", name, re.I) and source.address[-1][0] == "attr"
        if source.kind == "stored" and len(source.address) > 1 and plain and gradient.ndim:
            beside = [a for a in values if a[:-1] == holder and np.shape(values[a]) == gradient.shape]
            if len(beside) == 1:
                found[source] = beside[0]
    return found


def _in_lists(candidates, values, live):
    """{Source: value}, where an object keeps its parameters and their gradients in two lists: params and grads."""
    reached = {a: scenes.reach(live, a) for a in values}
    places = {id(there[2]): a for a, there in reached.items() if there is not None}
    found = {}
    for source in (s for s, _ in candidates if s.kind in ("stored", "added") and len(s.address) > 2):
        *holder_at, (way, name), (_, i) = source.address
        holder = _value_at(live, tuple(holder_at)) if way == "attr" else None
        mine = getattr(holder, name, None) if way == "attr" else None
        if not isinstance(mine, list | tuple) or not is_gradient_name(name):
            continue
        for other, theirs in vars(holder).items():
            if type(theirs) in (list, tuple) and len(theirs) == len(mine) and not is_gradient_name(other):
                beside = [a for a in values if a[:-1] == tuple(holder_at)]
                same = [a for a in beside if np.shape(values[a]) == np.shape(theirs[i])]
                if len(same) == 1:  # the list may still hold what the attribute was made with
                    found[source] = same[0]
                elif id(theirs[i]) in places:
                    found[source] = places[id(theirs[i])]
    return found


def _value_at(live, address):
    """What stands at an address, of whatever kind; None where nothing does."""
    (kind, key), *rest = address
    holder = live.arguments if kind == "arg" else live.program.names
    value = live.owner if kind == "self" else holder.get(key)
    for way, step in rest:
        try:
            value = vars(value)[step] if way == "attr" else value[step]
        except (TypeError, KeyError, IndexError):
            return None
    return value


def _measure_factors(found, slopes, gradients, values):
    """Note where a gradient that is not right is a multiple of the right one."""
    for m in found.values():
        gradient = gradients.get(m.source)
        if not m.right and gradient is not None and gradient.shape == np.shape(values[m.value]):
            m.factor = slopes.factor(m.value, gradient)


def _is_idle(source, value, values, slopes):
    """Whether a value is what an optimizer keeps beside a parameter: y does not depend on it, but on another one of its name."""
    if source.kind not in ("inside", "stored", "added") or slopes.moves(value):
        return False
    name, shape = str(value[-1][1]), np.shape(values[value])
    named = [a for a in values if a != value and str(a[-1][1]) == name]
    others = [a for a in named if alike(np.shape(values[a]), shape)]
    return source.kind == "inside" or any(map(slopes.moves, others))


def _is_handed_on(source, gradient, value):
    """Whether a number in an object that is returned is that of the object given: a setting, as in Net(W=dW, rate=net.rate)."""
    within = source.kind == "returned" and source.address[-1][0] == "attr"
    return within and np.ndim(value) == 0 and np.array_equal(gradient, value)


def _owed(candidates, values, same, reading):
    """What a name or a place promises with another shape: compared all the same, if nothing else is found."""
    by_structure = _of_one_structure(candidates, values)
    return [
        (source, gradient, value)
        for source, gradient in candidates
        for value in values
        if source.kind in ("returned", "stored")
        and gradient.shape != np.shape(values[value])
        and gradient.size * np.size(values[value]) > 1
        and not same(value, gradient)
        and (
            by_structure.get(source) == value
            or _promise(source, value, reading) >= (2 if source.kind == "returned" else len(value) + 1)
        )
        and not is_kept(source, value)
    ]


def _by_shape(reading, candidates, values, found, is_taken, program):
    """(source, value) of what is returned without a name and subtracted by the file, where only one value has its shape."""
    name = (reading.backward or reading.forward).name
    left = [(s, g.shape) for s, g in candidates if s.kind == "returned" and not is_taken(s)]
    for source, shape in left if name in program.subtracted else ():
        alike_ = [a for a, v in values.items() if np.shape(v) == shape and a not in found]
        alone = sum(other == shape for _, other in left) == 1
        if len(alike_) == 1 and alone and shape and not source.label and not _is_label(alike_[0]):
            yield source, alike_[0]


def _by_place(candidates, arguments, found, is_taken, numbers):
    """(source, gradient, argument) of the returned values without a name, with one that no argument has, as g_ls for
    log_sigma, or that are returned twice, where all others stand in the order of the arguments. `numbers`: whether
    single numbers are among them, which beside arrays may be losses.
    """
    in_order = [a for a in arguments if len(a) == 1]
    names = {str(a[0][1]).lower() for a in in_order}
    places = {found[a].source.address: i for i, a in enumerate(in_order) if a in found}
    rows = [(s, g) for s, g in candidates if s.kind == "returned" and len(s.address) == 2]
    if not rows or any(not isinstance(s.address[1][1], int) for s, _ in rows):
        return
    offsets = {places[s.address] - s.address[1][1] for s, _ in rows if s.address in places}
    if len(offsets) != 1:
        return
    (offset,) = offsets
    for source, gradient in rows:
        i = source.address[1][1] + offset
        wanted = bases(last_name(source.label))
        open_ = bool(wanted) and not wanted & names or not source.label and (gradient.size > 1 or numbers)
        open_ = open_ or any(g.ndim and np.array_equal(g, gradient) for s, g in rows if s != source)
        if open_ and not is_taken(source) and 0 <= i < len(in_order):
            if in_order[i] not in found and not _is_label(in_order[i], in_order):
                yield source, gradient, in_order[i]


def _by_structure(candidates, values, found, is_taken):
    """(source, gradient, value) of the parameters in a list or dict whose gradients are handed back in one that is put together
    in the same way, as is seen by those that are right: [(gW1, gb1), (gW2, gb2)] of [(W1, b1), (W2, b2)].
    """
    known = {}  # {(where the parameters stand, where their gradients do): how many are right there}
    for value, m in found.items():
        one, other = value, m.source.address
        while len(one) > 1 and len(other) > 1 and one[-1] == other[-1]:
            one, other = one[:-1], other[:-1]
        if m.right and m.source.kind == "returned" and len(one) < len(value):
            known[one, other] = known.get((one, other), 0) + 1
    for (one, other), count in known.items():
        inside = {v: v[len(one) :] for v in values if v[: len(one)] == one and v not in found}
        for value, rest in inside.items() if count > 1 else ():
            for source, gradient in candidates:
                if source.kind == "returned" and source.address == (*other, *rest) and not is_taken(source):
                    yield source, gradient, value


def _by_names_alike(candidates, values, found, is_taken):
    """(source, gradient, value) where a name that no list has says whose gradient it is, as is seen by two others that are right:
    W_abl of W beside b_abl of b; anchor of a beside positive of p.
    """
    known = Counter()
    for value, m in found.items():
        for how in _likeness(value, m.source) if m.right else ():
            known[how] += 1
    given = [s for s, _ in candidates if s.kind == "returned"]
    # one right one is enough where everything that is handed back beside it has such a name
    for how in [how for how, count in known.items() if count == 1]:
        there = [s for s in given if s.address[:-1] == how[0]]
        if len(there) > 2 and all(any(how in _likeness(v, s) for v in values) for s in there):
            known[how] += 1
    for value in [v for v in values if v not in found]:
        alike_ = [
            (s, g)
            for s, g in candidates
            if s.kind in ("returned", "stored") and np.shape(values[value]) == g.shape and not is_taken(s)
            if any(known[how] > 1 for how in _likeness(value, s))
        ]
        if len(alike_) == 1:
            yield *alike_[0], value


def _likeness(value, source):
    """How the name of a gradient is made of the name of its value: what stands before and behind it, or that it begins so."""
    name, label = str(value[-1][1]).lower(), last_name(source.label).lower()
    if not label or not name or name == label or _is_label(value):
        return
    if name in label:
        yield source.address[:-1], *label.split(name, 1)
    if len(name) < 3 and label.startswith(name) and not bases(label):
        yield source.address[:-1], "begins"


def _put_in_order(reading, found, slopes, gradients, live):
    """Give two gradients that the file says are exchanged to each other's value, in `found`; the [Uncompared] of those
    of which it says nothing.
    """
    unsure = []
    for (one, other), told in _exchanged(reading, found, live):
        if not told:
            unsure.append(_order_untold(found[one].source.label, found[other].source.label))
            continue
        for value, source in {one: found[other].source, other: found[one].source}.items():
            gradient = gradients[source].reshape(np.shape(scenes.reach(live, value)[2]))
            right, known = bool(slopes.fit(value, gradient)), found[value]
            found[value] = Match(value, source, right, known.named, exchanged=known.right and not right)
    return unsure


def _exchanged(reading, found, live):
    """((value, value), told): two whose returned gradients stand in each other's place, though their names are right.

    The order that is due is the one in which a call in the file takes them, or the docstring lists them. Where neither
    says anything, it is that of forward's arguments, unless the order has a plan of its own; then nothing is `told`.
    """
    tree = tree_of_backward(reading, live)
    order = {
        (("arg", source[1]),): i
        for i, (_, source) in enumerate(reading.forward.bound)
        if source[0] == "given"
    }
    rows = {}
    for value, m in found.items():
        if m.source.kind == "returned" and m.source.label and isinstance(m.source.address[-1][1], int):
            rows.setdefault(m.source.address[:-1], []).append((m.source.address[-1][1], value))
    for row in rows.values():
        values = [value for _, value in sorted(row)]
        names = [_meant(last_name(found[v].source.label)) for v in values]
        if tree is None or len(values) < 2 or len(set(names)) < len(names):
            continue
        told = [t for t in _orders_told(tree, live.program.tree, names) if set(names) <= set(t)]
        if told:
            right = [] if any(_moved(names, t) == [] for t in told) else _moved(names, told[0])
        elif all(v in order for v in values):
            places = [order[v] for v in values]
            right = [] if _has_a_plan(places, names) else _moved(places, sorted(places))
        else:
            continue
        shapes = {np.squeeze(scenes.reach(live, values[i])[2]).shape for i in right}
        if len(right) == 2 and len(shapes) == 1:
            yield tuple(values[i] for i in right), bool(told)


def _order_untold(one, other):
    return Uncompared(
        f"the order of {one} and {other}",
        "they are right by their names, but forward takes their arguments in the other order, and the file does not "
        f"say which is meant; write into backward's docstring: Returns ..., {one}, {other}, ...",
    )


def _meant(name):
    """What a gradient's name is the gradient of, so that dW1 and gW1 are the same."""
    return min(bases(name), default=name.lower())


def _moved(row, like):
    """The places at which a row is not in the order of another one that holds the same."""
    return [i for i, (a, b) in enumerate(zip(row, [x for x in like if x in row], strict=True)) if a != b]


def _has_a_plan(places, names):
    """Whether returned gradients stand in the order of the arguments, from the last to the first, or kind by kind."""
    rest = places[1:] if places[0] == 0 else places
    blocks = [
        [p for p, _ in block]
        for _, block in itertools.groupby(zip(places, names, strict=True), lambda n: n[1][:1])
    ]
    kinds = [kind for kind, _ in itertools.groupby(name[:1] for name in names)]
    by_kind = len(set(kinds)) == len(kinds) > 1
    return _one_way(places) or _one_way(rest) or by_kind and all(map(_one_way, blocks))


def _one_way(places):
    return places in (sorted(places), sorted(places, reverse=True))


def _orders_told(tree, whole, names):
    """The orders in which the file takes apart what a function returns, and in which its docstring lists it: the gradients,
    or the `names` of that of which they are.
    """
    for n in walk(whole):
        takes_apart = isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Tuple)
        if takes_apart and isinstance(n.value, ast.Call):
            called = n.value.func
            if getattr(called, "attr", getattr(called, "id", "")) == getattr(tree, "name", ""):
                yield [_meant(last_name(ast.unparse(t))) for t in n.targets[0].elts]
    documented = ast.get_docstring(tree) if isinstance(tree, ast.FunctionDef) else None
    returns = re.search(r"(?i)\breturn|\bout(put)?s?\b|\bgives\b|->", documented or "")
    if returns:
        words = [w for w in re.findall(r"[A-Za-z_]\w*", documented[returns.end() :]) if w not in ("a", "an")]
        yield list(dict.fromkeys(w.lower() if w.lower() in names else _meant(w) for w in words))


def _uncompared(reading, candidates, values, found, is_taken, live, slopes):
    """[Uncompared]: what backward gave under a name that promises the gradient of something, and that has no match."""
    settings = _settings(reading, live)
    known = {str(a[-1][1]).lower() for a in found}
    kept = sum(m.right and m.source.kind in ("stored", "added", "changed") for m in found.values())
    missed = {}
    for source, gradient in candidates:
        if source.kind not in ("returned", "stored") or is_taken(source):
            continue
        beside = source.address[:-1]
        among = len(beside) > 1 and any(
            m.right and m.source.kind == source.kind and m.source.address[:-1] == beside
            for m in found.values()
        )
        is_zero = np.abs(gradient).max(initial=0.0) <= 1e-8
        if among and is_zero and _is_owed_zeros(gradient, values, found, slopes):
            continue
        i = source.address[-1][1]
        if source.kind == "stored" and (not source.label or among and isinstance(i, int)):
            why = "others beside it are gradients, and it is that of no value of its shape"
            missed[source.label] = Uncompared(source.label, why, address=source.address)
            continue
        place = source.address[1][1] if len(source.address) > 2 else None
        if isinstance(place, int) and not gradient.ndim and gradient and reading.backward is not None:
            label = f"value {place + 1} of what backward returns"
            why = "no value was found of which these numbers are the gradients"
            missed[label] = Uncompared(label, why, address=source.address[:2])
        if not source.label and (reading.backward is not None or among) and gradient.ndim:
            whole = "what backward returns"
            label = f"value {i + 1} of {whole}" if isinstance(i, int) else whole
            shaped = [a for a in values if a[0][0] == "arg" and np.shape(values[a]) == gradient.shape]
            if shaped and kept > 1 and len(source.address) == 1 and not reading.takes_g:
                continue  # what came back to the data of a loss, which may be its target as well
            why = f"no argument of forward has its shape, {gradient.shape}"
            if shaped:
                why = (
                    f"it is not the gradient at {scenes.text(shaped[0])}, and no name says that it should be"
                )
            missed[label] = Uncompared(label, why, address=source.address)
        if source.label and source.kind == "returned" and reading.backward is not None and gradient.ndim:
            shaped = [
                a
                for a in values
                if a[0][0] == "arg" and np.shape(values[a]) == gradient.shape and a not in found
            ]
            if any(map(slopes.moves, shaped)) and not bases(last_name(source.label)):
                moved = next(filter(slopes.moves, shaped))
                why = f"no name says whose gradient it is; it is not that at {scenes.text(moved)}"
                missed[source.label] = Uncompared(source.label, why, matters=False, address=source.address)
        wanted = (bases(last_name(source.label)) & settings.keys()) - known
        for name in sorted(wanted):
            own, value = settings[name]
            whole = isinstance(value, bool | int | np.integer)
            if whole or isinstance(value, np.ndarray) and value.dtype.kind in "iub":
                why = f"{own} holds whole numbers, which have no derivative"
            elif value is None:
                why = f"{own} is None"
            else:
                continue
            missed[source.label] = Uncompared(source.label, why, own)
    return list(missed.values())


def _settings(reading, live):
    """{name in small letters: (as it is typed, value)} of what forward is called with and its object holds."""
    found = {}
    if live.owner is not None and hasattr(live.owner, "__dict__"):
        found |= {k.lower(): (f"self.{k}", v) for k, v in vars(live.owner).items()}
    parameters = _parameters(reading.forward, live)
    found |= {p.name.lower(): (p.name, p.default) for p in parameters if p.default is not p.empty}
    given = {name for name, _ in reading.forward.bound}
    return found | {k.lower(): (k, v) for k, v in live.arguments.items() if k in given}


def _parameters(step, live):
    """The parameters of the function of a step; () of one that does not tell them."""
    try:
        return inspect.signature(step.function(live)).parameters.values()
    except (TypeError, ValueError):
        return ()


def _is_owed_zeros(gradient, values, found, slopes):
    """Whether the loss does not depend on a value of this shape that has no gradient yet, as on a bias before a batch norm."""
    open_ = [a for a, v in values.items() if a not in found and alike(np.shape(v), gradient.shape)]
    return any(not slopes.moves(a) for a in open_)


def _is_label(address, arguments=()):
    """Whether an argument is what a loss compares with, whose gradient is hardly ever meant; a t that comes before all other
    `arguments` is none.
    """
    name = last_name(scenes.text(address)).lower()
    if name == "t" and address in arguments[:1]:
        return False
    return bool(re.fullmatch(r"(y_?)?(true|targets?|labels?)|t|ys", name))


def _beside_an_output(address, names):
    """Whether an argument is called y or t, and another one pred, or the only other one before it p or a: it is what that
    one is compared with.
    """
    if str(address[-1][1]) not in ("y", "Y", "t"):
        return False
    first, *rest = names
    pair = rest == [address[-1][1]] and re.fullmatch(r"[apoq]\d?|[apoq]_?[yY]", str(first))
    return bool(pair) or any(re.search(_output, n, re.I) for n in names)


def _may_be_target(source, arguments, outcome, alone, beside):
    """Whether a loss compares its only data with themselves, as that of an autoencoder: what is carried back to the
    input is then not the whole slope. Not where backward gives it `alone`, or where it is given labels, or numbers alone.
    """
    if any(isinstance(v, np.ndarray) and v.dtype.kind in "iu" for v in outcome.live.arguments.values()):
        return False
    if _is_given_numbers(outcome):
        return False
    named = bool(bases(last_name(source.label)))
    return np.ndim(outcome.y) == 0 and not alone and not named and (beside or len(arguments) == 1)


def _is_inside(source):
    """Whether what is stored belongs to an object of the owner's, as self.decoder.dinputs does: to a value within."""
    return [way for way, _ in source.address[-2:]] == ["attr", "attr"]


def _promises_another(source, address):
    """Whether a gradient's name promises another value: self.loss.dinputs not the labels, dW not the data."""
    name, promised = last_name(scenes.text(address)).lower(), bases(last_name(source.label))
    if promised and all(map(_parameter.match, promised)) and not _parameter.match(name):
        return True
    return bool(may_be_labels.match(name)) and bool(promised - {name})


_parameter = re.compile(r"(w|weights?|b|bias(es)?)\d*$")
_output = r"pred|out|hat|logit|score|prob|recon|guess|estimate"


def is_kept(source, value):
    """Whether what is stored there is the value itself, such as an attribute g for a generator's state."""
    return source.kind in ("stored", "added") and source.address == value


def _candidates(reading, values, outcome, scene):
    """(Source, gradient) of all that backward gave."""
    labels = _labels(reading, outcome.live)
    for address, (_, _, value) in scenes.returned_leaves(outcome.returned, outcome.live.program).items():
        yield Source("returned", address, labels(address)), np.array(value, dtype=np.float64)
    changed = touched(outcome)
    known = {str(_without_numbers(a)[-1][1]).lower() for a in values}
    known |= {p.lower() for p, _ in reading.forward.bound}
    taken = _steps_taken(values, changed) if _steps(reading, outcome.live) else []
    kept = {a: (values[a], after) for a, (_, after) in changed.items() if a in values and np.ndim(after)}
    alive = {a: (s, e) for a, (s, e) in kept.items() if s.shape == e.shape and s.any()}
    decays = _decays(reading, scene, alive)
    for address, (before, after) in changed.items():
        label = scenes.text(address)
        if address not in values and any(_is_step(after, step) for step in taken):
            continue  # the velocity of a parameter, or the step that it took
        within = any(_strict.search(str(k)) for _, k in address)
        names_gradient = within or _holds_gradient(last_name(label), known)
        if names_gradient:
            yield Source("stored", address, label), np.array(after, dtype=np.float64)
            if before is not None and np.shape(before) == np.shape(after):
                yield Source("added", address, label), np.array(after - before, dtype=np.float64)
        start = values.get(address)  # whatever its name: d_w may be the w of a discriminator
        if start is not None and (_record.fullmatch(str(address[-1][1])) or _is_average(start, after, kept)):
            continue
        if start is not None and np.shape(start) == np.shape(after):
            for step in _steps(reading, outcome.live):
                decay = decays.get(address, 0.0) / step
                source = Source("changed", address, f"{CHANGE}{label}", step, of=address, decay=decay)
                yield source, (start - after) / step - decay * start
        elif before is None and not names_gradient:
            yield Source("stored", address, label), np.array(after, dtype=np.float64)
    for address in _with_a_velocity(values, changed):  # the step of momentum is made, and not taken
        for step in _steps(reading, outcome.live):
            label = f"{CHANGE}{scenes.text(address)}"
            yield Source("changed", address, label, step, of=address), np.zeros(np.shape(values[address]))
    if outcome.inside is not None:
        yield from _returned_anew(reading, values, outcome, labels)
        for address, value in outcome.inside.values.items():
            of = outcome.inside.of.get(address, ())
            yield Source("inside", address, called_inside(address, of), of=of), value.astype(np.float64)


def called_inside(address, of=()):
    """What a person would call an array of a step: its name, or the parameter with which it was handed on."""
    (_, function), *keys = address
    at = next((i for i, (kind, _) in enumerate(keys) if kind == "variable"), 0)
    if at:  # of a layer
        return f"{called_inside((address[0], *keys[at:]), of)} of {scenes.text(tuple(keys[:at]))}"
    if isinstance(keys[0][1], str):  # a variable, or an entry of it
        return keys[0][1] + "".join(f"[{key!r}]" for _, key in keys[1:])
    return f"what {function} is given for {scenes.text(of)}" if of else f"what {function} is given"


def _returned_anew(reading, values, outcome, labels):
    """(Source, gradient) of the new parameters that a step returns: W - rate * d of the argument W, or what is near to one
    old parameter each; none where one is neither, or is called a gradient.
    """
    told, found = _returned_less(reading, outcome.live), []
    for address, (_, _, new) in scenes.returned_leaves(outcome.returned, outcome.live.program).items():
        if np.ndim(new) == 0:
            continue
        alike_ = {a: v for a, v in values.items() if np.shape(v) == np.shape(new)}
        of = next((a for a in alike_ if told.get(address[1:]) == a), None)
        if of is None:
            of = min(alike_, key=lambda a: float(np.linalg.norm(new - alike_[a])), default=None)
            far = of is None or np.linalg.norm(new - alike_[of]) > 0.5 * np.linalg.norm(alike_[of])
            if far or is_gradient_name(last_name(labels(address))):
                return
        found += [(address, of, new)] if np.any(new != values[of]) else []
    for (address, of, new), step in itertools.product(found, _steps(reading, outcome.live)):
        source = Source("moved", address, f"{CHANGE}{scenes.text(of)}", step, of=of)
        yield source, (values[of] - new) / step


def _returned_less(reading, live):
    """{place in what is returned: address of the argument of which something is taken there}."""
    tree = tree_of_backward(reading, live)
    node = value_returned(tree)
    elements = node.elts if isinstance(node, ast.Tuple | ast.List) else [node]
    assigned = [n for n in walk(tree) if isinstance(n, ast.Assign)] if tree else []
    found = {}
    for i, element in enumerate(elements):
        for value in [*(n.value for n in assigned if _is_one_name(n, element)), element]:
            if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Sub | ast.Add):
                if isinstance(value.left, ast.Name) and value.left.id in live.arguments:
                    found[(("key", i),) if len(elements) > 1 else ()] = (("arg", value.left.id),)
    return found


def _is_one_name(assignment, name):
    """Whether an assignment gives one name its value, and it is this one."""
    (target, *others) = assignment.targets
    return not others and isinstance(target, ast.Name) and target.id == getattr(name, "id", None)


def _of_a_step(candidates, values, slopes):
    """The candidates without what the step makes inside, or without the changes of parameters: what is less often right.

    Where nothing is right, it is the changes that are kept if they are what is made inside, times the step and a number.
    Where some changes are just what is made inside, those that are not are kept: W += rate * dW beside b -= rate * db.
    """
    moved = {s.address for s, _ in candidates if s.kind == "moved"}
    candidates = [(s, g) for s, g in candidates if s.kind != "returned" or s.address not in moved]
    changes = {}
    for source, gradient in candidates:
        if source.kind in TAKEN:
            changes.setdefault(source.of, []).append(gradient)
    inside = [
        (replace(s, of=a), g)
        for s, g in candidates
        if s.kind == "inside" and (a := _of_what(s, g, changes, values, slopes)) is not None
    ]
    others = [(s, g) for s, g in candidates if s.kind != "inside"]
    if not inside:
        return others
    fits_inside = len({s.of for s, g in inside if slopes.fit(s.of, g)})
    fits = sum(any(slopes.fit(a, g) for g in gradients) for a, gradients in changes.items())
    sizes = {1} | {n for v in values.values() for n in np.shape(v)}
    plain = any(
        np.allclose(change * n, g, rtol=1e-9, atol=1e-14) and np.any(g)
        for s, g in inside
        for change in changes[s.of]
        for n in sizes
    )
    if fits_inside < fits or not fits_inside and plain:
        return others
    # where some steps are what is made inside, those that are not are taken wrongly; Adam's are none
    well = {s.of for s, g in inside if any(_is_taken(change, g, values[s.of]) for change in changes[s.of])}
    badly = changes.keys() - well if well else set()
    kept = [(s, g) for s, g in others if s.kind not in TAKEN or s.of in badly]
    return kept + [(s, g) for s, g in inside if s.of not in badly]


def _is_taken(change, gradient, value):
    """Whether a change is that of a gradient, or of it and a positive part of the parameter itself: weight decay."""
    if not np.any(gradient):
        return False  # of a gradient of zeros nothing is told, by whatever step
    more, size = change - gradient, float(np.sum(value**2))
    part = float(np.sum(more * value)) / size if size else 0.0
    near = 1e-9 * np.abs(gradient).max() + 1e-14
    return bool(np.abs(more).max() <= near or part > 0 and np.allclose(more, part * value, 1e-6, near))


def _of_what(source, gradient, changes, values, slopes):
    """The address of the parameter that changes and of which something inside a step is the gradient: as it is handed on,
    by its name, or since it fits; None where there is none.
    """
    open_ = [a for a in changes if np.shape(values[a]) == np.shape(gradient)]
    if source.address[-1][0] == "variable":  # of a layer's own backward: that layer's
        open_ = [a for a in open_ if a[:-1] == source.address[1:-1]]
    named = [a for a in open_ if str(a[-1][1]).lower() in bases(last_name(source.label))]
    among = [a for a in open_ if a == source.of] if source.of else named if len(source.address) == 2 else []
    fit = [a for a in among or open_ if slopes.fit(a, gradient)]
    return next(iter(fit or among), None)


def _with_a_velocity(values, changed):
    """The parameters that are as they were, though what is named after their velocity is not: b beside vb."""
    found = []
    for address, value in values.items():
        kind, name = address[-1]
        names = {f"{before}{name}" for before in ("v", "v_", "m", "m_", "vel_", "velocity_")} - {"mu"}
        moved = [changed.get((*address[:-1], (kind, other))) for other in names]
        alike = any(pair is not None and np.shape(pair[1]) == np.shape(value) for pair in moved)
        if kind == "attr" and address not in changed and alike:
            found.append(address)
    return found


# what is kept of earlier batches, by a name that says nothing else
_record = re.compile(r"_?(\w+_)?(queue|fifo|replay|replay_\w+|buffer|memory_bank)|bank", re.I)


def _is_average(start, after, changed):
    """Whether an array is a moving average of a parameter: a part of itself and a part of what another one is now."""
    if np.shape(start) != np.shape(after) or not np.any(after - start):
        return False
    for _, other in (pair for pair in changed.values() if pair[1] is not after):
        flat, size = np.ravel(other), start.size
        for part in (flat[:size], flat[flat.size - size :]) if flat.size >= size > 1 else ():
            sides = np.stack([np.ravel(start), part], axis=1)
            (a, b), *_ = np.linalg.lstsq(sides, np.ravel(after), rcond=None)
            near = np.allclose(sides @ (a, b), np.ravel(after), 1e-9, 1e-12)
            if near and 1e-6 < a < 1 - 1e-6 and abs(a + b - 1) < 1e-9:  # else it is a copy, or a view
                return True
    return False


def _steps_taken(values, changed):
    """What was added to each parameter."""
    pairs = [(values[a], after) for a, (_, after) in changed.items() if a in values]
    return [after - start for start, after in pairs if start.shape == after.shape and start.ndim]


def _is_step(array, step):
    """Whether an array is what was added to a parameter, or what was taken from it."""
    near = 1e-9 * np.abs(step).max()
    same = array.shape == step.shape and near > 0
    return same and any(np.allclose(array, s * step, 0, near) for s in (1, -1))


# what goes to the layer before
_back = re.compile(r"^(back|below|down|prev\w*|out|result|res|ret|lower|signal|passed?)$")
_strict = re.compile(
    r"[gG]rad|^delta|^d[A-Z_]|^d(x|y|z|w|b|h|a|inputs?|out|outputs?|values)(_|$|\d)|^g(x|y|z|w|b|h|a)(_|$|\d)|^g[A-Z]"
)


def _holds_gradient(name, known):
    """Whether a name that something is stored under promises the gradient of a value there is."""
    return bool(_strict.search(name) or bases(name) & known)


def _steps(reading, live):
    """The step sizes that the program may have used: names such as lr, and numbers that stand before a gradient."""
    found = []
    owned = vars(live.owner) if hasattr(live.owner, "__dict__") else {}
    # what the class holds, too
    for kind in type(live.owner).__mro__ if scenes.is_own(live.owner, live.program) else ():
        owned = {k: v for k, v in vars(kind).items() if type(v) in (int, float)} | owned
    inside = [vars(v) for v in owned.values() if scenes.is_own(v, live.program)]  # as an optimizer's
    for holder in (live.arguments, owned, *inside, live.program.names):
        found += [v for k, v in holder.items() if k.lower() in steps and isinstance(v, float | int) and v]
    for step in (s for s in (reading.forward, reading.backward) if s is not None):
        found += [what[1] for p, what in step.bound if p.lower() in steps and what[0] == "constant"]
        defaults = [p.default for p in _parameters(step, live) if p.name.lower() in steps]
        found += [v for v in defaults if isinstance(v, float)]
    found += _numbers_of_steps(live.program.tree)
    # it has another name: TAXA, or pas
    names = _multiplied(live.program.tree)
    held = ((a[-1][1], v) for a, (_, _, v) in scenes.leaves(live, live.program).items() if np.ndim(v) == 0)
    found += [v for name, v in held if name in names and 0 < v <= 1]
    if not found:
        held = [v for holder in (*inside, owned, live.program.names) for v in holder.values()]
        found = [v for v in held if isinstance(v, float) and 0 < v <= 1][:6]
        found += [1.0] * _takes_a_whole_gradient(live.program.tree)
    return list(dict.fromkeys(float(v) for v in found if v))


@functools.lru_cache(maxsize=8)
def _numbers_of_steps(tree):
    """The broken numbers in what a program subtracts from something: 0.1 of w -= 0.1 * g."""
    taken = [n.value for n in walk(tree) if isinstance(n, ast.AugAssign) and isinstance(n.op, ast.Sub)]
    inside = (n for value in taken if isinstance(value, ast.BinOp) for n in walk(value))
    return [n.value for n in inside if isinstance(n, ast.Constant) and isinstance(n.value, float)]


@functools.lru_cache(maxsize=8)
def _takes_a_whole_gradient(tree):
    """Whether something is added to an attribute without a factor: self.weights1 += d_weights1."""
    added = [n for n in walk(tree) if isinstance(n, ast.AugAssign) and isinstance(n.op, ast.Add | ast.Sub)]
    return any(isinstance(n.target, ast.Attribute) and isinstance(n.value, ast.Name) for n in added)


@functools.lru_cache(maxsize=8)
def _multiplied(tree):
    """The names with which something that is subtracted is multiplied: TAXA in w - TAXA * d, or lr in p -= cfg["lr"] * g."""
    taken = [n.right for n in walk(tree) if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Sub)]
    taken += [n.value for n in walk(tree) if isinstance(n, ast.AugAssign) and isinstance(n.op, ast.Sub)]
    found = set()
    while taken:
        node = taken.pop()
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div | ast.MatMult):
            taken += [node.left] if isinstance(node.op, ast.MatMult | ast.Div) else [node.left, node.right]
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            found.add(node.slice.value)
        else:
            found.add(getattr(node, "id", getattr(node, "attr", None)))
    return found


def last_name(label):
    """The last name in `self.grads["W"]`, here W; in `grad[:, ::r]` it is grad."""
    names = re.findall(r"[A-Za-z_]\w*", re.sub(r"\[[^\[\]'\"]*\]", "", label))
    return names[-1] if names else ""


def _promise(source, value, reading):
    """How strongly a source's name promises the gradient of a value; 0: not at all."""
    if source.kind in (*TAKEN, "inside"):  # it is known of what they are
        return 0
    numbers = value[len(_without_numbers(value)) :]
    of = source.address[: len(source.address) - len(numbers)]
    if numbers and (not of or source.address != of + numbers):  # g_W[1] is that of W[1]
        return 0
    last = str(_without_numbers(value)[-1][1] or "").lower()
    holders = [str(k) for _, k in of[:-1]]
    name = last_name(source.label)
    wanted = bases(name)
    holder, _, rest = source.label.partition(".")
    if source.kind == "returned" and rest == name and is_gradient_name(holder):  # g.flat, of g = like(p)
        wanted = wanted | {name.lower()}
    # an object with the names of arguments, made by a function of its own; others may be states that go on
    held = of[-1][0] == "attr" and source.kind == "returned" and reading.backward is not None
    keyed = of[-1][0] == "key" or held and len(value) == 1 and value[0][0] == "arg"
    others = [h for h in holders if _velocity.match(h) or source.kind == "stored" and cache_named.match(h)]
    keyed = keyed and isinstance(of[-1][1], str) and not others
    if keyed or any(map(_strict.search, holders)):
        wanted = wanted | {name.lower()}
    if last not in wanted:  # grad_in may be that of w_in
        short = re.sub(r"^(w|weights?|b|bias|p)_(?=[a-z])", "", last)
        return 1.0 if source.kind == "stored" and short != last and short in wanted else 0
    if source.kind == "returned":
        return 2.0 + (value[0][0] == "arg") + 0.5 * (len(value) == 1)
    steps_down = zip(source.address, value, strict=False)
    return 2.0 + len([*itertools.takewhile(lambda pair: pair[0] == pair[1], steps_down)])


def silent(reading, scene, matches):
    """Addresses of the arrays of objects, and of the dicts and lists in which others have a gradient, on which y depends and
    for which no gradient was found: those that were not compared.
    """
    live, slopes = scene.live(), Slopes(reading, scene)
    before, compared = photograph(live), {m.value for m in matches}
    roots = {a[0] for a in compared if len(a) > 1}
    arrays = {a: v for a, (_, _, v) in scenes.leaves(live, live.program).items() if np.ndim(v)}
    slopes.weigh(reading.run(live, back=False).y)
    written = touched(Outcome(None, None, before, live))

    def may_have_one(address):
        own = address[0][0] == "self" or address[0] in roots
        kept = address in written and not _record.fullmatch(str(address[-1][1]))
        kept = kept or any(is_gradient_name(str(k)) for _, k in address[1:])
        return own and len(address) > 1 and not kept and address not in compared

    asked = [a for a in arrays if may_have_one(a)][:MOST_SILENT]
    return [a for a in asked if abs(slopes._slope(a, np.ones(arrays[a].shape))[1]) > 1e-7 * slopes.size]


def _without_numbers(address):
    """The address of the list, or of the list of lists, in which a value stands; its own, if it stands in none."""
    while len(address) > 1 and address[-1][0] == "key" and not isinstance(address[-1][1], str):
        address = address[:-1]
    return address


def promises(reading, scene):
    """[Match] of the gradients that the text of backward promises: for a backward that raises before it gives any."""
    live = scene.live()
    values = scenes.leaves(live, live.program)
    arguments = [a for a in values if a[0][0] == "arg" and len(a) == 1]
    tree = _tree_of_gradients(reading, live)
    if tree is None:
        return []
    found, nameless = {}, []
    for source in _promised_sources(tree):
        scores = [(_promise(source, value, reading), value) for value in values]
        score, value = max(scores, key=lambda pair: pair[0], default=(0, None))
        if score and value not in found:
            found[value] = Match(value, source, False, True)
        elif source.kind == "returned" and not score and reading.backward is not None:  # else it is the loss
            nameless.append(source)
    left = [a for a in arguments if a not in found and not _is_label(a, arguments)]
    for source in nameless:
        place = source.address[-1][1]
        source = Source(source.kind, source.address, "")  # its name is not that of any argument
        if len(nameless) == 1 and left:
            found[left[0]] = Match(left[0], source, False, False)
        elif isinstance(place, int) and place < len(arguments) and arguments[place] in left:
            found[arguments[place]] = Match(arguments[place], source, False, False)
    return list(found.values())


def _promised_sources(tree):
    """The Sources of a backward's text: what it returns, part by part, and what it stores on self."""
    root, node = (("returned", ""),), value_returned(tree)
    if isinstance(node, ast.Tuple | ast.List):
        parts = [((*root, ("key", i)), n) for i, n in enumerate(node.elts)]
        parts = [one for address, part in parts for one in _with_keys(address, part, tree)]
    elif isinstance(node, ast.Dict):
        parts = [*_with_keys(root, node, tree)]
    else:
        parts = [(root, node)] if node is not None else []
    for address, part in parts:
        if part is None:
            yield Source("returned", address, f'grads["{address[-1][1]}"]')
        elif not isinstance(part, ast.Constant):
            named = isinstance(part, ast.Name | ast.Attribute | ast.Subscript)
            yield Source("returned", address, ast.unparse(part) if named else "")
    for n in _walk_own(tree):
        for target in getattr(n, "targets", [getattr(n, "target", None)]) if hasattr(n, "value") else ():
            key, inner = (), target
            if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
                key, inner = (("key", target.slice.value),), target.value
                if isinstance(node, ast.Name) and ast.unparse(inner) == node.id:
                    yield Source("returned", (*root, *key), ast.unparse(target))
                    continue
            if isinstance(inner, ast.Attribute) and ast.unparse(inner.value) == "self":
                address = (("self", ""), ("attr", inner.attr), *key)
                if _strict.search(inner.attr):
                    yield Source("stored", address, scenes.text(address))


def _with_keys(address, node, tree):
    """(address, node) of what is returned, or (address, None) of each entry of a dict that the text writes or fills."""
    dicts = [node] if isinstance(node, ast.Dict) else []
    keys = []
    if isinstance(node, ast.Name):
        assigned = [n for n in _walk_own(tree) if isinstance(n, ast.Assign)]
        dicts = [n.value for n in assigned if isinstance(n.value, ast.Dict) and _is_one_name(n, node)]
        filled = [t for n in assigned for t in n.targets if isinstance(t, ast.Subscript)]
        keys = [t.slice for t in filled if isinstance(t.value, ast.Name) and t.value.id == node.id]
    keys = [*itertools.chain.from_iterable(d.keys for d in dicts), *keys]
    names = dict.fromkeys(k.value for k in keys if isinstance(k, ast.Constant))
    yield from [((*address, ("key", k)), None) for k in names] or [(address, node)]


def tree_of_backward(reading, live):
    """The text of the function that goes back, or of the one that does both; None where it has none."""
    step = reading.backward or reading.forward
    try:
        function = step.function(live)
        function = function if inspect.isroutine(function) else type(function).__call__
        return tree_of(live.program.tree, inspect.unwrap(function))
    except (TypeError, AttributeError):
        return None


def _tree_of_gradients(reading, live):
    """The text that returns gradients: of a forward that returns its own backward, that inner function."""
    tree = tree_of_backward(reading, live)
    if tree is None or not reading.closure:
        return tree
    inner = [n for n in walk(tree) if isinstance(n, ast.FunctionDef) and n is not tree]
    return inner[-1] if inner else None


def _labels(reading, live):
    """A function from the address of something returned to what the person calls it there."""
    tree = _tree_of_gradients(reading, live)
    node = value_returned(tree)

    def label(address):
        here, path = _resolve(node, live.program), ""
        for i, (kind, key) in enumerate(address[1:], 1):
            named = here.id if isinstance(here, ast.Name) else ""
            if bases(named):  # of a list of gradients, in which others may stand
                path = named + "".join(f"[{k}]" for _, k in address[i:])
            here = _listed(here, tree)
            if isinstance(here, ast.Tuple | ast.List) and kind == "key" and isinstance(key, int):
                here = _resolve(here.elts[key], live.program) if key < len(here.elts) else None
            elif kind == "key" and isinstance(key, str):
                owner = ast.unparse(here) if isinstance(here, ast.Name | ast.Attribute) else "grads"
                return f'{owner}["{key}"]'
            elif kind == "key" and isinstance(here, ast.Name) and is_gradient_name(here.id):
                return path or f"{here.id}[{key}]"
            else:
                return key if kind == "attr" else path
        if path:
            return path
        named = isinstance(here, ast.Name | ast.Attribute | ast.Subscript)
        if isinstance(here, ast.BinOp) and isinstance(here.op, ast.Div) and isinstance(here.left, ast.Name):
            return here.left.id if is_gradient_name(here.left.id) else ""  # dW / m
        return ast.unparse(here) if named else ""

    return label


def _listed(node, tree):
    """What a name stands for where a function gives it a list of names once: grads = [dW, db]; else the node itself."""
    if not isinstance(node, ast.Name) or tree is None:
        return node
    given = [
        n.value
        for n in walk(tree)
        if isinstance(n, ast.Assign) and any(getattr(t, "id", "") == node.id for t in n.targets)
    ]
    # and not the zeros with which it begins
    listed = [n for n in given if isinstance(n, ast.Tuple | ast.List)]
    return listed[0] if len(listed) == 1 else node


def _resolve(node, program):
    """Follow `return helper(...)` to what the helper returns."""
    for _ in range(3):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            break
        function = program.functions().get(node.func.id)
        tree = tree_of(program.tree, function) if function else None
        inner = value_returned(tree)
        if inner is None:
            break
        node = inner
    return node


def value_returned(tree):
    """The expression that a function returns last; None where there is none."""
    if tree is None:
        return None
    if isinstance(tree, ast.Lambda):
        return tree.body
    own = [n for n in _walk_own(tree) if isinstance(n, ast.Return) and n.value is not None]
    return max(own, key=lambda n: n.lineno).value if own else None


def _walk_own(tree):
    """The nodes of a function, without those of the functions in it."""
    waiting = list(tree.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            waiting += ast.iter_child_nodes(node)
