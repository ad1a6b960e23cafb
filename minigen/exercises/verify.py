"""Proves that an exercise is fit to be given: the stub fails, the solution passes, every mutant is rejected.

python -m minigen.exercises.verify dense conv2d-input-gradient      (all exercises, if none is named)
"""

import sys
from dataclasses import dataclass, field

from minigen.exercises.catalogue import entries
from minigen.exercises.formula_text import in_unicode
from minigen.exercises.judge import SECONDS, explain_result, judge
from minigen.exercises.master import all_masters, broken_masters, load

SEEDS = 3


@dataclass
class Planted:
    """What became of one mutant: its Result, and the `lines` (numbers) in which the mistake was planted."""

    key: str
    result: object
    lines: list

    @property
    def rejected(self):
        return self.result.status in ("wrong", "error")

    @property
    def found(self):
        """The first Finding of the explainer, or None."""
        return next(iter(self.result.explanation.findings), None) if self.result.explanation else None

    @property
    def located(self):
        """Whether the explainer found a line in which the mistake was planted."""
        return self.found is not None and self.found.line in self.lines

    def __str__(self):
        if not self.rejected or self.result.explanation is None:
            return f"  {self.key:<12} {'rejected' if self.rejected else 'PASSED'}"
        said = f"line {self.found.line}: {self.found.sentence}" if self.found else "no change was found"
        return f"  {self.key:<12} {'located' if self.located else 'rejected':<9} {said}"


@dataclass
class Verification:
    """All that was tried with one exercise; `problems` are sentences, empty for an exercise that is fit."""

    id: str
    problems: list = field(default_factory=list)
    planted: list = field(default_factory=list)

    @property
    def ok(self):
        return not self.problems

    def __str__(self):
        rejected, located = (sum(getattr(p, n) for p in self.planted) for n in ("rejected", "located"))
        verdict = "ok" if self.ok else "NOT FIT"
        head = f"{self.id}: {verdict}, {len(self.planted)} mutants, {rejected} rejected"
        head += f", {located} located" if any(p.result.explanation for p in self.planted) else ""
        return "\n".join([head, *map(str, self.planted), *(f"  ! {p}" for p in self.problems)])


def verify(master, seeds=SEEDS, seconds=SECONDS):
    """Try everything with one exercise, each mutant for at most `seconds`. Returns a Verification."""
    out = Verification(master.id)
    try:
        _try(out, master, seeds, seconds)
    except Exception as error:  # the master's own code failed; the others are to be tried all the same
        out.problems.append(f"{type(error).__name__}: {error}")
    return out


def _try(out, master, seeds, seconds):
    status = judge(master, load(master.stub())).status
    if status != "not attempted":
        out.problems.append(f"the stub is judged {status!r}, expected 'not attempted'")
    for seed in range(seeds):
        result = judge(master, master.backward(), seed=seed)
        if result.status != "passed":
            out.problems.append(f"the solution does not pass with seed {seed}: {result}")
    for key in master.mutants:
        try:
            planted = plant(master, key, seconds)
        except (ValueError, SyntaxError) as error:
            out.problems.append(f"the mutant {key} cannot be planted: {error}")
            continue
        out.planted.append(planted)
        if not planted.rejected:
            out.problems.append(f"the mutant {key} is not rejected")
        if key.split(".")[0] not in entries():
            out.problems.append(f"the mutant {key} has no entry in the catalogue")
    out.problems += _leaks(master)
    try:
        in_unicode(master.statement, 100)
    except ValueError as error:
        out.problems.append(f"the statement cannot be shown on a terminal: {error}")
    if len(master.hints) != 3:
        out.problems.append(f"there are {len(master.hints)} hints, expected 3")


def plant(master, key, seconds=0):
    """Judge one mutant, and let it be explained. Returns a Planted."""
    pairs = zip(master.mutant(key).splitlines(), master.solution().splitlines(), strict=False)
    lines = [number for number, (mine, right) in enumerate(pairs, 1) if mine != right]
    backward = master.backward(key)
    return Planted(key, explain_result(judge(master, backward), backward, seconds), lines)


def _leaks(master):
    """Hints and causes must not contain a line of the solution."""
    said = {f"hint {i}": h for i, h in enumerate(master.hints, 1)}
    said |= {k: m.cause for k, m in master.mutants.items()}
    found = []
    for line in master.solution_lines():
        formula = "".join(line.partition("=")[2].split())
        found += [
            f"{where} contains the solution line {line!r}"
            for where, text in said.items()
            if len(formula) > 4 and formula in "".join(text.split())
        ]
    return found


def main(ids):
    """Verify the exercises named, or all; returns the number that are not fit."""
    masters, broken = all_masters(), broken_masters()
    reports = [verify(masters[i]) for i in ids or masters]
    unread = [f"{name}: CANNOT BE READ: {why}" for name, why in broken.items()]
    print("\n".join([*map(str, reports), *unread]))
    return sum(not r.ok for r in reports) + len(broken)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
