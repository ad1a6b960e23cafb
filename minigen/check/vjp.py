"""`check_vjp`: is a backward, written by hand in plain NumPy, the right one for its forward?

Before any difference is taken, the backward must keep a contract that is cheap to test: a gradient of the right shape for each
input, the same answer twice, nothing changed in place, and an answer proportional to the upstream gradient g. A backward
that forgets to multiply by g breaks the last, whatever its formula is.
"""

import numpy as np

from minigen.check.differences import DIRECTIONS, EVERY, Loss
from minigen.check.inputs import Inputs, misfit, title
from minigen.check.report import Record, Report
from minigen.check.verdict import record


def check_vjp(forward, backward, inputs, *, wrt=None, seed=0, every=EVERY, directions=DIRECTIONS):
    """Check `backward(g, *inputs)` against differences of `forward(*inputs)`, for a random upstream g. Returns a Report.

    `forward(*inputs) -> y`, an array or a number. `backward(g, *inputs)` returns the gradient of <g, y>: one array, a tuple in
    the order of the inputs, or a dict by name. With `backward=None` a layer returns its own way back,
    `forward(*inputs) -> (y, backward)` with `backward(g)`. A dict of inputs is passed as one dict.

    Everything is done in float64, on copies. Inputs of integers (labels, indices) are constants; their gradient, and that of
    inputs not in `wrt`, may be None or missing. Kinks are noticed from the values alone, as there is no tape.

    The report raises nothing unless asked: `report.assert_ok()`. TypeError is for a forward that returns no real numbers.

    >>> check_vjp(np.tanh, lambda g, x: g * (1 - np.tanh(x) ** 2), [np.array([0.5, -1.0])]).ok
    True
    """
    layer = _Layer(forward, backward, Inputs("check_vjp", forward, inputs))
    subject, floats = title(forward), layer.inputs.floats
    names = layer.inputs.select(wrt)
    y = layer.forward(floats)
    rng = np.random.default_rng(seed)
    g, g2 = rng.standard_normal(y.shape), rng.standard_normal(y.shape)
    try:
        found = layer.backward(g)
    except ValueError as error:
        if not isinstance(error, _Contract):
            raise
        return Report([_wrong(subject, "(backward)", str(error))], layer.inputs.notes)
    records = [_wrong(subject, f"({what})", sentence) for what, sentence in layer.changed_in_place]
    loss = Loss(lambda arrays: (layer.forward(arrays), None), floats, g, seed)
    fits = {n: found[n] for n in names if n in found and found[n].shape == floats[n].shape}
    broken = {} if loss.flaw else _broken_promises(layer, g, g2, fits)
    largest = max((float(np.linalg.norm(v)) for v in fits.values() if np.isfinite(v).all()), default=0.0)
    for name in names:
        if name not in fits:
            cure = f"backward gives no gradient for {name}; if it needs none, leave it out of wrt"
            sentence = misfit("backward", name, found[name], floats[name].shape) if name in found else cure
            records.append(_wrong(subject, name, sentence, floats[name].shape))
            continue
        options = {"every": every, "directions": directions, "largest": largest, "rng": rng}
        r = record(subject, name, loss, hand=fits[name].astype(np.float64), **options)
        if name in broken and np.isfinite(fits[name]).all():
            r.verdict, r.reason = "wrong", broken[name]
        records.append(r)
    return Report(records, layer.inputs.notes)


class _Contract(ValueError):
    """What backward returned cannot be matched with the inputs."""


class _Layer:
    """A forward and its backward in either of the two forms, called on copies that are looked at afterwards."""

    def __init__(self, forward, backward, inputs):
        self._forward, self._backward, self.inputs = forward, backward, inputs
        self.changed_in_place = []

    def _fresh(self, arrays):
        return {n: x.copy() for n, x in (arrays | self.inputs.constants).items()}

    def forward(self, arrays):
        y = self._forward(*self.inputs.arguments(self._fresh(arrays)))
        if self._backward is None:
            y = _pair(y)[0]
        y = np.asarray(y)
        if y.dtype.kind != "f":
            raise TypeError(f"check_vjp: forward must return an array of real numbers, got {_kind(y)}")
        return y

    def backward(self, g):
        """The gradients by name. What was changed in place on the way is kept in `changed_in_place`."""
        given, upstream = self._fresh(self.inputs.floats), g.copy()
        before = self._fresh(given)
        arguments = self.inputs.arguments(given)
        y = self._forward(*arguments)
        spoilt = [("forward", n) for n in given if not np.array_equal(given[n], before[n], equal_nan=True)]
        if self._backward is None:
            gradients = _pair(y)[1](upstream)
        else:
            gradients = self._backward(upstream, *arguments)
        for n in given:
            if ("forward", n) not in spoilt and not np.array_equal(given[n], before[n], equal_nan=True):
                spoilt.append(("backward", n))
        self.changed_in_place = [
            (
                who,
                f"{who} changes {n} in place; whoever else uses {n} gets wrong values: write {n} = {n} * a, not {n} *= a",
            )
            for who, n in spoilt + ([] if np.array_equal(upstream, g) else [("backward", "g")])
        ]
        try:
            return {n: np.array(v) for n, v in self.inputs.named(gradients, "backward").items()}
        except ValueError as error:
            raise _Contract(str(error)) from error


def _pair(result):
    if not (isinstance(result, tuple) and len(result) == 2 and callable(result[1])):
        raise TypeError(
            f"check_vjp: with backward=None, forward must return (y, backward), got {type(result).__name__}"
        )
    return result


def _kind(y):
    return f"{y.dtype} {y.shape}" if y.dtype != object else "an object that is no array; did it return (y, cache)?"


def _wrong(subject, parameter, sentence, shape=None):
    return Record(subject, parameter, shape, verdict="wrong", reason=sentence)


def _broken_promises(layer, g, g2, first):
    """{name: sentence} for the gradients that are rounded, change from call to call, or are not proportional to g."""
    again, zero, other, mixed = (layer.backward(u) for u in (g, 0 * g, g2, 2 * g + 3 * g2))
    broken = {}
    for name, a in first.items():
        if a.dtype != np.float64:
            broken[name] = (
                f"backward gives {a.dtype} where everything else is float64: something inside is rounded; remove the cast"
            )
        elif not _same(a, again[name]):
            twice = (
                " the second is twice the first: it adds to an array that outlives the call"
                if _same(2 * a, again[name])
                else ""
            )
            broken[name] = (
                f"two calls with the same arguments give different gradients:{twice or ' is noise drawn inside?'}"
            )
        elif a.any() and _same(a, other[name]):
            broken[name] = (
                "backward does not depend on g: multiply by the upstream gradient, which is 1 only at the loss itself"
            )
        elif zero[name].any():
            broken[name] = "the gradient for g = 0 is not 0: something is added that does not come from g"
        elif not _same(mixed[name], 2 * a + 3 * other[name]):
            broken[name] = "backward is not linear in g: is g used twice, clipped or rounded?"
    return broken


def _same(a, b):
    return a.shape == b.shape and bool(np.linalg.norm(a - b) <= 1e-11 * (np.linalg.norm(a) + np.linalg.norm(b)))
