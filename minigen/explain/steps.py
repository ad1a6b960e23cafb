"""The statements by which a parameter goes down a loss: w -= lr * dw, W[i] = W[i] - step, for p, g in zip(params, grads): ..."""

import ast
import copy
import functools
import re

from minigen.explain.flow import blocks_of, names_read, own_nodes, parts_of, root_of
from minigen.explain.naming import is_gradient_name
from minigen.explain.source import called_name, is_difference, name_of, names_in

length_named = re.compile(
    r"(lr|eta|alpha|l_rate)(_?\w{1,3})?|tass\w*|(learn\w*_?)?rate|alfa|step(_?size)?|lern\w*|tasa\w*|taxa\w*|pas|paso|passo|hiz\w*|"
    r"epsilon|shag|krok|korak|steg|schritt(weite)?",
    re.I,
)
_taken_named = re.compile(r"vel|mom|[vV]([_A-Z]|$)|upd|delta|D_?\w*$|L$")  # and what momentum keeps


def _unbuffered_op(call):
    """The operation of np.add.at(...) or np.subtract.at(...); None for other calls."""
    names = ast.unparse(call.func).split(".")
    known = {"add": ast.Add, "subtract": ast.Sub}
    return known[names[1]]() if len(names) == 3 and names[1] in known and names[2] == "at" else None


def is_share_of_gradient(node):
    """Whether an expression is what a step takes: lr * dw."""
    names = {name_of(factor) for factor in factors_of(node)}
    return any(map(length_named.fullmatch, names)) and any(map(is_gradient_name, names))


class Step:
    """w -= e or w = w - e, and the same with +: the name, the statement, what is taken, the names from which that comes, and
    the name of what stands beside the parameter in a loop through several.

    params = [p - e for p, g in zip(params, grads)] is one, too, and np.subtract.at(W, rows, e).
    """

    def __init__(self, statement, same=()):
        n, self.statement, self.name, self.taken = statement, statement, "", None
        self.names, self.beside, self.kept, self.gradient = set(), "", False, ""
        targets = getattr(n, "targets", [getattr(n, "target", None)])
        self.target, self.op = targets[0], getattr(n, "op", getattr(getattr(n, "value", None), "op", None))
        if isinstance(n, ast.AugAssign) and isinstance(n.op, ast.Sub | ast.Add):
            self.name, self.taken, self.names = root_of(n.target), n.value, names_read(n.value)
        elif isinstance(n, ast.Assign) and len(n.targets) == 1:
            text = ast.unparse(n.targets[0])
            sums = isinstance(n.value, ast.BinOp) and isinstance(n.value.op, ast.Sub | ast.Add)
            if sums and (name_of(n.value.left), text) in same:  # p = P[i] before P[i] = p - e
                self.name, self.taken, self.names = (
                    root_of(n.targets[0]),
                    n.value.right,
                    names_read(n.value.right),
                )
            else:
                self._new_value(n.value, text, root_of(n.targets[0]))
        elif isinstance(n, ast.Expr) and len(getattr(n.value, "args", ())) == 3 and _unbuffered_op(n.value):
            whole, rows, self.taken = n.value.args
            self.target, self.op = ast.Subscript(whole, rows, ast.Store()), _unbuffered_op(n.value)
            self.name, self.names = root_of(self.target), names_read(self.taken)

    def goes_down(self):
        """Whether a step takes a share, or a gradient, or what was subtracted from each other: z = z + f(z) is no step."""
        own, names = self.name.rpartition(".")[2], {n.rpartition(".")[2] for n in self.names} | {self.beside}
        shares = (
            n.value
            for n in ast.walk(self.taken)
            if isinstance(n, ast.Constant) and isinstance(n.value, float)
        )
        said = any(length_named.fullmatch(n) or _taken_named.match(n) or is_gradient_name(n) for n in names)
        said = said or any(n.endswith(own) and 0 < len(n) - len(own) < 3 for n in names)  # vW beside W
        told = said or any(0 < n < 1 for n in shares) or any(map(is_difference, ast.walk(self.taken)))
        return told and not any(
            called_name(n) in ("log", "log2", "log10", "log1p") for n in ast.walk(self.taken)
        )

    def _new_value(self, value, text, root):
        """Set what is told by w = w - e; in a list for each of its parts, or for several parameters at once."""
        through, parts = {}, getattr(value, "elts", [value])
        while isinstance(parts[0] if parts else None, ast.ListComp):
            loop = parts[0].generators[0]
            through |= {name_of(p): names_in(loop.iter) - {"zip"} for p in parts_of(loop.target)}
            parts = [parts[0].elt]
        for e in parts:
            if not isinstance(e, ast.BinOp) or not isinstance(e.op, ast.Sub | ast.Add):
                return
            begins = through.get(root_of(e.left), {root_of(e.left)})
            while begins & through.keys():
                begins = set().union(*(through.get(n, {n}) for n in begins))
            if root not in begins or not through and len(parts) == 1 and ast.unparse(e.left) != text:
                return
        if parts:
            self.name, self.taken = root, parts[0].right
            read = set().union(*(names_read(e.right) for e in parts), *through.values())
            self.names = read - through.keys() - {root}


def goes_up(step):
    """Whether a step adds what it takes: w += lr * dw, and not w += -lr * dw."""
    first, up = step.taken, isinstance(step.op, ast.Add)
    while isinstance(first, ast.BinOp) and isinstance(first.op, ast.Mult | ast.Div | ast.MatMult):
        first = first.left
    return up != isinstance(getattr(first, "op", None), ast.USub)


def steps_in(n, same=()):
    """The Step that a statement is; of w, b = w - dw, b - db each."""
    pairs = [n]
    if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Tuple) and isinstance(n.value, ast.Tuple):
        both = zip(n.targets[0].elts, n.value.elts, strict=False)
        pairs = [ast.copy_location(ast.Assign([target], value), n) for target, value in both]
    for one in pairs:
        step = Step(one, same)
        step.statement = n
        yield step


def steps_of_each(n, carried, listed, made=()):
    """The Steps of `for p, g in ((W, dW), (b, db)): p -= lr * g`, or of zip(params, grads): of W and of b; `made`: the names of
    what is computed in the pass, as gradients are.
    """
    columns = columns_of(n, listed) if isinstance(n, ast.For) else {}
    inner = [Step(s) for block, _ in blocks_of(n.body) for s in block] if columns else []
    moved = {name for s in ast.walk(n) for t in getattr(s, "targets", ()) if (name := root_of(t)) in columns}
    beside = [t for t in columns if is_gradient_name(t)]
    beside = beside or [t for t in columns if {*columns[t]} <= {*made} - {*carried}]
    for step in (s for s in inner if s.name in columns):
        for i, name in enumerate(columns[step.name]):
            if name in carried:
                one = copy.copy(step)
                one.name = name
                kept = {o.name for o in inner if o.name in columns} | moved  # V[name] of momentum, too
                one.kept = bool(step.names & (kept - {step.name}))
                gradients = columns[beside[0]] if len(beside) == 1 and beside[0] != step.name else []
                one.beside = gradients[i] if len(gradients) == len(columns[step.name]) else ""
                yield one


def steps_by_name(loop, dicts):
    """The Steps of `for name, g in grads.items(): setattr(self, name, getattr(self, name) - lr * g)`, one for each of the keys, with the
    gradient as text; `dicts`: the keys that a dict is made with.
    """
    through = getattr(loop.iter, "func", None)
    by_items = isinstance(through, ast.Attribute) and through.attr == "items"
    if not by_items or len(getattr(loop.target, "elts", ())) != 2:
        return
    name, keys = name_of(loop.target.elts[0]), dicts.get(root_of(through.value) or None, ())
    for n in (n for block, _ in blocks_of(loop.body) for n in block):
        sets = isinstance(n, ast.Expr) and called_name(n.value) == "setattr" and len(n.value.args) == 3
        taken = n.value.args[2] if sets else None
        down = (
            isinstance(getattr(taken, "op", None), ast.Add | ast.Sub) and called_name(taken.left) == "getattr"
        )
        if down and name_of(n.value.args[0]) == "self" and name_of(n.value.args[1]) == name:
            for key in keys:
                step = Step(n)
                step.name, step.taken, step.target, step.kept = f"self.{key}", taken, n.value.args[1], True
                step.names, step.gradient = {root_of(through.value)}, f"{root_of(through.value)}[{key!r}]"
                yield step


def parts_held(value):
    """The expressions in a list, tuple or dict as it is written; those of a dict in the order of its keys."""
    if isinstance(value, ast.Dict):
        beside = zip(map(_text, value.keys), value.values, strict=True)
        return [part for _, part in sorted(beside, key=lambda pair: pair[0])]
    return value.elts if isinstance(value, ast.List | ast.Tuple) else []


def _text(node):
    return "" if node is None else ast.unparse(node)


def keys_of(value):
    """The names that are the keys of a dict as it is written: {"W": dW} or dict(W=dW)."""
    if isinstance(value, ast.Dict):
        return [k.value for k in value.keys if isinstance(getattr(k, "value", None), str)]
    return [k.arg for k in value.keywords if k.arg] if called_name(value) == "dict" else []


def columns_of(loop, listed):
    """{target: [name of each thing it stands for]} of a loop through several things at once, or through their places, as in
    for i in range(len(params)): params[i] -= grads[i]; `listed`: what lists and dicts hold.
    """
    target, through = loop.target, loop.iter
    index = target if called_name(through) == "range" else None
    if called_name(through) == "enumerate" and through.args and len(getattr(target, "elts", ())) == 2:
        (index, target), through = target.elts, through.args[0]
    if called_name(through) == "keys" or name_of(through) in listed and isinstance(target, ast.Name):
        index = index or target
    inside = [n for n in ast.walk(loop) if isinstance(n, ast.Subscript) and index is not None]
    by_place = [root_of(n) for n in inside if name_of(n.slice) == name_of(index)]
    columns = {name: listed[name] for name in by_place if name in listed}
    targets = [name_of(t) for t in parts_of(target)]
    if called_name(through) == "zip":
        rows = [listed.get(name_of(a)) or [name_of(p) for p in getattr(a, "elts", [a])] for a in through.args]
        return columns | dict(zip(targets, rows, strict=False))
    if isinstance(through, ast.Tuple | ast.List) and through.elts:
        rows = [[name_of(p) for p in parts_of(e)] for e in through.elts]
        return columns | dict(zip(targets, map(list, zip(*rows, strict=False)), strict=False))
    if name_of(through) in listed and len(targets) == 1 and not columns.keys() & {name_of(through)}:
        columns |= {targets[0]: listed[name_of(through)]}
    return columns


def factors_of(node):
    """The factors of a product, and what is divided."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.MatMult):
        return [*factors_of(node.left), *factors_of(node.right)]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return factors_of(node.left)
    return factors_of(node.operand) if isinstance(node, ast.UnaryOp) else [node]


def numbers_of(node):
    """The numbers by which a product is multiplied, and one over those by which it is divided."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.MatMult):
        return [*numbers_of(node.left), *numbers_of(node.right)]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return [*numbers_of(node.left), *(1 / n for n in numbers_of(node.right) if n)]
    if isinstance(node, ast.UnaryOp):
        return numbers_of(node.operand)
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, int | float) else []


def is_begun(statement, target):
    """Whether a statement gives a name a number anew, as stress = 0.0 in every pass."""
    value = getattr(statement, "value", None)
    return isinstance(target, ast.Name) and isinstance(value, ast.Constant)


@functools.lru_cache(maxsize=64)
def told_by_steps(tree, gradients):
    """{place: name}: which parameter the file subtracts each value from that a function of this name returns; the place is
    None where it returns one. After dw, db = gradients(x) those are w of w -= lr * dw and bias of self.bias -= lr * db.
    """
    found = {}
    for scope in [tree, *(n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef))]:
        nodes = [n for n in own_nodes(scope) if isinstance(n, ast.stmt)]
        given = {}
        for n in nodes:
            if isinstance(n, ast.Assign) and called_name(n.value) == gradients:
                parts = parts_of(n.targets[0])
                several = isinstance(n.targets[0], ast.Tuple | ast.List)
                given |= {name_of(p): i if several else None for i, p in enumerate(parts) if name_of(p)}
        for n in nodes if given else ():
            for step in steps_in(n):
                taken = step.names & given.keys()
                target = step.target
                if step.name and len(taken) == 1:
                    name = target.attr if isinstance(target, ast.Attribute) else step.name
                    found.setdefault(given[taken.pop()], name)
    return found
