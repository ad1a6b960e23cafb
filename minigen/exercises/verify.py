"""Proves that an exercise is fit to be given: the stub fails, the solution passes, every mutant
is rejected and named.

python -m minigen.exercises.verify dense conv2d-input-gradient      (all exercises, if none is named)
"""

import sys
from dataclasses import dataclass, field

from minigen.exercises.catalogue import entries
from minigen.exercises.formula_text import in_unicode
from minigen.exercises.judge import judge
from minigen.exercises.master import all_masters, broken_masters, load

SEEDS = 3


@dataclass
class Planted:
    """What became of one mutant: was it rejected, which signature was seen, which code was named first?"""

    key: str
    rejected: bool
    named: bool
    signatures: list
    code: str | None
    expected: str
    explains: float | None = None
    how: str = ""  # by what it was recognised: its signature, its formula, or as one of a general kind

    def __str__(self):
        verdict = "named" if self.named else f"NAMED {self.code}" if self.rejected else "PASSED"
        seen = "; ".join(self.signatures) or "nothing read"
        surprise = f"   (declared: {self.expected})" if self.expected and self.expected != seen else ""
        return f"  {self.key:<12} {verdict:<10} {self.how:<10} {seen}{surprise}"


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
        named = sum(p.named for p in self.planted)
        head = f"{self.id}: {'ok' if self.ok else 'NOT FIT'}, {len(self.planted)} mutants, {named} named"
        return "\n".join([head, *map(str, self.planted), *(f"  ! {p}" for p in self.problems)])


def verify(master, seeds=SEEDS):
    """Try everything with one exercise. Returns a Verification."""
    out = Verification(master.id)
    try:
        _try(out, master, seeds)
    except Exception as error:  # the master's own code failed; the others are to be tried all the same
        out.problems.append(f"{type(error).__name__}: {error}")
    return out


def _try(out, master, seeds):
    status = judge(master, load(master.stub())).status
    if status != "not attempted":
        out.problems.append(f"the stub is judged {status!r}, expected 'not attempted'")
    for seed in range(seeds):
        result = judge(master, master.backward(), seed=seed)
        if result.status != "passed":
            out.problems.append(f"the solution does not pass with seed {seed}: {result}")
    for key, mutant in master.mutants.items():
        try:
            planted = plant(master, key, mutant)
        except (ValueError, SyntaxError) as error:
            out.problems.append(f"the mutant {key} cannot be planted: {error}")
            continue
        out.planted.append(planted)
        if not planted.named:
            out.problems.append(f"the mutant {key} is {'not named' if planted.rejected else 'not rejected'}")
        if planted.expected and set(planted.expected.split("; ")) != set(planted.signatures):
            out.problems.append(f"the mutant {key} declares {planted.expected!r}, which is not what is seen")
        if key.split(".")[0] not in entries():
            out.problems.append(f"the mutant {key} has no entry in the catalogue")
    out.problems += _leaks(master)
    try:
        in_unicode(master.statement, 100)
    except ValueError as error:
        out.problems.append(f"the statement cannot be shown on a terminal: {error}")
    if len(master.hints) != 3:
        out.problems.append(f"there are {len(master.hints)} hints, expected 3")


def plant(master, key, mutant, seed=0):
    """Judge one mutant."""
    result = judge(master, master.backward(key), seed=seed)
    seen = [] if result.diagnosis is None else [r.signature for r in result.diagnosis.readings]
    rejected = result.status in ("wrong", "error")
    first = result.diagnosis.first if seen else None
    return Planted(
        key,
        rejected,
        rejected and result.code == key.split(".")[0],
        seen,
        result.code,
        mutant.reads,
        first.explains if first else None,
        first.how if first else "",
    )


def _leaks(master):
    """Hints and causes must not contain a line of the solution."""
    said = {f"hint {i}": h for i, h in enumerate(master.hints, 1)} | {
        k: m.cause for k, m in master.mutants.items()
    }
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
    print(
        "\n".join([*map(str, reports), *(f"{name}: CANNOT BE READ: {why}" for name, why in broken.items())])
    )
    return sum(not r.ok for r in reports) + len(broken)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
