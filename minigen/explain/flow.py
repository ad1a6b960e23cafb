"""What statements do with names: which they read, which they set, and from what each value comes.

Within a method self.w counts as one name (Turned), and a call of another method reads and sets what that one does.
"""

import ast

from minigen.explain.source import called_name, called_names, is_of_self, name_of, names_in


def own_nodes(scope):
    """The nodes in a scope in the order of its lines, without those of functions and classes in it."""
    for child in ast.iter_child_nodes(scope):
        if not isinstance(child, ast.FunctionDef | ast.ClassDef | ast.Lambda):
            yield child
            yield from own_nodes(child)


class Body:
    """What statements do with names: `reads`, of what stood there before; `sets`; and `of`, from what each comes."""

    def __init__(self, without=()):
        self.without, self.reads, self.sets, self.of = {id(n) for n in without}, [], set(), {}
        self.read = set()  # all that is read

    def see(self, statements):
        for n in statements:
            if id(n) not in self.without:
                self._see(n)
        return self

    def _see(self, n):
        if isinstance(n, ast.FunctionDef | ast.ClassDef):
            self.sets.add(n.name)
        elif isinstance(n, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.For):
            read = self._read(n.iter if isinstance(n, ast.For) else n.value)
            for target in getattr(n, "targets", [getattr(n, "target", None)]):
                for one in parts_of(target):
                    whole = isinstance(one, ast.Name)
                    if isinstance(n, ast.AugAssign) or not whole:
                        read |= self._read(one)
                    self.of.setdefault(root_of(one), set()).update(read)
                    self.sets |= {one.id} if whole else set()
            self.see(getattr(n, "body", []))
        elif isinstance(n, ast.If):
            self._read(n.test)
            before, found = {*self.sets}, []
            for part in (n.body, n.orelse):
                self.sets = {*before}
                found.append(self.see(part).sets)
            self.sets = set.intersection(*found)
        elif isinstance(n, ast.While | ast.With | ast.Try):
            for part in (getattr(n, "test", None), *(i.context_expr for i in getattr(n, "items", ()))):
                self._read(part)
            self.see([*n.body, *getattr(n, "orelse", ())])
        elif is_appended(n):
            self.of.setdefault(root_of(n.value.func), set()).update(self._read(n))
        elif isinstance(n, ast.Expr) and isinstance(n.value, ast.Call) and n.value.args:
            self.of.setdefault(root_of(n.value.args[0]), set()).update(
                self._read(n)
            )  # np.add.at(dW, rows, d)
        else:
            self._read(n)

    def _read(self, node):
        """Note what an expression reads, and give it."""
        nodes = list(ast.walk(node)) if node is not None else []
        inner = {
            p.id
            for n in nodes
            if isinstance(n, ast.comprehension)
            for p in parts_of(n.target)
            if isinstance(p, ast.Name)
        }
        inner |= {a.arg for n in nodes if isinstance(n, ast.Lambda) for a in n.args.args}
        names = [n for n in nodes if isinstance(n, ast.Name) and n.id not in inner]
        read = [n.id for n in sorted(names, key=lambda n: (n.lineno, n.col_offset))]
        self.read.update(read)
        self.reads += [n for n in dict.fromkeys(read) if n not in self.sets and n not in self.reads]
        made = {name for n in nodes for name in getattr(n, "sets", ())}
        read = set(read) | {name for n in nodes for name in getattr(n, "reads", ())} - made
        for name in made:  # what a method keeps
            self.of.setdefault(name, set()).update(read)
        self.sets |= made
        return read | made

    def depends(self, names, on):
        """Whether one of these names comes from one that is in `on`."""
        seen, waiting = set(), [*names]
        while waiting:
            name = waiting.pop()
            if name in on:
                return True
            if name not in seen:
                seen.add(name)
                waiting += self.of.get(name, ())
        return False


def ends_loop(condition):
    """Whether a condition ends the loop."""
    return any(isinstance(m, ast.Break | ast.Return) for m in ast.walk(condition))


def counts_up(n):
    """Whether a statement adds a number to a name, as n += 1."""
    return (
        isinstance(n, ast.AugAssign) and isinstance(n.target, ast.Name) and isinstance(n.value, ast.Constant)
    )


def is_appended(n):
    """Whether a statement puts something into a list."""
    return (
        isinstance(n, ast.Expr)
        and called_name(n.value) in ("append", "extend", "insert")
        and bool(root_of(n.value.func))
    )


def names_read(node):
    """The names in an expression, and those that the methods of its object read."""
    return names_in(node) | {name for n in ast.walk(node) for name in getattr(n, "reads", ())}


def parts_of(target):
    return (
        [p for t in target.elts for p in parts_of(t)]
        if isinstance(target, ast.Tuple | ast.List)
        else [target]
    )


def root_of(node):
    """The name of which a target is a part: W of W[i, j]."""
    while isinstance(node, ast.Subscript | ast.Starred | ast.Attribute):
        node = node.value
    return name_of(node)


def blocks_of(body):
    """The lists of statements of a body, each with the loops around it counted: those of conditions, too."""
    yield body, 0
    for n in body:
        for part in ("body", "orelse"):
            inner = getattr(n, part, None)
            if isinstance(inner, list) and not isinstance(n, ast.FunctionDef | ast.ClassDef):
                deeper = isinstance(n, ast.For | ast.While)
                yield from ((block, depth + deeper) for block, depth in blocks_of(inner))


class Turned(ast.NodeTransformer):
    """self.w becomes one name, and back again; methods stay what they are, with what they read noted."""

    def __init__(self, kind=None, back=False):
        self.back, self.methods, self.kind = back, set(), kind

    def visit_Call(self, node):
        if is_of_self(node.func):
            self.methods.add(node.func.attr)
            node.func.reads = of_methods(self.kind, [node.func.attr], ast.Load)
            node.func.sets = of_methods(self.kind, [node.func.attr], ast.Store)
            node.args, node.keywords = [*map(self.visit, node.args)], [*map(self.visit, node.keywords)]
            return node
        return self.generic_visit(node)

    def visit_Attribute(self, node):
        if is_of_self(node) and not self.back:
            return ast.copy_location(ast.Name(f"self.{node.attr}", node.ctx), node)
        return self.generic_visit(node)

    def visit_Name(self, node):
        if self.back and node.id.startswith("self."):
            owner = ast.Name("self", ast.Load(), lineno=node.lineno, col_offset=node.col_offset)
            owner.end_lineno, owner.end_col_offset = node.lineno, node.col_offset + 4
            return ast.copy_location(ast.Attribute(owner, node.id[5:], node.ctx), node)
        return node


def of_methods(kind, names, context):
    """The attributes, as names, that methods of a class, and those that they call, read (ast.Load) or set (ast.Store)."""
    methods = {m.name: m for m in kind.body if isinstance(m, ast.FunctionDef)} if kind else {}
    known, waiting = set(), [n for n in names if n in methods]
    while waiting:
        known.add(name := waiting.pop())
        waiting += [n for n in called_names(methods[name]) if n in methods and n not in known]
    nodes = [n for name in known for n in ast.walk(methods[name])]
    return {
        f"self.{n.attr}"
        for n in nodes
        if is_of_self(n) and n.attr not in methods and isinstance(n.ctx, context)
    }
