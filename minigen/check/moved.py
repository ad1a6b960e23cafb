"""After an "ok", look again elsewhere: ones, zeros, symmetric matrices, a batch of 1 hide mistakes.

With W symmetric, W and W.T are the same; with x = 1, x and x**2; with a batch of 1, a sum and a mean.
So the check is repeated near the person's inputs, where nothing has such a symmetry.
Inputs have a domain (logarithms, variances, probabilities), so a move keeps what can be seen of it: the sign,
the interval from 0 to 1, rows that sum to 1. Where the forward still has no finite value it moves less;
if that does not help, the report says that only the person's own point was looked at.

Moves that give up the sign (|x| and relu have another formula there), that make small inputs large,
or that make axes of length 1 longer ask for more than the person may have meant: what is wrong only there is
inconclusive, not wrong.
"""

import time
from itertools import combinations

import numpy as np

from minigen.check.report import FIGURES
from minigen.check.stencil import usual

AMPLITUDES = (0.3, 0.03, 0.003)  # of the usual size of an entry
LONGER = 3  # entries, instead of 1
MOST_WAYS, MOST_LOOKS = 40, 12  # combinations of axes of length 1 that are tried, and looked at
SECONDS = 3.0  # for how long
SMALL = 0.1  # inputs below this are grown as well: near 0 every function is linear
# A tensor of at most so many entries is looked at entry by entry again, a larger one along two directions:
# what was right at the person's inputs, and is not there, is so in more than an entry of little weight.
FEW = {"every": 4, "directions": 2, "sample": 1}


def second_look(report, look, values, arrays, names, rng, constants=()):
    """Repeat an ok check at moved inputs and write what is found into `report`.

    `look(arrays)` gives the records there, `values(arrays)` what forward gives; they raise where there is no
    answer. `names` are the inputs that are checked, the others are moved only if they are no whole numbers.
    """
    words = special(arrays, names)
    found = None
    for amplitude in AMPLITUDES:
        found = _try(look, _near_all(arrays, names, amplitude, rng))
        if found is not None:
            break
    for mine, there in zip(report.records, found or (), strict=False):
        if there.verdict == "wrong":
            reason = f"right at your inputs, wrong at inputs moved a little: {there.reason}"
            _take(mine, there, "wrong", reason)
    blind = found is None or any(r.verdict == "inconclusive" for r in found)
    if blind:
        report.notes.append(
            "only your own inputs were looked at: no generic ones near them could be compared"
        )
    if not report.ok:
        return _tell(report, words)
    signed = {n: x for n, x in arrays.items() if n in names and x.size and ((x >= 0).all() or (x <= 0).all())}
    if signed:
        mixed = {n: _free(x, rng) for n, x in signed.items()}
        _ask(report, look, arrays | mixed, "where the signs are mixed")
    small = {n: x for n, x in arrays.items() if n in names and 0 < usual(x) < SMALL}
    if small and report.ok:
        grown = {n: near(0.5 / usual(x) * x, 0.3, rng) for n, x in small.items()}
        _ask(report, look, arrays | grown, "where they are of size 1")
    until, looks = time.monotonic() + SECONDS, 0
    for arrays_there in longer(arrays, names, constants, rng) if report.ok else ():
        if not report.ok or looks == MOST_LOOKS or time.monotonic() > until:
            break
        if _matter(values, arrays_there, arrays, rng):
            looks += 1
            _ask(report, look, arrays_there, "at another size, as an axis of length 1 hides it")
    return _tell(report, words)


def _tell(report, words):
    if words:
        report.notes.append(f"{words}: such inputs hide mistakes, so others near them were looked at as well")


def _try(look, arrays):
    """The records there, or None where forward or backward refuse or nothing is finite."""
    with np.errstate(all="ignore"):
        try:
            return look(arrays)
        except Exception:  # the person's own code, outside the inputs it was written for: no evidence
            return None


def _ask(report, look, arrays, where):
    for mine, there in zip(report.records, _try(look, arrays) or (), strict=False):
        if there.verdict == "wrong":
            _take(mine, there, "inconclusive", f"right at your inputs, wrong {where}: {there.reason}")


def _take(mine, there, verdict, reason):
    for key in (*FIGURES, "worst_index", "worst", "error_bar"):
        setattr(mine, key, getattr(there, key))
    mine.verdict, mine.reason = verdict, reason


def _near_all(arrays, names, amplitude, rng):
    """The inputs moved; those that are not checked only if they are no whole numbers."""
    may = {n for n, x in arrays.items() if n in names or not (x == np.rint(x)).all()}
    return {n: near(x, amplitude, rng) if n in may else x for n, x in arrays.items()}


def near(x, amplitude, rng):
    """A generic point near x, with the signs, the interval [0, 1] and the sums of the rows of x."""
    if not x.size:
        return x
    scale = usual(x) or 1.0
    if (x >= 0).all() or (x <= 0).all():
        sign = 1.0 if (x >= 0).all() else -1.0
        moved = np.abs(x) * np.exp(amplitude * rng.standard_normal(x.shape))
        moved = np.where(x == 0, amplitude * scale * rng.uniform(0.3, 1.0, x.shape), moved)
        if sign > 0 and x.max() <= 1:
            moved = x + amplitude * (rng.uniform(0.05, 0.95, x.shape) - x)
            sums = x.sum(axis=-1, keepdims=True) if x.ndim else x
            if x.ndim and x.shape[-1] > 1 and np.allclose(sums, 1, rtol=1e-9):
                moved = moved / moved.sum(axis=-1, keepdims=True)
        return sign * moved
    return x + amplitude * scale * rng.standard_normal(x.shape)


def _free(x, rng):
    """x with about half of the signs turned, at least one, and moved."""
    scale = usual(x) or 1.0
    turned = rng.permutation(x.size).reshape(x.shape) < (x.size + 1) // 2
    return near(np.where(turned, -1.0, 1.0) * (np.abs(x) + 0.1 * scale), 0.1, rng)


def longer(arrays, names, constants, rng):
    """The inputs with axes of length 1 made longer, in every combination that may fit together."""
    short = [(n, axis) for n, x in arrays.items() if x.size for axis in range(x.ndim) if x.shape[axis] == 1]
    if not any(n in names for n, _ in short) or any(1 in np.shape(c) for c in constants):
        return
    ways = (some for count in range(1, len(short) + 1) for some in combinations(short, count))
    for some, _ in zip(ways, range(MOST_WAYS), strict=False):
        out = _near_all(arrays, names, 0.3, rng)
        for n, axis in some:
            out[n] = np.concatenate([near(out[n], 0.3, rng) for _ in range(LONGER)], axis)
        yield out


def _matter(values, there, arrays, rng):
    """Whether what was added changes the values: x[:, 0] was written for one column."""
    try:
        y = values(there)
        for n, x in there.items():
            for axis in range(x.ndim):
                if x.shape[axis] != arrays[n].shape[axis]:
                    last = [slice(None)] * x.ndim
                    last[axis] = slice(-1, None)
                    other = x.copy()
                    other[tuple(last)] = near(x[tuple(last)], 0.3, rng)
                    if np.array_equal(values({**there, n: other}), y):
                        return False
    except Exception:
        return False
    return True


def special(arrays, names):
    """What about the inputs hides mistakes, as the start of a sentence; "" where nothing does."""
    told = []
    for n, x in arrays.items():
        if n not in names or not x.size:
            continue
        if x.size > 1 and (x == x.flat[0]).all():
            told.append(f"{n} is {'all zeros' if not x.any() else f'{x.flat[0]:g} everywhere'}")
        elif x.size > 1 and (x == np.rint(x)).all():
            told.append(f"{n} holds whole numbers")
        elif x.ndim == 2 and x.shape[0] == x.shape[1] > 1 and (x == x.T).all():
            told.append(f"{n} is symmetric")
        elif x.ndim and 1 in x.shape:
            told.append(f"{n} has an axis of length 1")
    return ", ".join(told)
