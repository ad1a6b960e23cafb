"""The derivative of a formula, term by term, as a person writes it: what a sum in f_prime may lack.

    def f(x): return x**2 * np.sin(3 * x)         2 * x * np.sin(3 * x)  and  3 * x ** 2 * np.cos(3 * x)

The formula is what another function of the file returns, with the values that it names on the way put in. No rule is tried
beyond these: sums, products, quotients, constant powers, and the functions below; with any other there are no terms.
"""

import ast
import contextlib
import copy
import functools

from minigen.explain.edits import Edit, binary, parsed, text
from minigen.explain.source import called_name, name_of, walk

MOST = 80  # nodes of a formula
# {function: its derivative, of u}
OUTER = {
    "exp": "np.exp(u)", "log": "1 / u", "sin": "np.cos(u)", "cos": "-np.sin(u)", "tanh": "1 - np.tanh(u) ** 2",
    "sqrt": "1 / (2 * np.sqrt(u))", "sinh": "np.cosh(u)", "cosh": "np.sinh(u)", "square": "2 * u", "log1p": "1 / (1 + u)",
    "sigmoid": "sigmoid(u) * (1 - sigmoid(u))", "arctan": "1 / (1 + u ** 2)", "expm1": "np.exp(u)",
}  # fmt: skip


class _Unknown(Exception):
    """No rule here gives the derivative."""


def edits(suspect, functions):
    """The Edits of a returned sum that lacks a term of the derivative of what another function of the file returns."""
    statement, value = suspect.statement, getattr(suspect.statement, "value", None)
    if not isinstance(statement, ast.Return) or not isinstance(value, ast.expr):
        return
    own = {a.arg for a in suspect.function.tree.args.args}
    for other in functions:
        shared = [a.arg for a in other.tree.args.args if a.arg in own]
        if other is suspect.function or isinstance(other.tree, ast.Lambda) or not shared:
            continue
        for x in shared[:2]:
            for term in terms(other.tree, x):
                said = text(term)
                words = (
                    f"the term {said} is missing: it belongs to the derivative of what {other.name} returns"
                )
                yield Edit(1.25, "term", words, value, binary(value, ast.Add(), term))


def partners(functions):
    """{text of a term: [the others of its derivative]}, of the formulas that are assigned: w beside 2 * v * x of w * x + v * x ** 2."""
    found = {}
    assigned = (n.value for f in functions for n in walk(f.tree) if isinstance(n, ast.Assign))
    small = (value for value in assigned if sum(1 for _ in walk(value)) <= MOST)
    sums = (
        n
        for value in small
        for n in walk(value)
        if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Add | ast.Sub)
    )
    for node in sums:
        for x in sorted({m.id for m in walk(node) if isinstance(m, ast.Name)}):
            with contextlib.suppress(_Unknown):
                made = [_whole(*term) for term in _terms(node, x)]
                for one in made if len(made) == 2 else ():
                    found.setdefault(text(one), []).extend(other for other in made if other is not one)
    return {said: others for said, others in found.items() if said != "1"}


def in_factors(slots, others):
    """The Edits of a factor that is one of two terms of a derivative: g * w for g * (w + 2 * v * x)."""
    for node in slots.nodes:
        parent = slots.place(node)[0]
        if isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Mult):
            for other in others.get(text(node), ()):
                words = f"the term {text(other)} is missing beside {text(node)}: the derivative has both"
                yield Edit(1.25, "term", words, node, binary(node, ast.Add(), other))


def terms(function, x):
    """The terms of the derivative of what a function returns by its argument x; [] where no rule gives them."""
    try:
        return [_whole(*term) for term in _terms(_formula(function), x)]
    except _Unknown:
        return []


def _formula(function):
    """What a function returns as one expression, with the values that it names put in."""
    known = {}
    for n in function.body:
        if isinstance(n, ast.Assign) and len(n.targets) == 1 and isinstance(n.targets[0], ast.Name):
            known[n.targets[0].id] = _put(n.value, known)
        elif isinstance(n, ast.Return) and n.value is not None and sum(1 for _ in walk(n)) < MOST:
            return _put(n.value, known)
        elif not isinstance(n, ast.Expr):
            raise _Unknown
    raise _Unknown


def _put(node, known):
    class Put(ast.NodeTransformer):
        def visit_Name(self, name):
            return copy.deepcopy(known.get(name.id, name))

    return Put().visit(copy.deepcopy(node))


def _terms(node, x):
    """[(number, factors, divisors)] of the derivative by x."""
    if all(getattr(n, "id", None) != x for n in ast.walk(node)):
        return []
    if isinstance(node, ast.Name):
        return [(1, [], [])]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return [(-k, more, over) for k, more, over in _terms(node.operand, x)]
    if isinstance(node, ast.BinOp):
        return _of_two(node, x)
    name = called_name(node)
    if name in OUTER and len(node.args) == 1 and not node.keywords:
        (u,) = node.args
        own = name_of(node.func)  # sin, of math, or np.sin
        outer = OUTER[name].replace("np.", "" if own == name else f"{text(node.func.value)}.")
        k, outer = (-1, outer[1:]) if outer.startswith("-") else (1, outer)
        outer = _put(ast.parse(outer, mode="eval").body, {"u": u})
        return [(k * other, [outer, *more], over) for other, more, over in _terms(u, x)]
    raise _Unknown


def _of_two(node, x):
    left, right = node.left, node.right
    if isinstance(node.op, ast.Add | ast.Sub):
        sign = 1 if isinstance(node.op, ast.Add) else -1
        return [*_terms(left, x), *((sign * k, more, over) for k, more, over in _terms(right, x))]
    if isinstance(node.op, ast.Mult):
        first = [_times(term, right, after=True) for term in _terms(left, x)]
        return [*first, *(_times(term, left) for term in _terms(right, x))]
    if isinstance(node.op, ast.Div):
        first = [(k, more, [*over, right]) for k, more, over in _terms(left, x)]
        square = ast.BinOp(right, ast.Pow(), ast.Constant(2))
        second = [_times((-k, more, [*over, square]), left) for k, more, over in _terms(right, x)]
        return [*first, *second]
    if isinstance(node.op, ast.Pow) and isinstance(right, ast.Constant) and isinstance(right.value, int):
        n = right.value
        base = left if n == 2 else ast.BinOp(left, ast.Pow(), ast.Constant(n - 1))
        return [(n * k, [base, *more] if n != 1 else more, over) for k, more, over in _terms(left, x)]
    raise _Unknown


def _times(term, node, after=False):
    number, factors, divisors = term
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return number * node.value, factors, divisors
    return number, [*factors, node] if after else [node, *factors], divisors


def _whole(number, factors, divisors):
    """The expression of a term."""
    shown = abs(number)
    parts = [*([ast.Constant(shown)] if shown != 1 or not factors else []), *factors]
    whole = functools.reduce(lambda a, b: ast.BinOp(a, ast.Mult(), b), parts)
    whole = functools.reduce(lambda a, b: ast.BinOp(a, ast.Div(), b), divisors, whole)
    whole = parsed(ast.unparse(whole))
    return whole if number >= 0 else ast.UnaryOp(ast.USub(), whole)
