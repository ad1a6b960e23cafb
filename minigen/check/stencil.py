"""The one stencil: by what is a function's change divided to give a slope, and how wrong can that be?

Move x a little both ways: s_k = (f(x + kh) - f(x - kh)) / 2kh is the slope plus errors in even powers of h.
Three of them, weighted 1.5, -0.6, 0.1, cancel the powers 2 and 4: order 6, whose best step is large (3e-3),
so that rounding hardly matters. One alone is order 2; its best step is small (1e-5), which is what a
function made of pieces needs.

The slope is computed a second time from values at other distances: at order 2 with half the step,
at order 6 with 9/8 s_1 - 1/8 s_3, which is of order 4. How far the two are apart bounds the error of the
step, and costs little.

Whatever is drawn at random in check, explain, testing and exercises comes from `generator`.
"""

from dataclasses import dataclass

import numpy as np

# order -> (step, {k: weight of s_k} for the slope, the same for the second opinion)
SCHEMES = {
    2: (1e-5, {1: 1.0}, {0.5: 1.0}),
    6: (3e-3, {1: 1.5, 2: -0.6, 3: 0.1}, {1: 9 / 8, 3: -1 / 8}),
}
EPS = float(np.finfo(float).eps)
_OURS = int.from_bytes(b"minigen", "big")
# Binomial weights, scaled so that independent errors of size 1 in the values give an error of size 1.
# The points are not symmetric about x: there rounding may be, and would cancel.
SIXTH = [(i, w / 924**0.5) for i, w in ((-2, 1), (-1, -6), (1, -20), (2, 15), (3, -6), (4, 1))]


def generator(seed, *purpose):
    """Random numbers that nobody else draws: a person's inputs may come from `default_rng(seed)`.

    A cotangent or a direction must be independent of what is checked: along the inputs it would see little.
    `purpose` are integers that tell several streams of one seed apart.
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_OURS, *purpose)))


@dataclass
class Central:
    """Central differences of an array-valued function with the step h.

    `slope` is the slope, `second` the second opinion on it. `bend` and `half_bend` are
    (f(d) - 2 f(0) + f(-d)) / d at two distances d, of which the second is half the first.
    `along` is the direction as the floating-point steps really went.
    """

    slope: np.ndarray
    second: np.ndarray
    bend: np.ndarray
    half_bend: np.ndarray
    along: np.ndarray
    moved: np.ndarray  # which values changed at all


def central(f, here, x, direction, h, order):
    """The Central of `f(array) -> array` at x along `direction`; `here` is f(x)."""
    _, weights, others = SCHEMES[order]
    change, bend, along = {}, [], np.zeros(np.shape(x))
    moved = np.zeros(np.shape(here), bool)
    for k in sorted({*weights, *others}):
        way = (k * h) * direction
        up, down = x + way, x - way
        high, low = f(up), f(down)
        change[k] = (high - low) / (2 * k * h)
        if k in weights:
            along += (weights[k] / (2 * k * h)) * (up - down)
        moved |= (high != here) | (low != here)
        if len(bend) < 2:
            bend.append(((high - here) + (low - here)) / (k * h))
    return Central(
        slope=sum(w * change[k] for k, w in weights.items()),
        second=sum(w * change[k] for k, w in others.items()),
        bend=bend[1],
        half_bend=bend[0],
        along=along,
        moved=moved,
    )


def one_sided(f, here, x, direction, h):
    """The slope towards `direction` alone, and its bar: second order, from steps of h and h / 2."""
    full, half = (f(x + h * direction) - here) / h, (f(x + (h / 2) * direction) - here) / (h / 2)
    return 2 * half - full, np.abs(half - full)


def norm(v):
    """The Euclidean norm, where squares of the entries would over- or underflow, too."""
    v = np.asarray(v, float)
    largest = float(np.abs(v).max(initial=0.0))
    if largest == 0 or not np.isfinite(largest):
        return largest
    return largest * float(np.linalg.norm(v / largest))


def usual(x):
    """The usual size of an entry."""
    return norm(x) / max(x.size, 1) ** 0.5
