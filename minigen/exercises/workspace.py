"""The folder with a person's exercises: finding it, filling it, and never overwriting what somebody wrote.

A folder of exercises is one that has a `.minigen` folder in it. Commands look for it upward from where they are called.
"""

import os
import time
from pathlib import Path

from minigen.exercises.lookup import UserError
from minigen.exercises.master import all_masters
from minigen.exercises.progress import Progress

DEFAULT = "minigen-exercises"


class Workspace:
    """A folder of exercises, or none (`root` is None): then there is a catalogue, but no files and no memory."""

    def __init__(self, root):
        self.root = None if root is None else Path(root)
        self.progress = Progress(self.root)

    @classmethod
    def here(cls, start=None):
        """The folder of exercises that the current directory lies in."""
        start = Path(start or Path.cwd()).absolute()
        return cls(next((p for p in (start, *start.parents) if (p / ".minigen").is_dir()), None))

    @classmethod
    def required(cls):
        """The same, where a command cannot do without."""
        found = cls.here()
        if found.root is None:
            raise UserError(
                "there are no exercises in this folder, nor in the ones above it",
                f"next: minigen exercise init   (writes them into a new folder, {DEFAULT})",
            )
        return found

    def path(self, exercise):
        """Where the file of an exercise lies, or would lie."""
        return None if self.root is None else self.root / exercise.file

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
            backup = self._back_up(exercise.id, path.read_bytes())
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        beside.write_bytes(text.encode("utf-8"))
        os.replace(beside, path)
        return backup

    def _back_up(self, id, content):
        folder = self.root / ".minigen" / "backup"
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
    from minigen.exercises.lookup import Exercise

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
    """A path as a person would type it here."""
    try:
        short = os.path.relpath(path)
    except ValueError:  # another drive
        return str(path)
    return str(path) if short.startswith(os.path.join("..", "..")) else short
