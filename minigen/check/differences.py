"""Slopes of a loss from its values alone, each with an error bar that says how far to trust it.

Move x a little both ways: s_k = (L(x + kh) - L(x - kh)) / 2kh is the slope plus errors in even powers of h.
Three of them, weighted 1.5, -0.6, 0.1, cancel the powers 2 and 4: order 6, whose best step is large (3e-3),
so that rounding hardly matters. Where the loss is put together from pieces (relu, max, clip), a step must not
reach the next piece: then order 2 with a step of 1e-5. Which of the two applies is known exactly, because
piecewise operations tell which piece they took.

The slope is computed again with half the step. What changes is the error of the step; what the rounding of
the loss does is measured, too. Their sum is the error bar, so no tolerance needs to be guessed.

A small tensor is checked entry by entry. A large one is checked along random directions of unit length: if
the claimed gradient is wrong by a vector e, then |<e, u>| is |e| / sqrt(size) times a normal variable, and
several of those are almost never all small. Directions are Gaussian: along signs +-1, two wrong entries could
cancel, and along positive ones, errors of either sign.
"""

import traceback
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

SCHEMES = {2: (1e-5, (1.0,)), 6: (3e-3, (1.5, -0.6, 0.1))}  # order -> (step, weights of s_1, s_2, s_3)
# A tensor of at most so many entries is checked entry by entry: below 1 ms each for a small network.
EVERY = 400
# A larger one along so many directions. A gradient that is wrong by 100 times what is tolerated (only then it is
# called wrong) looks right along all five with probability (0.8 / 100)**5 = 3e-11; three would do, but five also make
# the relative error that is shown right to about a third.
DIRECTIONS = 5
# So many entries of a larger one are looked at one by one all the same: the report should have numbers to show.
SAMPLE = 8
# Tries with h, h/10, h/100: for losses that bend sharply, end nearby (log at 0.001) or have a kink nearby.
TRIES = 3
_EPS = float(np.finfo(float).eps)
# Binomial weights, scaled so that independent errors of size 1 in the values give an error of size 1. The points are
# not symmetric about x: there rounding may be, and would cancel.
_SIXTH = [(i, w / 924**0.5) for i, w in ((-2, 1), (-1, -6), (1, -20), (2, 15), (3, -6), (4, 1))]


def generator(seed):
    """Random numbers that are not those of `default_rng(seed)`, with which a person may have drawn the inputs.

    Directions and weights must be independent of what is checked; a direction along the inputs would see little.
    """
    return np.random.default_rng([*b"minigen", seed])


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


@dataclass
class Numeric:
    """What differences say of one tensor: every entry one by one, or a few, with directions across all of them."""

    shape: tuple
    entries: list = field(default_factory=list)  # flat indices, in order
    values: list = field(default_factory=list)
    bars: list = field(default_factory=list)
    directions: list = field(default_factory=list)  # Slopes across the whole tensor
    kinks: list = field(default_factory=list)  # flat indices of entries that were left out
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
    difference of this loss means anything.
    """

    def __init__(self, evaluate, arrays, cotangent=None, seed=0):
        self.evaluate, self.arrays = evaluate, arrays
        with np.errstate(all="ignore"):
            self.y, self.branches = evaluate(arrays)
            self.cotangent = np.ones_like(self.y) if cotangent is None else cotangent
            self.order = 6 if self.branches == [] else 2
            self.flaw = self._find_flaw()
            self.noise = 0.0 if self.flaw else self._noise(seed)

    @property
    def value(self):
        return float((self.cotangent * self.y).sum())

    @property
    def size(self):
        """How large the loss is, for judging what rounding can do to it."""
        return float(np.linalg.norm(self.cotangent * self.y))

    def _find_flaw(self):
        if not np.isfinite(self.y).all():
            return f"the loss is not finite at these inputs; {self._where_not_finite()}"
        again, _ = self.evaluate(self.arrays)
        apart = np.abs(again - self.y).max(initial=0)
        if not apart <= 100 * _EPS * np.abs(self.y).max(initial=0):  # another order of summation is forgiven
            return (
                f"the loss is not deterministic: two evaluations at the same inputs differ by {apart:.2g}; noise "
                "drawn inside must become an argument (eps=, z=, mask=), and no state may be updated inside"
            )
        if self.y.dtype != np.float64 or self._is_rounded():
            return (
                "the loss is rounded to float32 although the inputs are float64, and differences of rounded "
                "values are noise: look for a cast inside"
            )
        return None

    def _where_not_finite(self):
        """A hint: the input that is not finite itself, else the call that gave NaN, else where to look."""
        for name, x in self.arrays.items():
            if not np.isfinite(x).all():
                index = ", ".join(map(str, np.argwhere(~np.isfinite(x))[0]))
                return f"{name}[{index}] is {x[~np.isfinite(x)][0]} already"
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
        return bool(changed.size and (changed == changed.astype(np.float32)).all())

    def _noise(self, seed):
        """How much the loss jitters by rounding, measured with steps so small that nothing else is left.

        |L| times the machine precision is not enough where L is a small difference of large terms, or where
        something inside is rounded. What shrinks as the step does is no rounding but a kink, and is not counted.
        """
        jitter = self._jitter(1e-5, seed)
        for step in (1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12):
            smaller = self._jitter(step, seed)
            if not 0.099 * jitter < smaller < 0.101 * jitter:
                jitter = max(jitter, smaller)
                break
            jitter = smaller
        return max(jitter, _EPS * self.size)

    def _jitter(self, step, seed):
        """The largest sixth difference of L along some d of size step * |x|: of a smooth L, step**6 is left."""
        rng, found = generator(seed), [0.0]
        for _ in range(6):
            d = {k: step * x * rng.uniform(0.5, 2, x.shape) for k, x in self.arrays.items()}
            d = {k: v * rng.choice([-1, 1], v.shape) for k, v in d.items()}
            total = 0.0
            try:
                for i, weight in _SIXTH:
                    moved = self._value_at({k: x + i * d[k] for k, x in self.arrays.items()})
                    total += weight * float((self.cotangent * (moved - self.y)).sum())
            except (_Kink, _Outside):
                continue
            found.append(abs(total))
        return max(found)

    def _value_at(self, arrays):
        try:
            y, branches = self.evaluate(arrays)
        except (ValueError, ArithmeticError) as error:
            raise _Outside from error
        if not np.isfinite(y).all():
            raise _Outside
        if not _same_branches(branches, self.branches):
            raise _Kink
        return y

    def slope(self, name, direction, typical=0.0):
        """The slope along a direction, or the string "kink" or "outside" where there is none.

        The step shrinks while it meets an obstacle or while the bar is more than 1e-9 of the slope (or of
        `typical`, the usual size of such a slope), unless rounding is already what limits it.
        """
        x = self.arrays[name]
        step = SCHEMES[self.order][0] * max(1.0, float(np.sqrt(np.mean(x * x))))
        best, obstacle = None, None
        with np.errstate(all="ignore"):
            for _ in range(TRIES):
                try:
                    found = self._slope(name, x, direction, step)
                except _Kink:
                    found, obstacle = None, "kink"
                except _Outside:
                    found, obstacle = None, obstacle or "outside"
                step /= 10
                if found is None:
                    continue
                if best is not None and found.bar > 0.1 * best.bar:
                    break  # no gain, or luck: the error of a step falls faster
                best = found
                if found.bar <= max(1e-9 * abs(found.value), 1e-9 * typical, 10 * found.floor):
                    break
        return obstacle if best is None else best

    def _slope(self, name, x, direction, h):
        weights = list(enumerate(SCHEMES[self.order][1], start=1))
        steps = {}
        for k in sorted({k * half for k, _ in weights for half in (1, 2)}):  # in half-steps
            steps[k] = self._step(name, x, (0.5 * k * h) * direction)
        value = sum(w * steps[2 * k][0] / (2 * k * h) for k, w in weights)
        halved = sum(w * steps[k][0] / (k * h) for k, w in weights)
        along = sum((w / (2 * k * h)) * steps[2 * k][2] for k, w in weights)
        if self._bends_like_a_kink(steps[2][1] / h, steps[1][1] / (h / 2), h):
            raise _Kink
        floor = self.noise / h
        return Slope(value, abs(value - halved) + floor, along, floor)

    def _step(self, name, x, way):
        """L(x + way) - L(x - way), L(x + way) - 2 L(x) + L(x - way), and twice the way as it was really gone."""
        up, down = x + way, x - way
        high = self._value_at({**self.arrays, name: up})
        low = self._value_at({**self.arrays, name: down})
        change = high - low  # before the sums below, which round
        bend = (high - self.y) + (low - self.y)
        return float((self.cotangent * change).sum()), float((self.cotangent * bend).sum()), up - down

    def _bends_like_a_kink(self, bend, halved, h):
        """Whether the slopes on the two sides differ however close one comes.

        (L(h) - 2 L(0) + L(-h)) / h halves with h where L is smooth, and stays as it is where L has a kink at
        x. This sees the kinks that no mask tells of: those of plain NumPy, and of x * (x > 0).
        """
        return abs(halved) > 0.75 * abs(bend) and abs(halved) > 100 * self.noise / h


def _line_of(error):
    """Where in a person's own code an error arose, as the end of a sentence."""
    ours = (str(Path(__file__).parent), str(Path(np.__file__).parent))
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(ours)]
    if not frames:
        return ""
    return (
        f", in line {frames[-1].lineno} of {Path(frames[-1].filename).name}: {frames[-1].line}".removesuffix(
            ": "
        )
    )


def _same_branches(a, b):
    if a is None or b is None:
        return True
    return len(a) == len(b) and all(
        p == q and m.shape == n.shape and bool((m == n).all()) for (p, m), (q, n) in zip(a, b, strict=True)
    )


def numeric_gradient(loss, name, rng, *, typical=0.0, every=EVERY, directions=DIRECTIONS, watch=()):
    """What differences say of `arrays[name]`; the flat indices in `watch` are among the entries looked at."""
    x = loss.arrays[name]
    numeric = Numeric(x.shape)
    how = f"order {loss.order}, h={SCHEMES[loss.order][0]:g}"
    if x.size <= every:
        add_entries(numeric, loss, name, range(x.size), typical)
        numeric.method = f"{how}, every entry"
        return numeric
    for _ in range(3 * directions):
        u = rng.standard_normal(x.shape)
        found = loss.slope(name, u / np.linalg.norm(u), typical)
        if isinstance(found, Slope):
            numeric.directions.append(found)
        else:
            numeric.lost_directions += 1
        if len(numeric.directions) == directions:
            break
    sample = {*watch, x.size - 1, *rng.choice(x.size, SAMPLE).tolist()}
    add_entries(numeric, loss, name, sorted(sample), typical)
    numeric.method = f"{how}, {len(numeric.directions)} directions and {len(sample)} of {x.size} entries"
    return numeric


def add_entries(numeric, loss, name, indices, typical):
    """Take the slope of single entries, one by one, into `numeric`."""
    direction = np.zeros(numeric.shape)
    flat = direction.reshape(-1)
    for i in indices:
        flat[i] = 1.0
        found = loss.slope(name, direction, typical)
        flat[i] = 0.0
        if isinstance(found, Slope):
            numeric.entries.append(i)
            numeric.values.append(found.value / found.along.flat[i])
            numeric.bars.append(found.bar)
        else:
            (numeric.kinks if found == "kink" else numeric.outside).append(i)


def locate(loss, name, claim, rng):
    """An entry at which `claim` is wrong: halve the tensor, keep the half that disagrees more, until one is left."""
    low, high = 0, claim.size
    while high - low > 1:
        middle = (low + high) // 2
        low, high = max(
            ((low, middle), (middle, high)), key=lambda part: _disagreement(loss, name, claim, part, rng)
        )
    return low


def _disagreement(loss, name, claim, part, rng):
    u = np.zeros(claim.shape)
    u.reshape(-1)[slice(*part)] = rng.standard_normal(part[1] - part[0])
    length = np.linalg.norm(u)
    found = loss.slope(name, u / length)
    if not isinstance(found, Slope):
        return 0.0
    return abs(float((claim * found.along).sum()) - found.value) * length
