"""`check_vjp`: is a backward, written by hand in plain NumPy, the right one for its forward?

Before any difference is taken, the backward must keep a contract that is cheap to test: a gradient of the
right shape for each input, the same answer twice, nothing changed in place, and an answer proportional to the
upstream gradient g. A backward that forgets to multiply by g breaks the last, whatever its formula is.
After an ok the check is repeated at moved inputs, where no symmetry hides a mistake.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from minigen.check.contract import broken_promises, rounded
from minigen.check.differences import DIRECTIONS, EVERY, LONG_EPS, MOST_WORK, Loss
from minigen.check.inputs import Given, Inputs, misfit, title
from minigen.check.moved import FEW, near, second_look
from minigen.check.pair import ContractError, Pair
from minigen.check.preserve import preserved
from minigen.check.report import Record, Report
from minigen.check.stencil import EPS, generator, norm
from minigen.check.verdict import ROUNDING, record

DRAWS = 3  # of inputs that are a function of a generator


def check_vjp(
    forward: Any,
    backward: Callable[..., Any] | None,
    inputs: Given,
    *,
    wrt: Sequence[str] | None = None,
    seed: int = 0,
    every: int = EVERY,
    directions: int = DIRECTIONS,
) -> Report:
    """Check `backward(g, *inputs)` against differences of `forward(*inputs)`, for a random g.

    Returns a Report.

    `forward(*inputs) -> y`, an array or a number. `backward(g, *inputs)` returns the gradient of <g, y>: one
    array, a tuple or list in the order of the inputs, or a dict by name. Where y is a number,
    the loss itself, g is 1 and backward need not take it. Other forms: `forward -> (y, cache)` with
    `backward(g, cache)`; a layer's methods `forward(*inputs)` and `backward(g)`; `backward=None` and
    `forward -> (y, backward)` with `backward(g)`.

    `inputs`: a list, a tuple, one array, or a dict, which goes to functions with arguments of
    these names by name and else as one dict; or a function of a generator that returns a dict,
    of other sizes every time if it likes.

    Everything is done in float64, on copies. Inputs of integers (labels, indices) are constants; their
    gradient, and that of inputs not in `wrt`, may be None or missing. Kinks are noticed from the values
    alone, as there is no tape. Objects that forward and backward change (a layer, a model) are
    as they were afterwards.

    The report raises nothing unless asked: `report.assert_ok()`. TypeError is for a forward that returns no
    real numbers.

    >>> check_vjp(np.tanh, lambda g, x: g * (1 - np.tanh(x) ** 2), [np.array([0.5, -1.0])]).ok
    True
    """
    with preserved(forward, backward):
        report = check_pair(
            "check_vjp", forward, backward, inputs, wrt=wrt, seed=seed, every=every, directions=directions
        )
    if report.verdict == "wrong":
        report.notes.append(
            "minigen.explain(forward, backward, inputs) looks for the line, and says what is wrong there"
        )
    return report


def check_pair(
    caller, forward, backward, inputs, *, settings=None, wrt=None, seed=0, every=EVERY, directions=DIRECTIONS
):
    """`check_vjp` for whoever calls it; `settings` are arguments that are no inputs."""
    rng, draws = generator(seed, 10), []
    for _ in range(DRAWS if callable(inputs) else 1):
        pair = Pair(caller, forward, backward, Inputs(caller, forward, inputs, rng), settings)
        draws.append(_check(pair, title(forward), wrt, seed, {"every": every, "directions": directions}))
        if not draws[-1].ok:
            break
    return draws[-1] if not draws[-1].ok else draws[0]


def _check(pair, subject, wrt, seed, options):
    arrays, names = pair.inputs.floats, pair.inputs.select(wrt)
    report = Report([], pair.inputs.notes)
    with np.errstate(all="ignore"):  # what is not finite will be in the report
        try:
            y = pair.prepare(arrays)
        except ContractError as error:
            report.records.append(_wrong(subject, "(backward)", str(error)))
            return report
    look = _Look(pair, subject, names, seed)
    report.records += look(arrays, options, thorough=True)
    if report.ok and y.size and not pair.inputs.draw:
        constants, rng = list(pair.inputs.constants.values()), generator(seed, 11)
        second_look(report, lambda there: look(there, FEW), pair.forward, arrays, names, rng, constants)
    return report


class _Look:
    """One comparison of backward with the differences, at any inputs."""

    def __init__(self, pair, subject, names, seed):
        self.pair, self.subject, self.names, self.seed = pair, subject, names, seed

    def __call__(self, arrays, options, thorough=False):
        """The records at these inputs; `thorough` asks for the whole contract as well."""
        pair, subject, names, rng = self.pair, self.subject, self.names, generator(self.seed)
        with np.errstate(all="ignore"):
            y = pair.forward(arrays)
            g = np.ones(()) if y.ndim == 0 else rng.standard_normal(y.shape)
            try:
                found = pair.gradients(arrays, g)
            except ContractError as error:
                if not thorough:
                    raise
                return [_wrong(subject, "(backward)", str(error))]
        records = [_wrong(subject, f"({what})", sentence) for what, sentence in pair.changed_in_place]
        loss = Loss(lambda moved: (pair.forward(moved), None), arrays, g, self.seed)
        fits = {n: found[n] for n in names if n in found and found[n].shape == arrays[n].shape}
        fits = {n: a for n, a in fits.items() if a.dtype.kind in "fiub"}
        if len(fits) < len(names) and any(x.shape != pair.inputs.floats[n].shape for n, x in arrays.items()):
            raise ContractError("backward was not written for inputs of these sizes")
        finite = [v for v in fits.values() if np.isfinite(v).all()]
        largest = max((norm(v) for v in finite), default=0.0)
        rounding = max(ROUNDING * max(largest, loss.size), loss.noise)
        # what is zero but for rounding is not linear in g
        promised = {
            n: a for n, a in fits.items() if not norm(a) <= rounding or a.dtype != np.float64 or not a.any()
        }
        doubts = functools.cache(lambda: self._doubts(arrays, g, fits))

        def noise():
            return {n: max(norm(doubt), EPS * max(largest, loss.size)) for n, doubt in doubts().items()}

        broken = self._promises(arrays, g, promised, noise) if thorough and not loss.flaw else {}
        for name in names:
            if name not in fits:
                shape = arrays[name].shape
                records.append(_wrong(subject, name, _unfit(name, found, shape), shape))
                continue
            hand = fits[name].astype(np.float64)
            doubt = doubts().get(name) if thorough and not broken else None
            r = record(subject, name, loss, hand=hand, largest=largest, rng=rng, doubt=doubt, **options)
            if name in broken and np.isfinite(fits[name]).all():
                r.verdict, r.reason = "wrong", broken[name]
            if loss.flaw and loss.flaw not in r.reason:
                r.reason += f"; {loss.flaw}"
            records.append(r)
        return nothing_compared(records, loss)

    def _promises(self, arrays, g, first, noise):
        """{name: sentence} for gradients that break the contract."""
        coarse = {n: rounded(n, a) for n, a in first.items() if a.dtype != np.float64}
        rng = generator(self.seed, 12)
        there = {n: near(x, 0.3, rng) if n in self.names else x for n, x in arrays.items()}
        found = broken_promises(
            lambda u: self.pair.gradients(arrays, g if u is None else u),
            {n: a for n, a in first.items() if n not in coarse},
            g if self.pair.takes_g else None,
            lambda: self.pair.gradients(there, g),
            noise,
        )
        return coarse | {n: sentence for n, (_, sentence) in found.items()}

    def _doubts(self, arrays, g, fits):
        """By how much every entry of the gradients is rounded: {name: array}.

        It is not known better than to what it changes by with a last digit of the inputs,
        nor than to what it differs by where everything is computed in longer numbers. A digit may decide
        which side of a kink is taken, so the smaller of two tries counts.
        """
        rng = generator(self.seed, 13)

        def apart(change, g):
            with suppress(Exception):  # the person's own code, at inputs it may refuse
                found = self.pair.gradients({n: change(x) for n, x in arrays.items()}, g)
                return {n: np.abs(found[n] - a).astype(float) for n, a in fits.items()}

        nudged = [apart(lambda x: x * (1 + 2 * EPS * rng.choice([-1, 1], x.shape)), g) for _ in range(2)]
        tries = [*filter(None, nudged)]
        doubts = {n: min((t[n] for t in tries), key=norm) for n in fits} if tries else {}
        if LONG_EPS < EPS and sum(x.size for x in arrays.values()) <= MOST_WORK:
            longer = apart(lambda x: x.astype(np.longdouble), g.astype(np.longdouble)) or {}
            doubts |= {n: np.maximum(d, doubts.get(n, 0.0)) for n, d in longer.items()}
        return doubts


def nothing_compared(records, loss):
    """The records, none of them ok where no slope was seen although the loss does change farther away."""
    if not loss.y.size or not any(x.size for x in loss.arrays.values()):
        reason = "nothing was compared: the output or the inputs have no entries"
    elif not loss.felt and not loss.flaw and not any(r.skipped for r in records) and loss.varies:
        reason = (
            "nothing was compared: no input changes the output here, though it does farther away (all relu "
            "dead, everything clipped or saturated?); move the inputs"
        )
    else:
        return records
    for r in records:
        if r.verdict == "ok":
            r.verdict, r.reason = "inconclusive", reason
    return records


def _unfit(name, found, shape):
    """Why the gradient of an input cannot be compared."""
    if name not in found:
        return f"backward gives no gradient for {name}; if it needs none, leave it out of wrt"
    if found[name].dtype.kind not in "fiub":
        kind = "complex numbers" if found[name].dtype.kind == "c" else f"of dtype {found[name].dtype}"
        return f"the gradient of {name} is {kind}, expected an array of real numbers"
    return misfit("backward", name, found[name], shape)


def _wrong(subject, parameter, sentence, shape=None):
    return Record(subject, parameter, shape, verdict="wrong", reason=sentence)
