"""What the text of a file tells of its arguments: how many axes an array has, how many entries of a tuple are read, and
which methods hand an object what its forward reads.
"""

import ast
import re

from minigen.explain.source import walk


def axes(tree, name):
    """How many axes a function's own text counts on what it calls `name`, at least: 3 for x[:, i, j] and x.shape[2]."""
    nodes = list(walk(tree)) if tree is not None else []
    counted = [_positions(n, name) for n in nodes if isinstance(n, ast.Subscript)]
    of_shape = [
        n.slice.value + 1
        for n in nodes
        if isinstance(n, ast.Subscript)
        and isinstance(n.slice, ast.Constant)
        and isinstance(n.slice.value, int)
        and n.slice.value >= 0
        and isinstance(n.value, ast.Attribute)
        and n.value.attr == "shape"
        and getattr(n.value.value, "id", "") == name
    ]
    letters = (_letters(n, name) for n in nodes if isinstance(n, ast.Call))
    return max(
        [0, *counted, *of_shape, *letters, *(_beside(n, name) for n in nodes if isinstance(n, ast.BinOp))]
    )


def asked(tree, name):
    """What a function asks of an argument that only decides what it does: [True, False] for `if training:`, and the texts
    to which it is compared, as in `if mode == "train":`; [] for any other.
    """
    found = []
    for node in walk(tree) if tree is not None else ():
        test = getattr(node, "test", None) if isinstance(node, ast.If | ast.IfExp) else None
        test = test.operand if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not) else test
        if getattr(test, "id", "") == name:
            found += [True, False]
        if isinstance(node, ast.Compare) and getattr(node.left, "id", "") == name and len(node.ops) == 1:
            other = node.comparators[0]
            elements = getattr(other, "elts", [other])
            found += [n.value for n in elements if isinstance(getattr(n, "value", None), str)]
    return list(dict.fromkeys(found))


def counts(tree, name):
    """Whether a function uses an argument as a whole number: as a size of reshape or zeros, in range(), or after //."""
    for node in walk(tree) if tree is not None else ():
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.FloorDiv):
            if getattr(node.right, "id", "") == name:
                return True
        called = getattr(node, "func", None)
        if getattr(called, "attr", getattr(called, "id", "")) in (
            "reshape",
            "zeros",
            "ones",
            "empty",
            "range",
        ):
            sizes = [n for a in node.args for n in getattr(a, "elts", [a])]
            array = not isinstance(called, ast.Attribute) or getattr(called.value, "id", "") == "np"
            # np.reshape(x, n)
            sizes = sizes[1:] if array and getattr(called, "attr", "") == "reshape" else sizes
            if any(getattr(n, "id", "") == name for n in sizes):
                return True
    return False


def is_zero_or_one(tree, name):
    """Whether the text compares what is called `name` with 0 or 1: labels of two classes, as in np.where(y == 1, p, 1 - p)."""
    compared = (n for n in walk(tree) if isinstance(n, ast.Compare) and getattr(n.left, "id", "") == name)
    return any(
        getattr(n.comparators[0], "value", None) in (0, 1) and isinstance(n.ops[0], ast.Eq) for n in compared
    )


def sizes(tree, name, known):
    """{axis: size} that the text asks of an array by comparing, as in assert x.shape[1] == WIDTH; `known`: the names there."""
    found = {}
    for n in walk(tree) if tree is not None else ():
        one, other = (
            (n.left, n.comparators[0]) if isinstance(n, ast.Compare) and len(n.ops) == 1 else (None, None)
        )
        size = getattr(other, "value", known.get(getattr(other, "id", "")))
        if (
            isinstance(one, ast.Subscript)
            and type(size) is int
            and type(getattr(one.slice, "value", None)) is int
        ):
            of = one.value
            if (
                getattr(of, "attr", "") == "shape"
                and getattr(of.value, "id", "") == name
                and one.slice.value >= 0
            ):
                found[one.slice.value] = size
    return found


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
    for n in walk(tree) if tree is not None else ():
        if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Sub):
            one, other = _root(n.left), _root(n.right)
            found |= ({other} if one in outputs else set()) | ({one} if other in outputs else set())
    return found - {"", *outputs}


def _root(node):
    """The name of the array of which an expression is a part, or the same in another shape."""
    while isinstance(node, ast.Call | ast.Attribute | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return getattr(node, "id", "")


def _letters(call, name):
    """How many letters np.einsum("bqm,mhd->bhqd", x, w) has for what is called `name`; 0 where it is not among them."""
    first = getattr(call.args[0], "value", "") if call.args else ""
    if getattr(call.func, "attr", "") != "einsum" or not isinstance(first, str) or "..." in first:
        return 0
    parts = first.replace(" ", "").partition("->")[0].split(",")
    found = [len(p) for p, n in zip(parts, call.args[1:], strict=False) if getattr(n, "id", "") == name]
    return max(found, default=0)


def _beside(node, name):
    """How many axes a product such as f[k] * x[:, a:b, c:d] tells of f: those of its index, and as many as x keeps."""
    found = [0]
    for one, other in ((node.left, node.right), (node.right, node.left)):
        if isinstance(one, ast.Subscript) and isinstance(other, ast.Subscript) and _positions(one, name):
            mine, theirs = (
                n.slice.elts if isinstance(n.slice, ast.Tuple) else [n.slice] for n in (one, other)
            )
            if not any(isinstance(p, ast.Slice) for p in mine):
                found.append(len(mine) + sum(isinstance(p, ast.Slice) for p in theirs))
    return max(found)


def _positions(node, name):
    """How many axes of `name` a subscript speaks of: x[k] is one, x[k][:, 0] three; 0 where it is of something else."""
    if not isinstance(node, ast.Subscript):
        return 0
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if any(
        isinstance(p, ast.Constant) and (p.value is None or p.value is ... or isinstance(p.value, str))
        for p in parts
    ):
        return 0
    if getattr(node.value, "id", "") == name:
        return len(parts)
    inner = node.value
    inside = _positions(inner, name)
    kept = (
        [inner.slice] if isinstance(inner, ast.Subscript) and not isinstance(inner.slice, ast.Tuple) else []
    )
    return inside + len(parts) if inside == 1 and kept and not isinstance(kept[0], ast.Slice) else 0


def entries(tree, name):
    """How many entries of a tuple `name` or self.name the text reads by their numbers; 0 where none is."""
    found = [0]
    for n in walk(tree) if tree is not None else ():
        if (
            isinstance(n, ast.Subscript)
            and isinstance(n.slice, ast.Constant)
            and isinstance(n.slice.value, int)
        ):
            of = n.value
            if getattr(of, "id", getattr(of, "attr", "")) == name and n.slice.value >= 0:
                found.append(n.slice.value + 1)
        if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Tuple):
            if getattr(n.value, "id", getattr(n.value, "attr", "")) == name:
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
        used = {m.id for m in walk(n.value) if isinstance(m, ast.Name)} & given if plain else set()
        if len(used) != 1:
            return {}
        found[n.targets[0].attr] = used.pop()
    return found


def aliases(tree, name):
    """The attributes under which a class keeps what its methods call `name`: self.opt = optimizer, or a copy of it."""
    return {
        target.attr
        for n in walk(tree)
        if isinstance(n, ast.Assign) and any(getattr(m, "id", "") == name for m in _not_made_anew(n.value))
        for target in n.targets
        if isinstance(target, ast.Attribute) and re.match(r"self$", getattr(target.value, "id", ""))
    }


def _not_made_anew(node):
    """The nodes of an expression, without what a call makes something else of: Dense(n_in, n_out) is no n_in."""
    yield node
    called = getattr(node, "func", None)
    copies = re.search("copy$|^list$|^tuple$", getattr(called, "id", getattr(called, "attr", "")))
    for child in ast.iter_child_nodes(node):
        if not isinstance(node, ast.Call) or copies or child is called:
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
                for name in (t.id for target in targets for t in walk(target) if isinstance(t, ast.Name)):
                    came.setdefault(name, set()).update(_origins(value, came))
        for n in walk(scope):
            found |= set().union(*(_origins(step, came) for step in _steps(n)))
    return found


def _steps(node):
    """What a statement subtracts from that which it sets."""
    if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Sub):
        yield node.value
    elif isinstance(node, ast.Assign):
        yield from _from_one_of(node.value, [ast.unparse(t) for t in node.targets])
    elif isinstance(node, ast.ListComp | ast.GeneratorExp | ast.DictComp):
        names = [n.id for c in node.generators for n in walk(c.target) if isinstance(n, ast.Name)]
        made = node.value if isinstance(node, ast.DictComp) else node.elt
        for part in walk(made):
            yield from _from_one_of(part, names)
    elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "setattr" and len(node.args) == 3:
        left = getattr(node.args[2], "left", None)
        if isinstance(left, ast.Call) and getattr(left.func, "id", "") == "getattr":
            yield node.args[2].right


def _from_one_of(node, names):
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
        left = ast.unparse(node.left)
        if left in names or left.partition("[")[0] in names:
            yield node.right


def _origins(node, came):
    """The functions from whose results an expression is made."""
    found = set()
    for n in walk(node):
        if isinstance(n, ast.Call):
            found.add(getattr(n.func, "attr", getattr(n.func, "id", "")))
        elif isinstance(n, ast.Name):
            found |= came.get(n.id, set())
    return found
