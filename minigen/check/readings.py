"""Reads a wrong gradient: by which simple change does the right one become what the person gave?

The right gradient of a line comes in parts, one for every way by which it arrives. A reading looks for the
simplest change to the parts that accounts for all of the difference: a factor on everything, a part that is
missing, doubled or turned round, a factor on one part, a field (an array such as sigma or 1 - h^2) that a
part was multiplied with or divided by, the derivative of a step left out, an axis that was summed or turned,
something added. What is found is called an atom: a short signature, "via z * 1/sigma", and a sentence.
Nothing counts that leaves more than a millionth of the difference.
"""

from dataclasses import dataclass
from itertools import chain, combinations

import numpy as np

from minigen.check.fields import ENOUGH, bracket, fitting, powers, products, says_enough
from minigen.check.scalars import Scalars

EXACT = 1e-6  # of the difference may be left over: far above rounding, far below coincidence


@dataclass
class Atom:
    """One change that was seen: its signature (without the line), a sentence, and how much of the
    difference is explained.
    """

    signature: str
    sentence: str
    explains: float = 1.0


class Wrong:
    """One wrong line: what was given, the parts of what is right, and everything that may stand in a formula.

    `fields` and `values` are arrays by name, `upstream` the gradients at the values that use this one,
    `others` the right gradients of the other lines; `sound` says which entries count. A way is a key of
    `parts`, and a term of the loss if it is in `terms`.
    """

    def __init__(
        self,
        given,
        parts,
        *,
        sound=True,
        terms=(),
        fields=None,
        values=None,
        upstream=None,
        others=None,
        scalars=None,
    ):
        size = sum(np.linalg.norm(t) for t in parts.values())
        self.given, self.sound, self.terms = given * sound, np.broadcast_to(sound, given.shape), set(terms)
        self.parts = {way: t * sound for way, t in parts.items() if np.linalg.norm(t) > 1e-9 * size}
        self.right = sum(self.parts.values(), np.zeros(given.shape))
        self.scale = float(np.linalg.norm(given - self.right))
        self.upstream = {
            w: u * sound for w, u in (upstream or {}).items() if w in self.parts and u.shape == given.shape
        }
        self.others = {n: r * sound for n, r in (others or {}).items() if r.shape == given.shape}
        self.scalars = scalars if isinstance(scalars, Scalars) else Scalars(scalars)
        self.fields = fitting(given.shape, {**(values or {}), **(fields or {})}, first=fields or {})

    def rest(self, way):
        """What was given for one part, if all other parts are right; the whole for way None."""
        return self.given if way is None else self.given - (self.right - self.parts[way])

    def part(self, way):
        """The right value of one part, or of the whole."""
        return self.right if way is None else self.parts[way]

    @property
    def ways(self):
        """Where to look for a change: the whole, and if there are several parts, each of them."""
        return [None, *self.parts] if len(self.parts) > 1 else [None]

    def atom(self, way, how, sentence, left):
        """An atom for one way; `sentence` continues "the part that comes back through z ..."."""
        if way is None:
            return [Atom(f"all {how}", f"every entry {sentence}", 1 - left)]
        rest = " and ".join(_called(self, w) for w in self.parts if w != way)
        sentence = f"{_called(self, way)} {sentence}; {rest} {'is' if len(self.parts) == 2 else 'are'} right"
        return [Atom(f"{_way(self, way)} {how}", sentence, 1 - left)]


def read(wrong):
    """The atoms that together explain a wrong line, simplest reading first; an empty list where none does."""
    if not wrong.given.any():
        return [Atom("zero", "every entry is 0")]
    for look in _LOOKS:
        atoms = look(wrong)
        if atoms:
            return atoms
    return []


def where(wrong):
    """A remark on where the wrong entries lie, if they are not everywhere; else an empty string."""
    off = np.abs(wrong.given - wrong.right)
    off = off > 1e-9 * (np.abs(wrong.right) + np.abs(wrong.given) + wrong.scale / max(off.size, 1))
    count = int(off.sum())
    if count == off.size or not count:
        return ""
    for name, field in wrong.fields.items():
        if field.dtype == bool and not (off & ~field).any():
            return f"all {count} wrong entries lie where {name}"
        if field.dtype == bool and not (off & field).any():
            return f"no wrong entry lies where {name}"
    for axis in range(off.ndim):
        lines = np.flatnonzero(off.any(axis=tuple(a for a in range(off.ndim) if a != axis)))
        if len(lines) <= max(1, off.shape[axis] // 3):
            return (
                f"all {count} wrong entries lie at {', '.join(map(str, lines))} of axis {axis}, which counts "
                f"from 0 to {off.shape[axis] - 1}"
            )
    if off.ndim >= 2 and not off[(..., slice(1, -1), slice(1, -1))].any():
        return f"all {count} wrong entries lie on the border of the last two axes"
    return f"{count} of {off.size} entries are wrong"


def _fit(w, rest, base):
    """(c, left): the factor by which `base` comes closest to `rest`, and the fraction of the
    difference that is left.
    """
    square = float((base * base).sum())
    if not square or not np.isfinite(square):
        return 0.0, np.inf
    c = float((rest * base).sum()) / square
    return c, float(np.linalg.norm(rest - c * base)) / w.scale


def _scaled(w):
    c, left = _fit(w, w.given, w.right)
    name = w.scalars.name(c, simple=w.given.size < ENOUGH)
    return w.atom(None, *_times(name), left) if left < EXACT and name else []


def _scaled_parts(w):
    """A factor for each part: first for one alone, then by least squares for all."""
    if len(w.parts) < 2:
        return []
    few = (
        w.given.size < ENOUGH
    )  # then only a part that is missing, or a factor with a simple name, is no coincidence
    for way in w.parts:
        rest = w.rest(way)
        if np.linalg.norm(rest) < EXACT * w.scale:
            return w.atom(way, "missing", "is missing", float(np.linalg.norm(rest)) / w.scale)
        c, left = _fit(w, rest, w.parts[way])
        if left < EXACT and w.scalars.name(c, simple=few):
            return w.atom(way, *_times(w.scalars.name(c)), left)
    return _combined(w, w.parts)


def _combined(w, bases, field="", changed=None, plus=None):
    """One factor for each base, all at once, each with a name or 0; `plus` is one more array
    that may have been added.

    `bases` are the parts, that of the way `changed` times a field.
    """
    columns = [*bases.values()] + ([] if plus is None else [w.sound.astype(float)])
    if w.given.size < 3 * len(columns):
        return []
    matrix = np.stack([b.reshape(-1) for b in columns], axis=1)
    c, *_ = np.linalg.lstsq(matrix, w.given.reshape(-1), rcond=None)
    left = float(np.linalg.norm(matrix @ c - w.given.reshape(-1))) / w.scale
    if not left < EXACT:
        return []
    atoms = []
    for way, factor in zip([*bases, *([plus] if plus else [])], c.tolist(), strict=True):
        nothing = abs(factor) * np.linalg.norm(bases.get(way, 1.0)) < EXACT * w.scale
        name = "0" if nothing else w.scalars.name(factor)
        if name is None:
            return []
        if way == plus:
            atoms += (
                []
                if nothing
                else [Atom("constant added", f"every entry is off by the same number, {name}", 1 - left)]
            )
        elif name != "1" or way == changed:
            how, sentence = (
                ("missing", "is missing") if nothing else _times(name, field if way == changed else "")
            )
            atoms.append(Atom(f"{_way(w, way)} {how}", f"{_called(w, way)} {sentence}", 1 - left))
    return atoms


def _field(w):
    return _factors(w, powers(w.fields, (1, -1)))


def _passed_on(w):
    """The step between this value and its user left out: the user's gradient passed on,
    perhaps with a factor.
    """
    return _upstream(w, (user if len(w.parts) > 1 else None for user in w.upstream))


def _only_passed_on(w):
    """The same, and every other part is missing as well."""
    return _upstream(w, (None for user in w.upstream))


def _upstream(w, ways):
    found = []
    for (user, u), way in zip(w.upstream.items(), ways, strict=True):
        for text, phi in chain([("", 1.0)], powers(w.fields, (1, -1))):
            c, left = _fit(w, w.rest(way), phi * u) if says_enough(phi * u) else (0.0, np.inf)
            name = w.scalars.name(c) if left < EXACT else None
            if name:
                factor = " * ".join(f for f in (name, text) if f and f != "1")
                how = f"= upstream of {user}" + (f" * {factor}" if factor else "")
                sentence = f"is the gradient at {user} " + (f"times {factor}" if factor else "as it arrives")
                sentence += ", so the step that leads there is not differentiated, or not as it stands"
                found.append((len(text) + len(name), w.atom(way, how, sentence, left)))
    return min(found, key=lambda f: f[0])[1] if found else []


def _two_fields(w):
    return _factors(w, list(powers(w.fields, (2, -2))) + list(products(w.fields)))


def _factors(w, factors):
    for text, phi in factors:
        for way in w.ways:
            base = w.part(way) * phi
            if not says_enough(base):
                continue
            c, left = _fit(w, w.rest(way), base)
            name = w.scalars.name(c) if left < EXACT else None
            if name:
                return w.atom(way, *_times(name, text), left)
    return []


def _several(w):
    """Several changes at once: a field on one part, factors on the others, a constant."""
    if w.given.size < ENOUGH:
        return []
    for plus in (None, "constant"):
        atoms = _combined(w, w.parts, plus=plus) if plus else []
        for text, phi in () if atoms else powers(w.fields, (1, -1, -2)):
            for way in w.parts:
                if not atoms and says_enough(phi * w.parts[way]):
                    atoms = _combined(w, {**w.parts, way: phi * w.parts[way]}, text, way, plus)
        if atoms:
            return atoms
    return []


def _turned(w):
    """An axis turned, exchanged, shifted, or summed although its entries are apart."""
    if w.given.size < ENOUGH:
        return []
    for way in w.ways:
        rest, part = w.rest(way), w.part(way)
        for how, sentence, other in _turns(part):
            c, left = _fit(w, rest, other)
            name = w.scalars.name(c) if left < EXACT else None
            if name and (name == "1" or "everything" not in how):  # any constant is some multiple of the sum
                times = "" if name == "1" else f" * {name}"
                return w.atom(way, how + times, sentence + (f", times {name}" if times else ""), left)
    return []


def _turns(t):
    axes = range(t.ndim)
    for a, b in combinations(axes, 2):
        if t.shape[a] == t.shape[b]:
            words = "transposed" if t.ndim == 2 else f"with axes {a} and {b} exchanged"
            yield words, f"is right but {words}", t.swapaxes(a, b)
    for count in range(1, min(t.ndim, 2) + 1):
        for some in combinations(axes, count):
            which = " and ".join(map(str, some))
            yield f"flipped along {which}", f"is right but flipped along axis {which}", np.flip(t, some)
    for axis in axes:
        for step in (1, -1):
            yield (
                f"rolled by {step} along {axis}",
                f"is right but rolled by {step} along axis {axis}",
                np.roll(t, step, axis),
            )
    for count in range(t.ndim, 0, -1):
        for some in combinations(axes, count):
            which = "everything" if count == t.ndim else "axis " + " and ".join(map(str, some))
            spread = np.broadcast_to(t.sum(axis=some, keepdims=True), t.shape)
            yield f"summed over {which}", f"is the sum over {which}, instead of standing on its own", spread


def _added(w):
    """The same number added to every entry, or a multiple of some array that is known."""
    d = w.given - w.right
    if d.size < ENOUGH:
        return []
    for text, base in [("constant", np.ones(d.shape)), *((n, f) for n, f in w.fields.items())]:
        if text != "constant" and not says_enough(base):
            continue
        c, left = _fit(w, d, base * w.sound)
        name = w.scalars.name(c) if left < EXACT else None
        if left < EXACT and text == "constant":
            what = f"{c:.6g}" + (f", which is {name}" if name else "")
            return [Atom("constant added", f"every entry is off by the same number, {what}", 1 - left)]
        if name:
            text = {"1": text, "-1": f"-{bracket(text)}"}.get(name, f"{name} * {bracket(text)}")
            return [Atom(f"{text} added", f"there is {text} too much in it", 1 - left)]
    return []


def _swapped(w):
    for name, other in w.others.items():
        left = float(np.linalg.norm(w.given - other)) / w.scale
        if left < EXACT and w.given.size > 1:
            return [
                Atom(
                    f"is that of {name}", f"this is the gradient of {name}: two names are exchanged", 1 - left
                )
            ]
    return []


def _times(name, field=""):
    """(signature, sentence) of a factor: a number by its name, and a field."""
    factor = " * ".join(f for f in (name, field) if f and (f != "1" or not field))
    if factor in ("-1", "2"):
        return {"-1": ("sign", "has the opposite sign"), "2": ("twice", "is twice the right value")}[factor]
    return f"* {factor}", f"is the right value times {factor}"


def _way(w, way):
    return way if way in w.terms else f"via {way}"


def _called(w, way):
    return f"the part from the term {way}" if way in w.terms else f"the part that comes back through {way}"


_LOOKS = (
    _scaled,
    _scaled_parts,
    _field,
    _passed_on,
    _turned,
    _added,
    _swapped,
    _two_fields,
    _several,
    _only_passed_on,
)
