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
the step, is the gradient; where it takes more than that (momentum, Adam), what is named so; where a function of the file takes
the step, what it is handed (handed.py).

Two players that take turns in one loop are two passes, loop_in_line_1 and step_in_line_40; so are a critic with a loop of its own
and the generator behind it. A file without a loop, forward and then the chain rule, is one as well, lines_from_line_9, of the
gradients that are named so.

The loss is what the body calls so, or records, or what it prints, or what a function of the file's gives that it calls in a report.
Where a loop computes none, half the squared error, a cross-entropy or the likelihood of counts may be meant, of what it
subtracts from each other, of a probability and 1, or of probabilities from which it takes 1 at the labels: an argument says
which, and the gradients decide. Where none of them is meant, the first gradients are taken as given (firsts.py).
"""

import ast
import builtins
import contextlib
import copy
import functools
import itertools
import math
import re

from minigen.explain import firsts, running
from minigen.explain.flow import (
    Body,
    Turned,
    blocks_of,
    counts_up,
    ends_loop,
    is_appended,
    names_read,
    of_methods,
    own_nodes,
    parts_of,
    root_of,
)
from minigen.explain.handed import Stepper, handed
from minigen.explain.naming import bases, is_gradient_name
from minigen.explain.running import (
    BEFORE,
    CHANGE,
    COPY,
    FILLED,
    FITS,
    FLOAT,
    GIVEN,
    HOT,
    KEPT,
    KIND,
    LOSS,
    NEW,
    OUT,
    PAIR,
    SHARE,
    TARGET,
    VALUE,
)
from minigen.explain.source import (
    called_name,
    called_names,
    holds_pass,
    is_difference,
    is_of_self,
    is_pass,
    name_of,
    names_in,
    short_name,
)
from minigen.explain.steps import (
    Step,
    columns_of,
    factors_of,
    is_begun,
    keys_of,
    length_named,
    numbers_of,
    parts_held,
    steps_by_name,
    steps_in,
    steps_of_each,
)

_errors = re.compile(r"err|fehler|fout|hata|b[lł][aą]d|chyb|fejl|feil|virhe|hiba|diff|miss|galat", re.I)
_part_of_loss = re.compile(r"(kld?|bce|mse|nll|rec\w*|xent|ce|entropy|reg\w*|penalty)(_\w+)?$", re.I)
_measures = re.compile(
    r"acc|norm|grad|score|f1|weight|time|rate|^lrs?$|mean|var|std|reward|return|^[wW]", re.I
)  # and no loss
_gradient_of = ("grad_", "gradient_", "d_", "dloss_d", "delta_")
_sums = ("sum", "mean", "average", "norm")
_reports = ("print", "append", "plot", "show", "write", "pause", "set_description", "scatter")


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
    for scope, kind in _scopes(tree):
        loops = [n for n in own_nodes(scope) if isinstance(n, ast.For | ast.While)]
        for loop in reversed(loops):  # the innermost first
            around = next((o for o in reversed(loops) if o is not loop and loop in ast.walk(o)), None)
            # a critic takes several steps in a loop of its own, and then the generator one
            inner = [n for n in loop.body if isinstance(n, ast.For | ast.While) and holds_pass(n)]
            rest = [n for n in loop.body if n not in inner]
            if any(map(holds_pass, rest)) or _adds_up(loop, around):
                continue
            with contextlib.suppress(_NoPass):
                before, test, body = _guards(rest)
                made = _steps_of(file, scope, kind, loop, body)
                calls = [one.call() for one in made]
                passes += [one.function() for one in made]
                calls = [ast.copy_location(ast.If(test, calls, []), test)] if test else calls
                counts = [
                    n for n in rest if isinstance(loop, ast.While) and counts_up(n)
                ]  # else it never ends
                until = loop.body.index(inner[-1]) + 1 if inner else 0
                first = [n for n in loop.body[:until] if n not in before]  # with what the inner loop reads
                loop.body = before + first + calls + counts
    if not passes:
        with contextlib.suppress(_NoPass):
            one = _Script(file, tree)
            passes.append(one.function())
            tree.body.append(one.call())
    return tree, passes


def _adds_up(loop, around):
    """Whether a loop adds up, or sets, what the loop around it takes a step by: then a pass is one of that."""
    added = {*Body().see(loop.body).of}
    steps = (s for n in (around.body if around else ()) if n is not loop for s in steps_in(n) if s.name)
    return any(s.names & added and s.name not in added for s in steps)


def _guards(body):
    """(what stands before a call of the pass, its condition or None, the body), where not every round is one that trains:
    if i == j: continue, or if known: ... alone.
    """
    skips = [i for i, n in enumerate(body) if isinstance(n, ast.If) and isinstance(n.body[-1], ast.Continue)]
    before = body[: skips[-1] + 1] if skips else []
    rest = [n for i, n in enumerate(body) if i not in skips]
    if len(rest) == 1 and isinstance(rest[0], ast.If) and not rest[0].orelse:
        return before, rest[0].test, rest[0].body
    return before, None, rest


def _steps_of(file, scope, kind, loop, body):
    """[_Pass] of a loop: one, or one for each player, where a new loss is made after the first has taken its step."""
    whole = _Pass(file, scope, kind, loop, f"loop_in_line_{loop.lineno}", body)
    steps = [
        i
        for i, n in enumerate(body)
        if any((m.lineno, m.col_offset) in whole.places for m in ast.walk(n) if isinstance(m, ast.stmt))
    ]
    for i in steps[:-1]:
        first, rest = body[: i + 1], body[i + 1 :]
        if i + 1 in steps:
            continue
        with contextlib.suppress(_NoPass):
            second = _needed(first, whole.without_reports(copy.deepcopy(rest)), whole.places) + rest
            name = f"step_in_line_{rest[0].lineno}"
            players = [
                _Pass(file, scope, kind, loop, n, part) for n, part in ((whole.name, first), (name, second))
            ]
            apart = not {*players[0].weights} & {*players[1].weights}
            known = not any(one.firsts or one.is_of_few for one in players)
            if apart and known and players[1].own_loss_in(rest):
                return players
    if whole.is_of_few:
        raise _NoPass
    return [whole]


def _needed(before, after, places):
    """The statements of `before` on which those of `after` depend, without its steps."""
    kept, wanted = [], {*Body().see(after).reads}
    for n in reversed(before):
        seen = Body().see([n])
        inside = {(m.lineno, m.col_offset) for m in ast.walk(n) if isinstance(m, ast.stmt)}
        if seen.of.keys() & wanted and not inside & places:
            kept.insert(0, n)
            wanted |= {*seen.reads}
    return kept


class _NoPass(Exception):
    """The loop is none that trains, or none of which one pass can be read."""


class _File:
    """What is asked of a file: the names that are no variables of its own, its last line, and how names are judged."""

    def __init__(self, tree, is_loss, goes_back):
        self.is_loss, self.goes_back = is_loss, goes_back
        kinds = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef)]
        imports = [a for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom) for a in n.names]
        self.known = {n.name for n in kinds} | {(a.asname or a.name).partition(".")[0] for a in imports}
        self.known |= vars(builtins).keys() | running.given().keys()
        calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and n.args and not n.keywords]
        self.functions = {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}
        self.calls = [n for n in calls if name_of(n.func) in self.functions and all(map(name_of, n.args))]
        given = [
            n for n in ast.walk(tree) if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Name)
        ]
        parts = {n.targets[0].id: parts_held(n.value) for n in given}
        whole = {n: p for n, p in parts.items() if p and all(isinstance(e, ast.Name) for e in p)}
        self.listed = {name: [e.id for e in elements] for name, elements in whole.items()}
        self.texts = {n.targets[0].id: ast.unparse(n.value) for n in given if n.targets[0].id in whole}
        self.variables = Body().see(tree.body).sets
        own = [*tree.body, *(m for n in tree.body if isinstance(n, ast.ClassDef) for m in n.body)]
        defined = [n for n in own if isinstance(n, ast.FunctionDef) and not is_pass(n.name)]
        found = {n.name: Stepper(n) for n in defined if not goes_back(n.name)}
        self.steppers = {name: s for name, s in found.items() if s.changed or s.key or s.named}
        self.last = max((n.end_lineno for n in tree.body), default=0)


def _scopes(tree):
    """(file, function or method; the class of a method or None)."""
    yield tree, None
    for n in tree.body:
        if isinstance(n, ast.FunctionDef):
            yield n, None
        for m in n.body if isinstance(n, ast.ClassDef) else ():
            if isinstance(m, ast.FunctionDef):
                yield m, n


class _Pass:
    """One pass of a loop, as a function and a call of it. Within it, self.w counts as one name."""

    def __init__(self, file, scope, kind, loop, name, body):
        self.file, self.scope, self.kind, self.loop, self.name = file, scope, kind, loop, name
        self.reported = set()  # what is computed only to be told
        self.filled = set()  # the names of dicts that keep gradients by the names of what they belong to
        turned = Turned(kind)
        self.every = [turned.visit(n) for n in copy.deepcopy(body)]
        self.body = self.without_reports(self.every)
        if _leaves(self.body):
            raise _NoPass
        self.whole = Body().see(self.body)
        handed_over = self._handed_over()
        self._find_steps(handed_over)
        set_by_methods = of_methods(kind, turned.methods, ast.Store)
        self.read_by_methods = of_methods(kind, turned.methods, ast.Load) - set_by_methods
        if not self.weights or self._is_handed_gradients() or not self._makes_what_it_takes():
            raise _NoPass
        self.loss, told = self._own_loss()
        self.out = self._compared() if self.loss is None or told else None
        self.firsts, self.ends = {}, set()
        lists = [n for n in self.whole.reads if n in self.file.listed]
        # they hold the same arrays
        self.lists = [n for n in lists if {*self.file.listed[n]} & {*self.weights}]
        if self.loss is None and self.out is None:
            self._take_a_function()
        if self.loss is None and (self.out is None or self._share_behind(names_read(self.out[2])) < 1):
            self._begin_at_gradients()
        ends = (set(self.loss.split(" + ")) if self.loss else set()) | (
            names_read(self.out[2]) if self.out else set()
        )
        self.ends = ends
        goes_back = {s.name for s in self.steps if self.seen.depends(s.names, self.weights)}
        # what is subtracted from each other is no error if most of what is trained has no part in it, as in x - C of centres,
        # or if another gradient begins beside it, of a loss that stands nowhere
        several = self.loss is None and len(firsts.of_a_pass(self.body, self.seen, self.weights)) > 1
        least = 1 if several else 0.5
        self.is_of_few = self.out is not None and self._share_behind(ends) < least
        self.weights = [w for w in self.weights if self.seen.depends(ends, {w}) and w in goes_back]
        self.steps = [s for s in self.steps if s.name in self.weights]
        if not ends or not self.weights:
            raise _NoPass
        self.places = {(s.statement.lineno, s.statement.col_offset) for s in self.steps}
        self.lists = [n for n in self.lists if {*self.file.listed[n]} & {*self.weights}]
        self.rate = self._rate()
        self.share = self._share()
        before = itertools.takewhile(lambda n: all(m is not self.loop for m in ast.walk(n)), self.scope.body)
        self.before = [Turned(kind).visit(copy.deepcopy(n)) for n in before if isinstance(n, ast.Assign)]
        self.begins = self._beginnings()
        self.head = self._sizes()

    def _share_behind(self, ends):
        """Which share of what is trained has a part in these values."""
        return sum(self.seen.depends(ends, {w}) for w in self.weights) / len(self.weights)

    def _begin_at_gradients(self):
        """Take the first gradients as given, where the loop computes no loss (firsts.py)."""
        made = _made_at(self.file.last + 1)
        plain = [s for s in self.steps if self._is_plain(s)]
        found = firsts.begun(self.body, self.seen, self.weights, self.steps, plain, made)
        if found is None:
            return
        self.firsts, self.body = found
        self.out, self.loss = None, VALUE
        self.whole = Body().see(self.body)
        self.seen = Body([s.statement for s in self.steps]).see(self.body)

    def _handed_over(self):
        """The Steps that functions of the file take: a call of one becomes an assignment of the gradient that it is handed."""

        def comes_from(node, name):
            return self.whole.depends(names_read(node), {name})

        steps, carried = [], {n for n in self.whole.reads if n not in self.file.known or "." in n}
        for block in [block for block, _ in blocks_of(self.body)]:
            for n in [*block]:
                pairs = handed(n, self.file.steppers, self.file.listed, comes_from)
                pairs = [(p, g) for p, g in pairs if root_of(p) in carried]
                new = [self._given(n, *pair) for pair in pairs if _depth(pair[0]) < 2]
                if new and len(new) == len(pairs):
                    block[block.index(n) : block.index(n) + 1] = [step.statement for step in new]
                    steps += new
        self.whole = Body().see(self.body) if steps else self.whole
        whole = [s.name for s in steps if s.gradient not in self.filled and isinstance(s.target, ast.Name)]
        if len({*whole}) < len(whole):  # one parameter takes two steps, of two losses
            raise _NoPass
        return steps

    def _given(self, n, parameter, gradient):
        """The Step of a parameter, W, P["W"] or net.W, whose statement keeps the gradient."""
        root = root_of(parameter)
        name = f"{GIVEN}{root.replace('.', '_')}"
        self.file.known.add(name)
        step = Step(n)
        target, step.gradient = ast.Name(name, ast.Store()), name
        if not isinstance(parameter, ast.Name):
            key = ast.Constant(parameter.attr) if isinstance(parameter, ast.Attribute) else parameter.slice
            target, step.gradient = ast.Subscript(target, key, ast.Store()), f"{FILLED}({name}, {root})"
            target.value.ctx = ast.Load()
            self.filled.add(name)
        step.statement = _at(n, ast.Assign([target], gradient))
        step.name, step.taken, step.target, step.kept = root, gradient, parameter, True
        step.names = names_read(gradient)
        return step

    def _find_steps(self, handed_over):
        """Set the steps down a loss, and the names of what they change."""
        carried = [n for n in self.whole.reads if n not in self.file.known]
        given = [n for n in self._nodes() if isinstance(n, ast.Assign) and isinstance(n.value, ast.Subscript)]
        same = {(name_of(n.targets[0]), ast.unparse(n.value)) for n in given}
        steps = [step for block, _ in blocks_of(self.body) for n in block for step in steps_in(n, same)]
        made = {*self.whole.of}
        steps += [step for n in self.body for step in steps_of_each(n, carried, self.file.listed, made)]
        begun = {
            p.id
            for n in self._nodes()
            for t in getattr(n, "targets", [])
            for p in parts_of(t)
            if is_begun(n, p)
        }
        places = [n.slice for n in self._nodes() if isinstance(n, ast.Subscript)]
        begun |= {name for place in places for name in names_in(place)}  # where one stands, and no parameter
        steps = [
            s
            for s in steps
            if s.name in carried and s.name not in begun and not isinstance(s.taken, ast.Constant)
        ]
        made_of = {
            s.name: {m for n in s.names for m in self.whole.of.get(n, ())} for s in steps
        }  # speed, of momentum
        steps = [s for s in steps if s.goes_down() or any(map(is_gradient_name, made_of[s.name]))]
        dicts = {name_of(n.targets[0]): keys_of(n.value) for n in self._nodes() if isinstance(n, ast.Assign)}
        for n in [n for n in self._nodes() if isinstance(n, ast.For)]:
            steps += [s for s in steps_by_name(n, dicts) if s.name in carried]
        steps += handed_over
        self.seen = Body([s.statement for s in steps]).see(self.body)
        by_methods = {name for n in self._nodes() for name in getattr(n, "reads", ())}
        self.steps = [s for s in steps if s.name in self.seen.read | by_methods]
        self.seen = Body([s.statement for s in self.steps]).see(self.body)
        self.weights = list(dict.fromkeys(s.name for s in self.steps))

    def _take_a_function(self):
        """Go down a loss that is a function of the file's, called here after the step or in a report, kayip(X, y); or a function
        that the file calls with the weights alone, as in print(f(x, y)); or what is printed.
        """
        steps = {id(s.statement) for s in self.steps}
        first = next(i for i, n in enumerate(self.body) if any(id(m) in steps for m in ast.walk(n)))
        later = Body().see(self.body[first:]).sets - {*self.weights}
        nodes = [n for statement in self.every for n in ast.walk(statement)]
        taken = {name for s in self.steps for name in s.names}
        given = [n for n in nodes if isinstance(n, ast.Assign)]
        gives = [n.value for n in given if {name_of(p) for t in n.targets for p in parts_of(t)} & taken]
        here = [
            n for n in nodes if self._is_own_loss(n) and n not in gives
        ]  # loss, grads = f(X, y) gives both
        alone = [n for n in self.file.calls if {*map(name_of, n.args)} == {*self.weights}]
        alone = [n for n in alone if not self.file.goes_back(name_of(n.func))]
        for call in [*here, *alone, *self._told()]:
            if names_in(call) & later or not all(
                self.seen.depends(names_read(call), {w}) for w in self.weights
            ):
                continue
            value = ast.Assign([ast.Name(VALUE, ast.Store())], copy.deepcopy(call))
            self.body.insert(first, _at(self.body[first], value))
            self.whole = Body().see(self.body)
            self.seen = Body([s.statement for s in self.steps]).see(self.body)
            self.loss = VALUE
            return

    def _told(self):
        """The expressions with a square, a logarithm or a mean that are only printed: print(step, a ** 2 + b ** 2)."""
        nodes = [n for statement in self.every for n in ast.walk(statement)]
        prints = [n for n in nodes if called_name(n) == "print"]
        told = [a for n in prints for a in n.args] + [
            n.value for n in nodes if isinstance(n, ast.FormattedValue)
        ]
        told = [n for n in told if isinstance(n, ast.BinOp | ast.Call)]
        return [n for n in told if _may_be_a_loss(ast.AugAssign(None, None, n))]

    def _is_own_loss(self, node):
        """Whether a node is a call of a function or method of the file's that is a loss by its name."""
        name = called_name(node)
        methods = [m.name for m in self.kind.body if isinstance(m, ast.FunctionDef)] if self.kind else []
        own = name in methods or name in self.file.functions
        return own and self.file.is_loss(name) and not self.file.goes_back(name)

    def own_loss_in(self, statements):
        """Whether the loss of this pass is made in these statements."""
        made = Body().see(self.without_reports(copy.deepcopy(statements))).of.keys()
        if self.loss is None and self.out is not None:
            return bool(names_read(self.out[2]) & made)
        return self.loss is not None and {*self.loss.split(" + ")} <= made

    def without_reports(self, body):
        """The statements without those that print, keep a record or end the loop; what they compute as a loss stays."""
        kept = []
        for n in body:
            call = n.value if isinstance(n, ast.Expr) else None
            if isinstance(call, ast.Call) and called_name(call) in _reports and not self._is_used(n, body):
                name = root_of(call.func).rpartition(".")[2] if called_name(call) == "append" else ""
                value = ast.Assign([ast.Name(VALUE, ast.Store())], call.args[0]) if name else None
                may_be = name and not _measures.search(name) and _may_be_a_loss(value)
                if (may_be or self.file.is_loss(name)) and not isinstance(value.value, ast.Name):
                    kept.append(_at(n, value))
            elif counts_up(n) and n.target.id not in Body([n]).see(body).read:
                continue
            elif isinstance(n, ast.If) and self._is_a_report(n, body):
                told = [
                    s
                    for s in self.without_reports([*n.body, *n.orelse])
                    if isinstance(s, ast.Assign | ast.AugAssign | ast.For)
                ]
                self.reported |= Body().see(told).sets
                kept += told
            else:
                kept.append(n)
        return kept

    def _is_used(self, n, body):
        """Whether a list into which a statement puts something is read elsewhere in the body."""
        inside = [m for s in body for m in ast.walk(s)]
        told = [m for m in inside if isinstance(m, ast.Expr) and called_name(m.value) in _reports]
        ends = [m for m in inside if isinstance(m, ast.If) and ends_loop(m)]
        return is_appended(n) and root_of(n.value.func) in Body(told + ends).see(body).read

    def _is_a_report(self, n, body):
        """Whether a condition does nothing for what is trained: it ends the loop, or sets what nothing else reads."""
        inside = [m for m in ast.walk(n) if m is not n]
        if ends_loop(n):
            return True
        others = Body([n]).see(body)
        read = {name for names in others.of.values() for name in names} | {*others.reads}
        seen = Body().see([*n.body, *n.orelse])
        return not read & {*seen.of} and any(isinstance(m, ast.Expr) for m in inside)

    def _nodes(self):
        """All that stands in the body, in the order of its lines."""
        return (m for s in self.body for m in [s, *own_nodes(s)])

    def _is_handed_gradients(self):
        """Whether functions or methods of the file's give the gradients: then those are judged."""
        calls = [n for s in self.steps for n in ast.walk(s.taken) if isinstance(n, ast.Call)]
        if any(self.file.goes_back(called_name(n)) and name_of(n.func) in self.file.functions for n in calls):
            return True
        for n in self._nodes():
            call = getattr(n, "value", None)
            if isinstance(n, ast.For) and any(map(self.file.goes_back, called_names(n.iter))):
                return True
            if not isinstance(call, ast.Call):
                continue
            back = self.file.goes_back(called_name(call))
            named = [is_gradient_name(short_name(p)) for t in getattr(n, "targets", []) for p in parts_of(t)]
            own = back or name_of(call.func) in self.file.known - vars(builtins).keys()
            continues = any(
                is_gradient_name(name) for a in call.args for name in names_in(a)
            )  # from a gradient that stands here
            if back and (isinstance(n, ast.Expr) or len(named) > 1) or own and any(named) and not continues:
                return True
        return False

    def _makes_what_it_takes(self):
        """Whether what the steps take is computed in the body."""
        products = (n for s in self.steps for n in ast.walk(s.taken) if isinstance(n, ast.BinOp))
        inline = any(isinstance(n.op, ast.MatMult | ast.Mult) for n in products)
        return inline or any(s.names & self.seen.of.keys() for s in self.steps)

    def _own_loss(self):
        """(what the body calls its loss, as an expression, or None; whether it is computed only to be told). What no step needs
        may be one; where several numbers are left, it is their sum.
        """
        found, taken = {}, [n for s in self.steps for n in s.names]
        holds = {root_of(n) for n in self._nodes() if isinstance(n, ast.Subscript)}  # L["W"] of a layer
        for n in self._nodes():
            targets = getattr(n, "targets", [n.target] if isinstance(n, ast.AugAssign) else [])
            for name in (t.id for t in targets if isinstance(t, ast.Name)):
                short, sums = name.rpartition(".")[2], _may_be_a_loss(n)
                of_what = [] if name == VALUE else [b for b in bases(short) if not self.file.is_loss(b)]
                if of_what or is_gradient_name(short) and not bases(short) and not sums:
                    continue  # the gradient of something; but d_loss is the loss of a discriminator
                named = (
                    name == VALUE
                    or short in ("L", "J", "E")
                    and name not in holds
                    or self.file.is_loss(short)
                )
                named = named and not _part_of_loss.match(short) and (sums or not _errors.search(short))
                alone = sums and not self.seen.depends(taken, [name])
                plain = sums or not is_difference(n.value)
                if (named or alone) and plain and self.seen.depends([name], self.weights):
                    found[name] = named, name not in self.whole.reads
        best = [name for name, rank in found.items() if rank == max(found.values())]
        best = [name for name in self._sums_of(best) if not self.seen.depends(taken, [name])] or best
        others = {name: self.seen.of.get(name, set()) for name in best}
        whole = [n for n in best if not any(self.seen.depends(of, {n}) for o, of in others.items() if o != n)]
        return " + ".join(whole) or None, bool(whole) and {*whole} <= self.reported

    def _sums_of(self, losses):
        """The names of what is a sum of all of these losses and of another value: total = loss_G + 0.5 * info."""
        for n in self._nodes():
            name = name_of(n.targets[0]) if isinstance(n, ast.Assign) else ""
            terms = _terms(n.value) if name else []
            made = {t for t in terms if t not in self.whole.reads and self.seen.depends([t], self.weights)}
            if losses and made >= {*losses} and len(made) > 1 and name not in {*losses, *self.whole.reads}:
                yield name

    def _compared(self):
        """(block, index, output, target) of what the body subtracts from each other: of which one comes from most of the weights,
        and the other from none; or of what 1 is taken away from at the labels.
        """
        found = []
        for block, depth in blocks_of(self.body):
            for i, statement in enumerate(block if not depth else ()):
                nodes = ast.walk(statement) if isinstance(statement, ast.Assign | ast.AugAssign) else ()
                if (labels := _labels_of(statement)) is not None:
                    name = root_of(statement.target)
                    count = sum(self.seen.depends({name}, {w}) for w in self.weights)
                    if _is_weighted(name, block[i + 1 :]):
                        continue
                    output, hot = (f"{COPY}({name})", f"{HOT}({name}, {ast.unparse(labels)})")
                    output, hot = (ast.parse(text, mode="eval").body for text in (output, hot))
                    if count and not any(self.seen.depends(names_read(labels), {w}) for w in self.weights):
                        found.append((count, block, i, output, hot))
                    continue
                for n in filter(is_difference, nodes):
                    counts = [
                        sum(self.seen.depends(names_read(side), {w}) for w in self.weights)
                        for side in (n.left, n.right)
                    ]
                    output, target = (n.left, n.right) if counts[0] else (n.right, n.left)
                    if min(counts) == 0 < max(counts) and names_in(target):
                        found.append((max(counts), block, i, output, target))
        found = found or [*self._judged_as_true()]
        return max(found, key=lambda f: f[0])[1:] if found else None

    def _judged_as_true(self):
        """As _compared, of a probability from which 1 is subtracted: a GAN's that a sample is real. What is made in the same way by
        the same parameters is that of a generated one.
        """
        assigned = [n for n in self.body if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Name)]
        given = {n.targets[0].id: n.value for n in assigned if n.targets[0].id not in self.weights}
        for i, statement in enumerate(self.body):
            nodes = [*ast.walk(statement)] if isinstance(statement, ast.Assign | ast.AugAssign) else []
            for n in filter(is_difference, nodes):
                true = name_of(n.left if getattr(n.right, "value", 0) == 1 else n.right)
                alone = [m for m in nodes if name_of(m) == true]  # and not h * (1 - h)
                count = sum(self.seen.depends({true}, {w}) for w in self.weights)
                if (
                    true not in given
                    or len(alone) > 1
                    or not count
                    or 1 not in map(_number, (n.left, n.right))
                ):
                    continue
                reads = [names_read(getattr(s, "value", s)) for j, s in enumerate(self.body) if j != i]
                if any(true in names and names & {*self.weights} for names in reads):
                    continue  # a hidden layer, and its derivative h * (1 - h)
                made, behind = _form(given[true], self.whole.reads), self._behind(true)
                like = [n for n, v in given.items() if n != true and _form(v, self.whole.reads) == made]
                like = [n for n in like if self._behind(n) == behind]
                output, target = true, f"{HOT}({true})"
                if len(like) == 1:
                    output, target = f"{PAIR}({true}, {like[0]})", f"{PAIR}({HOT}({true}), 0 * {like[0]})"
                output, target = (ast.parse(text, mode="eval").body for text in (output, target))
                made_at = [j for j, n in enumerate(self.body) if n in assigned and n.targets[0].id in like]
                yield count, self.body, max([i, *(j + 1 for j in made_at if len(like) == 1)]), output, target

    def _behind(self, name):
        """The parameters from which a value comes."""
        return {w for w in self.weights if self.seen.depends({name}, {w})}

    def _rate(self):
        """The length of the step: a name, a number, or 1."""
        plain = [s for s in self.steps if self._is_plain(s)]
        taken = [s.names for s in plain]
        common = set.intersection(*taken) if taken else set()
        common = {n for n in common if n not in self.seen.sets or self._is_a_schedule(n)}
        named = [n for n in common if length_named.fullmatch(n.rpartition(".")[2])]
        others = [n for n in common if n not in self.seen.reads and n not in self.file.known]
        if named or len(others) == 1:
            return (named or others)[0]
        numbers = [{n.value for n in factors_of(s.taken) if isinstance(n, ast.Constant)} for s in plain]
        same = set.intersection(*numbers) if numbers else set()
        return min((n for n in same if isinstance(n, float) and 0 < n < 1), default=1.0)

    def _share(self):
        """A number by which all steps multiply what they take, beside the length that has a name: it may belong to that, as in
        w -= lr * dw / 4, or to the gradients; None where there is none.
        """
        found = {math.prod(numbers_of(s.taken)) for s in self.steps if self._is_plain(s)}
        named = isinstance(self.rate, str) and len({s.name for s in self.steps}) > 1
        (share,) = found if named and len(found) == 1 else (1.0,)
        return abs(share) if share and abs(share) != 1 else None

    def _is_a_schedule(self, name):
        """Whether the body computes the length of its step, as lr / (1 + epoch)."""
        named = length_named.fullmatch(name.rpartition(".")[2])
        return bool(named) and not self.seen.depends([name], self.weights)

    def _said(self, weight, steps):
        """The name of the gradient in w -= lr * dw: then nothing of the step is in question; "" where it is not so plain."""
        taken = steps[0].taken
        down = isinstance(steps[0].op, ast.Sub)
        product = isinstance(taken, ast.Name) or isinstance(getattr(taken, "op", None), ast.Mult)
        names = {ast.unparse(n) for n in factors_of(taken)} - {str(self.rate)}
        one = isinstance(steps[0].target, ast.Name)  # and not one layer after another
        if not one or not down or not product or not len(steps) == len(names) == 1:
            return ""
        (name,) = names
        promised = weight.rpartition(".")[2].lower() in bases(name.rpartition(".")[2])
        return name if promised and name in self.seen.of else ""

    def _is_plain(self, step):
        """Whether a step takes the gradient alone, and nothing that is kept of earlier passes."""
        kept = {*self.whole.reads} & {*self.whole.of} - {*self.weights, *self.lists}
        kept = {n for n in kept if not self.seen.depends(self.ends, {n})}  # else it is a parameter, too
        return not step.kept and not self.seen.depends(step.names, kept)

    def _sizes(self):
        """The statements before the loop that read sizes from what is given: n = len(x), n, d = X.shape."""
        found, needed = [], {*self.whole.reads}.union(*map(names_in, self.begins.values()))
        for n in self.before:
            read = any(
                getattr(m, "attr", "") in ("shape", "size") or called_name(m) == "len"
                for m in ast.walk(n.value)
            )
            names = {p.id for t in n.targets for p in parts_of(t) if isinstance(p, ast.Name)}
            whole = all(isinstance(p, ast.Name) for t in n.targets for p in parts_of(t))
            if read and whole and names & needed and not names & {*self.weights}:
                found.append(n)
        return found

    def _beginnings(self):
        """{weight: with what it begins} of those that a function makes itself."""
        found = {}
        for n in self.before if isinstance(self.scope, ast.FunctionDef) else ():
            for t in n.targets:
                targets = parts_of(t)
                # W, V = [rng.normal(size=(d, k)) for _ in range(2)]
                each = [_same_for_all(n.value)] * len(targets)
                values = [n.value] if targets == [t] else getattr(n.value, "elts", each)
                for target, value in zip(targets, values, strict=False):
                    if value is None or isinstance(value, ast.List | ast.Dict) and not parts_held(value):
                        continue  # one that is empty is filled before the loop
                    own = any(isinstance(n, ast.Call) and is_of_self(n.func) for n in ast.walk(value))
                    if name_of(target) in self.weights and not own:
                        found[target.id] = value
        return found

    def _asked(self):
        """{argument: the name that it has in the body}."""
        begun = [ast.Expr(value) for value in self.begins.values()]
        head = Body().see([*self.head, *begun])
        names = [*head.reads, *(n for n in self.whole.reads if n not in head.sets)]
        names += sorted(self.read_by_methods)
        there = self.file.known | (self._of_the_file() if isinstance(self.scope, ast.FunctionDef) else set())
        names = [n for n in dict.fromkeys([*names, *self.weights]) if n not in there or n in self.weights]
        names = [n for n in names if n not in self.lists]
        names = [n for n in names if n != "self" and (n != self.rate or n in self.whole.sets)]
        before = Body([self.loop]).see(self.scope.body).of  # else it is made in the first pass
        names = [n for n in names if n not in self.whole.of or n in before or "." in n or n in self.weights]
        plain = {n for n in names if "." not in n}
        return {n.replace(".", "_") if n[5:] in plain else n.rpartition(".")[2]: n for n in names}

    def _of_the_file(self):
        """The variables of the file that a function reads, and does not set."""
        own = Body().see(self.scope.body).sets | {
            a.arg for a in ast.walk(self.scope.args) if isinstance(a, ast.arg)
        }
        return self.file.variables - own

    def function(self):
        """The FunctionDef of the pass."""
        asked, made = self._asked(), _made_at(self.file.last + 1)
        begin = [f"self = {NEW}({self.kind.name})"] if self.kind else []
        begin += [
            f"{name} = {argument}; del {argument}" for argument, name in asked.items() if argument != name
        ]
        begin += [f"{BEFORE} = {{{', '.join(f'{w!r}: {w}' for w in self.weights)}}}; {KEPT} = {{}}"]
        begin += [f"{name} = {{}}" for name in sorted(self.filled)]
        begin += [f"{w} = {COPY}({w})" for w in self.weights]
        begin += [f"{name} = {self.file.texts[name]}" for name in self.lists]
        if isinstance(self.rate, str) and self.rate not in self.whole.sets:
            begin += [f"{self.rate} = 1.0"]
        fitting = [f"{FITS}({w}, {ast.unparse(value)})" for w, value in self.begins.items()]
        loss = self.loss
        if self.out is not None:
            block, i, output, target = self.out
            block[i:i] = made(f"{OUT} = {ast.unparse(output)}; {TARGET} = {ast.unparse(target)}")
            told = f"{LOSS}({KIND}, {OUT}, {TARGET})"
            loss = f"{told} if {KIND} else {loss}" if loss else told
        end, returned = [], []
        for w in self.weights:
            name, lines = self._gradient(w, made)
            end += lines
            returned += [name] if name else []
        if not returned:
            raise _NoPass
        end.append(f"return {loss}, {', '.join(returned)}")
        changed = {w for w in self.weights if any(f"{CHANGE}({BEFORE}[{w!r}]" in line for line in end)}
        self._cut({*returned, *changed}.union(*(names_in(n) for n in made("\n".join(end)))))
        first = f", {KIND}={0 if self.loss else 1}" if self.out is not None else ""
        first += f", {SHARE}={self.share}" if self.share else ""
        (function,) = made(f"def {self.name}({', '.join(asked)}{first}): pass")
        body = [Turned(back=True).visit(n) for n in [*self.head, *made("; ".join(fitting)), *self.body]]
        function.body = [*made("\n".join(begin)), *body, *made("\n".join(end))]
        function.lineno = self.loop.lineno
        function.firsts = self.firsts
        return function

    def _gradient(self, w, made):
        """(name that a gradient has at the end or "", the lines that make it)."""
        steps = [s for s in self.steps if s.name == w]
        short = w.rpartition(".")[2]
        said = self._said(w, steps)
        name = next(n for n in (start + short for start in _gradient_of) if n not in self.whole.of)
        if said:
            return said, []
        if all(map(self._is_plain, steps)):
            share = f" * {SHARE}" if self.share else ""
            return name, [f"{name} = {CHANGE}({BEFORE}[{w!r}], {w}, {self.rate}{share})"]
        if through := steps[-1].gradient or self._gone_through(steps[-1]):
            return name, [f"{name} = {through}"]
        if steps[-1].beside in self.seen.of or steps[-1].beside in self.whole.reads:
            return name, [f"{name} = {steps[-1].beside}"]
        named = [n for n in self.seen.of if short.lower() in bases(n.rpartition(".")[2])]
        target = steps[-1].target
        taken = [n for n in steps[-1].names if bases(n) and n in self.seen.of]
        if not named and len(taken) == 1 and isinstance(target, ast.Subscript):  # Ws[l] -= lr * gW[l] / ...
            return name, [f"{name} = {taken[0]}"]
        if named and isinstance(target, ast.Subscript):  # of one layer after another
            for block, _ in blocks_of(self.body):
                for i, n in enumerate(block):
                    if n is steps[-1].statement:
                        key = ast.unparse(target.slice)
                        block[i:i] = made(f"{KEPT}[{w!r}, {key}] = {named[-1]}")
                        return name, [
                            f"{name} = [{KEPT}.get(({w!r}, i), 0 * {w}[i]) for i in range(len({w}))]"
                        ]
        through = {name_of(p) for n in self._nodes() if isinstance(n, ast.For) for p in parts_of(n.target)}
        plain = [n for n in self.seen.of if n.lower() in ("g", "grad", "gradient", "grads")]
        plain = [n for n in plain if n not in through]  # g of the last layer
        if not named and plain and len(self.weights) == 1:
            return name, [f"{name} = {plain[-1]}"]
        # v = mom * v - lr * dw before w += v
        before = {n for kept in steps[-1].names for n in self.seen.of.get(kept, ()) if is_gradient_name(n)}
        before &= self.seen.of.keys()
        if not named and len(before) == 1:
            return name, [f"{name} = {before.pop()}"]
        return (named or [""])[-1], []

    def _gone_through(self, step):
        """The list of gradients through which a loop goes beside a list of parameters: grads of
        for i, g in enumerate(grads): params[i] -= ..., or of grads[i]; "" where there is none.
        """
        index = name_of(step.target.slice) if isinstance(step.target, ast.Subscript) else ""
        loops = [n for n in self._nodes() if isinstance(n, ast.For) and step.statement in ast.walk(n)]
        if not index or not loops or root_of(step.target) != step.name:  # else it is one of a list by itself
            return ""
        through, parts = loops[-1].iter, parts_of(loops[-1].target)
        if called_name(through) == "enumerate" and len(parts) == 2 and name_of(parts[0]) == index:
            if is_gradient_name(name_of(parts[1])) or name_of(parts[1]) == "g":
                return ast.unparse(through.args[0])
        places = [
            n for n in ast.walk(loops[-1]) if isinstance(n, ast.Subscript) and name_of(n.slice) == index
        ]
        names = {root_of(n) for n in places if is_gradient_name(root_of(n)) and root_of(n) in self.seen.of}
        return names.pop() if len(names) == 1 and name_of(through) not in names else ""

    def _cut(self, needed):
        """Leave out what stands at the end and makes nothing that is `needed`: a step of Adam, when its gradient has a name."""
        while self.body:
            seen, columns = Body().see(self.body[-1:]), {}
            for n in [n for n in ast.walk(self.body[-1]) if isinstance(n, ast.For)]:
                columns |= columns_of(n, self.file.listed)
            names = {name for row in columns.values() for name in row}
            if (seen.of.keys() | names & {*self.weights} | seen.sets) & needed:
                return
            self.body.pop()

    def call(self):
        """The call that stands in the place of the body."""
        asked = self._asked().items()
        given = (
            f"{argument}={FLOAT}({name})" if name in self.weights else f"{argument}={name}"
            for argument, name in asked
        )
        given = ", ".join(given)
        (call,) = _made_at(self.loop.body[0].lineno)(f"{self.name}({given})")
        return call


class _Script(_Pass):
    """The statements at the top level of a file, without a loop: forward, and gradients that are named after its values."""

    def __init__(self, file, tree):
        self.file, self.scope, self.kind, self.reported, self.filled = file, tree, None, set(), set()
        self.firsts = {}
        work = [
            n
            for n in tree.body
            if not isinstance(n, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef | ast.If)
        ]
        every = Body([n for n in work if Step(n).name]).see(work)
        given = {}
        for name in sorted(every.sets):
            given.setdefault(name.lower(), []).append(name)
        promised = {
            g: max(given[b], key=g.count) for g in every.of for b in bases(g) if b in given
        }  # W of gW, and not w
        # what is computed from others that have a gradient is a value between
        between = [
            w for w in promised.values() if every.depends(every.of.get(w, ()), {*promised.values()} - {w})
        ]
        promised = {g: w for g, w in promised.items() if w not in between}
        body = self.without_reports(copy.deepcopy(work))
        first = next((n for n in body if self._goes_on(n, set(promised.values()))), None)
        if first is None:
            raise _NoPass
        at = body.index(first)
        work = [n for n in body[at:] if Step(n).name not in promised.values()]
        if any(
            Step(n).name in promised.values() for m in work for n in ast.walk(m) if isinstance(n, ast.stmt)
        ):
            raise _NoPass
        loops = [
            n for n in work if isinstance(n, ast.For | ast.While) and {*Body().see(n.body).of} & {*promised}
        ]
        if any(self._steps_through_a_list(n) for m in loops for n in ast.walk(m) if isinstance(n, ast.For)):
            raise _NoPass  # it trains
        filled = {
            root_of(t)
            for n in work
            for m in ast.walk(n)
            for t in getattr(m, "targets", [])
            if isinstance(t, ast.Subscript)
        }
        steps = [step for n in body[at:] for step in steps_in(n) if step.name in promised.values()]
        self.steps = [s for s in steps if self._takes_another(s, promised)]
        self.body = [n for n in body[:at] if Body().see([n]).sets & filled - {*promised.values()}] + work
        self.whole = self.seen = Body().see(self.body)
        self.gradients = {w: g for g, w in promised.items() if w in self.whole.reads and g in self.whole.of}
        self.weights = [*self.gradients]
        self.body += [s.statement for s in self.steps if s.name in self.weights]
        if not self.weights or self._is_handed_gradients() or self._goes_otherwise():
            raise _NoPass
        self.loss, told = self._own_loss()
        self.out = self._compared() if self.loss is None or told else None
        if self.loss is None and self.out is None:
            raise _NoPass
        self.ends = {*self.weights}
        self.lists = []
        self.rate, self.share, self.begins, self.head, self.loop = self._rate(), None, {}, [], first
        self.read_by_methods = set()
        self.name = f"lines_from_line_{first.lineno}"

    def _goes_otherwise(self):
        """Whether a function takes a step of these parameters that is not down by what it is handed, as one that goes up."""
        calls = [n for n in ast.walk(self.scope) if isinstance(n, ast.Call)]
        steppers = [
            (n, self.file.steppers[called_name(n)]) for n in calls if called_name(n) in self.file.steppers
        ]
        return any(s.takes_another and names_in(n) & {*self.weights} for n, s in steppers)

    def _steps_through_a_list(self, loop):
        """Whether a loop takes steps of all that a list holds: what is around it is no pass without a loop."""
        steps = [Step(n) for n in ast.walk(loop) if isinstance(n, ast.stmt)]
        through = {name_of(p) for p in parts_of(loop.target)} | self.file.listed.keys()
        return any(s.name in through and s.goes_down() for s in steps if s.name)

    def _goes_on(self, n, weights):
        """Whether a statement computes from what has a gradient, as the first of forward does."""
        return bool(Body().see([n]).read & weights)

    def _takes_another(self, step, promised):
        """Whether a step takes the gradient of another parameter: b1 = b1 - lr * db2."""
        taken = {promised[n] for n in step.names if n in promised}
        return len(taken) == 1 and step.name not in taken

    def _gradient(self, w, made):
        if any(s.name == w for s in self.steps):
            return super()._gradient(w, made)
        return self.gradients[w], []

    def call(self):
        given = ", ".join(f"{argument}={name}" for argument, name in self._asked().items())
        (call,) = _made_at(self.file.last + 1)(f"if __name__ == '__main__': {self.name}({given})")
        return call


def _made_at(line):
    """A function that makes statements of text, all in one line."""

    def made(text):
        statements = ast.parse(text).body
        for n in (n for statement in statements for n in ast.walk(statement) if hasattr(n, "lineno")):
            n.lineno = n.end_lineno = line
            n.col_offset = n.end_col_offset = 0
        return statements

    return made


def _leaves(body):
    """Whether statements leave the loop around them, or the function, other than by what was left out as a report."""
    for n in body:
        if isinstance(n, ast.Break | ast.Continue | ast.Return):
            return True
        inner = [] if isinstance(n, ast.For | ast.While | ast.FunctionDef | ast.ClassDef) else [n]
        parts = (getattr(m, name, ()) for m in inner for name in ("body", "orelse", "finalbody", "handlers"))
        if any(isinstance(part, list) and _leaves(part) for part in parts):
            return True
    return False


def _same_for_all(value):
    """What a comprehension makes each time, where it does not depend on the time; None otherwise."""
    own = {n for g in getattr(value, "generators", ()) for n in names_in(g.target)}
    return value.elt if isinstance(value, ast.ListComp) and not own & names_in(value.elt) else None


def _labels_of(statement):
    """The labels in d[np.arange(n), labels] -= 1, or in d[label] -= 1; None for other statements."""
    target = getattr(statement, "target", None)
    by_one = isinstance(statement, ast.AugAssign) and getattr(statement.value, "value", None) == 1
    if not by_one or not isinstance(statement.op, ast.Sub) or not isinstance(target, ast.Subscript):
        return None
    index = target.slice
    if (
        isinstance(index, ast.Tuple)
        and len(index.elts) == 2
        and called_name(index.elts[0]) in ("arange", "range")
    ):
        return index.elts[1]
    return index if isinstance(index, ast.Name | ast.Attribute | ast.Subscript) else None


def _is_weighted(name, statements):
    """Whether what is due at each example is multiplied by more than a number, as by an advantage, or more is added to it."""
    for n in statements:
        if isinstance(n, ast.AugAssign) and root_of(n.target) == name:
            by_size = isinstance(n.op, ast.Div) and not isinstance(n.value, ast.Subscript | ast.BinOp)
            by_size = by_size or any(getattr(m, "attr", "") == "shape" for m in ast.walk(n.value))
            if not by_size and not isinstance(n.value, ast.Constant):
                return True
    return False


def _may_be_a_loss(statement):
    """Whether a statement makes a number as a loss is made: a sum of all, or one added to squares and logarithms."""
    nodes = list(ast.walk(statement.value))
    chosen = [n.args[0] for n in nodes if called_name(n) == "where" and n.args]
    if any(isinstance(n, ast.Compare) and n not in chosen for n in nodes):  # how many are right
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


def _number(node):
    return getattr(node, "value", None)


def _form(node, parameters):
    """A value as text, with the names of all but parameters left open: what two outputs of one network share."""
    node = copy.deepcopy(node)
    for n in ast.walk(node):
        if isinstance(n, ast.Name) and n.id not in parameters:
            n.id = "_"
    return ast.unparse(node)


def _terms(value):
    """The names that a sum adds, each by itself or times a number or a name; [] where there is more in it."""
    if isinstance(value, ast.Name):
        return [value.id]
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add):
        both = _terms(value.left), _terms(value.right)
        return [*both[0], *both[1]] if all(both) else []
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult):
        names = [n for n in (value.left, value.right) if isinstance(n, ast.Name)]
        plain = all(isinstance(n, ast.Name | ast.Constant | ast.Attribute) for n in (value.left, value.right))
        return [n.id for n in names] if plain else []
    return []


def _depth(parameter):
    """Of how many parts a parameter is told by: 0 for W, 1 for P["W"]."""
    return 1 + _depth(parameter.value) if isinstance(parameter, ast.Subscript | ast.Attribute) else 0


def _at(where, node):
    """A new node at the place of another one, with all that has no place of its own."""
    return ast.fix_missing_locations(ast.copy_location(node, where))
