"""`minigen exercise init, list, next, show, hint, explain, notebook`: everything to read before and while one works."""

import shutil
import textwrap
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
    width = max(map(len, masters))
    for number, master in enumerate(masters.values(), 1):
        state = _state(workspace, workspace.exercise(master), entries) if workspace.root else ""
        print(f"{number:3d}  {master.id:<{width}}  {master.title:<48}  {state}".rstrip())
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
    read = workspace.progress.entry(exercise.id).get("hints", 0)
    level = options.level or min((read if isinstance(read, int) else 0) + 1, len(hints))
    if not 1 <= level <= len(hints):
        raise UserError(
            f"there are hints 1 to {len(hints)}, and no hint {level}",
            f"next: minigen exercise hint {exercise.typed}",
        )
    for number, text in enumerate(hints[:level], 1):
        print(_wrapped(f"hint {number} of {len(hints)}: {text}") + "\n")
    kept = workspace.progress.change(exercise.id, hints=max(level, read if isinstance(read, int) else 0))
    more = f"minigen exercise hint {exercise.typed}" + ("" if kept else f" --level {level + 1}")
    more = (
        f"another hint: {more}"
        if level < len(hints)
        else f"the solution: minigen exercise solution {exercise.typed} --reveal"
    )
    print(f"next: minigen exercise check {exercise.typed}   ({more})")
    return 0


def explain(options):
    """A page of the catalogue of mistakes, or its contents."""
    from minigen.exercises import catalogue

    if options.code is None:
        for entry in catalogue.entries().values():
            print(f"{entry.code}  {entry.title}")
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
    """The exercise that a person is at: the last one in which this mistake was seen, else the last one checked."""
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
        raise UserError(
            f"{shown(path)} exists and stays as it is",
            "next: rename it, and call this again for a fresh one",
        )
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
        print(
            f"\nnext: minigen exercise init{workspace.extra}   (writes the files into a new folder, {DEFAULT})"
        )
    elif not path.is_file():
        print(f"\nnext: {workspace.adding(exercise)}   (writes the file)")
    else:
        print(f"\nnext: open {shown(path)}, then: minigen exercise check {exercise.typed}")
    return 0


def _wrapped(text):
    """Prose as wide as the terminal; tables, lists and formulas as they are."""
    width, out, prose = min(shutil.get_terminal_size().columns, 101) - 1, [], []
    for line in [*text.splitlines(), ""]:
        plain = line.strip() and "$$" not in line and not line.startswith(("|", "- ", "* ", " ", "#"))
        if plain:
            prose.append(line)
            continue
        out += textwrap.wrap(" ".join(prose), width, break_long_words=False, break_on_hyphens=False) + [line]
        prose = []
    return "\n".join(out[:-1])


def _state(workspace, exercise, entries):
    """How far an exercise has come, in a few words."""
    entry, content = entries.get(exercise.id, {}), workspace.content(exercise)
    words = str(entry.get("state", "")).replace("not attempted", "")
    if content is None:
        words = "no file"
    elif progress.has_passed(entry):
        if entry.get("exercise_hash") != progress.fingerprint(exercise.text()):
            words = "passed; the exercise has changed since"
        elif entry["passed_hash"] != progress.fingerprint(content):
            words = "passed; your file has changed since"
        else:
            words = "passed"
    repaired = sum(
        progress.has_passed(e)
        for i, e in entries.items()
        if i.startswith(exercise.id + "-") and i not in workspace.masters
    )
    extra = [f"{repaired} bug{'s' * (repaired > 1)} repaired"] if repaired else []
    extra += ["solution seen"] if entry.get("revealed") else []
    return ", ".join([words, *extra] if words else extra)
