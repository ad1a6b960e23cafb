"""The sum of many rows, and one row added to many, without a loop for every row.

NumPy adds one row after another. Each is a loop of its own, so narrow rows are slow, and in float32 each
addition rounds, so 10 000 of them lose two digits. Here blocks of rows are multiplied by 64 ones, and what
they give is added in float64. That takes a quarter of the time, and has the rounding errors of 64 additions,
however many rows there are. A row that is added to all rows is repeated first, until it is a long one.
"""

import numpy as np

from minigen.engine.backend import whole

_block = 64  # rows in a product
_many = 1024  # rows from which on it is quicker
_long = 8192  # numbers in a row from which on longer ones gain nothing: 1.8 times as fast as rows of 64


def total(x, axes, keepdims=False, dtype=None):
    """x.sum(axes, keepdims=keepdims) in the dtype of x, added in `dtype` where NumPy adds."""
    if x.size >= 16 * _many and axes is not None and len(axes) == x.ndim - 1:
        (kept,) = {*range(x.ndim)} - {*axes}
        if x.size >= _many * x.shape[kept]:
            out = _over_rows(x, (*axes, kept), dtype)
            return out.reshape([n if i == kept else 1 for i, n in enumerate(x.shape)]) if keepdims else out
    out = x.sum(axis=axes, dtype=dtype, keepdims=keepdims)
    return out if dtype is None else out.astype(x.dtype)


@whole
def _over_rows(x, order, dtype, out=None):
    """The sum over all axes but the last of x.transpose(order), in the dtype of x."""
    rows = x.transpose(order)
    if type(x) is np.ndarray and rows.flags.c_contiguous and x.dtype in (np.float32, np.float64):
        rows = rows.reshape(-1, rows.shape[-1])
        last = len(rows) - len(rows) % _block
        blocks = np.ones(_block, x.dtype) @ rows[:last].reshape(-1, _block, rows.shape[-1])
        found = blocks.sum(axis=0, dtype=np.float64) + rows[last:].sum(axis=0, dtype=np.float64)
    else:
        found = x.sum(axis=order[:-1], dtype=dtype)
    if out is None:
        return found.astype(x.dtype)
    out[...] = found
    return out


def add_row(rows, row):
    """rows += row, (N, D) and (D,), with the same bits."""
    if type(rows) is np.ndarray and many_narrow(rows, row):
        with_row(np.add, rows, row, rows)
    else:
        rows += row


def many_narrow(rows, row):
    """Whether `with_row` is quicker: rows (N, D), many and narrow, and a row (D,) or (1, D)."""
    return (
        rows.size >= 16 * _long
        and 16 * row.size <= _long
        and rows.ndim == 2
        and row.shape in (rows.shape[1:], (1, *rows.shape[1:]))
        and rows.flags.c_contiguous
    )


def with_row(function, rows, row, out):
    """function(rows, row, out) with the same bits, for a ufunc that combines entry with entry."""
    times = len(rows) // -(-rows.size // _long)
    last = len(rows) - len(rows) % times
    long = np.empty((times, row.size), row.dtype)
    long[...] = row
    shape = -1, long.size
    function(rows[:last].reshape(shape), long.reshape(-1), out=out[:last].reshape(shape))
    function(rows[last:], row, out=out[last:])
