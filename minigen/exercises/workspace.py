"""The folder with a person's exercises: finding it, filling it, and never overwriting what somebody wrote.

A folder of exercises is one that has a `.minigen` folder in it. Commands look for it upward from where they
are called, and then one level below.
"""

import contextlib
import dataclasses
import functools
import json
import os
import shlex
import sys
import time
from pathlib import Path

from minigen.exercises.lookup import CURE, Exercise, UserError, find, find_by_file
from minigen.exercises.master import all_masters, is_master, read_masters
from minigen.exercises.progress import Progress

DEFAULT = "minigen-exercises"


class Workspace:
    """A folder of exercises, or none (`root` is None): then there is a catalogue, but no files and no memory.

    Its exercises are those of `source`, a folder of masters or one master: as given,
    else as the folder remembers, else minigen's own (None). `extra` is what a person has to add to a command
    to mean these exercises.
    """

    def __init__(self, root, source=None):
        self.root = None if root is None else Path(root)
        self.progress = Progress(self.root)
        remembered = self.remembered()
        self.source = remembered if source is None else Path(source).absolute()
        known = self.source is None or (remembered is not None and _same(self.source, remembered))
        self.extra = "" if known else f" --from {shown(self.source)}"

    @classmethod
    def around(cls, start, source=None):
        """The folder of exercises that the folder `start` lies in."""
        start = Path(start).absolute()
        return cls(next((p for p in (start, *start.parents) if (p / ".minigen").is_dir()), None), source)

    @classmethod
    def here(cls, source=None):
        """The folder of exercises that the current directory lies in, or else the one that lies in it."""
        found, below = cls.around(Path.cwd(), source), []
        if found.root is None:
            with contextlib.suppress(OSError):
                below = sorted(p.parent for p in Path.cwd().glob("*/.minigen") if p.is_dir())
        if len(below) > 1:
            raise UserError(
                f"there are {len(below)} folders of exercises here: {', '.join(map(shown, below))}",
                f"next: cd {shown(below[0])}   (or another one, then the same command again)",
            )
        return cls(below[0], source) if below else found

    def required(self):
        """The same, where a command cannot do without a folder."""
        if self.root is None:
            raise UserError(
                "there are no exercises in this folder, in the ones above it, or one level below",
                f"next: minigen exercise init{self.extra}   (writes them into a new folder, {DEFAULT})",
            )
        return self

    @functools.cached_property
    def masters(self):
        """{id: Master} in teaching order."""
        return all_masters() if self.source is None else _masters_of(self.source)

    def exercise(self, master, bug=None):
        """The Exercise of a master, or one of its bugs."""
        found = Exercise(master, bug)
        return dataclasses.replace(found, said=found.name + self.extra) if self.extra else found

    def find(self, name):
        """The Exercise that a name stands for."""
        cure = CURE.replace("list", f"list{self.extra}")
        found = find(name, self.masters, cure)
        return self.exercise(found.master, found.bug)

    def adding(self, exercise):
        """The command that writes the file of an exercise."""
        if exercise.bug:
            return f"minigen exercise bug {exercise.typed}"
        if self.extra or exercise.at:
            return f"minigen exercise reset {exercise.typed}"
        return "minigen exercise init"

    def remembered(self):
        """Where the exercises of this folder came from; None where they are minigen's own."""
        try:
            kept = json.loads((self.root / ".minigen" / "source.json").read_text(encoding="utf-8"))
            return Path(os.path.normpath(self.root.absolute() / kept["from"]))
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def remember(self, source):
        """Note where the exercises come from, as seen from this folder, so that both can be moved."""
        try:
            seen = Path(os.path.relpath(source, self.root)).as_posix()
        except ValueError:  # another drive
            seen = str(source)
        note = json.dumps({"from": seen}, ensure_ascii=False) + "\n"
        (self.root / ".minigen" / "source.json").write_text(note, encoding="utf-8")

    def path(self, exercise):
        """Where the file of an exercise lies, or would lie."""
        if exercise.at or self.root is None:
            return exercise.at
        path, old = self.root / exercise.file, self.root / "bugs" / f"{exercise.id}.py"  # as bugs were called
        return old if exercise.bug and old.is_file() and not path.is_file() else path

    def content(self, exercise):
        """The bytes of a person's file, or None where there is none."""
        path = self.path(exercise)
        try:
            return path.read_bytes() if path is not None else None
        except OSError:
            return None

    def write(self, exercise, text):
        """Write a file where there is none. Returns whether it was written: what exists stays as it is."""
        return write_new(self.path(exercise), text)

    def replace(self, exercise, text):
        """Write a file, after a backup of what was there.

        Returns the path of the backup, or None if nothing was there.
        """
        path, backup = self.path(exercise), None
        if path.exists():
            folder = path.parent if self.root is None else self.root / ".minigen" / "backup"
            backup = _back_up(folder, exercise.name, path.read_bytes())
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        beside.write_bytes(text.encode("utf-8"))
        os.replace(beside, path)
        return backup


def target(options):
    """(Workspace, Exercise) that a command is about: options.id is an id, a person's file, or a master.

    options.named is the id of the file, options.source where the masters are; both may be None.
    """
    name, source = options.id, options.source
    path = Path(name).absolute()
    if not path.is_file() or not (path.suffix == ".py" or options.named):
        if options.named:
            raise UserError(f"there is no file {name}", "next: give the path of your file before --as")
        workspace = Workspace.here(source)
        return workspace, workspace.find(name)
    if is_master(path) and not options.named:
        workspace = Workspace.here(source)
        known = workspace.source is None or workspace.source.exists()
        same = [m for m in workspace.masters.values() if _same(m.path, path)] if known else []
        workspace = workspace if same else Workspace.here(path)
        return workspace, workspace.exercise(same[0] if same else next(iter(workspace.masters.values())))
    workspace = Workspace.around(path.parent, source)
    if options.named:
        exercise = workspace.find(options.named)
    else:
        exercise = find_by_file(path, shown(path), workspace.masters)
        exercise = workspace.exercise(exercise.master, exercise.bug)
    usual = workspace.path(exercise)
    if usual is None or not usual.is_file() or not usual.samefile(path):
        said = shown(path) + (f" --as {exercise.name}" if options.named else "") + workspace.extra
        exercise = dataclasses.replace(exercise, at=path, said=said)
    return workspace, exercise


def target_with_a_file(options):
    """The same, where a command cannot do without a file of the person."""
    workspace, exercise = target(options)
    return (workspace if exercise.at else workspace.required()), exercise


def _masters_of(source):
    """{id: Master} of a folder of masters, or of one master; files that are broken are told and left out."""
    if not source.exists():
        raise UserError(
            f"the exercises are to come from {shown(source)}, but there is no such file or folder",
            "next: the same command with --from DIR, the folder where the masters are",
        )
    masters, broken = read_masters(source)
    for why in broken.values():
        print(f"minigen exercise: left out: {why}", file=sys.stderr)
    if not masters:
        expected = "" if broken else ": expected files with ID = ... in them"
        raise UserError(
            f"there is no exercise in {shown(source)}{expected}",
            "next: minigen exercise new my-exercise   (writes one to start from)",
        )
    return masters


def _same(one, other):
    """Whether two paths mean the same file or folder."""
    try:
        return one.samefile(other)
    except OSError:
        return one == other


def _back_up(folder, id, content):
    folder.mkdir(parents=True, exist_ok=True)
    stamp, number = time.strftime("%Y%m%d-%H%M%S"), 1
    while True:
        path = folder / (f"{id}-{stamp}.py" if number == 1 else f"{id}-{stamp}-{number}.py")
        try:
            with open(path, "xb") as file:
                file.write(content)
            return path
        except FileExistsError:
            number += 1


def write_new(path, text):
    """Write a file that must not exist yet; returns False, and writes nothing, if it does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with open(path, "xb") as file:
            file.write(text.encode("utf-8"))
    except FileExistsError:
        return False
    return True


def initialise(folder, source=None):
    """Make a folder of exercises. Returns (Workspace, files written, files that were there already)."""
    root = Path(folder).absolute()
    if root.exists() and not root.is_dir():
        raise UserError(f"{folder} is a file, expected a folder", "next: minigen exercise init ANOTHER-NAME")
    workspace, written, kept = Workspace(root, source), [], []
    before, another = workspace.remembered(), f"next: minigen exercise init ANOTHER-NAME{workspace.extra}"
    if workspace.extra and (root / ".minigen").is_dir() and (before is None or before.exists()):
        of = "minigen" if before is None else shown(before)
        raise UserError(f"{shown(root)} is a folder for the exercises of {of} already", another)
    source = workspace.source
    if source and root == (source if source.is_dir() else source.parent):
        raise UserError(f"{shown(root)} holds the masters; the exercises need a folder of their own", another)
    masters = workspace.masters
    (root / ".minigen").mkdir(parents=True, exist_ok=True)
    if workspace.extra:
        workspace.remember(source)
        workspace = Workspace(root)
    for master in masters.values():
        exercise = workspace.exercise(master)
        new = workspace.write(exercise, exercise.text())
        (written if new else kept).append(exercise)
    return workspace, written, kept


def shown(path):
    """A path, whole, as a person would type it here: quoted, where the shell needs that."""
    try:
        short = os.path.relpath(path)
    except ValueError:  # another drive
        short = str(path)
    text = str(path) if short.startswith(os.path.join("..", "..")) else short
    if os.name == "nt":
        return f'"{text}"' if " " in text else text
    return shlex.quote(text)
