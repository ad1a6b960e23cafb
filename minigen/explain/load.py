"""Loads a person's file so that its functions can be called, without running what it does
besides defining them.

A file that trains and plots is read statement by statement. What stands under `if __name__ == "__main__":`
does not run here (shown.py runs it later as far as the first calls). A loop or a call that trains is cut off,
a module that is not installed is replaced by an empty one, printing is swallowed, and whatever opens a file,
plots or waits is refused. What was left out is told with its line.
"""

import __future__

import ast
import builtins
import contextlib
import copy
import functools
import importlib
import io
import itertools
import linecache
import random
import signal
import sys
import threading
import time
import traceback
import types
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from minigen.explain import arrays, hints
from minigen.explain.flow import root_of
from minigen.explain.naming import bases
from minigen.explain.source import called_name, called_names, in_double, is_pass, name_of, passes, tree_of
from minigen.explain.steps import steps_in

STATEMENT_SECONDS = 1.0  # a definition takes no time; what takes longer is work, which belongs under __main__
_work = (
    "train", "fit", "main", "run", "optimize", "learn", "solve", "minimize", "gradient_check", "demo", "test",
)  # fmt: skip


@dataclass
class Program:
    """A person's file after loading: its namespace, its syntax, and what was left out and why."""

    path: Path
    text: str
    tree: ast.Module
    module: types.ModuleType
    left_out: list[tuple[int, str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    folder: Path = None
    refused: list[tuple[int, str]] = field(default_factory=list)
    guessed: list[str] = field(default_factory=list)  # labels that inputs(rng) leaves out
    operations: list = field(default_factory=list)  # functions that make pairs of the operations of an engine
    tables: dict = field(
        default_factory=dict
    )  # {name: function} of those that stand in dicts, beside their derivatives
    # {derivative: (function, flag)} of those that a function gives where a flag asks for them
    flagged: dict = field(default_factory=dict)
    # {name: class} of functions that return functions of their own
    makers: dict = field(default_factory=dict)
    unlike: dict = field(
        default_factory=dict
    )  # {function: why it was not judged, though another one like it was}
    assumes: bool = False  # whether a loss that is not in the file is tried
    stopped: dict = field(default_factory=dict)  # {forward: (how far it came, what stopped it)}
    library: str = ""  # whose arrays its functions take: "torch" or "cupy", else NumPy's

    def note(self, forward, far, error):
        """Keep what stopped the call that came furthest: an exception, or a sentence."""
        if far > self.stopped.get(forward, (-1, ""))[0]:
            if isinstance(error, BaseException):
                path = str(self.path)
                lines = [n for f, n in traceback.walk_tb(error.__traceback__) if f.f_code.co_filename == path]
                where = f" in line {lines[-1]}" if lines else ""
                text = " ".join(str(error).split())
                error = f"{type(error).__name__.strip('_')}{where}: {text[:150]}"
            self.stopped[forward] = far, error

    @property
    def libraries(self):
        """The names of the libraries with arrays of their own that the file imports."""
        used = {getattr(v, "__name__", "") for v in self.names.values() if isinstance(v, types.ModuleType)}
        return [name for name in arrays.LIBRARIES if name in used]

    def owns(self, module):
        """Whether a module, by name, is the person's: this file, or one in the same package or folder."""
        if module == self.module.__name__:
            return True
        file = getattr(sys.modules.get(module), "__file__", None)
        if not file or "site-packages" in file:
            return False
        return self.folder is not None and Path(file).resolve().is_relative_to(self.path.resolve().parent)

    @property
    def names(self):
        return self.module.__dict__

    @functools.cached_property
    def promised(self):
        """The names, in small letters, whose gradients the names in the file promise: w1 where dW1 stands."""
        return set().union(*map(bases, self.words))

    def tree_of(self, function):
        """The text of a function of the file; None where it has none, or there is no function."""
        return tree_of(self.tree, function)

    @functools.cached_property
    def subtracted(self):
        """The names of the functions whose results the file subtracts from something."""
        return hints.subtracted(self.tree)

    @functools.cached_property
    def words(self):
        """The names that stand in the file: variables, attributes, keys as text."""
        found = set()
        for node in ast.walk(self.tree):
            name = getattr(node, "id", getattr(node, "attr", getattr(node, "value", None)))
            found |= {name} if isinstance(name, str) and name.isidentifier() else set()
        return found

    def functions(self):
        """{name: function} of the plain functions that the file defines at its top level."""
        return {
            name: value
            for name, value in self.names.items()
            if isinstance(value, types.FunctionType) and value.__module__ == self.module.__name__
        }

    def classes(self):
        """{name: class} of the classes that the file defines, and of its functions that make other functions."""
        own = {
            name: value
            for name, value in self.names.items()
            if isinstance(value, type) and value.__module__ == self.module.__name__
        }
        return own | self.makers


class Refused(RuntimeError):
    """The person's code did something that a check must not do; the sentence says which line to move."""


class Timeout(Exception):
    """The person's code computed for longer than it may."""


def load(path):
    """The Program in a file. Raises SyntaxError as Python does, OSError where the file cannot be read."""
    from minigen.explain import (  # which read programs
        closures,
        flags,
        loops,
        operations,
        pairs,
        running,
        tables,
    )

    path = Path(path)
    text = path.read_text(encoding="utf-8")
    tree, passes[str(path)] = loops.of_a_file(text, path)
    own = passes[str(path)]
    _without_slots(tree)
    linecache.checkcache(str(path))
    module = types.ModuleType(f"_person_{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses look their module up there
    program = Program(path, text, tree, module)
    folders = list(path.resolve().parents)[:4]  # a file of a package imports from above
    package = [f.name for f in itertools.takewhile(lambda f: (f / "__init__.py").exists(), folders)]
    module.__package__ = ".".join(reversed(package))
    program.folder = folders[len(package)] if len(package) < len(folders) else folders[-1]
    added = [str(f) for f in folders]
    sys.path[:0] = added
    state = np.random.get_state(), random.getstate()  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    random.seed(0)
    try:
        with quiet(), refusing(program), np.errstate(all="ignore"):
            if package:
                _patiently(program, lambda: importlib.import_module(module.__package__))
            program.names.update(running.given() if own else {})
            for statement in [*own, *tree.body]:
                _run(program, statement)
            program.operations, derivatives = operations.functions(tree), flags.functions(tree, own)
            for statement in [*program.operations, *derivatives]:
                _run(program, statement)
            tree.body += [*own, *program.operations, *derivatives]
            program.flagged = flags.asked(derivatives)
            inside = {n.lineno for one in own for n in one.body}  # what is judged as a pass is not left out
            program.left_out = [(line, why) for line, why in program.left_out if line not in inside]
    finally:
        for folder in added:
            sys.path.remove(folder)
        for name in program.missing:
            empty = sys.modules.get(name)
            if getattr(empty, "__getattr__", None) is not None and not empty.__spec__:
                del sys.modules[name]  # the next file may find the real one
        np.random.set_state(state[0])  # noqa: NPY002
        random.setstate(state[1])
    program.refused.clear()  # `left_out` tells what the file did on its own
    program.tables = tables.functions(program.names, pairs.goes_back)
    program.names.update(program.tables)
    program.makers = closures.kinds(program)
    for name, holder in closures.namespaces(program).items():
        program.names[name], program.makers[name] = holder, type(holder)
    return program


def _without_slots(tree):
    """Let every class keep its attributes in a dict, where they can be found: slots change nothing that is computed."""
    for kind in (n for n in ast.walk(tree) if isinstance(n, ast.ClassDef)):
        for i, statement in enumerate(kind.body):
            targets = getattr(statement, "targets", [getattr(statement, "target", None)])
            if any(name_of(t) == "__slots__" for t in targets):
                kind.body[i] = ast.copy_location(ast.Pass(), statement)
        for call in (d for d in kind.decorator_list if isinstance(d, ast.Call)):
            call.keywords = [k for k in call.keywords if k.arg != "slots"]


def _run(program, statement):
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return _import(program, statement)
    why = is_work(program, statement)
    if why is None:
        try:
            with limited(STATEMENT_SECONDS):
                execute(program, statement)
            return None
        except Timeout:
            why = f"takes longer than {STATEMENT_SECONDS:.0f} s"
        except Refused as error:
            why = str(error)
        except Exception as error:
            why = f"raised {type(error).__name__}: {error}"
        except SystemExit:
            why = "ends the program"
    told = isinstance(statement, ast.Expr) and called_name(statement.value) == "print"
    if why and not told:
        program.left_out.append((statement.lineno, why))
    return None


def execute(program, statement):
    flags = __future__.annotations.compiler_flag if "from __future__" in program.text else 0
    code = compile(ast.Module([statement], []), str(program.path), "exec", flags=flags, dont_inherit=True)
    exec(in_double(code), program.names)


def is_work(program, statement):
    """Why a statement at the top level is not run ("" where that needs no mention), or None where it is."""
    if isinstance(statement, ast.If) and "__name__" in ast.unparse(statement.test):
        return ""
    if isinstance(statement, ast.For | ast.While) and any(map(is_pass, called_names(statement))):
        return ""
    own = {*program.functions(), *program.classes()}
    if isinstance(statement, ast.While):
        return "is a loop at the top level"
    if isinstance(statement, ast.For | ast.With):
        called = [n.func for n in ast.walk(statement) if isinstance(n, ast.Call)]
        steps = (s for n in ast.walk(statement) if isinstance(n, ast.stmt) for s in steps_in(n))
        calls_others = any(isinstance(f, ast.Attribute) for f in called)
        if calls_others and any(s.name and s.goes_down() for s in steps):
            return "is a loop at the top level"
        if any(
            not _is_plain(program, f) if isinstance(f, ast.Attribute) else name_of(f) in own for f in called
        ):
            return "is a loop at the top level"
    if isinstance(statement, ast.Expr | ast.Assign) and isinstance(statement.value, ast.Call):
        function, name = statement.value.func, called_name(statement.value)
        if name.lower().startswith(_work) and (isinstance(function, ast.Attribute) or name in own):
            if root_of(function) not in ("np", "numpy"):
                return f"calls {name}"
    return None


def _is_plain(program, function):
    """Whether a method or a function of a module only makes or changes data: rng.rand, rows.append, np.eye."""
    root, own = root_of(function), (vars(kind) for kind in program.classes().values())
    if root in program.names:
        value = program.names[root]
        module = value.__name__.partition(".")[0] if isinstance(value, types.ModuleType) else ""
        return isinstance(value, _data) or module in _of_data
    of_data = any(hasattr(kind, function.attr) for kind in _data[:4])  # of what the loop itself makes
    return of_data and not any(function.attr in methods for methods in own)


_data = list, dict, str, np.ndarray, set, tuple, np.random.Generator, np.random.RandomState, random.Random
_of_data = {"numpy", "math", "random", "itertools"}


def _import(program, statement):
    if _patiently(program, lambda: execute(program, statement)):
        return  # otherwise stubbed below, name by name, and told
    for alias in statement.names:
        module = alias.name if isinstance(statement, ast.Import) else statement.module or "."
        name = alias.asname or alias.name.split(".")[0]
        one = copy.copy(statement)
        one.names = [alias]
        try:
            with limited(20):
                execute(program, one)
        except Exception:
            program.missing.append(module)
            if name != "*":
                whole = isinstance(statement, ast.Import)
                program.names[name] = Stub(module if whole else f"{module}.{name}")


def _patiently(program, work):
    """Whether an import came through, with empty modules put where others are not installed."""
    for _ in range(12):
        try:
            with limited(20):
                work()
            return True
        except ModuleNotFoundError as error:
            name = error.name
            if not name or name in sys.modules or (program.folder / name.partition(".")[0]).exists():
                return False
            sys.modules[name] = _empty(name)
            program.missing.append(name)
        except (Exception, Timeout, SystemExit):
            return False
    return False


def _empty(name):
    module = types.ModuleType(name)
    module.__path__ = []
    module.__getattr__ = lambda attribute: _attribute(name, attribute)
    return module


def _attribute(name, attribute):
    if attribute.startswith("__"):
        raise AttributeError(attribute)
    return Stub(f"{name}.{attribute}")


class Stub:
    """Stands where a module is not installed: it can be named and decorated with,
    and says so when it is used.
    """

    def __init__(self, name):
        self.__dict__["_name"] = name

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if name in ("shape", "ndim", "dtype"):  # it is no array, for whoever looks at values
            raise AttributeError(f"{self._name.split('.')[0]} is not installed: no {self._name}.{name}")
        return Stub(f"{self._name}.{name}")

    def __setattr__(self, name, value):
        pass

    def __call__(self, *arguments, **options):
        if len(arguments) == 1 and not options and callable(arguments[0]):
            return arguments[0]  # a decorator such as numba.jit
        return Stub(f"{self._name}()")

    def __mro_entries__(self, bases):
        return ()

    def __deepcopy__(self, memo):
        return self

    def __iter__(self):
        raise Refused(f"{self._name.split('.')[0]} is not installed, and {self._name} is used")


@contextlib.contextmanager
def quiet():
    """What the person's code prints goes nowhere."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


@contextlib.contextmanager
def refusing(program):
    """Files, input(), waiting, sockets and plots raise Refused with the person's line."""
    import socket

    def refuse(what, allow=None):
        def refused(*arguments, **options):
            line = _line(program)
            if line is None:
                # not the person's call: NumPy or Python itself opens something
                return allow(*arguments, **options)
            said = f'{what} in line {line}: move that line under `if __name__ == "__main__":`'
            program.refused.append((line, what))  # the program may catch what is raised
            raise Refused(said)

        return refused

    places = [
        (builtins, "open", "opens a file"),
        (io, "open", "opens a file"),
        (builtins, "input", "waits for input()"),
        (time, "sleep", "waits"),
        (socket.socket, "connect", "opens a connection"),
    ]
    files = ("load", "loadtxt", "genfromtxt", "save", "savez", "savetxt")
    places += [(np, name, "opens a file") for name in files]
    plots = sys.modules.get("matplotlib.pyplot")
    drawing = ("show", "figure", "subplots", "plot", "savefig", "pause") if plots else ()
    places += [(plots, name, "plots") for name in drawing]
    kept = [(owner, name, getattr(owner, name)) for owner, name, _ in places]
    for owner, name, what in places:
        setattr(owner, name, refuse(what, getattr(owner, name)))
    try:
        yield
    finally:
        for owner, name, function in kept:
            setattr(owner, name, function)


def _line(program):
    """The line of the person's file that called what was refused: none where other code lies between."""
    frame = sys._getframe(2)
    return frame.f_lineno if frame.f_code.co_filename == str(program.path) else None


@contextlib.contextmanager
def limited(seconds):
    """Raise Timeout in the main thread after so many seconds of computing, where the system has the signal."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_):
        raise Timeout

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
