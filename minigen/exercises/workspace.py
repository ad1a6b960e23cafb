"""The folder with a person's exercises: finding it, filling it, and never overwriting what somebody wrote.

A folder of exercises is one that has a `.minigen` folder in it. Commands look for it upward from where they are called,
and then one level below.
"""

import contextlib
import dataclasses
import os
import shlex
import time
from pathlib import Path

from minigen.exercises.lookup import Exercise, UserError, find, find_by_file
from minigen.exercises.master import all_masters
from minigen.exercises.progress import Progress

DEFAULT = "minigen-exercises"


class Workspace:
    """A folder of exercises, or none (`root` is None): then there is a catalogue, but no files and no memory."""

    def __init__(self, root):
        self.root = None if root is None else Path(root)
        self.progress = Progress(self.root)

    @classmethod
    def around(cls, start):
        """The folder of exercises that the folder `start` lies in."""
        start = Path(start).absolute()
        return cls(next((p for p in (start, *start.parents) if (p / ".minigen").is_dir()), None))

    @classmethod
    def here(cls):
        """The folder of exercises that the current directory lies in, or else the one that lies in it."""
        found, below = cls.around(Path.cwd()), []
        if found.root is None:
            with contextlib.suppress(OSError):
                below = sorted(p.parent for p in Path.cwd().glob("*/.minigen") if p.is_dir())
        if len(below) > 1:
            raise UserError(
                f"there are {len(below)} folders of exercises here: {', '.join(map(shown, below))}",
                f"next: cd {shown(below[0])}   (or another one, then the same command again)",
            )
        return cls(below[0]) if below else found

    @classmethod
    def required(cls):
        """The same, where a command cannot do without."""
        found = cls.here()
        if found.root is None:
            raise UserError(
                "there are no exercises in this folder, in the ones above it, or one level below",
                f"next: minigen exercise init   (writes them into a new folder, {DEFAULT})",
            )
        return found

    def path(self, exercise):
        """Where the file of an exercise lies, or would lie."""
        if exercise.at or self.root is None:
            return exercise.at
        path, old = self.root / exercise.file, self.root / "bugs" / f"{exercise.id}.py"
        return (
            old if exercise.bug and old.is_file() and not path.is_file() else path
        )  # as bugs were called once

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
        """Write a file, after a backup of what was there. Returns the path of the backup, or None if nothing was there."""
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
    """(Workspace, Exercise) that a command is about: options.id is an id or a person's file, options.named the id of the file."""
    name = options.id
    path = Path(name).absolute()
    if not path.is_file() or not (path.suffix == ".py" or options.named):
        if options.named:
            raise UserError(f"there is no file {name}", "next: give the path of your file before --as")
        return Workspace.here(), find(name)
    workspace = Workspace.around(path.parent)
    exercise = find(options.named) if options.named else find_by_file(path)
    usual = workspace.path(exercise)
    if usual is None or not usual.is_file() or not usual.samefile(path):
        said = shown(path) + (f" --as {exercise.name}" if options.named else "")
        exercise = dataclasses.replace(exercise, at=path, said=said)
    return workspace, exercise


def target_with_a_file(options):
    """The same, where a command cannot do without a file of the person."""
    workspace, exercise = target(options)
    return (workspace if exercise.at else Workspace.required()), exercise


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


def initialise(folder):
    """Make a folder of exercises. Returns (Workspace, files written, files that were there already)."""
    root = Path(folder).absolute()
    if root.exists() and not root.is_dir():
        raise UserError(f"{folder} is a file, expected a folder", "next: minigen exercise init ANOTHER-NAME")
    (root / ".minigen").mkdir(parents=True, exist_ok=True)
    workspace, written, kept = Workspace(root), [], []
    for master in all_masters().values():
        exercise = Exercise(master)
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
