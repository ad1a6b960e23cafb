"""How long is a vector that a program takes apart into weights and biases?

The program is run with a vector that is far too long and notes which of its entries are taken: `theta[i:j]` says that
it has j of them, `theta[i:].reshape(a, b)` that it has i + a b, `assert theta.size == n` that it has n. What is left at
the end without a shape, mostly a bias, is as long as one of the sizes in use: the program tells which, since it runs
with no other.
"""

import math

import numpy as np

LONG = 6007  # more entries than the small networks that are tried have weights, and no product of their sizes


class Size(int):
    """The number of entries of the vector, which notes to what number it is compared, and says that it is that one."""

    def __new__(cls, number, notes):
        made = super().__new__(cls, number)
        made.notes = notes
        return made

    def __eq__(self, other):
        if isinstance(other, int | np.integer) and 0 < other < LONG:
            self.notes["told"] = int(other)
            return True
        return int(self) == other  # whether it is empty is another question

    def __ne__(self, other):
        return not self == other

    __hash__ = int.__hash__


class Noting(np.ndarray):
    """A view of a long vector; `notes` is shared by all views: where they start, and the end that is known so far."""

    def __array_finalize__(self, made_from):
        self.notes = getattr(made_from, "notes", None)

    @property
    def size(self):
        count = math.prod(self.shape)
        return count if self.notes is None or count < LONG else Size(count, self.notes)

    def _place(self):
        """At which entry of the vector this view starts; None where it is another array."""
        if self.notes is None or self.ndim != 1 or not self.flags.c_contiguous:
            return None
        start = (self.__array_interface__["data"][0] - self.notes["address"]) // self.itemsize
        return start if 0 <= start <= LONG - len(self) else None

    def __getitem__(self, key):
        part = super().__getitem__(key)
        start = part._place() if isinstance(part, Noting) else None
        if start is None:
            if isinstance(key, int) and self._place() == 0 and key >= 0:
                self.notes["end"] = max(self.notes["end"], key + 1)
        elif start + len(part) < LONG:
            self.notes["end"] = max(self.notes["end"], start + len(part))
        elif self._place() is not None and start > 0:
            self.notes["tail"] = start
        return part

    def reshape(self, *shape, **order):
        start, sizes = (
            self._place(),
            shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape,
        )
        wanted = math.prod(sizes) if all(isinstance(n, int | np.integer) and n >= 0 for n in sizes) else 0
        if start is not None and 0 < wanted < len(self) == LONG - start:
            self.notes["end"], self.notes["tail"] = max(self.notes["end"], start + wanted), None
            return super().__getitem__(slice(0, wanted)).reshape(*shape, **order)
        return super().reshape(*shape, **order)


def length(run, widths):
    """The number of entries with which the program gets furthest; `run(vector)` says how far.

    `widths` are sizes that the last part may have. ValueError where no entries are taken.
    """
    long = np.full(LONG, 0.1)
    noting = long.view(Noting)
    noting.notes = notes = {"address": long.__array_interface__["data"][0], "end": 0, "tail": None}
    run(noting)
    if "told" in notes:
        return notes["told"]
    known = [notes["end"]]
    if notes["tail"] is not None and notes["tail"] >= notes["end"]:
        known = [notes["tail"] + width for width in sorted(set(widths))]
    known = [n for n in known if 0 < n < LONG]
    if not known:
        raise ValueError("no entries of the vector are taken")
    return max(known, key=lambda n: run(np.full(n, 0.1))) if len(known) > 1 else known[0]
