"""`minigen exercise init, list, next, show, hint, explain, notebook`: what one reads before and at work."""

import itertools
import re
import sys
import textwrap
import unicodedata
from pathlib import Path

from minigen.exercises import progress
from minigen.exercises.attempts import current
from minigen.exercises.lookup import UserError
from minigen.exercises.workspace import (
    DEFAULT,
    Workspace,
    initialise,
    shown,
    target,
    target_with_a_file,
    write_new,
)
from minigen.terminal import width

_ITEM = re.compile(r"([-*]|\d+\.) ")  # how a line of a list begins


def init(options):
    """Write the exercises into a folder; what is there already stays as it is."""
    folder = Path(options.folder) if options.folder else Workspace.here().root or Path(DEFAULT)
    workspace, written, kept = initialise(folder, options.source)
    place = "this folder" if workspace.root == Path.cwd() else shown(workspace.root)
    if kept and written:
        print(f"{place}: {_files(written)} added: {', '.join(e.file.name for e in written)}")
    elif written:
        many = len(written) > 1
        print(f"{place}: {len(written)} exercise{'s, one file each' * many}")
    if kept:
        print(f"{place}: {_files(kept)} already there, unchanged")
    first = current(workspace)
    step = "" if workspace.root == Path.cwd() else f"cd {place}, "
    print(f"next: {step}open {first.file} in an editor, then: minigen exercise check {first.id}")
    return 0


def _files(exercises):
    return f"{len(exercises)} file{'s' * (len(exercises) != 1)}"


def list_(options):
    """One line for each exercise: what it is, and how far one has come."""
    workspace = Workspace.here(options.source)
    entries, masters = workspace.progress.entries(), workspace.masters
    longest, columns = max(map(len, masters)), width(200)
    widest = longest + max(len(m.title) for m in masters.values()) + 7
    for number, master in enumerate(masters.values(), 1):
        state = _state(workspace, workspace.exercise(master), entries) if workspace.root else ""
        line = f"{number:3d}  {master.id:<{longest}}  {master.title:<48}  {state}".rstrip()
        if widest > columns:
            below = [textwrap.fill(t, columns - 5) for t in (master.title, state) if t]
            line = f"{number:3d}  {master.id}\n{textwrap.indent(chr(10).join(below), '     ')}"
        elif len(line) > columns:
            line = f"{number:3d}  {master.id:<{longest}}  {master.title}\n     {state}"
        print(line)
    done = sum(progress.has_passed(entries.get(i, {})) for i in masters)
    if workspace.root is None:
        print(f"next: minigen exercise init{workspace.extra}   (writes them into a new folder, {DEFAULT})")
    else:
        print(f"\n{len(masters)} exercise{'s' * (len(masters) != 1)}, {done} passed")
        print(f"next: minigen exercise {'next' if done < len(masters) else 'bug ID'}{workspace.extra}")
    return 0


def next_(options):
    """The exercise to do now."""
    workspace = Workspace.here(options.source).required()
    entries, exercise = workspace.progress.entries(), current(workspace)
    if progress.has_passed(entries.get(exercise.id, {})):
        print("every exercise has passed")
        print(f"next: minigen exercise bug ID{workspace.extra}   (a mistake is planted; find it)")
        return 0
    return _present(workspace, exercise, entries)


def show(options):
    """The statement of an exercise."""
    workspace, exercise = target(options)
    return _present(workspace, exercise, workspace.progress.entries())


def hint(options):
    """One more hint each time; those read before are repeated."""
    workspace, exercise = target(options)
    hints = exercise.master.hints
    read = progress.count(workspace.progress.entry(exercise.id), "hints")
    level = options.level or min(read + 1, len(hints))
    if not 1 <= level <= len(hints):
        raise UserError(
            f"there are hints 1 to {len(hints)}, and no hint {level}",
            f"next: minigen exercise hint {exercise.typed}",
        )
    for number, text in enumerate(hints[:level], 1):
        print(_wrapped(f"hint {number} of {len(hints)}: {text}") + "\n")
    kept = workspace.progress.change(exercise.id, hints=max(level, read))
    more = f"the solution: minigen exercise solution {exercise.typed} --reveal"
    if level < len(hints):
        further = "" if kept else f" --level {level + 1}"
        more = f"another hint: minigen exercise hint {exercise.typed}{further}"
    print(f"next: minigen exercise check {exercise.typed}   ({more})")
    return 0


def explain(options):
    """A page of the catalogue of mistakes, or its contents."""
    from minigen.exercises import catalogue

    if options.code is None:
        for entry in catalogue.entries().values():
            print("\n".join(_filled(f"{entry.code}  {entry.title}", width(200), 5)))
        print("next: minigen exercise explain CODE")
        return 0
    try:
        entry = catalogue.explain(options.code)
    except ValueError as error:
        raise UserError(str(error), "next: minigen exercise explain   (shows all codes)") from None
    print(_wrapped(str(entry)) + "\n")
    print(f"next: repair the line, then: minigen exercise check {_last_checked(entry.code)}")
    return 0


def _last_checked(code):
    """The exercise that a person is at: the last with this mistake in it, else the last one checked."""
    try:
        workspace = Workspace.here()
        tried = {i: e for i, e in workspace.progress.entries().items() if e.get("when")}
        last = max(tried, key=lambda i: (tried[i].get("code") == code, str(tried[i]["when"])), default=None)
        return "ID" if last is None else workspace.find(last).typed
    except UserError:  # several folders of exercises, or the exercise is no longer there
        return "ID"


def notebook(options):
    """The exercise as a Jupyter notebook, beside the file."""
    workspace, exercise = target_with_a_file(options)
    folder = exercise.at.parent if exercise.at else workspace.root
    path = folder / f"{exercise.master.id}.ipynb"
    if not write_new(path, exercise.master.notebook()):
        cure = "next: rename it, and call this again for a fresh one"
        raise UserError(f"{shown(path)} exists and stays as it is", cure)
    print(f"written: {shown(path)}")
    print(f"next: jupyter lab {shown(path)}   (its last cell checks your backward)")
    return 0


def _present(workspace, exercise, entries):
    master = exercise.master
    print(f"{exercise.title}   [{exercise.name}]\n\n{_wrapped(master.statement)}\n")
    print(f"gradients wanted: {', '.join(master.wanted)}")
    early = [i for i in master.requires if not progress.has_passed(entries.get(i, {}))]
    if early and workspace.root:
        print(f"easier after: {', '.join(early)}")
    path = workspace.path(exercise)
    if path is None:
        what = f"writes the files into a new folder, {DEFAULT}"
        print(f"\nnext: minigen exercise init{workspace.extra}   ({what})")
    elif not path.is_file():
        print(f"\nnext: {workspace.adding(exercise)}   (writes the file)")
    else:
        print(f"\nnext: open {shown(path)}, then: minigen exercise check {exercise.typed}")
    return 0


def _wrapped(text):
    """Prose, lists and tables as wide as the terminal, formulas in Unicode."""
    most, out = min(width(), 100), []
    for kind, lines in itertools.groupby(_parts(_readable(text, most)), key=lambda part: part[0]):
        lines = [line for _, line in lines]
        if kind == "table":
            out += _table(lines, most)
        elif kind == "as it is":
            out += lines
        else:
            mark = _ITEM.match(lines[0])
            out += _filled(" ".join(line.strip() for line in lines), most, len(mark[0]) if mark else 0)
    return "\n".join(out)


def _parts(text):
    """The lines of a text, each with its kind: (kind, line); that of prose is the number of its paragraph."""
    number = 0
    for line in text.splitlines():
        number += bool(_ITEM.match(line))
        if line.startswith("|"):
            yield "table", line
        elif not line.strip() or "$$" in line or line.startswith(("    ", "#")):
            number += 1
            yield "as it is", line
        else:
            yield number, line


def _table(lines, most):
    """A table of Markdown: its columns beside each other; a row is a paragraph where that is too wide."""
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    rows = [row for row in rows if set("".join(row)) - set("-: ")]
    if len({len(row) for row in rows}) > 1:
        return lines
    widths = [max(map(_columns, column)) for column in zip(*rows, strict=True)]
    if sum(widths) + 2 * len(widths) <= most:
        padded = [[c + " " * (w - _columns(c)) for c, w in zip(row, widths, strict=True)] for row in rows]
        return ["  ".join(row).rstrip() for row in padded]
    return [line for row in rows for line in _filled(": ".join(row), most, 4)]


def _columns(text):
    """The columns that a text takes: a hat or a bar stands over a letter."""
    return sum(not unicodedata.combining(c) for c in text)


def _filled(text, most, under):
    return textwrap.wrap(
        text, most, subsequent_indent=" " * under, break_long_words=False, break_on_hyphens=False
    )


def _readable(text, most):
    """The text with its formulas in Unicode; as it is, where a letter is missing or a formula unusual."""
    from minigen.exercises.formula_text import in_unicode

    try:
        plain = in_unicode(text, most)
        plain.encode(sys.stdout.encoding or "utf-8")
        return plain
    except ValueError:
        return text


def _state(workspace, exercise, entries):
    """How far an exercise has come, in a few words."""
    entry, content = entries.get(exercise.id, {}), workspace.content(exercise)
    words = str(entry.get("state", "")).replace("not attempted", "")
    if content is None:
        words = "no file"
    elif progress.has_passed(entry):
        words = "passed"
        if entry.get("exercise_hash") != progress.fingerprint(exercise.text()):
            words += "; the exercise has changed since"
        elif entry["passed_hash"] != progress.fingerprint(content):
            words += "; your file has changed since"
    bugs = [i for i in entries if i.startswith(exercise.id + "-") and i not in workspace.masters]
    repaired = sum(progress.has_passed(entries[i]) for i in bugs)
    extra = [f"{repaired} bug{'s' * (repaired > 1)} repaired"] if repaired else []
    extra += ["solution seen"] if entry.get("revealed") else []
    return ", ".join([words, *extra] if words else extra)
