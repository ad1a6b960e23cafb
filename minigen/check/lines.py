"""Judges a backward line by line: a table with a row for each gradient, the first wrong one marked.

Lines are judged from the loss towards the parameters, and each with the person's own gradients of what
follows: so a mistake is seen where it is made and not where it shows. A line whose value is wrong only
because of the lines above it is called a consequence. What the mistake is, is not said here: that is what
minigen.explain is for.
"""

from dataclasses import dataclass, field
from html import escape
from textwrap import fill

import numpy as np

from minigen import tables
from minigen.check.contract import Finding, examine
from minigen.check.stencil import norm
from minigen.terminal import width

AGREES, WRONG = 1e-9, 3e-9  # relative; the differences themselves are good to 1e-11 or tell that they are not
SMALL = 1e-6  # of the largest entry: below, an entry is judged by what rounding leaves of the largest
KINK = 1e-4  # relative: one-sided slopes are only that exact
NOISE = 1e-5  # relative: smaller than any mistake in a formula that was ever seen, larger than float32
BLIND = 1e-3  # where the error bar is a thousandth of the gradient, differences say nothing
_MARKS = {"wrong": "WRONG", "consequence": "follows from the lines above", "unwritten": "still to write"}


@dataclass
class Line:
    """One gradient: `verdict` is ok, wrong, consequence, inconclusive or unwritten.

    `yours` and `numeric` are norms, `error` is relative and against the truth. `worst` is (index, yours,
    numeric), `off` holds the absolute error of every entry, `findings` are promises that this gradient
    breaks, `where` says which entries are wrong, if not all are.
    """

    node: str
    shape: tuple
    verdict: str = "ok"
    yours: float | None = None
    numeric: float | None = None
    error: float | None = None
    worst: tuple | None = None
    off: object = None
    skipped: int = 0
    where: str = ""
    findings: list = field(default_factory=list)


@dataclass
class Table:
    """All that was seen in one configuration.

    `lines` go from the loss towards the parameters, `broken` are the Findings about backward as a whole,
    `notes` further sentences.
    """

    title: str
    lines: list
    broken: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    @property
    def verdict(self):
        """ok, wrong, inconclusive or unwritten, for the whole."""
        verdicts = {line.verdict for line in self.lines}
        if self.broken or verdicts & {"wrong", "consequence"}:
            return "wrong"
        return next((v for v in ("inconclusive", "unwritten") if v in verdicts), "ok")

    @property
    def findings(self):
        """All promises that were not kept, first things first."""
        return [*self.broken, *(f for line in self.lines for f in line.findings)]

    @property
    def first_wrong(self):
        """The first wrong Line, or None."""
        return next((line for line in self.lines if line.verdict == "wrong"), None)

    @property
    def unwritten(self):
        """The names of the gradients that are still to write."""
        return [line.node for line in self.lines if line.verdict == "unwritten"]

    def rows(self):
        """The table as lists of strings, the heading first."""
        rows, marked = [["line", "shape", "|yours|", "|numeric|", "error", "verdict"]], False
        for x in self.lines:
            mark = _MARKS.get(x.verdict, x.verdict)
            if x.verdict == "wrong" and not marked:
                mark, marked = f"{mark}   <- first wrong line", True
            rows.append([x.node, str(x.shape), _short(x.yours), _short(x.numeric), _short(x.error, 1), mark])
        return rows

    def sentences(self):
        """What was seen, as (kind, text): worst, seen, where, note."""
        out, x = [], self.first_wrong
        if x is not None and x.worst is not None:
            index, yours, numeric = x.worst
            ratio = f", ratio {yours / numeric:.4g}" if numeric else ""
            out.append(("worst", f"{x.node}{list(index)}: yours {yours:.6g}, numeric {numeric:.6g}{ratio}"))
        out += [("seen", f.sentence) for f in self.findings]
        for line in self.lines:
            out += [("where", f"{line.node}: {line.where}")] * bool(line.where)
            if line.skipped:
                many = f"{line.skipped} of {line.off.size} entries lie on a kink"
                why = "relu at exactly 0, a tie of max, where the two sides differ; they were not compared"
                out.append(("note", f"{line.node}: {many}: {why}"))
        return out + [("note", n) for n in self.notes]

    def __str__(self):
        table = ["  " + line for line in tables.as_text(self.rows())]
        wrap = {"width": min(width(), 100), "subsequent_indent": " " * 9}
        return "\n".join([self.title, *table, *(fill(f"{k:<6} : {t}", **wrap) for k, t in self.sentences())])

    def _repr_html_(self):
        table = tables.as_html(self.rows(), [line.verdict for line in self.lines])
        html = [f"<p>{escape(self.title)}</p>{table}"]
        if self.first_wrong is not None and self.first_wrong.off is not None:
            html.append(_heat_map(self.first_wrong))
        html += [f"<p><b>{kind}</b> {escape(text)}</p>" for kind, text in self.sentences()]
        return "".join(html)


def _heat_map(line, pixel=14):
    """A small picture of |yours - numeric|, darker where it is larger; its rows are the first axis."""
    off = line.off.reshape(line.off.shape[0] if line.off.ndim > 1 else 1, -1)[:40, :60]
    top = float(off.max()) or 1.0
    cells = [
        f'<rect x="{j * pixel}" y="{i * pixel}" width="{pixel - 1}" height="{pixel - 1}" fill="#cf222e" '
        f'fill-opacity="{0.06 + 0.94 * float(off[i, j]) / top:.2f}">'
        f"<title>[{i}, {j}] off by {off[i, j]:.3g}</title></rect>"
        for i in range(off.shape[0])
        for j in range(off.shape[1])
    ]
    size = f'width="{off.shape[1] * pixel}" height="{off.shape[0] * pixel}"'
    caption = f"<figcaption>where {escape(line.node)} is off</figcaption>"
    return f"<figure><svg {size}>{''.join(cells)}</svg>{caption}</figure>"


def _short(value, digits=2):
    return "-" if value is None else f"{value:.{digits}e}" if value else "0"


def judge_lines(problem, backward, wanted, *, title=""):
    """The Table of the gradients in `wanted` (from the loss towards the parameters) that `backward` returns.

    Raises ContractError where what backward returns cannot be compared, Unwritten where nothing is written
    yet, and BackwardRaised where backward does.
    """
    answer = examine(problem, backward, wanted)
    work = _Work(problem, answer)
    lines = [work.line(node) for node in wanted]
    _settle(lines)
    return Table(title, lines, [f for f in answer.findings if f.node is None])


def _settle(lines):
    """A consequence of what? At a kink above, both slopes are right, and the truth has taken one of them."""
    guilty = kink = False
    for line in lines:
        guilty = guilty or line.verdict == "wrong"
        if line.verdict == "consequence" and not guilty:
            line.verdict = "ok" if kink else "inconclusive"
        kink = kink or line.skipped > 0


class _Work:
    """One answer under examination."""

    def __init__(self, problem, answer):
        self.problem, self.answer, self.broken_above = problem, answer, False
        self.truth, self.own = problem.gradients(), problem.gradients(answer.gradients)

    def line(self, node):
        """The Line of one gradient."""
        line, answer = Line(node, self.problem.value(node).shape), self.answer
        if node in answer.unwritten:
            line.verdict = "unwritten"
            return line
        line.numeric = float(np.linalg.norm(self.truth[node]))
        if node in answer.gradients:
            self._compare(line, answer.gradients[node])
        else:
            line.verdict = "wrong"
        if self.broken_above and line.verdict in ("ok", "consequence"):
            return line  # noise or an ignored g above shows here too, and is no fault of this line
        promises = [f for f in answer.findings if f.node == node]
        if promises:
            line.verdict, self.broken_above, line.findings = "wrong", True, promises
        return line

    def _compare(self, line, a):
        """Fill in numbers and verdict."""
        node, truth, problem = line.node, self.truth[line.node], self.problem
        parts, bars = problem.parts(node, self.own)
        local, sound = sum(parts.values(), np.zeros(a.shape)), problem.sound(node)
        claim = np.where(sound, a, local)
        bar = 10 * sum(bars.values(), np.zeros(a.shape))
        ways = sum((np.abs(p) for p in parts.values()), np.zeros(a.shape))
        size = norm(claim) + sum(norm(p) for p in parts.values())
        off, off_truth = np.abs(claim - local), np.where(sound, a - truth, 0)
        distance = norm(off_truth)
        line.yours, line.skipped = norm(a), int((~sound).sum())
        line.error = distance / (line.yours + line.numeric) if distance else 0.0
        if a.size:
            i = np.unravel_index(int(np.abs(off_truth).argmax()), a.shape)
            line.worst, line.off = (tuple(map(int, i)), float(a[i]), float(truth[i])), np.abs(off_truth)
        # exact but for rounding of its parts, which may cancel: what is small beside those is not judged
        floor = AGREES * np.maximum(np.abs(claim) + ways, SMALL * max(float(ways.max(initial=0)), 1e-300))
        local_good = bool((off <= floor + bar).all())
        beyond = self._beyond_kink(node, a, sound)
        if a.size and not sound.any() and not beyond:
            line.verdict = "inconclusive"
        elif beyond:
            line.verdict, line.where = "wrong", beyond
        elif local_good or distance <= AGREES * size + norm(bar):
            line.verdict = "ok" if distance <= AGREES * size + norm(bar) and local_good else "consequence"
        elif norm(bar) > BLIND * size or not (off > np.maximum(100 * bar, WRONG * floor / AGREES)).any():
            line.verdict = "inconclusive"
        else:
            line.verdict, line.where = "wrong", _where(off > floor + bar)
            if norm(off) < NOISE * size:
                line.findings.append(Finding(node, "dtype", _ROUNDED.format(node, norm(off) / size)))

    def _beyond_kink(self, node, a, sound):
        """A sentence where a claim at a kink is no slope between those of its two sides, else ""."""
        if sound.all():
            return ""
        for i, (lowest, highest) in self.problem.sides(node, self.own).items():
            claim = float(a.flat[i])
            if max(lowest - claim, claim - highest) > KINK * (abs(claim) + abs(lowest) + abs(highest)):
                place = list(map(int, np.unravel_index(i, a.shape)))
                slopes = f"the slope lies between {lowest:.6g} and {highest:.6g}, not {claim:.6g}"
                return f"at {place} is a kink, where {slopes}"
        return ""


def _where(off):
    """Where the wrong entries lie, if they are not everywhere; else ""."""
    count = int(off.sum())
    if count == off.size or not count:
        return ""
    for axis in range(off.ndim):
        lines = np.flatnonzero(off.any(axis=tuple(a for a in range(off.ndim) if a != axis)))
        if len(lines) <= max(1, off.shape[axis] // 3):
            at, last = ", ".join(map(str, lines)), off.shape[axis] - 1
            return f"all {count} wrong entries lie at {at} of axis {axis}, which counts from 0 to {last}"
    if off.ndim >= 2 and not off[(..., slice(1, -1), slice(1, -1))].any():
        return f"all {count} wrong entries lie on the border of the last two axes"
    return f"{count} of {off.size} entries are wrong"


_ROUNDED = (
    "the gradient of {} is right to {:.0e} and no further, while float64 and these differences are good to "
    "1e-11: something inside is computed in float32, or a small number is added to be on the safe side"
)
