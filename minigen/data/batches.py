"""One pass over the data in random order, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minigen.engine import backend
from minigen.engine.backend import Array


def batches(
    data: Array | tuple[Array, ...], size: int, rng: np.random.Generator, *, drop_last: bool = True
) -> Iterator:
    """An iterator over one epoch: every row once, shuffled by `rng`, in batches of `size` rows.

    `rng` is a NumPy generator. `data` is an array, or a tuple of arrays with equally many rows (images and
    labels), which gives tuples. The rows left over at the end are dropped, so that all batches have one size;
    drop_last=False gives them as a smaller batch. The order is drawn on the host and moved to the data once.
    Raises ValueError for no rows, unequal rows, or a batch larger than the data.
    """
    arrays = data if isinstance(data, tuple) else (data,)
    lengths = [len(array) for array in arrays]
    if not lengths or lengths[0] == 0:
        raise ValueError(f"batches: no data: expected an array with at least one row, got lengths {lengths}")
    if len(set(lengths)) > 1:
        raise ValueError(f"batches: the arrays of a tuple must have equally many rows, got {lengths}")
    if not 1 <= size <= lengths[0]:
        raise ValueError(
            f"batches: the batch size must lie between 1 and the {lengths[0]} rows of the data, got {size}"
        )
    if not hasattr(rng, "permutation"):
        raise TypeError(
            f"batches: rng must be a NumPy generator, numpy.random.default_rng(0), got {type(rng).__name__}"
        )
    order = backend.to(rng.permutation(lengths[0]), backend.device_of(arrays[0]))
    return _parts(arrays, order, size, drop_last, isinstance(data, tuple))


def _parts(arrays, order, size, drop_last, together):
    end = len(order) - len(order) % size if drop_last else len(order)
    for start in range(0, end, size):
        rows = order[start : start + size]
        yield tuple(array[rows] for array in arrays) if together else arrays[0][rows]
