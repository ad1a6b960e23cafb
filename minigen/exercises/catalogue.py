"""Looks up a mistake by its code, in the catalogue that people read: mistakes.md."""

import functools
from dataclasses import dataclass
from pathlib import Path

from minigen.arguments import did_you_mean


@dataclass(frozen=True)
class Entry:
    """One mistake: its code, such as "V02", its name, and a paragraph about it."""

    code: str
    title: str
    text: str

    def __str__(self):
        return f"{self.code}  {self.title}\n\n{self.text}"


@functools.cache
def entries():
    """{code: Entry}, in the order of the catalogue."""
    source = Path(__file__).with_name("mistakes.md").read_text(encoding="utf-8")
    found = {}
    for section in source.split("\n## ")[1:]:
        head, _, text = section.partition("\n")
        code, _, title = head.partition(" ")
        found[code] = Entry(code, title.strip(), text.strip())
    return found


def explain(code):
    """The Entry of a code; ValueError, with the nearest codes, where there is none."""
    code = str(code).strip().upper().partition(".")[0]
    if code not in entries():
        hint = did_you_mean(code, entries(), most=3) or "; codes are a letter and two digits, such as V02"
        raise ValueError(f"the catalogue of mistakes has no entry {code!r}{hint}")
    return entries()[code]
