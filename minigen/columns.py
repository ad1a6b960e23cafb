"""Convolution on plain arrays: gather the windows of an image into the rows of a matrix, and multiply.

Images are channels-last in memory: the array behind (N, C, H, W) is a view of a contiguous (N, H, W, C). A window row is then
one run of contiguous numbers, and every product is one plain matrix product. With few channels the runs are short, and
columns with one row per kernel tap are faster.

The columns are kernel-size times larger than the image and are never kept. The batch is cut into chunks whose columns
stay in the cache, and the chunks are shared by as many threads as the BLAS uses, each with a single-threaded BLAS: the copies are
then parallel too, not only the products.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
from threadpoolctl import ThreadpoolController

from minigen.backend import namespace, windows

_chunk_bytes = (
    1 << 21
)  # of columns: small enough for the second-level cache, large enough for the product to be efficient
_worth_threads = 4e6  # multiplications; below, starting threads costs more than it saves
_few_channels = 8


def correlate(x, weight, bias, stride, padding, dilation, size):
    """out[n, o, i, j] = bias[o] + sum over c, a, b of x[n, c, i*stride + a*dilation - padding, ...] * weight[o, c, a, b]."""
    (n, c, _, _), (o, _, kh, kw) = x.shape, weight.shape
    xp = namespace(x)
    matrix = weight.transpose(2, 3, 1, 0).reshape(kh * kw * c, o)
    x = x.transpose(0, 2, 3, 1)
    out = xp.empty((n, *size, o), x.dtype)

    def part(images):
        y = out[images].reshape(-1, o)
        xp.matmul(_columns(x[images], (kh, kw), stride, padding, dilation, size), matrix, out=y)
        if bias is not None:
            y += bias

    _in_chunks(part, xp, n, size[0] * size[1] * matrix.shape[0], o, x.dtype)
    return out.transpose(0, 3, 1, 2)


def correlate_weight(x, y, kernel, stride, padding, dilation):
    """out[o, c, a, b] = sum over n, i, j of x[n, c, i*stride + a*dilation - padding, ...] * y[n, o, i, j]."""
    (n, c, _, _), (_, o, *size) = x.shape, y.shape
    xp = namespace(x)
    taps = kernel[0] * kernel[1] * c
    x, y = x.transpose(0, 2, 3, 1), y.transpose(0, 2, 3, 1)
    total = xp.zeros((taps, o), x.dtype)
    lock = threading.Lock()

    def part(images):
        product = _columns(x[images], kernel, stride, padding, dilation, size).T @ y[images].reshape(-1, o)
        with lock:
            nonlocal total
            total += product

    _in_chunks(part, xp, n, size[0] * size[1] * taps, o, x.dtype)
    return total.reshape(*kernel, c, o).transpose(3, 2, 0, 1)


def spread(y, weight, bias, size, stride, padding, dilation):
    """The adjoint of `correlate` in x: each y[n, o, i, j] is spread over the window it would have been gathered from."""
    (n, o, oh, ow), (_, c, kh, kw) = y.shape, weight.shape
    (h, w), (ph, pw) = size, padding
    xp = namespace(y)
    few = c < _few_channels
    y = y.transpose(0, 2, 3, 1)
    matrix = weight.transpose(2, 3, 1, 0)  # (kh, kw, C, O)
    out = xp.empty((n, c, h, w), y.dtype) if few else xp.empty((n, h, w, c), y.dtype).transpose(0, 3, 1, 2)

    def part(images):
        rows = y[images].reshape(-1, o)
        m = rows.shape[0] // (oh * ow)
        if few:
            canvas = xp.zeros((m, c, h + 2 * ph, w + 2 * pw), y.dtype)
            taps = (matrix.reshape(-1, o) @ rows.T).reshape(kh, kw, c, m, oh, ow)
            for a, b, place in _places(canvas, (kh, kw), (oh, ow), stride, dilation):
                place += taps[a, b].transpose(1, 0, 2, 3)
        else:
            canvas = xp.zeros((m, h + 2 * ph, w + 2 * pw, c), y.dtype).transpose(0, 3, 1, 2)
            for a, b, place in _places(canvas, (kh, kw), (oh, ow), stride, dilation):
                place += (rows @ matrix[a, b].T).reshape(m, oh, ow, c).transpose(0, 3, 1, 2)
        kept = canvas[:, :, ph : ph + h, pw : pw + w]
        out[images] = kept if bias is None else kept + bias[:, None, None]

    _in_chunks(part, xp, n, oh * ow * kh * kw * c, o, y.dtype)
    return out


def _columns(x, kernel, stride, padding, dilation, size):
    """The windows of x (m, H, W, C) as the rows of a matrix (m*OH*OW, kh*kw*C), in either memory order."""
    m, h, w, c = x.shape
    xp = namespace(x)
    few = c < _few_channels
    if padding != (0, 0) or (not few and not x.flags.c_contiguous):
        (ph, pw), inside = padding, x
        x = (
            xp.zeros((m, c, h + 2 * ph, w + 2 * pw), x.dtype).transpose(0, 2, 3, 1)
            if few
            else xp.zeros((m, h + 2 * ph, w + 2 * pw, c), x.dtype)
        )
        x[:, ph : ph + h, pw : pw + w] = inside
    if not few:
        return windows(x, kernel, stride, dilation).reshape(m * size[0] * size[1], -1)
    taps = xp.empty((*kernel, c, m, *size), x.dtype)
    for a, b, place in _places(x.transpose(0, 3, 1, 2), kernel, size, stride, dilation):
        taps[a, b] = place.transpose(1, 0, 2, 3)
    return taps.reshape(-1, m * size[0] * size[1]).T


def _places(image, kernel, size, stride, dilation):
    """For each tap (a, b) of a kernel, the pixels of image (m, C, H, W) it meets, as a view (m, C, OH, OW)."""
    (sh, sw), (dh, dw) = stride, dilation
    for a in range(kernel[0]):
        for b in range(kernel[1]):
            yield (
                a,
                b,
                image[
                    :,
                    :,
                    a * dh : a * dh + (size[0] - 1) * sh + 1 : sh,
                    b * dw : b * dw + (size[1] - 1) * sw + 1 : sw,
                ],
            )


def _in_chunks(part, xp, n, columns_per_image, products_per_column, dtype):
    """Call part(slice) over the n images, in chunks that fit the cache, on several threads where it is worth it."""
    if xp is not np or n * columns_per_image * products_per_column < _worth_threads:
        return part(slice(0, n))
    chunk = max(1, _chunk_bytes // (columns_per_image * dtype.itemsize))
    blas, pool, threads = _threads()
    share = -(-n // threads)
    chunk = -(-share // -(-share // chunk))  # equal chunks, so that no thread ends on a small one

    def run(first):
        for start in range(first, min(first + share, n), chunk):
            part(slice(start, min(start + chunk, first + share, n)))

    if threads == 1:
        return run(0)
    with blas.limit(limits=1, user_api="blas"):
        others = [pool.submit(run, first) for first in range(share, n, share)]
        run(0)
        for other in others:
            other.result()


@cache
def _threads():
    """As many threads as the BLAS was told to use, so that OMP_NUM_THREADS and the like keep their meaning."""
    blas = ThreadpoolController()
    threads = max((library["num_threads"] for library in blas.select(user_api="blas").info()), default=1)
    return blas, ThreadPoolExecutor(max(1, threads - 1), "minigen"), threads
