"""The digits that lie in the package, and the walk through them."""

import numpy as np
import pytest

from minigen.data import batches, digits, digits_split


def test_digits_are_the_published_test_set():
    images, labels = digits()
    assert images.shape == (1797, 8, 8) and images.dtype == np.float32
    assert labels.shape == (1797,) and labels.dtype == np.int64
    assert images.min() == 0 and images.max() == 1
    assert (images * 16).sum() == 561718  # known from other copies of the same file
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert labels[:10].tolist() == list(range(10))


def test_the_split_keeps_the_rows_in_order():
    images, labels = digits()
    train, train_labels, test, test_labels = digits_split()
    assert len(train) == 1297 and len(test) == 500
    np.testing.assert_array_equal(np.concatenate([train, test]), images)
    np.testing.assert_array_equal(np.concatenate([train_labels, test_labels]), labels)


def test_one_epoch_visits_every_row_once_and_keeps_pairs_together():
    x = np.arange(23)
    seen = list(batches((x, x * 10), 5, np.random.default_rng(0), drop_last=False))
    assert [len(a) for a, _ in seen] == [5, 5, 5, 5, 3]
    rows = np.concatenate([a for a, _ in seen])
    assert sorted(rows) == list(x) and list(rows) != list(x)
    assert all((b == a * 10).all() for a, b in seen)


def test_the_last_batch_is_dropped_unless_wanted():
    assert [len(a) for a in batches(np.arange(23), 5, np.random.default_rng(0))] == [5, 5, 5, 5]
    assert [len(a) for a in batches(np.arange(20), 5, np.random.default_rng(0), drop_last=False)] == [
        5,
        5,
        5,
        5,
    ]


def test_a_seed_fixes_the_order_and_each_epoch_has_its_own():
    def epochs(seed):
        rng = np.random.default_rng(seed)
        return [np.concatenate(list(batches(np.arange(20), 5, rng))).tolist() for _ in range(2)]

    assert epochs(0) == epochs(0)
    assert epochs(0)[0] != epochs(0)[1]
    assert epochs(0) != epochs(1)


def test_batches_stay_on_their_device(device):
    x = np.arange(23.0)
    moved = list(batches(device.array(x), 5, np.random.default_rng(0)))
    for a, b in zip(moved, batches(x, 5, np.random.default_rng(0)), strict=True):
        assert type(a) is type(device.array(x))
        np.testing.assert_array_equal(device.host(a), b)


def test_what_cannot_be_cut_into_batches_is_refused_at_the_call():
    rng = np.random.default_rng(0)
    for data, size, message in (
        (np.zeros((0, 3)), 1, "no data"),
        ((), 1, "no data"),
        (np.zeros((5, 3)), 6, "between 1 and the 5 rows of the data, got 6"),
        (np.zeros((5, 3)), 0, "between 1 and the 5 rows of the data, got 0"),
        ((np.zeros(5), np.zeros(4)), 2, r"equally many rows, got \[5, 4\]"),
    ):
        with pytest.raises(ValueError, match=message):
            batches(data, size, rng)
