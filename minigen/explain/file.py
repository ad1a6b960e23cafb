"""`minigen check FILE`: every pair in a person's file, judged and explained, in a process with limits.

The child loads the file, finds the pairs and explains them; what it finds comes back as messages, so that the verdict
stands before the search begins. What keeps it from judging is a sentence with the next command.
"""

import ast
import contextlib
import copy
import fnmatch
import functools
import itertools
import re
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from minigen.explain import find, load, operations, penalty, process, propose, shown, stopped, trace
from minigen.explain.explanation import Explanation, explain_task, leave_open
from minigen.explain.reading import ENTROPIES
from minigen.explain.source import SMALL, is_pass, small

LOADING = 90.0  # seconds that loading and finding may take before the child is stopped
LOOKS = 40  # inputs at which all must be right with larger sizes, where it was wrong with smaller ones
EXIT = {"ok": 0, "wrong": 1, "misuse": 2, "inconclusive": 3, "error": 3}


@dataclass
class FileReport:
    """What is said about one file: an Explanation for each pair, notes, and a sentence where there is none."""

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


def check(path, *, names=(), shapes=None, seconds=20.0, reveal=False, report=None, subject=None):
    """A FileReport. `subject`: the subject of minigen that forward must compute. `report(kind, content)` is told "verdict" (a FileReport) early and "progress" (changes tried) later."""
    said = FileReport(str(path))
    started, judged = time.monotonic(), []

    def receive(message):
        kind, content = message
        if kind == "notes":
            said.notes += content
        elif kind == "explanation":
            place, explanation = content
            said.explanations[place:] = [explanation, *said.explanations[place + 1 :]]
        elif kind == "verdict":
            judged.append(True)
            if report:
                report("verdict", said)
        elif kind == "progress" and report:
            report("progress", content)

    try:
        process.limited(
            lambda send: _work(Path(path), names, shapes, seconds, reveal, subject, send),
            seconds=LOADING + process.BUSY * seconds,
            receive=receive,
        )
    except process.Stopped as error:
        if judged:  # the verdict stands; only the search was cut off
            why = f"the search for the line stopped: {str(error).splitlines()[0]}"
            for explanation in said.explanations:
                if explanation.verdict == "wrong" and not explanation.findings:
                    explanation.certain.append(why)
        else:
            said.problem = said.problem or _stopped(str(error), path)
    said.seconds = time.monotonic() - started
    return said


def _work(path, names, shapes, seconds, reveal, subject, send):
    def note(*notes):
        send(("notes", notes))

    sys.argv = [str(path)]  # of this child process: an argparse takes its defaults
    program = load.load(path)
    note(*(f"line {line} {why}: it was left out" for line, why in program.left_out))
    if program.missing:
        note(f"not installed, replaced by an empty one: {', '.join(dict.fromkeys(program.missing))}")
    found = find.find(program, shapes)
    if names:
        asked = [f for f in found if any(fnmatch.filter(find.called(f), name) for name in names)]
        found = asked or find.by_name(program, names, shapes)
    if not found:
        raise find.NotFound(find.why_not(program, path, names))
    found.sort(key=operations.uses_others)
    if program.operations:
        note("operations are judged one by one: `this` is what the object holds whose method is called")
    note(*find.proposed(found, path), *find.reduced(found), *find.not_compared(found))
    tasks = list(map(task_of, found))
    # no gradient is asked for where other inputs show that it was none
    asked = [bool(task.names) or bool(f.raised) for task, f in zip(tasks, found, strict=True)]
    found, tasks = (list(itertools.compress(every, asked)) for every in (found, tasks))
    note(*filter(None, [find.refused(program)]))
    if not found:
        raise find.NotFound(find.why_not(program, path, names))
    measured, like = _against(tasks, subject) if subject else (None, None)
    open_ = []

    def tell(i, said, task):
        as_subject = like if i == measured else None
        send(("explanation", (i, with_limits(said, found[i], task, path, as_subject))))

    for i, task in enumerate(tasks):
        if operations.uses_others(found[i]) and any(operations.is_one(found[j]) for j, *_ in open_):
            note(f"{task.title} was not judged: it uses operations that are not right yet")
            continue
        said = explain_task(task, seconds=0, reveal=reveal)
        if _wrong(said) and getattr(found[i].place, "smaller", None):
            said, task, found[i] = _at_larger_sizes(said, task, found[i], reveal, note)
        with_penalty = _with_penalty(task, tasks) if _wrong(said) else None
        if with_penalty is not None:
            task, what = with_penalty
            note(f"{task.title}: {what}")
            said = explain_task(task, seconds=0, reveal=reveal)
        aside = contextlib.nullcontext
        # a right gradient may differ by a small number in the loss: no repair mends that
        if _wrong(said) and small_numbers(program):
            aside = functools.partial(small_numbers_left_out, program)
            with aside() as lines:
                other = task_of(found[i])  # objects may hold a small number that their constructor was given
                if with_penalty is not None:
                    other, _ = _with_penalty(other, tasks) or (other, "")
                again = explain_task(other, seconds=0, reveal=reveal)
            fewer = len(_wrong(said)) - len(_wrong(again))
            lost = len(again.gradients) < len(said.gradients)  # as where 0 / 0 is left
            judged = again.verdict in ("ok", "wrong") and not again.raised and _finite(again)
            if not judged or fewer < 0 or lost:
                aside = contextlib.nullcontext
            elif fewer:
                right = "right" if again.verdict == "ok" else "some gradients are right"
                where = ", ".join(map(str, lines))
                note(
                    f"{said.title}: {right}, up to the small number in line {where}, which backward leaves out"
                )
                said, task = again, other
            else:
                task = other
        if _wrong(said):
            _leave_open_behind_a_choice(said, task, program)
        tasks[i] = task
        broken = said.verdict == "wrong"
        never = _never_run(task, found[i].reading) if said.verdict == "ok" else []
        if never:
            one = "line" if len(never) == 1 else "lines"
            where = f"{one} {', '.join(map(str, never[:8]))}{' and others' if len(never) > 8 else ''}"
            note(f"{said.title}: {where} did not run at these inputs: a mistake there is not seen")
        if said.verdict == "ok" and task.judged.bench.changes_g:
            hazard = "whatever uses it again gets the changed one"
            note(f"{said.title}: backward changes the upstream gradient in place; {hazard}")
        plainly = with_penalty is None and aside is contextlib.nullcontext
        if said.verdict == "ok" and plainly:
            said, task, found[i] = _with_masks_both_ways(said, task, found[i], reveal, note)
            tasks[i], broken = task, said.verdict == "wrong"
        tell(i, said, task)
        if broken:
            open_.append((i, task, aside))
    if not names:
        for name, hidden in find.not_judged(program, found).items():
            send(("explanation", (len(tasks), not_judged(program, name, path, hidden))))
            tasks.append(None)
        judged = {f.reading.title for f in found}
        for name, why in ((n, why) for n, why in program.unlike.items() if n not in judged):
            send(("explanation", (len(tasks), Explanation(name, "inconclusive", certain=[why]))))
            tasks.append(None)
    send(("verdict", None))
    until = time.thread_time() + seconds
    for n, (i, task, aside) in enumerate(open_):
        share = (until - time.thread_time()) / (len(open_) - n)
        if share > 0.1:
            with aside():
                task.beside = tuple(t for t in tasks if t is not None and t is not task)
                said = explain_task(
                    task, seconds=share, reveal=reveal, progress=lambda tried: send(("progress", tried))
                )
            _leave_open_at_sizes_by_trying(said, found[i])
            tell(i, said, task)


def _never_run(task, reading):
    """The lines of a backward that was judged, and of what goes back within it, that no run came to."""
    return trace.not_run(task.judged.bench, task.judged.trials, _of_backward(reading))


def _of_backward(reading):
    """Whether a function is the backward of a reading, or goes back within it, by its name."""
    own = (reading.backward or reading.forward).name
    others = (lambda n: False) if is_pass(own) else find.pairs.goes_back
    return lambda n: n == own or others(n)


def _with_masks_both_ways(said, task, found, reveal, note):
    """(Explanation, Task, Found), at inputs that vary more where a mask of backward is the same for every entry and is not so then:
    a mistake in the other case would not be seen.
    """

    def masks(task):
        return trace.one_sided(task.judged.bench, task.judged.trials, _of_backward(found.reading))

    same = masks(task)
    if same and isinstance(found.place, shown.ShownPlace):
        other = copy.copy(found)
        other.place = found.place.varied()
        with contextlib.suppress(Exception):
            again_task = task_of(other)
            again = explain_task(again_task, seconds=0, reveal=reveal)
            judged = again.verdict in ("ok", "wrong") and not again.raised and _finite(again)
            if judged and len(again.gradients) == len(said.gradients) and len(masks(again_task)) < len(same):
                said, task, found, same = again, again_task, other, masks(again_task)
    for line, text, true in same[:3]:
        where = f"{text} in line {line} is {'true' if true else 'false'} everywhere at these inputs"
        note(f"{said.title}: {where}: a mistake in the other case is not seen")
    return said, task, found


def _with_penalty(task, tasks):
    """(Task, note) that knows the penalty which backward adds, or the weight decay of another player, or one that the loss
    leaves out; None without one.
    """
    rng, others = np.random.default_rng(0), [t for t in tasks if t is not None]
    known = penalty.apart(task, rng) or penalty.of_another_player(task, others, rng)
    return known or (None if task.takes_g else penalty.of_a_setting(task, rng))


def _wrong(said):
    """The gradients that an Explanation calls wrong; none where forward or backward raises."""
    if said.verdict != "wrong" or said.raised:
        return []
    return [g for g in said.gradients if g["verdict"] != "ok"]


def _leave_open_at_sizes_by_trying(said, found):
    """Where backward stops at a shape, at sizes that neither a person nor a name said, and no change of a line mends it, others may be meant."""
    by_trying = isinstance(found.place, propose.ProposedPlace) and found.place.guesses
    repaired = any(f.kind != "error" for f in said.findings)
    shapes = any(re.match("backward raised (ValueError|IndexError)", c) for c in said.certain)
    # a line has a size of its own, or a loop shows nothing of what it is given
    other = any("cannot reshape" in c for c in said.certain) or is_pass(found.reading.forward.name)
    if said.raised and by_trying and shapes and (other or not repaired and not found.place.likely):
        leave_open(said, "the sizes were chosen by trying: if others are meant, give them with --shapes")


def _leave_open_behind_a_choice(said, task, program):
    """Where a file chooses the nearest code, as a VQ-VAE does, or says that gradients go straight through, or stop, those before
    the choice that are not of what forward returns are what it wants, as far as anybody can tell; some others must be right.
    """
    says = re.search(r"straight.?through|stop.?grad|\bsg[\[(]|\bvq|codebook", program.text, re.I)
    wrong = _wrong(said)
    if not says or len(wrong) == len(said.gradients):
        return
    names = [n for n, good in task.judged.status().items() if not good]
    if stopped.behind_a_choice(task.judged.bench, task.judged.trials[0], names) != {*names}:
        return
    named = ", ".join(g["name"] for g in wrong)
    leave_open(
        said,
        f"not the gradients of what forward returns: {named}; behind a choice, gradients may go straight through it or "
        "stop there, and differences cannot show those: compare them by hand",
        ("wrong",),
    )


def _finite(said):
    return all(g["error"] is None or np.isfinite(g["error"]) for g in said.gradients)


def _against(tasks, subject):
    """(which task, Compared): the one whose forward is a subject of minigen, else the first that could be compared."""
    from minigen.explain import master  # which imports every model of minigen

    every = [(i, master.compare(task, subject)) for i, task in enumerate(tasks)]
    order = ("ok", "wrong", "inconclusive")
    return min(every, key=lambda pair: (order.index(pair[1].verdict), pair[0]))


def with_limits(said, found, task, path, like=None):
    """An Explanation with what its gradients do not tell: a wrong forward, a stale cache, what was not compared."""
    if like is not None:
        said.certain.insert(0, like.sentence)
        if said.verdict == "ok":
            said.verdict = like.verdict
    reading = found.reading
    if reading.upstream in ENTROPIES and said.verdict == "ok":
        if not find.pairs.hands_errors(found.place.program, reading.backward.name):
            said.verdict = "inconclusive"
            said.certain.insert(
                0,
                f"all is right if {reading.backward.name} is given p - y, the gradient before the softmax, and wrong as the "
                f"gradient of what {reading.forward.name} returns; the file does not show which it is",
            )
    if given := _taken_as_given(found):
        said.certain.insert(
            0,
            f"the loop computes no loss, so {given}, and what follows from it is judged; to judge all: write the loss into "
            "the loop, loss = ...",
        )
        if said.verdict == "ok":
            said.verdict = "inconclusive"
    unread = (
        find.pairs.never_read(found.place, reading.forward.name, reading.backward.name)
        if reading.backward
        else {}
    )
    if unread and said.verdict == "ok" and reading.outputs == 1:
        name, output = next(iter(unread.items()))
        said.certain.insert(
            0,
            f"{name} is never read: all is right only if no gradient comes back to {output or 'the other output'}",
        )
        said.verdict = "inconclusive"
    if found.stale:
        said.certain.insert(
            0,
            "backward uses values of another forward call: it is right at the first call, and wrong once forward has "
            "been called on other inputs",
        )
    # what is compared at other inputs is compared
    that_matter = [missed for missed in found.missed if missed.matters and missed.address not in task.sources]
    for missed in that_matter:
        name = missed.setting.rpartition(".")[2]
        cure = "give it as a number with a point"
        if missed.setting == name:
            cure = f"minigen check {path} --shapes {name}=1, or let inputs(rng) give it as an array"
        how = f"; to compare it: {cure}" if missed.setting else ""
        said.certain.append(f"{missed.label} was not compared: {missed.why}{how}")
    multiple = getattr(found.place, "multiple", None)
    if multiple and said.verdict == "ok":
        match, place = multiple
        said.certain.append(
            f"all is right for a single example, but with more the gradient at {match.value[-1][1]} is "
            f"{match.factor:.3g} times the right one: does the loss average over as many numbers? "
            f"For the line: minigen check {path} --shapes {place.command}. "
            f"If you have one example at a time: minigen check {path} --shapes {found.place.command}"
        )
    for left_out in found.left_out:
        said.certain.append(
            f"the loss depends on {left_out}, and no step changes it, though one changes what stands beside it: if it is to be "
            "trained, a line is missing"
        )
    if (that_matter or multiple or found.left_out) and said.verdict == "ok":
        said.verdict = "inconclusive"
    return said


def _taken_as_given(found):
    """With which gradient the judgement of a loop without a loss begins, in words; "" where it does not."""
    trees = [n for n in found.place.program.tree.body if getattr(n, "name", "") == found.reading.forward.name]
    given = getattr(trees[-1], "firsts", {}) if trees else {}
    return "".join(f"{name} in line {line} is taken as it is" for name, line in given.items())


def not_judged(program, name, path, hidden=()):
    """The Explanation of a function that gives gradients and could not be called; nor were those that it calls judged."""
    why, how = find.stopped(program, name), find.advice(program, path, name)
    said = (
        f"{name} was not judged: it could not be called with sizes chosen by trying{why}; to judge it: {how}"
    )
    others = f"not judged either, since {name} calls them: {', '.join(hidden)}"
    return Explanation(name, "inconclusive", certain=[said, others] if hidden else [said])


@contextlib.contextmanager
def small_numbers_left_out(program):
    """Numbers below 1e-4 in the person's code, such as an eps under a root, are 0 inside; yields their lines."""
    functions = find.pairs.reachable(program)
    kept = [(f, f.__code__, f.__defaults__, f.__kwdefaults__) for f in functions]
    small.left_out = True
    for f in functions:
        f.__code__ = small.code(f.__code__)
        f.__defaults__ = f.__defaults__ and tuple(map(small.number, f.__defaults__))
        f.__kwdefaults__ = f.__kwdefaults__ and {k: small.number(v) for k, v in f.__kwdefaults__.items()}
    try:
        yield small_numbers(program)
    finally:
        small.left_out = False
        for f, code, defaults, more in kept:
            f.__code__, f.__defaults__, f.__kwdefaults__ = code, defaults, more


def small_numbers(program):
    """The lines in which a small number stands."""
    return sorted(
        n.lineno
        for n in ast.walk(program.tree)
        if isinstance(n, ast.Constant) and isinstance(n.value, float) and 0 < abs(n.value) < SMALL
    )


def _at_larger_sizes(said, task, found, reveal, note):
    """(Explanation, Task, Found), of larger sizes where all is right at those: a few of many examples may not be what the
    file takes them for, such as neighbours of each other.
    """
    larger = copy.copy(found)
    larger.place = found.place.with_sizes(shown.SMALL[1])
    other = task_of(larger)
    with contextlib.suppress(Exception):
        again = explain_task(other, seconds=0, reveal=reveal)
        right = again.verdict == "ok" and len(again.gradients) == len(said.gradients)
        if right and other.judged.look_again(LOOKS):  # and not only since a rare case does not come up
            sizes = find.smaller(larger.place)
            note(f"{said.title}: wrong with so few examples; judged with more: {sizes}")
            return again, other, larger
    return said, task, found


def task_of(found):
    """The Task of a pair."""
    return find.pairs.task_of(found.place, found.reading, found.warm, promised=found.promised)


def _stopped(text, path):
    """The sentence for a person in what the child said: the first line holds it."""
    head = text.splitlines()[0] if text else "the process ended"
    kind, _, rest = head.partition(": ")
    if kind in ("NotFound", "Refused"):
        return rest
    if kind == "SyntaxError" and "Missing parentheses in call to 'print'" in rest:
        line = re.search(r"line \d+", rest)
        return f"{path} is written for Python 2 ({line[0] if line else 'print'}): turn it into Python 3 first"
    if kind == "SyntaxError":
        return f"{path} is not Python yet: {rest}"
    if "time is over" in text:
        return f'{path}: it did not come to an end; a forward that loops for ever, or loads data? Move work under `if __name__ == "__main__":`'
    return f"{path}: {head}"
