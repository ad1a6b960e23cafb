"""Lines that are not there: one more path into a value, a mask, a sum, or a value that is handed on.

After a statement that assigns `name`, with what can be named there; and, for a value of which it is known what it must
be, the whole term that it lacks, built from what its function has computed by then.
"""

import ast
import itertools
import re

import numpy as np

from minigen.explain import edits as changes
from minigen.explain.edits import Atom, Edit, atoms
from minigen.explain.express import Library
from minigen.explain.naming import is_gradient_name

MOST_TERMS = 24  # products of which two are tried together
MOST = 400  # entries of a gradient for which a whole term is built


def lines(suspect):
    """[Edit] of the lines that may be missing after a suspect's statement."""
    if not suspect.body:
        return []
    name = assigned(suspect.statement)
    if name is None:
        return _into_one_of_several(suspect)
    shape = getattr(suspect.value, "shape", ())
    arrays, numbers = atoms(suspect.scope, suspect.namespace)
    found = []

    def add(cost, words, line, kind="missing path"):
        found.append(_after(suspect, cost, kind, words, line))

    for other in arrays:
        if shape == other.value.shape:
            for sign in "+-":
                words = f"{other.text} flows into {name} as well"
                add(1.9, words, f"{name} = {name} {sign} {other.text}")
            add(1.9, f"{name} is 0 where {other.text} is not positive", f"{name}[{other.text} <= 0] = 0")
        for term in _spread(other.text, other.value, arrays, shape) if other.value.ndim < len(shape) else ():
            found.append(_flows(suspect, 1.9, term, name))
        if len(shape) == 2 and other.value.shape == shape[:1] and other.value.dtype.kind in "iu":
            words = f"1 is taken away from {name} at {other.text}"
            copied = "copy(" in ast.unparse(suspect.statement)  # a copy is made to be changed
            add(1.9 - 0.1 * copied, words, f"{name}[np.arange(len({name})), {other.text}] -= 1")
    for index in ("[0]", "[:, 0]")[: len(shape)]:  # the bias is not regularised
        add(1.9, f"{name}{index} is 0", f"{name}{index} = 0")
    # in a loop no whole term can be built: a gradient times a value
    gradients = [a for a in arrays if a.text.isidentifier() and is_gradient_name(a.text)]
    for one, other in itertools.product(gradients, arrays) if suspect.calls > 1 else ():
        if other is not one and one.text != name and _together(one.value, other.value) == shape:
            found.append(_flows(suspect, 2.2, f"{one.text} * {other.text}", name))
        for term in _of_a_vector(other, one, shape):
            for sign, does in (("+", "flows into"), ("-", "is taken from")):
                words = f"{term} {does} {name} as well"
                add(2.2, words, f"{name} = {name} {sign} {term}")
    decays = [n for n in numbers if isinstance(n.value, float) and 0 < n.value < 1 and n.text.isidentifier()]
    for other, decay in itertools.product(arrays, decays) if suspect.calls > 1 and shape else ():
        if other.value.shape == shape and other.text != name:
            found.append(_flows(suspect, 2.0, f"{decay.text} * {other.text}", name))
    if isinstance(suspect.statement, ast.AugAssign) and isinstance(suspect.statement.op, ast.Mult | ast.Div):
        shape = getattr(suspect.scope.get(name), "shape", ())
        for other in arrays:
            if other.text != name and changes.broadcasts(shape, other.value.shape):
                words = f"{name} must be multiplied with {other.text}"
                add(1.5, words, f"{name} *= {other.text}", "factor")
    for axis in (0, 1):
        line = f"{name} = {name}.sum(axis={axis}, keepdims=True)"
        add(2.0, f"{name} must be summed over axis {axis}", line, "reduction")
    return found


def later_paths(suspect, everything):
    """[(Suspect, Edit)]: `name += term` after later lines of the same body, of what each of them computes and another array:
    where no whole term can be built, as in most loops.
    """
    name, shape = assigned(suspect.statement), getattr(suspect.value, "shape", ())
    found = []
    for s in everything if name is not None and shape else ():
        own, value = assigned(s.statement), s.value
        if s.body is not suspect.body or s.index <= suspect.index or s.calls != suspect.calls:
            continue
        if own is None or not own.isidentifier() or own == name or not isinstance(value, np.ndarray):
            continue
        for other in atoms(s.scope, s.namespace)[0]:
            for term in _products(Atom(own, value), other, shape, outer=True):
                found.append((s, _flows(s, 2.2, term, name, f"{name} += {term}")))
    return found


def _together(one, other):
    """The shape of a product; None where there is none."""
    try:
        return np.broadcast_shapes(one.shape, other.shape)
    except ValueError:
        return None


def _spread(name, value, arrays, shape):
    """What flows back through a mean or a sum over some axes: ds[:, None, None, :] / (x.shape[1] * x.shape[2])."""
    left, index, gone = list(value.shape), [], []
    for axis, size in enumerate(shape):
        if left and left[0] == size:
            index.append(":")
            left.pop(0)
        else:
            index.append("None")
            gone.append(axis)
    whole = next((a.text for a in arrays if a.value.shape == shape), None)
    if left or not gone or whole is None or value.size == 1:
        return
    spread = f"{name}[{', '.join(index)}]"
    yield spread
    yield f"{spread} / ({' * '.join(f'{whole}.shape[{axis}]' for axis in gone)})"


def _into_one_of_several(suspect):
    """[Edit]: one more path into a value that a call gives beside others: dx, dw = layer(dz)."""
    targets = getattr(suspect.statement, "targets", [None])
    given = suspect.values.get(id(getattr(suspect.statement, "value", None)))
    if not isinstance(targets[0], ast.Tuple) or not isinstance(given, tuple):
        return []
    arrays, _ = atoms(suspect.scope, suspect.namespace)
    found = []
    for target, value in zip(targets[0].elts, given, strict=False):
        for other in arrays if isinstance(target, ast.Name) and getattr(value, "shape", ()) else ():
            if value.shape == other.value.shape and other.text != target.id:
                found.append(_flows(suspect, 1.9, other.text, target.id))
    return found


def handed_on(everything, unread):
    """[(Suspect, Edit)]: `other = name` after the last assignment of a name that is never read, as at the end of a loop."""
    last = {}
    for s in everything:
        name = assigned(s.statement)
        if name is not None and s.body and name in unread(s.function):
            last[id(s.function), name] = s
    found = []
    for (_, name), s in last.items():
        value = s.scope.get(name, s.value)
        arrays, _ = atoms(s.scope, s.namespace)
        for other, known in s.scope.items():
            if other == name or not isinstance(known, np.ndarray) or not isinstance(value, np.ndarray):
                continue
            if known.shape == value.shape:
                words = f"{name} is handed on as {other}"
                found.append((s, _after(s, 1.6, "missing path", words, f"{other} = {name}")))
            wider = _spread(name, value, arrays, known.shape) if value.ndim < known.ndim else ()
            for term in [name] if known.shape == value.shape else wider:
                found.append((s, _flows(s, 1.5, term, other)))
    return found


def of_unread(everything, unread):
    """[(Suspect, Edit)]: `name = name + term` before a statement that reads the name, where the term is a product of an array
    and of one that the function is given and never reads: da2 @ c.W2.T.
    """
    found = []
    for s in (s for s in everything if s.body and s.index):
        left, before = unread(s.function), s.body[s.index - 1]
        floats = [a for a in atoms(s.scope, s.namespace)[0] if a.value.dtype.kind == "f"] if left else []
        never = [a for a in floats if re.split(r"[.\[]", a.text)[0] in left]
        names = [n for n in ast.walk(s.statement) if isinstance(n, ast.Name)]
        read = {n.id for n in names if isinstance(n.ctx, ast.Load)}
        names = [a for a in floats if a.text in read and a not in never]
        # of a log-determinant, one number for each example, it is the sum
        vectors = [a for a in never if a.value.ndim == 1 and a.value.size > 1]
        terms = [(n, f"{a.text}.sum()") for n, a in itertools.product(names, vectors)]
        for name, one, other in itertools.product(names, floats, never):
            if one not in never:
                terms += [(name, term) for term in _products(one, other, name.value.shape)]
        for name, term in terms:
            edit = _flows(s, 1.4, term, name.text)
            edit.node, edit.index = before, s.index
            found.append((s, edit))
    for s in (s for s in everything if s.body and assigned(s.statement)):  # or the last one of a gradient
        left = unread(s.function) if getattr(s.value, "ndim", 0) else ()
        never = [a for a in atoms(s.scope, s.namespace)[0] if a.text in left and a.value.dtype.kind == "f"]
        for a in never:
            found.append((s, _flows(s, 1.45, f"{a.text}.sum()", assigned(s.statement))))
    return found


def of_what_forward_reads(suspects, trees):
    """[(Suspect, Edit)]: `name += term` in loops, with gradients times the parameters that other functions read and this one
    does not, one or two of them: dc += di * p["pi"] + df * p["pf"].
    """
    found = []
    for s in (s for s in suspects if s.body and s.calls > 1):
        name, value = assigned(s.statement), s.value
        if name is None or not isinstance(value, np.ndarray) or value.dtype.kind != "f":
            continue
        own = {ast.unparse(n) for n in _used(s.function.tree) if isinstance(n, ast.Attribute | ast.Subscript)}
        elsewhere = set().union(*(_words(tree) for tree in trees if tree is not s.function.tree))
        arrays = [a for a in atoms(s.scope, s.namespace)[0] if a.value.dtype.kind == "f"]
        left = [a for a in arrays if not a.text.isidentifier() and _last_word(a.node) in elsewhere]
        left = [a for a in left if ast.unparse(a.node) not in own]
        back = [a for a in arrays if a.text.isidentifier() and is_gradient_name(a.text) and a not in left]
        terms = [(b, t) for b in left for a in back for t in _products(a, b, value.shape)][:MOST_TERMS]
        more = [(1.5, term) for _, term in terms]
        more += [(1.8, f"{t} + {u}") for (a, t), (b, u) in itertools.combinations(terms, 2) if a is not b]
        found += [(s, _flows(s, cost, term, name)) for cost, term in more]
    return sorted(found, key=lambda pair: pair[1].cost)


def _used(tree):
    """The nodes of a tree, but for what is only asked for its shape: np.zeros_like(p["w"])."""
    yield tree
    for child in ast.iter_child_nodes(tree):
        name = getattr(getattr(child, "func", None), "attr", getattr(child, "attr", ""))
        if not name.endswith("_like") and name != "shape":
            yield from _used(child)


def _last_word(node):
    """pi of self.pi and of p["pi"]."""
    return getattr(node, "attr", getattr(getattr(node, "slice", None), "value", None))


def _words(tree):
    """The names, attributes and keys that stand in a tree."""
    words = set()
    for n in ast.walk(tree):
        words.add(getattr(n, "id", getattr(n, "attr", getattr(n, "value", None))))
    return {w for w in words if isinstance(w, str)}


def inside_products(suspects, unread):
    """[(Suspect, Edit)]: (a + u * b) * c for a * c, where u is computed before and never read."""
    found = []
    for s in suspects:
        left = unread(s.function)
        arrays = [a for a in atoms(s.scope, s.namespace)[0] if a.value.dtype.kind == "f"] if left else []
        for one in [a for a in arrays if a.text in left]:
            for node in s.slots.nodes:
                value = s.values.get(id(node))
                whole = isinstance(node, ast.BinOp | ast.Name) and isinstance(value, np.ndarray)
                for other in arrays if whole else ():
                    for term in _products(one, other, value.shape) if other is not one else ():
                        words = f"the term {term} is missing beside {ast.unparse(node)}"
                        new = changes.binary(node, ast.Add(), changes.parsed(term))
                        found.append((s, Edit(1.45, "missing path", words, node, new)))
    return found


def _of_a_vector(matrix, vector, shape):
    """The products of a matrix, or of the turned one, and a vector that have this shape."""
    if matrix.value.ndim == 2 and vector.value.ndim == 1 == len(shape):
        for turned, (n, k) in (("", matrix.value.shape), (".T", matrix.value.shape[::-1])):
            if (k,) == vector.value.shape and (n,) == shape:
                yield f"{matrix.text}{turned} @ {vector.text}"


def _products(one, other, shape, outer=False):
    """The products of two arrays that have this shape; `outer`: that of two vectors as well."""
    a, b = one.value.shape, other.value.shape
    if outer and len(a) == len(b) == 1 and (*a, *b) == shape:
        yield f"np.outer({one.text}, {other.text})"
    if len(a) == len(b) == 2:
        for turned, (n, k) in (("", b), (".T", b[::-1])):
            if a[1] == n and (a[0], k) == shape:
                yield f"{one.text} @ {other.text}{turned}"
    if _together(one.value, other.value) == shape:
        yield f"{one.text} * {other.text}"


def of_another_number(everything):
    """[(Suspect, Edit)]: a line for another number, where it stands for one only: Reg1[:, 0] = 0 beside Reg2[:, 0] = 0."""
    found = []
    for s in (s for s in everything if s.body):
        line = ast.unparse(s.statement)
        digits = set(re.findall(r"\b[A-Za-z_]\w*?(\d)\b", line))
        for digit, more in itertools.product(sorted(digits), (-1, 1)):
            other = str(int(digit) + more)
            if len(other) == 1:
                new = re.sub(rf"\b([A-Za-z_]\w*?){digit}\b", rf"\g<1>{other}", line)
                words = f"the same as {line}, for {other}"
                found.append((s, _after(s, 1.5, "missing path", words, new)))
    return found


def of_neighbours(everything):
    """[(Suspect, Edit)]: the other line of a difference of neighbours: gU[:-1] -= d beside gU[1:] += d."""
    found = []
    for s in (s for s in everything if s.body and isinstance(s.statement, ast.AugAssign)):
        line = ast.unparse(s.statement)
        target, sign, rest = re.fullmatch(r"(?s)(.+?) (\S+) (.*)", line).groups()
        first, last = r"(?<=[\[ ])1:(?=[\],])", r"(?<=[\[ ]):-1(?=[\],])"
        for here, there in ((first, ":-1"), (last, "1:")):
            if len(re.findall(here, target)) == 1 and sign in ("+=", "-="):
                new = f"{re.sub(here, there, target)} {'-=' if sign == '+=' else '+='} {rest}"
                words = f"the same as {line}, for the neighbours"
                found.append((s, _after(s, 1.5, "missing path", words, new)))
    return found


def terms(everything, lacking):
    """[(Suspect, Edit)]: `name += term` for values that lack a term, `name = term` for a gradient that is never stored, and
    `name -= term` for a parameter that no step changes: `lacking` is [(Suspect, name, sign, what it lacks)].
    """
    found = []
    for maker, name, sign, needed in lacking:
        later = [s for s in everything if s.body is maker.body and s.where >= maker.where]
        if maker.calls > 1:  # most lines are known as they were at another call
            later = [s for s in later if s is maker or id(s.statement) in maker.later]
        at = max(later, key=lambda s: s.where, default=None)
        if name is None or at is None:
            continue
        arrays, numbers = atoms(maker.later.get(id(at.statement), at.scope), at.namespace)
        for cost, term in Library(arrays, numbers + changes.sizes(arrays), needed.shape).find(needed):
            names = {n.id for n in ast.walk(changes.parsed(term)) if isinstance(n, ast.Name)}
            does = {"=": f"{name} is {term}", "-=": f"no step changes {name}"}
            words = does.get(sign, f"{term} flows into {name} as well")
            cost, line = 0.5 + cost, f"{name} {sign} {term}"
            made = max((s.index for s in later if names & set(_bound(s.statement))), default=-1)
            blank = [k for k, n in enumerate(maker.body) if isinstance(n, ast.Pass) and k > made]
            if sign != "+=" and blank:  # where one has been taken away
                at = dict(body=maker.body, index=blank[0], gone=1, statements=ast.parse(line).body)
                words = f"a line is missing: {words}"
                found.append((maker, Edit(cost, "missing path", words, maker.body[blank[0]], **at)))
                continue
            place = max((s for s in later if s is maker or s.index == made), key=lambda s: s.index)
            found.append((place, _after(place, cost, "missing path", words, line)))
    return found


def makers(everything, given):
    """The last Suspect that leaves a given array under its name, in a list; [] if there is none."""
    return [s for s in everything if s.calls == 1 and s.body and makes(s, given)][-1:]


def makes(s, given):
    """Whether a statement leaves a given array under its name."""
    value, name = s.value, assigned(s.statement)
    if name is None or getattr(value, "shape", None) != given.shape:
        return False
    if isinstance(s.statement, ast.AugAssign):
        before = s.scope.get(name)
        value = before + value if getattr(before, "shape", None) == given.shape else value
    return bool(np.allclose(value, given, rtol=1e-12, atol=0))


def assigned(statement):
    """The name, attribute or entry that a statement assigns."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
    elif isinstance(statement, ast.AugAssign):
        target = statement.target
    else:
        return None
    return ast.unparse(target) if isinstance(target, ast.Name | ast.Attribute | ast.Subscript) else None


def _bound(statement):
    return [n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]


def _after(s, cost, kind, words, line):
    """The Edit that puts a line after a statement."""
    at = dict(body=s.body, index=s.index + 1, gone=0, statements=ast.parse(line).body)
    return Edit(cost, kind, f"a line is missing: {words}", s.statement, **at)


def _flows(s, cost, term, name, line=None):
    """The Edit that adds a term to a name after a statement."""
    words = f"{term} flows into {name} as well"
    return _after(s, cost, "missing path", words, line or f"{name} = {name} + {term}")
