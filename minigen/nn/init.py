"""Initial weights: random numbers, such that activations and gradients keep their variance through layers.

A unit that sums n inputs of variance v, with weights of variance s, has variance n s v. The forward pass
keeps the variance for s = 1 / fan_in, the backward pass for s = 1 / fan_out. An initialiser is any function
(rng, shape, fan_in, fan_out) -> array. It draws on the host, from the NumPy generator `rng`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from minigen.engine.backend import Array
from minigen.engine.tape import Tensor

Initialiser: TypeAlias = Callable[[np.random.Generator, tuple[int, ...], float, float], Array]


def he(rng: np.random.Generator, shape: tuple[int, ...], fan_in: float, fan_out: float) -> Array:
    """N(0, 2 / fan_in): a ReLU sets half of its inputs to 0, so the weights need twice the variance.

    He, Zhang, Ren and Sun 2015, "Delving deep into rectifiers", equation 10.
    """
    return rng.standard_normal(shape) * math.sqrt(2 / fan_in)


def xavier(rng: np.random.Generator, shape: tuple[int, ...], fan_in: float, fan_out: float) -> Array:
    """N(0, 2 / (fan_in + fan_out)): a compromise between forward and backward pass, for tanh and sigmoid.

    Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks",
    equation 12.
    """
    return rng.standard_normal(shape) * math.sqrt(2 / (fan_in + fan_out))


def normal(std: float = 0.02) -> Initialiser:
    """The initialiser N(0, std^2); 0.02 is the value of DCGAN (Radford et al. 2015, section 4)."""
    if not std > 0:
        raise ValueError(f"normal: std must be positive, got {std}")
    return lambda rng, shape, fan_in, fan_out: rng.standard_normal(shape) * std


_by_name = {"he": he, "xavier": xavier, "normal": normal()}


def initial_weight(layer, init, rng, shape, fan_in, fan_out, dtype):
    """A parameter drawn by `init` (a name or a function) from `rng`; `layer` is its name in error messages.

    Raises TypeError without a NumPy generator and ValueError for an unknown name or a result of another
    shape.
    """
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"{layer}: rng must be a NumPy generator, got {type(rng).__name__}: "
            "make one, rng = numpy.random.default_rng(0), and pass rng=rng to every layer"
        )
    if not callable(init) and init not in _by_name:
        raise ValueError(
            f"{layer}: init must be a function or one of {', '.join(map(repr, _by_name))}, got {init!r}"
        )
    array = (init if callable(init) else _by_name[init])(rng, shape, fan_in, fan_out)
    if np.shape(array) != shape:
        raise ValueError(f"{layer}: init must return an array of shape {shape}, got {np.shape(array)}")
    if len(shape) == 4:  # the matrix product of a convolution wants (kh, kw, C, O) in memory
        array = np.ascontiguousarray(array.transpose(2, 3, 1, 0)).transpose(3, 2, 0, 1)
    return Tensor(array.astype(dtype), requires_grad=True)


def initial_bias(size, dtype):
    """A parameter of zeros; the random weights already make the units differ."""
    return Tensor(np.zeros(size, dtype), requires_grad=True)
