"""Sums of many rows by products with ones: as exact as float32 allows, the same in every order of memory.

And one row added to many, and what is done once for a repeated entry: the bits are those of the plain form.
"""

import numpy as np
import pytest

import minigen as mg
from minigen.engine.backend import unstretched
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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rows", [1, 1000, 65_537, 131_072, 131_071])
@pytest.mark.parametrize("columns", [1, 2, 25, 64, 512, 513])
def test_a_row_is_added_to_all_rows(rows, columns, dtype):
    rows = min(rows, (1 << 19) // columns)
    x, row = (rng.standard_normal(shape).astype(dtype) for shape in ((rows, columns), columns))
    for given in (x, np.asfortranarray(x), x[::-1], np.repeat(x, 2, axis=1)[:, ::2]):
        expected = given + row
        sums.add_row(given, row)
        assert given.tobytes() == expected.tobytes()


@pytest.mark.parametrize("constant", [np.asarray, mg.Tensor])
@pytest.mark.parametrize("columns", [25, 64])
def test_a_replay_adds_long_rows(columns, constant):
    x, weight, bias = (rng.standard_normal(s).astype("f4") for s in ((10_001, 3), (3, columns), columns))
    w, b = constant(weight), constant(bias)
    step = mg.replay(lambda x: mg.dense(x, w, b))
    for _ in range(4):
        x = x + 1
        y = step(x)
        assert np.asarray(y.data).tobytes() == (x @ weight + bias).tobytes()
    assert step.plays == 2


def test_a_replay_combines_many_rows_with_a_row(monkeypatch):
    """In place or not, the row first or last, (D,) or (1, D); a product of matrices is another thing."""
    seen, real = [], sums.with_row
    monkeypatch.setattr(sums, "with_row", lambda f, *arrays: (seen.append(f), real(f, *arrays)))
    x, row = rng.standard_normal((10_001, 25)).astype("f4"), rng.standard_normal((1, 25)).astype("f4")
    one = np.full((1, 1), 3, "f4")

    def plain(x):
        y = (x - row) / row * row[0] + (row - x) + np.maximum(x, row)
        y *= row
        return y, (x > row), x.reshape(-1, 1) @ one, x.T.copy().T * row

    step = mg.replay(plain)
    for _ in range(4):
        x = x + 1
        for ours, exact in zip(step(x), plain(x), strict=True):
            assert ours.tobytes() == exact.tobytes() and ours.strides == exact.strides
    assert step.plays == 2
    assert seen == 2 * [np.subtract, np.divide, np.multiply, np.maximum, np.multiply, np.greater]


def test_an_entry_that_is_repeated_is_seen_once():
    x = rng.standard_normal((3, 1, 2))
    shapes = {(3, 5, 2): (3, 1, 2), (4, 3, 1, 2): (1, 3, 1, 2), (3, 1, 2): (3, 1, 2)}
    for stretched, shape in shapes.items():
        found = unstretched(np.broadcast_to(x, stretched))
        assert found.shape == shape
        np.testing.assert_array_equal(np.broadcast_to(found, stretched), np.broadcast_to(x, stretched))
    assert unstretched(np.float32(3) * np.ones(())).shape == ()
    assert unstretched(np.zeros((0, 4))).size == 0
    tensor = mg.Tensor(x)
    assert unstretched(tensor) is tensor


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_sum_of_squares_has_the_slope_that_two_passes_give(dtype):
    x = mg.Tensor(rng.standard_normal((7, 5)).astype(dtype), requires_grad=True)
    ((x**2).sum() * 0.3).backward()
    g = np.full((7, 5), 0.3, dtype)
    assert x.grad.tobytes() == (g * (2 * x.data)).tobytes()
