"""Slopes of a loss from its values alone, each with an error bar that says how far to trust it.

Move x a little both ways: s_k = (L(x + kh) - L(x - kh)) / 2kh is the slope plus errors in even powers of h. Three of them,
weighted 1.5, -0.6, 0.1, cancel the powers 2 and 4: order 6, whose best step is large (3e-3), so that rounding hardly matters.
Where the loss is put together from pieces (relu, max, clip), a step must not reach the next piece: then order 2 with a step
of 1e-5. Which of the two applies is known exactly, because piecewise operations tell which piece they took.

The slope is computed again with half the step. What changes is the error of the step; what the rounding of the loss does is
measured, too. Their sum is the error bar, so no tolerance needs to be guessed.

A small tensor is checked entry by entry. A large one is checked along random directions of unit length: if the claimed
gradient is wrong by a vector e, then |<e, u>| is |e| / sqrt(size) times a normal variable, and three of those are almost never all
small. Directions are Gaussian: along signs +-1, two wrong entries could cancel, and along positive ones, errors of either sign.
"""

from dataclasses import dataclass, field

import numpy as np

SCHEMES = {2: (1e-5, (1.0,)), 6: (3e-3, (1.5, -0.6, 0.1))}  # order -> (step, weights of s_1, s_2, s_3)
EVERY = (
    400  # entries; up to here one by one: about 1 ms an entry for a small network, so less than half a second a tensor
)
DIRECTIONS = 3  # an error 100 times above what is tolerated passes all three with probability (0.8 / 100)**3 = 5e-7
SAMPLE = 8  # entries of a large tensor that are looked at one by one as well, so that the report can show numbers
_SHRINK = 3  # steps h, h/10, h/100: for losses that bend sharply, end nearby (log at 0.001), or have a kink nearby
_EPS = float(np.finfo(float).eps)


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
    h: float


@dataclass
class Numeric:
    """What differences say of one tensor: some entries one by one, or every one, or some directions across all of them."""

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
    """<cotangent, f(arrays)> as differences see it: values at the arrays and near them, and nothing of how they came about.

    `evaluate(arrays)` returns f as a float64 array, and the list of (op, mask) by which piecewise operations chose their pieces,
    or None where that cannot be known. `flaw` says, where it is not None, why no difference of this loss means anything.
    """

    def __init__(self, evaluate, arrays, cotangent=None, seed=0):
        self.evaluate, self.arrays = evaluate, arrays
        with np.errstate(all="ignore"):
            self.y, self.branches = evaluate(arrays)
            self.cotangent = np.ones_like(self.y) if cotangent is None else cotangent
            self.order = 6 if self.branches == [] else 2
            self.flaw = self._find_flaw()
            self.noise = 0.0 if self.flaw else self._noise(np.random.default_rng(seed))

    @property
    def value(self):
        return float((self.cotangent * self.y).sum())

    @property
    def size(self):
        """How large the loss is, for judging what rounding can do to it."""
        return float(np.linalg.norm(self.cotangent * self.y))

    def _find_flaw(self):
        if self.y.dtype != np.float64:
            return (
                f"the loss comes out as {self.y.dtype} although the inputs are float64: something inside rounds down, "
                "and differences of rounded values are noise; remove the cast"
            )
        if not np.isfinite(self.y).all():
            return (
                "the loss is not finite at these inputs; minigen.detect_anomaly() names the operation that made it so"
            )
        again, _ = self.evaluate(self.arrays)
        apart = np.abs(again - self.y).max(initial=0)
        if not apart <= 100 * _EPS * np.abs(self.y).max(
            initial=0
        ):  # threads may add in another order; no more than that
            return (
                f"the loss is not deterministic: two evaluations at the same inputs differ by {apart:.2g}; noise that is drawn "
                "inside must be an argument (eps=, z=, mask=), and nothing inside may be updated"
            )
        return None

    def _noise(self, rng):
        """How much the loss jitters by rounding: its change when the inputs move by their own last digits.

        |L| times the machine precision is not enough where L is a small difference of large terms.
        """
        changes = [_EPS * self.size]
        for _ in range(6):
            near = {k: x * (1 + 2 * _EPS * rng.standard_normal(x.shape)) for k, x in self.arrays.items()}
            try:
                changes.append(abs(float((self.cotangent * (self._value_at(near) - self.y)).sum())))
            except (_Kink, _Outside):
                pass
        return max(changes)

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

        The step shrinks while it meets an obstacle or while the bar is more than 1e-9 of the slope (or of `typical`, the usual
        size of such a slope), unless rounding is already what limits it.
        """
        x = self.arrays[name]
        step = SCHEMES[self.order][0] * max(1.0, float(np.sqrt(np.mean(x * x))))
        best, obstacle = None, None
        with np.errstate(all="ignore"):
            for _ in range(_SHRINK):
                try:
                    found = self._slope(name, x, direction, step)
                except _Kink:
                    found, obstacle = None, "kink"
                except _Outside:
                    found, obstacle = None, obstacle or "outside"
                if found is not None:
                    if best is None or found.bar < best.bar:
                        best = found
                    if best is not found or found.bar <= max(1e-9 * max(abs(found.value), typical), 10 * found.floor):
                        break
                step /= 10
        return obstacle if best is None else best

    def _slope(self, name, x, direction, h):
        steps = {}

        def step(k):  # k half-steps both ways: (change, bend, the way that was really gone)
            if k not in steps:
                up, down = x + (0.5 * k * h) * direction, x - (0.5 * k * h) * direction
                high, low = self._value_at({**self.arrays, name: up}), self._value_at({**self.arrays, name: down})
                change, bend = self.cotangent * (high - low), self.cotangent * ((high - self.y) + (low - self.y))
                steps[k] = float(change.sum()), float(bend.sum()), up - down
            return steps[k]

        weights = SCHEMES[self.order][1]
        at = {half: [step(k * half) for k in range(1, len(weights) + 1)] for half in (2, 1)}
        value, along = sum(w * at[2][i][0] / ((i + 1) * h * 2) for i, w in enumerate(weights)), 0.0
        halved = sum(w * at[1][i][0] / ((i + 1) * h) for i, w in enumerate(weights))
        for i, w in enumerate(weights):
            along = along + (w / ((i + 1) * h * 2)) * at[2][i][2]
        if self._bends_like_a_kink(step(2)[1] / h, step(1)[1] / (h / 2), h):
            raise _Kink
        floor = self.noise / h
        return Slope(value, abs(value - halved) + floor, along, floor, h)

    def _bends_like_a_kink(self, bend, halved, h):
        """Whether the slopes on the two sides differ however close one comes.

        (L(h) - 2 L(0) + L(-h)) / h halves with h where L is smooth, and stays as it is where L has a kink at x. This sees the
        kinks that no mask tells of: those of plain NumPy, and of x * (x > 0).
        """
        return abs(halved) > 0.75 * abs(bend) and abs(halved) > 100 * self.noise / h


def _same_branches(a, b):
    if a is None or b is None:
        return True
    return len(a) == len(b) and all(
        p == q and m.shape == n.shape and bool((m == n).all()) for (p, m), (q, n) in zip(a, b, strict=True)
    )


def numeric_gradient(loss, name, rng, *, typical=0.0, every=EVERY, directions=DIRECTIONS, watch=()):
    """What differences say of `arrays[name]`. `watch` names flat indices that are to be among the entries looked at."""
    x = loss.arrays[name]
    numeric = Numeric(x.shape)
    step = SCHEMES[loss.order][0]
    how = f"order {loss.order}, h={step:g}"
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
    add_entries(numeric, loss, name, sorted({*watch, x.size - 1, *rng.choice(x.size, SAMPLE).tolist()}), typical)
    numeric.method = f"{how}, {len(numeric.directions)} directions and {len(numeric.entries)} of {x.size} entries"
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
    """An entry at which `claim` is wrong: halve the tensor, keep the half that disagrees more, about log2(size) times."""
    low, high = 0, claim.size
    while high - low > 1:
        middle = (low + high) // 2
        low, high = max(((low, middle), (middle, high)), key=lambda part: _disagreement(loss, name, claim, part, rng))
    return low


def _disagreement(loss, name, claim, part, rng):
    u = np.zeros(claim.shape)
    u.reshape(-1)[slice(*part)] = rng.standard_normal(part[1] - part[0])
    length = np.linalg.norm(u)
    found = loss.slope(name, u / length)
    if not isinstance(found, Slope):
        return 0.0
    return abs(float((claim * found.along).sum()) - found.value) * length
