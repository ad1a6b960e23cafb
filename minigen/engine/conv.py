"""Convolution as one number: L(x, w, y) = <conv(x, w), y>, which is linear in the image,
in the kernel and in the output.

Fix two of the three and differentiate with respect to the third: that gives the three maps `conv2d` (by y),
`conv_transpose2d` (by x) and `conv2d_weight` (by w). Each is linear in its two arguments,
so its rules are the other two, and derivatives of any order need no further operation.
A transposed convolution is not an inverse; it is this adjoint: <conv(x, w), y> = <x, conv_transpose(y, w)>.

Public shapes: images (N, C, H, W), weights (out, in, kh, kw), transposed weights (in, out, kh, kw).
In memory the channels of an image come last.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from minigen.engine.backend import namespace
from minigen.engine.fast import im2col, sums
from minigen.engine.tape import Value, op, takes

Pair: TypeAlias = int | tuple[int, int]  # in annotations: one number, or (vertical, horizontal)


def output_size(size: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """Pixels along one axis after conv2d:
    floor((size + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1.
    """
    return (size + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1


def transposed_output_size(
    size: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1, output_padding: int = 0
) -> int:
    """Pixels along one axis after conv_transpose2d: (size - 1) stride - 2 padding + dilation
    (kernel_size - 1) + output_padding + 1.
    """
    return (size - 1) * stride - 2 * padding + dilation * (kernel_size - 1) + output_padding + 1


def sizes_that_collapse(
    size: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1
) -> list[int]:
    """The input sizes that conv2d maps to the one output size `size`; `output_padding` is
    an index into this list.

    With stride s there are s of them. A transposed convolution cannot tell which one was meant,
    so `output_padding` says it.
    """
    smallest = transposed_output_size(size, kernel_size, stride, padding, dilation)
    return list(range(smallest, smallest + stride))


@op(name="conv2d")
def _conv2d(x, weight, bias, *, stride, padding, dilation):
    """L as a function of y, (N, C, H, W), (O, C, kh, kw), (O,) -> (N, O, OH, OW): see `conv2d`."""
    size = _sizes(output_size, x.shape[2:], weight.shape[2:], stride, padding, dilation)
    return im2col.correlate(x, weight, bias, stride, padding, dilation, size)


_conv2d.rule(
    lambda g, out, x, w, b, **k: _conv_transpose2d(g, w, None, size=x.shape[2:], **k),
    lambda g, out, x, w, b, **k: _conv2d_weight(x, g, kernel=w.shape[2:], **k),
    lambda g, out, x, w, b, **k: channel_sum(g),
)


@op(name="conv_transpose2d")
def _conv_transpose2d(y, weight, bias, *, size, stride, padding, dilation):
    """L as a function of x, an image of `size` pixels, (N, O, OH, OW),
    (O, C, kh, kw), (C,) -> (N, C, *size).
    """
    return im2col.correlate_transpose(y, weight, bias, size, stride, padding, dilation)


_conv_transpose2d.rule(
    lambda g, out, y, w, b, size, **k: _conv2d(g, w, None, **k),
    lambda g, out, y, w, b, size, **k: _conv2d_weight(g, y, kernel=w.shape[2:], **k),
    lambda g, out, y, w, b, size, **k: channel_sum(g),
)


@op(name="conv2d_weight")
def _conv2d_weight(x, y, *, kernel, stride, padding, dilation):
    """L as a function of w, (N, C, H, W), (N, O, OH, OW) -> (O, C, *kernel): see `conv2d_weight`."""
    return im2col.correlate_weight(x, y, kernel, stride, padding, dilation)


_conv2d_weight.rule(
    lambda g, out, x, y, kernel, **k: _conv_transpose2d(y, g, None, size=x.shape[2:], **k),
    lambda g, out, x, y, kernel, **k: _conv2d(x, g, None, **k),
)


@op(name="conv2d")
def channel_sum(x):
    """The sum over all pixels of each channel, (N, C, H, W) -> (C,):
    what the bias of a convolution receives.
    """
    return sums.total(x, (0, 2, 3))


channel_sum.rule(lambda g, out, x: _channel_broadcast(g, x.shape))


@op(name="conv2d")
def _channel_broadcast(b, shape):
    """One number for each channel, repeated at all pixels, (C,) -> `shape` (N, C, H, W):
    the adjoint of `channel_sum`.
    """
    n, c, h, w = shape
    return namespace(b).broadcast_to(b, (n, h, w, c)).transpose(0, 3, 1, 2)


_channel_broadcast.rule(lambda g, out, b, shape: channel_sum(g))


@takes("x", "weight", "bias", computes=False)
def conv2d(
    x: Value,
    weight: Value,
    bias: Value | None = None,
    *,
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
) -> Value:
    """out[n, o, i, j] = bias[o] + sum_{c,a,b}
    x[n, c, i stride + a dilation - padding, ...] weight[o, c, a, b].

    (N, C, H, W), (O, C, kh, kw), (O,) -> (N, O, OH, OW), sizes by `output_size`. stride, padding and dilation
    are an int or a pair (vertical, horizontal). Raises ValueError where channels or sizes do not fit.
    """
    stride, padding, dilation = _pairs("conv2d", stride, padding, dilation)
    _check_images("conv2d", x, weight, bias, takes=1, gives=0)
    size = _sizes(output_size, x.shape[2:], weight.shape[2:], stride, padding, dilation)
    if min(size) < 1:
        reach = tuple(d * (k - 1) + 1 for d, k in zip(dilation, weight.shape[2:], strict=True))
        padded = tuple(n + 2 * p for n, p in zip(x.shape[2:], padding, strict=True))
        raise ValueError(
            f"conv2d: the kernel spans {reach} pixels (dilation included) but the padded image has only "
            f"{padded}: use a smaller kernel or more padding; x is {x.shape}, weight {weight.shape}, "
            f"padding {padding}"
        )
    return _conv2d(x, weight, bias, stride=stride, padding=padding, dilation=dilation)


@takes("x", "weight", "bias", computes=False)
def conv_transpose2d(
    x: Value,
    weight: Value,
    bias: Value | None = None,
    *,
    stride: Pair = 1,
    padding: Pair = 0,
    output_padding: Pair = 0,
    dilation: Pair = 1,
) -> Value:
    """The adjoint of conv2d with the same weight: out[n, o, i stride + a dilation - padding, ...] +=
    x[n, c, i, ...] weight[c, o, a, b].

    (N, C, H, W), (C, O, kh, kw), (O,) -> (N, O, OH, OW), sizes by `transposed_output_size`.
    `output_padding` picks one of the sizes that conv2d would collapse to (H, W) (see `sizes_that_collapse`)
    and must be smaller than the stride.
    """
    stride, padding, dilation = _pairs("conv_transpose2d", stride, padding, dilation)
    output_padding = _pair("conv_transpose2d", "output_padding", output_padding, 0)
    _check_images("conv_transpose2d", x, weight, bias, takes=0, gives=1)
    kernel = weight.shape[2:]
    if any(extra >= s for extra, s in zip(output_padding, stride, strict=True)):
        valid = [
            sizes_that_collapse(*axis)
            for axis in zip(x.shape[2:], kernel, stride, padding, dilation, strict=True)
        ]
        raise ValueError(
            f"conv_transpose2d: output_padding {output_padding} must be smaller than stride {stride}: "
            f"the sizes that conv2d maps to {x.shape[2:]} are {valid[0]} by {valid[1]}"
        )
    size = _sizes(transposed_output_size, x.shape[2:], kernel, stride, padding, dilation, output_padding)
    if min(size) < 1:
        raise ValueError(
            f"conv_transpose2d: padding {padding} leaves an output of {size} pixels; x is {x.shape}"
        )
    return _conv_transpose2d(x, weight, bias, size=size, stride=stride, padding=padding, dilation=dilation)


@takes("x", "y", computes=False)
def conv2d_weight(
    x: Value, y: Value, kernel_size: Pair, *, stride: Pair = 1, padding: Pair = 0, dilation: Pair = 1
) -> Value:
    """The third map of the trilinear form: out[o, c, a, b] = sum_{n,i,j}
    x[n, c, i stride + a dilation - padding, ...] y[n, o, i, j].

    (N, C, H, W), (N, O, OH, OW) -> (O, C, kh, kw): the gradient that conv2d's weight receives from y.
    Raises ValueError where x, y and kernel_size do not fit together.
    """
    stride, padding, dilation = _pairs("conv2d_weight", stride, padding, dilation)
    kernel = _pair("conv2d_weight", "kernel_size", kernel_size, 1)
    if x.ndim != 4 or y.ndim != 4:
        raise ValueError(
            f"conv2d_weight: x (N, C, H, W) and y (N, O, OH, OW) expected, got {x.shape} and {y.shape}"
        )
    size = _sizes(output_size, x.shape[2:], kernel, stride, padding, dilation)
    if y.shape[0] != x.shape[0] or tuple(y.shape[2:]) != size:
        raise ValueError(
            f"conv2d_weight: x {x.shape} and kernel {kernel} need y ({x.shape[0]}, O, {size[0]}, {size[1]}), "
            f"got {y.shape}"
        )
    return _conv2d_weight(x, y, kernel=kernel, stride=stride, padding=padding, dilation=dilation)


def _sizes(formula, *pairs):
    return formula(*(p[0] for p in pairs)), formula(*(p[1] for p in pairs))


def _pair(caller, name, value, least):
    pair = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(pair) != 2 or not all(isinstance(v, int | np.integer) and v >= least for v in pair):
        raise ValueError(
            f"{caller}: {name} must be an int or a pair of ints, at least {least}, got {value!r}"
        )
    return int(pair[0]), int(pair[1])


def _pairs(caller, stride, padding, dilation):
    return (
        _pair(caller, "stride", stride, 1),
        _pair(caller, "padding", padding, 0),
        _pair(caller, "dilation", dilation, 1),
    )


def _check_images(caller, x, weight, bias, takes, gives):
    if x.ndim != 4 or weight.ndim != 4:
        raise ValueError(
            f"{caller}: images (N, C, H, W) and a weight of 4 axes expected, got x {x.shape} and weight "
            f"{weight.shape}; a batch of grey images is x[:, None]"
        )
    if 0 in x.shape or 0 in weight.shape:
        empty = "the batch is empty" if x.shape[0] == 0 else "an axis has size 0"
        raise ValueError(f"{caller}: {empty}: x is {x.shape}, weight {weight.shape}")
    if x.shape[1] != weight.shape[takes]:
        raise ValueError(
            f"{caller}: x has {x.shape[1]} channels but weight {weight.shape} takes {weight.shape[takes]}; "
            f"x is {x.shape}"
        )
    if bias is not None and bias.shape != (weight.shape[gives],):
        raise ValueError(
            f"{caller}: weight {weight.shape} makes {weight.shape[gives]} channels but bias has shape "
            f"{bias.shape}"
        )
