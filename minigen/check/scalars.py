"""Names for numbers: turns 0.2 into "1/N" where N is 5, so that a factor in a gradient can be recognised."""

import math
from itertools import combinations

import numpy as np

NEAR = 1e-6  # relative: the factors come from differences that are good to 1e-10
_PLAIN = (
    (0, "", "", 1.0),
    (1, "2", "", 2.0),
    (1, "", "2", 0.5),
    (4, "4", "", 4.0),
    (4, "", "4", 0.25),
)  # with a cost


class Scalars:
    """The sizes and settings of a problem, their inverses, products and ratios, each also times
    2, 4, 1/2, 1/4 and -1.
    """

    def __init__(self, named=None):
        single = []
        for name, value in (named or {}).items():
            if value and math.isfinite(value) and abs(value) != 1:
                name = f"({name})" if any(c in name for c in "+-*/") else name
                single += [(name, "", float(value)), ("", name, 1 / float(value))]
        pairs = [
            (_product(a[0], b[0]), _product(a[1], b[1]), a[2] * b[2]) for a, b in combinations(single, 2)
        ]
        found = []
        for cost, group in ((0, [("", "", 1.0)]), (2, single), (3.5, pairs + [_square(s) for s in single])):
            for over, under, value in group:
                for extra, more, less, factor in _PLAIN:
                    name = _fraction(_product(more, over), _product(less, under))
                    found.append((cost + extra, value * factor, name))
        found.sort(key=lambda item: item[0])
        self._costs = [cost for cost, _, _ in found]
        self._names = [name for _, _, name in found]
        self._values = np.array([value for _, value, _ in found])

    def name(self, value, *, simple=False):
        """The simplest name of a number, such as "1/N", "-beta" or "1"; None if it has none,
        or none that is simple.
        """
        if not math.isfinite(value) or value == 0:
            return None
        close = np.flatnonzero(np.abs(self._values - abs(value)) < NEAR * abs(value))
        if not close.size or (simple and self._costs[close[0]] > 2):
            return None
        return ("-" if value < 0 else "") + self._names[close[0]]


def _product(a, b):
    return f"{a}*{b}" if a and b else a or b


def _square(one):
    over, under, value = one
    return (f"{over}^2" if over else "", f"{under}^2" if under else "", value * value)


def _fraction(over, under):
    over = over or "1"
    return over if not under else f"{over}/({under})" if "*" in under else f"{over}/{under}"
