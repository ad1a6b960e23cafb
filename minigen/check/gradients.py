"""`check_gradients`: is the gradient of a person's own function right, by tape and, where given, by hand?

The function need not return a scalar. Its output is weighted by random numbers, never summed: the sum of a
softmax is constant, so under a sum any rule that returns zeros would pass, and so would any rule that forgets
to multiply by what flows in.
"""

import numpy as np

from minigen.check.differences import DIRECTIONS, EVERY, Loss, generator
from minigen.check.inputs import Inputs, misfit, title
from minigen.check.report import Report
from minigen.check.verdict import record
from minigen.check.witnesses import ByTape
from minigen.engine import backend, ops, tape
from minigen.engine.tape import Tensor


def check_gradients(
    f, inputs, *, gradients=None, wrt=None, order=1, seed=0, every=EVERY, directions=DIRECTIONS, device="cpu"
):
    """Compare the gradient of `f` by tape, and by hand if given, with finite differences. Returns a Report.

    `inputs`: a list is passed as `f(*tensors)`, a dict as one dict of tensors, a single array as `f(tensor)`;
    all are float64 copies. `f` returns a Tensor; a scalar is differentiated as it is, any other shape is
    weighted by a random g.

    `gradients`: your own, by name or in the order of the inputs, where `f` is a scalar; or a function
    `gradients(g, *inputs)` of arrays that returns them, g being 1 for a scalar. One that is None or not named
    is not compared.

    `wrt` names the inputs to check (all). `order=2` also checks the gradient of <gradient, v> for random v,
    which is what a gradient penalty needs. A tensor above `every` entries is checked along that many random
    `directions`. `seed` fixes everything that is random.

    The report raises nothing unless asked: `report.assert_ok()`. TypeError and ValueError are for what cannot
    be checked: inputs of integers, unknown names, an `f` that returns no Tensor.

    >>> check_gradients(lambda x: minigen.tanh(x) * x, np.array([0.5, -1.0])).ok
    True
    """
    inputs = Inputs("check_gradients", f, inputs)
    for name, x in inputs.constants.items():
        raise TypeError(
            f"check_gradients: input {name} has dtype {x.dtype}, and only real numbers have a gradient: use "
            f"{name}.astype(float), or, if it holds labels or indices, keep it out of the inputs, as in "
            "check_gradients(lambda w: loss(w, labels), [w])"
        )
    if order not in (1, 2):
        raise ValueError(f"check_gradients: order must be 1 or 2, got {order!r}")
    names, arrays = inputs.select(wrt), inputs.floats
    rng = generator(seed)
    function = ByTape(lambda tensors: f(*inputs.arguments(tensors)), device)
    recorded, g = function.gradients(
        arrays, names, lambda shape: np.ones(shape) if np.prod(shape) == 1 else rng.standard_normal(shape)
    )
    options = {"every": every, "directions": directions, "rng": rng}
    hand = _by_hand(gradients, g, inputs)
    records = _records(title(f), Loss(function, arrays, g, seed), recorded, hand, options)
    if order == 2:
        vs = {n: rng.standard_normal(arrays[n].shape) for n in names}
        slope = ByTape(_slope(function, g, vs), device, tracked=True)
        recorded, one = slope.gradients(arrays, names, np.ones)
        second = _records(title(f), Loss(slope, arrays, one, seed), recorded, {}, options)
        for r in second:
            r.parameter += " (2nd order)"
        records += second
    return Report(records, inputs.notes)


def _records(subject, loss, recorded, hand, options):
    tapes = {n: np.zeros_like(loss.arrays[n]) if g is None else g for n, g in recorded.items()}
    largest = max((float(np.linalg.norm(g)) for g in tapes.values()), default=0.0)
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


def _by_hand(gradients, g, inputs):
    if gradients is None:
        return {}
    if callable(gradients):
        gradients = gradients(g.copy(), *inputs.arguments({n: x.copy() for n, x in inputs.floats.items()}))
    elif g.size != 1:
        raise ValueError(
            f"check_gradients: f gives shape {g.shape}, so your gradients depend on what flows in: pass a "
            "function gradients(g, *inputs) that uses g, or let f return a scalar"
        )
    return inputs.named(gradients, "gradients")
