"""`check_vjp`: is a backward, written by hand in plain NumPy, the right one for its forward?

Before any difference is taken, the backward must keep a contract that is cheap to test: a gradient of the
right shape for each input, the same answer twice, nothing changed in place, and an answer proportional to the
upstream gradient g. A backward that forgets to multiply by g breaks the last, whatever its formula is.
"""

import inspect

import numpy as np

from minigen.check.differences import DIRECTIONS, EVERY, Loss, generator
from minigen.check.inputs import Inputs, misfit, title
from minigen.check.report import Record, Report
from minigen.check.verdict import record


def check_vjp(forward, backward, inputs, *, wrt=None, seed=0, every=EVERY, directions=DIRECTIONS):
    """Check `backward(g, *inputs)` against differences of `forward(*inputs)`, for a random g. Returns a Report.

    `forward(*inputs) -> y`, an array or a number. `backward(g, *inputs)` returns the gradient of <g, y>: one
    array, a tuple in the order of the inputs, or a dict by name. With `backward=None` a layer returns its own
    way back, `forward(*inputs) -> (y, backward)` with `backward(g)`. A dict of inputs is passed as one dict.

    Everything is done in float64, on copies. Inputs of integers (labels, indices) are constants; their
    gradient, and that of inputs not in `wrt`, may be None or missing. Kinks are noticed from the values
    alone, as there is no tape.

    The report raises nothing unless asked: `report.assert_ok()`. TypeError is for a forward that returns no
    real numbers.

    >>> check_vjp(np.tanh, lambda g, x: g * (1 - np.tanh(x) ** 2), [np.array([0.5, -1.0])]).ok
    True
    """
    layer = _Layer(forward, backward, Inputs("check_vjp", forward, inputs))
    subject, floats = title(forward), layer.inputs.floats
    names = layer.inputs.select(wrt)
    with np.errstate(all="ignore"):  # what is not finite will be in the report
        y = layer.forward(floats)
    rng = generator(seed)
    g, g2 = rng.standard_normal(y.shape), rng.standard_normal(y.shape)
    try:
        with np.errstate(all="ignore"):
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
        if loss.flaw and loss.flaw not in r.reason:
            r.reason += f"; {loss.flaw}"
        records.append(r)
    return Report(records, layer.inputs.notes)


class _Contract(ValueError):
    """What backward returned cannot be matched with the inputs."""


class _Layer:
    """A forward and its backward in either of the two forms, called on copies that are inspected afterwards."""

    def __init__(self, forward, backward, inputs):
        self._forward, self._backward, self.inputs = forward, backward, inputs
        self.changed_in_place = []

    def _fresh(self, arrays):
        return {n: x.copy() for n, x in (arrays | self.inputs.constants).items()}

    def _call(self, who, function, arguments):
        """Call it, and where sizes or arguments do not fit, say how it was called: the order may be another one."""
        try:
            return function(*arguments)
        except (TypeError, ValueError) as error:
            names = ["a dict"] if self.inputs.one_dict else self.inputs.order
            if who == "backward":
                names = ["g", *names][: len(arguments)]
            kind = TypeError if isinstance(error, TypeError) else ValueError
            hint = ""
            if not _takes(function, len(arguments)):
                hint = "; it takes other arguments: is the order check_vjp(forward, backward, inputs)?"
            raise kind(
                f"check_vjp: {who} is called as {who}({', '.join(names)}); it raised "
                f"{type(error).__name__}: {error}{hint}"
            ) from error

    def forward(self, arrays):
        y = self._call("forward", self._forward, self.inputs.arguments(self._fresh(arrays)))
        if self._backward is None:
            y = _pair(y)[0]
        if not isinstance(y, np.ndarray | float) or np.asarray(y).dtype.kind != "f":
            kind = str(y.dtype) if isinstance(y, np.ndarray | np.generic) else type(y).__name__
            raise TypeError(
                f"check_vjp: forward must return one array of real numbers, got {kind}; where it returns (y, cache), "
                "pass lambda *inputs: forward(*inputs)[0]"
            )
        return np.asarray(y)

    def backward(self, g):
        """The gradients by name. What was changed in place on the way is kept in `changed_in_place`."""
        given, upstream = self._fresh(self.inputs.floats), g.copy()
        before = self._fresh(given)
        arguments = self.inputs.arguments(given)
        y = self._call("forward", self._forward, arguments)
        spoilt = [("forward", n) for n in given if not np.array_equal(given[n], before[n], equal_nan=True)]
        if self._backward is None:
            gradients = self._call("backward", _pair(y)[1], (upstream,))
        else:
            gradients = self._call("backward", self._backward, (upstream, *arguments))
        for n in given:
            if ("forward", n) not in spoilt and not np.array_equal(given[n], before[n], equal_nan=True):
                spoilt.append(("backward", n))
        spoilt += [] if np.array_equal(upstream, g) else [("backward", "g")]
        cure = "changes {n} in place, and others still need it: write {n} = {n} * a, not {n} *= a"
        self.changed_in_place = [(who, f"{who} {cure.format(n=n)}") for who, n in spoilt]
        try:
            return {n: np.array(v) for n, v in self.inputs.named(gradients, "backward").items()}
        except ValueError as error:
            raise _Contract(str(error)) from error


def _takes(function, count):
    """Whether a function can be called with so many arguments, as far as its signature tells."""
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        return False
    except ValueError:  # built in
        pass
    return True


def _pair(result):
    if not (isinstance(result, tuple) and len(result) == 2 and callable(result[1])):
        raise TypeError(
            f"check_vjp: with backward=None, forward must return (y, backward), got {type(result).__name__}"
        )
    return result


def _wrong(subject, parameter, sentence, shape=None):
    return Record(subject, parameter, shape, verdict="wrong", reason=sentence)


def _broken_promises(layer, g, g2, first):
    """{name: sentence} for gradients that are rounded, differ from call to call, or are not proportional to g."""
    others = [layer.backward(u) for u in (g, 0 * g, g2, 2 * g + 3 * g2)]
    sentences = {name: _broken_promise(a, *(found[name] for found in others)) for name, a in first.items()}
    return {name: sentence for name, sentence in sentences.items() if sentence}


def _broken_promise(a, again, zero, other, mixed):
    if a.dtype != np.float64:
        return f"backward gives {a.dtype} where everything else is float64: look for a cast inside"
    if not _same(a, again):
        twice = _same(2 * a, again)
        guess = "it adds to an array that outlives the call" if twice else "is noise drawn inside?"
        return f"two calls with equal arguments give different gradients: {guess}"
    if a.any() and _same(a, other):
        return "backward does not depend on g: multiply by the upstream gradient, which is 1 only at the loss"
    if zero.any():
        return "the gradient for g = 0 is not 0: something is added that does not come from g"
    if not _same(mixed, 2 * a + 3 * other):
        return "backward is not linear in g: is g used twice, clipped or rounded?"
    return None


def _same(a, b):
    size = np.linalg.norm(a) + np.linalg.norm(b)
    return a.shape == b.shape and bool(np.linalg.norm(a - b) <= 1e-11 * size)
