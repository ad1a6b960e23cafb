"""Checks of arguments that several parts share: rows, numbers, generators, the name that was meant."""

import difflib

import numpy as np


def as_rows(name, x, least=2):
    """`x` (N, ...) as a float64 array (N, D), (N,) as (N, 1), or the sentence that says why that cannot be.

    ValueError for fewer than `least` rows and for entries that are not finite; TypeError for things other
    than numbers.
    """
    x = np.asarray(x)
    if x.dtype.kind not in "fiub":
        raise TypeError(f"{name} holds {x.dtype}, expected real numbers in one array (N, ...)")
    if x.ndim == 0 or len(x) < least or x.size == 0:
        raise ValueError(f"{name} has shape {x.shape}, expected at least {least} rows (N, ...), one a sample")
    bad = np.count_nonzero(~np.isfinite(x))
    if bad:
        raise ValueError(
            f"{name} has {bad} entries that are NaN or infinite: did the model that made it diverge?"
        )
    return x.reshape(len(x), -1).astype(np.float64)


def same_width(name, x, other, y):
    """ValueError unless the rows of `x` (N, D) and `y` (M, D) have the same length."""
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"{name} has {x.shape[1]} numbers a row, {other} {y.shape[1]}: they must agree")


def as_generator(rng):
    """A NumPy Generator, from a seed, a Generator or a `minigen.Random`."""
    if rng is None:
        raise TypeError(
            "rng is None: give a seed or a generator, so that the same numbers can be drawn again"
        )
    return np.random.default_rng(getattr(rng, "generator", rng))


def check_finite(caller, arrays):
    """ValueError for the first (name, array) that holds NaN or infinity; `caller` begins the message."""
    for name, array in arrays:
        bad = array.size - np.count_nonzero(np.isfinite(array))
        if bad:
            raise ValueError(
                f"{caller}: {name} has {bad} number{'s that are' if bad > 1 else ' that is'} NaN or "
                "infinite: has the training diverged? minigen.detect_anomaly() finds where"
            )


def whole_number(name, value, least=1):
    """`value` as an int; ValueError for anything but a whole number of `least` or more."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} is {value!r}, expected a whole number of {least} or more")
    return int(value)


def nearest(asked, names, otherwise):
    """The cure for a name on the command line that does not exist: "did you mean a, b?", or `otherwise`."""
    near = [name for name in names if name.startswith(asked)]
    near = near or difflib.get_close_matches(asked, names, n=3, cutoff=0.5)
    return f"did you mean {', '.join(near)}?" if near else otherwise


def did_you_mean(name, names, most=1):
    """ "; did you mean 'x'?", with up to `most` of `names` that are like `name`; "" where none is."""
    name, names = str(name), [*names]
    near = [n for n in names if n.lower() == name.lower()] or difflib.get_close_matches(name, names, most)
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
