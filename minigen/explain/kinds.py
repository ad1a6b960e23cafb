"""Looks up the page of a kind of mistake in kinds.md."""

import functools
from pathlib import Path


@functools.cache
def pages():
    """{kind: its page}, in the order of the file."""
    source = Path(__file__).with_name("kinds.md").read_text(encoding="utf-8")
    found = {}
    for section in source.split("\n## ")[1:]:
        kind, _, text = section.partition("\n")
        found[kind.strip()] = text.strip()
    return found


def page(kind):
    """The page of a kind, with its name above; None where there is no such kind. A space may be written as a hyphen."""
    wanted = kind.strip().lower().replace("-", " ").replace("_", " ")
    name = next((k for k in pages() if k.replace("-", " ") == wanted), None)
    return None if name is None else f"{name}\n\n{pages()[name]}"
