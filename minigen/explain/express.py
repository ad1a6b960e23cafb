"""Finds an expression for an array that is needed, out of the arrays and numbers that can be named.

Products are found without trying all of them: what is needed, divided by one array, must be a multiple of
another one, and multiples of one array share a fingerprint.
"""

import itertools
import re

import numpy as np

from minigen.explain.edits import SIMPLE_FUNCTIONS

EXACT = 1e-6
EQUAL = 4  # expressions and numbers of one value that are kept
ALIKE = 10  # arrays of one shape of which products of two are summed
CONSTANTS = (1, 2, 0.5, 3, 4, 0.25)


class Library:
    """The arrays that can be named here, with simple functions of each, and the numbers."""

    def __init__(self, arrays, numbers, shape):
        self.shape, self.entries = shape, []  # (text, array as it broadcasts to `shape`, cost)
        self.numbers = numbers
        self.arrays = arrays
        whole = [a for a in arrays if a.value.shape == shape]
        with np.errstate(all="ignore"):
            for atom in [*arrays, *(n for n in numbers if abs(float(n.value)) not in (0.0, 1.0))]:
                value = np.asarray(atom.value, float)
                for template, extra in (*SIMPLE_FUNCTIONS, ("1 / {v}", 0.3), ("1 / {v} ** 2", 0.5)):
                    if ".T" not in template and (value.ndim or not extra):
                        cost = extra + 0.1 * (value.ndim == 0)
                        self._add(template.format(v=atom.text), _evaluated(template, value), cost)
            for atom in arrays:  # a row for a column
                if atom.value.ndim == 2 and 1 in atom.value.shape:
                    self._add(f"{atom.text}.T", np.asarray(atom.value.T, float), 0.05)
            for atom, number in itertools.product(whole, numbers):
                if np.ndim(number.value) == 0 and abs(float(number.value)) < 1:
                    full = np.where(atom.value > 0, 1.0, float(number.value))
                    self._add(f"np.where({atom.text} > 0, 1, {number.text})", full, 0.4)
            for atom in whole if len(shape) > 1 else ():
                value = np.asarray(atom.value, float)
                for axis, how in itertools.product(range(len(shape)), ("mean", "sum")):
                    over = getattr(value, how)(axis=axis, keepdims=True)
                    self._add(f"{atom.text}.{how}({_over(axis)})", over, 0.5)
            self._masks(arrays, numbers, shape)
            self._shares(arrays, shape)
            self._projections(arrays, shape)
            self._columns(arrays, shape)
            self._along_axes(arrays, shape)
        self.entries.sort(key=lambda e: e[2])
        rows = [full.reshape(-1) for _, full, _ in self.entries]
        self.table = np.array(rows, float).reshape(len(rows), int(np.prod(shape)))
        self.probe = np.random.default_rng(23).standard_normal(self.table.shape[1])
        prints = self._prints(self.table)
        self.order = np.argsort(prints, kind="stable")
        self.prints = prints[self.order]

    def _add(self, name, array, cost):
        """Keep an array under a name, where it broadcasts to the shape, is finite, and not 0 throughout."""
        if _fits(array.shape, self.shape) and np.isfinite(array).all() and array.any():
            self.entries.append((name, np.broadcast_to(array, self.shape), cost))

    def _prints(self, rows):
        """A number for each row, the same for all its multiples; NaN for one that is 0 or not finite."""
        if not rows.size:
            return np.full(len(rows), np.nan)
        with np.errstate(all="ignore"):
            units = rows / np.abs(rows).max(axis=1, initial=0.0, keepdims=True)
            first = np.take_along_axis(units, np.argmax(np.abs(units) > 0.5, axis=1)[:, None], 1)
            return np.where(np.isfinite(units).all(axis=1), (units * np.sign(first)) @ self.probe, np.nan)

    def _masks(self, arrays, numbers, shape):
        """1 where an array is larger than a number or another array, or equal to a whole one, and 0 elsewhere."""
        for one in (a for a in arrays if a.value.shape == shape):
            for other in [*numbers, *(a for a in arrays if a is not one)]:
                if _fits(np.shape(other.value), shape) and isinstance(other.value, float | np.ndarray):
                    full = (one.value > other.value).astype(float)
                    if not full.all():
                        self._add(f"({one.text} > {other.text})", full, 0.4)
        for one in (a for a in arrays if a.value.dtype.kind in "iu" and _fits(a.value.shape, shape)):
            for other in (n for n in numbers if type(n.value) is int and n.text.isidentifier()):
                full = (one.value == other.value).astype(float)
                if not full.all():  # of a maximum: where this one has won
                    self._add(f"({one.text} == {other.text})", full, 0.4)

    def _shares(self, arrays, shape):
        """An array, or its exponential, over its sum along an axis: the softmax."""
        for atom in (a for a in arrays if a.value.shape == shape):
            for template, axis in itertools.product(("np.exp({v})", "{v}"), range(len(shape))):
                name, value = template.format(v=atom.text), _evaluated(template, atom.value)
                full = value / value.sum(axis=axis, keepdims=True)
                self._add(f"{name} / {name}.sum({_over(axis)})", full, 0.5)

    def _projections(self, arrays, shape):
        """x times the mean, or the sum, of x y: what the derivative of a norm, a softmax or a scale takes away."""
        whole = [a for a in arrays if a.value.shape == shape and a.value.dtype.kind == "f"][:ALIKE]
        for one, other in itertools.permutations(whole, 2) if len(shape) > 1 else ():
            product = np.asarray(one.value * other.value, float)
            for axis, how in itertools.product(range(len(shape)), ("mean", "sum")):
                full = one.value * getattr(product, how)(axis=axis, keepdims=True)
                self._add(f"{one.text} * ({one.text} * {other.text}).{how}({_over(axis)})", full, 0.7)

    def _columns(self, arrays, shape):
        """One number for each row: v[:, None], or a sum over the other axes of an array."""
        for atom in arrays if len(shape) == 2 else ():
            value = np.asarray(atom.value, float)
            ways = [(atom.text, value, 0.2)]
            for i in range(value.ndim) if value.ndim == 2 else ():
                ways.append((f"{atom.text}.sum(axis={i})", value.sum(axis=i), 0.5))
                # as in the penalty of a slope
                ways.append((f"({atom.text} ** 2).sum(axis={i})", (value**2).sum(axis=i), 0.6))
            for name, vector, cost in ways:
                if vector.shape == shape[:1]:
                    self._add(f"{name}[:, None]", vector[:, None], cost)

    def _along_axes(self, arrays, shape):
        """What has fewer axes, along others than the last ones: v[:, None, None]; of two axes, `_columns` has it."""
        for atom in arrays if len(shape) > 2 else ():
            value = np.asarray(atom.value, float)
            for axes in itertools.combinations(range(len(shape)), value.ndim):
                index = [":" if axis in axes else "None" for axis in range(len(shape))]
                along = value.shape == tuple(shape[axis] for axis in axes)
                if index[0] == ":" and along and value.ndim < len(shape):
                    full = value[tuple(slice(None) if i == ":" else None for i in index)]
                    self._add(f"{atom.text}[{', '.join(index)}]", full, 0.1)

    def find(self, needed, most=12, deep=True):
        """[(cost, text)] of expressions equal to `needed`, cheapest first; if not `deep`, only products of two."""
        found = []
        if needed.shape != self.shape or not np.isfinite(needed).all() or not needed.any():
            return found
        c = needed.reshape(-1)[0]
        if np.allclose(needed, c, rtol=EXACT, atol=0):
            found += [(1.0, named) for named in names_of(float(c), self.numbers)]
        flat = needed.reshape(-1)
        self._multiples(flat[None], [("", 0.0)], found)
        with np.errstate(all="ignore"):
            self._multiples(flat / self.table, [(f"{e[0]} * ", e[2] + 0.4) for e in self.entries], found)
            plain = [i for i, e in enumerate(self.entries) if e[2] <= 0.1][: 60 * deep]
            for place, i in enumerate(plain):
                if len(found) >= 6 * most:  # every product of three is met three times
                    break
                others = plain[place:]
                one, _, x = self.entries[i]
                names = [(f"{one} * {self.entries[j][0]} * ", x + self.entries[j][2] + 0.9) for j in others]
                self._multiples(flat / (self.table[i] * self.table[others]), names, found)
        if deep:
            self._matrix_products(needed, found)
            self._reduced(needed, found)
            self._spread(needed, found)
        return _cheapest(found, most)

    def seen_through(self, through, due, by=1.0, most=8, deep=True):
        """[(cost, text)] of expressions e with through @ (e * by) = due, cheapest first; if not `deep`, of one entry."""
        found, by = [], np.broadcast_to(by, self.shape).reshape(-1)
        if not np.isfinite(due).all() or not due.any() or not self.entries:
            return found
        plain = [i for i, e in enumerate(self.entries) if e[2] <= 0.1][: 60 * deep]
        for place, before in [(None, ("", None, 0.0)), *((i, self.entries[i]) for i in plain)]:
            rows = self.table if place is None else self.table * self.table[place]
            with np.errstate(all="ignore"):
                got = (rows * by) @ through.T
                scale = (got @ due) / (got**2).sum(axis=1)
                apart = np.abs(scale[:, None] * got - due).max(axis=1)
            for i in np.flatnonzero(apart <= EXACT * np.abs(due).max())[:EQUAL]:
                name, _, extra = self.entries[i]
                name = name if place is None else f"{before[0]} * {name}"
                cost = 1.0 + extra + before[2] + 0.4 * (place is not None)
                found += self._times(float(scale[i]), name, cost)
        return _cheapest(found, most)

    def numbers_seen(self, through, due, by):
        """[(cost, text)] of numbers c with through @ (c * by) = due."""
        got = through @ np.broadcast_to(by, self.shape).reshape(-1)
        c = float(got @ due) / (float(got @ got) or np.inf)
        if not c or np.abs(c * got - due).max() > EXACT * np.abs(due).max():
            return []
        return [(1.0, name) for name in names_of(c, self.numbers)]

    def _multiples(self, rows, names, found):
        """c * entry for some of the entries, wherever that is one of the rows; `names`: (text in front, cost)."""
        prints = self._prints(rows)
        first = np.searchsorted(self.prints, prints - 1e-6)
        last = np.searchsorted(self.prints, prints + 1e-6)
        for k in np.flatnonzero((last > first) & np.isfinite(prints)):
            before, cost = names[k]
            for i in sorted(self.order[first[k] : last[k]])[:EQUAL]:
                name, full, extra = self.entries[i]
                self._scaled(rows[k], full.reshape(-1), f"{before}{name}", 1.0 + cost + extra, found)

    def _matrix_products(self, needed, found):
        """Products with a matrix; what stands at its left may have more axes."""
        if needed.ndim < 2:
            return
        flat = [(a.text, np.asarray(a.value, float)) for a in self.arrays if a.value.ndim >= 2]
        sides = flat + [(f"{name}.T", a.T) for name, a in flat if a.ndim == 2]
        probe = np.random.default_rng(29).standard_normal(needed.shape[-1])
        goal = needed @ probe
        for other, b in (side for side in sides if side[1].ndim == 2 and side[1].shape[1] == probe.size):
            through = b @ probe
            for one, a in sides:
                if a.shape == (*needed.shape[:-1], b.shape[0]):
                    got = a @ through
                    scale = (got * goal).sum() / ((got**2).sum() + 1e-300)
                    if np.abs(goal - scale * got).max() <= 1e-5 * np.abs(goal).max():
                        self._scaled(needed, a @ b, f"{one} @ {other}", 1.4, found)

    def _spread(self, needed, found):
        """An array times what is the same along some of its axes: (g * dg / norm ** 2)[:, None, None] * v."""
        whole = [a for a in self.arrays if a.value.shape == self.shape and np.all(a.value)][:ALIKE]
        for atom in whole if len(self.shape) > 1 else ():
            ratio = needed / atom.value
            same = [np.allclose(ratio, ratio.take([0], axis), rtol=EXACT) for axis in range(ratio.ndim)]
            if not any(same) or all(same):
                continue
            small = ratio[tuple(0 if one else slice(None) for one in same)]
            index = "" if not any(same[1:]) else f"[{', '.join('None' if one else ':' for one in same)}]"
            for cost, name in Library(self.arrays, self.numbers, small.shape).find(small, 4):
                found.append((cost + 0.6, f"({name}){index} * {atom.text}"))

    def _reduced(self, needed, found):
        """Sums of an array, or of a product of two, over axes."""
        bigger = [a for a in self.arrays if 1 <= a.value.ndim <= 4 and a.value.size > needed.size][:24]
        terms = [(a.text, np.asarray(a.value, float), 1.5) for a in bigger]
        for one, other in itertools.combinations(bigger, 2):
            if other.value.shape == one.value.shape:
                value = np.asarray(one.value, float) * other.value
                terms.append((f"({one.text} * {other.text})", value, 1.8))
        for name, value, cost in terms:
            for n in range(1, value.ndim + 1):
                for axes in itertools.combinations(range(value.ndim), n):
                    total, axis = value.sum(axis=axes), axes[0] if n == 1 else axes
                    if total.shape == needed.shape:
                        self._scaled(needed, total, f"{name}.sum(axis={axis})", cost, found)
                    elif total.size == needed.size and np.ndim(total) == 1:
                        kept = np.expand_dims(total, axis)
                        ways = (
                            (kept, f"axis={axis}, keepdims=True)"),
                            (total[:, None], f"axis={axis})[:, None]"),
                        )
                        for column, how in ways:
                            if column.shape == needed.shape:
                                self._scaled(needed, column, f"{name}.sum({how}", cost, found)

    def _scaled(self, needed, array, name, cost, found):
        """needed = c * array, for a number c that has a name; what is equal here may differ
        elsewhere, so every name.
        """
        at = np.unravel_index(np.argmax(np.abs(array)), array.shape) if array.size else None
        if at is None or not array[at]:
            return
        c = float(needed[at] / array[at])
        if np.allclose(needed, c * array, rtol=EXACT, atol=EXACT * np.abs(needed).max()):
            found += self._times(c, name, cost)

    def _times(self, c, name, cost):
        """[(cost, text)] of so many times an expression, with every name that the number has."""
        named = names_of(c, self.numbers)
        return [(cost, name) if n == "1" else (cost + _odd(n), f"{name} * {n}") for n in named]


def _evaluated(template, value):
    """A function of an array, written with {v} for it."""
    names = {"np": np, "v": np.asarray(value, float)}
    return np.asarray(eval(template.format(v="v"), names), float)


def _over(axis):
    """The words for an axis of a sum that broadcasts to what is summed."""
    return f"axis={axis}" if axis == 0 else f"axis={axis}, keepdims=True"


def _cheapest(found, most):
    """The cheapest of (cost, text), where the factors of a product may stand in whatever order."""
    cheapest = {}
    for cost, name in sorted(found, key=lambda p: (p[0], len(p[1]))):
        cheapest.setdefault(tuple(sorted(name.split(" * "))), (cost, name))
    return list(cheapest.values())[:most]


def _odd(number):
    """What a number costs beside an array: more where it is put together from sizes."""
    return 0.3 + 0.3 * (" / " in number or " * " in number) * len(re.findall(r"shape|size", number))


def _fits(shape, other):
    try:
        return np.broadcast_shapes(shape, other) == other
    except ValueError:
        return False


def names_of(c, numbers):
    """The texts of a number: a small one, a setting or size, or one over it, with a sign; at most a few."""
    sign, c, found = ("-" if c < 0 else ""), abs(c), []
    if not np.isfinite(c) or not c:
        return found
    found += [f"{sign}{k:g}" for k in CONSTANTS if abs(c - k) <= EXACT * k]
    named = [(n.text, abs(float(n.value))) for n in numbers if abs(float(n.value)) not in (0.0, 1.0)]
    for name, value in named:
        for k in (1, 2, 0.5):
            if abs(c - k * value) <= EXACT * c:
                found.append(f"{sign}{name}" if k == 1 else f"{sign}{k:g} * {name}")
            if abs(c - k / value) <= EXACT * c:
                found.append(f"{sign}({k:g} / {name})")
    # a setting that is 2 hides in every 2
    by_chance = [n for n in named if n[1] in CONSTANTS and n[0].isidentifier()]
    both, named = [], sorted(named, key=lambda n: not n[0].isidentifier())
    if not found or by_chance and abs(c - 1) > EXACT:
        for (a, x), (b, y) in itertools.combinations(named[:12], 2):
            if found and not {(a, x), (b, y)} & {*by_chance}:
                continue
            for value, name in ((x * y, f"({a} * {b})"), (x / y, f"({a} / {b})"), (y / x, f"({b} / {a})")):
                if abs(c - value) <= EXACT * c:
                    both.append(sign + name)
                elif abs(c - 2 * value) <= EXACT * c:  # of a square
                    both.append(f"{sign}2 * {name}")
                if abs(c * value - 1) <= EXACT and name.startswith(f"({a} *"):
                    both.append(f"{sign}(1 / {name})")
    return list(dict.fromkeys(found))[:EQUAL] + list(dict.fromkeys(both))[:EQUAL]
