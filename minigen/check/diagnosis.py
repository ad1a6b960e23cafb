"""The report on one backward: a line for each gradient, the first wrong one marked,
what was seen there, what it means.
"""

from dataclasses import dataclass, field
from html import escape
from textwrap import fill

from minigen.terminal import width

_MARKS = {"wrong": "WRONG", "consequence": "follows from the lines above", "unwritten": "still to write"}


@dataclass
class Line:
    """One gradient: `verdict` is ok, wrong, consequence, inconclusive or unwritten.

    `yours` and `numeric` are norms, `error` is relative and against the truth; `local_error` is against what
    this line should give for the person's own gradients of what follows. `worst` is (index, yours, numeric).
    `off` holds the absolute error of every entry.
    """

    node: str
    shape: tuple
    verdict: str = "ok"
    yours: float | None = None
    numeric: float | None = None
    error: float | None = None
    local_error: float | None = None
    bar: float = 0.0
    worst: tuple | None = None
    off: object = None
    skipped: int = 0
    remark: str = ""
    readings: list = field(default_factory=list)

    def to_dict(self):
        """Plain values, ready for JSON."""
        plain = {k: v for k, v in vars(self).items() if k not in ("off", "readings")}
        return plain | {"shape": list(self.shape), "readings": [vars(r) for r in self.readings]}


@dataclass
class Diagnosis:
    """All that was found in one configuration: the lines from the loss towards the parameters,
    and promises not kept.

    `broken` are the Readings of backward as a whole, `notes` further sentences; `evidence` is what the
    readings were named by.
    """

    title: str
    lines: list
    broken: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    evidence: object = None

    @property
    def verdict(self):
        """ok, wrong, inconclusive or unwritten, for the whole."""
        verdicts = {line.verdict for line in self.lines}
        if self.broken or verdicts & {"wrong", "consequence"}:
            return "wrong"
        return next((v for v in ("inconclusive", "unwritten") if v in verdicts), "ok")

    @property
    def readings(self):
        """All Readings, first things first."""
        return [*self.broken, *(r for line in self.lines for r in line.readings)]

    @property
    def first(self):
        """The first Reading: of backward as a whole, else of the first wrong line;
        None where nothing was read.
        """
        return next(iter(self.readings), None)

    @property
    def first_wrong(self):
        """The first wrong Line, or None."""
        return next((line for line in self.lines if line.verdict == "wrong"), None)

    def to_dict(self):
        """Plain values, ready for JSON."""
        return {
            "title": self.title,
            "verdict": self.verdict,
            "lines": [line.to_dict() for line in self.lines],
            "broken": [vars(r) for r in self.broken],
            "notes": list(self.notes),
        }

    def rows(self):
        """The table as lists of strings, the heading first."""
        rows, marked = [["line", "shape", "|yours|", "|numeric|", "error", "verdict"]], False
        for x in self.lines:
            mark = _MARKS.get(x.verdict, x.verdict)
            if x.verdict == "wrong" and not marked:
                mark, marked = f"{mark}   <- first wrong line", True
            rows.append(
                [x.node, _shape(x.shape), _short(x.yours), _short(x.numeric), _short(x.error, 1), mark]
            )
        return rows

    def sentences(self):
        """What was seen and what it means, as (kind, text): worst, seen, likely, where, note."""
        out, told = [], set()
        x = self.first_wrong
        if x is not None and x.worst is not None:
            index, yours, numeric = x.worst
            ratio = f", ratio {yours / numeric:.4g}" if numeric else ""
            place = ", ".join(map(str, index))
            out.append(("worst", f"{x.node}[{place}]: yours {yours:.6g}, numeric {numeric:.6g}{ratio}"))
        for line, readings in ((None, self.broken), *((x, x.readings) for x in self.lines)):
            start = f"{line.node}: " if line else ""
            for r in readings:
                out.append(("seen", start + _seen(r)))
                if r.code and (r.code, r.cause) not in told:
                    told.add((r.code, r.cause))
                    out.append(("likely", f"{r.cause} [{r.code}]"))
            if line and line.remark and readings and not readings[0].code:
                out.append(("where", start + line.remark))
            if line and line.skipped:
                many = (
                    f"{line.skipped} of {line.off.size} entries lie on a kink (relu at exactly 0, a tie of "
                    "max)"
                )
                out.append(("note", f"{start}{many}, where the two sides differ; they were not compared"))
        return out + [("note", n) for n in self.notes]

    def __str__(self):
        rows = self.rows()
        widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
        table = ["  " + "  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in rows]
        told = [
            fill(f"{kind:<6} : {text}", min(width(), 100), subsequent_indent=" " * 9)
            for kind, text in self.sentences()
        ]
        return "\n".join([self.title, *table, *told])

    def _repr_html_(self):
        head, *rows = self.rows()
        colours = {"ok": "#1a7f37", "wrong": "#cf222e", "consequence": "#9a6700", "inconclusive": "#9a6700"}
        html = [
            f"<p>{escape(self.title)}</p><table><thead><tr>",
            *(f"<th>{escape(t)}</th>" for t in head),
            "</tr></thead>",
        ]
        for line, row in zip(self.lines, rows, strict=True):
            cells = "".join(f"<td>{escape(c)}</td>" for c in row[:-1])
            colour = colours.get(line.verdict, "inherit")
            html.append(f'<tr>{cells}<td style="color:{colour};font-weight:bold">{escape(row[-1])}</td></tr>')
        html.append("</table>")
        if self.first_wrong is not None and self.first_wrong.off is not None:
            html.append(_heat_map(self.first_wrong))
        html += [f"<p><b>{kind}</b> {escape(text)}</p>" for kind, text in self.sentences()]
        return "".join(html)


def _seen(reading):
    """The sentence of a reading, with how much of the difference it explains."""
    by_formula = reading.signature.endswith("unexplained") and reading.how == "formula"
    sentence = "it has exactly the values that one known mistake leads to" if by_formula else reading.sentence
    known = reading.explains is not None and not reading.promise
    return sentence + (f" (explains {100 * reading.explains:.4f} % of the difference)" if known else "")


def _heat_map(line, pixel=14):
    """A small picture of |yours - numeric|, darker where it is larger: rows are the first
    axis, columns all others.
    """
    off = line.off.reshape(line.off.shape[0] if line.off.ndim > 1 else 1, -1)[:40, :60]
    top = float(off.max()) or 1.0
    cells = [
        f'<rect x="{j * pixel}" y="{i * pixel}" width="{pixel - 1}" height="{pixel - 1}" fill="#cf222e" '
        f'fill-opacity="{0.06 + 0.94 * float(off[i, j]) / top:.2f}"><title>[{i}, {j}] off by '
        f"{off[i, j]:.3g}</title></rect>"
        for i in range(off.shape[0])
        for j in range(off.shape[1])
    ]
    size = f'width="{off.shape[1] * pixel}" height="{off.shape[0] * pixel}"'
    return (
        f"<figure><svg {size}>{''.join(cells)}</svg><figcaption>where {escape(line.node)} is "
        "off</figcaption></figure>"
    )


def _short(value, digits=2):
    return "-" if value is None else f"{value:.{digits}e}" if value else "0"


def _shape(shape):
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
