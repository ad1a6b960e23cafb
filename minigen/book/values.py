"""Real numbers beside every line: a derivation is run on the batch of `minigen check`, and values are noted.

Python's profiler tells when a function of byhand/ returns; its local variables then are the values of its
lines.
"""

import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from minigen import byhand
from minigen.book.derivation import Derivation

FOLDER = str(Path(byhand.__file__).parent)


@dataclass(eq=False)
class Run:
    """One function of byhand/ as it computed a subject: what it was given, its values, what it returned."""

    code: object
    module: str
    given: dict = field(default_factory=dict)
    values: dict = field(default_factory=dict)
    returned: list = field(default_factory=list)
    calls: int = 0

    def function(self):
        """The function itself, found by its name in its module."""
        return getattr(sys.modules[self.module], self.code.co_name)

    def is_setup(self, names):
        """Whether these names hold what the function was given, or numbers that only count."""
        return all(name in self.given or self._plain(self.values.get(name)) for name in names)

    def _plain(self, value):
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            given = [v for v in _leaves(self.given) if isinstance(v, np.ndarray)]
            return any(value is v or np.shares_memory(value, v) for v in given)
        if isinstance(value, list | dict):
            return all(self._plain(v) for v in _leaves(value))
        return not isinstance(value, np.floating | float) or any(value is v for v in _leaves(self.given))

    def derivation(self):
        return Derivation(self.function(), self.is_setup)

    def value(self, name, keys):
        """The value of a name, or of the gradient returned under a parameter's name; None if unknown."""
        if name in self.values:
            return self.values[name]
        for key, letter in keys.items():
            if name == f"g{letter}":
                name = f"g{key}"
        for returned in self.returned[::-1]:
            parts = returned if isinstance(returned, tuple) else (returned,)
            for part in parts:
                if isinstance(part, dict) and name[1:] in part:
                    return part[name[1:]]
            if isinstance(returned, np.ndarray) and name in ("gx", "glogits"):
                return returned
        return None


def _leaves(value):
    if isinstance(value, dict):
        for part in value.values():
            yield from _leaves(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _leaves(part)
    else:
        yield value


def of_subject(subject):
    """The Runs of a subject's derivation by hand; none where it has none."""
    if subject.by_hand is None:
        return []
    return run(lambda: subject.by_hand({k: v.copy() for k, v in subject.parameters.items()}))[1]


def run(compute):
    """Call `compute()`. Returns (what it gave, the Runs of byhand/ in the order of their calls)."""
    runs, outer = {}, {}

    def notice(frame, event, argument):
        code = frame.f_code
        if not code.co_filename.startswith(FOLDER) or code.co_name.startswith("<"):
            return
        if event == "call":
            owner = _owner(code, frame, runs, outer)
            owner.calls += code is owner.code
            if code is owner.code and owner.calls == 1:
                owner.given = dict(frame.f_locals)
        elif event == "return" and code in outer:
            owner = outer[code]
            if owner.calls > 1 and code is owner.code:
                return  # the first call is shown
            first = owner.values.keys() if owner.calls > 1 else ()
            owner.values.update({k: v for k, v in frame.f_locals.items() if k not in first})
            owner.returned.append(argument)

    before = sys.getprofile()
    sys.setprofile(notice)
    try:
        result = compute()
    finally:
        sys.setprofile(before)
    return result, list(runs.values())


def _owner(code, frame, runs, outer):
    """The Run of the top-level function that a code object belongs to: itself, or the function around it."""
    if code not in outer:
        around = [
            r for r in runs.values() if r.code.co_filename == code.co_filename and code in _inner(r.code)
        ]
        outer[code] = around[0] if around else runs.setdefault(code, Run(code, frame.f_globals["__name__"]))
    return outer[code]


def _inner(code):
    found = [c for c in code.co_consts if hasattr(c, "co_consts")]
    return found + [deep for c in found for deep in _inner(c)]
