"""The second opinion on the engine: differences of the forward alone, and convolutions
written as the formula reads.

A gradient has two orders to be checked. First: L = <g, f(x)> with a random cotangent g, never a plain sum,
which would hide a transposed or permuted gradient. Second: S = <v, dL/dx> with random v,
by differences of first-order gradients; the gradient of S with respect to g as well as x says that a rule is
differentiable in every argument.

Central differences of order 6: three symmetric slopes weighted 1.5, -0.6, 0.1 cancel the errors
in h^2 and h^4. With h = 3e-3 they are good to about 1e-11 in float64 for functions of size 1,
where no kink lies within 3h.
"""

import itertools
import zlib

import numpy as np

import minigen
from minigen import Tensor

STEP, WEIGHTS = 3e-3, (1.5, -0.6, 0.1)
REACH = 3 * STEP
# The error of the differences themselves: round-off is 1.8 * 2e-16 * |L| / h, about 1e-12 for |L| of 10;
# truncation is h^6 L^(7) / 140, below 1e-9 for the samples here. A gradient smaller than that
# cannot be told from 0.
FLOOR = 2e-9


def rng_of(name):
    """A generator that depends on a name alone, so that a test draws the same numbers on
    its own and in the suite.
    """
    return np.random.default_rng(zlib.crc32(str(name).encode()))


def differences(f, arrays, i):
    """df / d arrays[i] of a scalar function of several float64 arrays, entry by entry."""
    moved = [a.copy() for a in arrays]
    slope = np.zeros_like(arrays[i])
    for place in np.ndindex(slope.shape):
        centre = arrays[i][place]
        for k, weight in enumerate(WEIGHTS, 1):
            up, down = centre + k * STEP, centre - k * STEP
            moved[i][place] = up
            high = f(*moved)
            moved[i][place] = down
            slope[place] += weight * (high - f(*moved)) / (up - down)  # the step as represented
        moved[i][place] = centre
    return slope


def assert_close(claimed, measured, tolerance=1e-6):
    """Every entry, relative to itself: 1e-6 as required, down to what differences can resolve."""
    assert claimed.shape == measured.shape
    np.testing.assert_allclose(claimed, measured, rtol=tolerance, atol=FLOOR)


def first_order(f, arrays, g):
    """The gradients of <g, f(*arrays)> by the engine, as tensors of the device that the arrays are on."""
    inputs = [Tensor(a, requires_grad=True) for a in arrays]
    return minigen.grad(f(*inputs), inputs, gradient=g)


def second_order(f, arrays, g, directions):
    """The gradients of S = sum_i <v_i, d<g, f>/dx_i> by the engine,
    with respect to each array and, last, g.
    """
    inputs = [Tensor(a, requires_grad=True) for a in arrays]
    g = Tensor(g, requires_grad=True)
    slopes = minigen.grad((f(*inputs) * g).sum(), inputs, create_graph=True)
    s = sum_of((slope * v).sum() for slope, v in zip(slopes, directions, strict=True))
    # S of a linear f does not depend on x: None means 0
    found = minigen.grad(s, [*inputs, g], allow_unused=True)
    return [Tensor(x.data * 0) if h is None else h for h, x in zip(found, [*inputs, g], strict=True)]


def sum_of(terms):
    first, *rest = terms
    return sum(rest, start=first)


def measured_first_order(f, arrays, g):
    """The same as first_order, by differences of f on plain arrays."""
    return [differences(lambda *xs: float((f(*xs) * g).sum()), arrays, i) for i in range(len(arrays))]


def measured_second_order(f, arrays, g, directions):
    """The same as second_order, by differences of first_order."""

    def s(*arrays_and_g):
        *xs, g = arrays_and_g
        return float(sum((h.data * v).sum() for h, v in zip(first_order(f, xs, g), directions, strict=True)))

    return [differences(s, [*arrays, g], i) for i in range(len(arrays) + 1)]


# ----- convolution, as the formulas read --------------------------------------------------------------------


def naive_conv2d(x, weight, bias=None, stride=(1, 1), padding=(0, 0), dilation=(1, 1)):
    """out[n, o, i, j] = bias[o] + sum_{c, a, b} x[n, c, i s + a d - p, j s + b d - p] weight[o, c, a, b]."""
    size = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(x.shape[2:], weight.shape[2:], stride, padding, dilation, strict=True)
    ]
    out = np.zeros((x.shape[0], weight.shape[0], *size), x.dtype)
    for (n, o, i, j), (c, a, b), row, column in meetings(x, weight, out.shape, stride, padding, dilation):
        out[n, o, i, j] += x[n, c, row, column] * weight[o, c, a, b]
    return out if bias is None else out + bias[:, None, None]


def naive_conv_transpose2d(
    y, weight, bias=None, stride=(1, 1), padding=(0, 0), dilation=(1, 1), output_padding=(0, 0)
):
    """out[n, c, i s + a d - p, j s + b d - p] += y[n, o, i, j] weight[o, c, a, b],
    wherever that lies inside.
    """
    size = [
        (n - 1) * s - 2 * p + d * (k - 1) + 1 + extra
        for n, k, s, p, d, extra in zip(
            y.shape[2:], weight.shape[2:], stride, padding, dilation, output_padding, strict=True
        )
    ]
    out = np.zeros((y.shape[0], weight.shape[1], *size), y.dtype)
    for (n, o, i, j), (c, a, b), row, column in meetings(out, weight, y.shape, stride, padding, dilation):
        out[n, c, row, column] += y[n, o, i, j] * weight[o, c, a, b]
    return out if bias is None else out + bias[:, None, None]


def naive_conv2d_weight(x, y, kernel_size, stride=(1, 1), padding=(0, 0), dilation=(1, 1)):
    """out[o, c, a, b] = sum_{n, i, j} x[n, c, i s + a d - p, j s + b d - p] y[n, o, i, j]."""
    out = np.zeros((y.shape[1], x.shape[1], *kernel_size), x.dtype)
    for (n, o, i, j), (c, a, b), row, column in meetings(x, out, y.shape, stride, padding, dilation):
        out[o, c, a, b] += x[n, c, row, column] * y[n, o, i, j]
    return out


def meetings(x, weight, y_shape, stride, padding, dilation):
    """Every term of the trilinear form: output place, kernel tap, and the pixel of x
    where they meet, if inside.
    """
    for n, o, i, j in np.ndindex(*y_shape):
        for c, a, b in itertools.product(*(range(k) for k in weight.shape[1:])):
            row = i * stride[0] + a * dilation[0] - padding[0]
            column = j * stride[1] + b * dilation[1] - padding[1]
            if 0 <= row < x.shape[2] and 0 <= column < x.shape[3]:
                yield (n, o, i, j), (c, a, b), row, column


def naive_scatter(g, index, shape):
    """Zeros with g added where the index points, told by moving the numbers of the places
    instead of the values.
    """
    out = np.zeros(shape, g.dtype)
    places = np.arange(out.size).reshape(shape)[index]
    for place, value in zip(places.ravel(), g.ravel(), strict=True):
        out.flat[place] += value
    return out


def naive_sum_to(x, shape):
    """x summed into `shape`, entry by entry,
    by asking where broadcasting would have taken each entry from.
    """
    return naive_scatter(
        x, np.broadcast_to(np.arange(int(np.prod(shape))).reshape(shape), x.shape), (int(np.prod(shape)),)
    ).reshape(shape)
