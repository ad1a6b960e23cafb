"""A person's functions as syntax trees, and trees as code objects that can be put into the living functions.

A function is found in its file by the line it starts at. Where it is a method or closes over variables,
it is compiled inside a class or an outer function of the same shape, so that the new code object has
the same free variables.
"""

import ast
import copy
import inspect
import linecache
import re
import textwrap
from dataclasses import dataclass, field

import numpy as np

SMALL = 1e-4  # an eps in the code, and what it may do to a gradient, relative
NOTE = "__minigen_note__"
SIMPLE = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Return, ast.Expr)


class Small:
    """Whether numbers below 1e-4 in the person's code, such as an eps under a root, are taken as 0."""

    left_out = False

    def code(self, code):
        """A code object as it runs: with these numbers, or with 0 for each."""
        if not self.left_out:
            return code
        constants = tuple(self.code(c) if hasattr(c, "co_consts") else self.number(c) for c in code.co_consts)
        return code.replace(co_consts=constants)

    def number(self, value):
        return 0.0 if self.left_out and isinstance(value, float) and 0 < abs(value) < SMALL else value


small = Small()


_single = {"float16": "float64", "float32": "float64", "complex64": "complex128"}


def in_double(code):
    """A code object that computes in double precision where it asks for less: np.float32 is np.float64 there.

    Differences of a forward in single precision have four digits, too few to tell a mistake from rounding.
    """
    constants = (
        in_double(c) if hasattr(c, "co_consts") else _single.get(c, c) if isinstance(c, str) else c
        for c in code.co_consts
    )
    return code.replace(co_consts=tuple(constants), co_names=tuple(_single.get(n, n) for n in code.co_names))


passes = {}  # {path: [FunctionDef]} of the loops of a loaded file, as loops.py makes them
_pass = re.compile(r"(loop|step)_in_line_\d+|lines_from_line_\d+")


def is_pass(name):
    """Whether a function is one pass of a loop, by its name."""
    return bool(_pass.fullmatch(name))


def holds_pass(tree):
    """Whether a function calls passes of its loops: it trains, and those are judged."""
    return tree is not None and any(map(is_pass, called_names(tree)))


def without_added(names):
    """{name: value} that stand in the person's code, of those in a pass: without what was added."""
    return {n: v for n, v in names.items() if not n.startswith("__minigen_")}


_walked = {}


def walk(tree):
    """What ast.walk gives, and nothing for None.

    Of a file, a class or a function it is kept, since their text is asked for many things. For trees that stay as
    they are: those of the search change, and it uses ast.walk.
    """
    if tree is None:
        return ()
    if not isinstance(tree, ast.Module | ast.ClassDef | ast.FunctionDef):
        return ast.walk(tree)
    if id(tree) not in _walked:
        _walked[id(tree)] = tree, tuple(ast.walk(tree))  # the tree is kept, too, so that no other has its id
    return _walked[id(tree)][1]


def tree_of(tree, function):
    """The FunctionDef or Lambda of a function in its file's tree, or None."""
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if code is None:
        return None
    for node in walk(tree):
        if isinstance(node, ast.FunctionDef | ast.Lambda):
            first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
            if first == code.co_firstlineno and getattr(node, "name", "<lambda>") == code.co_name:
                return node
    return None


def name_of(node):
    """The name that a node is; "" where it is something else."""
    return getattr(node, "id", "")


def short_name(node):
    """The last name of a name or an attribute: f of f and of self.layer.f; "" where it is something else."""
    return getattr(node, "attr", name_of(node))


def called_name(node):
    """The last name of what a call calls: f in f(x) and in self.layer.f(x); "" where there is none."""
    return short_name(getattr(node, "func", None))


def called_names(tree):
    """The names of what is called there, as `called_name` gives them."""
    return {called_name(n) for n in walk(tree) if isinstance(n, ast.Call)}


def names_in(tree):
    """The names that stand in a tree: of variables, and not of attributes."""
    return {n.id for n in walk(tree) if isinstance(n, ast.Name)}


def attributes(tree, context):
    """The names of the attributes that are read there (ast.Load), or set (ast.Store)."""
    return {n.attr for n in walk(tree) if isinstance(n, ast.Attribute) and isinstance(n.ctx, context)}


def is_of_self(node):
    """Whether a node is an attribute of self."""
    return isinstance(node, ast.Attribute) and name_of(node.value) == "self"


def index_parts(node):
    """The parts of the index of a subscript: i and j of x[i, j]."""
    return node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]


def is_difference(node):
    """Whether a node is a - b."""
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub)


def is_taken_away(node):
    """Whether a node is w -= step."""
    return isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Sub)


def counting_loops(tree):
    """The loops that count rounds, as in a function that fits a model: while ..., and for ... in range(...), but for those
    that go through the entries of what they change: w[k] -= step.
    """
    ranges = ("range", "trange")
    loops = (n for n in walk(tree) if isinstance(n, ast.For | ast.While))
    loops = [n for n in loops if isinstance(n, ast.While) or name_of(getattr(n.iter, "func", None)) in ranges]
    return [n for n in loops if isinstance(n, ast.While) or not _goes_through(n)]


def _goes_through(loop):
    """Whether a loop steps through the entries of what it adds to or subtracts from."""
    parts = [
        n.target for n in walk(loop) if isinstance(n, ast.AugAssign) and isinstance(n.target, ast.Subscript)
    ]
    return any(names_in(part.slice) & names_in(loop.target) for part in parts)


def is_single(y):
    """Whether numbers that nobody chose were rounded to single precision."""
    mantissa = np.frexp(y)[0] * 2**12
    return bool((y == y.astype(np.float32)).all() and (mantissa != np.rint(mantissa)).any())


@dataclass
class Function:
    """One function of the person's: the living object, its tree, and the text of its file."""

    living: object
    tree: ast.AST
    path: str
    lines: list
    outer: str | None  # the class it is a method of
    code: object = field(init=False)
    # {line: {key: name}} of what is noted after a line; 0: at the beginning, -1: what is returned
    notes: dict = field(default_factory=dict)

    def __post_init__(self):
        self.code = self.living.__code__

    @property
    def name(self):
        return self.living.__qualname__

    def compiled(self, tree=None):
        """The code object of `tree` (this function's own if not given), fit to replace `living.__code__`."""
        tree = copy.copy(self.tree if tree is None else tree)
        free = [n for n in self.code.co_freevars if n != "__class__"]
        if isinstance(tree, ast.Lambda):
            inside = [ast.Return(tree)]
            name = "<lambda>"
        else:
            tree.decorator_list, name = [], tree.name
            tree.body = self._noting(tree.body) if self.notes else tree.body
            if free:  # named at the end, where they are never reached, so that they stay free variables
                never = ast.If(ast.Constant(False), [ast.Expr(ast.Name(n, ast.Load())) for n in free], [])
                tree.body = [*tree.body, never]
            inside = [tree]
        if self.outer:
            inside = [ast.ClassDef(self.outer, [], [], inside, [], **_type_params)]
            if self.outer not in free:  # else a method that names its own class would look for it outside
                inside = [ast.Global([self.outer]), *inside]
        arguments = ast.arguments([], [ast.arg(n) for n in free], None, [], [], None, [])
        inside = [ast.FunctionDef("outer", arguments, inside, [], None, **_type_params)]
        module = ast.fix_missing_locations(ast.Module(inside, []))
        code = _find(compile(module, self.path, "exec", dont_inherit=True), name, self.code.co_freevars)
        if code is None:
            raise ValueError("the change does not leave the function's variables as they were")
        return small.code(in_double(code))

    def _noting(self, body, whole=True):
        """The statements of this function, if `whole`, or of a part of it, with what is asked for noted: after statements
        `x = __minigen_note__(key, x)`, and what it is given and returns.
        """
        found = []
        owner = self.tree.args.args[0].arg if self.outer and self.tree.args.args else "None"

        def noted(statement, at, form, names=None):
            asked = [(key, n) for key, n in self.notes.get(at, {}).items() if names is None or n in names]
            new = [form.format(f"{NOTE}({key!r}, {n}, {owner})", n) for key, n in asked]
            return [ast.copy_location(ast.parse(n).body[0], statement) for n in new]

        for statement in body:
            new = copy.copy(statement)
            for name in ("body", "orelse", "finalbody"):
                if isinstance(getattr(new, name, None), list):
                    setattr(new, name, self._noting(getattr(new, name), whole=False))
            if isinstance(new, ast.Return) and new.value is not None and -1 in self.notes:
                for key in self.notes[-1]:
                    given = [ast.Constant(key), new.value, ast.Name(owner, ast.Load())]
                    new.value = ast.copy_location(ast.Call(ast.Name(NOTE, ast.Load()), given, []), new.value)
            found.append(new)
            if isinstance(new, SIMPLE):
                form = "{1} = {0}" if isinstance(new, ast.Assign) else "{0}"
                found += noted(new, new.lineno, form, [*changed(new)])
        return (noted(body[0], 0, "{1} = {0}") if whole else []) + found

    def put(self, code):
        self.living.__code__ = code

    def restore(self):
        self.living.__code__ = self.code

    def text(self, node):
        """The text of a node, as the person wrote it."""
        return ast.get_source_segment("\n".join(self.lines), node) or ast.unparse(node)

    def columns(self, node):
        """(line, end line, column, end column) of a node; columns count characters from 0."""
        first, last = self.lines[node.lineno - 1], self.lines[node.end_lineno - 1]
        column = len(first.encode()[: node.col_offset].decode())
        end = len(last.encode()[: node.end_col_offset].decode())
        return node.lineno, node.end_lineno, column, end

    def statements(self):
        """[(body, index, statement)] of every simple statement, nested functions and blocks included."""
        if isinstance(self.tree, ast.Lambda):
            return []
        found = []

        def walk(body):
            for i, statement in enumerate(body):
                if statement.lineno > len(self.lines):  # it was added, as in loops.py
                    continue
                if isinstance(statement, SIMPLE):
                    if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
                        found.append((body, i, statement))
                    continue
                header = getattr(statement, "iter", getattr(statement, "test", None))
                if header is not None:  # of a loop or a condition: only its expression can be changed
                    found.append(([], i, ast.copy_location(ast.Expr(header), header)))
                for name in ("body", "orelse", "finalbody"):
                    walk(getattr(statement, name, []))
                for handler in getattr(statement, "handlers", []):
                    walk(handler.body)

        walk(self.tree.body)
        return found


def changed(statement):
    """The names that a statement gives a value, adds to, or of which it sets a part: dx, self.dW, grads["W"]."""
    for target in getattr(statement, "targets", [getattr(statement, "target", None)]):
        for one in getattr(target, "elts", [target]):
            while isinstance(one, ast.Subscript) and not isinstance(one.slice, ast.Constant):
                one = one.value
            if isinstance(one, ast.Name | ast.Attribute | ast.Subscript):
                yield ast.unparse(one)


_type_params = {"type_params": []} if "type_params" in ast.FunctionDef._fields else {}


def functions_of(living):
    """[Function] of those of the person's functions whose source can be found; others are left out."""
    found, seen, trees = [], set(), {}
    for one in living:
        one = inspect.unwrap(getattr(one, "__func__", one))
        code = getattr(one, "__code__", None)
        if code is None or code in seen:
            continue
        seen.add(code)
        path = code.co_filename
        of_pass = path in passes and is_pass(code.co_name)
        if (path, of_pass) not in trees:
            trees[path, of_pass] = _parse(path, of_pass)
        lines, tree = trees[path, of_pass]
        node, outer = _node(tree, code) if tree is not None else (None, None)
        if node is not None:
            found.append(Function(one, node, path, lines, outer))
    inner = {id(n) for f in found for n in ast.walk(f.tree) if n is not f.tree}
    return [f for f in found if id(f.tree) not in inner]  # a nested function is changed through its outer one


def _parse(path, of_pass=False):
    """(lines, tree) of a file; or, for a pass of a loop, of its passes."""
    linecache.checkcache(path)
    lines = [line.rstrip("\n") for line in linecache.getlines(path)]
    if of_pass:
        return lines, ast.Module(copy.deepcopy(passes[path]), [])
    try:
        return lines, ast.parse("\n".join(lines)) if lines else None
    except SyntaxError:
        try:
            return lines, ast.parse(textwrap.dedent("\n".join(lines)))
        except SyntaxError:
            return lines, None


def _node(tree, code):
    """The node that a code object was compiled from, and the name of the class it stands in."""
    best, owner = None, None

    def walk(node, within):
        nonlocal best, owner
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef):
                first = min([child.lineno, *(d.lineno for d in child.decorator_list)])
                if child.name == code.co_name and first <= code.co_firstlineno <= child.lineno:
                    best, owner = child, within
            elif isinstance(child, ast.Lambda) and code.co_name == "<lambda>":
                arguments = [a.arg for a in child.args.posonlyargs + child.args.args]
                if child.lineno == code.co_firstlineno and arguments == list(
                    code.co_varnames[: code.co_argcount]
                ):
                    best, owner = (None, None) if best is not None else (child, within)
            walk(child, child.name if isinstance(child, ast.ClassDef) else within)

    walk(tree, None)
    return best, owner


def _find(code, name, free):
    for constant in code.co_consts:
        if hasattr(constant, "co_code"):
            if constant.co_name == name and constant.co_freevars == free:
                return constant
            found = _find(constant, name, free)
            if found is not None:
                return found
    return None
