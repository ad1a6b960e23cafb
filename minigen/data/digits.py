"""1797 handwritten digits of 8 x 8 pixels: real data small enough to lie inside the package.

The test set of "Optical Recognition of Handwritten Digits" (UCI Machine Learning Repository), E. Alpaydin and
C. Kaynak, 1998, CC BY 4.0, https://doi.org/10.24432/C50P49.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

_train = 1297


def digits() -> tuple[np.ndarray, np.ndarray]:
    """(images, labels): float32 (1797, 8, 8), the original 0 .. 16 divided by 16, and int64 (1797,)."""
    with np.load(Path(__file__).with_name("digits.npz"), allow_pickle=False) as stored:
        return stored["images"].astype(np.float32) / 16, stored["labels"].astype(np.int64)


def digits_split() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(train images, train labels, test images, test labels): rows 0 .. 1296 and rows 1297 .. 1796.

    The rows keep their order in the file, so most test digits come from other writers than the training
    digits.
    """
    images, labels = digits()
    return images[:_train], labels[:_train], images[_train:], labels[_train:]
