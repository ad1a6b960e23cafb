"""Loops that compute no loss, in part: what is the gradient at an output is taken as given, and what follows from it is judged.

    logits = h @ W + b
    dlogits = p.copy(); dlogits[np.arange(n), actions] -= 1; dlogits *= advantage[:, None]
    dW = h.T @ dlogits

Of what loss dlogits is the gradient stands nowhere: a policy gradient, a hinge, an energy. But whatever numbers dlogits holds, dW must be
the gradient of sum(dlogits * logits). So numbers that depend on the shape alone are put in the place of dlogits, and that is the loss.
"""

import ast

from minigen.explain.flow import Body, root_of
from minigen.explain.naming import bases, is_gradient_name
from minigen.explain.running import COPY, FIRST, OUT, VALUE, WEIGHED
from minigen.explain.source import called_name, called_names
from minigen.explain.steps import goes_up


def of_a_pass(body, seen, weights):
    """{gradient: value} of those that are computed from no other gradient of a value."""
    depend = {name for name in seen.of if name not in weights and seen.depends([name], weights)}
    values = {name.rpartition(".")[2].lower(): name for name in sorted(depend)}
    gradients = {}
    for name in seen.of:
        of = [values[b] for b in bases(name.rpartition(".")[2]) if b in values and values[b] != name]
        of = of or _read_by(name, body, depend)
        gradients |= {name: of[0]} if of else {}
    first = [g for g in gradients if not seen.depends(seen.of[g] - {g}, gradients.keys() - {g})]
    return {g: gradients[g] for g in first if not seen.depends([gradients[g]], gradients)}


def begun(body, seen, weights, steps, plain, made):
    """({gradient: line}, the statements with a loss that begins at those); None where that is not sure, as where a gradient on
    which the steps depend is that of no value that has a name. `plain`: the steps that take a gradient alone; `made(text)` makes
    statements.
    """
    taken, sign = {name for s in steps for name in s.names}, _sign(plain)
    first = of_a_pass(body, seen, weights)
    behind = [n for n in seen.of if seen.depends(taken, {n}) and not seen.depends(first.values(), {n})]
    named = [n for n in behind if is_gradient_name(n.rpartition(".")[2])]
    # of several, one may go back on purpose into a part of the network alone
    if (
        len(first) != 1
        or not sign
        or not all(n in first or seen.depends(seen.of[n], {*first}) for n in named)
    ):
        return None
    if not all(seen.depends(s.names, {*first}) for s in steps):
        return None
    ((gradient, value),) = first.items()
    sets = [n for n in body if gradient in Body().see([n]).of]
    makers = [n for n in body if value in Body().see([n]).of]
    if not _is_set_once(value, makers) or any({*Body().see([n]).of} != {gradient} for n in sets):
        return None
    statements = []
    for n in body:
        statements += [n] if n not in sets else []
        if n is makers[0]:
            statements += made(f"{OUT} = {COPY}({value})")
        if n is sets[-1]:
            statements += made(f"{gradient} = {FIRST}({OUT}); {VALUE} = {sign}{WEIGHED}({OUT})")
    return {gradient: sets[-1].lineno}, statements


def _read_by(name, body, depend):
    """[the one value that comes from the weights and is read where a gradient is made whose name says no more, as delta]."""
    if bases(name.rpartition(".")[2]) or not is_gradient_name(name.rpartition(".")[2]):
        return []
    sets = [n for n in body if name in Body().see([n]).of]
    read = set().union(*(Body().see([n]).read for n in sets)) & depend - {name}
    return [*read] if len(read) == 1 and not any(map(is_gradient_name, read)) else []


def _sign(steps):
    """ "-" where all steps go up, w += lr * dw, so that what is taken is minus a gradient; "+" where all go down; "" for others."""
    ways = {goes_up(s) for s in steps}
    return {(): "+", (False,): "+", (True,): "-"}.get((*ways,), "")


def _is_set_once(value, statements):
    """Whether a value has one meaning: it is set by one statement, as a sum or a product of matrices, and another takes its
    maximum away at most. Of probabilities, dp is mostly what is due before the softmax.
    """
    first, *others = statements or [None]
    if not isinstance(first, ast.Assign) or root_of(first.targets[0]) != value:
        return False
    sums = isinstance(getattr(first.value, "op", None), ast.Add | ast.Sub | ast.MatMult)
    if not sums and called_name(first.value) not in ("dot", "matmul", "einsum", "sum"):
        return False
    return all(isinstance(n, ast.Assign | ast.AugAssign) and "max" in called_names(n) for n in others)
