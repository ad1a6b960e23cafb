"""Layers with weights, and layers that only change a shape.

A layer holds its parameters and options, and calls the operation of the same name. The computation and its
gradient are in ops.py and conv.py.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import DTypeLike

from minigen.engine import conv, ops
from minigen.engine.conv import Pair
from minigen.engine.fast import threads
from minigen.engine.tape import Tensor, Value
from minigen.nn.init import Initialiser, initial_bias, initial_weight
from minigen.nn.module import Module


class Dense(Module):
    """x @ weight + bias: (..., in) -> (..., out), with weight (in, out), and bias (out,) starting at 0."""

    turned_in_pytorch = ("weight",)

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        init: str | Initialiser = "he",
        rng: np.random.Generator | None = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        shape = (in_features, out_features)
        _positive("Dense", in_features=in_features, out_features=out_features)
        self.weight = initial_weight("Dense", init, rng, shape, *shape, dtype)
        self.bias = initial_bias(out_features, dtype) if bias else None

    def forward(self, x: Value) -> Tensor:
        return ops.dense(x, self.weight, self.bias)

    def extra(self) -> str:
        return f"{self.weight.shape[0]}, {self.weight.shape[1]}"


class Conv2d(Module):
    """conv2d with its own weight (out, in, kh, kw) and bias (out,): (N, in, H, W) -> (N, out, OH, OW).

    kernel_size, stride, padding and dilation are an int or a pair (vertical, horizontal). Each output
    pixel is a sum of fan_in = in_channels kh kw products; each input pixel enters fan_out = out_channels kh
    kw / (sh sw) outputs on average, for strides sh and sw.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        *,
        stride: Pair = 1,
        padding: Pair = 0,
        dilation: Pair = 1,
        bias: bool = True,
        init: str | Initialiser = "he",
        rng: np.random.Generator | None = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        _positive("Conv2d", in_channels=in_channels, out_channels=out_channels)
        taps = conv._pair("Conv2d", "kernel_size", kernel_size, 1)
        strides = conv._pair("Conv2d", "stride", stride, 1)
        shape = (out_channels, in_channels, *taps)
        fan_in = in_channels * math.prod(taps)
        fan_out = out_channels * math.prod(taps) / math.prod(strides)
        threads.beside_convolutions()
        self.weight = initial_weight("Conv2d", init, rng, shape, fan_in, fan_out, dtype)
        self.bias = initial_bias(out_channels, dtype) if bias else None
        self.options = {"stride": stride, "padding": padding, "dilation": dilation}

    def forward(self, x: Value) -> Tensor:
        return conv.conv2d(x, self.weight, self.bias, **self.options)

    def extra(self) -> str:
        return _convolution(self, self.weight.shape[1], self.weight.shape[0])


class ConvTranspose2d(Module):
    """conv_transpose2d with its own weight (in, out, kh, kw), bias (out,): (N, in, H, W) -> (N, out, OH, OW).

    The options are those of Conv2d, and output_padding, which selects one of the output sizes that
    Conv2d with this stride maps to one size. This is the backward pass of Conv2d, so the roles swap:
    fan_in = in_channels kh kw / (sh sw) and fan_out = out_channels kh kw.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        *,
        stride: Pair = 1,
        padding: Pair = 0,
        output_padding: Pair = 0,
        dilation: Pair = 1,
        bias: bool = True,
        init: str | Initialiser = "he",
        rng: np.random.Generator | None = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        _positive("ConvTranspose2d", in_channels=in_channels, out_channels=out_channels)
        taps = conv._pair("ConvTranspose2d", "kernel_size", kernel_size, 1)
        strides = conv._pair("ConvTranspose2d", "stride", stride, 1)
        shape = (in_channels, out_channels, *taps)
        fan_in = in_channels * math.prod(taps) / math.prod(strides)
        fan_out = out_channels * math.prod(taps)
        threads.beside_convolutions()
        self.weight = initial_weight("ConvTranspose2d", init, rng, shape, fan_in, fan_out, dtype)
        self.bias = initial_bias(out_channels, dtype) if bias else None
        self.options = dict(stride=stride, padding=padding, output_padding=output_padding, dilation=dilation)

    def forward(self, x: Value) -> Tensor:
        return conv.conv_transpose2d(x, self.weight, self.bias, **self.options)

    def extra(self) -> str:
        return _convolution(self, *self.weight.shape[:2])


class Flatten(Module):
    """(N, ...) -> (N, all the rest)."""

    def forward(self, x: Value) -> Tensor:
        if x.ndim == 0:
            raise ValueError("Flatten: the first axis is the batch, but x is one number: use x.reshape(1)")
        return x.reshape(x.shape[0], math.prod(x.shape[1:]))


class Reshape(Module):
    """(N, ...) -> (N, *shape): Reshape(16, 7, 7) turns the rows of a dense layer into images."""

    def __init__(self, *shape: int) -> None:
        self.shape = shape

    def forward(self, x: Value) -> Tensor:
        if math.prod(x.shape[1:]) != math.prod(self.shape):
            raise ValueError(
                f"Reshape: {self.shape} holds {math.prod(self.shape)} numbers an example, "
                f"but x {x.shape} has {math.prod(x.shape[1:])}"
            )
        return x.reshape(x.shape[0], *self.shape)

    def extra(self) -> str:
        return ", ".join(map(str, self.shape))


def _convolution(layer, in_channels, out_channels):
    kernel = "x".join(map(str, layer.weight.shape[2:]))
    default = {"stride": 1, "padding": 0, "output_padding": 0, "dilation": 1}
    chosen = [f"{name}={value}" for name, value in layer.options.items() if value != default[name]]
    return ", ".join([str(in_channels), str(out_channels), kernel, *chosen])


def _positive(layer, **sizes):
    for name, size in sizes.items():
        if not isinstance(size, int) or size < 1:
            raise ValueError(f"{layer}: {name} must be a positive int, got {size!r}")
