"""What stands elsewhere in the program may be due here: backward goes through the same lists as forward, cuts the same slices,
calls the same functions of the same values.

Expressions of one role are collected from all functions: what a name is given, what a loop goes through, how an array is
cut, which function is applied to a value. Each is offered in the place of another one of its role, where a statement can
name all that it reads.
"""

import ast
import builtins

import numpy as np

from minigen.explain.edits import Edit, bare, text
from minigen.explain.source import index_parts, names_in

MOST = 40  # expressions of one role that are offered to one place


class Elsewhere:
    """The expressions of a program's functions, by their role."""

    def __init__(self, functions):
        self.slices, self.ways, self.given, self.of, self.settings, self.parts = {}, {}, {}, {}, {}, {}
        self.divisors = {}
        for function in functions:
            for node in ast.walk(function.tree):
                self._note(node)

    def _note(self, node):
        if isinstance(node, ast.Subscript) and _cuts(node):
            self.slices.setdefault(len(index_parts(node)), {})[text(node.slice)] = node.slice
        elif isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Div):
            self.divisors[text(node.value)] = node.value
        elif isinstance(node, ast.BinOp):
            if isinstance(node.op, ast.Div):
                self.divisors[text(node.right)] = node.right
            for part in (node.left, node.right):
                if isinstance(part, ast.BinOp):
                    self.parts.setdefault(text(part), {})[text(node)] = node
        elif isinstance(node, ast.For | ast.comprehension):
            self.ways[text(node.target), text(node.iter)] = node
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            self.given.setdefault(text(node.targets[0]), {})[text(node.value)] = node.value
        if isinstance(node, ast.Call) and (len(node.args) > 1 or node.keywords):
            settings = node.args[1:], node.keywords
            self.settings.setdefault(text(node.func), {})[", ".join(_texts(*settings))] = settings
        elif isinstance(node, ast.Call) and len(node.args) == 1:
            if isinstance(node.args[0], ast.Name | ast.Attribute | ast.Subscript):
                self.of.setdefault(text(node.args[0]), {})[text(node)] = node

    def edits(self, s):
        """Changes of one Suspect."""
        known = s.scope.keys() | s.namespace.keys() | vars(builtins).keys()
        yield from self._of_names(s, known)
        for node in ast.walk(s.statement):
            if isinstance(node, ast.Subscript) and _cuts(node):
                yield from self._of_slice(node, known)
            elif isinstance(node, ast.Call) and len(node.args) == 1 and id(node) in s.slots.parents:
                yield from self._of_settings(node, known)
            elif isinstance(node, ast.ListComp | ast.GeneratorExp) and id(node) in s.slots.parents:
                yield from self._of_comprehension(node, known)
        for node in s.slots.nodes:
            yield from self._of_value(node, s, known)

    def _of_names(self, s, known):
        """lo, hi = ..., where another line gives these names another value."""
        statement = s.statement
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1 or s.piece:
            return
        own, target = text(statement.value), text(statement.targets[0])
        for other, value in list(self.given.get(target, {}).items())[:MOST]:
            if other != own and _can_be_named(value, known):
                words = f"{bare(target)} has another value than elsewhere in the program"
                yield Edit(1.2, "operand", words, statement.value, value)

    def _of_slice(self, node, known):
        own = text(node.slice)
        for other, value in list(self.slices.get(len(index_parts(node)), {}).items())[:MOST]:
            if other != own and _can_be_named(value, known):
                words = f"the index [{bare(own)}] is another one elsewhere in the program"
                yield Edit(1.25, "index", words, node.slice, value)

    def _of_settings(self, node, known):
        """rotate(x), where another line has rotate(x, -1): what a function is given beside its first argument."""
        own = ", ".join(_texts(node.args[1:], node.keywords))
        for other, (more, keywords) in list(self.settings.get(text(node.func), {}).items())[:MOST]:
            if other != own and all(_can_be_named(n, known) for n in [*more, *(k.value for k in keywords)]):
                words = f"{text(node.func)} is called with {other} elsewhere in the program"
                yield Edit(1.2, "operand", words, node, ast.Call(node.func, [node.args[0], *more], keywords))

    def _of_comprehension(self, node, known):
        """[G[name] for name in G], where another loop goes through shapes.items()."""
        if len(node.generators) != 1:
            return
        (old,) = node.generators
        read = names_in(node.elt).union(*map(names_in, old.ifs))
        needed = read & names_in(old.target)
        for (target, iterated), way in list(self.ways.items())[:MOST]:
            if iterated == text(old.iter) and target == text(old.target):
                continue
            if needed <= names_in(way.target) and _can_be_named(way.iter, known):
                new = ast.comprehension(way.target, way.iter, old.ifs, 0)
                words = f"{text(old.iter)} is gone through where {iterated} is due"
                yield Edit(1.2, "order", words, node, type(node)(node.elt, [new]))

    def _of_value(self, node, s, known):
        parent, place = s.slots.place(node)
        value, own = s.values.get(id(node)), text(node)
        if isinstance(parent, ast.Expr) and isinstance(node, ast.Call | ast.Name) and not s.body:
            for (_, iterated), way in list(self.ways.items())[:MOST]:  # the head of a loop
                if iterated != own and _can_be_named(way.iter, known):
                    words = f"{own} is gone through where {iterated} is due"
                    yield Edit(1.25, "order", words, node, way.iter)
        for other, whole in list(self.parts.get(own, {}).items())[:MOST]:
            if text(parent) != other and _can_be_named(whole, known):
                sums = isinstance(whole.op, ast.Add | ast.Sub)
                words = f"{own} stands here, and {other} elsewhere in the program"
                yield Edit(1.1, "missing path" if sums else "factor", words, node, whole)
        divides = isinstance(getattr(parent, "op", None), ast.Div) and node is not getattr(
            parent, "left", None
        )
        for other, divisor in list(self.divisors.items())[: MOST if divides else 0]:
            if other != own and not isinstance(divisor, ast.Constant) and _can_be_named(divisor, known):
                words = f"{own} divides here, and {other} elsewhere in the program"
                yield Edit(1.5, "operand", words, node, divisor)
        if isinstance(node, ast.Name | ast.Attribute | ast.Subscript) and isinstance(value, np.ndarray):
            for other, call in list(self.of.get(own, {}).items())[:MOST]:
                if not isinstance(parent, ast.Call) and _can_be_named(call, known):
                    yield Edit(1.2, "function", f"{other} is due where {own} stands", node, call)
        picks = place == "slice" or isinstance(parent, ast.Tuple)
        if picks and isinstance(value, np.ndarray) and value.dtype.kind == "i" and value.ndim == 1:
            if np.array_equal(np.sort(value), np.arange(value.size)):
                yield from _turned_back(node)


def _texts(more, keywords):
    return [*map(text, more), *(f"{k.arg}={text(k.value)}" for k in keywords)]


def _turned_back(node):
    """The order that undoes a permutation."""
    sorts = isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "argsort" and node.args
    new = node.args[0] if sorts else ast.parse(f"np.argsort({text(node)})", mode="eval").body
    yield Edit(1.0, "order", f"{text(node)} puts in order what must be put back", node, new)


def _cuts(node):
    """Whether an index cuts out a part: x[i:i + k], and not x[:, 0] or x[::-1]."""
    return any(isinstance(p, ast.Slice) and (p.lower or p.upper) for p in index_parts(node))


def _can_be_named(tree, known):
    """Whether all that an expression reads has a name; those that it binds itself count as well."""
    bound = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return names_in(tree) - bound <= known
