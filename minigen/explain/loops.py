"""One pass of a loop that trains: forward, backward and step stand in its body, and no function holds them.

    for epoch in range(1000):
        y_hat = x * w + b
        loss = ((y_hat - y) ** 2).mean()
        dw = (2 * (y_hat - y) * x).mean()
        w -= lr * dw

So people begin, at the top level of a file, in fit(X, y) or in gradient_descent(X, y). The body becomes a function of what it
reads, loop_in_line_1(x, w, b, y, lr), which ends by returning the loss and the gradients; in the place of the body stands a call
of it, so that what the file runs shows its arguments. The statements of the body are the person's, with their lines; what is
added stands behind the file's last line, where nothing is changed. What a loop takes from a parameter, divided by the length of
the step, is the gradient; where it takes more than that (momentum, Adam), what is named so.

Where a loop computes no loss, half the squared error or a cross-entropy of what it subtracts from each other may be meant:
an argument says which, and the gradients decide.
"""

import ast
import builtins
import contextlib
import copy
import functools
import itertools
import re

import numpy as np

from minigen.explain.naming import bases, is_gradient_name
from minigen.explain.source import (
    called_name,
    called_names,
    is_difference,
    is_pass,
    name_of,
    names_in,
    short_name,
)

CHANGE, LOSS, COPY, FITS = (
    f"__minigen_{n}__" for n in ("change", "loss", "copy", "fits")
)  # functions that a pass calls
BEFORE, VALUE, OUT, TARGET, KIND = (
    f"__minigen_{n}__" for n in ("before", "value", "out", "target", "kind")
)  # its variables
_steps_named = re.compile(
    r"lr|l_rate|(learn\w*_?)?rate|alpha|alfa|eta|step(_?size)?|lern\w*|tasa\w*|taxa\w*|tasso|pas|paso|passo|hiz\w*|epsilon",
    re.I,
)
_gradient_of = ("grad_", "gradient_", "d_", "dloss_d", "delta_")
_sums = ("sum", "mean", "average", "norm")
_reports = ("print", "append", "plot", "show", "write", "pause", "set_description", "scatter")


def given():
    """{name: function} that the passes call."""
    return {CHANGE: change, LOSS: assumed, COPY: copy.deepcopy, FITS: fits}


def change(before, after, step):
    """What a step has taken from a parameter, or from each in a list or dict, divided by its length."""
    if isinstance(before, dict):
        return {key: change(before[key], after[key], step) for key in before}
    if isinstance(before, list | tuple) and any(np.ndim(part) for part in before):
        if not all(isinstance(part, list) for part in before) or len({len(part) for part in before}) > 1:
            return [change(one, other, step) for one, other in zip(before, after, strict=True)]
    taken = np.subtract(np.asarray(before, dtype=float), np.asarray(after, dtype=float)) / step
    return taken if np.ndim(taken) else float(taken)


def fits(value, begin):
    """Stop where a parameter has another shape than what it begins with."""
    if np.shape(value) != np.shape(begin):
        raise ValueError(f"a parameter of shape {np.shape(value)} begins with {np.shape(begin)}")


def assumed(kind, a, y):
    """The loss of a kind, of an output and what it is compared with; kinds count from 1."""
    from minigen.explain.reading import Assumed

    name, times, axis = KINDS[kind - 1]
    y, a = np.asarray(y, dtype=float), np.asarray(a)
    if axis is not None and axis >= np.ndim(y):
        raise ValueError("there are no such examples")
    return Assumed(name, (), times=times, axis=axis).function(None)(a, y)


KINDS = [
    (name, times, axis)
    for name in ("half the squared error", "the binary cross-entropy", "the cross-entropy")
    for axis in (None, 0, -1, 1)
    for times in (1.0, 2.0)
]


def text_of(kind):
    """The loss of a kind in words."""
    from minigen.explain.reading import Assumed

    name, times, axis = KINDS[kind - 1]
    return Assumed(name, (), times=times, axis=axis).text


@functools.lru_cache(maxsize=8)
def _of(text, path):
    from minigen.explain import pairs  # which asks what a pass is

    return outlined(ast.parse(text, path), lambda name: bool(pairs._cost.search(name)), pairs.goes_back)


def of_a_file(text, path):
    """(tree, [FunctionDef]) of a file's text, as `outlined` gives them."""
    return copy.deepcopy(_of(text, str(path)))


def outlined(tree, is_loss, goes_back):
    """(a tree in whose loops calls of passes stand, [FunctionDef] of the passes); `is_loss` and `goes_back` judge names."""
    tree = copy.deepcopy(tree)
    file = _File(tree, is_loss, goes_back)
    passes = []
    for scope, methods in _scopes(tree):
        loops = [n for n in _own(scope) if isinstance(n, ast.For | ast.While)]
        for loop in reversed(loops):  # the innermost first
            if any(is_pass(called_name(n)) for n in ast.walk(loop)):
                continue
            with contextlib.suppress(_NoPass):
                one = _Pass(file, scope, methods, loop)
                passes.append(one.function())
                loop.body = [one.call()]
    return tree, passes


class _NoPass(Exception):
    """The loop is none that trains, or none of which one pass can be read."""


class _File:
    """What is asked of a file: the names that are no variables of its own, its last line, and how names are judged."""

    def __init__(self, tree, is_loss, goes_back):
        self.is_loss, self.goes_back = is_loss, goes_back
        kinds = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef)]
        imports = [a for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom) for a in n.names]
        self.known = {n.name for n in kinds} | {(a.asname or a.name).partition(".")[0] for a in imports}
        self.known |= vars(builtins).keys()
        self.variables = Body().see(tree.body).sets
        self.last = max((n.end_lineno for n in tree.body), default=0)


def _scopes(tree):
    """(file, function or method; {name: method beside it})."""
    yield tree, {}
    for n in tree.body:
        if isinstance(n, ast.FunctionDef):
            yield n, {}
        for m in n.body if isinstance(n, ast.ClassDef) else ():
            if isinstance(m, ast.FunctionDef):
                yield m, {f.name: f for f in n.body if isinstance(f, ast.FunctionDef)}


def _own(scope):
    """The nodes in a scope in the order of its lines, without those of functions and classes in it."""
    for child in ast.iter_child_nodes(scope):
        if not isinstance(child, ast.FunctionDef | ast.ClassDef | ast.Lambda):
            yield child
            yield from _own(child)


class Body:
    """What statements do with names: `reads`, of what stood there before; `sets`; and `of`, from what each comes."""

    def __init__(self, without=()):
        self.without, self.reads, self.sets, self.of = {id(n) for n in without}, [], set(), {}

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
                for one in _parts(target):
                    whole = isinstance(one, ast.Name)
                    if isinstance(n, ast.AugAssign) or not whole:
                        read |= self._read(one)
                    self.of.setdefault(_root(one), set()).update(read)
                    self.sets |= {one.id} if whole else set()
            self.see(getattr(n, "body", []))
        elif isinstance(n, ast.If | ast.While | ast.With | ast.Try):
            for part in (getattr(n, "test", None), *(i.context_expr for i in getattr(n, "items", ()))):
                self._read(part)
            self.see([*n.body, *getattr(n, "orelse", ())])
        else:
            self._read(n)

    def _read(self, node):
        """Note what an expression reads, and give it."""
        nodes = list(ast.walk(node)) if node is not None else []
        inner = {
            p.id
            for n in nodes
            if isinstance(n, ast.comprehension)
            for p in _parts(n.target)
            if isinstance(p, ast.Name)
        }
        inner |= {a.arg for n in nodes if isinstance(n, ast.Lambda) for a in n.args.args}
        names = [n for n in nodes if isinstance(n, ast.Name) and n.id not in inner]
        read = [n.id for n in sorted(names, key=lambda n: (n.lineno, n.col_offset))]
        self.reads += [n for n in dict.fromkeys(read) if n not in self.sets and n not in self.reads]
        return set(read)

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


def _parts(target):
    return (
        [p for t in target.elts for p in _parts(t)] if isinstance(target, ast.Tuple | ast.List) else [target]
    )


def _root(node):
    """The name of which a target is a part: W of W[i, j]."""
    while isinstance(node, ast.Subscript | ast.Starred | ast.Attribute):
        node = node.value
    return name_of(node)


def _blocks(body):
    """The lists of statements of a body, each with the loops around it counted: those of conditions, too."""
    yield body, 0
    for n in body:
        for part in ("body", "orelse"):
            inner = getattr(n, part, None)
            if isinstance(inner, list) and not isinstance(n, ast.FunctionDef | ast.ClassDef):
                deeper = isinstance(n, ast.For | ast.While)
                yield from ((block, depth + deeper) for block, depth in _blocks(inner))


class _Step:
    """w -= e or w = w - e, and the same with +: the name, the statement, and what is taken."""

    def __init__(self, statement):
        n, self.statement, self.name, self.taken = statement, statement, "", None
        if isinstance(n, ast.AugAssign) and isinstance(n.op, ast.Sub | ast.Add):
            self.name, self.taken = _root(n.target), n.value
        elif isinstance(n, ast.Assign) and len(n.targets) == 1 and isinstance(n.value, ast.BinOp):
            e, target = n.value, ast.unparse(n.targets[0])
            if isinstance(e.op, ast.Sub | ast.Add) and ast.unparse(e.left) == target:
                self.name, self.taken = _root(n.targets[0]), e.right


def _steps_of_each(n, carried):
    """The _Steps of `for p, g in ((W, dW), (b, db)): p -= lr * g`: of W and of b."""
    inner = [_Step(s) for s in n.body] if isinstance(n, ast.For) else []
    for step in (s for s in inner if s.name in [_root(p) for p in _parts(n.target)]):
        for name in (name for name in carried if name in names_in(n.iter)):
            one = copy.copy(step)
            one.name = name
            yield one


class _WithoutSelf(ast.NodeTransformer):
    """self.w becomes a variable of this name; methods stay what they are."""

    def __init__(self):
        self.methods = set()

    def visit_Call(self, node):
        if isinstance(node.func, ast.Attribute) and name_of(node.func.value) == "self":
            self.methods.add(node.func.attr)
            node.args, node.keywords = [*map(self.visit, node.args)], [*map(self.visit, node.keywords)]
            return node
        return self.generic_visit(node)

    def visit_Attribute(self, node):
        if name_of(node.value) == "self":
            return ast.copy_location(ast.Name(f"self.{node.attr}", node.ctx), node)
        return self.generic_visit(node)


class _Pass:
    """One pass of a loop, as a function and a call of it."""

    def __init__(self, file, scope, methods, loop):
        self.file, self.scope, self.loop, self.name = file, scope, loop, f"loop_in_line_{loop.lineno}"
        self.reported = set()  # what is computed only to be told
        turned = _WithoutSelf()
        self.body = self._without_reports([turned.visit(n) for n in copy.deepcopy(loop.body)])
        self.whole = Body().see(self.body)
        every = [_Step(n) for block, _ in _blocks(self.body) for n in block]
        carried = [n for n in self.whole.reads if n not in file.known]
        every += [step for n in self.body for step in _steps_of_each(n, carried)]
        steps = [s for s in every if s.name in self.whole.reads and not isinstance(s.taken, ast.Constant)]
        self.seen = Body([s.statement for s in steps]).see(self.body)
        self.steps = [s for s in steps if s.name in self.seen.reads]
        self.weights = list(dict.fromkeys(s.name for s in self.steps))
        own = {w.partition(".")[2] for w in self.weights} - {""}
        helpers = [methods[n] for n in turned.methods if n in methods]
        self.owner = bool(turned.methods)
        reads = {n.attr for m in helpers for n in ast.walk(m) if isinstance(n, ast.Attribute)}
        if not self.weights or reads & own or self._is_handed_gradients():
            raise _NoPass
        self.loss, told = self._own_loss()
        self.out = self._compared() if self.loss is None or told else None
        if self.loss is None and self.out is None:
            raise _NoPass
        self.rate = self._rate()
        before = itertools.takewhile(lambda n: all(m is not self.loop for m in ast.walk(n)), self.scope.body)
        self.before = [n for n in before if isinstance(n, ast.Assign)]
        self.begins = self._beginnings()
        self.head = self._sizes()

    def _without_reports(self, body):
        """The statements without those that print, keep a record or end the loop; what they compute as a loss stays."""
        kept = []
        for n in body:
            call = n.value if isinstance(n, ast.Expr) else None
            if isinstance(call, ast.Call) and called_name(call) in _reports:
                recorded = called_name(call) == "append" and self.file.is_loss(
                    _root(call.func).rpartition(".")[2]
                )
                if recorded and not isinstance(call.args[0], ast.Name):
                    kept.append(_at(n, ast.Assign([ast.Name(VALUE, ast.Store())], call.args[0])))
            elif isinstance(n, ast.If) and self._is_a_report(n, body):
                told = [s for s in self._without_reports([*n.body, *n.orelse]) if isinstance(s, ast.Assign)]
                self.reported |= Body().see(told).sets
                kept += told
            else:
                kept.append(n)
        return kept

    def _is_a_report(self, n, body):
        """Whether a condition does nothing for what is trained: it ends the loop, or sets what nothing else reads."""
        inside = [m for m in ast.walk(n) if m is not n]
        if any(isinstance(m, ast.Break | ast.Return) for m in inside):
            return True
        others = Body([n]).see(body)
        read = {name for names in others.of.values() for name in names} | {*others.reads}
        seen = Body().see([*n.body, *n.orelse])
        return not read & {*seen.of} and any(isinstance(m, ast.Expr) for m in inside)

    def _is_handed_gradients(self):
        """Whether functions or methods of the file's give the gradients: then those are judged."""
        for n in (m for s in self.body for m in [s, *_own(s)]):
            call = getattr(n, "value", None)
            if isinstance(n, ast.For) and any(map(self.file.goes_back, called_names(n.iter))):
                return True
            if not isinstance(call, ast.Call):
                continue
            back = self.file.goes_back(called_name(call))
            named = [is_gradient_name(short_name(p)) for t in getattr(n, "targets", []) for p in _parts(t)]
            own = back or name_of(call.func) in self.file.known - vars(builtins).keys()
            continues = any(map(is_gradient_name, names_in(call)))  # from a gradient that stands here
            if back and (isinstance(n, ast.Expr) or len(named) > 1) or own and any(named) and not continues:
                return True
        computed = {n for s in self.steps for n in names_in(s.taken)} & {*self.seen.of}
        inline = any(
            isinstance(n, ast.BinOp) and isinstance(n.op, ast.MatMult | ast.Mult)
            for s in self.steps
            for n in ast.walk(s.taken)
        )
        return not computed and not inline

    def _own_loss(self):
        """(what the body calls its loss or None, whether it is computed only to be told); what no step needs may be one."""
        found, taken = [], [n for s in self.steps for n in names_in(s.taken)]
        for n in (m for s in self.body for m in [s, *_own(s)]):
            targets = getattr(n, "targets", [n.target] if isinstance(n, ast.AugAssign) else [])
            for name in (t.id for t in targets if isinstance(t, ast.Name)):
                short = name.rpartition(".")[2]
                named = (
                    name == VALUE
                    or short in ("L", "J", "E")
                    or self.file.is_loss(short)
                    and not is_gradient_name(short)
                )
                alone = not self.seen.depends(taken, [name]) and _may_be_a_loss(n)
                if (
                    (named or alone)
                    and self.seen.depends([name], self.weights)
                    and not is_difference(n.value)
                ):
                    found.append(((named, name not in self.whole.reads), name))
        name = max(found, key=lambda f: f[0])[1] if found else None
        return name, bool(name) and (name == VALUE or name in self.reported)

    def _compared(self):
        """(block, index, output, target) of what the body subtracts from each other, of which one comes from the weights."""
        for block, depth in _blocks(self.body):
            for i, statement in enumerate(block if not depth else ()):
                for n in ast.walk(statement) if isinstance(statement, ast.Assign | ast.AugAssign) else ():
                    if not is_difference(n):
                        continue
                    sides = sorted(
                        (n.left, n.right),
                        key=lambda side: not self.seen.depends(names_in(side), self.weights),
                    )
                    of_weights = [self.seen.depends(names_in(side), self.weights) for side in sides]
                    if of_weights == [True, False] and names_in(sides[1]):
                        return block, i, *sides
        return None

    def _rate(self):
        """The length of the step: a name, a number, or 1."""
        plain = [s for s in self.steps if self._is_plain(s)]
        taken = [names_in(s.taken) for s in plain]
        common = set.intersection(*taken) - self.seen.sets if taken else set()
        named = [n for n in common if _steps_named.fullmatch(n.rpartition(".")[2])]
        others = [n for n in common if n not in self.seen.reads and n not in self.file.known]
        if named or len(others) == 1:
            return (named or others)[0]
        numbers = [{n.value for n in _factors(s.taken) if isinstance(n, ast.Constant)} for s in plain]
        same = set.intersection(*numbers) if numbers else set()
        return min((n for n in same if isinstance(n, float) and 0 < n < 1), default=1.0)

    def _said(self, weight, steps):
        """The name of the gradient in w -= lr * dw: then nothing of the step is in question; "" where it is not so plain."""
        statement, taken = steps[0].statement, steps[0].taken
        down = isinstance(getattr(statement, "op", getattr(statement.value, "op", None)), ast.Sub)
        product = isinstance(taken, ast.Name) or isinstance(getattr(taken, "op", None), ast.Mult)
        names = {ast.unparse(n) for n in _factors(taken)} - {str(self.rate)}
        if not down or not product or not len(steps) == len(names) == 1:
            return ""
        (name,) = names
        promised = weight.rpartition(".")[2].lower() in bases(name.rpartition(".")[2])
        return name if promised and name in self.seen.of else ""

    def _is_plain(self, step):
        """Whether a step takes the gradient alone, and nothing that is kept of earlier passes."""
        kept = {*self.whole.reads} & {*self.whole.of} - {*self.weights}
        return not self.seen.depends(names_in(step.taken), kept)

    def _sizes(self):
        """The statements before the loop that read sizes from what is given: n = len(x), n, d = X.shape."""
        found, needed = [], {*self.whole.reads}.union(*map(names_in, self.begins.values()))
        for n in self.before:
            read = any(
                getattr(m, "attr", "") in ("shape", "size") or called_name(m) == "len"
                for m in ast.walk(n.value)
            )
            names = {p.id for t in n.targets for p in _parts(t) if isinstance(p, ast.Name)}
            whole = all(isinstance(p, ast.Name) for t in n.targets for p in _parts(t))
            if read and whole and names & needed and not names & {*self.weights}:
                found.append(_WithoutSelf().visit(copy.deepcopy(n)))
        return found

    def _beginnings(self):
        """{weight: with what it begins} of those that a function makes itself."""
        found = {}
        for n in self.before if isinstance(self.scope, ast.FunctionDef) else ():
            values = n.value.elts if isinstance(n.value, ast.Tuple) else [n.value]
            for t in n.targets:
                for target, value in zip(_parts(t), values, strict=False):
                    turned = _WithoutSelf()
                    name, value = turned.visit(copy.deepcopy(target)), turned.visit(copy.deepcopy(value))
                    if getattr(name, "id", "") in self.weights and not turned.methods:
                        found[name.id] = value
        return found

    def _asked(self):
        """{argument: the name that it has in the body}."""
        begun = [ast.Expr(value) for value in self.begins.values()]
        head = Body().see([*self.head, *begun])
        names = [*head.reads, *(n for n in self.whole.reads if n not in head.sets)]
        names += [s for s in self.weights if s not in names]
        there = (
            self.file.known if self.scope.__class__ is ast.Module else self.file.known | self._of_the_file()
        )
        names = [n for n in dict.fromkeys(names) if n not in there or n in self.weights]
        if isinstance(self.rate, str) and self.rate not in self.whole.sets:
            names = [n for n in names if n != self.rate]
        plain = {n for n in names if "." not in n}
        turned = {n: n.replace(".", "_") if n[5:] in plain else n[5:] for n in names if "." in n}
        return {turned.get(n, "this" if n == "self" else n): n for n in names}

    def _of_the_file(self):
        """The variables of the file that a function reads, and does not set."""
        own = Body().see(self.scope.body).sets | {
            a.arg for a in ast.walk(self.scope.args) if isinstance(a, ast.arg)
        }
        return self.file.variables - own

    def function(self):
        """The FunctionDef of the pass."""
        asked, added = self._asked(), _Added(self.file.last)
        begin = [
            added.set(name, ast.Name(argument, ast.Load()))
            for argument, name in asked.items()
            if argument != name
        ]
        begin.append(
            added.set(
                BEFORE,
                ast.Dict(
                    [ast.Constant(w) for w in self.weights], [ast.Name(w, ast.Load()) for w in self.weights]
                ),
            )
        )
        begin += [added.set(w, _call(COPY, ast.Name(w, ast.Load()))) for w in self.weights]
        if isinstance(self.rate, str) and self.rate not in self.whole.sets:
            begin.append(added.set(self.rate, ast.Constant(1.0)))
        sizes = [
            *self.head,
            *(added.at(ast.Expr(_call(FITS, ast.Name(w, ast.Load()), v))) for w, v in self.begins.items()),
        ]
        body = self.body
        if self.out is not None:
            block, i, output, target = self.out
            block[i:i] = [added.set(OUT, output), added.set(TARGET, target)]
        loss = ast.Name(self.loss, ast.Load()) if self.loss else None
        if self.out is not None:
            told = _call(LOSS, *(ast.Name(n, ast.Load()) for n in (KIND, OUT, TARGET)))
            loss = told if loss is None else ast.IfExp(ast.Name(KIND, ast.Load()), told, loss)
        end, returned = [], []
        for w in self.weights:
            steps = [s for s in self.steps if s.name == w]
            plain, said = all(map(self._is_plain, steps)), self._said(w, steps)
            named = [n for n in self.seen.of if w.rpartition(".")[2].lower() in bases(n.rpartition(".")[2])]
            name = next(
                n
                for n in (f"{start}{w.rpartition('.')[2]}" for start in _gradient_of)
                if n not in self.whole.of
            )
            if said:
                returned.append(said)
            elif plain:
                rate = (
                    ast.Name(self.rate, ast.Load()) if isinstance(self.rate, str) else ast.Constant(self.rate)
                )
                before = ast.Subscript(ast.Name(BEFORE, ast.Load()), ast.Constant(w), ast.Load())
                end.append(added.set(name, _call(CHANGE, before, ast.Name(w, ast.Load()), rate)))
                returned.append(name)
            elif named:
                returned.append(named[-1])
            elif len(self.weights) == 1:
                for n in [n for n in self.seen.of if n in ("g", "grad", "gradient", "grads")][-1:]:
                    end.append(added.set(name, ast.Name(n, ast.Load())))
                    returned.append(name)
        if not returned:
            raise _NoPass
        end.append(
            added.at(ast.Return(ast.Tuple([loss, *(ast.Name(n, ast.Load()) for n in returned)], ast.Load())))
        )
        arguments = [ast.arg(a) for a in asked] + [ast.arg(KIND)] * (self.out is not None)
        defaults = [ast.Constant(0 if self.loss else 1)] * (self.out is not None)
        made = ast.FunctionDef(
            self.name,
            ast.arguments([], arguments, None, [], [], None, defaults),
            [*begin, *sizes, *body, *end],
            [],
            None,
        )
        return ast.fix_missing_locations(_at(self.loop, made))

    def call(self):
        """The call that stands in the place of the body."""
        given = []
        for argument, name in self._asked().items():
            owner, _, attribute = name.rpartition(".")
            value = (
                ast.Name(name, ast.Load())
                if not owner
                else ast.Attribute(ast.Name(owner, ast.Load()), attribute, ast.Load())
            )
            given.append(ast.keyword(argument, value))
        call = ast.Expr(ast.Call(ast.Name(self.name, ast.Load()), [], given))
        return ast.fix_missing_locations(_at(self.loop.body[0], call))


def _may_be_a_loss(statement):
    """Whether a statement makes a number as a loss is made: a sum of all, or one added to squares and logarithms."""
    nodes = list(ast.walk(statement.value))
    if any(isinstance(n, ast.Compare) for n in nodes):  # how many are right
        return False
    if isinstance(statement, ast.AugAssign):
        return any(
            isinstance(getattr(n, "op", None), ast.Pow) or called_name(n) in ("log", *_sums) for n in nodes
        )
    calls = [n for n in nodes if called_name(n) in _sums]
    return any(
        not n.keywords
        and len(n.args) + (name_of(getattr(n.func, "value", None)) not in ("np", "numpy", "")) < 2
        for n in calls
    )


class _Added:
    """Makes statements that stand behind the last line of the file."""

    def __init__(self, last):
        self.line = last + 1

    def at(self, statement):
        ast.fix_missing_locations(statement)
        fresh = copy.deepcopy(statement)
        for n in ast.walk(fresh):
            if hasattr(n, "lineno"):
                n.lineno = n.end_lineno = self.line
                n.col_offset = n.end_col_offset = 0
        return fresh

    def set(self, name, value):
        return self.at(
            _at(ast.Pass(lineno=self.line, col_offset=0), ast.Assign([ast.Name(name, ast.Store())], value))
        )


def _at(where, node):
    """A new node at the place of another one, with all that has no place of its own."""
    return ast.fix_missing_locations(ast.copy_location(node, where))


def _call(name, *arguments):
    return ast.Call(ast.Name(name, ast.Load()), [*arguments], [])


def _factors(node):
    """The factors of a product, and what is divided."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return [*_factors(node.left), *_factors(node.right)]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return _factors(node.left)
    return _factors(node.operand) if isinstance(node, ast.UnaryOp) else [node]
