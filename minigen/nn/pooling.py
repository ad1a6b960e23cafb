"""Pooling and upsampling: maps between small and large images, without parameters.

A window of kh x kw taps visits the image; tap (a, b) of window (i, j) lies at pixel
(i stride + a, j stride + b). The mean uses all taps, the maximum one of them. Each is a pair of operations
that are adjoint to each other, gather and scatter, so derivatives of any order need no further operation.
"""

from __future__ import annotations

import math

from minigen.engine import backend
from minigen.engine.conv import Pair, _pair, output_size
from minigen.engine.ops import select
from minigen.engine.tape import Tensor, Value, _data, op, takes
from minigen.nn.module import Module


@op(name="avg_pool2d")
def _gather(x, *, kernel, stride):
    """The sum of each window: (N, C, H, W) -> (N, C, OH, OW)."""
    taps = [x[tap] for tap in _taps(x.shape[2:], kernel, stride)]
    out = taps[0].copy(order="K")
    for tap in taps[1:]:
        out += tap
    return out


_gather.rule(lambda g, out, x, kernel, stride: _scatter(g, size=x.shape[2:], kernel=kernel, stride=stride))


@op(name="upsample_nearest")
def _scatter(g, *, size, kernel, stride):
    """Each number added to all pixels of its window: (N, C, OH, OW) -> (N, C, *size).

    The adjoint of `_gather`.
    """
    out = _blank(g, size)
    for tap in _taps(size, kernel, stride):
        out[tap] += g
    return out


_scatter.rule(lambda g, out, y, size, kernel, stride: _gather(g, kernel=kernel, stride=stride))


@op(name="max_pool2d", branches=lambda x, kernel, stride: _winner(x, kernel, stride))
def _max_pool(x, *, kernel, stride):
    """The largest pixel of each window: (N, C, H, W) -> (N, C, OH, OW)."""
    taps = [x[tap] for tap in _taps(x.shape[2:], kernel, stride)]
    out = taps[0].copy(order="K")
    for tap in taps[1:]:
        backend.namespace(x).maximum(out, tap, out=out)
    return out


_max_pool.rule(
    lambda g, out, x, kernel, stride: _scatter_max(
        g, _winner(_data(x), kernel, stride), size=x.shape[2:], kernel=kernel, stride=stride
    )
)


@op(name="max_pool2d")
def _gather_max(x, winner, *, kernel, stride):
    """The pixel of each window whose tap has the number in `winner`: (N, C, H, W) -> (N, C, OH, OW)."""
    out = 0
    for number, tap in enumerate(_taps(x.shape[2:], kernel, stride)):
        out = out + select(x[tap], winner == number)
    return out


_gather_max.rule(
    lambda g, out, x, winner, kernel, stride: _scatter_max(
        g, winner, size=x.shape[2:], kernel=kernel, stride=stride
    ),
    None,
)


@op(name="max_pool2d")
def _scatter_max(g, winner, *, size, kernel, stride):
    """Each number added to the pixel of its window that `winner` names: (N, C, OH, OW) -> (N, C, *size)."""
    out = _blank(g, size)
    for number, tap in enumerate(_taps(size, kernel, stride)):
        out[tap] += select(g, winner == number)
    return out


_scatter_max.rule(
    lambda g, out, y, winner, size, kernel, stride: _gather_max(g, winner, kernel=kernel, stride=stride), None
)


@takes("x")
def avg_pool2d(x: Value, kernel_size: Pair, *, stride: Pair | None = None) -> Value:
    """The mean of each window: (N, C, H, W) -> (N, C, OH, OW) with OH = floor((H - kh) / stride) + 1.

    kernel_size and stride are an int or a pair; the stride is the kernel's size unless given. Pixels that no
    window reaches have gradient 0. Raises ValueError where the window is larger than the image.
    """
    kernel, stride = _window("avg_pool2d", x, kernel_size, stride)
    return _gather(x, kernel=kernel, stride=stride) * (1 / math.prod(kernel))


@takes("x")
def max_pool2d(x: Value, kernel_size: Pair, *, stride: Pair | None = None) -> Value:
    """The largest pixel of each window, with the shapes and options of avg_pool2d.

    Of equal ones the first, row by row, takes the gradient.
    """
    kernel, stride = _window("max_pool2d", x, kernel_size, stride)
    return _max_pool(x, kernel=kernel, stride=stride)


@takes("x")
def upsample_nearest(x: Value, factor: Pair) -> Value:
    """Every pixel repeated: (N, C, H, W) -> (N, C, fh H, fw W), factor an int or a pair.

    With a convolution after it, the usual cure for checkerboards (Odena, Dumoulin and Olah 2016).
    """
    _check_images("upsample_nearest", x)
    fh, fw = _pair("upsample_nearest", "factor", factor, 1)
    return _scatter(x, size=(fh * x.shape[2], fw * x.shape[3]), kernel=(fh, fw), stride=(fh, fw))


def _taps(size, kernel, stride):
    """For each tap, the pixels it meets as the window moves over an image of `size`: an index, row by row."""
    rows, columns = (output_size(n, k, s) for n, k, s in zip(size, kernel, stride, strict=True))
    return [
        (
            ...,
            slice(a, a + (rows - 1) * stride[0] + 1, stride[0]),
            slice(b, b + (columns - 1) * stride[1] + 1, stride[1]),
        )
        for a in range(kernel[0])
        for b in range(kernel[1])
    ]


def _blank(like, size):
    """Zeros (N, C, *size), channels-last in memory."""
    n, c = like.shape[:2]
    return backend.namespace(like).zeros((n, *size, c), like.dtype).transpose(0, 3, 1, 2)


def _winner(x, kernel, stride):
    """The number a kw + b of the first largest tap of each window."""
    xp = backend.namespace(x)
    first, *others = (x[tap] for tap in _taps(x.shape[2:], kernel, stride))
    best, winner = first.copy(order="K"), xp.zeros(first.shape, xp.int32)
    for number, tap in enumerate(others, 1):
        winner[tap > best] = number
        xp.maximum(best, tap, out=best)
    return winner


def _check_images(caller, x):
    if x.ndim != 4:
        raise ValueError(
            f"{caller}: images (N, C, H, W) expected, got {x.shape}; a batch of grey images is x[:, None]"
        )


def _window(caller, x, kernel_size, stride):
    _check_images(caller, x)
    kernel = _pair(caller, "kernel_size", kernel_size, 1)
    if any(k > n for k, n in zip(kernel, x.shape[2:], strict=True)):
        raise ValueError(
            f"{caller}: the window {kernel} is larger than the image {x.shape[2:]}; x is {x.shape}"
        )
    return kernel, kernel if stride is None else _pair(caller, "stride", stride, 1)


class AvgPool2d(Module):
    """`avg_pool2d` as a layer."""

    def __init__(self, kernel_size: Pair, stride: Pair | None = None) -> None:
        self.kernel_size, self.stride = kernel_size, stride

    def forward(self, x: Value) -> Tensor:
        return avg_pool2d(x, self.kernel_size, stride=self.stride)

    def extra(self) -> str:
        return f"{self.kernel_size}" + (f", stride={self.stride}" if self.stride is not None else "")


class MaxPool2d(AvgPool2d):
    """`max_pool2d` as a layer."""

    def forward(self, x: Value) -> Tensor:
        return max_pool2d(x, self.kernel_size, stride=self.stride)


class UpsampleNearest(Module):
    """`upsample_nearest` as a layer."""

    def __init__(self, factor: Pair) -> None:
        self.factor = factor

    def forward(self, x: Value) -> Tensor:
        return upsample_nearest(x, self.factor)

    def extra(self) -> str:
        return str(self.factor)
