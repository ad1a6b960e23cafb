"""Three witnesses for every gradient of a model: derived by hand, recorded by tape, measured by differences.

They are independent. By hand is plain NumPy and knows nothing of the tape. Differences use the values of the
tape's loss and none of its rules. So that they speak of the same function, the loss by hand must equal the
loss by tape; if it does not, a row "(loss)" says so, and the derivation is of another model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigen.check.differences import Loss
from minigen.check.report import Record
from minigen.check.stencil import generator
from minigen.check.verdict import record
from minigen.engine import backend, tape
from minigen.engine.tape import Tensor

SAME_LOSS = 1e-12  # relative to the loss or its largest gradient: two orders of summation differ by less
# A model has up to 14 tensors, and 51 models are checked in one run, so differences look at fewer entries
# one by one than in a check of a person's function: of a large tensor the last, and the one at which by hand
# and by tape are farthest apart. The random directions see every single entry all the same: a test plants a
# mistake in each of them.
LOOKS = {"every": 8, "directions": 3, "sample": 0}
TRIES = 2  # to measure rounding: too small by luck does no harm, a wrong gradient is off by far more


@dataclass
class Subject:
    """A loss in two forms. `parameters` are float64 arrays by name, on the host.

    `by_tape(tensors) -> Tensor` and `by_hand(arrays) -> (loss, gradients by name)` take a dict with these
    names; `by_hand` may be None. `wrt` names the parameters to check (all); by hand must give a gradient for
    each of those.
    """

    name: str
    parameters: dict[str, np.ndarray]
    by_tape: Callable
    by_hand: Callable | None = None
    wrt: list[str] | None = None


def layer_subject(
    name: str,
    by_tape: Callable[..., Tensor],
    by_hand: Callable[..., Any] | None,
    inputs: dict[str, np.ndarray],
    wrt: list[str] | None = None,
    seed: int = 0,
) -> Subject:
    """A Subject for a layer, whose output is an array: the loss is that output, weighted at random.

    `by_tape(*tensors) -> Tensor`; `by_hand(*arrays) -> (y, backward)`, where `backward(g)` gives one gradient
    for each input, in their order. The weights are what flows into `backward`; were they all 1, many a
    mistake would cancel in the sum.
    """
    with tape.no_grad():
        shape = by_tape(*(Tensor(x) for x in inputs.values())).shape
    g = generator(seed).standard_normal(shape)

    def loss_by_tape(tensors):
        y = by_tape(*tensors.values())
        return (y * backend.to(g, backend.device_of(y.data))).sum()

    def loss_by_hand(arrays):
        y, backward = by_hand(*arrays.values())
        gradients = backward(g)
        gradients = gradients if isinstance(gradients, tuple) else (gradients,)
        return (y * g).sum(), dict(zip(inputs, gradients, strict=True))

    return Subject(name, inputs, loss_by_tape, loss_by_hand, wrt)


class ByTape:
    """A function of tensors, asked two things: its value at given arrays, and its gradient there.

    For values the tensors are constants, so that nothing is recorded but the branches. A function that
    differentiates inside (a gradient penalty) may need the history after all; it is then asked with tensors
    that have one. With `keep`, an array that was in the last call too is the same tensor again, for a
    function that is known to change none: a difference moves one array and leaves the others.
    """

    def __init__(self, function, device="cpu", tracked=False, keep=False):
        self.function, self.device, self.tracked, self.keep = function, device, tracked, keep
        self._last = {}  # the tensor and its array, by name

    def tensors(self, arrays, tracked):
        if tracked or not self.keep:
            return {k: self._tensor(k, x, tracked) for k, x in arrays.items()}
        for k, x in arrays.items():
            if k not in self._last or self._last[k][1] is not x:
                self._last[k] = self._tensor(k, x, False), x
        return {k: self._last[k][0] for k in arrays}

    def _tensor(self, name, array, tracked):
        return Tensor(backend.to(array, self.device), requires_grad=tracked, name=name)

    def __call__(self, arrays):
        """The value as a float array on the host, and the branches that were taken."""
        with tape.record_branches() as branches:
            y = self.function(self.tensors(arrays, self.tracked))
        return y.numpy(), branches

    def gradients(self, arrays, names, choose_cotangent):
        """({name: gradient of <cotangent, value>, a host array, or None where there is no path}, cotangent).

        `choose_cotangent(shape)` is asked once the shape of the value is known.
        """
        tensors = self.tensors(arrays, tracked=True)
        with np.errstate(all="ignore"):  # what is not finite will be in the report
            y = self.function(tensors)
            if not isinstance(y, Tensor):
                raise TypeError(
                    f"the function must return a Tensor, got {type(y).__name__}: write it with operators and "
                    "minigen functions, without .numpy() or .data; "
                    "for a backward in plain NumPy there is check_vjp"
                )
            cotangent = choose_cotangent(y.shape)
            found = [None] * len(names)
            if y.requires_grad:
                g = backend.to(cotangent, self.device).astype(y.dtype)
                found = tape.grad(y, [tensors[n] for n in names], gradient=g, allow_unused=True)
            self.tracked = self.tracked or not self._works_with_constants(arrays)
        return {n: None if g is None else g.numpy() for n, g in zip(names, found, strict=True)}, cotangent

    def _works_with_constants(self, arrays):
        try:
            self(arrays)
        except (ValueError, RuntimeError):
            return False
        return True


def compare(subject: Subject, seed: int = 0, device: str = "cpu") -> list[Record]:
    """One Record for each parameter of the subject, and one named "(loss)" first if the two losses differ.

    Raises ValueError where by hand leaves a parameter out or gives a gradient of another shape: those are
    mistakes in the subject, not in a formula.
    """
    arrays = {k: np.array(x, np.float64) for k, x in subject.parameters.items()}
    names = list(arrays) if subject.wrt is None else list(subject.wrt)
    rng = generator(seed)
    by_tape = ByTape(subject.by_tape, device, keep=True)
    recorded, cotangent = by_tape.gradients(arrays, names, np.ones)
    if cotangent.size != 1:
        raise ValueError(
            f"{subject.name}: by_tape gives shape {cotangent.shape}, a loss is one number; see layer_subject"
        )
    loss = Loss(by_tape, arrays, seed=seed, tries=TRIES)
    recorded = {n: np.zeros_like(arrays[n]) if g is None else g for n, g in recorded.items()}
    value, derived = None, dict.fromkeys(names)
    if subject.by_hand is not None:
        value, derived = _by_hand(subject, arrays, names)
    largest = max(float(np.linalg.norm(g)) for g in recorded.values())
    records = []
    if value is not None and not abs(value - loss.value) <= SAME_LOSS * max(abs(loss.value), largest):
        records.append(_other_loss(subject.name, value, loss.value))
    for name in names:
        claims = {"hand": derived[name], "tape": recorded[name]}
        records.append(record(subject.name, name, loss, **claims, largest=largest, rng=rng, **LOOKS))
    return records


def _by_hand(subject, arrays, names):
    value, gradients = subject.by_hand({k: x.copy() for k, x in arrays.items()})
    missing = [n for n in names if n not in gradients]
    if missing:
        raise ValueError(
            f"{subject.name}: by hand gives no gradient for {', '.join(missing)}; "
            f"it gives {', '.join(gradients)}"
        )
    for name in names:
        if np.shape(gradients[name]) != arrays[name].shape:
            raise ValueError(
                f"{subject.name}: by hand gives shape {np.shape(gradients[name])} for {name} of shape "
                f"{arrays[name].shape}"
            )
    return float(value), {n: np.asarray(gradients[n], np.float64) for n in names}


def _other_loss(name, hand, by_tape):
    size = abs(hand) + abs(by_tape)
    return Record(
        name,
        "(loss)",
        (),
        hand_vs_tape=abs(hand - by_tape) / size if size else 0.0,
        worst_index=(),
        worst={"hand": hand, "tape": by_tape},
        verdict="wrong",
        reason="the losses themselves differ, so these are gradients of two functions: compare the forwards "
        "first",
    )
