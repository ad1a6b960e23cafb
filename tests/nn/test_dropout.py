"""Dropout: a linear map with a given mask, fresh masks in training only."""

import numpy as np
import oracle
import pytest

from minigen import Tensor, nn

KEEP = 0.8


def test_the_mask_silences_and_the_rest_is_scaled(device):
    rng = np.random.default_rng(0)
    x, mask, g = rng.normal(size=(5, 7)), rng.random((5, 7)) < KEEP, rng.normal(size=(5, 7))
    for kind in (np.float64, np.float32, bool):
        y = nn.dropout(device.tensor(x), device.array(mask, kind), KEEP)
        np.testing.assert_allclose(device.host(y), np.where(mask, x / KEEP, 0), rtol=1e-14)
    (gx,) = oracle.first_order(
        lambda x: nn.dropout(x, device.array(mask), KEEP), [device.array(x)], device.array(g)
    )
    np.testing.assert_allclose(device.host(gx), np.where(mask, g / KEEP, 0), rtol=1e-14)


def test_the_mean_stays_and_every_call_draws_anew(device):
    layer = nn.Dropout(KEEP, rng=np.random.default_rng(0))
    x = device.tensor(np.ones((100, 100)), np.float32)
    y, z = device.host(layer(x)), device.host(layer(x))
    assert y.dtype == np.float32
    # four deviations of 10 000 draws, sqrt(.8 .2 / 1e4) = .004
    assert (y > 0).mean() == pytest.approx(KEEP, abs=0.016)
    assert set(np.unique(y)) == {0, np.float32(1 / KEEP)}
    assert (y != z).any()
    again = nn.Dropout(KEEP, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(device.host(again(x)), y)


def test_nothing_happens_in_evaluation():
    layer = nn.Dropout(KEEP, rng=np.random.default_rng(0)).eval()
    x = Tensor(np.ones((5, 7)))
    assert layer(x) is x
    assert layer.rng.random() == np.random.default_rng(0).random()  # no number was drawn


def test_what_is_no_dropout():
    x = np.ones((5, 7))
    for call, error, message in (
        (lambda: nn.dropout(x, np.ones((5, 1)), KEEP), ValueError, r"the shape of x, \(5, 7\), got \(5, 1\)"),
        (lambda: nn.dropout(x, x, 0), ValueError, r"in \(0, 1\], got 0"),
        (lambda: nn.Dropout(1.5, rng=np.random.default_rng(0)), ValueError, r"in \(0, 1\], got 1.5"),
        (lambda: nn.Dropout(0.5), TypeError, "rng must be a NumPy generator"),
    ):
        with pytest.raises(error, match=message):
            call()
