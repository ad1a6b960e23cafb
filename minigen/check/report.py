"""What the checker says: one record a tensor, and a report that prints them as a table.

A record puts up to three opinions on one gradient side by side: by hand, by tape, by differences. Each pair
has one relative error, |a - b| / (|a| + |b|) over the whole tensor: 0 for equal, 1 for opposite or for zero
against something.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from minigen import tables

WITNESSES = {"hand": "by hand", "tape": "by tape", "differences": "by differences"}
FIGURES = {
    "hand_vs_tape": "hand-tape",
    "hand_vs_differences": "hand-diff",
    "tape_vs_differences": "tape-diff",
}


@dataclass
class Record:
    """One tensor under the witnesses. An error is None where a witness was not asked.

    `verdict` is "ok", "wrong" or "inconclusive", and `reason` says why in a sentence. `error_bar` is how far
    the differences themselves can be trusted, relative like the errors. `worst` holds the value of each
    witness at `worst_index`. `skipped` counts the probes that could not be compared because they lie on a
    kink or leave the domain of the loss.
    """

    subject: str
    parameter: str
    shape: tuple
    hand_vs_tape: float | None = None
    hand_vs_differences: float | None = None
    tape_vs_differences: float | None = None
    worst_index: tuple | None = None
    worst: dict = field(default_factory=dict)
    error_bar: float | None = None
    verdict: str = "ok"
    reason: str = ""
    skipped: int = 0
    method: str = ""

    @property
    def largest_error(self) -> float | None:
        """The largest of the three relative errors, or None where nothing could be compared."""
        return max((e for e in (getattr(self, name) for name in FIGURES) if e is not None), default=None)

    def to_dict(self) -> dict[str, Any]:
        """Plain Python values, ready for JSON: tuples become lists, what is not finite becomes None."""
        return plain(asdict(self))

    def explain(self) -> str:
        """The verdict in words, with the numbers of the worst entry."""
        where = f"{self.subject} " if self.subject else ""
        lines = [f"{where}{self.parameter}: {self.verdict}: {self.reason}"]
        if self.worst:
            values = ", ".join(f"{WITNESSES[name]} {value:.6g}" for name, value in self.worst.items())
            lines.append(f"    worst entry {_index(self.worst_index)}: {values}{_ratio(self.worst)}")
        return "\n".join(lines)


@dataclass
class Report:
    """All records of one check. `ok` is true when there are records and every one of them agrees.

    Nothing is raised unless asked for with `assert_ok()`. `notes` are remarks on the whole check, such as an
    input that was copied to float64 first.
    """

    records: list
    notes: list = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return bool(self.records) and all(r.verdict == "ok" for r in self.records)

    @property
    def verdict(self) -> str:
        """ok, wrong or inconclusive, for the whole."""
        verdicts = {r.verdict for r in self.records}
        return "ok" if self.ok else "wrong" if "wrong" in verdicts else "inconclusive"

    def assert_ok(self) -> None:
        """Raise AssertionError, with the table as its message, unless everything agrees."""
        if not self.ok:
            raise AssertionError(f"gradients do not agree\n{self}")

    def to_dict(self) -> dict[str, Any]:
        return {"ok": self.ok, "records": [r.to_dict() for r in self.records], "notes": list(self.notes)}

    def rows(self) -> list[list[str]]:
        """The table as lists of strings, the heading first; columns that nobody filled are left out."""
        columns = {
            "subject": lambda r: r.subject,
            "parameter": lambda r: r.parameter,
            "shape": lambda r: "-" if r.shape is None else str(r.shape),
        }
        columns |= {title: lambda r, n=name: _error(getattr(r, n)) for name, title in FIGURES.items()}
        columns |= {
            "error bar": lambda r: _error(r.error_bar),
            "worst entry": lambda r: _index(r.worst_index),
            "verdict": lambda r: r.verdict if r.verdict != "wrong" else "WRONG",
        }
        table = {title: [cell(r) for r in self.records] for title, cell in columns.items()}
        table = {title: cells for title, cells in table.items() if any(c not in ("", "-") for c in cells)}
        return [list(table), *(list(row) for row in zip(*table.values(), strict=True))]

    def explanations(self) -> list[str]:
        """A paragraph for every record that is not plainly ok, and for those that left something out."""
        told = [r for r in self.records if r.reason]
        return [f"{r.parameter}: {r.reason}" if r.verdict == "ok" else r.explain() for r in told]

    def summary(self) -> str:
        """One line: how many of each verdict, and the largest error among those that agree."""
        count = {v: sum(r.verdict == v for r in self.records) for v in ("ok", "wrong", "inconclusive")}
        counts = ", ".join(f"{n} {v}" for v, n in count.items() if n or v == "ok")
        line = f"{len(self.records)} compared: {counts}"
        errors = [r.largest_error for r in self.records if r.verdict == "ok" and r.largest_error is not None]
        return f"{line}; largest error among the ok: {_error(max(errors))}" if errors else line

    def __str__(self) -> str:
        if not self.records:
            return "\n\n".join(["nothing was compared", *self.notes])
        rows = self.rows()
        numbers = {i for i, title in enumerate(rows[0]) if title in (*FIGURES.values(), "error bar")}
        table = "\n".join(tables.as_text(rows, right=numbers))
        return "\n\n".join([table, *self.explanations(), *self.notes, self.summary()])

    def _repr_html_(self):
        from html import escape  # costs 5 ms to import, and only a notebook wants it

        if not self.records:
            return "".join(f"<p>{escape(text)}</p>" for text in ("nothing was compared", *self.notes))
        html = [tables.as_html(self.rows(), [record.verdict for record in self.records])]
        html += [f"<pre>{escape(text)}</pre>" for text in self.explanations()]
        html += [f"<p>{escape(text)}</p>" for text in (*self.notes, self.summary())]
        return "".join(html)


def plain(value):
    """Numbers that JSON does not have (infinity, NaN) become None; NumPy's become Python's."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _error(value):
    return "-" if value is None else "0" if value == 0 else f"{value:.1e}"


def _index(index):
    return "-" if index is None else str(list(index))


def _ratio(worst):
    """How many times the reference the odd one out is: a factor such as 2 or 1/N often names the mistake."""
    claims = [worst[w] for w in ("hand", "tape") if w in worst]
    reference = worst.get("differences", worst.get("tape"))
    if not claims or not reference or not math.isfinite(reference):
        return ""
    claim = max(claims, key=lambda value: abs(value - reference))
    if not math.isfinite(claim / reference):
        return ""
    return f", ratio {claim / reference:.6g}"
