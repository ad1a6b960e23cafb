"""What runs in the other process: sets the limits, loads a person's file, judges it, writes the answer down.

The table is written down before the search for the mistake begins, so that it is there whatever becomes of
the search. Nothing here is called by hand; see runner.py.
"""

import ast
import contextlib
import faulthandler
import functools
import json
import os
import re
import sys
import traceback
import types
from pathlib import Path

try:
    import resource
except ImportError:  # Windows
    resource = None


def main():
    """Do the task of the command line: where the answer goes, where the stack goes in the end, the task."""
    answer, stack, task = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    with open(stack, "w") as watch:
        faulthandler.dump_traceback_later(task["seconds"], exit=True, file=watch)
        result, search = examine(Path(task["path"]), task["master"], task["seed"], task["memory"])
        faulthandler.cancel_dump_traceback_later()
    if search is not None and task["search"]:
        _write(answer, result | {"searching": True})
        result |= search(task["search"], task["reveal"])
    _write(answer, result)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(0)  # at once, whatever threads the file has started


def _write(answer, result):
    """Write an answer down at once: a reader sees the whole of it or the one before."""
    from minigen.check.report import plain

    beside = Path(f"{answer}.new")
    beside.write_text(json.dumps(plain(result), default=str), encoding="utf-8")
    os.replace(beside, answer)


def examine(path, master, seed, memory):
    """Load and judge one file as the exercise of the master in the file `master`, whatever the file does.

    Returns (the answer, a dict; search), where search(seconds, reveal) gives what the explainer adds to the
    answer, and is None where there is nothing for it to look for.
    """
    from minigen.exercises import judge
    from minigen.exercises.master import BrokenMaster, Master

    master = Master(master)
    person = _Person(path)
    answer = judge.Result(master, "error", "", seed=seed).to_dict()
    answer |= {"report": "", "told": "", "trace": [], "place": None}
    search = None
    try:
        master.module()  # everything is loaded before memory gets short
    except BrokenMaster as broken:
        return answer | {"message": f"this exercise cannot be given: {broken}", "unfit": True}, None
    _limit(memory)
    try:
        backward = person.backward()
        result = judge.judge(master, _quiet_after_once(backward), seed=seed)
        error = result.exception
        answer |= result.to_dict() | {"report": str(result.table or ""), "told": result.told()}
        if error is not None and result.table:
            answer["report"] = f"where the sizes happen to fit, this is seen:\n{answer['report']}"
        first = result.table.first_wrong if result.table else None
        answer["place"] = person.place_of(first.node) if first else None
        search = _search(result, backward, path) if result.unclear else None
    except BaseException as raised:
        error, answer["message"] = raised, ""
    finally:
        _limit(None)
    if error is not None:
        answer["trace"] = person.trace(error)
        answer["message"] = person.sentence(error, memory) or answer["message"]
        if not answer["message"]:
            inside = "".join(traceback.format_exception(error)[-12:])
            whose = f"minigen, or the master {master.path.name},"
            answer["message"] = f"{whose} failed, and not because of your file: please report this\n{inside}"
    return answer, search


def _search(result, backward, path):
    """search(seconds, reveal): what the explainer adds to the answer."""
    from minigen.exercises.judge import OURS, explain_result

    def search(seconds, reveal):
        try:
            explain_result(result, backward, seconds, reveal, here=not hasattr(os, "fork"))
        except Exception as error:  # the table stands; only the words are missing
            return {"told": f"{OURS}: {type(error).__name__}: {error}"}
        found = result.explanation.findings if result.explanation else []
        found = [f for f in found if f.file == str(path)]
        added = {k: v for k, v in result.to_dict().items() if k not in ("status", "message")}
        place = {"place": [found[0].line, found[0].source.strip()]} if found else {}
        return added | {"told": result.told()} | place

    return search


def _quiet_after_once(backward):
    """The same function, but only its first call may print: a check calls it a dozen times."""
    calls = 0

    @functools.wraps(backward)
    def once(*arguments, **named):
        nonlocal calls
        calls += 1
        if calls == 1:
            return backward(*arguments, **named)
        with (
            open(os.devnull, "w") as null,
            contextlib.redirect_stdout(null),
            contextlib.redirect_stderr(null),
        ):
            return backward(*arguments, **named)

    return once


class _Person:
    """A person's file: its text, its backward, and where in it something happened."""

    def __init__(self, path):
        self.path, self.lines, self.tree, self.loaded = path, [], None, False

    def backward(self):
        """Execute the file and take its backward."""
        try:
            source = self.path.read_bytes()
            text = source.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise Unusable("is not a text in UTF-8: save it anew in your editor with that encoding") from None
        except OSError as error:
            raise Unusable(f"cannot be read: {error.strerror}") from None
        self.lines = text.splitlines()
        if "\0" in text:
            raise Unusable("holds bytes that no text has: save it anew in your editor")
        self.tree = ast.parse(text, str(self.path))
        module = types.ModuleType("minigen_exercise")
        module.__file__ = str(self.path)
        sys.modules[module.__name__] = module
        exec(compile(text, str(self.path), "exec", dont_inherit=True), module.__dict__)
        if not callable(module.__dict__.get("backward")):
            raise Unusable("has no function `backward`: was it renamed or deleted?")
        self.loaded = True
        return module.backward

    def trace(self, error):
        """[[line number, function, text]] of the frames in this file, the innermost last, at most four."""
        if isinstance(error, SyntaxError) and error.filename == str(self.path):
            text = (error.text or "").rstrip()
            column = (error.offset or 0) - 1 - (len(text) - len(text.lstrip()))
            return [[error.lineno or 1, "", text.lstrip() + (f"\n{' ' * column}^" if column >= 0 else "")]]
        frames = [f for f in traceback.walk_tb(error.__traceback__) if self._mine(f[0])]
        found = [[number, f.f_code.co_name, self._line(number)] for f, number in frames]
        if found and self.loaded:
            found[-1][2] += _shapes(frames[-1][0], found[-1][2])
        return found if len(found) <= 4 else [found[0], *found[-3:]]

    def sentence(self, error, memory):
        """What happened, for a beginner; None where it was not this file's doing."""
        name, when = self.path.name, "" if self.loaded else " while it was being loaded"
        if isinstance(error, Unusable):
            return f"{name} {error}"
        if isinstance(error, SyntaxError) and error.filename == str(self.path):
            return f"{name} is not valid Python: {error.msg} in line {error.lineno}"
        if isinstance(error, MemoryError):
            limit = f"{memory / 2**30:g} GiB of memory"
            return f"{name} needed more than {limit}: does a list or an array grow without end?"
        if not self.trace(error):
            return None
        if isinstance(error, SystemExit):
            return f"{name} calls exit(){when}: take it out, a backward returns its gradients"
        if isinstance(error, EOFError):
            cure = "take input() or the reading of stdin out"
            return f"{name} waits for input{when}, and in a check nobody answers: {cure}"
        what = f"{type(error).__name__}: {error}".rstrip(": ")
        if sizes := re.search(r"matmul: .*(size \d+ is different from \d+)", what):
            what = f"{type(error).__name__}: a matrix product does not fit, {sizes[1]}"  # not NumPy's words
        who = "backward" if self.loaded else name
        return f"{who} raised {what}" + ("" if self.loaded else when)

    def place_of(self, node):
        """[line number, text] of the line that computes the gradient named `node`, or None."""
        functions = [n for n in self.tree.body if isinstance(n, ast.FunctionDef) and n.name == "backward"]
        returned = [r for f in functions for r in ast.walk(f) if isinstance(r, ast.Return)]
        if not returned or not isinstance(returned[-1].value, ast.Dict):
            return None
        for key, value in zip(returned[-1].value.keys, returned[-1].value.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == node:
                number = value.lineno
                if isinstance(value, ast.Name):
                    number = max(_assignments(functions[-1], value.id), default=number)
                return [number, self._line(number)]
        return None

    def _mine(self, frame):
        return frame.f_code.co_filename == str(self.path)

    def _line(self, number):
        return self.lines[number - 1].strip() if number and number <= len(self.lines) else ""


class Unusable(Exception):
    """A file that cannot even be loaded; the sentence goes on from the file's name."""


def _shapes(frame, line):
    """The shapes of the arrays that a line names: what one looks up first when sizes do not fit."""
    names = dict.fromkeys(re.findall(r"[A-Za-z_]\w*", line.split("#")[0]))
    arrays = {n: frame.f_locals[n] for n in names if hasattr(frame.f_locals.get(n), "shape")}
    told = "\n     ".join(f"{n} is {v.shape}" for n, v in arrays.items())
    return f"\nhere {told}" if told else ""


def _assignments(function, name):
    """The numbers of the lines in which a variable, or a part of it, gets a value."""
    stored = (n for n in ast.walk(function) if isinstance(getattr(n, "ctx", None), ast.Store))
    owners = (n.value if isinstance(n, ast.Subscript) else n for n in stored)
    return [n.lineno for n in owners if isinstance(n, ast.Name) and n.id == name]


def _limit(memory):
    """Allow this many bytes of data, or, with None, as many as the system allows."""
    if resource is None:
        return
    with contextlib.suppress(ValueError, OSError):
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        soft = hard if memory is None else memory
        if hard != resource.RLIM_INFINITY:
            soft = min(soft, hard) if soft != resource.RLIM_INFINITY else hard
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
