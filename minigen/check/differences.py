"""Slopes of a loss from its values alone, each with an error bar that says how far to trust it.

The steps are those of stencil.py: order 6 where the loss is smooth, order 2 where it is put together
from pieces (relu, max, clip) and a step must not reach the next piece. Which of the two applies is known
exactly where a tape tells which piece was taken; elsewhere order 2 comes first, and order 6 serves entries
that rounding would drown.

An error bar has two parts. What a second opinion differs by is the error of the step. What the rounding of
the loss does is measured for every output by itself: an entry of a gradient that reaches only small outputs
is seen as exactly as a large one. No tolerance needs to be guessed.

At a kink there is no slope, but one on each side, and a claim must lie between the two.

A small tensor is checked entry by entry. A large one is checked along random directions of unit length: if
the claimed gradient is wrong by a vector e, then |<e, u>| is |e| / sqrt(size) times a normal variable, and
several of those are almost never all small. Directions are Gaussian: along signs +-1, two wrong entries could
cancel, and along positive ones, errors of either sign. So that small entries are not drowned by large ones,
further directions stay among entries that are claimed to be of about the same size.
"""

import functools
import traceback
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from minigen.check.stencil import EPS, SCHEMES, SIXTH, central, generator, norm, one_sided, usual

# A tensor of at most so many entries is checked entry by entry: below 1 ms each for a small network.
EVERY = 400
# A larger one along so many directions. A gradient that is wrong by 100 times what is tolerated
# (only then it is called wrong) looks right along all five with probability (0.8 / 100)**5 = 3e-11;
# three would do, but five also make the relative error that is shown right to about a third.
DIRECTIONS = 5
# So many entries of a larger one are looked at one by one all the same: a report should have numbers to show.
SAMPLE = 8
# Tries with h, h/10, h/100: for losses that bend sharply, end nearby (log at 0.001) or have a kink nearby.
TRIES = 3
# With more entries in all inputs together an evaluation takes milliseconds, and fewer are looked at singly.
MOST_WORK = 50_000
# Entries whose claims differ by more than this factor get directions of their own.
BAND = 100.0
# A step that suits a tensor is looked for among 3e-3 of its entries, times these powers of ten.
POWERS = (0, 2, -2, 4, -4, 6, -6, 8, -8)
LONG_EPS = float(np.finfo(np.longdouble).eps)
# The steps, relative to the inputs, between which the rounding of the loss is measured, and how often.
JITTERS, JITTER_TRIES = (1e-2, 1e-3, 1e-5), 4
FINER = (1e-5, 1e-7, 1e-9, 1e-11, 1e-12)  # the steps that a function of large numbers may need to be followed


class _Kink(Exception):
    """A step has changed a mask: the loss is another formula there."""


class _Outside(Exception):
    """A step has left the domain of the loss: the value is not finite, or the function refused it."""


@dataclass
class Slope:
    """d L / d t along x + t * direction; `along` is the direction as the floating-point steps really went."""

    value: float
    bar: float
    along: np.ndarray
    floor: float  # the part of the bar that is rounding: a smaller step would make it larger
    order: int
    step: float


@dataclass
class Numeric:
    """What differences say of one tensor: every entry, or a few and directions across all of them."""

    shape: tuple
    entries: list = field(default_factory=list)  # flat indices, in order
    values: list = field(default_factory=list)
    bars: list = field(default_factory=list)
    directions: list = field(default_factory=list)  # Slopes across the whole tensor
    bands: list = field(default_factory=list)  # Slopes across entries of one size: [(flat indices, Slope)]
    kinks: list = field(default_factory=list)  # flat indices of entries that have no slope
    sides: dict = field(default_factory=dict)  # {flat index: (lowest, highest, bar)} that a kink allows
    outside: list = field(default_factory=list)
    lost_directions: int = 0
    method: str = ""

    @property
    def size(self):
        return int(np.prod(self.shape))

    @property
    def whole(self):
        """Whether every entry was asked for, so that no direction is needed."""
        return len(self.entries) + len(self.kinks) + len(self.outside) == self.size

    @property
    def skipped(self):
        return len(self.kinks) + len(self.outside) + self.lost_directions


class Loss:
    """<cotangent, f(arrays)> as differences see it: values at the arrays and near them, nothing else.

    `evaluate(arrays)` returns f as a float64 array, and the list of (op, mask) by which piecewise operations
    chose their pieces, or None where that cannot be known. `flaw` says, where it is not None, why no
    difference of this loss means anything. `rounding` holds for every entry of f how much
    it jitters by rounding, as seen in so many `tries`.
    """

    def __init__(self, evaluate, arrays, cotangent=None, seed=0, tries=JITTER_TRIES):
        self.evaluate, self.arrays, self.tries = evaluate, arrays, tries
        self.seed, self._suitable, self._varies, self._unit = seed, {}, None, []
        self.felt = False  # whether any slope was seen that is not 0
        with np.errstate(all="ignore"):
            self.y, self.branches = evaluate(arrays)
            self.cotangent = np.ones_like(self.y) if cotangent is None else cotangent
            self.order = 6 if self.branches == [] else 2
            self.eps = float(np.finfo(self.y.dtype).eps) if self.y.dtype.kind == "f" else EPS
            self.flaw = self._find_flaw()
            self.rounding = np.zeros(self.y.shape) if self.flaw else self._measure_rounding(seed)
            self._weighted = np.abs(self.cotangent) * self.rounding

    @property
    def value(self):
        return float((self.cotangent * self.y).sum())

    @property
    def size(self):
        """How large the loss is, for judging what rounding can do to it."""
        return norm(self.cotangent * self.y)

    @property
    def noise(self):
        """How much the loss jitters by rounding."""
        return norm(self._weighted)

    @functools.cached_property
    def finer(self):
        """The same loss in the longer numbers that most processors have; None where it is no finer.

        NumPy computes in them what it is handed in them. Rounding is then 2000 times smaller,
        and a gradient that it drowned is seen.
        """
        if self.flaw or LONG_EPS >= EPS or sum(x.size for x in self.arrays.values()) > MOST_WORK:
            return None
        arrays = {n: x.astype(np.longdouble) for n, x in self.arrays.items()}
        with np.errstate(all="ignore"):
            try:
                found = Loss(self.evaluate, arrays, self.cotangent, self.seed, self.tries)
            except Exception:  # what is not written for them, or a person's own refusal
                return None
            same = found.y.shape == self.y.shape and norm(found.y - self.y) <= 1e-6 * norm(self.y)
        return found if same and not found.flaw and found.noise < 0.1 * self.noise else None

    @property
    def varies(self):
        """Whether the loss changes at all far from here."""
        if self._varies is None:
            with np.errstate(all="ignore"):
                self._varies = any(self._moves_far())
        return self._varies

    def _moves_far(self):
        """Whether the loss changes, move by move, where all inputs move as far as they are large."""
        rng = generator(0, 3)
        for size in (1.0, 3.0):
            d = {k: size * _scale(x) * rng.standard_normal(x.shape) for k, x in self.arrays.items()}
            for sign in (1, -1):
                with suppress(ValueError, ArithmeticError):
                    y, _ = self.evaluate({k: x + sign * d[k] for k, x in self.arrays.items()})
                    yield y.shape != self.y.shape or bool((np.abs(y - self.y) > 100 * self.rounding).any())

    def _find_flaw(self):
        if not np.isfinite(self.y).all():
            return f"the loss is not finite at these inputs; {self._where_not_finite()}"
        again, _ = self.evaluate(self.arrays)
        apart = np.abs(again - self.y).max(initial=0)
        if not apart <= 100 * EPS * np.abs(self.y).max(initial=0):  # another order of summation is forgiven
            return (
                f"the loss is not deterministic: two evaluations at the same inputs differ by {apart:.2g}; "
                "noise drawn inside must become an argument (eps=, z=, mask=), "
                "and no state may be updated inside"
            )
        if self.y.dtype.itemsize < 8 or self._is_rounded():
            return (
                "the loss is rounded to float32 although the inputs are float64, and differences of rounded "
                "values are noise: look for a cast inside"
            )
        return None

    def _where_not_finite(self):
        """A hint: the input that is not finite itself, else the call that gave NaN, else where to look."""
        for name, x in self.arrays.items():
            if not np.isfinite(x).all():
                return f"{name}{np.argwhere(~np.isfinite(x))[0].tolist()} is {x[~np.isfinite(x)][0]} already"
        if self.branches is not None:  # there is a tape
            return "minigen.detect_anomaly() names the operation to blame"
        for strict in ({"divide": "raise", "invalid": "raise"}, {"over": "raise"}):
            try:
                with np.errstate(**strict):
                    self.evaluate(self.arrays)
            except FloatingPointError as error:
                return f"{error}{_line_of(error)}"
            except (ValueError, TypeError, ArithmeticError):
                continue
        return "print what forward computes, step by step, to see where it begins"

    def _is_rounded(self):
        """Whether all values that change when the inputs move a little happen to be float32 numbers."""
        rng = generator(0)
        try:
            y, _ = self.evaluate({k: x * (1 + 1e-3 * rng.random(x.shape)) for k, x in self.arrays.items()})
        except (ValueError, ArithmeticError):
            return False
        changed = y[np.abs(y - self.y) > 1e-7 * np.abs(self.y)]
        mantissa = np.frexp(changed)[0] * 2**12
        if (mantissa == np.rint(mantissa)).all():  # a few last digits of something that does not change
            return False
        return bool((changed == changed.astype(np.float32)).all())

    def _measure_rounding(self, seed):
        """How much each output jitters by rounding, for it may be a small difference of large terms.

        Sixth differences of a smooth function are step**6, those of a kink grow as the step does.
        What is as large with a tenth of the step is neither, but rounding; and with the shortest step all is,
        that is not a kink. A function that turns faster than the steps looks the same, until shorter
        ones follow it. Tries may have met kinks by chance, so it is the second smallest of a few,
        or where few outputs make kinks rare, the second largest.
        """
        tries, least = [], self.eps * np.abs(self.y)
        work = sum(x.size for x in self.arrays.values())
        for t in range(self.tries if work <= MOST_WORK else 2):
            found, before = np.zeros(self.y.shape), None
            for step in JITTERS:
                now, _ = self._jitter(step, seed, t)
                if now is None:
                    before = None
                    continue
                if before is not None:
                    found = np.maximum(found, np.where(now > 0.3 * before, np.minimum(now, before), 0.0))
                before = now
                if step == JITTERS[-1]:
                    smaller, _ = self._jitter(0.1 * step, seed, t)
                    if smaller is not None:
                        kink = (0.09 * now < smaller) & (smaller < 0.11 * now)
                        found = np.maximum(found, np.where(kink, 0.0, np.minimum(now, 3 * smaller + found)))
            for step in FINER if (found > 1e6 * least).any() else ():
                looks = [self._jitter(s, seed, t) for s in (step, 0.3 * step)]
                if all(now is not None for now, _ in looks):  # two, as one may see no rounding by luck
                    followed = np.all([now < 1e-3 * change for now, change in looks], axis=0)
                    now = 10 * np.maximum(looks[0][0], looks[1][0])
                    found = np.where(followed, np.minimum(found, now), found)
            tries.append(found)
        found = np.sort(tries, axis=0)[1 if self.y.size >= 16 else -2]
        # one output in a hundred that jitters far more than the others has met a kink every time
        if self.y.size >= 16:
            found = np.minimum(found, 100 * max(float(np.quantile(found, 0.9)), float(least.max())))
        return np.maximum(least, found)

    def _jitter(self, step, seed, number):
        """(sixth difference, largest change) of each output along some d of size step * |x|.

        None, None if that leaves the domain.
        """
        rng = generator(seed, 1, number)
        d = {k: step * x * rng.uniform(0.5, 2, x.shape) for k, x in self.arrays.items()}
        d = {k: v * rng.choice([-1, 1], v.shape) for k, v in d.items()}
        total, largest = np.zeros(self.y.shape), np.zeros(self.y.shape)
        try:
            for i, weight in SIXTH:
                change = self._value_at({k: x + i * d[k] for k, x in self.arrays.items()}) - self.y
                total, largest = total + weight * change, np.maximum(largest, np.abs(change))
        except (_Kink, _Outside):
            return None, None
        return np.abs(total), largest

    def _value_at(self, arrays, any_branch=False):
        try:
            y, branches = self.evaluate(arrays)
        except (ValueError, ArithmeticError) as error:
            raise _Outside from error
        if y.shape != self.y.shape or not np.isfinite(y).all():
            raise _Outside
        if not any_branch and not _same_branches(branches, self.branches):
            raise _Kink
        return y

    def slope(self, name, direction, typical=0.0):
        """The slope along a direction, or the string "kink" or "outside" where there is none.

        The step shrinks while it meets an obstacle or while the bar is more than 1e-9 of the slope (or of
        `typical`, the usual size of such a slope), unless rounding is already what limits it.
        Where the slope is hardly known even so, or a step of this size meets a kink wherever it goes,
        the step that suits the tensor is looked for.
        """
        x, best, obstacle = self.arrays[name], None, None
        with np.errstate(all="ignore"):
            step = self._step(name)
            for _ in range(TRIES):
                found = self._try(name, x, direction, step, self.order, typical)
                step /= 10
                if not isinstance(found, Slope):
                    obstacle = "kink" if found == "kink" else obstacle or found
                    continue
                if best is not None and found.bar > 0.1 * best.bar:
                    break  # no gain, or luck: the error of a step falls faster
                best = found
                if self._enough(best, typical) or best.bar <= 10 * best.floor:
                    break
            if not self._suffices(best, typical) and obstacle != "outside":
                best = self._with_suitable_step(name, x, direction, typical, best)
        return obstacle if best is None else best

    @staticmethod
    def _enough(found, typical):
        return found.bar <= 1e-9 * max(abs(found.value), typical)

    def _suffices(self, found, typical):
        if found is None:
            return False
        still = found.value == 0 and found.bar <= (1e-7 * typical or 1e-9 * self.size)
        return still or found.bar <= max(1e-6 * abs(found.value), 1e-13 * typical)

    def _with_suitable_step(self, name, x, direction, typical, best):
        """`best`, or the slope of order 6 with the step that suits the tensor, where that knows more."""
        step = self._suitable_step(name)
        if step is None or (best is None and step >= self._step(name)):
            return best  # a kink is hidden by the curvature that a longer step sees
        for _ in range(TRIES):
            found = self._try(name, x, direction, step, 6, typical)
            if isinstance(found, Slope):
                best = self._better(name, x, direction, typical, best, found)
                if self._suffices(best, typical) or found.bar <= 10 * found.floor:
                    break
            step /= 10
        return best

    def _better(self, name, x, direction, typical, best, found):
        """The one of two slopes that knows more."""
        if best is None:  # rounding may hide a kink that the longer steps have seen
            found.bar = max(found.bar, 10 * found.floor)
            return found if found.bar <= 1e-2 * max(abs(found.value), typical) else None
        # what is rounding alone is small with a long step, whatever the slope is
        if found.value and found.bar > 1e-3 * max(abs(found.value), self._suitable[name][1]):
            return best
        if abs(found.value - best.value) > 5 * (found.bar + best.bar):  # one of the bars is small by luck
            third = self._try(name, x, direction, 0.37 * found.step, 6, typical)
            if not isinstance(third, Slope) or abs(found.value - third.value) > 5 * (found.bar + third.bar):
                return best
            return found
        return min(found, best, key=lambda s: s.bar)

    def _suitable_step(self, name):
        """The step whose slope of order 6 along some direction has the least bar for its size, or None.

        A gradient that is small beside the loss wants a long step, a function that turns fast
        (the sine of a large number) a short one.
        """
        if name not in self._suitable:
            x = self.arrays[name]
            u = generator(0, 2).standard_normal(x.shape)
            found, slopes = {}, {}

            def known(power):
                if power not in found:
                    step = SCHEMES[6][0] * _scale(x) * 10.0**power
                    slope = slopes[power] = self._try(name, x, u / norm(u), step, 6, 0.0)
                    seen = isinstance(slope, Slope) and slope.value != 0
                    found[power] = slope.bar / abs(slope.value) if seen else np.inf
                return found[power] < 1e-9

            if not any(known(p) for p in POWERS):
                best = min(found, key=found.get)
                any(known(best + p) for p in (1, -1))
            best = min(found, key=found.get)
            self._suitable[name] = (None, 0.0)
            if found[best] < 1e-3:
                self._suitable[name] = (slopes[best].step, abs(slopes[best].value))
        return self._suitable[name][0]

    def stands(self, name, direction, claim, typical=0.0):
        """Whether a claim contradicts the slope with every step, down to where rounding blurs it.

        A bar may be small by luck. But then the slope with a shorter step is another one.
        """
        x, first, seen = self.arrays[name], self.slope(name, direction, typical), 0
        if not isinstance(first, Slope):
            return False
        off = float((claim * first.along).sum()) - first.value
        step, shortest = first.step / 10, 1e3 * EPS * _scale(x)
        with np.errstate(all="ignore"):
            while step > shortest:
                found = self._try(name, x, direction, step, first.order, typical)
                step /= 10
                if not isinstance(found, Slope):
                    continue
                still = float((claim * found.along).sum()) - found.value
                if 100 * found.floor > abs(off) and seen:
                    break
                if abs(still) <= 10 * found.bar or abs(still - off) > 0.1 * abs(off):
                    return False
                seen += 1
        return seen > 0

    def _try(self, name, x, direction, step, order, typical):
        try:
            return self._slope(name, x, direction, step, order, typical)
        except _Kink:
            return "kink"
        except _Outside:
            return "outside"

    def _step(self, name):
        """The first step for a tensor: a part of the size of its entries where those are large."""
        return SCHEMES[self.order][0] * max(1.0, _scale(self.arrays[name]))

    def _slope(self, name, x, direction, h, order, typical=0.0):
        c = central(lambda v: self._value_at({**self.arrays, name: v}), self.y, x, direction, h, order)
        g = self.cotangent
        value, second = float((g * c.slope).sum()), float((g * c.second).sum())
        floor = norm(self._weighted) / h
        if floor > 1e-9 * abs(value) and self.y.size > 1 and not c.moved.all():
            floor = norm(self._weighted[self._reached(name, direction, c.moved)]) / h
        kinks = self._kinks(c, h)
        if kinks is not None and np.abs(g * c.half_bend)[kinks].sum() > 1e-8 * (abs(value) + typical):
            raise _Kink
        return Slope(value, abs(value - second) + floor, c.along, floor, order, h)

    def _kinks(self, c, h):
        """Which outputs have different slopes on the two sides, however close one comes; None if none.

        (f(h) - 2 f(0) + f(-h)) / h halves with h where f is smooth, and stays as it is where f has a kink at
        x. This sees the kinks that no mask tells of: those of plain NumPy, and of x * (x > 0).
        """
        halved = np.abs(c.half_bend)
        found = (halved > 0.75 * np.abs(c.bend)) & (halved > 100 * self.rounding / h)
        return found if found.any() else None

    def _reached(self, name, direction, moved):
        """Which outputs the steps (`moved`) or longer ones change: their rounding blurs this slope.

        An output that stays the same may be saturated, and change by less than it is rounded;
        so this is also asked where all inputs are of size 1. Where nothing changes at all,
        the rounding of all outputs counts.
        """
        x, found = self.arrays[name], moved
        far = 1 / float(np.abs(direction).max())
        try:
            for size in (0.3, -3.0, 30.0):
                there = x + size * far * _scale(x) * direction
                found = found | (self._value_at({**self.arrays, name: there}, any_branch=True) != self.y)
        except _Outside:
            if size == 0.3:
                return np.ones(self.y.shape, bool)
        for arrays, here in self._of_size_1():
            with suppress(_Outside):
                there = arrays[name] + 0.3 * far * direction
                found = found | (self._value_at({**arrays, name: there}, any_branch=True) != here)
        return found if found.any() else np.ones(self.y.shape, bool)

    def _of_size_1(self):
        """The inputs with all entries of size 1, and of a smaller one, and the output there."""
        if not self._unit:
            for size in (1.0, 0.3):
                arrays = {n: size / _scale(x) * x for n, x in self.arrays.items()}
                with suppress(_Outside):
                    self._unit.append((arrays, self._value_at(arrays, any_branch=True)))
        return self._unit

    def sides(self, name, direction):
        """(lowest, highest, bar) of the slopes that a kink at x allows; None where nobody can tell.

        Each output has a slope on either side, and what is between them is allowed.
        Where a tape says that several pieces change at once, each of them may be taken to have any slope of
        its own, so nothing follows.
        """
        x, g, lowest, highest, bars = self.arrays[name], self.cotangent, [], [], 0.0
        h = self._step(name) * SCHEMES[2][0] / SCHEMES[self.order][0]

        def f(v):
            return self._value_at({**self.arrays, name: v}, any_branch=True)

        with np.errstate(all="ignore"):
            try:
                ways = (h * direction, -h * direction)
                if self.branches is not None and max(self._changes(name, x, way) for way in ways) > 1:
                    return None
                right, right_bar = one_sided(f, self.y, x, direction, h)
                left, left_bar = one_sided(f, self.y, x, -direction, h)
                for side, way in ((right, direction), (left, -direction)):
                    closer, _ = one_sided(f, self.y, x, way, h / 10)
                    if norm(g * (closer - side)) > 0.1 * norm(g * side) + 80 * self.noise / h:
                        return None  # no kink, but a function that turns faster than the steps
            except _Outside:
                return None
            lowest, highest = np.minimum(g * right, -g * left), np.maximum(g * right, -g * left)
            bars = float((np.abs(g) * (right_bar + left_bar)).sum()) + 8 * self.noise / h
        return float(lowest.sum()), float(highest.sum()), bars

    def _changes(self, name, x, way):
        """How many decisions of piecewise operations a step changes."""
        _, branches = self.evaluate({**self.arrays, name: x + way})
        if len(branches) != len(self.branches) or any(
            m.shape != n.shape for (_, m), (_, n) in zip(branches, self.branches, strict=True)
        ):
            return 2
        return sum(int((m != n).sum()) for (_, m), (_, n) in zip(branches, self.branches, strict=True))


def _scale(x):
    """The usual size of an entry, 1 where all are 0."""
    return usual(x) or 1.0


def _line_of(error):
    """Where in a person's own code an error arose, as the end of a sentence."""
    ours = (str(Path(__file__).parent), str(Path(np.__file__).parent))
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(ours)]
    if not frames:
        return ""
    last = frames[-1]
    return f", in line {last.lineno} of {Path(last.filename).name}: {last.line}".removesuffix(": ")


def _same_branches(a, b):
    if a is None or b is None:
        return True
    return len(a) == len(b) and all(
        p == q and m.shape == n.shape and bool((m == n).all()) for (p, m), (q, n) in zip(a, b, strict=True)
    )


def numeric_gradient(
    loss, name, rng, *, typical=0.0, every=EVERY, directions=DIRECTIONS, sample=SAMPLE, watch=(), claim=None
):
    """What differences say of `arrays[name]`; the flat indices in `watch` are among the entries looked at.

    `claim` is what is going to be compared: entries that it gives about the same size are looked at together.
    """
    x = loss.arrays[name]
    numeric = Numeric(x.shape)
    work = sum(a.size for a in loss.arrays.values())
    every = min(every, max(sample, int(every * MOST_WORK / work))) if work else every
    how = f"order {loss.order}, h={SCHEMES[loss.order][0]:g}"
    if x.size <= every:
        add_entries(numeric, loss, name, range(x.size), typical)
        numeric.method = f"{how}, every entry"
        return numeric
    for _ in range(3 * directions):
        u = rng.standard_normal(x.shape)
        found = loss.slope(name, u / norm(u), typical)
        if isinstance(found, Slope):
            numeric.directions.append(found)
            loss.felt = loss.felt or abs(found.value) > 10 * found.bar
        else:
            numeric.lost_directions += 1
        if len(numeric.directions) == directions:
            break
    for band in _bands(claim) if claim is not None else ():
        for _ in range(min(2, directions - 1)):
            u = np.zeros(x.shape)
            u.reshape(-1)[band] = rng.standard_normal(len(band))
            found = loss.slope(name, u / norm(u), typical)
            if isinstance(found, Slope):
                numeric.bands.append((band, found))
    chosen = {*watch, x.size - 1, *rng.choice(x.size, sample).tolist()}
    add_entries(numeric, loss, name, sorted(chosen), typical)
    numeric.method = f"{how}, {len(numeric.directions)} directions and {len(chosen)} of {x.size} entries"
    return numeric


def _bands(claim):
    """The flat indices of entries whose claims are of about the same size; nothing where all are."""
    sizes = np.abs(claim).reshape(-1)
    top = sizes.max()
    if not top:
        return []
    with np.errstate(divide="ignore"):
        height = np.minimum(np.log(top / sizes) / np.log(BAND), 8)
    # the largest, below 1, are what the other directions see
    found = [np.flatnonzero((low <= height) & (height < low + 1)) for low in range(1, 9)]
    return [band for band in found if band.size]


def add_entries(numeric, loss, name, indices, typical):
    """Take the slope of single entries, one by one, into `numeric`."""
    direction = np.zeros(numeric.shape)
    flat = direction.reshape(-1)
    for i in indices:
        flat[i] = 1.0
        found = loss.slope(name, direction, typical)
        sides = loss.sides(name, direction) if found == "kink" else None
        flat[i] = 0.0
        if sides is not None:
            numeric.sides[i] = sides
        if isinstance(found, Slope):
            numeric.entries.append(i)
            numeric.values.append(found.value / found.along.flat[i])
            numeric.bars.append(found.bar)
            loss.felt = loss.felt or abs(found.value) > 10 * found.bar
        else:
            (numeric.kinks if found == "kink" else numeric.outside).append(i)


def locate(loss, name, claim, rng):
    """An entry at which `claim` is wrong: keep the half that disagrees more, until one entry is left."""
    low, high = 0, claim.size
    while high - low > 1:
        middle = (low + high) // 2
        halves = (low, middle), (middle, high)
        low, high = max(halves, key=lambda part: _disagreement(loss, name, claim, part, rng))
    return low


def _disagreement(loss, name, claim, part, rng):
    u = np.zeros(claim.shape)
    u.reshape(-1)[slice(*part)] = rng.standard_normal(part[1] - part[0])
    length = np.linalg.norm(u)
    found = loss.slope(name, u / length)
    if not isinstance(found, Slope):
        return 0.0
    return abs(float((claim * found.along).sum()) - found.value) * length
