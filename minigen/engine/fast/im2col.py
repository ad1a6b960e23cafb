"""Convolution on plain arrays: gather the windows of an image into the rows of a matrix, and multiply.

Images are channels-last in memory: the array behind (N, C, H, W) is a view of a contiguous (N, H, W, C).
A window row is then one run of contiguous numbers, and every product is one plain matrix product.
With few channels the runs are short, and columns with one row per kernel tap are faster.

The columns are kernel-size times larger than the image and are never kept. The batch is cut
into chunks whose columns stay in the cache, in memory that each thread uses again and again
(fresh memory costs a page fault every 4 KiB), and the chunks of a large convolution are shared by as many
threads as the BLAS uses, each with a single-threaded BLAS: the copies are then parallel too.
"""

import operator
from functools import reduce
from math import prod

import numpy as np

from minigen.engine.backend import namespace, whole, windows
from minigen.engine.fast.memory import scratch
from minigen.engine.fast.threads import share_out

_chunk_bytes = 3 << 20  # of columns: larger ones leave the cache, smaller ones make the product inefficient
_few_channels = 8


@whole
def correlate(x, weight, bias, stride, padding, dilation, size, out=None):
    """out[n, o, i, j] = bias[o] + sum over c, a, b of
    x[n, c, i*stride + a*dilation - padding, ...] * weight[o, c, a, b].
    """
    (n, c, _, _), (o, _, kh, kw) = x.shape, weight.shape
    xp = namespace(x)
    matrix = weight.transpose(2, 3, 1, 0).reshape(kh * kw * c, o)
    x = x.transpose(0, 2, 3, 1)
    out = xp.empty((n, *size, o), x.dtype) if out is None else out.transpose(0, 2, 3, 1)
    # the bias as long as an image row, so that adding it is one long sum and not many short ones
    line = None if bias is None else xp.tile(bias, size[1])

    def part(images, worker):
        y = out[images]
        columns = _im2col(x[images], (kh, kw), stride, padding, dilation, size)
        xp.matmul(columns, matrix, out=y.reshape(-1, o))
        if bias is not None:
            y = y.reshape(-1, size[1] * o)
            y += line

    _in_chunks(part, xp, n, prod(size) * matrix.shape[0], o, x.dtype)
    return out.transpose(0, 3, 1, 2)


@whole
def correlate_weight(x, y, kernel, stride, padding, dilation):
    """out[o, c, a, b] = sum over n, i, j of x[n, c, i*stride + a*dilation - padding, ...] * y[n, o, i, j]."""
    (n, c, _, _), (_, o, *size) = x.shape, y.shape
    xp = namespace(x)
    taps = prod(kernel) * c
    x, y = x.transpose(0, 2, 3, 1), y.transpose(0, 2, 3, 1)
    totals = {}  # one for each worker: none waits, and the order of the sum is always the same

    def part(images, worker):
        columns = _im2col(x[images], kernel, stride, padding, dilation, size)
        rows = y[images].reshape(-1, o)
        if worker in totals:
            totals[worker] += xp.matmul(columns.T, rows, out=scratch(xp, "product", (taps, o), x.dtype))
        else:
            totals[worker] = columns.T @ rows

    _in_chunks(part, xp, n, prod(size) * taps, o, x.dtype)
    total = reduce(operator.add, (totals[worker] for worker in sorted(totals)))
    return total.reshape(*kernel, c, o).transpose(3, 2, 0, 1)


@whole
def correlate_transpose(y, weight, bias, size, stride, padding, dilation, out=None):
    """The adjoint of `correlate` in x: each y[n, o, i, j], times the kernel, is added to its window
    of the image (col2im).
    """
    (n, o, *places), (_, c, kh, kw) = y.shape, weight.shape
    xp = namespace(y)
    y, matrix = y.transpose(0, 2, 3, 1), weight.transpose(2, 3, 1, 0)  # (kh, kw, C, O)
    new, into = (_col2im_by_tap if _few(xp, c) or dilation[1] > 1 else _col2im_by_row)(
        xp, n, bias, matrix, places, size, stride, padding, dilation, y.dtype
    )
    out = new() if out is None else out

    def part(images, worker):
        into(out[images], y[images].reshape(-1, o))

    _in_chunks(part, xp, n, prod(places) * kh * kw * c, o, y.dtype)
    return out


def _col2im_by_tap(xp, n, bias, matrix, places, size, stride, padding, dilation, dtype):
    """A function for an empty result (N, C, H, W), and one that fills images of it: one product,
    then each tap is added at its pixels.
    """
    (kh, kw, c, o), (h, w), (ph, pw) = matrix.shape, size, padding

    def into(out, rows):
        m = len(out)
        taps = scratch(xp, "product", (kh * kw * c, len(rows)), dtype)
        xp.matmul(matrix.reshape(-1, o), rows.T, out=taps)
        taps = taps.reshape(kh, kw, c, m, *places)
        canvas = _zeros(xp, (m, c, h + 2 * ph, w + 2 * pw), dtype)
        for a, b, place in _places(canvas, (kh, kw), places, stride, dilation):
            place += taps[a, b].transpose(1, 0, 2, 3)
        kept = canvas[:, :, ph : ph + h, pw : pw + w]
        _put(xp, out, kept, None if bias is None else bias[:, None, None])

    return lambda: xp.empty((n, c, h, w), dtype), into


def _col2im_by_row(xp, n, bias, matrix, places, size, stride, padding, dilation, dtype):
    """The same for an undilated kernel and channels-last memory, where image rows are lines of W*C numbers.

    As many neighbouring taps as the stride is wide fill such a line without gaps, so they are one
    product and one long sum.
    """
    (kh, kw, c, o), (h, w), (ph, pw) = matrix.shape, size, padding
    (oh, ow), (sh, sw) = places, stride
    groups = -(-kw // sw)
    if kw % sw:  # the last group is filled up with zeros
        filled = xp.zeros((kh, groups * sw, c, o), dtype)
        filled[:, :kw] = matrix
        matrix = filled
    matrix = matrix.reshape(kh, groups, sw * c, o)
    wide = max(w + 2 * pw, (ow - 1 + groups) * sw)
    line = None if bias is None else xp.tile(bias, w)

    def into(out, rows):
        m = len(out)
        product = _products(xp, rows, matrix, dtype)
        long = (m, oh, -1) if xp is np else (m, oh, ow, -1)  # a GPU's product has gaps
        lines = _zeros(xp, (m, h + 2 * ph, wide * c), dtype)
        for a in range(kh):
            top = a * dilation[0]
            for b in range(groups):
                met = lines[:, top : top + (oh - 1) * sh + 1 : sh, b * sw * c : (b + ow) * sw * c]
                met = met.reshape(long)  # a view
                met += product(a, b).reshape(long)
        kept = lines[:, ph : ph + h, pw * c : (pw + w) * c]
        _put(xp, out.transpose(0, 2, 3, 1).reshape(m, h, -1), kept, line)

    return lambda: xp.empty((n, h, w, c), dtype).transpose(0, 3, 1, 2), into


def _products(xp, rows, matrix, dtype):
    """rows @ matrix[a, b].T as a function of (a, b): one at a time in the cache,
    but on a GPU all in one launch.
    """
    kh, groups, wide, o = matrix.shape
    if xp is not np:
        every = (rows @ matrix.reshape(-1, o).T).reshape(-1, kh, groups, wide)
        return lambda a, b: every[:, a, b]
    product = scratch(xp, "product", (len(rows), wide), dtype)
    return lambda a, b: xp.matmul(rows, matrix[a, b].T, out=product)


def _put(xp, out, values, bias):
    if bias is None:
        out[...] = values
    else:
        xp.add(values, bias, out=out)


def _im2col(x, kernel, stride, padding, dilation, size):
    """The windows of x (m, H, W, C) as the rows of a matrix (m*OH*OW, kh*kw*C), in the memory order
    that is quick to fill.
    """
    m, h, w, c = x.shape
    xp = namespace(x)
    if padding != (0, 0):
        (ph, pw), inside = padding, x
        x = _zeros(xp, (m, h + 2 * ph, w + 2 * pw, c), x.dtype)
        x[:, ph : ph + h, pw : pw + w] = inside
    if _few(xp, c):
        taps = scratch(xp, "columns", (*kernel, c, m, *size), x.dtype)
        for a, b, place in _places(x.transpose(0, 3, 1, 2), kernel, size, stride, dilation):
            taps[a, b] = place.transpose(1, 0, 2, 3)
        return taps.reshape(-1, m * prod(size)).T
    columns = scratch(xp, "columns", (m, *size, *kernel, c), x.dtype)
    columns[...] = windows(x, kernel, stride, dilation)
    return columns.reshape(m * prod(size), -1)


def _few(xp, channels):
    """Whether runs of so many channels are too short to copy; to a GPU a launch for each tap
    costs more than short runs.
    """
    return xp is np and channels < _few_channels


def _zeros(xp, shape, dtype):
    zeros = scratch(xp, "zeros", shape, dtype)
    zeros.fill(0)
    return zeros


def _places(image, kernel, size, stride, dilation):
    """For each tap (a, b) of a kernel, the pixels of image (m, C, H, W) it meets,
    as a view (m, C, OH, OW).
    """
    (sh, sw), (dh, dw) = stride, dilation
    for a in range(kernel[0]):
        for b in range(kernel[1]):
            rows = slice(a * dh, a * dh + (size[0] - 1) * sh + 1, sh)
            yield a, b, image[:, :, rows, slice(b * dw, b * dw + (size[1] - 1) * sw + 1, sw)]


def _in_chunks(part, xp, n, columns_per_image, products_per_column, dtype):
    """Call part(slice, worker) over the n images, in chunks that fit the cache, on several
    threads where it is worth it.
    """
    if xp is not np:
        return part(slice(0, n), 0)
    most = max(1, _chunk_bytes // (columns_per_image * dtype.itemsize))

    def run(first, last):
        chunk = -(-(last - first) // -(-(last - first) // most))  # equal chunks: no small one at the end
        for start in range(first, last, chunk):
            part(slice(start, min(start + chunk, last)), first)

    share_out(run, n, n * columns_per_image * products_per_column)
