"""The one stencil: by what is a function's change divided to give a slope, and how wrong can that be?

Move x a little both ways: s_k = (f(x + kh) - f(x - kh)) / 2kh is the slope plus errors in even powers of h. Three of
them, weighted 1.5, -0.6, 0.1, cancel the powers 2 and 4: order 6, whose best step is large (3e-3), so that rounding
hardly matters. One alone is order 2; its best step is small (1e-5), which is what a function made of pieces needs.

The slope is computed again with half the step. What changes is the error of the step.

Whatever is drawn at random in check, explain, testing and exercises comes from `generator`.
"""

from dataclasses import dataclass

import numpy as np

SCHEMES = {2: (1e-5, (1.0,)), 6: (3e-3, (1.5, -0.6, 0.1))}  # order -> (step, weights of s_1, s_2, s_3)
EPS = float(np.finfo(float).eps)
_OURS = int.from_bytes(b"minigen", "big")
# Binomial weights, scaled so that independent errors of size 1 in the values give an error of size 1. The points are
# not symmetric about x: there rounding may be, and would cancel.
SIXTH = [(i, w / 924**0.5) for i, w in ((-2, 1), (-1, -6), (1, -20), (2, 15), (3, -6), (4, 1))]


def generator(seed, *purpose):
    """Random numbers that nobody else draws: a person's inputs may come from `default_rng(seed)` or a child of it.

    A cotangent or a direction must be independent of what is checked: along the inputs it would see little.
    `purpose` are integers that tell several streams of one seed apart.
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_OURS, *purpose)))


@dataclass
class Central:
    """Central differences of an array-valued function with the step h.

    `slope` and `halved` are the slopes with h and h / 2, `bend` and `half_bend` are (f(h) - 2 f(0) + f(-h)) / h with
    each. `along` is the direction as the floating-point steps really went.
    """

    slope: np.ndarray
    halved: np.ndarray
    bend: np.ndarray
    half_bend: np.ndarray
    along: np.ndarray
    moved: np.ndarray  # which values changed at all


def central(f, here, x, direction, h, order):
    """The Central of `f(array) -> array` at x along `direction`; `here` is f(x)."""
    weights = list(enumerate(SCHEMES[order][1], start=1))
    change, bend, way = {}, {}, {}
    moved = np.zeros(np.shape(here), bool)
    for k in sorted({k * half for k, _ in weights for half in (1, 2)}):  # in half-steps
        up, down = x + (0.5 * k * h) * direction, x - (0.5 * k * h) * direction
        high, low = f(up), f(down)
        change[k] = high - low
        way[k] = up - down
        moved |= (high != here) | (low != here)
        if k < 3:
            bend[k] = (high - here) + (low - here)
    return Central(
        slope=sum(w * change[2 * k] / (2 * k * h) for k, w in weights),
        halved=sum(w * change[k] / (k * h) for k, w in weights),
        bend=bend[2] / h,
        half_bend=bend[1] / (h / 2),
        along=sum((w / (2 * k * h)) * way[2 * k] for k, w in weights),
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
    return (
        largest if largest == 0 or not np.isfinite(largest) else largest * float(np.linalg.norm(v / largest))
    )
