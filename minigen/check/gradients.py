"""`check_gradients`: is the gradient of a person's own function right, by tape and, where given, by hand?

The function need not return a scalar. Its output is weighted by random numbers, never summed: the sum of a
softmax is constant, so under a sum any rule that returns zeros would pass, and so would any rule that forgets
to multiply by what flows in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigen.check.differences import DIRECTIONS, EVERY, Loss
from minigen.check.inputs import Given, Inputs, misfit, title
from minigen.check.moved import FEW, second_look
from minigen.check.pair import takes
from minigen.check.preserve import preserved
from minigen.check.report import Report
from minigen.check.stencil import generator, norm
from minigen.check.verdict import record
from minigen.check.vjp import DRAWS, nothing_compared
from minigen.check.witnesses import ByTape
from minigen.engine import backend, ops, tape
from minigen.engine.tape import Tensor


def check_gradients(
    forward: Callable[..., Any],
    backward: Any = None,
    inputs: Given | None = None,
    *,
    gradients: Any = None,
    wrt: Sequence[str] | None = None,
    order: int = 1,
    seed: int = 0,
    every: int = EVERY,
    directions: int = DIRECTIONS,
    device: str = "cpu",
) -> Report:
    """Compare the gradient of `forward` by tape, and by hand if given, with finite differences.

    Returns a Report.

    `check_gradients(forward, inputs)`, or `check_gradients(forward, backward, inputs)`
    with your own derivation.

    `inputs`: a list or tuple is passed as `forward(*tensors)`, a single array as `forward(tensor)`,
    a dict by name to a function with arguments of these names, and as one dict of tensors to others;
    or a function of a generator that returns a dict. All are float64 copies. `forward` returns a Tensor;
    a scalar is differentiated as it is, any other shape is weighted by a random g.

    `backward(g, *inputs)` of arrays gives your gradients, one, several in the order of the inputs, or by
    name; g is 1 for a scalar, and need not be taken there. One that is None or not named is not compared.
    The keyword `gradients` takes the same, or the gradients of a scalar themselves.

    After an ok the check is repeated at moved inputs, as in `check_vjp`. A model that `forward` uses is
    afterwards what it was before, its running statistics too.

    `wrt` names the inputs to check (all). `order=2` also checks the gradient of <gradient, v> for random v,
    which is what a gradient penalty needs. A tensor above `every` entries is checked along that many random
    `directions`. `seed` fixes everything that is random.

    The report raises nothing unless asked: `report.assert_ok()`. TypeError and ValueError are for what cannot
    be checked: inputs of integers, unknown names, an `f` that returns no Tensor.

    >>> check_gradients(lambda x: minigen.tanh(x) * x, np.array([0.5, -1.0])).ok
    True
    """
    if inputs is None:
        if backward is None:
            raise ValueError("check_gradients: there are no inputs to check")
        backward, inputs = None, backward
    if backward is not None and gradients is not None:
        raise TypeError("check_gradients: gradients= is another word for backward; give one of them")
    gradients = backward if gradients is None else gradients
    if order not in (1, 2):
        raise ValueError(f"check_gradients: order must be 1 or 2, got {order!r}")
    rng, reports = generator(seed, 10), []
    with preserved(forward, gradients):
        for _ in range(DRAWS if callable(inputs) else 1):
            drawn = Inputs("check_gradients", forward, inputs, rng)
            options = {"every": every, "directions": directions}
            reports.append(_check(forward, gradients, drawn, wrt, order, seed, options, device))
            if not reports[-1].ok:
                break
    return reports[-1] if not reports[-1].ok else reports[0]


def _check(f, gradients, inputs, wrt, order, seed, options, device):
    for name, x in inputs.constants.items():
        raise TypeError(
            f"check_gradients: input {name} has dtype {x.dtype}, and only real numbers have a gradient: use "
            f"{name}.astype(float), or, if it holds labels or indices, keep it out of the inputs, as in "
            "check_gradients(lambda w: loss(w, labels), [w])"
        )
    names = inputs.select(wrt)
    function = ByTape(lambda tensors: inputs.call(f, tensors), device)

    def look(arrays, options, orders):
        rng = generator(seed)
        recorded, g = function.gradients(
            arrays, names, lambda shape: np.ones(shape) if np.prod(shape) == 1 else rng.standard_normal(shape)
        )
        options = {**options, "rng": rng}
        hand = _by_hand(gradients, g, inputs, arrays)
        if any(x.shape != inputs.floats[n].shape for n, x in arrays.items()):  # a second look at other sizes
            if any(n in arrays and claim.shape != arrays[n].shape for n, claim in hand.items()):
                raise ValueError("the derivation by hand was not written for inputs of these sizes")
        loss = Loss(function, arrays, g, seed)
        records = nothing_compared(_records(title(f), loss, recorded, hand, options), loss)
        if orders == 2:
            vs = {n: rng.standard_normal(arrays[n].shape) for n in names}
            slope = ByTape(_slope(function, g, vs), device, tracked=True)
            recorded, one = slope.gradients(arrays, names, np.ones)
            second = _records(title(f), Loss(slope, arrays, one, seed), recorded, {}, options)
            for r in second:
                r.parameter += " (2nd order)"
            records += second
        return records

    report = Report(look(inputs.floats, options, order), inputs.notes)
    if report.ok and not inputs.draw and (gradients is None or callable(gradients)):
        look_there, value = lambda arrays: look(arrays, FEW, order), lambda arrays: function(arrays)[0]
        second_look(report, look_there, value, inputs.floats, names, generator(seed, 11))
    return report


def _records(subject, loss, recorded, hand, options):
    tapes = {n: np.zeros_like(loss.arrays[n]) if g is None else g for n, g in recorded.items()}
    largest = max((norm(g) for g in tapes.values()), default=0.0)
    records = []
    for name, g in tapes.items():
        claim = hand.get(name)
        wrong = None if claim is None else misfit("by hand", name, claim, g.shape)
        r = record(subject, name, loss, hand=None if wrong else claim, tape=g, largest=largest, **options)
        if wrong:
            r.verdict, r.reason = "wrong", wrong
        elif recorded[name] is None and r.verdict == "wrong":
            r.reason += (
                f"; the tape knows no way from {name} to the result: cut by detach(), no_grad() or .data?"
            )
        records.append(r)
    return records


def _slope(function, g, vs):
    """The function tensors -> <gradient of <g, f>, v>: its own gradient holds the second derivatives of f."""

    def slope(tensors):
        y = function.function(tensors)
        found = [None] * len(vs)
        if y.requires_grad:
            weights = backend.to(g, function.device).astype(y.dtype)
            found = tape.grad(y, [tensors[n] for n in vs], weights, create_graph=True, allow_unused=True)
        total = Tensor(backend.to(np.zeros(()), function.device))
        for gx, v in zip(found, vs.values(), strict=True):
            total = total if gx is None else total + ops.sum(gx * backend.to(v, function.device))
        return total

    return slope


def _by_hand(gradients, g, inputs, arrays):
    if gradients is None:
        return {}
    if callable(gradients):
        given = {n: x.copy() for n, x in arrays.items()}
        if g.ndim == 0 and _needs_no_g(gradients, inputs):
            gradients = inputs.call(gradients, given)
        elif inputs.by_name:
            gradients = gradients(g.copy(), **given)
        else:
            gradients = gradients(g.copy(), *inputs.arguments(given))
    elif g.size != 1:
        raise ValueError(
            f"check_gradients: f gives shape {g.shape}, so your gradients depend on what flows in: pass a "
            "function gradients(g, *inputs) that uses g, or let f return a scalar"
        )
    return inputs.named(gradients, "gradients")


def _needs_no_g(backward, inputs):
    """Whether a backward of a loss takes the inputs alone."""
    count = 1 if inputs.one_dict else len(inputs.order)
    return takes(backward, count) and not takes(backward, count + 1)
