"""`minigen exercise check`: judges files, prints what was found, and in the last line what to do next."""

import contextlib
import json
import os
import re
import textwrap
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from minigen.exercises import progress, runner
from minigen.exercises.lookup import UserError
from minigen.exercises.workspace import Workspace, shown, target_with_a_file
from minigen.terminal import width

EXIT = {"passed": 0, "wrong": 1, "inconclusive": 3, "error": 4, "not attempted": 5}
MISUSED = 2
VERSION = 2  # of what --json prints
_GRAVEST = ("error", "wrong", "inconclusive", "not attempted", "passed")  # decides the exit code of --all
_STUBBORN = 3  # so often the same mistake in a row, and a hint is offered


@dataclass
class Attempt:
    """A file that was judged, or could not be: `path` is None where there is no such file."""

    exercise: object
    path: Path | None
    result: dict
    entry: dict

    @property
    def status(self):
        return self.result["status"]


def check(options):
    """The command. Returns the exit code."""
    if options.all:
        return _check_all(options)
    try:
        workspace, exercise = chosen(options)
        if options.json:
            attempt = judge(workspace, exercise, options)
        else:
            attempt, rest = answered(workspace, exercise, options)
    except UserError as trouble:
        if not options.json:
            raise
        answer = {"version": VERSION, "exit_code": MISUSED, "id": options.id, "status": "error"}
        print(json.dumps(answer | {"message": str(trouble)}, indent=1))
        return MISUSED
    if options.json:
        print(json.dumps(as_json(attempt), indent=1))
    else:
        print(rest)
    return EXIT[attempt.status]


def judge(workspace, exercise, options, early=None):
    """Judge one file and remember the outcome. Returns an Attempt; `early` gets the one before the search."""
    if options.reveal:
        workspace.progress.change(exercise.id, revealed=True)
    attempt = _judged(workspace, exercise, options, options.seconds, early)
    _remember(workspace, [attempt])
    return attempt


def answered(workspace, exercise, options):
    """Judge one file; print the table as soon as it is there. Returns (Attempt, what is left to print)."""
    printed = []

    def early(attempt):
        printed.append(attempt)
        print(_table(attempt) + "\n", flush=True)

    attempt = judge(workspace, exercise, options, early)
    return attempt, report(workspace, attempt, table=not printed)


def report(workspace, attempt, table=True):
    """What a person reads after a check, with or without the table; the last line says what to do next."""
    result, parts = attempt.result, []
    if result["printed"]:
        parts.append("your file printed:\n" + _indented(result["printed"], 20))
    parts += [_table(attempt)] if table else []
    if result["told"]:
        parts.append(result["told"])
    elif result["status"] == "wrong" and result["place"]:
        parts.append("computed here:\n" + _frame(attempt, result["place"][0], "backward", result["place"][1]))
    return "\n\n".join([*parts, what_next(workspace, attempt)])


def _table(attempt):
    """What happened, and the table, as a text."""
    result = attempt.result
    head = f"{attempt.exercise.name}: {result['message']}"
    if attempt.path is not None:
        head += "".join("\n" + _frame(attempt, *f) for f in result["trace"])
    return "\n\n".join(filter(None, [head, result["report"]]))


def what_next(workspace, attempt):
    """The last line."""
    id, status, code = attempt.exercise.typed, attempt.status, attempt.result.get("code")
    again = f"minigen exercise check {id}"
    if status == "passed":
        bug, more = attempt.exercise.bug, ""
        if bug:
            more = f"more: minigen exercise explain {bug.split('.')[0]}   (the mistake that was planted)\n"
        return more + after_passing(workspace, attempt.exercise)
    if attempt.path is None:
        return f"next: {workspace.adding(attempt.exercise)}   (writes the file)"
    if attempt.result.get("unfit"):
        return f"next: tell its author: minigen exercise verify {shown(attempt.exercise.master.path)}"
    file = shown(attempt.path)
    if status == "not attempted":
        return f"next: open {file}, put a formula in place of each ..., then: {again}"
    if status == "inconclusive":
        return f"next: {again} --seed 1   (other numbers; they may decide it)"
    where = f"line {attempt.result['place'][0]} of {file}" if attempt.result["place"] else file
    if attempt.result["trace"]:
        where = f"line {attempt.result['trace'][-1][0]} of {file}"
    more = f"more: minigen exercise explain {code}\n" if code else ""
    if attempt.entry.get("same", 0) >= _STUBBORN:
        more += f"hint: minigen exercise hint {id}   ({attempt.entry['same']} times the same mistake now)\n"
    return f"{more}next: repair {where}, then: {again}"


def after_passing(workspace, exercise):
    """The last line after an exercise that passed: what to do then."""
    todo = _todo(workspace, exercise)
    if not todo:
        bugs = f"minigen exercise bug ID{workspace.extra}"
        return f"next: all exercises have passed; {bugs} hides mistakes for you to find"
    done = f"{len(workspace.masters) - len(todo)} of {len(workspace.masters)} passed"
    new = workspace.exercise(todo[0])
    path = workspace.path(new)
    where = f" ({shown(path)})" if path else ""
    return f"next: {new.title}{where}: minigen exercise show {new.typed}   ({done})"


def following(workspace, exercise):
    """The Exercise to do after this one, None where all have passed."""
    return next((workspace.exercise(m) for m in _todo(workspace, exercise)), None)


def _todo(workspace, exercise):
    """The other masters that have not passed yet: those that come later, then those that were left out."""
    todo = [m for m in _not_passed(workspace) if m.id != exercise.id]
    return sorted(todo, key=lambda m: m.order <= exercise.master.order)


def _not_passed(workspace):
    entries = workspace.progress.entries()
    return [m for m in workspace.masters.values() if not progress.has_passed(entries.get(m.id, {}))]


def as_json(attempt):
    """One result as plain values."""
    values = {k: v for k, v in attempt.result.items() if k not in ("report", "told", "unfit")}
    return {"version": VERSION, "exit_code": EXIT[attempt.status]} | values | {"id": attempt.exercise.name}


def chosen(options):
    """(Workspace, Exercise) of what is to be checked: what the person names, or else the next exercise."""
    if options.id is not None:
        return target_with_a_file(options)
    workspace = Workspace.here(options.source).required()
    return workspace, current(workspace)


def current(workspace):
    """The first Exercise in teaching order that has not passed yet; the last one, if all have."""
    return workspace.exercise((_not_passed(workspace) or [*workspace.masters.values()][-1:])[0])


def _judged(workspace, exercise, options, search=0, early=None):
    entry, path = workspace.progress.entry(exercise.id), workspace.path(exercise)
    if not path.is_file():
        message = f"there is no file {shown(path)}"
        result = {"id": exercise.id, "status": "error", "message": message, "printed": "", "trace": []}
        result |= {"report": "", "told": "", "place": None, "seed": options.seed}
        return Attempt(exercise, None, result, entry)
    content = path.read_bytes()

    def attempt(result, entry):
        return Attempt(exercise, path, _without_codes(result) if exercise.bug else result, entry)

    tell = None if early is None else lambda result: early(attempt(result, entry))
    limits = {"seconds": options.time_limit, "search": search, "reveal": options.reveal, "early": tell}
    result = runner.run(path, exercise.master, options.seed, **limits)
    return attempt(result, entry | progress.after(entry, result, content, exercise.text()))


def _without_codes(value):
    """A result, or a part of it, without the codes that name the mistake a person is to find."""
    if isinstance(value, dict):
        return {k: None if k == "code" else _without_codes(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_without_codes(v) for v in value]
    return re.sub(r"\s*\[[A-Z]\d\d\]", "", value) if isinstance(value, str) else value


def _remember(workspace, attempts):
    workspace.progress.change_all({a.exercise.id: a.entry for a in attempts if a.path is not None})


def _check_all(options):
    """Check every file that is there, a few at a time; print a line for each."""
    workspace = Workspace.here(options.source).required()
    attempts, unread = [], None if workspace.progress.read() else "made anew"
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        for attempt in pool.map(lambda e: _judged(workspace, e, options), everything(workspace)):
            if attempt.path is None:
                attempt.result["status"] = "not attempted"  # among all, a file that is missing is no accident
            attempts.append(attempt)
            if not options.json:
                line = attempt.result["message"] if attempt.status != "passed" else ""
                line = line.removeprefix("not attempted yet: ")
                line = textwrap.shorten(line, width(105) - 45, placeholder=" ...")
                print(f"{attempt.status:<13}  {attempt.exercise.name:<28}  {line}".rstrip(), flush=True)
    _remember(workspace, attempts)
    statuses = [a.status for a in attempts]
    code = EXIT[next((s for s in _GRAVEST if s in statuses), "passed")]
    if options.json:
        answer = {"version": VERSION, "exit_code": code, "results": [as_json(a) for a in attempts]}
        print(json.dumps(answer, indent=1))
        return code
    counts = ", ".join(f"{statuses.count(s)} {s}" for s in EXIT if s in statuses)
    print(f"\n{len(attempts)} files: {counts}" + (f"; progress {unread}" if unread else ""))
    bad = next(a for s in _GRAVEST for a in attempts if a.status == s)
    if code == 0:
        print(after_passing(workspace, bad.exercise))
    else:
        again = f"minigen exercise check {bad.exercise.typed}"
        print(f"next: {workspace.adding(bad.exercise) if bad.path is None else again}")
    return code


def everything(workspace):
    """All exercises, and the bugs that are there, in order."""
    found = {m.id: workspace.exercise(m) for m in workspace.masters.values()}
    for path in sorted((workspace.root / "bugs").glob("*.py")):
        with contextlib.suppress(UserError):  # a file of somebody else
            bug = workspace.find(path.name)
            found.setdefault(bug.id, bug)
    return list(found.values())


def _frame(attempt, number, function, text):
    inside = f", in {function}" if function else ""
    return f"  {shown(attempt.path)}, line {number}{inside}\n{textwrap.indent(text, ' ' * 6)}".rstrip()


def _indented(text, most):
    lines = text.splitlines()
    rest = [f"... and {len(lines) - most} more lines"] if len(lines) > most else []
    return "\n".join(f"  | {line[:200]}" for line in [*lines[:most], *rest])
