"""Judges a person's file in a process of its own, with a limit on time and on memory,
and waits for the answer.

Whatever the file does (an endless loop, exit(), a flood of text) happens over there. The answer comes back as
JSON in a temporary file; where none comes, how the process ended says why.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from minigen.terminal import width

SECONDS, MEMORY = 20.0, 2**30
GRACE = (
    5.0  # the process stops itself, and says where it was; after this much more it is stopped from outside
)
KEPT = 4000  # characters of what the file prints
_START = (
    "import sys; sys.path[:] = sys.argv.pop(1).split('\\n'); from minigen.exercises.child import main; main()"
)


def run(path, master, seed=0, seconds=SECONDS, memory=MEMORY):
    """Judge the file at `path` as the exercise of `master`. Returns a dict: what Result.to_dict gives, and

    `report` (text), `trace` ([[line number, function, text]] in the person's file),
    `place` ([line number, text] of the first wrong line), `printed` and `seconds`.
    """
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="minigen-") as folder:
        answer, stack = Path(folder, "answer.json"), Path(folder, "stack.txt")
        task = {
            "path": str(path),
            "master": str(master.path),
            "seed": seed,
            "seconds": seconds,
            "memory": memory,
        }
        command = [sys.executable, "-c", _START, "\n".join(_search_path(path)), str(answer), str(stack)]
        code, printed = _call([*command, json.dumps(task)], seconds + GRACE)
        try:
            result = json.loads(answer.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            result = _without_answer(master.id, seed, code, stack, path, seconds)
    return result | {"printed": printed, "seconds": round(time.perf_counter() - started, 3)}


def _call(command, seconds):
    """Run to the end or to the time limit.

    Returns (exit code, None if it was stopped; the beginning of what it printed).
    """
    one = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ
        | one
        | {"COLUMNS": str(width())}
        | {"PYTHONIOENCODING": "utf-8:backslashreplace", "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
    )
    kept, code = _Beginning(process.stdout), None
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        pass
    finally:
        _stop(process)
    return code, kept.text()


def _stop(process):
    """End the process and all that it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (AttributeError, ProcessLookupError, PermissionError):  # no groups on Windows; or all have ended
        process.kill()
    process.wait()


class _Beginning(threading.Thread):
    """Reads a pipe to its end, so that the writer never waits, and keeps the beginning."""

    def __init__(self, pipe):
        super().__init__(daemon=True)
        self.pipe, self.data, self.dropped = pipe, b"", 0
        self.start()

    def run(self):
        with self.pipe:
            while chunk := self.pipe.read1(65536):
                room = KEPT - len(self.data)
                self.data += chunk[:room]
                self.dropped += len(chunk[room:])

    def text(self):
        self.join(2)
        text = self.data.decode("utf-8", "replace").rstrip()
        return text + (f"\n... and {self.dropped} more characters" if self.dropped else "")


def _search_path(path):
    """Where the process finds modules: as here, but a file beside the exercise never
    hides one of Python's own.

    `random.py` in the folder of the exercises must not break NumPy; that folder comes last instead of first.
    """
    own, here = str(Path(__file__).parents[2]), str(Path(path).parent)
    usual = [os.path.abspath(p) for p in sys.path if p]
    usual = [p for p in usual if p != here]
    return [*usual, *([] if own in usual else [own]), here]


def _without_answer(id, seed, code, stack, path, seconds):
    """The result of a process that ended without saying anything."""
    trace = _stopped_at(stack, path)
    if trace or code is None or (stack.exists() and stack.stat().st_size):
        where = f", in line {trace[0][0]}" if trace else ""
        message = f"stopped after {seconds:g} s{where}: does a loop never end?"
    elif code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        message = f"the process was ended from outside ({name}); too much memory is one reason"
    else:
        message = (
            f"the process ended with exit code {code} before backward could be judged: take os._exit() out"
        )
    return {
        "id": id,
        "status": "error",
        "message": message,
        "code": None,
        "seed": seed,
        "diagnosis": None,
        "report": "",
        "trace": trace,
        "place": None,
    }


def _stopped_at(stack, path):
    """The line of the person's file that was being executed when time was up."""
    if not stack.exists():
        return []
    escaped = str(path).encode("ascii", "backslashreplace").decode()
    for line in stack.read_text(encoding="utf-8", errors="replace").splitlines():
        found = re.search(r'File "(.*)", line (\d+) in (.*)', line)
        if found and found[1] == escaped:
            number = int(found[2])
            lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
            text = lines[number - 1].strip() if number <= len(lines) else ""
            return [[number, found[3], text]]
    return []
