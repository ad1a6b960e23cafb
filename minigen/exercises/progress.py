"""Remembers what has been tried and passed, in .minigen/progress.json.

The file is a cache: `minigen exercise check --all` makes it anew. It is written beside itself and
then moved into place, so that a reader sees the old file or the new one and nothing in between.
What this version does not know is kept.
"""

import contextlib
import errno
import hashlib
import json
import os
import sys
import time

FORMAT = 1
READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)  # what the system says where one may not write


def fingerprint(content):
    """A short hash of a text or of bytes."""
    data = content.encode("utf-8") if isinstance(content, str) else content
    return hashlib.sha256(data).hexdigest()[:16]


class Progress:
    """What is known of each exercise, by id. Without a folder (None) it knows nothing and remembers nothing.

    An entry has: `state`, the last status; `attempts`; `passed_hash` and `exercise_hash`,
    of the person's file and of the untouched one when it passed; `hints`, how many were read; `revealed`;
    `code` and `same`, the last mistake named and how often in a row; `when`.
    """

    def __init__(self, folder):
        self.path = None if folder is None else folder / ".minigen" / "progress.json"
        self._told = set()

    def entry(self, id):
        """What is known of one exercise: a dict, empty if nothing is."""
        return self.entries().get(id, {})

    def entries(self):
        """What is known of every exercise."""
        return self._entries(self.read())

    def change(self, id, **facts):
        """Note facts about one exercise. Returns whether they are kept."""
        return self.change_all({id: facts})

    def change_all(self, facts):
        """Note {id: facts}. Where the folder cannot be written, say so, once, and go on.

        Returns whether they are kept.
        """
        if self.path is None or not facts:
            return False
        known = self.read()
        entries = self._entries(known)
        for id, new in facts.items():
            entries[id] = entries.get(id, {}) | new
        known |= {"format": known.get("format", FORMAT), "exercises": entries}
        beside = self.path.with_name(f"progress-{os.getpid()}.tmp")
        try:
            self.path.parent.mkdir(exist_ok=True)
            beside.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
            os.replace(beside, self.path)
        except OSError as error:
            with contextlib.suppress(OSError):
                beside.unlink()
            reason = "this folder is read-only" if error.errno in READ_ONLY else error.strerror
            self._tell(f"your progress is not kept ({reason}); everything else works")
            return False
        return True

    def read(self):
        """The whole file as a dict. A file that is no progress is set aside, never thrown away."""
        if self.path is None:
            return {}
        try:
            known = json.loads(self.path.read_text(encoding="utf-8"))
            if isinstance(known, dict) and isinstance(known.get("exercises", {}), dict):
                return known
            reason = "it holds something else"
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            reason = str(error)
        aside = self.path.with_name(f"progress-unreadable-{time.strftime('%Y%m%d-%H%M%S')}.json")
        try:
            os.replace(self.path, aside)
            where = f"it was set aside as {aside}; minigen exercise check --all makes a new one"
        except OSError:
            where = "it is left as it is"
        self._tell(f"{self.path} cannot be read ({reason}); {where}")
        return {}

    def _tell(self, sentence):
        if sentence not in self._told:
            print(f"minigen exercise: {sentence}", file=sys.stderr)
        self._told.add(sentence)

    @staticmethod
    def _entries(known):
        return {id: e for id, e in known.get("exercises", {}).items() if isinstance(e, dict)}


def after(entry, result, content, exercise_text):
    """The facts to note when a file with `content` got `result`."""
    facts = {"state": result["status"], "when": time.strftime("%Y-%m-%dT%H:%M:%S")}
    if result["status"] != "not attempted":
        facts["attempts"] = count(entry, "attempts") + 1
    if result["status"] == "passed":
        facts |= {"passed_hash": fingerprint(content), "exercise_hash": fingerprint(exercise_text)}
    code = result.get("code")
    facts |= {"code": code, "same": count(entry, "same") + 1 if code and code == entry.get("code") else 1}
    return facts


def has_passed(entry):
    """Whether an exercise has passed, now or once."""
    return bool(entry.get("passed_hash"))


def count(entry, name):
    """A number of an entry, 0 where it is not there or is damaged."""
    value = entry.get(name, 0)
    return value if isinstance(value, int) else 0
