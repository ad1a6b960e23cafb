"""The example as a program, and who may see which digits."""

import numpy as np
import pytest
from programs import load, run, verdict

from minigen.data import digits_split

example = load("anomaly_detection")


def test_the_quick_run_reaches_its_criterion(tmp_path):
    done = run("anomaly_detection", tmp_path, "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdict(tmp_path) == "reached"
    for figure in ("anomaly_detection.png", "errors.png"):
        assert (tmp_path / "run" / figure).read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_run_too_short_misses_and_says_so(tmp_path):
    done = run("anomaly_detection", tmp_path, "--epochs", "1")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "missed: AUC after nine digits, autoencoder, code of 8 > 0.86" in done.stdout


def test_the_networks_see_no_row_that_is_foreign_or_held_out():
    x, labels, test, test_labels = digits_split()
    for known in example.BATCH:
        for digit, split in enumerate(example.splits_of(3, known)):
            mine = labels == digit if known == "one digit" else labels != digit
            seen, kept = ({row.tobytes() for row in part} for part in (split.train, split.held_out))
            assert seen | kept == {row.tobytes() for row in x[mine]}
            assert not seen & kept
            assert (split.foreign == (test_labels == digit)).all() == (known == "nine digits")
            assert len(split.test) == len(test)
            assert 0.1 < len(split.held_out) / mine.sum() < 0.3


def test_the_area_counts_the_pairs_in_the_right_order():
    # errors 0, 1, 4 of known rows and 1, 9 of foreign ones: of the 6 pairs 4 are right, and one is even
    test, foreign = np.array([[0.0], [1.0], [2.0], [1.0], [3.0]]), np.array([0, 0, 0, 1, 1], bool)
    split = example.Split(test[:1], test[:1], test, foreign)
    assert example.mean_auc([split], [np.zeros_like]) == 4.5 / 6


def test_the_nearest_training_row_is_found():
    train = np.array([[0.0, 0.0], [4.0, 0.0]])
    np.testing.assert_array_equal(example.nearest(train, np.array([[3.0, 1.0], [1.0, 5.0]])), train[::-1])
