"""Finds the exercise that a person means, by its id, or by its file's name or content.

Beside each exercise stand its bugs: the solution with one known mistake in it, to be found and repaired.
They are numbered, for the code of the mistake, such as G06, would give it away:
the first one of `dense` is called `dense-1` and lies in bugs/dense-1.py. It is checked as `dense` is.
Only the record of progress knows it as `dense-G06`.
"""

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

from minigen.exercises import master

HEAD = "    # ---- one mistake is planted between these comments: find it, repair it ----"
CURE = "next: minigen exercise list   (shows what there is)"


class UserError(Exception):
    """What a command cannot do, in a sentence; `cure` is the last line a person reads."""

    def __init__(self, message, cure=CURE):
        super().__init__(message)
        self.cure = cure


@dataclass(frozen=True)
class Exercise:
    """An exercise, or, where `bug` is the key of a mutant, one of its bugs.

    `at` is the person's file, if it is not at its usual place; `said` is what to type then
    to mean this exercise.
    """

    master: object
    bug: str | None = None
    at: Path | None = None
    said: str = ""

    @property
    def id(self):
        """The name of it in the record of progress."""
        return self.master.id if self.bug is None else f"{self.master.id}-{self.bug}"

    @property
    def name(self):
        """The name of it that a person sees: a bug has a number."""
        if self.bug is None:
            return self.master.id
        return f"{self.master.id}-{list(self.master.mutants).index(self.bug) + 1}"

    @property
    def typed(self):
        """What a person types in a command to mean this exercise."""
        return self.said or self.name

    @property
    def file(self):
        """Where it lies, seen from the folder of the exercises."""
        return Path(f"{self.name}.py") if self.bug is None else Path("bugs", f"{self.name}.py")

    @property
    def title(self):
        """One line."""
        return self.master.title + (" (a bug)" if self.bug else "")

    def text(self):
        """What the file says before a person has touched it."""
        if self.bug is None:
            return self.master.stub()
        return self.master.mutant(self.bug).replace("    " + master.YOURS, HEAD)


def find(name, masters=None, cure=CURE):
    """The Exercise of `masters` (default: minigen's own) that `name`, an id or a file's name, stands for."""
    given = str(name).replace("\\", "/").rstrip("/").rpartition("/")[2].removesuffix(".py")
    every, id = master.all_masters() if masters is None else masters, given.lower().replace("_", "-")
    if id in every:
        return Exercise(every[id])
    for stem in sorted(every, key=len, reverse=True):  # sparse-kl before sparse, if there were both
        if id.startswith(f"{stem}-"):
            keys = {k.lower().replace("_", "-"): k for k in every[stem].mutants}
            keys |= {str(number): k for number, k in enumerate(every[stem].mutants, 1)}
            key = id[len(stem) + 1 :]
            if key in keys:
                return Exercise(every[stem], keys[key])
            if key[-1:].isdigit():
                has = f"it has {len(every[stem].mutants)}: {stem}-1 to {stem}-{len(every[stem].mutants)}"
                raise UserError(f"{stem} has no bug {key.upper()}; {has}", cure)
    near = difflib.get_close_matches(id, every, n=3, cutoff=0.5)
    near += [i for i in every if id and id in i and i not in near][:3]
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    raise UserError(f"there is no exercise {str(name)!r}{hint}", cure)


def find_by_file(path, said, masters=None):
    """The Exercise that the file `path`, in a command `said`, answers, by its name or else its content."""
    text = path.read_bytes().decode("utf-8", "replace")
    planted = HEAD.strip() in text
    try:
        named = find(path.name, masters)
        if named.bug is None or planted or path.absolute().parent.name == "bugs":
            return named
    except UserError:
        pass
    every = master.all_masters() if masters is None else masters
    # the last lines of the file, as it was written
    called = re.findall(r"""\bcheck\(\s*["']([^"']+)["']""", text)
    title = re.match(r"""\s*(?:[rR]?(?:\"{3}|'{3}))(.*)""", text)
    named = [every[i] for i in called if i in every]
    named += [m for m in every.values() if title and title[1].strip() == m.title]
    if named and not planted:
        return Exercise(named[0])
    raise UserError(
        f"{path.name}: neither the name nor the content tells which exercise this is",
        f"next: say it with --as: minigen exercise check {said} --as {named[0].id if named else 'ID'}",
    )
