"""Expressions built for the value that a statement must have: a term, a factor, a number, or the whole.

The value is known: it was solved for, or it is the gradient that the statement is. What a term or a factor of it must
be then follows by subtraction or division, and is looked up among all that can be named there. Where many values are
right, what backward makes of an expression is compared instead; in loops, where nothing can be solved for, products of
two are tried.
"""

import ast
import itertools

import numpy as np

from minigen.explain import edits as changes
from minigen.explain.arrays import host
from minigen.explain.bench import answering, evaluated
from minigen.explain.edits import Atom, Edit, atoms
from minigen.explain.express import Library, names_of
from minigen.explain.missing import assigned

CODE = 400  # bytes of a function of the person's that is tried on other arrays: a slope, a mask
ARRAYS = 25  # on which it is tried
PROBES = 12  # numbers by which it is seen what backward makes of a value
DIGITS = 3  # of a number that is told where it stands nowhere in the program


def edits(s):
    """Edits of a Suspect's statement with which it has the value `s.target`."""
    target, value, node = s.target[s.at], s.values.get(id(s.value_node)), s.value_node
    if _begins(s):  # what is missing is missing where it is added to, and not at its zeros
        return
    arrays, numbers = atoms(s.scope, s.namespace)
    numbers = numbers + changes.sizes(arrays)
    whole = np.asarray(value, float)
    yield from _numbers(s, target, numbers)
    library = Library(arrays + calls(s, arrays), numbers, target.shape)
    yield from _constant(arrays, numbers, target, node)
    if whole.shape == target.shape:
        yield from _of_sum(s, arrays, library, node, whole, target)
    else:
        for cost, name in library.find(target):
            yield _instead(1.0 + cost, node, name)


def _begins(s):
    """Whether a statement makes the zeros of something that other statements add to, or fill."""
    if not changes.is_blank(s.value_node):
        return False
    others = (n for n in ast.walk(s.function.tree) if isinstance(n, ast.Assign | ast.AugAssign))
    targets = (getattr(n, "targets", [getattr(n, "target", None)]) for n in others if n is not s.statement)
    parts = (t.value if isinstance(t, ast.Subscript) else t for t in itertools.chain(*targets))
    return assigned(s.statement) in map(ast.unparse, parts)


def products(s):
    """A product of two matrices that is missing as a term of a statement's value, or of a factor of it."""
    node, arrays = s.value_node, atoms(s.scope, s.namespace)[0]
    shape = getattr(s.values.get(id(node)), "shape", ())
    factors = [factor for factor, over in _parts(node) if not over and isinstance(factor, ast.BinOp)]
    nodes = [node, *(f for f in factors if getattr(s.values.get(id(f)), "shape", None) == shape)]
    for (one, _), (other, _) in _that_fit(arrays, shape):
        for where in nodes:
            yield _with_term(1.5, where, f"{one} @ {other}")


def _that_fit(arrays, shape):
    """((text, matrix), (text, matrix)) of all whose product has this shape, turned or not."""
    sides = [(a.text, a.value) for a in arrays if a.value.ndim == len(shape) == 2]
    sides += [(f"{name}.T", value.T) for name, value in sides]
    for one, other in itertools.product(sides, repeat=2):
        if one[1].shape[1] == other[1].shape[0] and (one[1].shape[0], other[1].shape[1]) == shape:
            yield one, other


def _product_lacking(arrays, lacks, node):
    """The Edit that adds the product of two matrices which is what an expression lacks."""
    for (one, a), (other, b) in _that_fit(arrays, lacks.shape) if lacks.any() else ():
        if np.allclose(a @ b, lacks, rtol=1e-6, atol=1e-6 * np.abs(lacks).max()):
            yield _with_term(0.8, node, f"{one} @ {other}")


def _of_sum(s, arrays, library, node, own, target):
    """Edits with which an expression has the value `target`: a term that is missing, a term or a factor for another one.

    Where a factor of a term is a sum itself, its value follows by division, and the same is tried inside it.
    """
    for lacks, add in ((target, False), (target - own, True)):
        for edit in _softmax(arrays, lacks, node):
            edit.new = changes.binary(node, ast.Add(), edit.new) if add else edit.new
            yield edit
    for cost, name in library.find(target - own):
        yield _with_term(0.4 + cost, node, name)
    yield from _product_lacking(arrays, target - own, node)
    for sign, term in changes.signed_terms(node):
        value = s.values.get(id(term))
        if not isinstance(value, np.ndarray | float | np.floating) or np.ndim(value) > target.ndim:
            continue
        needed = sign * (target - (own - sign * np.asarray(value, float)))
        if term is not node:
            yield from _softmax(arrays, needed, term)
        yield from _factors(s, arrays, term, needed, library)
        if needed.shape == target.shape:
            for cost, name in library.find(needed, most=6):
                yield _instead(1.0 + cost, term, name)


def _instead(cost, node, name):
    """The Edit that puts another term in the place of one."""
    words = f"{name} is due where {ast.unparse(node)} stands"
    return Edit(cost, "term", words, node, changes.parsed(f"({name})"))


def _with_term(cost, node, name):
    """The Edit that adds a term to an expression, or takes it away where its number is -1."""
    plain, sign = (name[:-5], "-") if name.endswith(" * -1") else (name, "")
    new = changes.binary(node, ast.Sub() if sign else ast.Add(), changes.parsed(plain))
    return Edit(cost, "missing path", f"the term {sign}{plain} is missing", node, new)


def _with_factor(cost, node, name):
    """The Edit that multiplies an expression, or divides it where the factor is one over something."""
    at = ast.unparse(node)
    if name == "1":  # the value is right where it is made, and changed before it is used
        said = f"{at} is shared where a copy is due"
        return Edit(cost, "in-place", said, node, changes.called(node, "copy"))
    if name.startswith("(1 / ") and name.endswith(")"):
        new = changes.binary(node, ast.Div(), changes.parsed(name[5:-1]))
        return Edit(cost, "factor", f"the division by {ast.unparse(new.right)} is missing at {at}", node, new)
    new = changes.binary(node, ast.Mult(), changes.parsed(f"({name})"))
    return Edit(cost, "factor", f"the factor {name} is missing at {at}", node, new)


def among_many(s):
    """Edits of a statement of whose values many are right, such as those behind a product with few rows: a term, or a
    factor of a term, of which it is known what backward must make of it.
    """
    response, whole = s.response, s.values.get(id(s.value_node))
    if response is None or getattr(whole, "shape", None) != response.was.shape or not response.was.ndim:
        return
    if _begins(s):
        return
    through = np.vstack([*(matrix for matrix, _ in response.rows.values()), response.matrix])
    needed = np.concatenate([*(need for _, need in response.rows.values()), np.zeros(len(response.matrix))])
    mixed = np.random.default_rng(31).standard_normal((PROBES, len(needed)))
    through, needed = mixed @ through, mixed @ needed
    arrays, numbers = atoms(s.scope, s.namespace)
    library = Library(arrays, numbers + changes.sizes(arrays), response.was.shape)
    node, terms = s.value_node, []
    for cost, name in library.seen_through(through, needed) if np.any(whole) else ():
        yield _with_term(0.5 + cost, node, name)
    for sign, term in changes.signed_terms(node):
        own = s.values.get(id(term))
        if not isinstance(own, np.ndarray | float | np.floating) or np.ndim(own) > response.was.ndim:
            continue
        own = np.broadcast_to(np.asarray(own, float), response.was.shape)
        terms.append((term, own, sign * needed + through @ own.reshape(-1)))
        for factor, _ in _parts(term):  # a sum, such as what a layer norm's scale is multiplied with
            inner = s.values.get(id(factor))
            if _is_sum(factor) and getattr(inner, "shape", None) == response.was.shape and np.all(inner):
                for cost, name in library.seen_through(through, sign * needed, own / inner):
                    yield _with_term(0.5 + cost, factor, name)
    for term, own, due in terms:
        factors = library.seen_through(through, due, own, deep=False)
        for cost, name in [*library.numbers_seen(through, due, own), *factors]:
            yield _with_factor(0.4 + cost, term, name)
        for cost, name in library.seen_through(through, due):
            yield _instead(1.1 + cost, term, name)


def in_loops(s, carried, used):
    """A product of two arrays that is missing as a term, where a statement runs several times and later calls see what
    earlier ones left, so that nothing can be solved for. One factor is among the names `carried` back, the other is
    not, as far as it is `used`.
    """
    node, arrays = s.value_node, atoms(s.scope, s.namespace)[0]
    shape = getattr(s.values.get(id(node)), "shape", None)
    floats = [a for a in arrays if a.value.dtype.kind == "f" and a.value.ndim]
    named = [(ast.unparse(a.node).split("[")[0], a) for a in floats]
    back = [a for name, a in named if name in carried]
    for one, other in itertools.product(back, [a for name, a in named if name not in used]):
        terms = []
        if _broadcast(one.value.shape, other.value.shape) == shape:
            terms.append(f"{other.text} * {one.text}")
            if (0 <= other.value).all() and (other.value <= 1).all():
                terms.append(f"(1 - {other.text}) * {one.text}")
        if one.value.ndim == other.value.ndim == 2:
            for turned, (n, k) in (("", other.value.shape), (".T", other.value.shape[::-1])):
                if one.value.shape[1] == n and (one.value.shape[0], k) == shape:
                    terms.append(f"{one.text} @ {other.text}{turned}")
        for term in terms:
            yield _with_term(1.9, node, term)


def _broadcast(one, other):
    try:
        return np.broadcast_shapes(one, other)
    except ValueError:
        return None


def calls(s, arrays):
    """The person's own small functions, such as the slope of an activation, of arrays that can be named here.

    Other arguments than the first must be in scope under the names that the function gives them.
    """
    found = []
    for name, function in s.namespace.items():
        code = getattr(function, "__code__", None)
        if code is None or len(code.co_code) > CODE or code.co_name == getattr(s.function.tree, "name", ""):
            continue
        first, *rest = code.co_varnames[: code.co_argcount] or [None]
        if first is None or len(rest) > 2 or not all(n in s.scope for n in rest):
            continue
        for atom in arrays[:ARRAYS]:
            try:
                with np.errstate(all="ignore"):
                    value = host(function(atom.value.copy(), *(s.scope[n] for n in rest)))
            except Exception:  # it is not made for this array
                continue
            if isinstance(value, np.ndarray) and value.shape == atom.value.shape:
                found.append(Atom(f"{name}({', '.join([atom.text, *rest])})", value))
    return found


def _numbers(s, target, named):
    """A number that the program does not have, where it is a short one: the slope of a leaky relu."""
    nodes = [n for n in ast.walk(s.value_node) if isinstance(n, ast.Constant) and id(n) in s.keys]
    for node in nodes if s.response is not None else ():
        if type(node.value) not in (int, float):
            continue
        values = []
        for c in (0.0, 1.0):
            try:
                with answering({s.keys[id(node)]: lambda *_, c=c: c}), np.errstate(all="ignore"):
                    values.append(np.asarray(evaluated(s.response.code, s.namespace, s.scope), float))
            except Exception:  # an axis, an index
                break
        if len(values) < 2 or values[0].shape != target.shape:
            continue
        change = values[1] - values[0]
        c = float(((target - values[0]) * change).sum() / ((change**2).sum() + 1e-300))
        short = float(f"{c:.{DIGITS}g}")
        if names_of(short, named):  # then that is meant
            continue
        is_short = short and abs(c - short) <= 1e-6 * abs(c)
        if is_short and np.allclose(values[0] + c * change, target, rtol=1e-6):
            words = f"the number is {node.value:g}, another one is due"
            yield Edit(1.1, "constant", words, node, changes.parsed(repr(short)))


def _constant(arrays, numbers, target, node):
    """One number at every entry."""
    like = next((a.text for a in arrays if a.value.shape == target.shape), None)
    if like and target.any() and np.ptp(target) <= 1e-6 * np.abs(target).max():
        for name in names_of(float(target.flat[0]), numbers):
            words = f"{name} is due at every entry, where {ast.unparse(node)} stands"
            yield Edit(1.8, "term", words, node, changes.parsed(f"np.full({like}.shape, {name})"))


def _factors(s, arrays, term, needed, library):
    """A factor that is missing at a term, or due in the place of one of its own."""
    own = np.asarray(s.values[id(term)], float)
    with np.errstate(all="ignore"):
        if own.shape == needed.shape and (own != 0).all():
            for cost, name in library.find(needed / own, most=6, deep=False):
                yield _with_factor(0.3 + cost, term, name)
        parts = _parts(term)
        for factor, over in parts:
            value = s.values.get(id(factor), getattr(factor, "value", None))
            if not isinstance(value, np.ndarray | float | int) or not np.all(value):
                continue
            rest = own * value if over else own / value
            due = rest / needed if over else needed / rest
            whole = getattr(value, "shape", None) == due.shape == library.shape
            if _is_sum(factor) and whole and np.isfinite(due).all():
                yield from _of_sum(s, arrays, library, factor, np.asarray(value, float), due)
            elif isinstance(factor, ast.BinOp) and whole and np.isfinite(due).all() and not over:
                yield from _product_lacking(arrays, due - value, factor)
            opposite = {ast.unparse(p) for p, divides in parts if divides != over}
            for cost, name in library.find(due, most=3, deep=False) if due.shape == library.shape else ():
                if name in opposite:  # a / a is no factor
                    continue
                words = f"{name} is due where the factor {ast.unparse(factor)} stands"
                new = changes.replaced(term, {id(factor): changes.parsed(f"({name})")})
                yield Edit(0.6 + cost, "factor", words, term, new)


def _is_sum(node):
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub)


def _parts(node):
    """[(factor, whether it divides)] of a product of at least two."""

    def walk(node, over):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
            return walk(node.left, over) + walk(node.right, over != isinstance(node.op, ast.Div))
        return [(node, over)]

    found = walk(node, False)
    return found if len(found) > 1 else []


def _softmax(arrays, target, node):
    """The derivative of the softmax, p (g - sum of g p), where an expression must give that."""
    for p, g in itertools.permutations(arrays, 2):
        if not (p.value.shape == g.value.shape == target.shape and target.ndim):
            continue
        for axis in {-1, 0} if target.ndim > 1 else {-1}:
            with np.errstate(all="ignore"):
                right = p.value * (g.value - (g.value * p.value).sum(axis=axis, keepdims=True))
            if np.allclose(right, target, rtol=1e-6, atol=1e-6 * np.abs(target).max()):
                text = f"{p.text} * ({g.text} - ({g.text} * {p.text}).sum(axis={axis}, keepdims=True))"
                words = f"the derivative of the softmax has a second part: every {p.text} moves all others of its row"
                yield Edit(1.2, "function", words, node, changes.parsed(text))
