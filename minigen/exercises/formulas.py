"""Recognises a known mistake by its numbers: what would this line give, had the person
made exactly that mistake?

Every mutant of an exercise is a backward with one mistake in it. To compare it with a person's answer
line by line, its source is rewritten so that after each line the person's own gradient takes the
place of the computed one. Each line of the mutant then says what it makes of the person's numbers,
so that it is recognised also below other mistakes.
"""

import ast
import functools

import numpy as np

from minigen.check.contract import Caller
from minigen.exercises.catalogue import explain
from minigen.exercises.master import load


class Known:
    """One mistake that has a name: a mutant of a master, ready to be compared with."""

    def __init__(self, master, key, mutant):
        self.key, self.code = key, key.split(".")[0]
        self.cause = mutant.cause or explain(self.code).title
        self.reads = [r.strip() for r in mutant.reads.split(";") if r.strip()]
        self._master, self._function = master, None

    def values(self, problem, own):
        """{line: what the mutant's line gives for the gradients `own` of what follows};
        empty where the mutant fails.
        """
        computed = {}

        def lead(name, value):
            computed[name] = np.array(value)
            return np.array(own[name])

        try:
            if self._function is None:
                self._function = load(led(self._master.mutant(self.key)), f"<{self._master.id} {self.key}>")
            self._function.__globals__["lead"] = lead
            with np.errstate(all="ignore"):
                returned = Caller(problem, self._function)()
            return {n: np.asarray(v) for n, v in (returned | computed).items()}
        except Exception:  # a mutant may well fail on somebody else's numbers; then it is not this one
            return {}


@functools.cache
def known(master):
    """All mistakes of a master that have a name, in its order."""
    return [Known(master, key, mutant) for key, mutant in master.mutants.items()]


def led(text):
    """The source of a person's file, whose backward hands every gradient it returns to `lead` and
    goes on with the result.
    """
    tree = ast.parse(text)
    backward = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "backward")
    returned = backward.body[-1].value
    for key, value in zip(returned.keys, returned.values, strict=True):
        if isinstance(value, ast.Name):
            places = [i for i, statement in enumerate(backward.body) if _stores(statement, value.id)]
            if places:
                call = ast.parse(f"{value.id} = lead({key.value!r}, {value.id})").body[0]
                backward.body.insert(places[-1] + 1, call)
    return ast.unparse(ast.fix_missing_locations(tree))


def _stores(statement, name):
    """Whether a statement gives the variable a value, or writes into it."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Name | ast.Subscript) and isinstance(node.ctx, ast.Store):
            while isinstance(node, ast.Subscript):
                node = node.value
            if isinstance(node, ast.Name) and node.id == name:
                return True
    return False
