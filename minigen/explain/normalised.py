"""Terms of the derivatives of normalisations: of a softmax, of a vector of length one, of a batch or layer norm.

All have one form: what comes from above, less its part along the normalised value. With p = softmax(a) it is
p * (dp - sum(dp * p)); with u = v / |v| it is (du - u * sum(du * u)) / |v|; with x_hat = (x - mean) / std it is
(d - mean(d) - x_hat * mean(d * x_hat)) / std. People leave out the last part. It is offered where a value is at hand
that is normalised: whose entries, or their squares, add up to one along an axis, or are one in the mean.
"""

import ast

import numpy as np

from minigen.explain.edits import Edit, bare, binary, called, chain_of, product_of, text
from minigen.explain.naming import promised


def edits(slots, values, arrays):
    """Changes of one statement that add what a normalisation takes away."""
    known = [a for a in arrays if a.value.dtype.kind == "f" and a.value.size > 1]
    for node in slots.nodes:
        value = values.get(id(node))
        parent = slots.place(node)[0]
        if not isinstance(value, np.ndarray) or value.dtype.kind != "f" or value.ndim == 0:
            continue
        alike = [a for a in known if a.value.shape == value.shape]
        yield from _of_length(node, alike)
        yield from _beside_a_mean(node, known, values)
        if not (isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Mult | ast.Div)):
            yield from _of_softmax(node, alike, values)  # of the whole product


def _of_softmax(node, alike, values):
    """dp * p and dp * p * (1 - p) for p * (dp - sum(dp * p))."""
    chain = chain_of(node)
    if len(chain) < 2:
        return
    for p in alike:
        rest = [(op, f) for op, f in chain if not _reads(f, p)]
        if len(rest) == len(chain) or not rest or isinstance(rest[0][0], ast.Div):
            continue
        due = product_of(rest)
        taken = values.get(id(due.right)) if isinstance(getattr(due, "op", None), ast.Sub) else None
        for axis, total in _along(p.value, p.value):
            part = _reduced(binary(due, ast.Mult(), p.node), "sum", axis)
            if total:
                # where a sum is subtracted already, that one is likelier at fault
                more = 0.3 * (
                    np.ndim(taken) == p.value.ndim and axis is not None and np.shape(taken)[axis] == 1
                )
                of = " of its row" if axis == p.value.ndim - 1 else " of its column" if axis == 0 else ""
                words = "the derivative of the softmax has a second part: "
                words += f"every {bare(p.text)} moves all others{of}"
                new = binary(p.node, ast.Mult(), binary(due, ast.Sub(), part))
                yield Edit(1.2 + more, "function", words, node, new)


def _of_length(node, alike):
    """d for d - u * sum(d * u), where u has length one along an axis, or where its squares are one in the mean."""
    for u in alike if not isinstance(node, ast.Call) else ():
        if _reads(node, u):
            continue
        for axis, total in _along(u.value, u.value**2):
            mean = not total and _is_one(np.mean(u.value**2, axis=axis))
            if total or mean:
                part = _reduced(binary(node, ast.Mult(), u.node), "mean" if mean else "sum", axis)
                part = binary(u.node, ast.Mult(), part)
                words = f"{u.text} is normalised: the term -{text(part)} is missing beside {text(node)}"
                cost = 1.3 + 0.05 * isinstance(node, ast.BinOp)  # the simplest form of several
                cost -= 0.15 * (u.text.lower() in promised(text(node)))
                yield Edit(cost, "term", words, node, binary(node, ast.Sub(), part))


def _beside_a_mean(node, known, values):
    """d - mean(d) for d - mean(d) - x_hat * mean(d * x_hat)."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Sub | ast.Add):
        return
    call, factors = node.right, []
    while isinstance(call, ast.BinOp) and isinstance(call.op, ast.Div | ast.Mult):
        factors.append((call.op, call.right))
        call = call.left
    method = call.func if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) else None
    if method is None or method.attr not in ("mean", "sum"):
        return
    whole = text(method.value) in ("np", "numpy")
    over = call.args[0] if whole and call.args else method.value
    shape = np.shape(values.get(id(over)))
    for u in known:
        if u.value.shape == shape and not _reads(node, u):
            both = binary(over, ast.Mult(), u.node)
            if whole:
                new = ast.Call(call.func, [both, *call.args[1:]], call.keywords)
            else:
                new = ast.Call(ast.Attribute(both, method.attr, ast.Load()), call.args, call.keywords)
            part = binary(u.node, ast.Mult(), product_of([(None, new), *reversed(factors)]))
            sign = "-" if isinstance(node.op, ast.Sub) else ""
            words = f"the term {sign}{text(part)} is missing beside {text(node)}"
            yield Edit(1.3, "term", words, node, binary(node, node.op, part))


def _along(value, parts):
    """(axis, whether `parts` add up to one along it); of a vector the axis is None."""
    for axis in range(value.ndim) if value.ndim > 1 else (None,):
        if value.ndim == 1 or value.shape[axis] > 1:
            yield axis, _is_one(parts.sum(axis=axis))


def _is_one(sums):
    """Whether sums are one, but for an eps by which was divided, or 0 where all is masked."""
    one = (sums > 0.98) & (sums < 1 + 1e-9)
    return bool(np.all(one | (sums == 0)) and np.any(one))


def _reads(node, atom):
    parts = (n for n in ast.walk(node) if isinstance(n, ast.Name | ast.Attribute | ast.Subscript))
    return any(text(n) == atom.text for n in parts)


def _reduced(node, name, axis):
    return called(node, name) if axis is None else called(node, name, axis=axis, keepdims=True)
