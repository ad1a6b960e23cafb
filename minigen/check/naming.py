"""Gives names to what was seen: which known mistake, or which entry of the general catalogue,
accounts for most of it?

What was seen is a set of signatures, "logvar: via z * 1/sigma". A known mistake declares the signatures
that it leaves behind; or it is recognised by its formula, because a line gives exactly its values.
One mistake may show on several lines (a divergence forgotten altogether), so the one that accounts for the
most is named first. What is left over gets the general name of its kind, if it has one.
"""

import re
from dataclasses import dataclass
from itertools import combinations

import numpy as np

EXACT = 1e-6

_GENERAL = (  # a pattern of signatures, the code, the cause
    (r"ignores g$", "G17", "backward does not use the upstream gradient; it is 1 only at the loss itself"),
    (r"not 0 for g = 0$", "G17", "something is added that does not come from the upstream gradient"),
    (r"^changes ", "G18", "an array that others still need was changed in place"),
    (r"adds up$", "G16", "the gradient is added to something that outlives the call"),
    (r"remembers the last call$", "G20", "a value kept from another forward pass is used"),
    (
        r"two calls differ$",
        "G50",
        "noise is drawn again in backward, instead of using that of the forward pass",
    ),
    (r"float(16|32)$", "G38", "something inside is computed in less than float64"),
    (r"rounded$", "G38", "something inside is computed in less than float64"),
    (r"u?int\d+$", "G39", "whole numbers where fractions are needed: // or an integer array"),
    (r": zero$", "G22", "no gradient arrives here: a path was cut"),
    (r"transposed?( missing)?$", "G09", "a matrix is turned"),
    (
        r"sum over axis 0 missing$",
        "G07",
        "what every example uses gets the sum of their gradients, and the sum is missing",
    ),
    (
        r"sum over axis [\d, ]+ missing$",
        "G21",
        "what was repeated on the way forward must be summed on the way back",
    ),
    (r"summed over everything$", "G08", "one axis too many was summed"),
    (r"is that of ", "G40", "two gradients have each other's name"),
    (r" \* -1\b|: \S.* sign$", "G04", "the sign is wrong"),
    (r"via \S+ twice$", "G15", "one of the ways was counted twice"),
    (r": \S.* (twice|\* 1/2)$", "G05", "a factor 2: the power of a square, or a half"),
    (r": all \* N$", "G01", "the mean over the batch divides by N, and here nothing does"),
    (
        r"bias: all \* 1/N$|^b\w*: all \* 1/N$",
        "G06",
        "the gradients of a bias were averaged over the batch; they add up",
    ),
    (r": all \* 1/N$", "G02", "divided by N once more than the loss does"),
    (r": all \* (1/)?[A-Z]$", "G03", "averaged over an axis that the loss sums over, or the other way round"),
    (r"= upstream of ", "G11", "the derivative of a step is missing, or another one stands in its place"),
    (r"missing$", "G14", "what is used twice gets the sum of two gradients, and one of them is missing"),
)


@dataclass
class Reading:
    """What was seen on a line (`signature`, `sentence`),
    and the entry of the catalogue it points to, if any.
    """

    signature: str
    sentence: str
    explains: float | None = 1.0
    code: str | None = None
    cause: str = ""
    key: str | None = None  # which of several known mistakes with this code
    how: str = ""  # by what it was recognised: "signature", "partly", "formula", "pair" or "general"
    promise: bool = False  # a promise of backward that was not kept, and no formula


class Evidence:
    """What there is to name the readings of one configuration by.

    `lines` are the Lines with their readings, `compared` holds for each
    (what was given, what is right, which entries count), `formulas` what the lines of every known mistake
    give: {key: {line: array}}.
    """

    def __init__(self, diagnosis, compared, formulas, mistakes):
        self.diagnosis, self.compared, self.formulas, self.mistakes = diagnosis, compared, formulas, mistakes
        self._seen = {line.node: list(line.readings) for line in diagnosis.lines}
        signatures = {node: {r.signature for r in readings} for node, readings in self._seen.items()}
        matches = formula_matches({n: (*c, signatures[n]) for n, c in compared.items()}, formulas)
        self.claimed = claims(diagnosis.readings, matches, mistakes)

    def name(self, votes=None):
        """Name all readings; `votes` counts for each mistake the configurations in which it has a claim."""
        for line in self.diagnosis.lines:
            line.readings = list(self._seen[line.node])
        name_readings(self.diagnosis.readings, self.claimed, self.mistakes, votes)
        for line in self.diagnosis.lines:
            if line.node in self.compared and line.readings:
                if all(r.explains is None and not r.code for r in line.readings):
                    self._read_two(line)

    def _read_two(self, line):
        of_line = {key: values[line.node] for key, values in self.formulas.items() if line.node in values}
        pair = two_at_once(self.compared[line.node], of_line)
        if pair:
            seen = line.readings[0]
            first, second = (next(m for m in self.mistakes if m.key == key) for key in pair)
            sentence = _PAIR if seen.explains is None else seen.sentence
            line.readings = [
                Reading(seen.signature, sentence, 1.0, first.code, first.cause, first.key, "pair"),
                Reading(seen.signature, _PAIR, 1.0, second.code, second.cause, second.key, "pair"),
            ]


_PAIR = "two known mistakes at once lead to exactly these values"


def claims(readings, matches, known):
    """{key: [(how, signatures)]}: what each known mistake could account for; `matches` is
    what formula_matches found.

    A mistake that leaves several signatures may also have been made on some of its lines only:
    then it claims "partly".
    """
    seen, found = {r.signature for r in readings}, {}
    for mistake in known:
        declared = set(mistake.reads) & seen
        by_signature = "signature" if declared == set(mistake.reads) else "partly"
        ways = [(by_signature, declared), ("formula", matches.get(mistake.key, set()))]
        ways = [(how, signatures) for how, signatures in ways if signatures]
        if ways:
            found[mistake.key] = ways
    return found


def name_readings(readings, claimed, known, votes=None):
    """Fill in code and cause of the readings: the mistake that accounts for most of them first,
    then for what is left.

    `votes` counts for each key the configurations in which it has a claim; it decides between equals.
    """
    open_, votes = {r.signature: r for r in readings}, votes or {}
    for r in readings:
        r.code = r.key = None
    while open_:
        ranked = []
        for mistake in known:
            for how, signatures in claimed.get(mistake.key, ()):
                covered = signatures & set(open_)
                if covered and (how == "formula" or covered == signatures):
                    ranked.append(
                        (how != "partly", len(covered), votes.get(mistake.key, 0), mistake, how, covered)
                    )
        if not ranked:
            break
        *_, mistake, how, covered = max(ranked, key=lambda claim: claim[:3])
        for signature in covered:
            r = open_.pop(signature)
            r.code, r.cause, r.key, r.how = mistake.code, mistake.cause, mistake.key, how
            if (
                r.explains is None and how == "formula"
            ):  # nothing simpler accounts for this line, and the formula does
                r.explains = 1.0
    for signature, r in open_.items():
        for pattern, code, cause in _GENERAL:
            if r.explains is not None and re.search(pattern, signature):
                r.code, r.cause, r.how = code, cause, "general"
                break


def formula_matches(lines, formulas):
    """{key: set of signatures}: the mistakes whose every changed line is wrong here in exactly their way.

    `lines` maps a line to (what was given, what is right, which entries count, the signatures seen on it).
    """
    matches = {}
    for key, values in formulas.items():
        covered, fits = set(), True
        for node, value in values.items():
            if node not in lines or not _changes(value, lines[node]):
                continue
            given, right, sound, signatures = lines[node]
            fits = _apart(value, given, sound) <= EXACT * min(
                _apart(given, right, sound), np.linalg.norm(given)
            )
            if not fits:
                break
            covered |= signatures
        if fits and covered:
            matches[key] = covered
    return matches


def two_at_once(line, formulas):
    """Two mistakes (keys) that together account for a line: their effects added,
    or one after the other; or None.

    Two that do the same to the line are one mistake there: twice the effect of "missing" is a wrong sign.

    `line` is (what was given, what is right, which entries count), `formulas` {key: what the line gives}.
    """
    given, right, sound = line
    if given.shape != right.shape or given.size < 3:
        return None
    effects = {k: v for k, v in formulas.items() if v.shape == right.shape and _changes(v, line)}
    tolerated = EXACT * _apart(given, right, sound)
    with np.errstate(all="ignore"):
        for (a, first), (b, second) in combinations(effects.items(), 2):
            if _apart(first, second, sound) <= tolerated:
                continue
            if _apart(given + right, first + second, sound) <= tolerated:
                return a, b
            if _apart(given * right, first * second, sound) <= tolerated * np.abs(right).max():
                return a, b
    return None


def _changes(value, line):
    """Whether a mistake changes this line at all."""
    right, sound = line[1:3]
    return not _apart(value, right, sound) <= 1e-8 * (np.linalg.norm(value) + np.linalg.norm(right))


def _apart(a, b, sound):
    """The distance of two arrays on the entries that count; infinite where they cannot be compared."""
    if a.shape != b.shape or a.dtype.kind not in "fiub" or not np.isfinite(a).all():
        return np.inf
    return float(np.linalg.norm(np.where(sound, a - b, 0) if a.shape == sound.shape else a - b))
