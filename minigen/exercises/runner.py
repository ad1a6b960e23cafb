"""Judges a person's file in a process of its own, with a limit on time and on memory.

Whatever the file does (an endless loop, exit(), a flood of text) happens over there. The answer comes back as
JSON in a temporary file; where none comes, how the process ended says why.
"""

import contextlib
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
# the process stops itself, and says where it was; after this much more it is stopped from outside
GRACE = 5.0
SEARCHES = 15.0  # a search stops itself too: a change that never ends is stopped ten seconds after its time
PAUSE = 0.05  # seconds between two looks at the answer
KEPT = 4000  # characters of what the file prints
_START = (
    "import sys; sys.path[:] = sys.argv.pop(1).split('\\n'); from minigen.exercises.child import main; main()"
)


def run(path, master, seed=0, seconds=SECONDS, memory=MEMORY, search=0, reveal=False, early=None):
    """Judge the file at `path` as the exercise of `master`. Returns a dict: what Result.to_dict gives, and

    `report` (the table), `told` (what the search found), `trace` ([[line number, function, text]] in the
    person's file), `place` ([line number, text] of the first wrong line), `printed` and `seconds`.

    The mistake is searched for, for at most `search` seconds; `early(result)` is called before that, if it
    takes place.
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
            "search": search,
            "reveal": reveal,
        }
        command = [sys.executable, "-c", _START, "\n".join(_search_path(path)), str(answer), str(stack)]
        most = seconds + search + GRACE + SEARCHES * (search > 0)
        code, printed = _call([*command, json.dumps(task)], most, _Early(answer, early))
        try:
            result = json.loads(answer.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            result = _without_answer(master, seed, code, stack, path, seconds)
    if result.pop("searching", False):
        result["told"] += "the search for the mistake ended early: too much memory is one reason"
    return result | {"printed": printed, "seconds": round(time.perf_counter() - started, 3)}


class _Early:
    """Hands over the first answer, once, when it is there and the search goes on."""

    def __init__(self, answer, tell):
        self.answer, self.tell = answer, tell

    def __call__(self):
        if self.tell is not None and self.answer.exists():
            result, tell, self.tell = json.loads(self.answer.read_text(encoding="utf-8")), self.tell, None
            if result.get("searching"):
                tell(result | {"printed": ""})


def _call(command, seconds, look):
    """Run to the end or to the time limit, and call `look()` now and then.

    Returns (exit code, None if it was stopped; the beginning of what it printed).
    """
    environment = {**os.environ, "COLUMNS": str(width())}
    environment |= {"PYTHONIOENCODING": "utf-8:backslashreplace", "PYTHONUNBUFFERED": "1"}
    environment |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        start_new_session=True,
    )
    kept, code, until = _Beginning(process.stdout), None, time.monotonic() + seconds
    try:
        while code is None and time.monotonic() < until:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = process.wait(PAUSE)
            look()
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
    """Where the process finds modules: as here, but a file beside the exercise hides none of Python's own.

    `random.py` in the folder of the exercises must not break NumPy; that folder comes last instead of first.
    """
    own, here = str(Path(__file__).parents[2]), str(Path(path).parent)
    usual = [p for p in map(os.path.abspath, filter(None, sys.path)) if p != here]
    return [*usual, *([] if own in usual else [own]), here]


def _without_answer(master, seed, code, stack, path, seconds):
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
    answer = {"id": master.id, "status": "error", "message": message, "code": None, "seed": seed}
    return answer | {"verdict": "error", "report": "", "told": "", "trace": trace, "place": None}


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
