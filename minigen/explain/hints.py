"""What the text of a file tells of its arguments: how many axes an array has, how many entries of a tuple are read, and
which methods hand an object what its forward reads.
"""

import ast
import re

from minigen.explain.naming import bases
from minigen.explain.source import (
    called_name,
    index_parts,
    is_difference,
    is_of_self,
    is_taken_away,
    name_of,
    names_in,
    short_name,
    walk,
)


def axes(tree, name):
    """How many axes a function's own text counts on what it calls `name`, at least: 3 for x[:, i, j] and x.shape[2]."""
    found = [0]
    for n in walk(tree):
        if isinstance(n, ast.Subscript):
            of, number = _entry(n)
            found += [_positions(n, name), number + 1 if _is_shape(of, name) else 0]
        elif isinstance(n, ast.Call):
            found.append(_letters(n, name))
        elif isinstance(n, ast.BinOp):
            found.append(_beside(n, name))
    return max(found)


def _entry(node):
    """(x, 2) of x[2], an entry by its number; (None, 0) of anything else."""
    number = getattr(node.slice, "value", None) if isinstance(node, ast.Subscript) else None
    return (node.value, number) if type(number) is int else (None, 0)


def _is_shape(node, name):
    """Whether a node is the shape of what is called `name`."""
    return isinstance(node, ast.Attribute) and node.attr == "shape" and name_of(node.value) == name


def asked(tree, name):
    """What a function asks of an argument that only decides what it does: [True, False] for `if training:`, and the texts
    to which it is compared, as in `if mode == "train":`; [] for any other.
    """
    found = []
    for node in walk(tree):
        test = getattr(node, "test", None) if isinstance(node, ast.If | ast.IfExp) else None
        test = test.operand if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not) else test
        if name_of(test) == name:
            found += [True, False]
        if isinstance(node, ast.Compare) and name_of(node.left) == name and len(node.ops) == 1:
            other = node.comparators[0]
            elements = getattr(other, "elts", [other])
            found += [n.value for n in elements if isinstance(getattr(n, "value", None), str)]
    return list(dict.fromkeys(found))


def counts(tree, name):
    """Whether a function uses an argument as a whole number: as a size of reshape or zeros, in range(), or after //."""
    for node in walk(tree):
        numbers = []
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.FloorDiv):
            numbers = [node.right]
        elif called_name(node) in ("reshape", "zeros", "ones", "empty", "range"):
            numbers = [n for a in node.args for n in getattr(a, "elts", [a])]
            if ast.unparse(node.func) == "np.reshape":
                numbers = numbers[1:]
        if any(name_of(n) == name for n in numbers):
            return True
    return False


def is_zero_or_one(tree, name):
    """Whether the text compares what is called `name` with 0 or 1: labels of two classes, as in np.where(y == 1, p, 1 - p)."""
    compared = (n for n in walk(tree) if isinstance(n, ast.Compare) and name_of(n.left) == name)
    return any(
        getattr(n.comparators[0], "value", None) in (0, 1) and isinstance(n.ops[0], ast.Eq) for n in compared
    )


def sizes(tree, name, known):
    """{axis: size} that the text asks of an array by comparing, as in assert x.shape[1] == WIDTH; `known`: the names there."""
    found = {}
    for n in walk(tree):
        if isinstance(n, ast.Compare) and len(n.ops) == 1:
            of, axis = _entry(n.left)
            other = n.comparators[0]
            size = getattr(other, "value", known.get(name_of(other)))
            if _is_shape(of, name) and type(size) is int:
                found[axis] = size
    return found


def takes_differences(tree):
    """Whether a function checks gradients by differences: it adds a number, takes it away, and divides by twice that number."""
    twice, moved = set(), {ast.Add: set(), ast.Sub: set()}
    for n in walk(tree):
        if isinstance(n, ast.BinOp | ast.AugAssign) and type(n.op) in moved:
            moved[type(n.op)].add(getattr(getattr(n, "right", getattr(n, "value", None)), "id", ""))
        if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Div) and isinstance(n.right, ast.BinOp):
            sides = n.right.left, n.right.right
            if isinstance(n.right.op, ast.Mult) and 2 in {getattr(s, "value", None) for s in sides}:
                twice |= {getattr(s, "id", "") for s in sides}
    return bool(twice & moved[ast.Add] & moved[ast.Sub] - {""})


def alike(tree, name):
    """The names of arrays that have the shape of this one, as the text says: it compares their shapes, or joins them."""
    found = [name]
    for n in walk(tree) if tree is not None else ():
        if isinstance(n, ast.Compare) and all(isinstance(op, ast.Eq) for op in n.ops):
            sides = [n.left, *n.comparators]
            names = [getattr(s.value, "id", "") for s in sides if getattr(s, "attr", "") == "shape"]
        elif isinstance(n, ast.Call) and re.search("concatenate|stack", getattr(n.func, "attr", "")):
            names = [getattr(e, "id", "") for e in getattr(n.args[0], "elts", ())] if n.args else []
        else:
            continue
        found += [other for other in names if other and name in names and other not in found]
    return found


def written_shapes(tree):
    """{name: sizes as they are written} of the shapes in a docstring: x (N, D), `y`: (N,), or h0, c0 (B, H)."""
    text = ast.get_docstring(tree) if isinstance(tree, ast.FunctionDef) else None
    shapes = re.finditer(r"((?:`?\w+`?\s*,\s*)*`?\w+`?)[\s:=]{0,3}\((\w+(?:,\s*\w+)*,?)\)", text or "")
    found = {}
    for names, sizes in (m.groups() for m in shapes):
        for name in re.findall(r"\w+", names):
            found.setdefault(name, [s for s in re.split(r"[,\s]+", sizes) if s])
    return found


def targets(tree, outputs):
    """The names that the text subtracts from one of these outputs, or these from them: noise in predicted.ravel() - noise."""
    found = set()
    for n in walk(tree):
        if is_difference(n):
            one, other = _root(n.left), _root(n.right)
            found |= ({other} if one in outputs else set()) | ({one} if other in outputs else set())
    return found - {"", *outputs}


def keys(tree, name, names):
    """The keys of a dict of the file's, in `names`, of which one is asked for by what is called `name`: TABLE[name]."""
    for n in walk(tree):
        if (
            isinstance(n, ast.Subscript)
            and name_of(n.slice) == name
            and isinstance(names.get(name_of(n.value)), dict)
        ):
            return [k for k in names[name_of(n.value)] if isinstance(k, str)]
    return []


def is_compared(tree, name):
    """Whether what is called `name` is subtracted from what the object keeps, and is asked for nothing else: self.a - y."""
    differences = [n for n in walk(tree) if is_difference(n) and name in (name_of(n.left), name_of(n.right))]
    kept = any(is_of_self(n.left) or is_of_self(n.right) for n in differences)
    return kept and sum(name_of(n) == name for n in walk(tree)) == len(differences)


def _root(node):
    """The name of the array of which an expression is a part, or the same in another shape."""
    while isinstance(node, ast.Call | ast.Attribute | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return name_of(node)


def _letters(call, name):
    """How many letters np.einsum("bqm,mhd->bhqd", x, w) has for what is called `name`; 0 where it is not among them."""
    first = getattr(call.args[0], "value", "") if call.args else ""
    if getattr(call.func, "attr", "") != "einsum" or not isinstance(first, str) or "..." in first:
        return 0
    parts = first.replace(" ", "").partition("->")[0].split(",")
    found = [len(p) for p, n in zip(parts, call.args[1:], strict=False) if name_of(n) == name]
    return max(found, default=0)


def _beside(node, name):
    """How many axes a product such as f[k] * x[:, a:b, c:d] tells of f: those of its index, and as many as x keeps."""
    found = [0]
    for one, other in ((node.left, node.right), (node.right, node.left)):
        if isinstance(one, ast.Subscript) and isinstance(other, ast.Subscript) and _positions(one, name):
            mine, theirs = index_parts(one), index_parts(other)
            if not any(isinstance(p, ast.Slice) for p in mine):
                found.append(len(mine) + sum(isinstance(p, ast.Slice) for p in theirs))
    return max(found)


def _positions(node, name):
    """How many axes of `name` a subscript speaks of: x[k] is one, x[k][:, 0] three; 0 where it is of something else."""
    if not isinstance(node, ast.Subscript):
        return 0
    parts = index_parts(node)
    constants = [p.value for p in parts if isinstance(p, ast.Constant)]
    if any(value is None or value is ... or isinstance(value, str) for value in constants):
        return 0
    if name_of(node.value) == name:
        return len(parts)
    row = _positions(node.value, name) == 1 and not isinstance(node.value.slice, ast.Slice | ast.Tuple)
    return 1 + len(parts) if row else 0


def entries(tree, name):
    """How many entries of a tuple `name` or self.name the text reads by their numbers; 0 where none is."""
    found = [0]
    for n in walk(tree):
        of, number = _entry(n)
        if short_name(of) == name:
            found.append(number + 1)
        if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Tuple) and short_name(n.value) == name:
            found.append(len(n.targets[0].elts))
    return max(found)


def sets(tree):
    """{attribute: parameter} of a method that does nothing but keep what it is given, such as set_labels(y)."""
    if not isinstance(tree, ast.FunctionDef):
        return {}
    body = [n for n in tree.body if not isinstance(getattr(n, "value", None), ast.Constant)]
    given = {a.arg for a in tree.args.args[1:]}
    found = {}
    for n in body:
        plain = isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Attribute)
        used = names_in(n.value) & given if plain else set()
        if len(used) != 1:
            return {}
        found[n.targets[0].attr] = used.pop()
    return found


def aliases(tree, name):
    """The attributes under which a class keeps what its methods call `name`: self.opt = optimizer, or a copy of it."""
    return {
        target.attr
        for n in walk(tree)
        if isinstance(n, ast.Assign) and any(name_of(m) == name for m in _not_made_anew(n.value))
        for target in n.targets
        if is_of_self(target)
    }


def _not_made_anew(node):
    """The nodes of an expression, without what a call makes something else of: Dense(n_in, n_out) is no n_in."""
    yield node
    copies = re.search("copy$|^list$|^tuple$", called_name(node))
    for child in ast.iter_child_nodes(node):
        if not isinstance(node, ast.Call) or copies or child is node.func:
            yield from _not_made_anew(child)


def subtracted(tree):
    """The names of the functions and methods with whose results the file takes a step: w -= rate * g, w = w - rate * g."""
    found = set()
    scopes = [tree, *(n for n in walk(tree) if isinstance(n, ast.FunctionDef))]
    for scope in scopes:
        came = {}  # {name: the functions that it came from}
        for n in walk(scope):
            if isinstance(n, ast.Assign | ast.For | ast.comprehension):
                targets, value = (n.targets, n.value) if isinstance(n, ast.Assign) else ([n.target], n.iter)
                for name in set().union(*map(names_in, targets)):
                    came.setdefault(name, set()).update(_origins(value, came))
        for n in walk(scope):
            found |= set().union(*(_origins(step, came) for step in _steps(n)))
    return found


def _steps(node):
    """What a statement subtracts from that which it sets."""
    if is_taken_away(node):
        yield node.value
    elif isinstance(node, ast.Assign):
        yield from _from_one_of(node.value, [ast.unparse(t) for t in node.targets])
    elif isinstance(node, ast.ListComp | ast.GeneratorExp | ast.DictComp):
        names = set().union(*(names_in(c.target) for c in node.generators))
        made = node.value if isinstance(node, ast.DictComp) else node.elt
        for part in walk(made):
            yield from _from_one_of(part, names)
    elif isinstance(node, ast.Call) and name_of(node.func) == "setattr" and len(node.args) == 3:
        left = getattr(node.args[2], "left", None)
        if isinstance(left, ast.Call) and name_of(left.func) == "getattr":
            yield node.args[2].right


def _from_one_of(node, names):
    if is_difference(node):
        left = ast.unparse(node.left)
        if left in names or left.partition("[")[0] in names:
            yield node.right


def _origins(node, came):
    """The functions from whose results an expression is made."""
    found = set()
    for n in walk(node):
        if isinstance(n, ast.Call):
            found.add(called_name(n))
        elif isinstance(n, ast.Name):
            found |= came.get(n.id, set())
    return found


def products(tree):
    """[(left, right)]: the names of what is multiplied as matrices there, "" for what has none."""
    found = []
    for n in walk(tree):
        if isinstance(n, ast.BinOp) and isinstance(n.op, ast.MatMult):
            found.append((n.left, n.right))
        elif isinstance(n, ast.Call) and getattr(n.func, "attr", "") in ("dot", "matmul"):
            both = n.args if len(n.args) == 2 else [n.func.value, *n.args]
            found += [tuple(both)] if len(both) == 2 else []
    return [(name_of(left), name_of(right)) for left, right in found]


def picks_of_each_row(tree, name):
    """1 where an argument picks one entry of each row, as labels in p[np.arange(n), labels]; else 0."""
    for n in walk(tree):
        parts = index_parts(n) if isinstance(n, ast.Subscript) else []
        if any(name_of(part) == name for part in parts) and any(called_name(p) == "arange" for p in parts):
            return 1
    return 0


def numbers(tree, names):
    """Those of these names of which every gradient that the text makes is a number: dls = 0.5 * np.sum(A * K), or np.trace(A)."""
    made = {}
    for n in walk(tree):
        if isinstance(n, ast.Assign) and len(n.targets) == 1:
            for of in bases(name_of(n.targets[0])):
                made.setdefault(of, []).append(n.value)
    return {name for name in names if made.get(name) and all(_is_number(v, names) for v in made[name])}


def _is_number(node, names, inside=False):
    """Whether an expression sums all entries of something, times numbers or what may be one: these names."""
    if isinstance(node, ast.Call):
        method = isinstance(node.func, ast.Attribute) and name_of(node.func.value) not in ("np", "numpy")
        whole = called_name(node) in ("sum", "trace", "mean", "vdot")
        return whole and not node.keywords and len(node.args) == (not method) + (called_name(node) == "vdot")
    if isinstance(node, ast.UnaryOp):
        return _is_number(node.operand, names, inside)
    if isinstance(node, ast.BinOp):
        left, right = (_is_number(side, names, True) for side in (node.left, node.right))
        return left and right
    return inside and (isinstance(node, ast.Constant) or name_of(node) in names)
