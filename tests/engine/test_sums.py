"""Sums of many rows by products with ones: as exact as float32 allows, the same in every order of memory."""

import numpy as np
import pytest

from minigen.engine.fast import sums

rng = np.random.default_rng(0)


@pytest.mark.parametrize("offset", [0.0, 1e3, -1e5])
@pytest.mark.parametrize("rows", [2047, 2048, 10_001, 100_000])
def test_many_rows_lose_no_digits(rows, offset):
    x = (rng.standard_normal((rows, 17)) + offset).astype(np.float32)
    exact = x.sum(axis=0, dtype=np.float64)
    size = np.abs(x).sum(axis=0, dtype=np.float64)
    ours = np.abs(sums.total(x, (0,)) - exact) / size
    assert ours.max() < 3e-7  # NumPy: 2e-5 for 100 000 rows far from 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 3, 1, 2), (3, 2, 1, 0), (1, 0, 2, 3)])
def test_every_order_of_memory_and_every_axis_that_stays(order, keepdims, dtype):
    x = rng.standard_normal((20, 30, 6, 31)).astype(dtype).transpose(order)
    for kept in range(4):
        axes = tuple(axis for axis in range(4) if axis != kept)
        ours = sums.total(x, axes, keepdims)
        exact = x.sum(axis=axes, keepdims=keepdims, dtype=np.float64)
        assert ours.dtype == dtype and ours.shape == exact.shape
        size = np.abs(x).sum(axis=axes, keepdims=keepdims)
        assert np.all(np.abs(ours - exact) <= 10 * np.finfo(dtype).eps * size)


def test_what_is_not_finite_stays_in_its_column():
    x = np.ones((4096, 5), np.float32)
    x[7, 1], x[4000, 2], x[9, 3], x[99, 3] = np.inf, np.nan, np.inf, -np.inf
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(sums.total(x, (0,)), [4096, np.inf, np.nan, np.nan, 4096])
