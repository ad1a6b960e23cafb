"""Convolution on plain arrays: gather the windows of an image into the rows of a matrix, and multiply.

Images are channels-last in memory: the array behind (N, C, H, W) is a view of a contiguous (N, H, W, C). A window row is then
one run of contiguous numbers, and every product is one plain matrix product. With few channels the runs are short, and
columns with one row per kernel tap are faster.

The columns are kernel-size times larger than the image and are never kept. The batch is cut into chunks whose columns stay
in the cache, in memory that each thread uses again and again (fresh memory costs a page fault every 4 KiB), and the
chunks are shared by as many threads as the BLAS uses, each with a single-threaded BLAS: the copies are then parallel too.
"""

import threading
from math import prod

import numpy as np

from minigen.backend import namespace, windows
from minigen.threads import share_out

_chunk_bytes = 3 << 20  # of columns: larger ones leave the cache, smaller ones make the product inefficient
_few_channels = 8


def correlate(x, weight, bias, stride, padding, dilation, size):
    """out[n, o, i, j] = bias[o] + sum over c, a, b of x[n, c, i*stride + a*dilation - padding, ...] * weight[o, c, a, b]."""
    (n, c, _, _), (o, _, kh, kw) = x.shape, weight.shape
    xp = namespace(x)
    matrix = weight.transpose(2, 3, 1, 0).reshape(kh * kw * c, o)
    x = x.transpose(0, 2, 3, 1)
    out = xp.empty((n, *size, o), x.dtype)

    def part(images, worker):
        y = out[images].reshape(-1, o)
        xp.matmul(_columns(x[images], (kh, kw), stride, padding, dilation, size), matrix, out=y)
        if bias is not None:
            y += bias

    _in_chunks(part, xp, n, prod(size) * matrix.shape[0], o, x.dtype)
    return out.transpose(0, 3, 1, 2)


def correlate_weight(x, y, kernel, stride, padding, dilation):
    """out[o, c, a, b] = sum over n, i, j of x[n, c, i*stride + a*dilation - padding, ...] * y[n, o, i, j]."""
    (n, c, _, _), (_, o, *size) = x.shape, y.shape
    xp = namespace(x)
    taps = prod(kernel) * c
    x, y = x.transpose(0, 2, 3, 1), y.transpose(0, 2, 3, 1)
    totals = {}  # one for each worker: none waits, and the order of the sum is always the same

    def part(images, worker):
        columns = _columns(x[images], kernel, stride, padding, dilation, size)
        rows = y[images].reshape(-1, o)
        if worker in totals:
            totals[worker] += xp.matmul(columns.T, rows, out=_scratch(xp, "product", (taps, o), x.dtype))
        else:
            totals[worker] = columns.T @ rows

    _in_chunks(part, xp, n, prod(size) * taps, o, x.dtype)
    return sum(totals[worker] for worker in sorted(totals)).reshape(*kernel, c, o).transpose(3, 2, 0, 1)


def spread(y, weight, bias, size, stride, padding, dilation):
    """The adjoint of `correlate` in x: each y[n, o, i, j] is spread over the window it would have been gathered from."""
    (n, o, *places), (_, c, kh, kw) = y.shape, weight.shape
    (h, w), (ph, pw) = size, padding
    xp = namespace(y)
    in_rows = c >= _few_channels and dilation[1] == 1
    y, matrix = y.transpose(0, 2, 3, 1), weight.transpose(2, 3, 1, 0)  # (kh, kw, C, O)
    if in_rows:
        matrix, wide = (
            _blocks(xp, matrix, stride[1]),
            max(w + 2 * pw, (places[1] - 1) * stride[1] + kw + stride[1] - 1),
        )
        out = xp.empty((n, h, w, c), y.dtype).transpose(0, 3, 1, 2)
    else:
        wide, out = w + 2 * pw, xp.empty((n, c, h, w), y.dtype)
    add = _add_rows if in_rows else _add_taps

    def part(images, worker):
        rows = y[images].reshape(-1, o)
        canvas = _canvas(xp, len(rows) // prod(places), c, h + 2 * ph, wide, y.dtype, in_rows)
        add(xp, canvas, rows, matrix, places, stride, dilation)
        kept = canvas[:, :, ph : ph + h, pw : pw + w]
        out[images] = kept if bias is None else kept + bias[:, None, None]

    _in_chunks(part, xp, n, prod(places) * kh * kw * c, o, y.dtype)
    return out


def _add_taps(xp, canvas, rows, matrix, size, stride, dilation):
    """canvas (m, C, H, W) += each tap of the kernel at the pixels it meets: one product, kh*kw sums."""
    (kh, kw, c, o), m = matrix.shape, len(canvas)
    taps = _scratch(xp, "product", (kh * kw * c, len(rows)), rows.dtype)
    xp.matmul(matrix.reshape(-1, o), rows.T, out=taps)
    taps = taps.reshape(kh, kw, c, m, *size)
    for a, b, place in _places(canvas, (kh, kw), size, stride, dilation):
        place += taps[a, b].transpose(1, 0, 2, 3)


def _blocks(xp, matrix, stride):
    """The taps (kh, kw, C, O) of a kernel in groups of `stride` neighbours, (kh, groups, stride*C, O), filled up with zeros."""
    kh, kw, c, o = matrix.shape
    groups = -(-kw // stride)
    if kw % stride:
        filled = xp.zeros((kh, groups * stride, c, o), matrix.dtype)
        filled[:, :kw] = matrix
        matrix = filled
    return matrix.reshape(kh, groups, stride * c, o)


def _add_rows(xp, canvas, rows, blocks, size, stride, dilation):
    """The same for an undilated kernel: `stride` neighbouring taps fill a whole image row without gaps, in one long sum."""
    m, (oh, ow), sh = len(canvas), size, stride[0]
    kh, groups, width, _ = blocks.shape  # width = sw * C
    lines = canvas.transpose(0, 2, 3, 1).reshape(m, canvas.shape[2], -1)  # (m, H, W*C)
    product = _scratch(xp, "product", (len(rows), width), rows.dtype)
    for a in range(kh):
        top = a * dilation[0]
        for b in range(groups):
            xp.matmul(rows, blocks[a, b].T, out=product)
            lines[:, top : top + (oh - 1) * sh + 1 : sh, b * width : (b + ow) * width] += product.reshape(
                m, oh, -1
            )


def _columns(x, kernel, stride, padding, dilation, size):
    """The windows of x (m, H, W, C) as the rows of a matrix (m*OH*OW, kh*kw*C), in the memory order that is quick to fill."""
    m, h, w, c = x.shape
    xp = namespace(x)
    if padding != (0, 0):
        (ph, pw), inside = padding, x
        x = _canvas(xp, m, c, h + 2 * ph, w + 2 * pw, x.dtype, c >= _few_channels).transpose(0, 2, 3, 1)
        x[:, ph : ph + h, pw : pw + w] = inside
    if c < _few_channels:
        taps = _scratch(xp, "columns", (*kernel, c, m, *size), x.dtype)
        for a, b, place in _places(x.transpose(0, 3, 1, 2), kernel, size, stride, dilation):
            taps[a, b] = place.transpose(1, 0, 2, 3)
        return taps.reshape(-1, m * prod(size)).T
    columns = _scratch(xp, "columns", (m, *size, *kernel, c), x.dtype)
    columns[...] = windows(x, kernel, stride, dilation)
    return columns.reshape(m * prod(size), -1)


def _canvas(xp, m, c, h, w, dtype, channels_last):
    """Zeros seen as (m, C, H, W)."""
    canvas = _scratch(xp, "canvas", (m, h, w, c) if channels_last else (m, c, h, w), dtype)
    canvas.fill(0)
    return canvas.transpose(0, 3, 1, 2) if channels_last else canvas


def _places(image, kernel, size, stride, dilation):
    """For each tap (a, b) of a kernel, the pixels of image (m, C, H, W) it meets, as a view (m, C, OH, OW)."""
    (sh, sw), (dh, dw) = stride, dilation
    for a in range(kernel[0]):
        for b in range(kernel[1]):
            rows = slice(a * dh, a * dh + (size[0] - 1) * sh + 1, sh)
            yield a, b, image[:, :, rows, slice(b * dw, b * dw + (size[1] - 1) * sw + 1, sw)]


_memory = threading.local()


def _scratch(xp, use, shape, dtype):
    """An uninitialised array in memory that this thread keeps for this use; valid until the next call for the same use."""
    if xp is not np:
        return xp.empty(shape, dtype)
    kept = _memory.__dict__
    size = prod(shape) * dtype.itemsize
    if use not in kept or len(kept[use]) < size:
        kept[use] = np.empty(size, np.uint8)
    return kept[use][:size].view(dtype).reshape(shape)


def _in_chunks(part, xp, n, columns_per_image, products_per_column, dtype):
    """Call part(slice, worker) over the n images, in chunks that fit the cache, on several threads where it is worth it."""
    if xp is not np:
        return part(slice(0, n), 0)
    most = max(1, _chunk_bytes // (columns_per_image * dtype.itemsize))

    def run(first, last):
        chunk = -(-(last - first) // -(-(last - first) // most))  # equal chunks: no small one at the end
        for start in range(first, last, chunk):
            part(slice(start, min(start + chunk, last)), first)

    share_out(run, n, n * columns_per_image * products_per_column)
