"""Finds the exercise that a person means: by its id, by its file, or the nearest name when there is none.

Beside each exercise stand its bugs: the solution with one known mistake in it, to be found and repaired. The bug `G06`
of the exercise `dense` has the id `dense-G06` and lies in bugs/dense-G06.py; it is checked as `dense` is.
"""

import difflib
from dataclasses import dataclass
from pathlib import Path

from minigen.exercises import master

HEAD = "    # ---- one mistake is planted between these comments: find it, repair it ----"


class UserError(Exception):
    """What a command cannot do, in a sentence; `cure` is the last line a person reads."""

    def __init__(self, message, cure="next: minigen exercise list   (shows what there is)"):
        super().__init__(message)
        self.cure = cure


@dataclass(frozen=True)
class Exercise:
    """An exercise, or, where `bug` is the key of a mutant, one of its bugs."""

    master: object
    bug: str | None = None

    @property
    def id(self):
        """The name of it, in commands and in the record of progress."""
        return self.master.id if self.bug is None else f"{self.master.id}-{self.bug}"

    @property
    def file(self):
        """Where it lies, seen from the folder of the exercises."""
        return Path(f"{self.id}.py") if self.bug is None else Path("bugs", f"{self.id}.py")

    @property
    def title(self):
        """One line."""
        return self.master.title + (" (a bug)" if self.bug else "")

    def text(self):
        """What the file says before a person has touched it."""
        if self.bug is None:
            return self.master.stub()
        return self.master.mutant(self.bug).replace("    " + master.YOURS, HEAD)


def find(name):
    """The Exercise that `name` stands for: an id, or a file of that name."""
    given = str(name).replace("\\", "/").rstrip("/").rpartition("/")[2].removesuffix(".py")
    every, id = master.all_masters(), given.lower().replace("_", "-")
    if id in every:
        return Exercise(every[id])
    for stem in sorted(every, key=len, reverse=True):  # sparse-kl before sparse, if there were both
        if id.startswith(f"{stem}-"):
            keys = {k.lower().replace("_", "-"): k for k in every[stem].mutants}
            key = id[len(stem) + 1 :]
            if key in keys:
                return Exercise(every[stem], keys[key])
            if key[-1:].isdigit():
                raise UserError(f"{stem} has no bug {key.upper()}; it has: {', '.join(keys.values())}")
    near = difflib.get_close_matches(id, every, n=3, cutoff=0.5)
    near += [i for i in every if id and id in i and i not in near][:3]
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    raise UserError(f"there is no exercise {str(name)!r}{hint}")
