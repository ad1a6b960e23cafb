"""Steps that a function or method of the file takes: adam(P, G, M, V, t), W = sgd(W, dW, lr), update("W1", dW1, t).

What such a function is handed as the gradient was derived by the person; how it goes down is not in question. So in a pass of a
loop (loops.py) its call becomes an assignment of the gradient, at the same place of the text.
"""

import ast
import copy
import re

from minigen.explain.flow import Turned, blocks_of, parts_of, root_of
from minigen.explain.naming import bases, is_gradient_name
from minigen.explain.running import SHARED
from minigen.explain.source import called_name, called_names, name_of, names_in
from minigen.explain.steps import Step, columns_of, goes_up, steps_in, steps_of_each

_named = re.compile(
    r"adam|sgd|step|upd|optim|momentum|rmsprop|adagrad|descen|apply|schritt|paso|passo|aktualis|actuali|aggiorna|atuali|obnov|"
    r"krok|mise_a_jour|maj|guncelle",
    re.I,
)


class Stepper:
    """A function that takes a step: the arguments that it changes, and the one that tells a name, with what holds that."""

    def __init__(self, definition):
        self.named = bool(_named.search(definition.name))
        self.arguments = [a.arg for a in definition.args.args if a.arg not in ("self", "cls")]
        self.changed, self.key, self.holder, self.by_attribute = [], "", None, False
        self.divisors = set()  # the arguments by which a step is divided, as by the number of examples
        steps = []
        for n in (n for block, _ in blocks_of(definition.body) for n in block):
            for step in [*steps_in(n), *steps_of_each(n, self.arguments, {}), *self._given_back(n)]:
                if step.name in self.arguments and (step.goes_down() or isinstance(step.op, ast.Sub)):
                    steps.append(step)
                elif isinstance(step.target, ast.Subscript) and name_of(step.target.slice) in self.arguments:
                    self.key, self.holder = step.target.slice.id, step.target.value
            call = n.value if isinstance(n, ast.Expr) else None
            if (
                called_name(call) == "setattr"
                and len(call.args) == 3
                and name_of(call.args[1]) in self.arguments
            ):
                self.key, self.holder, self.by_attribute = call.args[1].id, call.args[0], True
        # what another step reads is a mean that is kept
        read = {id(s): set().union(*(o.names for o in steps if _own(o) != _own(s))) for s in steps}
        steps = [s for s in steps if _own(s) not in read[id(s)]]
        self.changed = [s.name for s in steps]
        # weight decay, which the loss may have as well; a step up; a gradient that is made here
        self.takes_another = any(_own(s) in s.names or _is_up(s) or _multiplies(s.taken) for s in steps)
        for n in (n for s in steps for n in ast.walk(s.taken) if isinstance(n, ast.BinOp)):
            if isinstance(n.op, ast.Div) and name_of(n.right) in self.arguments:
                self.divisors.add(n.right.id)

    def _given_back(self, n):
        """The Steps in what a function returns: return w - lr * g, v."""
        for value in parts_of(n.value) if isinstance(n, ast.Return) and n.value else ():
            if (
                isinstance(value, ast.BinOp)
                and isinstance(value.op, ast.Sub | ast.Add)
                and root_of(value.left)
            ):
                step = Step(ast.copy_location(ast.Assign([value.left], value), n))
                if step.name and (self.named or step.goes_down()):
                    yield step

    def takes(self, call, targets, comes_from):
        """[(parameter, gradient)] of a call, as expressions; `targets`: the texts of what it is assigned to, and
        `comes_from(node, name)`: whether an expression is computed from a name.
        """
        spread = any(isinstance(a, ast.Starred) for a in call.args) or any(
            k.arg is None for k in call.keywords
        )
        if self.takes_another or spread:
            return []
        given = dict(zip(self.arguments, call.args, strict=False)) | {k.arg: k.value for k in call.keywords}
        parameters = [a for a in self.changed if a in given]
        if targets:
            parameters = [a for a in given if ast.unparse(given[a]) in targets]
            parameters = [a for a in parameters if a in self.changed] or parameters
        parameters = [given[a] for a in dict.fromkeys(parameters)]
        name = getattr(given.get(self.key), "value", None)
        if not parameters and isinstance(name, str):
            parameters = [self._held(name)]
        roots = [root_of(e) for p in parameters for e in getattr(p, "elts", [p])]
        others = [
            node
            for a, node in given.items()
            if node not in parameters and ast.unparse(node) not in targets
            if is_gradient_name(a) or any(map(is_gradient_name, names_in(node)))
            if any(comes_from(node, root) for root in roots)
        ]
        pairs = _side_by_side(parameters, others) if roots and all(roots) else []
        return [(p, self._share(g, given)) for p, g in pairs]

    def _share(self, gradient, given):
        """What a step takes of a gradient that it divides by the number of examples."""
        for number in [given[a] for a in sorted(self.divisors) if a in given]:
            gradient = ast.copy_location(
                ast.Call(ast.Name(SHARED, ast.Load()), [gradient, number], []), gradient
            )
        return gradient

    def _held(self, name):
        """What a name stands for: P["W1"] or net.W1."""
        holder = copy.deepcopy(self.holder)
        if self.by_attribute:
            return Turned().visit(ast.Attribute(holder, name, ast.Load()))
        return ast.Subscript(Turned().visit(holder), ast.Constant(name), ast.Load())


def _is_up(step):
    """Whether a step adds a gradient: w += lr * dw, and not w + v after v = 0.9 * v - lr * g."""
    return goes_up(step) and any(map(is_gradient_name, step.names))


def _multiplies(taken):
    """Whether a step multiplies matrices, as in W -= lr * x.T @ delta."""
    products = (n for n in ast.walk(taken) if isinstance(getattr(n, "op", None), ast.MatMult))
    return any(products) or bool(called_names(taken) & {"dot", "matmul", "outer", "einsum"})


def _own(step):
    """The name that a step changes, as it stands there."""
    return root_of(step.target)


def _side_by_side(parameters, others):
    """[(parameter, gradient)]: each with what is named after it, else in their order."""
    if len(parameters) == 1:
        (p,) = parameters
        named = [o for o in others if is_gradient_name(name_of(o))] or others
        pairs = [(p, named[0])] if named else []
    else:
        pairs = [(p, o) for p in parameters for o in others if name_of(p).lower() in bases(name_of(o))]
        if len(others) == len(parameters) and len(pairs) != len(parameters):
            pairs = list(zip(parameters, others, strict=True))
    return [part for pair in pairs for part in _parts(*pair)]


def _parts(parameter, gradient):
    """[W, b] and [dW, db] are two pairs."""
    kinds = ast.List | ast.Tuple
    if (
        isinstance(parameter, kinds)
        and isinstance(gradient, kinds)
        and len(parameter.elts) == len(gradient.elts)
    ):
        return list(zip(parameter.elts, gradient.elts, strict=True))
    return [(parameter, gradient)]


def handed(n, steppers, listed, comes_from):
    """[(parameter, gradient)] of a statement that takes steps by a function, or of a loop that does so for each of several."""
    if isinstance(n, ast.For):
        return _for_each(n, steppers, listed, comes_from)
    call = n.value if isinstance(n, ast.Expr | ast.Assign) else None
    stepper = steppers.get(called_name(call)) if isinstance(call, ast.Call) else None
    if stepper is None:
        return []
    targets = [ast.unparse(p) for t in getattr(n, "targets", ()) for p in parts_of(t)]
    return stepper.takes(call, targets, comes_from)


def _for_each(loop, steppers, listed, comes_from):
    """Those of `for p, g in zip([W, b], [dW, db]): adam(p, g)`."""
    columns = columns_of(loop, listed)
    found = []
    for n in loop.body if columns else ():
        for parameter, gradient in handed(n, steppers, listed, lambda node, name: name_of(node) in columns):
            one, other = (columns.get(name_of(e), ()) for e in (parameter, gradient))
            for name, beside in zip(one, other, strict=False):
                pair = ast.Name(name, ast.Load()), ast.Name(beside, ast.Load())
                if comes_from(pair[1], name):
                    found.append(tuple(ast.copy_location(e, loop) for e in pair))
    return found
