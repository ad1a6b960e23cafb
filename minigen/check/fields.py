"""Arrays by name that may stand in a formula, sigma or 1 - h^2, and what can be multiplied from them."""

from itertools import combinations

import numpy as np

ENOUGH = 3  # numbers that a field must account for: two or fewer could be hit by chance


def fitting(shape, arrays, first):
    """The arrays that broadcast to a shape, those in `first` in front; those that are
    constant or doubled left out.
    """
    out = {}
    for name in [*first, *(n for n in arrays if n not in first)]:
        try:
            field = np.broadcast_to(arrays[name], shape)
        except ValueError:
            continue
        if field.dtype.kind in "fb" and field.size and (field != field.flat[0]).any():
            if not any(field.dtype == f.dtype and np.array_equal(f, field) for f in out.values()):
                out[name] = field
    return out


def powers(fields, exponents):
    """(text, array) of every field to these powers; a place, which is true or false, also as its opposite."""
    for name, field in fields.items():
        if field.dtype == bool:
            if 1 in exponents:
                yield f"[{name}]", field.astype(float)
                yield f"[not {name}]", (~field).astype(float)
            continue
        for power in exponents:
            with np.errstate(all="ignore"):
                value = field**power if power > 0 else 1 / field**-power
            if np.isfinite(value).all():
                yield _text(bracket(name), power), value


def products(fields):
    """(text, array) of all products and ratios of two fields."""
    numbers = {n: f for n, f in fields.items() if f.dtype != bool}
    for (m, f), (n, g) in combinations(numbers.items(), 2):
        m, n = bracket(m), bracket(n)
        with np.errstate(all="ignore"):
            products = {f"{m}*{n}": f * g, f"{m}/{n}": f / g, f"{n}/{m}": g / f, f"1/({m}*{n})": 1 / (f * g)}
        yield from ((text, value) for text, value in products.items() if np.isfinite(value).all())


def _text(name, power):
    return {1: name, -1: f"1/{name}", 2: f"{name}^2", -2: f"1/{name}^2"}[power]


def bracket(name):
    """The name, in brackets if it is a formula."""
    return f"({name})" if any(c in name for c in "+-*/") and not name.endswith(")") else name


def says_enough(base):
    """Whether an array is finite, and has entries enough for a match to mean something."""
    return np.isfinite(base).all() and np.count_nonzero(base) >= ENOUGH
