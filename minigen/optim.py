"""Optimizers: how a parameter p is changed, given its gradient g.

An optimizer owns one flat array of all its parameters, and another of their gradients; `p.data` and the place
where `backward` writes are views of them. A step is then the update formula as one loop over a few blocks,
each small enough to stay in the cache while the formula passes over it, in place, whatever the number of
layers. Every parameter keeps its own memory order in the flat array.

After each step the parameters carry a new tick, so a graph that was recorded before it cannot be walked
backwards with values that no longer exist: see `StaleGraphError`.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterable
from typing import TypeAlias

import numpy as np

from minigen.engine import tape
from minigen.engine.backend import Array, device_of, namespace, recorder, to, whole
from minigen.engine.fast import memory
from minigen.engine.shapes import inverse_of
from minigen.engine.tape import Tensor
from minigen.nn.module import Module, mark_changed, memory_order

Parameters: TypeAlias = Module | Iterable[Tensor]  # in annotations: what an optimizer moves

# Numbers in a block: five arrays of 128 KiB fit the second-level cache; smaller blocks only add Python calls.
_block = 1 << 15


class Optimizer:
    """The base class of the optimizers.

    A subclass names the arrays that it keeps (`slots`) and changes a block in `update`.

    `parameters` is a Module or tensors, in any iterable. `lr` is positive and may be changed between steps,
    by hand or by a schedule below, which may also end at 0. `weight_decay` w adds w p to the gradient
    g before the rule, as the loss w/2 ||p||^2 would; the gradients that a person sees stay as they are.
    Raises ValueError for another `lr` or `weight_decay`, no parameters, one given twice,
    mixed dtypes or devices, and for a parameter that belongs to another optimizer already;
    TypeError for what is no parameter.
    """

    slots = ()

    def __init__(self, parameters: Parameters, lr: float, weight_decay: float = 0.0) -> None:
        if not (isinstance(weight_decay, int | float) and 0 <= weight_decay < math.inf):
            raise ValueError(
                f"{type(self).__name__}: weight_decay must be a number, at least 0, got {weight_decay!r}"
            )
        self.weight_decay = weight_decay
        self.names, self.parameters = _checked(type(self).__name__, parameters)
        _learning_rate(type(self).__name__, lr, zero=False)
        self._lr, self._steps = lr, 0
        memory.training_begins()
        first = self.parameters[0]._array
        self._xp = namespace(first)
        size = sum(p.size for p in self.parameters)
        self._flat = {slot: self._xp.zeros(size, first.dtype) for slot in ("data", "grad", *self.slots)}
        self._views = {slot: self._as_parameters(flat) for slot, flat in self._flat.items()}
        self._leaves = [p.node for p in self.parameters]
        for p, data, grad in zip(self.parameters, self._views["data"], self._views["grad"], strict=True):
            data[...] = p._array
            p._array, p._lent, p.node.buffer = data, False, grad
        self._blocks = self._cut()
        weakref.finalize(self, _release, self._leaves).atexit = False

    @property
    def steps(self) -> int:
        """How many steps there have been."""
        if recorder.get() is not None:
            recorder.get().refuse(
                "optimizer.steps, which changes, is read: set what depends on it before the step"
            )
        return self._steps

    @steps.setter
    def steps(self, steps: int) -> None:
        self._steps = steps

    @property
    def lr(self) -> float:
        """The learning rate. Raises ValueError, when it is set, for what is not finite or is negative."""
        if recorder.get() is not None:
            recorder.get().refuse("optimizer.lr, which may change, is read: read it outside the step")
        return self._lr

    @lr.setter
    @whole
    def lr(self, lr: float) -> None:
        _learning_rate(type(self).__name__, lr, zero=True)
        self._lr = lr

    def _as_parameters(self, flat):
        """Views of a flat array with the shape and the memory order of each parameter."""
        views, start = [], 0
        for p in self.parameters:
            order = memory_order(p._array)
            part = flat[start : start + p.size].reshape([p.shape[axis] for axis in order])
            views.append(part.transpose(inverse_of(order)))
            start += p.size
        return views

    def _cut(self):
        """The flat arrays in blocks, (data, grad, scratch, *slots); a GPU takes everything as one block."""
        size = len(self._flat["data"])
        block = min(size, _block) if self._xp is np else size
        scratch = self._xp.empty_like(self._flat["data"][:block])
        blocks = []
        for start in range(0, size, block):
            data, grad, *rest = (flat[start : start + block] for flat in self._flat.values())
            blocks.append((data, grad, scratch[: len(data)], *rest))
        return blocks

    @whole
    def step(self) -> None:
        """Move every parameter by its gradient.

        Raises RuntimeError, naming it, where a parameter has none.
        """
        if not self._leaves:
            raise RuntimeError(f"{type(self).__name__}.step: the parameters were given back by release()")
        for i, leaf in enumerate(self._leaves):
            if leaf.grad is not leaf.buffer:
                self._fetch(i, leaf)
        self._steps += 1
        for block in self._blocks:
            self._move(*block)
        tick = next(tape._clock)
        for leaf in self._leaves:
            leaf.changed = tick

    def _fetch(self, i, leaf):
        """A gradient from before the optimizer was made, or put in place by hand."""
        if leaf.grad is None:
            raise RuntimeError(
                f"{type(self).__name__}.step: parameter {self.names[i]} has no gradient: was backward() "
                "called after zero_grad(), and does the loss depend on it? Give the optimizer only what the "
                "loss can reach"
            )
        leaf.buffer[...] = leaf.grad
        leaf.grad = leaf.buffer

    def _move(self, p, g, *rest):
        self.update(p, g + self.weight_decay * p if self.weight_decay else g, *rest)

    def update(self, p: Array, g: Array, scratch: Array, *slots: Array) -> None:
        raise NotImplementedError(f"{type(self).__name__}: write update(self, p, g, scratch, *slots)")

    @whole
    def zero_grad(self) -> None:
        """Set the gradients to None; the next backward() starts from 0."""
        for leaf in self._leaves:
            leaf.grad = None

    def release(self) -> None:
        """Release the parameters, so that they can be moved or given to another optimizer.

        Afterwards this one cannot step.
        """
        _release(self._leaves)

    @property
    def state(self) -> dict[str, np.ndarray]:
        """All there is to save, as NumPy arrays by name: lr, steps, and each slot by parameter name."""
        state = {"lr": np.array(self.lr), "steps": np.array(self.steps)}
        return state | {name: to(view, "cpu").copy() for name, view in self._remembered().items()}

    @state.setter
    @whole
    def state(self, state: dict[str, np.ndarray]) -> None:
        mine = self._remembered()
        names = {"lr", "steps", *mine}
        if names != set(state):
            missing, unexpected = sorted(names - set(state)), sorted(set(state) - names)
            raise ValueError(
                f"{type(self).__name__}.state: it belongs to another model or optimizer: "
                f"missing {missing[:5]}, unexpected {unexpected[:5]}"
            )
        for name, view in mine.items():
            if state[name].shape != view.shape:
                raise ValueError(
                    f"{type(self).__name__}.state: {name} must be {view.shape}, got {state[name].shape}"
                )
        for name, view in mine.items():
            view[...] = to(state[name], device_of(view))
        self.lr, self.steps = float(state["lr"]), int(state["steps"])

    def _remembered(self):
        return {
            f"{slot}.{name}": view
            for slot in self.slots
            for name, view in zip(self.names, self._views[slot], strict=True)
        }

    def __repr__(self) -> str:
        numbers = len(self._flat["data"])
        return f"{type(self).__name__}({len(self.names)} parameters, {numbers:,} numbers, lr={self.lr})"


class SGD(Optimizer):
    """p <- p - lr g: gradient descent."""

    def __init__(self, parameters: Parameters, lr: float = 1e-2, weight_decay: float = 0.0) -> None:
        super().__init__(parameters, lr, weight_decay)

    def update(self, p: Array, g: Array, scratch: Array) -> None:
        self._xp.multiply(g, self.lr, out=scratch)
        p -= scratch


class Momentum(Optimizer):
    """m <- momentum m + g;  p <- p - lr m: m is a decaying sum of the gradients. Polyak 1964."""

    slots = ("m",)

    def __init__(
        self, parameters: Parameters, lr: float = 1e-2, momentum: float = 0.9, weight_decay: float = 0.0
    ) -> None:
        _share("momentum", momentum)
        super().__init__(parameters, lr, weight_decay)
        self.momentum = momentum

    def update(self, p: Array, g: Array, scratch: Array, m: Array) -> None:
        m *= self.momentum
        m += g
        self._xp.multiply(m, self.lr, out=scratch)
        p -= scratch


class Nesterov(Momentum):
    """m <- momentum m + g;  p <- p - lr (g + momentum m): the momentum of the next step is included.

    Sutskever et al. 2013.
    """

    def update(self, p: Array, g: Array, scratch: Array, m: Array) -> None:
        m *= self.momentum
        m += g
        self._xp.multiply(m, self.momentum, out=scratch)
        scratch += g
        scratch *= self.lr
        p -= scratch


class RMSprop(Optimizer):
    """v <- decay v + (1 - decay) g^2;  p <- p - lr g / (sqrt(v) + eps).

    Each entry is divided by the root mean square of its gradients. Hinton 2012, "Neural networks for
    machine learning", lecture 6.
    """

    slots = ("v",)

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-2,
        decay: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        _share("decay", decay)
        super().__init__(parameters, lr, weight_decay)
        self.decay, self.eps = decay, eps

    def update(self, p: Array, g: Array, scratch: Array, v: Array) -> None:
        self._xp.multiply(g, g, out=scratch)
        scratch *= 1 - self.decay
        v *= self.decay
        v += scratch
        self._xp.sqrt(v, out=scratch)
        scratch += self.eps
        self._xp.divide(g, scratch, out=scratch)
        scratch *= self.lr
        p -= scratch


class Adam(Optimizer):
    """Momentum and RMSprop together, each corrected for having started at 0. Kingma and Ba 2015, algorithm 1.

        m <- beta1 m + (1 - beta1) g          mhat = m / (1 - beta1^t)
        v <- beta2 v + (1 - beta2) g^2        vhat = v / (1 - beta2^t)
        p <- p - lr mhat / (sqrt(vhat) + eps)

    The slots hold M = m / (1 - beta1) and V = v / (1 - beta2), so M <- beta1 M + g and V <- beta2 V + g^2.
    With k = sqrt((1 - beta2) / (1 - beta2^t)), sqrt(vhat) = k sqrt(V), all factors move to the end:
    p <- p - [lr (1 - beta1) / (1 - beta1^t) / k] M / (sqrt(V) + eps / k). This gives the same values in ten
    passes over memory instead of thirteen.
    """

    slots = ("m", "v")

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        if not (isinstance(betas, tuple | list) and len(betas) == 2):
            raise TypeError(
                f"{type(self).__name__}: betas must be two numbers such as (0.9, 0.999), got {betas!r}"
            )
        _share("beta1", betas[0])
        _share("beta2", betas[1])
        super().__init__(parameters, lr, weight_decay)
        self.betas, self.eps = betas, eps

    def update(self, p: Array, g: Array, scratch: Array, m: Array, v: Array) -> None:
        beta1, beta2 = self.betas
        k = math.sqrt((1 - beta2) / (1 - beta2**self._steps))
        m *= beta1
        m += g
        self._xp.multiply(g, g, out=scratch)
        v *= beta2
        v += scratch
        self._xp.sqrt(v, out=scratch)
        scratch += self.eps / k
        self._xp.divide(m, scratch, out=scratch)
        scratch *= self.lr * (1 - beta1) / (1 - beta1**self._steps) / k
        p -= scratch


class AdamW(Adam):
    """p <- (1 - lr weight_decay) p, then Adam: weight decay that is not divided by sqrt(vhat).

    Loshchilov and Hutter 2019, algorithm 2.
    """

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(parameters, lr, betas, eps, weight_decay)

    def _move(self, p, g, *rest):
        p *= 1 - self.lr * self.weight_decay
        self.update(p, g, *rest)


# ----- what one may do to weights and gradients between the steps ---------------------------------------


@whole
def clip_weights(parameters: Parameters | Optimizer, c: float) -> None:
    """Hold every weight in [-c, c]: WGAN's way to bound the critic's slope.

    Call it after step(), never before: that would leave the critic with weights outside the bound.
    Arjovsky et al. 2017, algorithm 1.
    """
    if not c > 0:
        raise ValueError(f"clip_weights: c must be positive, got {c}")
    _, tensors = _named("clip_weights", parameters)
    for p in tensors:
        xp = namespace(p._array)
        xp.maximum(p._array, -c, out=p._array)
        xp.minimum(p._array, c, out=p._array)
    mark_changed(tensors)


@whole
def clip_grad_norm(parameters: Parameters | Optimizer, max_norm: float) -> Array:
    """Scale all gradients together so that their joint norm is at most `max_norm`. Returns the norm before.

    Pascanu, Mikolov and Bengio 2013, algorithm 1. The norm is Euclidean, and a 0-d array where the gradients
    are; float() of it waits for a GPU.
    """
    if not max_norm > 0:
        raise ValueError(f"clip_grad_norm: max_norm must be positive, got {max_norm}")
    names, tensors = _named("clip_grad_norm", parameters)
    for name, p in zip(names, tensors, strict=True):
        if p.grad is None:
            raise RuntimeError(f"clip_grad_norm: parameter {name} has no gradient: call it after backward()")
    xp = namespace(*(p.grad for p in tensors))
    norm = xp.sqrt(sum((p.grad * p.grad).sum() for p in tensors))
    factor = max_norm / xp.maximum(norm, max_norm)
    for p in tensors:
        p.grad *= factor
    return norm


# ----- schedules: plain functions of the step; write `optimizer.lr = cosine(step, steps, 1e-3)` ---------


def linear(step: float, steps: float, first: float, last: float = 0.0) -> float:
    """From `first` at step 0 to `last` at step `steps` along a line, then `last`.

    linear(step, 500, 0.0, 1e-3) is a warm-up.
    """
    return first + (last - first) * _progress(step, steps)


def cosine(step: float, steps: float, first: float, last: float = 0.0) -> float:
    """From `first` to `last` along half a cosine: it changes slowly at both ends.

    Loshchilov and Hutter 2017, equation 5.
    """
    return last + (first - last) * 0.5 * (1 + math.cos(math.pi * _progress(step, steps)))


def exponential(step: float, steps: float, first: float, last: float) -> float:
    """From `first` to `last`, both positive, by the same factor at every step."""
    if not (first > 0 and last > 0):
        raise ValueError(f"exponential: first and last must be positive, got {first} and {last}")
    return first * (last / first) ** _progress(step, steps)


def staircase(step: float, every: float, first: float, factor: float = 0.1) -> float:
    """`first`, multiplied by `factor` after every `every` steps."""
    return first * factor ** (step // every)


def _progress(step, steps):
    if steps < 1:
        raise ValueError(f"a schedule needs at least one step, got {steps}")
    return min(max(step / steps, 0.0), 1.0)


# ----- what may be given as parameters ------------------------------------------------------------------


def _named(caller, parameters):
    """Names and tensors of a Module, an Optimizer, or an iterable of tensors."""
    if isinstance(parameters, Module):
        named = parameters.named_parameters()
        return [name for name, _ in named], [p for _, p in named]
    if isinstance(parameters, Optimizer):
        return parameters.names, parameters.parameters
    if isinstance(parameters, Tensor):
        raise TypeError(
            f"{caller}: a Module or a list of parameters expected, got one Tensor: write [parameter]"
        )
    tensors = list(parameters)
    for i, p in enumerate(tensors):
        if not (isinstance(p, Tensor) and type(p.node) is tape.Leaf):
            what = "a constant or a result" if isinstance(p, Tensor) else f"a {type(p).__name__}"
            raise TypeError(f"{caller}: parameter {i} is {what}: expected Tensor(data, requires_grad=True)")
    names = [p.name or str(i) for i, p in enumerate(tensors)]
    if len(set(names)) < len(names):
        names = [f"{i}.{name}" for i, name in enumerate(names)]
    return names, tensors


def _checked(caller, parameters):
    """`_named`, and everything that would make a flat array of them go wrong."""
    names, tensors = _named(caller, parameters)
    if not tensors:
        raise ValueError(
            f"{caller}: no parameters: is the model built, and do its tensors have requires_grad=True?"
        )
    seen = {}
    for name, p in zip(names, tensors, strict=True):
        if id(p.node) in seen:
            raise ValueError(
                f"{caller}: {name} and {seen[id(p.node)]} are the same parameter: give each once"
            )
        seen[id(p.node)] = name
        if p.node.buffer is not None:
            raise ValueError(
                f"{caller}: parameter {name} belongs to another optimizer: call release() on that one first; "
                "two optimizers on one parameter would overwrite each other"
            )
    for what, of in (("dtype", lambda p: str(p.dtype)), ("device", lambda p: device_of(p._array))):
        kinds = {of(p): name for name, p in zip(names, tensors, strict=True)}
        if len(kinds) > 1:
            found = ", ".join(f"{name} is {kind}" for kind, name in kinds.items())
            raise ValueError(
                f"{caller}: all parameters must have one {what}, but {found}: "
                "use model.astype or model.to first"
            )
    return names, tensors


def _learning_rate(caller, lr, zero):
    number = isinstance(lr, int | float | np.floating | np.integer) and not isinstance(lr, bool)
    if not (number and math.isfinite(lr) and (lr > 0 or (zero and lr == 0))):
        raise ValueError(f"{caller}: lr must be a finite positive number, got {lr!r}")


def _share(name, value):
    if not 0 <= value < 1:
        raise ValueError(f"{name} must be at least 0 and below 1, got {value}")


def _release(leaves):
    for leaf in leaves:
        leaf.buffer = None
    leaves.clear()
