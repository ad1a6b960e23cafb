"""The small changes that a person may have to make: one constant, sign, factor, operand, axis, index, line.

Every change has a kind, a cost (the likelier and the smaller, the cheaper) and words for what it does.
Changes of an expression are pairs (node, new node); changes of a statement replace one statement
by others in its body.
"""

import ast
import copy
import functools
import itertools
import re
import types
from dataclasses import dataclass, field

import numpy as np

from minigen.explain.source import SIMPLE, called_name, name_of
from minigen.explain.steps import is_share_of_gradient

KINDS = (
    "factor", "term", "sign", "operator", "operand", "transpose", "order", "axis", "reduction", "broadcast",
    "index",
    "accumulate", "swap", "function", "constant", "in-place", "missing path", "ignored g", "stale value",
    "randomness",
    "dtype",
)  # fmt: skip


@dataclass
class Edit:
    """A change. `new` replaces the expression `node`; or `body[index:index + gone]` becomes `statements`."""

    cost: float
    kind: str
    words: str
    node: ast.AST
    new: ast.AST | None = None
    body: list | None = None
    index: int = 0
    gone: int = 1
    statements: list = field(default_factory=list)
    last: ast.AST | None = None  # the last of the statements that go, where they are several
    less: float = 0.0  # the part of the cost that was taken away, since its names make it likelier
    # (the statements among which it belongs, its place there, how much farther in): a line that moves into a loop or out of it
    to: tuple | None = None


@dataclass
class Atom:
    """A value that can be named where a statement stands: `text` is how."""

    text: str
    value: object

    @property
    def node(self):
        return parsed(self.text)


@functools.lru_cache(maxsize=10_000)
def parsed(text):
    """The tree of an expression; it is shared, and nobody changes it."""
    return ast.parse(text, mode="eval").body


COUNTERS = ("i", "j", "k", "l", "s", "t")  # names of loops; n, m and d are sizes mostly


_velocity = re.compile(r"\b_?(vel|mom|velocity|velocities|momentum)\b", re.I)


def atoms(scope, namespace):
    """(arrays, numbers): what a statement can name: locals, entries of dicts, attributes, a few globals."""
    arrays, numbers, counts, counted, seen = [], [], [], [], set()
    counting = [n for n in COUNTERS if type(scope.get(n)) is int]
    counters = {n: v for n, v in scope.items() if type(v) is int and len(n) <= 2}

    def indices_of(value):
        keys = value if isinstance(value, dict) else range(len(value))
        inner = next(iter(value.values() if isinstance(value, dict) else value), None)
        inner = inner[0] if isinstance(inner, list) and inner else inner
        return (
            [n for n, v in counters.items() if v in keys][:2] if isinstance(inner, np.ndarray | float) else []
        )

    def add(text, value, depth):
        if isinstance(value, bool | types.ModuleType) or text.startswith("__") or text == "_":
            return
        if _velocity.search(text):  # what momentum keeps is no part of a gradient
            return
        if depth == 0 and isinstance(value, list) and len(value) > 1:
            counts.append(Atom(f"len({text})", len(value)))
        if isinstance(value, np.ndarray) and value.ndim and value.dtype.kind in "fiub":
            arrays.append(Atom(text, value))
            in_loop = depth <= 1 and value.ndim > 1 and value.dtype.kind == "f" and "[" not in text
            for name in counting if in_loop else ():
                k = scope[name]
                if 0 <= k < len(value):  # W[k] in a loop over k
                    counted.append(Atom(f"{text}[{name}]", value[k]))
                if value.ndim == 2 and 0 <= k < value.shape[1] > 1:
                    counted.append(Atom(f"{text}[:, {name}:{name} + 1]", value[:, k : k + 1]))
        elif isinstance(value, int | float | np.number) or (isinstance(value, np.ndarray) and not value.ndim):
            numbers.append(Atom(text, value))
        elif depth < 2 and isinstance(value, dict | list) and (names := indices_of(value)):
            for name in names:  # hs[t] in a loop over t, where hs[3] would say nothing
                add(f"{text}[{name}]", value[counters[name]], depth + 1)
        elif depth < 2 and isinstance(value, dict):
            for key, inner in value.items():
                if isinstance(key, str | int):
                    add(f"{text}[{key!r}]", inner, depth + 1)
            counted[:0] = [Atom(*pair) for pair in _numbered(text, value, counters)]
        elif depth < 2 and isinstance(value, tuple | list) and len(value) <= 8:
            for i, inner in enumerate(value):
                if not isinstance(inner, dict | list | tuple) and not hasattr(inner, "__dict__"):
                    add(f"{text}[{i}]", inner, depth + 1)
        elif depth < 2 and _is_object(value) and id(value) not in seen:
            seen.add(id(value))
            of_class = {n: v for n, v in vars(type(value)).items() if type(v) in (int, float) and n[0] != "_"}
            for name, inner in (of_class | vars(value)).items():
                if not (name[0] == "v" and name[1:].lstrip("_") in vars(value)):  # vW beside W
                    add(f"{text}.{name}", inner, depth + 1)

    for name, value in scope.items():
        add(name, value, 0)
    for name, value in namespace.items():
        public = not name.startswith("_") and name not in scope
        if public and isinstance(value, int | float | np.ndarray | dict):
            add(name, value, 0)
    names = [a for a in arrays if a.text.isidentifier()]
    named, others = {_content(a.value) for a in names}, {}
    for a in arrays:  # cache["h"] is h, and params["W"], c["params"]["W"] and p["W"] are one
        content = _content(a.value)
        if not a.text.isidentifier() and content not in named:
            kept = others.setdefault(content, a)
            others[content] = a if len(a.text) < len(kept.text) else kept
    picked = [*_picked([*names, *others.values()])]
    shares = [a for a in numbers if _is_share(a) and a.value != 0.5][:6]
    rests = [Atom(f"(1 - {a.text})", 1 - a.value) for a in shares]  # what a leak or a momentum leaves
    return [*names, *others.values()][:60] + counted[:24] + picked[:12], [*numbers, *counts][:40] + rests


def _picked(arrays):
    """The rows of tables that indices pick: V[y], of an embedding or of what belongs to a class."""
    for index in (a for a in arrays if a.value.dtype.kind in "iu" and a.value.ndim == 1 and a.value.size > 1):
        for table in (a for a in arrays if a.value.dtype.kind == "f" and a.value.ndim == 2):
            if 0 <= index.value.min() and index.value.max() < len(table.value) != len(index.value):
                yield Atom(f"{table.text}[{index.text}]", table.value[index.value])


def _numbered(text, entries, counters):
    """(text, array) of the entries of a dict that a loop finds by number: cache["A" + str(l - 1)] in a loop over l."""
    stems = {m[1] for m in (re.fullmatch(r"(\D+)\d+", key) for key in entries if isinstance(key, str)) if m}
    for name, k in ((n, k) for n, k in counters.items() if n in COUNTERS):
        for more, stem in itertools.product((0, -1, 1), sorted(stems)):
            value = entries.get(f"{stem}{k + more}")
            if isinstance(value, np.ndarray) and value.ndim:
                at = f"{name} {'-' if more < 0 else '+'} 1" if more else name
                yield f'{text}["{stem}" + str({at})]', value


def _is_object(value):
    """Whether a value keeps attributes that can be named: no function or class; it may be called, as layers are."""
    return hasattr(value, "__dict__") and not isinstance(value, type | types.FunctionType | types.MethodType)


def _content(array):
    """What two arrays share that hold the same; arrays of one number are all different."""
    return (array.shape, array.tobytes()) if array.size and array.min() != array.max() else id(array)


def sizes(arrays):
    """Numbers that are sizes of arrays: x.shape[0], x.size; one name for each number and axis."""
    found, known = [], set()
    for atom in arrays:
        if "[" not in atom.text and atom.text.count(".") <= 1:
            for axis, n in enumerate(atom.value.shape[:2]):
                if n > 1 and (n, axis) not in known:  # a 1 has no size's name
                    known.add((n, axis))
                    found.append(Atom(f"{atom.text}.shape[{axis}]", n))
            if atom.value.ndim > 1 and (atom.value.size, None) not in known:
                known.add((atom.value.size, None))
                found.append(Atom(f"{atom.text}.size", atom.value.size))
    return found


SIMPLE_FUNCTIONS = (  # of an array or a number v, with its cost
    ("{v}", 0.0), ("(1 - {v})", 0.1), ("(1 - {v} ** 2)", 0.1), ("{v} ** 2", 0.2), ("({v} > 0)", 0.1),
    ("{v} * (1 - {v})", 0.2), ("np.exp({v})", 0.2), ("np.exp({v} / 2)", 0.3), ("np.exp(-{v})", 0.3),
    ("(1 + {v})", 0.4), ("({v} - 1)", 0.4), ("(np.exp({v}) - 1)", 0.4), ("np.sign({v})", 0.3), ("np.sqrt({v})", 0.4),
    ("np.tanh({v})", 0.4), ("(1 - 2 * {v})", 0.2),
    ("(1 - np.tanh({v}) ** 2)", 0.4), ("1 / (1 + np.exp(-{v}))", 0.4), ("np.cos({v})", 0.4),
    ("np.sin({v})", 0.5),
    ("({v} < 0)", 0.4), ("({v} >= 0)", 0.4), ("{v} ** 3", 0.5), ("np.log({v})", 0.5), ("{v}.T", 0.3),
)  # fmt: skip


def binary(left, operator, right):
    return ast.BinOp(left, operator, right)


def is_operation(node, kinds):
    """Whether a node is an operation of one of these kinds, such as ast.Mult | ast.Div."""
    return isinstance(node, ast.BinOp) and isinstance(node.op, kinds)


def _maker(node):
    """The function (cost, kind, words, new) that makes the Edits of one expression."""
    return lambda cost, kind, words, new: Edit(cost, kind, words, node, new)


def _exchanges(items):
    """(one, other, all with these two exchanged) of every two items."""
    for i, j in itertools.combinations(range(len(items)), 2):
        new = list(items)
        new[i], new[j] = new[j], new[i]
        yield items[i], items[j], new


def _is_number(value):
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _is_share(atom):
    """Whether a number lies between 0 and 1, such as what dropout keeps."""
    return isinstance(atom.value, float) and 0 < atom.value < 1


def called(node, name, **keywords):
    words = [ast.keyword(k, parsed(repr(v))) for k, v in keywords.items()]
    return ast.Call(ast.Attribute(node, name, ast.Load()), [], words)


def turned(node):
    transposed = isinstance(node, ast.Attribute) and node.attr == "T"
    return node.value if transposed else ast.Attribute(node, "T", ast.Load())


def text(node):
    return ast.unparse(node)


class Slots:
    """The expressions of one statement that can be watched and changed."""

    def __init__(self, statement):
        self.statement, self.nodes, self.parents = statement, [], {}
        self._walk(statement, None)

    def _walk(self, node, above):
        for name, value in ast.iter_fields(node):
            for child in value if isinstance(value, list) else [value]:
                plain = ast.expr_context | ast.operator | ast.cmpop
                if not isinstance(child, ast.AST) or isinstance(child, plain):
                    continue
                self.parents[id(child)] = (node, name)
                if self._can_change(child, node, name):
                    self.nodes.append(child)
                if not isinstance(child, ast.Lambda | ast.JoinedStr):
                    self._walk(child, node)

    def _can_change(self, node, parent, name):
        unnamed = ast.Starred | ast.JoinedStr | ast.FormattedValue | ast.Slice
        if not isinstance(node, ast.expr) or isinstance(node, unnamed):
            return False
        if isinstance(getattr(node, "ctx", ast.Load()), ast.Store | ast.Del):
            return False
        if isinstance(parent, ast.Call) and name == "func":
            return False
        if isinstance(parent, ast.comprehension) and name == "target":
            return False
        if isinstance(node, ast.Name) and node.id in ("np", "numpy"):
            return False
        return not _is_index_tuple(node)

    def place(self, node):
        return self.parents[id(node)]


def _is_index_tuple(node):
    return isinstance(node, ast.Tuple) and any(isinstance(e, ast.Slice) for e in node.elts)


def expression_edits(slots, values, arrays, numbers, functions, to=np.inf):
    """Every simple change of one statement, as Edits with `new`;
    `values` are what the slots gave in one run. Of those that cost more than `to`, which are many, some are left out.
    """
    for node in slots.nodes:
        parent, place = slots.place(node)
        yield from _of_node(node, parent, place, values.get(id(node)), values, arrays, numbers, to)
        if called_name(node) == "where" and len(node.args) == 3:
            yield from _of_branches(node, values.get(id(node)), arrays)
    yield from _everywhere(slots, values, [*arrays, *numbers])
    assigned = slots.statement.value if isinstance(slots.statement, ast.Assign) else None
    for node in _walk_code(slots.statement):
        if isinstance(node, ast.Subscript):
            yield from _of_picked(node, values)
        if isinstance(node, ast.Slice):
            yield from _of_slice(node, numbers, arrays)
        elif _is_index_tuple(node):
            yield from _of_index_tuple(node, numbers)
        elif isinstance(node, ast.Tuple) and node is assigned:
            yield from _of_places(node, numbers)
        elif isinstance(node, ast.Call):
            yield from _of_function(node, functions)


def _of_branches(node, value, arrays):
    """A term or a factor that one of the two branches of where lacks: np.where(x > 0, 1, y + alpha)."""
    shape = getattr(value, "shape", None)
    for branch, other in itertools.product(node.args[1:], [a for a in arrays if a.value.shape == shape]):
        for op, words in (
            (ast.Add(), "the term {} is missing beside {}"),
            (ast.Mult(), "the factor {} is missing at {}"),
        ):
            if other.text != text(branch) and other.value.dtype.kind == "f":
                said = words.format(other.text, text(branch))
                kind = "factor" if isinstance(op, ast.Mult) else "term"
                yield Edit(1.2, kind, said, branch, binary(branch, op, other.node))


def _walk_code(tree):
    """All nodes but those within f-strings, whose places in the file are not known."""
    yield tree
    for child in ast.iter_child_nodes(tree):
        if not isinstance(child, ast.JoinedStr):
            yield from _walk_code(child)


def _of_places(node, numbers):
    """Row and column are counted in one way: r, c = i * stride, j * stride."""
    whole = {n.text for n in numbers if isinstance(n.value, int)}
    yield from _stepped(node, node, numbers)
    if not all(isinstance(e, ast.Name) and e.id in whole for e in node.elts):
        return
    for other in numbers:
        for op, words in (
            (ast.Mult(), "the factor {} is missing"),
            (ast.Add(), "{} must be added"),
            (ast.Sub(), "{} must be subtracted"),
        ):
            if other.value not in (0, 1) or not isinstance(op, ast.Mult):
                new = [ast.BinOp(e, op, other.node) for e in node.elts]
                said = f"{words.format(other.text)} at each of {text(node)}"
                yield Edit(1.2, "index", said, node, ast.Tuple(new, ast.Load()))


def _stepped(node, whole, numbers):
    """j * stride at every place of j in a slice or in its bounds, lo, hi = j, j + T."""
    counts = {n.text: n for n in numbers if isinstance(n.value, int)}
    names = [n for n in ast.walk(whole) if isinstance(n, ast.Name) and n.id in counts]
    for own in dict.fromkeys(n.id for n in names):
        places = [n for n in names if n.id == own]
        for other in counts.values() if len(places) > 1 else ():
            if other.value > 1 and other.text != own and own in COUNTERS:
                by = {id(n): ast.BinOp(n, ast.Mult(), other.node) for n in places}
                words = f"the factor {other.text} is missing at each {own} of {text(node)}"
                yield Edit(1.4, "index", words, node, replaced(whole, by))


def other_constants(slots, values, literals):
    """A number, or the key of a dict, for another one that the program has: 0.2 where 0.0 stands, "b1" where "b2" does.

    What is called or has a name may also lack such a number as a factor: alpha's in alpha * exp(x).
    """
    for node in slots.nodes:
        parent, place = slots.place(node)
        in_product = isinstance(parent, ast.BinOp) and not isinstance(parent.op, ast.Add | ast.Sub)
        factor = isinstance(node, ast.Call | ast.Name | ast.Attribute | ast.Subscript) and not in_product
        if factor and isinstance(values.get(id(node)), np.ndarray):
            for c in literals:
                words = f"a factor {c:g} is missing at {text(node)}"
                yield Edit(1.3, "factor", words, node, binary(node, ast.Mult(), parsed(repr(c))))
        if not isinstance(node, ast.Constant):
            continue
        for other in literals - {node.value} if isinstance(node.value, float) else ():
            words = f"the number is {node.value:g}, another one is due"
            yield Edit(1.2, "constant", words, node, parsed(repr(other)))
        is_key = isinstance(parent, ast.Subscript) and place == "slice"
        known = values.get(id(parent.value)) if is_key else None
        for other in list(known)[:12] if isinstance(known, dict) else ():
            if type(other) is type(node.value) and other != node.value:
                whole = ast.Subscript(parent.value, ast.Constant(other), parent.ctx)
                words = f"{text(parent)} stands where {text(whole)} is due"
                read = isinstance(parent.ctx, ast.Load)
                old, new = (parent, whole) if read else (node, whole.slice)
                yield Edit(1.2, "operand", words, old, new)


def calls(slots, values, called):
    """A name for one of the Atoms `called` in which a function of the person's is applied to it: sigmoid(a) for a."""
    for node in slots.nodes:
        named = isinstance(node, ast.Name | ast.Attribute | ast.Subscript)
        if not named or not isinstance(values.get(id(node)), np.ndarray):
            continue
        parent, own = slots.place(node)[0], text(node)
        function = text(parent.func) if isinstance(parent, ast.Call) else ""
        for atom in called:
            if text(atom.node.args[0]) == own and text(atom.node.func) != function:
                yield Edit(1.3, "function", f"{atom.text} is due where {own} stands", node, atom.node)


def other_collections(slots, values, scope):
    """A list or dict by name for another one that is as long: targets[t] where inputs[t] stands."""
    for node in slots.nodes:
        e, own = _maker(node), values.get(id(node))
        # what a loop goes through
        whole = isinstance(own, range) and isinstance(slots.place(node)[0], ast.Expr)
        for name, other in scope.items() if whole else ():
            if isinstance(other, list | tuple | range) and len(other) == len(own) > 1:
                for new in (name, f"reversed(list({name}))"):
                    yield e(1.3, "order", f"the loop must go through {bare(new)}", parsed(new))
        attribute = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        if attribute and isinstance(own, tuple | list | dict):
            for name, other in getattr(scope.get(node.value.id), "__dict__", {}).items():
                if name != node.attr and type(other) is type(own) and len(other) == len(own) > 0:
                    new = ast.Attribute(node.value, name, ast.Load())
                    yield e(1.25, "operand", f"{text(node)} stands where {text(new)} is due", new)
        if isinstance(node, ast.Constant) and isinstance(node.value, bool):
            for name in (name for name, other in scope.items() if isinstance(other, bool | np.bool_)):
                for new in (name, f"not {name}"):
                    yield e(1.2, "constant", f"{new} is due where {node.value} stands", parsed(new))
        if isinstance(node, ast.Name) and isinstance(own, list | dict):
            for name, other in scope.items():
                if name != node.id and type(other) is type(own) and len(other) == len(own):
                    words = f"{node.id} stands where {name} is due"
                    yield e(1.25, "operand", words, ast.Name(name, ast.Load()))


def _everywhere(slots, values, atoms):
    """One name that stands several times in a statement, for another one at all its places."""
    whole, places = getattr(slots.statement, "value", None), {}
    for node in slots.nodes:
        value = values.get(id(node))
        named = isinstance(node, ast.Name | ast.Attribute | ast.Subscript) and node is not whole
        if named and isinstance(value, np.ndarray | float | int) and not isinstance(value, bool):
            places.setdefault(text(node), []).append(node)
    for own, nodes in places.items():
        value = values[id(nodes[0])]
        if len(nodes) > 1 and isinstance(value, np.ndarray | float):
            for other in atoms:
                if np.shape(other.value) == np.shape(value) and other.text not in (own, "0", "1"):
                    new = replaced(whole, {id(n): other.node for n in nodes})
                    yield Edit(1.4, "operand", f"{own} stands where {other.text} is due", whole, new)
    slices = {}
    for node in slots.nodes:
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and node is not whole:
            slices.setdefault(text(node.slice), []).append(node)
    for index, nodes in slices.items():
        if len(nodes) > 1 and ":" in index:
            new = replaced(whole, {id(n): n.value for n in nodes})
            yield Edit(1.5, "index", f"the index {index} is not due, at each of its places", whole, new)
    for (one, first), (other, second) in itertools.combinations(places.items(), 2):
        either = {id(n) for n in first + second}
        if not any(either & {id(x) for x in ast.walk(n) if x is not n} for n in first + second):
            by = {id(n): parsed(other) for n in first} | {id(n): parsed(one) for n in second}
            said = f"{one} and {other} stand in each other's place"
            yield Edit(1.25, "swap", said, whole, replaced(whole, by))


def replaced(node, by):
    """A copy of a tree with some of its nodes, {id: new node}, exchanged."""
    if id(node) in by:
        return by[id(node)]
    new = type(node)(**dict(ast.iter_fields(node)))
    for name, value in ast.iter_fields(node):
        if isinstance(value, ast.AST):
            setattr(new, name, replaced(value, by))
        elif isinstance(value, list):
            setattr(new, name, [replaced(v, by) if isinstance(v, ast.AST) else v for v in value])
    return ast.copy_location(new, node)


def _of_node(node, parent, place, value, values, arrays, numbers, to):
    e = _maker(node)
    number = _is_number(value)
    indexing = isinstance(parent, ast.Subscript) and place == "slice" or isinstance(parent, ast.Slice)
    own = text(node)
    if isinstance(node, ast.Constant):
        yield from _of_constant(node, parent, place, indexing, numbers, arrays)
    if isinstance(parent, ast.Assign) and isinstance(getattr(node, "operand", node), ast.Constant):
        yield from _of_what_balances(node, parent.targets[0], arrays)
        return
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield e(1.0, "sign", f"the sign of {text(node.operand)} is wrong", node.operand)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.Invert):
        yield e(1.0, "operator", f"the mask {text(node.operand)} is the other way round", node.operand)
    if isinstance(node, ast.BinOp):
        yield from _of_operator(node)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        for op in (ast.Gt, ast.Lt, ast.GtE, ast.LtE, ast.Eq, ast.NotEq):
            if not isinstance(node.ops[0], op):
                new = ast.Compare(node.left, [op()], node.comparators)
                more = 0.2 * (op in (ast.Eq, ast.NotEq))
                yield e(1.0 + more, "operator", f"the comparison in {own} is another one", new)
        for other in numbers if isinstance(value, np.ndarray) else ():
            if _is_share(other):
                words = f"where {own} is false {other.text} is due, and not 0"
                yield e(1.5, "function", words, parsed(f"np.where({own}, 1, {other.text})"))
    if isinstance(node, ast.IfExp):
        yield e(1.1, "swap", "the two branches are exchanged", ast.IfExp(node.test, node.orelse, node.body))
    if isinstance(node, ast.Call):
        yield from _of_call(node, values)
    if number and not indexing and (counted := _counted(node)):
        yield from _of_count(node, counted, arrays)
    divides = isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Mult | ast.Div)
    if (
        number
        and divides
        and isinstance(node, ast.Name | ast.Attribute)
        and np.ndim(value) == 0
        and value > 0
    ):
        yield e(1.25, "function", f"{own} stands where its square root is due", parsed(f"np.sqrt({own})"))
    if isinstance(node, ast.Attribute) and node.attr == "T":
        yield e(1.0, "transpose", f"{text(node.value)} is transposed, and must not be", node.value)
    if isinstance(value, list | tuple | range) and isinstance(parent, ast.Expr):  # what a loop goes through
        new = ast.Call(ast.Name("reversed", ast.Load()), [node], [])
        yield e(1.2, "order", f"the loop goes through {own} in the wrong order", new)
    elif isinstance(value, list) and isinstance(node, ast.Name | ast.Attribute) and len(value) > 1:
        if not isinstance(parent, ast.Attribute | ast.Subscript):
            yield e(1.25, "order", f"{own} is in the wrong order", parsed(f"{own}[::-1]"))
    if isinstance(node, ast.Subscript):
        yield e(1.4, "index", f"the index of {text(node.value)} is not due", node.value)
        if isinstance(node.value, ast.Subscript):  # W[i][j]
            inner, cost = node.value, _cost_of_exchange(node.value.slice, node.slice)
            new = ast.Subscript(ast.Subscript(inner.value, node.slice, ast.Load()), inner.slice, node.ctx)
            yield e(cost, "index", "two indices are exchanged", new)
        if isinstance(node.slice, ast.Tuple) and not _is_index_tuple(node.slice):
            for exchanged in _exchanged(node.slice):
                new = ast.Subscript(node.value, exchanged.new, node.ctx)
                yield e(exchanged.cost, "index", exchanged.words, new)
    if isinstance(node, ast.Dict | ast.Tuple | ast.List):
        yield from _of_elements(node, parent)
        if isinstance(node, ast.Tuple) and isinstance(parent, SIMPLE):
            yield from _divided_as_the_others(node, numbers)
    if indexing and (number or isinstance(node, ast.Name)):
        for k in (1, -1):
            wraps = 0.3 * (k < 0 and type(value) is int and value == 0)  # to the last entry
            new = binary(node, ast.Add(), parsed(str(k)))
            yield e(1.3 + wraps, "index", f"the index is {own}, off by one", new)
        wraps = 0.3 * (type(value) is int and value == 0)
        yield e(1.4 + wraps, "index", f"{own} counts from the wrong end", parsed(f"-1 - ({own})"))
        for k in ("0", "-1") if isinstance(node, ast.Name) else ():
            yield e(1.4, "index", f"the index is {own}, {k} is due", parsed(k))
        for other in numbers:
            if isinstance(other.value, int) and other.text != own:
                yield e(1.5, "index", f"the index is {own}, another one is due", other.node)
                new = parsed(f"{other.text} - 1 - ({own})")
                yield e(1.7, "index", f"{own} counts from the wrong end", new)
        return
    if type(value) is int and isinstance(node, ast.BinOp | ast.Name) and isinstance(parent, ast.Call):
        if getattr(parent.func, "id", "") in ("min", "max", "range"):
            for op in (ast.Add(), ast.Sub()):
                yield e(1.35, "index", f"{own} is off by one", binary(node, op, ast.Constant(1)))
    around = getattr(values.get(id(parent)), "shape", ()) if isinstance(parent, ast.BinOp) else ()
    if isinstance(parent, ast.AugAssign):
        around = next((a.value.shape for a in arrays if a.text == text(parent.target)), ())
    yield from _of_value(node, parent, place, value, arrays, numbers, to, around)


def _of_elements(node, parent):
    """Two values of a dict, tuple or list in each other's place."""
    elements = node.values if isinstance(node, ast.Dict) else node.elts
    inside = isinstance(parent, ast.Call | ast.keyword | ast.Subscript)
    if len(elements) > 16 or inside and not isinstance(node, ast.List):  # a tuple in a call is a shape
        return
    for one, other, swapped in _exchanges(elements):
        whole = isinstance(node, ast.Dict)
        new = ast.Dict(node.keys, swapped) if whole else type(node)(swapped, node.ctx)
        words = f"{text(one)} and {text(other)} stand in each other's place"
        yield Edit(1.3, "swap", words, node, new)


def _divided_as_the_others(node, numbers):
    """A division that all others of a tuple have: dw / n, db."""
    divided = {n.text: [f"/ {n.text}" in text(element) for element in node.elts] for n in numbers}
    for n in numbers:
        if sum(divided[n.text]) == len(node.elts) - 1 > 0:
            i = divided[n.text].index(False)
            element = node.elts[i]
            words = f"a division by {n.text} is missing at {text(element)}, and is there at the others"
            elements = [*node.elts[:i], binary(element, ast.Div(), n.node), *node.elts[i + 1 :]]
            yield Edit(1.0, "factor", words, node, ast.Tuple(elements, node.ctx))


def _counted(node):
    """The text of the array whose rows or entries an expression counts: x of len(x), x.shape[0] and x.size; "" of any other."""
    if isinstance(node, ast.Attribute) and node.attr == "size":
        return text(node.value)
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "len" and len(node.args) == 1:
        return text(node.args[0])
    shape = node.value if isinstance(node, ast.Subscript) else None
    return text(shape.value) if isinstance(shape, ast.Attribute) and shape.attr == "shape" else ""


def _of_count(node, counted, arrays):
    """Another number for what is counted of an array: of all its entries but the channels', or of what a mask leaves."""
    array = next((a.value for a in arrays if a.text == counted), None)
    if array is None:
        return
    found = []
    if array.ndim > 2:
        found += [f"({counted}.size // {counted}.shape[{axis}])" for axis in {1, array.ndim - 1}]
    if array.dtype.kind in "fib" and _is_mask(array):
        found.append(f"{counted}.sum()")
    for new in found:
        yield Edit(1.3, "constant", f"{bare(new)} is due where {text(node)} stands", node, parsed(new))
    if isinstance(node, ast.Call):  # len(X) of all, for that of a batch
        named = {len(a.value): a.text for a in reversed(arrays) if a.value.ndim and a.text.isidentifier()}
        for other in (named[n] for n in list(named)[-8:] if n != len(array)):
            new = ast.Call(node.func, [parsed(other)], [])
            yield Edit(1.2, "operand", f"{counted} stands where {other} is due", node, new)


def _is_mask(array):
    return bool(((array == 0) | (array == 1)).all())


def _of_value(node, parent, place, value, arrays, numbers, to, around=()):
    """Another value in the place of this one, its transpose, or something that is missing at it.

    `around`: the shape of the sum or product in which it stands.
    """
    e = _maker(node)
    own = text(node)
    entry = isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant | ast.Name)
    leaf = isinstance(node, ast.Name | ast.Attribute) or entry
    a_size = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "len"
    cost = 1.2 if leaf or a_size else 1.7
    divides = is_operation(parent, ast.Div) and place == "right"
    if isinstance(value, np.ndarray) and value.ndim:
        yield from _another_array(node, value, arrays, around, leaf, cost)
        yield from _of_array(node, parent, value, arrays, leaf, divides)
        yield from _insertions(node, parent, place, value, own, arrays, numbers, to, around)
    elif value is None and leaf:
        yield from _another_array(node, None, arrays, around, leaf, cost)
    elif (_is_number(value) or isinstance(value, np.ndarray)) and not isinstance(
        parent, ast.keyword | ast.Tuple
    ):
        for other in arrays if divides else ():  # a mean over what a mask leaves, or over weights
            if other.value.min(initial=0) >= 0 and other.value.dtype.kind in "fb" and other.value.size > 1:
                new = parsed(f"{other.text}.sum()")
                words = f"{text(new)} is due where {own} stands"
                yield e(1.32 if _is_mask(other.value) else 1.45, "constant", words, new)
        for other in numbers:
            if other.text != own:
                yield e(cost, "operand", f"{own} stands where {other.text} is due", other.node)
        for k in (1, -1):
            yield e(1.4, "constant", f"{own} is off by one", binary(node, ast.Add(), parsed(str(k))))
        for other in numbers if isinstance(parent, SIMPLE) else ():
            for times, cost in (("", 1.35), ("2 * ", 1.4)):
                term = parsed(f"{times}{other.text}")
                for sign, op in (("", ast.Add()), ("-", ast.Sub())):
                    said = f"the term {sign}{text(term)} is missing beside {own}"
                    yield e(cost, "missing path", said, binary(node, op, term))
        if leaf and is_operation(parent, ast.Add | ast.Sub) or isinstance(parent, SIMPLE):
            yield from _by_numbers(node, own, numbers, 0.1, True)
        for other in arrays:
            yield e(cost + 0.6, "operand", f"{own} stands where {other.text} is due", other.node)
        if not isinstance(parent, ast.Call):
            yield e(1.5, "factor", "a factor 2 is missing", binary(node, ast.Mult(), ast.Constant(2)))
        if isinstance(parent, ast.Call) and node is not parent.func and not isinstance(value, int):
            for k in (2, 0.5):  # exp(2 s) is the square of exp(s)
                said = f"a factor {k:g} is missing at {own}"
                yield e(1.4, "factor", said, binary(node, ast.Mult(), ast.Constant(k)))


def _another_array(node, value, arrays, around, leaf, cost):
    """Another array in the place of this one, or its transpose; `value` is None where it is not known."""
    own = text(node)
    entry = isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant | ast.Name)
    index = f"[{text(node.slice)}]" if entry else "no index"
    shape = None if value is None else value.shape
    for other in arrays:
        new, there = other.node, other.value.shape
        if other.text != own and (value is None or there == shape):
            price = cost - 0.1 * other.text.endswith(index)  # i[t] for f[t]
        elif leaf and value is not None and len(there) == len(shape) == 2 and there[::-1] == shape:
            price, new = cost + 0.4, turned(new)
        elif there == around and "None" in own and isinstance(node, ast.Subscript):
            price = 1.5
        elif leaf and other.text != own:
            price = cost + 0.7
        else:
            continue
        yield Edit(price, "operand", f"{own} stands where {other.text} is due", node, new)
    is_turned = isinstance(node, ast.Attribute) and node.attr == "T"
    if (value is None or value.ndim >= 2) and not is_turned:
        yield Edit(1.1, "transpose", f"{own} must be transposed", node, turned(node))


def _of_array(node, parent, value, arrays, leaf, divides):
    """A function of an array in its place, its entries in another order, or its axes."""
    e, own = _maker(node), text(node)
    if leaf and value.dtype.kind == "f":
        yield e(1.3, "function", f"1 - {own} is due where {own} stands", parsed(f"(1 - {own})"))
    for axis in range(value.ndim) if leaf and not isinstance(parent, ast.Subscript) else ():
        said = f"the order of {own} must be reversed along axis {axis}"
        yield e(1.4, "order", said, parsed(f"{own}[{':, ' * axis}::-1]"))
    if leaf and is_operation(parent, ast.Mult):
        for slope in (f"({own} > 0)", f"(1 - {own} ** 2)", f"{own} * (1 - {own})"):
            said = f"the slope is {bare(slope)}, here stands {own}"
            yield e(1.4, "function", said, parsed(f"({slope})"))
    if 3 <= value.ndim <= 4:
        plain = [*range(value.ndim)]
        swapped = [*plain[:-2], plain[-1], plain[-2]]
        # what is read off in rows must stand in that order: x.transpose(...).reshape(-1, F)
        less = 0.2 * (getattr(parent, "attr", "") == "reshape")
        for order in map(list, itertools.permutations(plain)):
            if order != plain:
                axes = [ast.Constant(i) for i in order]
                new = ast.Call(ast.Attribute(node, "transpose", ast.Load()), axes, [])
                words = f"the axes of {own} are in another order"
                yield e((1.1 if order == swapped else 1.45) - less, "transpose", words, new)
    if divides and isinstance(node, ast.BinOp) and value.dtype.kind == "f" and (value >= 0).all():
        yield e(1.2, "function", f"the root of {own} is due", parsed(f"np.sqrt({own})"))
    if is_operation(node, ast.Sub) and text(node.left) == "1":
        for other in arrays:  # the slope of x s(x) is s (1 + x (1 - s))
            if other.value.shape == value.shape and other.value.dtype.kind == "f":
                new = parsed(f"(1 + {other.text} * ({own}))")
                yield e(1.5, "term", f"{text(new)} is due where {own} stands", new)


def _of_what_balances(node, target, arrays):
    """A sum of the other entries of its row for a number that is put into an array: d[rows, labels] = -d.sum(axis=1)."""
    whole = text(target.value) if isinstance(target, ast.Subscript) else ""
    for axis in next((range(a.value.ndim) for a in arrays if a.text == whole and a.value.ndim > 1), ()):
        for new in (parsed(f"-{whole}.sum(axis={axis})"), parsed(f"{whole}.sum(axis={axis})")):
            yield Edit(1.4, "reduction", f"{text(new)} is due where {text(node)} stands", node, new)


def _of_constant(node, parent, place, indexing, numbers, arrays):
    c, e = node.value, _maker(node)
    if isinstance(c, bool):
        yield e(1.1, "constant", f"{c} is the wrong choice", ast.Constant(not c))
    if isinstance(c, str) and "->" in c:
        yield from _of_einsum(node, c)
    if not _is_number(c):
        return
    axis = isinstance(parent, ast.keyword) and parent.arg == "axis"
    kind = "axis" if axis else "index" if indexing else "constant"
    pool = [0, 1, 2, -1, c + 1, c - 1, -c]
    if not (axis or indexing):
        pool += [0.5, 0.25, 3, 4, 2 * c, 3 * c, c / 2, 1 - c, *([1 / c] if c else [])]
    power = is_operation(parent, ast.Pow) and place == "right"
    # a size, and seldom wrong
    shape = isinstance(parent, ast.Call) and getattr(parent.func, "attr", "") == "reshape"
    for k in dict.fromkeys(map(float, pool) if isinstance(c, float) else pool):
        if k != c and not (power and k in (0, 1)):
            words = f"the {'axis' if axis else 'number'} is {c:g}, another one is due"
            # another sign, or no term at all, has a change of its own
            other = k == -c or not k and is_operation(parent, ast.Add | ast.Sub)
            cost = 1.0 + 0.3 * (power and k > 2) + 0.8 * shape + 0.15 * (other and not indexing)
            yield e(cost, kind, words, parsed(repr(k)))
    # what the statement names already is likelier
    beside = {text(n) for n in ast.walk(parent) if isinstance(n, ast.Name | ast.Attribute)}
    for other in numbers if not axis else ():
        words = f"{other.text} is due where {c:g} stands"
        yield e(1.2 if other.text in beside else 1.4, kind, words, other.node)
    if is_operation(parent, ast.Add | ast.Sub) and c:
        for other in numbers:
            if other.value not in (0, 1):
                words = f"a division by {other.text} is missing at {c:g}"
                yield e(1.3, "factor", words, binary(node, ast.Div(), other.node))
                words = f"the factor {other.text} is missing at {c:g}"
                yield e(1.4, "factor", words, binary(node, ast.Mult(), other.node))
    if not (axis or indexing or power):
        for other in arrays:
            yield e(1.6, "operand", f"{other.text} is due where {c:g} stands", other.node)
    branches = parent.args[1:] if isinstance(parent, ast.Call) and text(parent.func) == "np.where" else []
    through = next((b for b in branches if b is not node), None)
    if len(branches) == 2 and node in branches and not isinstance(through, ast.Constant):
        slopes = [a for a in arrays if a.value.dtype.kind == "f"]
        for other in [*slopes, *(n for n in numbers if n.value not in (0, 1))]:
            new = binary(through, ast.Mult(), other.node)
            yield e(1.4, "function", f"{text(new)} is due where {c:g} stands", new)


def _of_einsum(node, c):
    came, _, goes = c.partition("->")
    for one in {"".join(p) for p in itertools.permutations(goes)} if len(goes) <= 4 else ():
        if one != goes:
            words = f"the letters of the result, {goes}, are in another order"
            yield Edit(1.2, "order", words, node, ast.Constant(f"{came}->{one}"))
    parts = came.split(",")
    for i, part in enumerate(parts):
        if len(part) <= 4:
            for one in {"".join(p) for p in itertools.permutations(part)} - {part}:
                new = ",".join([*parts[:i], one, *parts[i + 1 :]]) + "->" + goes
                words = f"the letters {part} are in another order"
                yield Edit(1.3, "transpose", words, node, ast.Constant(new))


_symbols = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}
_other_operators = {  # which one may have been typed in the place of, beside those that have a sentence of their own
    ast.Add: (ast.Mult, ast.Div),
    ast.Sub: (ast.Mult, ast.Div),
    ast.Mult: (ast.Add, ast.Sub, ast.Pow),
    ast.Div: (ast.Add, ast.Sub),
    ast.Pow: (ast.Mult,),
}


def _of_operator(node):
    e = _maker(node)
    left, op, right = node.left, node.op, node.right
    a, b = text(left), text(right)
    regrouped = []
    for n in (left, right):  # (a - b) * c for a - b * c
        if isinstance(n, ast.BinOp) and type(n.op) is not type(op):
            if n is left:
                regrouped.append(binary(left.left, n.op, binary(left.right, op, right)))
            else:
                regrouped.append(binary(binary(left, op, right.left), n.op, right.right))
    for new in [*regrouped, *_regrouped(node)]:
        yield e(1.3, "operator", f"the parentheses in {text(node)} stand in another place", new)
    name = getattr(left.func, "attr", "") if isinstance(left, ast.Call) else ""
    if isinstance(op, ast.Pow) and name in ("sum", "mean"):  # p.sum(0) ** 2
        method = text(left.func.value) not in ("np", "numpy")
        inner = left.func.value if method else left.args[0]
        new = _reduced(left, method, binary(inner, op, right))
        yield e(1.2, "order", f"{a} is raised to a power where each of its terms must be", new)
    for other in _other_operators.get(type(op), ()):
        if other is ast.Pow and not isinstance(right, ast.Constant):
            continue
        said = f"{_symbols[type(op)]} stands between {a} and {b} where {_symbols[other]} is due"
        yield e(1.5, "operator", said, binary(left, other(), right))
    if isinstance(op, ast.Mult):
        cost = [0.95 if isinstance(n, ast.Constant) else 1.2 for n in (left, right)]
        yield e(cost[1], "factor", f"the factor {b} is not due", left)
        yield e(cost[0], "factor", f"the factor {a} is not due", right)
        yield e(1.2, "operator", f"{b} must divide, not multiply", binary(left, ast.Div(), right))
        said = f"* stands between {a} and {b} where @ is due"
        yield e(1.3, "operator", said, binary(left, ast.MatMult(), right))
        yield from _dropped_factors(node)
        if isinstance(left, ast.Constant) and left.value == 2:
            said = f"{b} + {text(turned(right))} is due where {text(node)} stands"
            yield e(1.3, "transpose", said, binary(right, ast.Add(), turned(right)))
    elif isinstance(op, ast.Div):
        cost = 0.95 if isinstance(right, ast.Constant) else 1.2
        yield e(cost, "factor", f"the division by {b} is not due", left)
        yield e(1.2, "operator", f"{b} must multiply, not divide", binary(left, ast.Mult(), right))
        yield e(1.3, "order", f"{a} / {b} is upside down", binary(right, op, left))
        yield e(1.5, "factor", f"{a} is not due", binary(ast.Constant(1), op, right))
        square = binary(right, ast.Pow(), ast.Constant(2))
        yield e(1.2, "factor", f"the division by {b} must be by its square", binary(left, op, square))
    elif isinstance(op, ast.Add | ast.Sub):
        yield from _of_sum(node)
        for call, other in ((left, right), (right, left)):  # f(a + b) for f(a) + b
            if (
                isinstance(call, ast.Call)
                and len(call.args) == 1
                and (call is left or isinstance(op, ast.Add))
            ):
                new = ast.Call(call.func, [binary(call.args[0], op, other)], call.keywords)
                yield e(1.35, "term", f"{text(other)} stands beside {text(call)}, and belongs inside it", new)
    elif isinstance(op, ast.Pow):
        yield e(1.1, "function", f"the power {b} is not due", left)
        if b == "2":
            said = f"the product of every entry of {a} with every other is due, here stands {text(node)}"
            yield e(1.4, "function", said, binary(left, ast.MatMult(), turned(left)))
    elif isinstance(op, ast.MatMult):
        for x, y in itertools.product((left, turned(left)), (right, turned(right))):
            changed = [t for t, now, old in ((a, x, left), (b, y, right)) if now is not old]
            if changed:
                said = f"{' and '.join(changed)} must be transposed"
                yield e(1.1 if len(changed) == 1 else 1.3, "transpose", said, binary(x, op, y))
            said = f"{a} and {b} stand in the wrong order"
            yield e(1.4 if changed else 1.2, "order", said, binary(y, op, x))
        said = f"@ stands between {a} and {b} where * is due"
        yield e(1.3, "operator", said, binary(left, ast.Mult(), right))
        yield e(1.5, "factor", f"the product with {b} is not due", left)
        yield e(1.5, "factor", f"the product with {a} is not due", right)


def _of_sum(node):
    """A term or a sign of a sum or a difference that is wrong."""
    e = _maker(node)
    left, op, right = node.left, node.op, node.right
    a, b = text(left), text(right)
    terms = signed_terms(node)
    for sign, term in terms if len(terms) > 2 else ():
        new = term if sign > 0 else ast.UnaryOp(ast.USub(), term)
        yield e(1.4, "term", f"of {text(node)} only {text(new)} is due", new)
    opposite = ast.UnaryOp(ast.USub(), left)
    yield e(1.5, "term", f"of {text(node)} only {text(opposite)} is due", opposite)
    if isinstance(op, ast.Add):
        yield from _moved_factors(node)
        yield e(1.2, "term", f"the term {b} is not due", left)
        yield e(1.2, "term", f"the term {a} is not due", right)
        yield e(1.0, "sign", f"the sign of {b} is wrong", binary(left, ast.Sub(), right))
        yield e(1.1, "sign", f"the sign of {a} is wrong", binary(right, ast.Sub(), left))
    else:
        if not is_share_of_gradient(right):
            yield e(1.2, "term", f"the term {b} is not due", left)
        yield e(1.3, "term", f"the term {a} is not due", ast.UnaryOp(ast.USub(), right))
        yield e(1.4, "term", f"{a} - is not due", right)
        yield e(1.0, "sign", f"the sign of {b} is wrong", binary(left, ast.Add(), right))
        yield e(1.0, "sign", f"the difference {text(node)} has the wrong sign", binary(right, op, left))


def signed_terms(node, sign=1):
    """[(sign, node)]: the terms of a sum."""
    if is_operation(node, ast.Add | ast.Sub):
        right = sign if isinstance(node.op, ast.Add) else -sign
        return signed_terms(node.left, sign) + signed_terms(node.right, right)
    return [(sign, node)]


def _factors(node):
    return _factors(node.left) + _factors(node.right) if is_operation(node, ast.Mult) else [node]


def _regrouped(node):
    """(a + d) * b * c and (a * b + d) * c for a * b * c + d, and the other way round, in products of at least three."""
    sums = ast.Add | ast.Sub
    if isinstance(node.op, sums):
        for i, side in enumerate((node.left, node.right)):
            chain = chain_of(side)
            for k in range(1, len(chain) if len(chain) > 2 else 0):
                part = product_of(chain[:k])
                both = (part, node.right) if i == 0 else (node.left, part)
                yield product_of([(None, binary(both[0], node.op, both[1])), *chain[k:]])
    chain = chain_of(node)
    if len(chain) > 2:
        first, (op, last) = chain[0][1], chain[-1]
        if is_operation(first, sums):
            yield binary(first.left, first.op, product_of([(None, first.right), *chain[1:]]))
        if is_operation(last, sums):
            yield binary(product_of([*chain[:-1], (op, last.left)]), last.op, last.right)


def chain_of(node):
    """[(operator before it, factor)] of a product with divisions; the first has none before it."""
    if is_operation(node, ast.Mult | ast.Div):
        return [*chain_of(node.left), (node.op, node.right)]
    return [(None, node)]


def product_of(chain):
    return functools.reduce(lambda a, b: binary(a, b[0], b[1]), chain[1:], chain[0][1])


def _times(factors):
    return functools.reduce(lambda a, b: binary(a, ast.Mult(), b), factors)


def _moved_factors(node):
    """A factor of one term of a sum that belongs to the other: k * a + b for a + k * b."""
    for here, there, first in ((node.left, node.right, True), (node.right, node.left, False)):
        factors = _factors(here)
        for i, moved in enumerate(factors if len(factors) > 1 else ()):
            less = _times(f for j, f in enumerate(factors) if j != i)
            more = binary(there, ast.Mult(), moved)
            words = f"the factor {text(moved)} belongs to {text(there)} and not to {text(here)}"
            new = binary(less, ast.Add(), more) if first else binary(more, ast.Add(), less)
            yield Edit(1.4, "factor", words, node, new)


def _dropped_factors(node):
    """Without one or two factors of a longer product: a * b * c without a, or without b."""
    factors = _factors(node)
    for cost, what, n in ((1.2, "factor", 1), (1.4, "factors", 2)) if len(factors) > 2 else ():
        for gone in itertools.combinations(range(len(factors)), n):
            new = _times(f for k, f in enumerate(factors) if k not in gone)
            names = " and ".join(text(factors[k]) for k in gone)
            yield Edit(cost, "factor", f"the {what} {names} {'is' if n == 1 else 'are'} not due", node, new)


def _of_call(node, values):
    e = _maker(node)
    libraries = ("np", "numpy", "np.linalg", "np.random")
    method = isinstance(node.func, ast.Attribute) and text(node.func.value) not in libraries
    name = node.func.attr if isinstance(node.func, ast.Attribute) else text(node.func)
    inner = node.func.value if method else node.args[0] if node.args else None
    if inner is None:
        return
    if is_operation(inner, ast.Add | ast.Sub):  # f(a) + b for f(a + b)
        one, op, other = inner.left, inner.op, inner.right
        for part, rest in ((one, other), (other, one)) if isinstance(op, ast.Add) else ((one, other),):
            call = _reduced(node, method, part)
            words = f"{text(rest)} stands inside {text(node)}, and belongs beside {text(call)}"
            yield e(1.35, "term", words, binary(call, op, rest))
    if name in ("sum", "mean", "max", "min", "prod"):
        yield from _of_reduction(node, name, method, inner, values.get(id(inner)))
        return
    if name in ("maximum", "minimum") and len(node.args) == 2:
        op = ast.Gt() if name == "maximum" else ast.Lt()
        for of, bound in itertools.permutations(node.args):
            if not isinstance(of, ast.Constant):
                words = f"{text(node)} stands where its derivative is due"
                yield e(1.1, "function", words, ast.Compare(of, [op], [bound]))
    named = isinstance(inner, ast.Name | ast.Attribute | ast.Subscript)
    if name in ("exp", "tanh", "log", "sqrt") and named:
        for slope in ("(1 + {v})", "{v} * (1 - {v})", "(1 - {v} ** 2)", "(1 / {v})"):
            new = parsed(slope.format(v=text(inner)))
            yield e(1.35, "function", f"{bare(text(new))} is due where {text(node)} stands", new)
    if name in _DERIVATIVES and not method:
        of = next((a for a in node.args if not isinstance(a, ast.Constant)), inner)
        if name == "log" and called_name(of) in ("abs", "absolute") and of.args:
            of = of.args[0]
        new = parsed(_DERIVATIVES[name].format(v=text(of)))
        yield e(1.1, "function", f"{text(node)} stands where its derivative is due", new)
    yield e(1.3, "function", f"{name} is not due", inner)
    for argument in node.args[1:]:
        yield e(1.6, "function", f"{name} is not due", argument)
    if name in ("tile", "repeat") and not method:
        yield from _of_copies(node, values.get(id(inner)))
    listed = bool(node.args) and isinstance(node.args[0], ast.Tuple)
    if name == "transpose" and (listed or len(node.args) >= 2):
        order = node.args[0].elts if listed else node.args
        if all(isinstance(a, ast.Constant) for a in order) and len(order) <= 7:
            for p in itertools.permutations(range(len(order))):
                moved = sum(a.value != i for a, i in zip(order, p, strict=True))
                if moved > 3 and len(order) > 5:
                    continue  # too many to try
                arguments = [ast.Constant(i) for i in p]
                given = [ast.Tuple(arguments, ast.Load())] if listed else arguments
                new = ast.Call(node.func, given, node.keywords)
                yield e(1.05 if moved == 2 else 1.3, "transpose", "the axes are in another order", new)
        return
    if name == "reshape" and method:
        yield from _of_reshape(node, inner)
    for one, other, arguments in _exchanges(node.args[:4]):
        new = ast.Call(node.func, [*arguments, *node.args[4:]], node.keywords)
        yield e(1.3, "order", f"{text(one)} and {text(other)} are exchanged", new)
    if name in ("dot", "matmul"):
        both = [inner, *node.args[:1]] if method else node.args[:2]
        for new in _products(*both) if len(both) == 2 else ():
            yield e(1.2, "transpose", f"the product {text(node)} is of the wrong matrices", new)
    if name == "where" and len(node.args) == 3:
        new = ast.Call(node.func, [node.args[0], node.args[2], node.args[1]], node.keywords)
        yield e(1.1, "operator", "the two branches of where are exchanged", new)


def _of_copies(node, value):
    """np.repeat for np.tile: each entry several times after another, or the whole array; and the other way round."""
    if not isinstance(value, np.ndarray) or len(node.args) < 2:
        return
    words = f"{text(node)} puts the copies in another order"
    axes = [k.value for k in node.keywords if k.arg == "axis"] + node.args[2:]
    times = node.args[1]
    if (
        called_name(node) == "repeat"
        and len(axes) == 1
        and getattr(axes[0], "value", None) in range(value.ndim)
    ):
        each = ["1"] * value.ndim
        each[axes[0].value] = text(times)
        yield Edit(
            1.1, "function", words, node, parsed(f"np.tile({text(node.args[0])}, ({', '.join(each)},))")
        )
    for axis, one in enumerate(getattr(times, "elts", [times] if value.ndim == 1 else [])):
        if called_name(node) == "tile" and getattr(one, "value", 0) != 1:
            new = f"np.repeat({text(node.args[0])}, {text(one)}, axis={axis})"
            yield Edit(1.1, "function", words, node, parsed(new))


def _of_reduction(node, name, method, inner, value):
    """A sum, mean or maximum over other axes, another one of the three, or none."""
    e = _maker(node)
    ndim = value.ndim if isinstance(value, np.ndarray) else 2
    now = {k.arg: text(k.value) for k in node.keywords}
    given = node.args if method else node.args[1:]
    if given:
        now["axis"] = text(given[0])
    several = [c for n in (2, 3) if n < ndim for c in itertools.combinations(range(ndim), n)]
    ways = itertools.product(("sum", "mean", "max"), (None, *range(ndim), *several), (False, True))
    for other, axes, keep in ways:
        words = ({} if axes is None else {"axis": axes}) | ({"keepdims": True} if keep else {})
        same = {str(axes), str(axes - ndim)} if isinstance(axes, int) else {str(axes)}
        same_axis = now.get("axis", "None") in same
        kept = now.get("keepdims") == "True"
        changes = (other != name) + (not same_axis) + (kept != keep)
        if not changes:
            continue
        kind = "reduction" if other != name else "axis" if not same_axis else "broadcast"
        over = "all entries" if axes is None else f"axis {axes}"
        said = f"a {other} over {over} is due, here stands {text(node)}"
        if kind == "broadcast":
            said = f"keepdims is {'missing' if keep else 'not due'} in {text(node)}"
        cost = 0.95 if same_axis and kept == keep else 0.9 + 0.2 * changes
        yield e(cost + (0.3 if other == "max" else 0), kind, said, called(inner, other, **words))
    yield e(1.3, "reduction", f"the {name} in {text(node)} is not due", inner)
    if is_operation(inner, ast.Pow):  # (p ** 2).sum(0)
        new = binary(_reduced(node, method, inner.left), ast.Pow(), inner.right)
        yield e(1.2, "order", f"{text(inner)} is added up where the sum itself is raised to a power", new)


_DERIVATIVES = {
    "tanh": "(1 - np.tanh({v}) ** 2)", "log": "(1 / ({v}))", "sqrt": "(0.5 / np.sqrt({v}))",
    "sin": "np.cos({v})", "cos": "(-np.sin({v}))", "abs": "np.sign({v})", "square": "(2 * ({v}))",
}  # fmt: skip


def _reduced(call, method, inner):
    """The same sum or mean of something else."""
    if method:
        function = ast.Attribute(inner, call.func.attr, ast.Load())
        return ast.Call(function, call.args, call.keywords)
    return ast.Call(call.func, [inner, *call.args[1:]], call.keywords)


def _of_reshape(node, inner):
    """The sizes in another order, and the axes turned back afterwards: channels last, read as channels first."""
    sizes = node.args[0].elts if len(node.args) == 1 and isinstance(node.args[0], ast.Tuple) else node.args
    if not 3 <= len(sizes) <= 4 or any(isinstance(s, ast.Starred) for s in sizes):
        return
    for order in itertools.permutations(range(len(sizes))):
        if list(order) != sorted(order):
            came = ast.Call(ast.Attribute(inner, "reshape", ast.Load()), [sizes[i] for i in order], [])
            back = [ast.Constant(order.index(i)) for i in range(len(sizes))]
            new = ast.Call(ast.Attribute(came, "transpose", ast.Load()), back, [])
            words = f"the axes of {text(inner)} are in another order than {text(node)} takes them"
            yield Edit(1.5, "order", words, node, new)


def _products(a, b):
    for x, y in itertools.product((a, turned(a)), (b, turned(b))):
        for left, right in ((x, y), (y, x)):
            if (left, right) != (a, b):
                yield binary(left, ast.MatMult(), right)


def _of_function(node, functions):
    """Another function of the same group."""
    e = _maker(node)
    groups = (
        ("exp", "log", "tanh", "sqrt", "sign", "abs", "square", "cos", "sin", "log1p", "expm1"),
        ("maximum", "minimum"), ("ones_like", "zeros_like"), ("add", "subtract"),
        ("outer", "dot", "matmul", "multiply"),
        ("argmax", "argmin"), ("cumsum", "sum", "trace"),
    )  # fmt: skip
    if isinstance(node.func, ast.Attribute):
        own = node.func.attr
        axes = [k.value.value for k in node.keywords if k.arg == "axis" and isinstance(k.value, ast.Constant)]
        if own in ("cumsum", "cumprod") and len(node.args) == 1 and len(axes) == len(node.keywords):
            axis = axes[0] if axes else 0
            turn = "[" + (f"{':, ' * axis}::-1]" if axis >= 0 else f"..., ::-1{', :' * (-1 - axis)}]")
            words = "".join(f", axis={a}" for a in axes)
            back = parsed(f"{text(node.func)}({text(node.args[0])}{turn}{words}){turn}")
            yield e(1.2, "order", f"{text(node)} must add up from the end", back)
        for other in (other for group in groups if own in group for other in group if other != own):
            new = ast.Call(ast.Attribute(node.func.value, other, ast.Load()), node.args, node.keywords)
            yield e(1.3, "function", f"{other} is due where {own} stands", new)
    elif isinstance(node.func, ast.Name):
        # of two that one function has made, one is easily taken for the other
        own = node.func.id
        for other, code in functions.items():
            if other != own and code.co_argcount == len(node.args):
                new = ast.Call(ast.Name(other, ast.Load()), node.args, node.keywords)
                cost = 1.1 if code is functions.get(own) else 1.4
                yield e(cost, "function", f"{other} is due where {own} stands", new)


def _of_picked(node, values):
    """x[:, ::k] picks one of k entries, where all of them were copies of one: their sum."""
    value, own = values.get(id(node.value)), text(node.value)
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    whole = all(isinstance(p, ast.Slice) and p.lower is None and p.upper is None for p in parts)
    if not whole or not isinstance(value, np.ndarray) or all(p.step is None for p in parts):
        return
    sizes, axes = [], []
    for axis in range(value.ndim):
        step = parts[axis].step if axis < len(parts) else None
        if step is None:
            sizes.append(f"{own}.shape[{axis}]")
        else:
            sizes += [f"{own}.shape[{axis}] // {text(step)}", text(step)]
            axes.append(len(sizes) - 1)
    summed = f"{own}.reshape({', '.join(sizes)}).sum(axis={tuple(axes)})"
    words = f"{text(node)} picks one of the entries that are due together: their sum"
    yield Edit(1.4, "reduction", words, node, parsed(summed))


def _of_slice(node, numbers, arrays):
    e = _maker(node)
    whole_numbers = [n.node for n in numbers if isinstance(n.value, int)]
    for other in arrays if node.step is None and node.lower is None and node.upper is not None else ():
        if other.value.ndim == 1 and other.value.dtype.kind in "iu":  # as many as it names, and not those
            words = f"the first {text(node.upper)} stand where those of {other.text} are due"
            yield e(1.2, "index", words, other.node)
    for part in ("lower", "upper"):
        bound = getattr(node, part)
        if bound is None:
            choices = [*whole_numbers, parsed("1"), parsed("-1")]
        else:
            near = [binary(bound, op, ast.Constant(1)) for op in (ast.Add(), ast.Sub())]
            choices = [*near, None, *whole_numbers]
        for new in choices:
            changed = ast.Slice(node.lower, node.upper, node.step)
            setattr(changed, part, new)
            said = f"the slice {text(node)} takes other entries than are due"
            yield e(1.6 if bound is None else 1.3, "index", said, changed)
    if (node.lower is None) != (node.upper is None) and node.step is None:  # the first rows for the last
        own = node.lower or node.upper
        for bound in (own, ast.UnaryOp(ast.USub(), own), *whole_numbers):
            lower, upper = (None, bound) if node.upper is None else (bound, None)
            words = f"the slice {text(node)} takes entries from the other end than are due"
            yield e(1.4, "index", words, ast.Slice(lower, upper, None))
    if node.lower is None and node.upper is None and node.step is None:
        yield e(1.5, "index", "the order of the entries is reversed", ast.Slice(None, None, parsed("-1")))
    yield from _stepped(node, node, numbers)
    if node.step is not None:
        new = ast.Slice(node.lower, node.upper, None)
        yield e(1.3, "index", "the step of the slice is not due", new)


def _cost_of_exchange(one, other):
    """The cost of exchanging two indices: [j, i] is more often a slip than [i, j]."""
    counters = isinstance(one, ast.Name) and isinstance(other, ast.Name)
    return 1.05 if counters and len(one.id) == len(other.id) == 1 and one.id > other.id else 1.3


def _exchanged(node):
    """Two indices of a tuple are exchanged."""
    for i, j in itertools.combinations(range(len(node.elts)), 2):
        elements = [*node.elts]
        elements[i], elements[j] = node.elts[j], node.elts[i]
        cost = _cost_of_exchange(node.elts[i], node.elts[j])
        yield Edit(cost, "index", "two indices are exchanged", node, ast.Tuple(elements, node.ctx))


def _of_index_tuple(node, numbers):
    def e(cost, words, by):
        elements = [by.get(i, n) for i, n in enumerate(node.elts)]
        return Edit(cost, "index", words, node, ast.Tuple(elements, node.ctx))

    yield from _exchanged(node)
    computed = [(i, n) for i, n in enumerate(node.elts) if isinstance(n, ast.BinOp)]
    names = [sorted((x for x in ast.walk(n) if isinstance(x, ast.Name)), key=_where) for _, n in computed]
    if computed and all(names):  # every computed index, kh - 1 - i, for the name at its end
        by = {i: found[-1] for (i, _), found in zip(computed, names, strict=True)}
        yield e(1.3, f"{text(node)} counts from the wrong end", by)
    for i, j in itertools.permutations(range(len(node.elts)), 2):
        one, other = node.elts[i], node.elts[j]
        whole = isinstance(one, ast.Slice) and one.lower is one.upper is one.step is None
        if whole and isinstance(other, ast.Name | ast.Attribute):
            words = f"all entries are taken where one for each of {text(other)} is due"
            yield e(1.3, words, {i: parsed(f"np.arange(len({text(other)}))")})
    turned = {i: n for i, n in enumerate(node.elts) if isinstance(n, ast.Slice) and _is_reversed(n)}
    if len(turned) > 1:  # a kernel that is turned, and must not be
        by = {i: ast.Slice(n.lower, n.upper, None) for i, n in turned.items()}
        yield e(1.3, f"the order of {text(node)} is reversed, and must not be", by)
    whole = {n.text: n for n in numbers if isinstance(n.value, int)}
    slices = {i: n for i, n in enumerate(node.elts) if isinstance(n, ast.Slice)}
    counters = {i: n for i, n in slices.items() if name_of(n.lower) in COUNTERS & whole.keys()}
    for other in whole.values() if len(counters) > 1 else ():
        if other.value > 1:  # windows that stand so far from each other
            by = {}
            for i, n in counters.items():
                own = [m for m in ast.walk(n) if isinstance(m, ast.Name) and m.id == n.lower.id]
                by[i] = replaced(n, {id(m): ast.BinOp(m, ast.Mult(), other.node) for m in own})
            names = " and ".join(n.lower.id for n in counters.values())
            yield e(1.3, f"the factor {other.text} is missing at each {names}", by)
    ranges = {i: n for i, n in enumerate(node.elts) if isinstance(n, ast.Slice) and n.upper is not None}
    for other in numbers if ranges else ():
        if isinstance(other.value, int) and other.value:
            by = {}
            for i, n in ranges.items():
                from_0 = n.lower is None or text(n.lower) == "0"
                lower = other.node if from_0 else binary(n.lower, ast.Add(), other.node)
                by[i] = ast.Slice(lower, binary(n.upper, ast.Add(), other.node), n.step)
            yield e(1.4, f"the slices must begin {other.text} further on", by)


def _is_reversed(node):
    """Whether a slice is ::-1."""
    return isinstance(node.step, ast.UnaryOp) and text(node.step) == "-1"


def _where(node):
    return node.lineno, node.col_offset


def _insertions(node, parent, place, value, own, arrays, numbers, to, around):
    """A factor, a division, a term or a sum that is missing at this array."""
    e = _maker(node)

    def factor(cost, by):
        words = f"the factor {bare(by)} is missing at {own}"
        return e(cost, "factor", words, binary(node, ast.Mult(), parsed(by)))

    inside_product = is_operation(parent, ast.Mult | ast.Div)
    if isinstance(parent, ast.Attribute) and parent.attr == "T":
        for other in arrays if isinstance(node, ast.Name | ast.Attribute | ast.Subscript) else ():
            if other.value.shape == value.shape and other.text != own:
                for by, extra in ((other.text, 0.0), (f"(1 - {other.text})", 0.1)):
                    said = f"the factor {by} is missing at {own}"
                    yield e(1.3 + extra, "factor", said, binary(node, ast.Mult(), parsed(by)))
        return
    of_parent = parent.op if isinstance(parent, ast.BinOp) else ast.Add()
    more = 0.0 if isinstance(of_parent, ast.MatMult | ast.Add | ast.Sub) else 0.2
    for other in arrays if to >= 1.3 + more and not is_blank(node) else ():
        if other.text != own and (broadcasts(value.shape, other.value.shape) or around == other.value.shape):
            term, extra = other, 0.1 * (other.value.shape != value.shape)
        elif value.ndim == 2 and other.value.shape == value.shape[::-1]:
            term, extra = Atom(f"{other.text}.T", other.value.T), 0.1
        else:
            continue
        said = f"the term {term.text} is missing beside {own}"
        yield e(1.3 + more + extra, "missing path", said, binary(node, ast.Add(), term.node))
        said = f"the term -{term.text} is missing beside {own}"
        yield e(1.4 + more + extra, "missing path", said, binary(node, ast.Sub(), term.node))
    if value.ndim == 2 and value.shape == value.T.shape and len(value) > 1:  # on both sides of a product
        said = f"the term {own}.T is missing beside {own}"
        yield e(1.3 + more, "missing path", said, binary(node, ast.Add(), turned(node)))
    for k, op in ((1, ast.Add()), (-1, ast.Sub())):
        said = f"the term {k} is missing beside {own}"
        yield e(1.35 + more, "term", said, binary(node, op, ast.Constant(1)))
    if inside_product and not (place == "left" or isinstance(parent.op, ast.Div)):
        return  # a factor is tried at the left one of two
    if not inside_product:
        yield from _outside_products(node, parent, value, own, more)
    for k in (2, 0.5, 4, 0.25):
        said = f"a factor {k:g} is missing at {own}"
        cost = (1.1 if k in (2, 0.5) else 1.25) + more
        yield e(cost, "factor", said, binary(node, ast.Mult(), ast.Constant(k)))
    yield from _by_numbers(node, own, numbers, more, inside_product)
    for other in arrays:  # one number for each channel: gamma[:, None, None]
        for axis in range(value.ndim - 1) if other.value.ndim == 1 else ():
            if value.shape[axis] == other.value.size > 1:
                yield factor(1.3 + more, f"{other.text}[:{', None' * (value.ndim - 1 - axis)}]")
        left = value.ndim - other.value.ndim  # for each example and channel: gamma[:, :, None]
        if left > 0 and other.value.ndim > 1 and value.shape[:-left] == other.value.shape:
            yield factor(1.3 + more, f"{other.text}[{':, ' * other.value.ndim}{', '.join(['None'] * left)}]")
    if not any(other.text == own for other in arrays):  # acts[-k], which is no name of its own
        yield e(1.2 + more, "factor", f"{own} must be squared", binary(node, ast.Pow(), ast.Constant(2)))
    for other in arrays:
        wider = broadcasts(around, other.value.shape) and broadcasts(around, value.shape)
        if not wider and not broadcasts(value.shape, other.value.shape):
            continue
        for number in numbers if to >= 1.6 + more else ():  # the derivative of a leaky relu
            if isinstance(number.value, float) and 0 < abs(number.value) < 1:
                yield factor(1.6 + more, f"np.where({other.text} > 0, 1, {number.text})")
                if _is_mask(other.value):  # dropout
                    yield factor(1.6 + more, f"{other.text} / {number.text}")
        for template, extra in SIMPLE_FUNCTIONS:
            if ".T" in template or 1.2 + extra + more > to:
                continue
            edit = factor(1.2 + extra + more, template.format(v=other.text))
            if template.format(v=other.text) == own:
                edit.words = f"{own} must be squared"
            yield edit
        for by, cost in ((other.text, 1.3), (f"{other.text} ** 2", 1.5)):
            said = f"the division by {by} is missing at {own}"
            yield e(cost + more, "factor", said, binary(node, ast.Div(), parsed(by)))


def _outside_products(node, parent, value, own, more):
    """A sign, a sum, a mean or a copy that is missing at an array which is no factor."""
    e = _maker(node)
    whole = 0.05 * is_operation(node, ast.Add | ast.Sub)
    yield e(1.05 + more + whole, "sign", f"the sign of {own} is wrong", ast.UnaryOp(ast.USub(), node))
    for axis, words in itertools.product(range(value.ndim), ({}, {"keepdims": True})):
        said = f"a sum of {own} over axis {axis} is missing"
        yield e(1.3 + more, "reduction", said, called(node, "sum", axis=axis, **words))
    for axis in range(value.ndim) if isinstance(parent, ast.Assign) else ():
        over = called(node, "sum", axis=axis, keepdims=True)
        said = f"{own} must be divided by its sum over axis {axis}"
        yield e(1.3, "factor", said, binary(node, ast.Div(), over))
    is_whole = isinstance(parent, ast.Assign | ast.Return | ast.AugAssign)
    for axis in _axes_of_means(value) if is_whole else ():
        over = called(node, "mean", axis=axis, keepdims=True)
        said = f"the mean of {own} over axis {axis} must be subtracted"
        yield e(1.35, "missing path", said, binary(node, ast.Sub(), over))
    yield e(1.5 + more, "reduction", f"the sum of {own} is missing", called(node, "sum"))
    alias = isinstance(parent, ast.Assign) and isinstance(node, ast.Name | ast.Attribute)
    said = f"{own} is shared where a copy is due"
    yield e(1.1 if alias else 1.7 + more, "in-place", said, called(node, "copy"))


def _by_numbers(node, own, numbers, more, inside_product):
    """A factor or a division by a number that is missing, by its root or its square."""
    e = _maker(node)
    for other in numbers:
        ways = []  # (cost, words, operator, by what)
        if other.value not in (0, 1):
            # twice by what divides already is likelier than a bare 0.5: x / (s * s)
            twice = re.search(rf"/ {re.escape(other.text)}$", own) is not None
            ways.append((1.08 if twice else 1.2, f"a division by {other.text}", ast.Div(), other.node))
            ways.append((1.2, f"the factor {other.text}", ast.Mult(), other.node))
        if type(other.value) is int and other.value > 1 and not inside_product:  # the scale of an attention
            root = parsed(f"np.sqrt({other.text})")
            ways.append((1.35, f"a division by the root of {other.text}", ast.Div(), root))
        if isinstance(other.value, float) and other.value not in (0, 1):  # a width, whose slope is 1 / s ** 2
            square = binary(other.node, ast.Pow(), ast.Constant(2))
            ways.append((1.31, f"a division by {other.text} ** 2", ast.Div(), square))
        if _is_share(other):  # of dropout, what is kept
            rest = parsed(f"(1 - {other.text})")
            ways.append((1.3, f"a division by 1 - {other.text}", ast.Div(), rest))
        for cost, what, op, by in ways:
            yield e(cost + more, "factor", f"{what} is missing at {own}", binary(node, op, by))


def is_blank(node):
    """Whether an expression makes zeros, to which later lines add."""
    return isinstance(node, ast.Call) and getattr(node.func, "attr", "").startswith(("zeros", "empty"))


def _axes_of_means(value):
    """The axes over which a norm takes the mean: the examples, the features, or an image with them."""
    if value.ndim < 2:
        return ()
    return (0, value.ndim - 1) if value.ndim < 4 else ((0, 2, 3), (2, 3), (0, 1, 2), (1, 2), (1, 2, 3))


def bare(expression):
    return expression[1:-1] if expression.startswith("(") and expression.endswith(")") else expression


def broadcasts(shape, other):
    try:
        return np.broadcast_shapes(shape, other) == shape
    except ValueError:
        return False


def statement_edits(body, index, statement):
    """Changes of a whole statement: += and =, dropped, exchanged with a neighbour, written not in place."""

    def e(cost, kind, words, new, gone=1):
        last = body[index + 1] if gone == 2 else None
        at = dict(body=body, index=index, gone=gone, statements=new, last=last)
        return Edit(cost, kind, words, statement, **at)

    after = body[index + 1] if index + 1 < len(body) else None
    not_due = e(1.5, "term", f"the line is not due: {text(statement)}", [ast.Pass()])
    yield from _unread_of_a_comprehension(e, statement)
    if isinstance(statement, ast.AugAssign):
        target = text(statement.target)
        assigned = ast.Assign([statement.target], statement.value)
        yield e(1.1, "accumulate", f"{target} is added to where it must be set", [assigned])
        for op in (ast.Add, ast.Sub, ast.Mult, ast.Div):
            if isinstance(statement.op, op):
                continue
            new = [ast.AugAssign(statement.target, op(), statement.value)]
            if op in (ast.Add, ast.Sub):
                yield e(1.1, "sign", f"the sign of what goes into {target} is wrong", new)
            else:
                yield e(1.4, "operator", f"the operator is wrong in {text(statement)}", new)
        fresh = binary(parsed(target), statement.op, statement.value)
        if isinstance(after, SIMPLE):
            names = (n for n in ast.walk(after) if isinstance(n, ast.Name | ast.Attribute))
            places = {id(n): fresh for n in names if isinstance(n.ctx, ast.Load) and text(n) == target}
            words = f"{target} is changed here, and later lines need what it was"
            yield e(1.4, "in-place", words, [replaced(after, places)], gone=2)
        words = f"{target} is changed in place, and others still need what it was"
        yield e(1.2, "in-place", words, [ast.Assign([statement.target], fresh)])
        yield not_due
    elif isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        yield from _of_target(e, statement)
        if len(body) > 1:
            yield not_due
        target = statement.targets[0]
        if isinstance(target, ast.Tuple) and len(target.elts) <= 6:
            for one, other, names in _exchanges(target.elts):
                new = ast.Assign([ast.Tuple(names, ast.Store())], statement.value)
                yield e(1.3, "swap", f"{text(one)} and {text(other)} are exchanged", [new])
    elif isinstance(statement, ast.Expr):
        call = statement.value
        if getattr(getattr(call, "func", None), "attr", "") == "append" and len(call.args) == 1:
            insert = ast.Attribute(call.func.value, "insert", ast.Load())
            words = f"what is appended to {text(call.func.value)} belongs in front"
            yield e(1.3, "order", words, [ast.Expr(ast.Call(insert, [ast.Constant(0), *call.args], []))])
        for name in _assigned_before(body, index) if isinstance(call, ast.Call) else ():
            words = f"what {text(call)} gives is not used: it flows into {name}"
            new = ast.Assign([ast.Name(name, ast.Store())], binary(parsed(name), ast.Add(), call))
            yield e(1.3, "missing path", words, [new])
            words = f"what {text(call)} gives is not used: it is {name}"
            yield e(1.4, "missing path", words, [ast.Assign([ast.Name(name, ast.Store())], call)])
        if len(body) > 1:
            yield not_due
    yield from _unbuffered(e, statement)
    yield from _exchanged_targets(e, statement, after)
    if after is not None and not any(isinstance(s, ast.Return) for s in (statement, after)):
        yield e(1.4, "order", "two lines stand in the wrong order", [after, statement], gone=2)


def moves(tree, body, index, statement):
    """A line that belongs at the end of the loop before it, or behind the loop at whose end it stands."""
    if not isinstance(statement, ast.Assign | ast.AugAssign) or statement.lineno != statement.end_lineno:
        return
    target = text(getattr(statement, "target", None) or statement.targets[0])

    def to(words, block, at, shift):
        place = dict(body=body, index=index, statements=[statement], to=(block, at, shift))
        return Edit(1.35, "order", f"{target} is made {words}", statement, **place)

    before = body[index - 1] if index else None
    while isinstance(before, ast.For | ast.While):
        inside = before.body
        words = f"behind the loop of line {before.lineno}, and must be made in it"
        yield to(words, inside, len(inside), inside[0].col_offset - statement.col_offset)
        before = inside[-1]
    if len(body) < 2 or index < len(body) - 1:
        return
    for around in (getattr(n, part, None) for n in ast.walk(tree) for part in ("body", "orelse")):
        for at, loop in enumerate(around if isinstance(around, list) else ()):
            if isinstance(loop, ast.For | ast.While) and loop.body is body:
                words = f"in the loop of line {loop.lineno}, and must be made behind it"
                yield to(words, around, at + 1, loop.col_offset - statement.col_offset)


def _of_target(e, statement):
    """What is set must be added, subtracted or multiplied."""
    target, value = statement.targets[0], statement.value
    if isinstance(target, ast.Name | ast.Subscript | ast.Attribute):
        words = f"{text(target)} is set where it must be added to"
        yield e(1.2, "accumulate", words, [ast.AugAssign(target, ast.Add(), value)])
        words = f"{text(target)} is set where it must be subtracted from"
        yield e(1.4, "accumulate", words, [ast.AugAssign(target, ast.Sub(), value)])
    if isinstance(target, ast.Subscript):
        if not isinstance(target.slice, ast.Constant):
            words = f"{text(target)} is set where it must be multiplied"
            yield e(1.25, "accumulate", words, [ast.AugAssign(target, ast.Mult(), value)])
        get = ast.Attribute(parsed(text(target.value)), "get", ast.Load())
        kept = ast.Call(get, [target.slice, ast.Constant(0)], [])
        words = f"{text(target)} is set where it must be added to"
        yield e(1.4, "accumulate", words, [ast.Assign([target], binary(kept, ast.Add(), value))])


def _assigned_before(body, index):
    """The names that the statements before one assign, the last two of them."""
    before = (n.targets[0] for n in reversed(body[:index]) if isinstance(n, ast.Assign))
    return [*dict.fromkeys(t.id for t in before if isinstance(t, ast.Name))][:2]


def _unbuffered(e, statement):
    """W[i] += g adds once for each row that i names, however often; np.add.at(W, i, g) adds as often as i says."""
    target = getattr(statement, "targets", [getattr(statement, "target", None)])[0]
    if not isinstance(target, ast.Subscript):
        return
    picked = target.slice
    indices = getattr(picked, "elts", [picked])
    op = getattr(statement, "op", ast.Add())
    named = any(isinstance(n, ast.Name | ast.Attribute | ast.Subscript) for n in indices)
    if not named or not isinstance(op, ast.Add | ast.Sub):
        return
    at = parsed("np.subtract.at" if isinstance(op, ast.Sub) else "np.add.at")
    if any(isinstance(n, ast.Slice) for n in indices):
        picked = parsed(f"np.s_[{bare(text(picked))}]")
    several = f"an index that stands several times in {text(picked)}"
    words = f"{several} counts once here, and every time in {text(at)}"
    new = ast.Call(at, [parsed(text(target.value)), picked, statement.value], [])
    yield e(1.25, "accumulate", words, [ast.Expr(new)])


def of_a_part(body, index, statement, function):
    """W += c * V where only W[:, 1:] += c * V[:, 1:] is due, with a slice that stands elsewhere in the function."""
    if not isinstance(statement, ast.AugAssign) or not isinstance(statement.target, ast.Name | ast.Attribute):
        return
    load = [n for n in ast.walk(function) if isinstance(n, ast.Subscript) and isinstance(n.value, ast.Name)]
    taken = {n for n in ast.walk(statement.value) if isinstance(n, ast.Name)}
    for name, part in {(n.value.id, text(n.slice)): n.slice for n in load}.items():
        nodes = [n for n in taken if n.id == name[0]]
        if not nodes or not any(isinstance(n, ast.Slice) for n in ast.walk(part)):
            continue
        value = replaced(statement.value, {id(n): ast.Subscript(n, part, ast.Load()) for n in nodes})
        target = ast.Subscript(parsed(text(statement.target)), part, ast.Store())
        words = f"{text(statement)} takes all entries where [{bare(name[1])}] is due"
        new = [ast.AugAssign(target, statement.op, value)]
        yield Edit(1.25, "index", words, statement, body=body, index=index, statements=new)


def _unread_of_a_comprehension(e, statement):
    """[a + b for a, b in zip(...)] where one of the two is not read: the sums that are to be continued."""
    for node in ast.walk(statement):
        if not isinstance(node, ast.ListComp) or len(node.generators) != 1:
            continue
        bound = [n.id for n in ast.walk(node.generators[0].target) if isinstance(n, ast.Name)]
        read = {n.id for n in ast.walk(node.elt) if isinstance(n, ast.Name)}
        for name in (n for n in bound if n not in read and n != "_"):
            new = ast.ListComp(binary(parsed(name), ast.Add(), node.elt), node.generators)
            words = f"{name} is not read: the term {name} is missing"
            yield e(1.0, "term", words, [replaced(statement, {id(node): new})])


def _exchanged_targets(e, statement, after):
    """Two lines, one after the other, each of which stores under the other's name: self.dW = ...; self.db = ..."""
    if not all(isinstance(s, ast.Assign) and len(s.targets) == 1 for s in (statement, after)):
        return
    one, other = statement.targets[0], after.targets[0]
    if all(isinstance(t, ast.Name | ast.Attribute | ast.Subscript) for t in (one, other)):
        words = f"{text(one)} and {text(other)} have each other's value"
        new = [ast.Assign([other], statement.value), ast.Assign([one], after.value)]
        yield e(1.31, "swap", words, new, gone=2)


def applied(edit, function):
    """Put an edit into the tree of `function`; returns a function that takes it out again."""
    if edit.to is not None:
        return _moved(edit)
    if edit.body is not None:
        old = edit.body[edit.index : edit.index + edit.gone]
        new = [placed(copy.copy(s), edit.node) for s in edit.statements]
        edit.body[edit.index : edit.index + edit.gone] = new

        def undo():
            edit.body[edit.index : edit.index + len(new)] = old

        return undo
    for parent in ast.walk(function.tree):
        for name, value in ast.iter_fields(parent):
            if value is edit.node:
                setattr(parent, name, edit.new)
                return lambda: setattr(parent, name, edit.node)
            if isinstance(value, list):
                for i, child in enumerate(value):
                    if child is edit.node:
                        value[i] = edit.new
                        return lambda: value.__setitem__(i, edit.node)
    raise ValueError("the changed expression is no longer there")


def _moved(edit):
    """Put a line where it belongs; returns a function that puts it back."""
    body, at, _ = edit.to
    body.insert(at, edit.body.pop(edit.index))

    def undo():
        edit.body.insert(edit.index, body.pop(at))

    return undo


def placed(statement, like):
    for node in ast.walk(statement):
        if not hasattr(node, "lineno") and isinstance(node, ast.expr | ast.stmt):
            ast.copy_location(node, like)
    return statement
