"""`minigen check FILE`: every pair in a person's file, judged and explained, in a process with limits.

The child loads the file, finds the pairs and explains them; what it finds comes back as messages,
so that the verdict stands before the search begins. What keeps it from judging is a sentence
with the next command.
"""

import ast
import contextlib
import fnmatch
import time
from dataclasses import dataclass, field
from pathlib import Path

from minigen.explain import find, load, process

LOADING = 40.0  # seconds that loading and finding may take before the child is stopped
SMALL = 1e-4  # an eps in the code, and what it may do to a gradient, relative
EXIT = {"ok": 0, "wrong": 1, "misuse": 2, "inconclusive": 3, "error": 3}


@dataclass
class FileReport:
    """What is said about one file: an Explanation for each pair, notes,
    and a sentence where there is none.
    """

    path: str
    explanations: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    problem: str = ""
    seconds: float = 0.0

    @property
    def verdict(self):
        if self.problem or not self.explanations:
            return "error"
        order = ("error", "wrong", "inconclusive", "ok")
        return min((e.verdict for e in self.explanations), key=order.index)

    def to_dict(self):
        """The shape that programs rely on, with the findings of all pairs in one list."""
        parts = [e.to_dict() for e in self.explanations]
        many = len(parts) > 1
        whole = {"verdict": self.verdict, "gradients": [], "lines": [], "findings": [], "certain": []}
        for said, part in zip(self.explanations, parts, strict=True):
            for gradient in part["gradients"]:
                name = f"{said.title}: {gradient['name']}" if many else gradient["name"]
                whole["gradients"].append({**gradient, "name": name})
            for key in ("lines", "findings", "certain"):
                whole[key] += part[key]
        whole["certain"] += [self.problem] if self.problem else []
        whole["notes"] = self.notes
        whole["tried"] = sum(part["tried"] for part in parts)
        whole["seconds"] = round(self.seconds, 3)
        return whole


def check(path, *, names=(), shapes=None, seconds=20.0, reveal=False, report=None):
    """A FileReport.

    `report(kind, content)` is told "verdict" (a FileReport) early and "progress" (seconds) later.
    """
    said = FileReport(str(path))
    started = time.monotonic()

    def receive(message):
        kind, content = message
        if kind == "notes":
            said.notes += content
        elif kind == "explanation":
            place, explanation = content
            said.explanations[place:] = [explanation, *said.explanations[place + 1 :]]
        elif kind == "verdict" and report:
            report("verdict", said)
        elif kind == "progress" and report:
            report("progress", content)

    try:
        process.limited(
            lambda send: _work(Path(path), names, shapes, seconds, reveal, send),
            seconds=LOADING + seconds,
            receive=receive,
        )
    except process.Stopped as error:
        said.problem = said.problem or _stopped(str(error), path)
    said.seconds = time.monotonic() - started
    return said


def _work(path, names, shapes, seconds, reveal, send):
    from minigen.explain.explanation import explain_task

    program = load.load(path)
    send(("notes", [f"line {line} {why}: it was left out" for line, why in program.left_out]))
    if program.missing:
        send(
            (
                "notes",
                [f"not installed, replaced by an empty one: {', '.join(dict.fromkeys(program.missing))}"],
            )
        )
    found = find.find(program, shapes)
    if names:
        found = [f for f in found if any(_called(f, name) for name in names)] or find.by_name(
            program, names, shapes
        )
    if not found:
        raise find.NotFound(find.why_not(program, path, names))
    send(("notes", find.proposed(found, path)))
    tasks = [find.pairs.task_of(f.place, f.reading, f.warm) for f in found]
    stale = [f.reading.title for f in found if f.stale]
    if stale:
        what = (
            "right at the first call, wrong once forward has been called on other inputs: backward reads "
            "what is left"
        )
        send(("notes", [f"{', '.join(stale)}: {what} from the earlier call"]))
    open_ = []
    deadline = time.monotonic() + seconds
    for i, task in enumerate(tasks):
        said = explain_task(task, seconds=0, reveal=reveal)
        if (
            said.verdict == "wrong"
            and max((g["error"] or 1.0 for g in said.gradients if g["verdict"] != "ok"), default=1.0) < SMALL
        ):
            with small_numbers_left_out(program) as lines:
                again = (
                    explain_task(task_anew(program, found[i]), seconds=0, reveal=reveal) if lines else said
                )
            if again.verdict == "ok":
                where = ", ".join(map(str, lines))
                send(
                    (
                        "notes",
                        [
                            f"{said.title}: right, up to the small number in line {where}, "
                            "which backward leaves out"
                        ],
                    )
                )
                said = again
        send(("explanation", (i, said)))
        if said.verdict == "wrong":
            open_.append((i, task))
    send(("verdict", None))
    for n, (i, task) in enumerate(open_):
        share = (deadline - time.monotonic()) / (len(open_) - n)
        if share > 0.1:
            send(("explanation", (i, explain_task(task, seconds=share, reveal=reveal))))


@contextlib.contextmanager
def small_numbers_left_out(program):
    """Numbers below 1e-4 in the person's code, such as an eps under a root,
    are 0 inside; yields their lines.
    """
    functions = find.pairs.reachable(program)
    kept = [(f, f.__code__, f.__defaults__, f.__kwdefaults__) for f in functions]
    lines = sorted(
        n.lineno
        for n in ast.walk(program.tree)
        if isinstance(n, ast.Constant) and isinstance(n.value, float) and 0 < abs(n.value) < SMALL
    )
    for f in functions:
        f.__code__ = _without_small(f.__code__)
        f.__defaults__ = f.__defaults__ and tuple(map(_zero, f.__defaults__))
        f.__kwdefaults__ = f.__kwdefaults__ and {k: _zero(v) for k, v in f.__kwdefaults__.items()}
    try:
        yield lines
    finally:
        for f, code, defaults, more in kept:
            f.__code__, f.__defaults__, f.__kwdefaults__ = code, defaults, more


def _zero(value):
    return 0.0 if isinstance(value, float) and 0 < abs(value) < SMALL else value


def _without_small(code):
    constants = tuple(_without_small(c) if hasattr(c, "co_consts") else _zero(c) for c in code.co_consts)
    return code.replace(co_consts=constants)


def task_anew(program, found):
    """The task built again, since objects may hold a small number that their constructor was given."""
    return find.pairs.task_of(found.place, found.reading, found.warm)


def _called(found, name):
    reading = found.reading
    parts = [reading.title, found.place.title, reading.forward.name]
    parts += [reading.backward.name] if reading.backward else []
    return any(fnmatch.fnmatch(part, name) for part in parts)


def _stopped(text, path):
    """The sentence for a person in what the child said: the first line holds it."""
    head = text.splitlines()[0] if text else "the process ended"
    kind, _, rest = head.partition(": ")
    if kind in ("NotFound", "Refused"):
        return rest
    if kind == "SyntaxError":
        return f"{path} is not Python yet: {rest}"
    if "time is over" in text:
        return (
            f"{path}: it did not come to an end; a forward that loops for ever, or loads data? Move work "
            'under `if __name__ == "__main__":`'
        )
    return f"{path}: {head}"
