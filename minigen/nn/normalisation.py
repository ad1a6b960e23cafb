"""Normalisation: subtract a mean, divide by a deviation, and let the network choose scale and shift anew.

Batch norm takes mean and deviation of each feature over the batch, layer norm those of each example over its
features. Both are one operation, `_standardise`, along one axis or the other. Its gradient has three parts,
because mean and deviation are computed from x: with xhat = (x - mean) r, r = 1 / sqrt(var + eps), and g the
gradient at xhat,

    gx = r (g - mean(g) - xhat mean(g xhat)),

the derivation is in byhand/normalisation.py. As one operation it keeps one array where the composed form
keeps five.
"""

import numpy as np

from minigen.engine import ops
from minigen.engine.backend import namespace
from minigen.engine.tape import Tensor, _data, op, takes
from minigen.nn.module import Module


@op()
def _standardise(x, *, axis, eps):
    """(x - mean) / sqrt(var + eps) along `axis`, with the variance divided by n."""
    out = x - x.mean(axis=axis, keepdims=True)
    out /= namespace(x).sqrt((out * out).mean(axis=axis, keepdims=True) + eps)
    return out


_standardise.rule(
    lambda g, out, x, axis, eps: (
        (g - ops.mean(g, axis, True) - out * ops.mean(g * out, axis, True))
        / ops.sqrt(ops.var(x, axis, True) + eps)
    )
)


@takes("x", "weight", "bias")
def batch_norm(x, weight, bias, *, eps=1e-5):
    """weight * (x - mean) / sqrt(var + eps) + bias, with mean and variance (by n) of each feature over the batch.

    x (N, F) or (N, C, H, W), weight and bias (F,) or (C,); images share the statistics of a channel over all
    pixels. Raises ValueError for a batch of one example. Ioffe and Szegedy 2015, algorithm 1.
    """
    _check_features("batch_norm", x, weight)
    if x.shape[0] < 2:
        raise ValueError(
            f"batch_norm: x {x.shape} holds {x.shape[0]} example: the statistics of a batch need at least two; "
            "give a larger batch, or use the running statistics: model.eval()"
        )
    rows = _rows(x)
    y = _standardise(rows, axis=0, eps=eps) * weight + bias
    if x.ndim == 2:
        return y
    n, c, h, w = x.shape
    return y.reshape(n, h, w, c).transpose(0, 3, 1, 2)  # (N H W, C) -> (N, C, H, W)


@takes("x", "weight", "bias", "mean", "var")
def batch_norm_eval(x, weight, bias, mean, var, *, eps=1e-5):
    """weight * (x - mean) / sqrt(var + eps) + bias with given mean and var, (F,) or (C,), which are constants."""
    _check_features("batch_norm_eval", x, weight)
    column = (-1,) if x.ndim == 2 else (-1, 1, 1)
    scale = weight / namespace(var).sqrt(var + eps)
    return (x - mean.reshape(column)) * scale.reshape(column) + bias.reshape(column)


@takes("x", "weight", "bias")
def layer_norm(x, weight, bias, *, eps=1e-5):
    """weight * (x - mean) / sqrt(var + eps) + bias, with mean and variance of each row over the last axis.

    x (..., F), weight and bias (F,). The batch does not enter. Ba, Kiros and Hinton 2016, equation 4.
    """
    if x.shape[-1:] != weight.shape:
        raise ValueError(
            f"layer_norm: x {x.shape} has {x.shape[-1]} features but the layer has {weight.size}"
        )
    return _standardise(x, axis=-1, eps=eps) * weight + bias


def _rows(x):
    """One row a place, (N, C, H, W) -> (N H W, C): no copy where images are channels-last in memory."""
    return x if x.ndim == 2 else x.transpose(0, 2, 3, 1).reshape(-1, x.shape[1])


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

    def __init__(self, features, *, momentum=0.1, eps=1e-5, dtype=np.float32):
        self.weight = Tensor(np.ones(features, dtype), requires_grad=True)
        self.bias = Tensor(np.zeros(features, dtype), requires_grad=True)
        self.momentum, self.eps = momentum, eps
        self.buffer("running_mean", np.zeros(features, dtype))
        self.buffer("running_var", np.ones(features, dtype))

    def forward(self, x):
        if not self.training:
            return batch_norm_eval(
                x, self.weight, self.bias, self.running_mean, self.running_var, eps=self.eps
            )
        y = batch_norm(x, self.weight, self.bias, eps=self.eps)
        self._remember(_rows(_data(x)))
        return y

    def _remember(self, rows):
        n = len(rows)
        self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * rows.mean(axis=0)
        self.running_var = (1 - self.momentum) * self.running_var + self.momentum * n / (n - 1) * rows.var(
            axis=0
        )

    def extra(self):
        return str(self.weight.shape[0])


class LayerNorm(Module):
    """`layer_norm` over the last axis, (..., features), with its own weight (ones) and bias (zeros)."""

    def __init__(self, features, *, eps=1e-5, dtype=np.float32):
        self.weight = Tensor(np.ones(features, dtype), requires_grad=True)
        self.bias = Tensor(np.zeros(features, dtype), requires_grad=True)
        self.eps = eps

    def forward(self, x):
        return layer_norm(x, self.weight, self.bias, eps=self.eps)

    def extra(self):
        return str(self.weight.shape[0])
