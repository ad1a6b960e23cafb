"""Reads the master files of the exercises, and makes from each the stub, solution, mutants and notebook.

A master is a plain Python file in this folder with an `ID`. Only the solution is written down; everything a
person gets to see is cut out of it here, so nothing can drift apart. Titles and hints are read without
executing the file, which keeps `minigen exercise list` quick: NumPy is loaded when something is computed, not
before.
"""

import ast
import functools
import importlib.util
import inspect
import json
import linecache
import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

BEGIN, END = "# BEGIN SOLUTION", "# END SOLUTION"
YOURS, GIVEN = "# ---- your lines: put a formula in place of each ... ----", "# ---- given from here on ----"
_READ = """\
# The forward pass, to read; the checker runs its own copy. net("h", value) gives the value a name, under
# which backward finds it in `cache`: cache["h"].
"""
_RUN = """if __name__ == "__main__":
    from minigen.exercises import check

    print(check("{id}", backward))
"""
ID = r"[a-z][a-z0-9]*(-[a-z0-9]+)*"  # what the name of an exercise looks like
_FACTS = ("ID", "ORDER", "REQUIRES", "WANTED", "HINTS")


class BrokenMaster(ValueError):
    """A file that is no master, or one that fails when it is used; the sentence begins with its name."""


@dataclass(frozen=True)
class Mutant:
    """A mistake to plant: `old`, which stands exactly once between the solution markers, becomes `new`.

    Several replacements are tuples of equal length. `cause` says in one sentence what went wrong, never what
    would be right.
    """

    old: str | tuple
    new: str | tuple
    cause: str = ""

    def plant(self, text):
        """`text` with the mistake in it."""
        pairs = [(self.old, self.new)] if isinstance(self.old, str) else zip(self.old, self.new, strict=True)
        for old, new in pairs:
            if text.count(old) != 1:
                raise BrokenMaster(
                    f"a mutant replaces {old!r}, which stands {text.count(old)} times in the solution, not "
                    "once"
                )
            text = text.replace(old, new)
        return text


class Master:
    """One exercise, read from its master file. What costs an import is computed when it is asked for."""

    def __init__(self, path):
        self.path = Path(path)
        self.source = self.path.read_text(encoding="utf-8")
        self._tree = ast.parse(self.source, str(self.path))
        assigns = [n for n in self._tree.body if isinstance(n, ast.Assign)]
        assigned = {t.id: n.value for n in assigns for t in n.targets if isinstance(t, ast.Name)}
        facts = {}
        for name in _FACTS:
            if name not in assigned and name != "REQUIRES":
                raise BrokenMaster(f"{self.path.name}: a master needs {name} = ...")
            try:
                facts[name] = ast.literal_eval(assigned[name]) if name in assigned else ()
            except ValueError as error:
                raise BrokenMaster(
                    f"{self.path.name}: {name} must be written out, for it is read, not executed"
                ) from error
        self.id, self.order, self.requires, self.wanted, self.hints = (facts[n] for n in _FACTS)
        self._examine()
        self.title, _, statement = ast.get_docstring(self._tree).partition("\n")
        self.statement = statement.strip()
        self._module = None

    def _examine(self):
        """Raise BrokenMaster where a person who writes a master has left something out."""
        name, functions = self.path.name, {n.name for n in self._tree.body if isinstance(n, ast.FunctionDef)}
        if not (isinstance(self.id, str) and re.fullmatch(ID, self.id)):
            raise BrokenMaster(f"{name}: ID is {self.id!r}, expected words of a-z and 0-9, joined by '-'")
        if not isinstance(self.order, int | float):
            raise BrokenMaster(f"{name}: ORDER is {self.order!r}, expected a number")
        for fact in ("requires", "wanted", "hints"):
            value = getattr(self, fact)
            if not (isinstance(value, tuple | list) and all(isinstance(v, str) for v in value)):
                what = f'{fact.upper()} is {value!r}, expected a tuple of texts, such as ("x",)'
                raise BrokenMaster(f"{name}: {what}")
        if not ast.get_docstring(self._tree):
            raise BrokenMaster(
                f"{name}: a master begins with a docstring: a title, an empty line, the statement"
            )
        for function in ("forward", "backward", "inputs"):
            if function not in functions:
                raise BrokenMaster(f"{name}: a master needs a function {function}")
        if not self._blocks():
            raise BrokenMaster(f"{name}: backward needs the lines {BEGIN!r} and {END!r} around the solution")

    def module(self):
        """The master as a Python module, with NumPy and all."""
        if self._module is None:
            spec = importlib.util.spec_from_file_location(f"minigen.exercises.{self.path.stem}", self.path)
            module = importlib.util.module_from_spec(spec)
            try:
                spec.loader.exec_module(module)
            except Exception as error:
                raise BrokenMaster(f"{self.path.name} fails: {type(error).__name__}: {error}") from error
            self._module = module
        return self._module

    def drawn(self, config, rng):
        """What forward takes in a configuration, (arrays, settings), by name. `why` is for readers alone."""
        module, sizes = self.module(), {k: v for k, v in config.items() if k != "why"}
        parameters = inspect.signature(module.forward).parameters.values()
        settings = {p.name: sizes[p.name] for p in parameters if p.kind is p.KEYWORD_ONLY}
        return module.inputs(rng, **sizes), settings

    @property
    def mutants(self):
        """{key: Mutant}. A key is a code of the catalogue, or a code and a word: "V12.sign"."""
        return getattr(self.module(), "MUTANTS", {})

    def stub(self):
        """The file a person starts from: every value of the solution is `...`."""
        return self._person(_emptied)

    def solution(self):
        """The same file, solved."""
        return self._person(lambda block, given: block)

    def mutant(self, key):
        """The same file, solved with the mistake `key` in it."""
        return self.planted(key)

    def planted(self, *keys):
        """The same file, solved with several mistakes in it."""
        mark = "\n\x00\n"  # a mistake may sit in any of the blocks, but not across two
        text = mark.join(self._blocks())
        for key in keys:
            text = self.mutants[key].plant(text)
        planted = iter(text.split(mark))
        return self._person(lambda block, given: next(planted))

    def backward(self, key=None):
        """The solution's backward, or that of a mutant, as a function."""
        return load(self.solution() if key is None else self.mutant(key), f"<{self.id} {key or 'solution'}>")

    def notebook(self):
        """The stub as a Jupyter notebook, a string of JSON."""
        given, work = self.stub().split('"""', 2)[2].split("\n\n\ndef backward(")
        cells = [
            ("markdown", f"# {self.title}\n\n{self.statement}"),
            ("code", given.strip()),
            ("code", "def backward(" + work.split("\n\n\nif __name__")[0].rstrip()),
            ("code", f'from minigen.exercises import check\n\ncheck("{self.id}", backward)'),
        ]
        kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
        book = {
            "cells": [_cell(number, *cell) for number, cell in enumerate(cells)],
            "metadata": {"kernelspec": kernel},
        }
        return json.dumps({**book, "nbformat": 4, "nbformat_minor": 5}, indent=1)

    def solution_lines(self):
        """The lines between the markers, without blanks and comments: what a hint must not give away."""
        lines = [line.split("#")[0].strip() for block in self._blocks() for line in block.splitlines()]
        return [line for line in lines if line]

    def _blocks(self):
        return [block for is_solution, block in _split(self.source, self.path.name) if is_solution]

    def _person(self, fill):
        """Statement, imports, what forward and backward use, these two; `fill` writes the solution blocks."""
        needed = dict(self._needed())
        given, body = needed.pop("backward"), []
        for is_solution, block in _split(given, self.path.name):
            if is_solution:
                indent = " " * (len(block) - len(block.lstrip()))
                body += [indent + YOURS + "\n", fill(block, given), indent + GIVEN + "\n"]
            else:
                body.append(block)
        imports = "".join(text for text in needed.values() if text.startswith(("import ", "from ")))
        defined = [text for text in needed.values() if not text.startswith(("import ", "from "))]
        statement = "".join(self.source.splitlines(keepends=True)[: self._tree.body[0].end_lineno])
        top = f"{statement}\n{imports if 'np' in needed else 'import numpy as np' + chr(10) + imports}"
        return "\n\n".join([top, *defined, "".join(body), _RUN.format(id=self.id)])

    def _needed(self):
        """[(name, source)] of the top-level statements that forward and backward reach by name, in order."""
        lines = self.source.splitlines(keepends=True)
        named = {name: node for node in self._tree.body for name in _defined(node)}
        wanted, seen = ["forward", "backward"], set()
        while wanted:
            name = wanted.pop()
            if name in named and name not in seen:
                seen.add(name)
                wanted += [n.id for n in ast.walk(named[name]) if isinstance(n, ast.Name)]
        kept, out = {id(named[name]) for name in seen}, []
        for node in self._tree.body:
            if id(node) in kept:
                first = node.lineno - 1
                while first and lines[first - 1].startswith("#"):
                    first -= 1
                name, text = _defined(node)[-1], "".join(lines[first : node.end_lineno])
                out.append((name, _READ + text if name == "forward" else text))
        return out


def all_masters():
    """{id: Master} of minigen's own exercises, in teaching order."""
    return _own()[0]


def broken_masters():
    """{file name: what is wrong}: masters that cannot be read; the others still can."""
    return _own()[1]


@functools.cache
def _own():
    return read_masters(Path(__file__).with_name("masters"))


def is_master(path):
    """Whether a file is written as a master, fit or not."""
    return "\nID = " in "\n" + path.read_bytes().decode("utf-8", "replace")


def read_masters(source):
    """({id: Master} in teaching order, {file name: what is wrong}) of a folder, or of one master."""
    masters, broken = {}, {}
    for path in sorted(source.glob("*.py")) if source.is_dir() else [source]:
        if not is_master(path):
            continue
        try:
            master = Master(path)
        except (ValueError, SyntaxError) as error:
            broken[path.name] = str(error)
            continue
        if master.id in masters:
            other = masters[master.id].path.name
            broken[path.name] = f"{path.name} and {other} have the same ID {master.id!r}"
        masters.setdefault(master.id, master)
    return dict(sorted(masters.items(), key=lambda item: item[1].order)), broken


def load(text, filename="<backward>"):
    """The function `backward` that a text defines; its source can be looked up as that of a file can."""
    names = {"__name__": "minigen_exercise"}
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    exec(compile(text, filename, "exec"), names)
    return names["backward"]


def _split(source, where):
    """[(is solution, text)]: the source in pieces, cut at the markers, which must pair."""
    pieces, current, inside = [], [], False
    for number, line in enumerate(source.splitlines(keepends=True), 1):
        mark = line.strip()
        if mark not in (BEGIN, END):
            current.append(line)
            continue
        if (mark == BEGIN) == inside:
            raise BrokenMaster(f"{where}, line {number}: {mark!r} without its partner")
        pieces.append((inside, "".join(current)))
        current, inside = [], not inside
    if inside:
        raise BrokenMaster(f"{where}: {BEGIN!r} without {END!r}")
    return [*pieces, (False, "".join(current))]


def _emptied(block, given):
    """A block of the stub: what the rest of backward uses of it, each as `...`."""
    indent = " " * (len(block) - len(block.lstrip()))
    rest = given.replace(block, "")
    used = {n.id for n in ast.walk(ast.parse(textwrap.dedent(rest))) if isinstance(n, ast.Name)}
    own = [n for n in ast.walk(ast.parse(textwrap.dedent(block))) if isinstance(n, ast.Name)]
    names = dict.fromkeys(n.id for n in own if isinstance(n.ctx, ast.Store) and n.id in used)
    return "".join(f"{indent}{name} = ...\n" for name in names) or f"{indent}...\n"


def _defined(node):
    if isinstance(node, ast.FunctionDef):
        return [node.name]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [a.asname or a.name.split(".")[0] for a in node.names]
    if isinstance(node, ast.Assign):
        return [n.id for t in node.targets for n in ast.walk(t) if isinstance(n, ast.Name)]
    return []


def _cell(number, kind, text):
    cell = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}, "source": text}
    return cell if kind == "markdown" else {**cell, "execution_count": None, "outputs": []}
