"""Finds the first wrong line of a person's backward and says what was seen there.

Lines are judged one by one, from the loss towards the parameters, and each with the person's own gradients
of what follows: so a mistake is found where it is made and not where it shows, and two mistakes give two
findings. A line whose value is wrong only because of the lines above it is called a consequence.
"""

from dataclasses import dataclass, field

import numpy as np

from minigen.check.contract import BackwardRaised, examine, reductions
from minigen.check.diagnosis import Diagnosis, Line
from minigen.check.naming import Evidence, Reading
from minigen.check.readings import Wrong, read, where
from minigen.check.scalars import Scalars
from minigen.check.stencil import norm

AGREES, WRONG = 1e-9, 3e-9  # relative; the differences themselves are good to 1e-11 or tell that they are not
SMALL = 1e-6  # of the largest entry: below, an entry is judged by what rounding leaves of the largest
KINK = 1e-4  # relative: one-sided slopes are only that exact
# relative: smaller than any mistake in a formula that was ever seen, larger than rounding to float32
NOISE = 1e-5
BLIND = 1e-3  # where the error bar is a thousandth of the gradient, differences say nothing


@dataclass
class Knowledge:
    """What an exercise knows of its formulas: arrays they are made of, numbers in them,
    and mistakes that have a name.

    A mistake has `key`, `code`, `cause`, `reads` (the signatures it leaves) and `values(problem, own)`.
    """

    fields: dict = field(default_factory=dict)
    scalars: dict = field(default_factory=dict)
    mistakes: list = field(default_factory=list)


def diagnose(problem, backward, wanted, knowledge=None, *, title=""):
    """Judge every gradient in `wanted` (from the loss towards the parameters) that `backward` returns.

    Returns a Diagnosis.

    Raises ContractError where what backward returns cannot be compared, Unwritten where nothing is
    written yet, and BackwardRaised where backward does. The table comes first: where the search for words
    fails, a note says so.
    """
    knowledge = knowledge or Knowledge()
    answer = examine(problem, backward, wanted)
    work = _Work(problem, answer, knowledge)
    lines = [work.line(node) for node in wanted]
    broken = [Reading(f.signature, f.sentence, promise=True) for f in answer.findings if f.node is None]
    _settle(lines, broken)
    found = Diagnosis(title, lines, broken)
    try:
        _name(found, work, lines, problem, knowledge)
    except BackwardRaised:
        raise
    except Exception as error:
        found.notes.append(
            f"minigen found no words for this, by a mistake of its own: {type(error).__name__}: {error}"
        )
    return found


def _name(found, work, lines, problem, knowledge):
    """Give the readings their names in the catalogue."""
    if found.readings:
        formulas = {m.key: m.values(problem, work.own) for m in knowledge.mistakes}
        found.evidence = Evidence(found, work.compared(lines), formulas, knowledge.mistakes)
        found.evidence.name()


def _settle(lines, broken):
    """What can only be said when all lines are known."""
    guilty = kink = False
    for line in lines:
        guilty = guilty or line.verdict == "wrong"
        if line.verdict == "consequence" and not guilty:
            # A consequence of what? At a kink above both slopes are right, and the truth
            # has taken one of them.
            line.verdict = "ok" if kink else "inconclusive"
        kink = kink or line.skipped > 0
        if broken:  # an array that was changed in place is reason enough for numbers that nothing explains
            line.readings = [r for r in line.readings if r.explains is not None]


class _Work:
    """One answer under examination."""

    def __init__(self, problem, answer, knowledge):
        self.problem, self.answer, self.knowledge = problem, answer, knowledge
        self.truth, self.own = problem.gradients(), problem.gradients(answer.gradients)
        self.scalars, self.broken_above = None, False

    def line(self, node):
        """The Line of one gradient, with what can be read from it."""
        line, answer = Line(node, self.problem.value(node).shape), self.answer
        if node in answer.unwritten:
            line.verdict = "unwritten"
            return line
        line.numeric = float(np.linalg.norm(self.truth[node]))
        findings = [f for f in answer.findings if f.node == node]
        if node in answer.gradients:
            wrong = self._compare(line, answer.gradients[node])
        else:
            line.verdict, wrong = "wrong", None
        if self.broken_above and line.verdict in ("ok", "consequence"):
            # noise above, or a g that was ignored above, shows here as well, and is no fault of this line
            findings = []
        line.readings = [Reading(f.signature, f.sentence, promise=True) for f in findings]
        if findings:
            line.verdict, self.broken_above = "wrong", True
            self._repair(line)
        if wrong is not None:
            line.readings += [Reading(f"{node}: {a.signature}", a.sentence, a.explains) for a in read(wrong)]
            if line.local_error < NOISE and not line.readings:
                line.readings = [Reading(f"{node}: rounded", _ROUNDED.format(line.local_error))]
            line.remark = where(wrong)
            if not line.readings:
                line.readings = [Reading(f"{node}: unexplained", "no simple change explains it", None)]
        return line

    def compared(self, lines):
        """{line: (what was given, what is right, which entries count)} for every line that is written."""
        found = {}
        for line in lines:
            if line.verdict != "unwritten" and line.node in self.answer.raw:
                parts, _ = self.problem.parts(line.node, self.own)
                right = sum(parts.values(), np.zeros(line.shape))
                found[line.node] = (self.answer.raw[line.node], right, self.problem.sound(line.node))
        return found

    def _compare(self, line, a):
        """Fill in numbers and verdict;
        returns a Wrong to be read where the line itself is wrong, else None.
        """
        node, truth, problem = line.node, self.truth[line.node], self.problem
        parts, bars = problem.parts(node, self.own)
        local, sound = sum(parts.values(), np.zeros(a.shape)), problem.sound(node)
        claim = np.where(sound, a, local)
        bar = 10 * sum(bars.values(), np.zeros(a.shape))
        ways = sum((np.abs(p) for p in parts.values()), np.zeros(a.shape))
        size = norm(claim) + sum(norm(p) for p in parts.values())
        off, off_truth = np.abs(claim - local), np.where(sound, a - truth, 0)
        line.yours, line.bar = norm(a), norm(bar) / size if size else 0.0
        distance = norm(off_truth)
        line.error = distance / (line.yours + line.numeric) if distance else 0.0
        line.local_error = norm(off) / size if off.any() else 0.0
        line.skipped = int((~sound).sum())
        if a.size:
            i = np.unravel_index(int(np.abs(off_truth).argmax()), a.shape)
            line.worst, line.off = (tuple(map(int, i)), float(a[i]), float(truth[i])), np.abs(off_truth)
        # a line is exact but for rounding of its parts, which may cancel: what is small
        # beside those is not judged
        floor = AGREES * np.maximum(np.abs(claim) + ways, SMALL * max(float(ways.max(initial=0)), 1e-300))
        good = floor + bar
        local_good = bool((off <= good).all())
        beyond = self._beyond_kink(node, a, sound)
        if a.size and not sound.any() and beyond is None:
            line.verdict = "inconclusive"
        elif beyond is not None:
            line.verdict, line.remark = "wrong", beyond
        elif local_good or distance <= AGREES * size + norm(bar):
            line.verdict = "ok" if distance <= AGREES * size + norm(bar) and local_good else "consequence"
        elif norm(bar) > BLIND * size or not (off > np.maximum(100 * bar, WRONG * floor / AGREES)).any():
            line.verdict = "inconclusive"
        else:
            line.verdict = "wrong"
            return self._wrong(node, claim, parts)
        return None

    def _beyond_kink(self, node, a, sound):
        """A sentence where a claim at a kink is no slope between those of its two sides, else None."""
        if sound.all():
            return None
        for i, (lowest, highest) in self.problem.sides(node, self.own).items():
            claim = float(a.flat[i])
            if max(lowest - claim, claim - highest) > KINK * (abs(claim) + abs(lowest) + abs(highest)):
                place = ", ".join(map(str, np.unravel_index(i, a.shape)))
                return (
                    f"at [{place}] is a kink, where the slope lies between {lowest:.6g} and {highest:.6g}, "
                    f"not {claim:.6g}"
                )
        return None

    def _wrong(self, node, claim, parts):
        problem, knowledge = self.problem, self.knowledge
        if self.scalars is None:
            self.scalars = Scalars(knowledge.scalars)
        values = {n: problem.value(n) for n in problem.order}
        others = {
            n: self.truth[n]
            for n, a in self.answer.gradients.items()
            if n != node and _equal(a, self.truth[node])
        }
        return Wrong(
            claim,
            parts,
            sound=problem.sound(node),
            terms=problem.terms,
            fields=knowledge.fields,
            values=values,
            upstream=self.own,
            others=others,
            scalars=self.scalars,
        )

    def _repair(self, line):
        """A gradient of the wrong shape: say which reduction would make it right, if one does."""
        raw = self.answer.raw.get(line.node)
        if raw is None or raw.shape == line.shape or raw.dtype.kind not in "fiu":
            return
        right = sum(self.problem.parts(line.node, self.own)[0].values(), np.zeros(line.shape))
        for words, way in reductions(raw.shape, line.shape):
            if np.linalg.norm(way(raw) - right) <= 1e-6 * np.linalg.norm(right):
                r, article = line.readings[0], "an" if words[0] in "aeiou" else "a"
                r.signature = f"{line.node}: {words} missing"
                r.sentence = (
                    f"{r.sentence.split(';')[0]}; {article} {words} is missing, and everything else is right"
                )
                return


def _equal(a, b):
    return a.shape == b.shape and bool(np.linalg.norm(a - b) <= 1e-6 * np.linalg.norm(b))


_ROUNDED = (
    "the numbers are right to {:.0e} and no further, while float64 and these differences are good to 1e-11: "
    "something inside is computed in float32, or a small number is added to be on the safe side"
)
