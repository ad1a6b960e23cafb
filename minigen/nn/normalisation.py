"""Normalisation: subtract a mean, divide by a deviation, and let the network choose scale and shift anew.

Batch norm takes mean and deviation of each feature over the batch, layer norm those of each example over its
features. Both are one operation, `_standardise`, along one axis or the other. Its gradient has three parts,
because mean and deviation are computed from x: with xhat = (x - mean) r, r = 1 / sqrt(var + eps), and g the
gradient at xhat,

    gx = r (g - mean(g) - xhat mean(g xhat)),

the derivation is in byhand/normalisation.py. As one operation it keeps one array where the composed form
keeps five.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import DTypeLike

from minigen.engine import ops
from minigen.engine.backend import Array, namespace, whole
from minigen.engine.shapes import axes_of
from minigen.engine.tape import Tensor, Value, op, takes
from minigen.nn.module import Module


@op(name="batch_norm/layer_norm")
def _standardise(x, *, axis, eps, told=None):
    """(x - mean) / sqrt(var + eps) along `axis`, with the variance divided by n; the shape of x.

    The mean and the variance are those of `minigen.var`, as exact far from 0 as near it. `told(mean, var)` is
    called with them.
    """
    out = ops.centred.forward(x, axis)
    var = _mean(out * out, axis)
    if told:
        told(_mean(x, axis).reshape(-1), var.reshape(-1))
    out /= namespace(x).sqrt(var + eps)
    return out


_standardise.rule(
    lambda g, out, x, axis, eps, told=None: (
        (g - _mean(g, axis) - out * _mean(g * out, axis)) / ops.sqrt(ops.var(x, axis, True) + eps)
    )
)


def _mean(x, axis):
    """The mean along `axis`, which stays with size 1; over many pixels float32 would lose digits."""
    return ops.sum64(x, axis) / math.prod(x.shape[a] for a in axes_of(axis, x.ndim))


@takes("x", "weight", "bias")
def batch_norm(
    x: Value,
    weight: Value,
    bias: Value,
    *,
    eps: float = 1e-5,
    told: Callable[[Array, Array], None] | None = None,
) -> Value:
    """weight * (x - mean) / sqrt(var + eps) + bias: mean and variance (by n) of a feature over the batch.

    x (N, F) or (N, C, H, W), weight and bias (F,) or (C,); images share the statistics of a channel over all
    pixels. `told(mean, var)` is called with them, (F,) or (C,). Raises ValueError for a batch of one example.
    Ioffe and Szegedy 2015, algorithm 1.
    """
    _check_features("batch_norm", x, weight)
    if x.shape[0] < 2:
        raise ValueError(
            f"batch_norm: x {x.shape} holds {x.shape[0]} example: the statistics of a batch need at least "
            "two; give a larger batch, or use the running statistics: model.eval()"
        )
    rows = x if x.ndim == 2 else x.transpose(0, 2, 3, 1).reshape(-1, x.shape[1])  # images are channels-last
    y = _standardise(rows, axis=0, eps=eps, told=told) * weight + bias
    if x.ndim == 2:
        return y
    n, c, h, w = x.shape
    return y.reshape(n, h, w, c).transpose(0, 3, 1, 2)  # (N H W, C) -> (N, C, H, W)


@takes("x", "weight", "bias", "mean", "var")
def batch_norm_eval(
    x: Value, weight: Value, bias: Value, mean: Value, var: Value, *, eps: float = 1e-5
) -> Value:
    """weight * (x - mean) / sqrt(var + eps) + bias with constants mean and var, (F,) or (C,)."""
    _check_features("batch_norm_eval", x, weight)
    column = (-1,) if x.ndim == 2 else (-1, 1, 1)
    scale = weight / namespace(var).sqrt(var + eps)
    return (x - mean.reshape(column)) * scale.reshape(column) + bias.reshape(column)


@takes("x", "weight", "bias")
def layer_norm(x: Value, weight: Value, bias: Value, *, eps: float = 1e-5) -> Value:
    """weight * (x - mean) / sqrt(var + eps) + bias: mean and variance of an example over its last axes.

    x (..., F), weight and bias (F,); or x (N, C, H, W), weight and bias (C, H, W): as many axes as weight
    has. Examples do not affect each other. Raises ValueError where x does not end in the shape of weight. Ba,
    Kiros and Hinton 2016, equation 4.
    """
    axes = tuple(range(-weight.ndim, 0))
    if weight.ndim == 0 or x.shape[-weight.ndim :] != weight.shape or bias.shape != weight.shape:
        raise ValueError(
            f"layer_norm: x {x.shape} must end in {weight.shape}, the shape of the layer's weight; bias has "
            f"{bias.shape}; images (N, C, H, W) are normalised as a whole by nn.LayerNorm((C, H, W))"
        )
    return _standardise(x, axis=axes, eps=eps) * weight + bias


def _check_features(caller, x, weight):
    if x.ndim not in (2, 4):
        raise ValueError(f"{caller}: x (N, F) or (N, C, H, W) expected, got {x.shape}")
    if x.shape[1:2] != weight.shape:
        raise ValueError(
            f"{caller}: x {x.shape} has {x.shape[1]} features but the layer has {weight.shape[0]}"
        )


class BatchNorm(Module):
    """`batch_norm` with its own weight (ones) and bias (zeros), for (N, features) or (N, features, H, W).

    In training it uses the statistics of the batch, and keeps a running mean and variance of them, which it
    uses in evaluation: running <- (1 - momentum) running + momentum batch, the variance divided by n - 1, as
    in PyTorch. The loss in training never depends on them.
    """

    def __init__(
        self, features: int, *, momentum: float = 0.1, eps: float = 1e-5, dtype: DTypeLike = np.float32
    ) -> None:
        self.weight = Tensor(np.ones(features, dtype), requires_grad=True)
        self.bias = Tensor(np.zeros(features, dtype), requires_grad=True)
        self.momentum, self.eps = momentum, eps
        self.buffer("running_mean", np.zeros(features, dtype))
        self.buffer("running_var", np.ones(features, dtype))

    def forward(self, x: Value) -> Tensor:
        arguments = x, self.weight, self.bias
        if not self.training:
            return batch_norm_eval(*arguments, self.running_mean, self.running_var, eps=self.eps)
        n = x.size // x.shape[1]
        return batch_norm(*arguments, eps=self.eps, told=lambda mean, var: self._remember(n, mean, var))

    @whole
    def _remember(self, n, mean, var):
        self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mean
        self.running_var = (1 - self.momentum) * self.running_var + self.momentum * n / (n - 1) * var

    def extra(self) -> str:
        return str(self.weight.shape[0])


class LayerNorm(Module):
    """`layer_norm` with its own weight (ones) and bias (zeros).

    LayerNorm(F) normalises over the last axis of (..., F), LayerNorm((C, H, W)) over all of an image of
    (N, C, H, W), which is what a critic of images under a gradient penalty needs. LayerNorm(W) on images
    would normalise each row of pixels alone, as in PyTorch.
    """

    def __init__(
        self, features: int | tuple[int, ...], *, eps: float = 1e-5, dtype: DTypeLike = np.float32
    ) -> None:
        shape = tuple(features) if isinstance(features, tuple | list) else (features,)
        if not shape or not all(isinstance(n, int | np.integer) and n > 0 for n in shape):
            raise ValueError(
                f"LayerNorm: features must be a positive int, or several such as (C, H, W), got {features!r}"
            )
        self.weight = Tensor(np.ones(shape, dtype), requires_grad=True)
        self.bias = Tensor(np.zeros(shape, dtype), requires_grad=True)
        self.eps = eps

    def forward(self, x: Value) -> Tensor:
        return layer_norm(x, self.weight, self.bias, eps=self.eps)

    def extra(self) -> str:
        return ", ".join(map(str, self.weight.shape))
