"""MNIST and Fashion-MNIST: images of 28 x 28 pixels, downloaded once, checked, and kept.

Both come as four files in the IDX format, compressed. Each is fetched from the first address that answers
with the right bytes (SHA-256). It is written under a temporary name and renamed when it is complete, so a
kept file is a whole file. Without a network, the error names the files and the folder to put them in.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import math
import os
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

fashion_names = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)


class _File(NamedTuple):
    name: str
    size: int  # bytes
    sha256: str
    shape: tuple


class _Source(NamedTuple):
    name: str  # also that of the folder
    addresses: tuple  # tried in this order
    files: tuple  # train images, train labels, test images, test labels


_shapes = {
    "train-images-idx3-ubyte.gz": (60000, 28, 28),
    "train-labels-idx1-ubyte.gz": (60000,),
    "t10k-images-idx3-ubyte.gz": (10000, 28, 28),
    "t10k-labels-idx1-ubyte.gz": (10000,),
}


def _four(*sizes_and_sums):
    rows = zip(_shapes.items(), sizes_and_sums, strict=True)
    return tuple(_File(name, size, sha256, shape) for (name, shape), (size, sha256) in rows)


# Sizes and checksums: TensorFlow Datasets, url_checksums/mnist.txt and fashion_mnist.txt; for Fashion-MNIST
# also Keras, datasets/fashion_mnist.py. Addresses: torchvision, TensorFlow Datasets; Keras, Zalando Research.
_mnist = _Source(
    "mnist",
    (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    _four(
        (9912422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
        (28881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
        (1648877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
        (4542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
    ),
)
_fashion = _Source(
    "fashion-mnist",
    (
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    _four(
        (26421880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
        (29515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
        (4422102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
        (5148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
    ),
)


def mnist(
    *, folder: str | os.PathLike | None = None, download: bool = True
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(train images, train labels, test images, test labels) of MNIST (LeCun, Cortes and Burges 1998).

    Images float32 (60000, 28, 28) and (10000, 28, 28) from 0 (paper) to 1 (ink), the stored 0 .. 255 divided
    by 255; labels int64. 11 MB to download, 220 MB in memory.

    The files are kept in `folder`/mnist; without it in $MINIGEN_DATA/mnist, or ~/.cache/minigen/mnist. Files
    that you put there yourself are read too. Of unpacked ones (without .gz) only shape and range are checked,
    because the checksums are those of the packed files. download=False never uses the network.

    FileNotFoundError (download=False) or ConnectionError where the files cannot be had, with the addresses
    and the folder to put them in; ValueError for a kept file that is damaged; OSError where the folder cannot
    be written.
    """
    return _load(_mnist, folder, download)


def fashion_mnist(
    *, folder: str | os.PathLike | None = None, download: bool = True
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(train images, train labels, test images, test labels) of Fashion-MNIST (Xiao et al. 2017).

    Ten kinds of clothes, `fashion_names`, with the shapes of `mnist`; harder to classify. 31 MB to download.
    Everything else as in `mnist`; the folder is called fashion-mnist.
    """
    return _load(_fashion, folder, download)


def _load(source, folder, download):
    folder = _root(folder) / source.name
    parts = []
    for file in source.files:
        array = _read_kept(folder, file)
        if array is None:
            _fetch(source, folder, file, download)
            array = _read_kept(folder, file)
        image = len(file.shape) == 3
        parts.append(np.divide(array, 255, dtype=np.float32) if image else array.astype(np.int64))
    return tuple(parts)


def _root(folder):
    folder = folder or os.environ.get("MINIGEN_DATA") or Path("~", ".cache", "minigen")
    return Path(folder).expanduser().absolute()


def _read_kept(folder, file):
    """The array in a file that is already there, or None; ValueError when it is not what it should be."""
    path = folder / file.name
    if path.is_file():
        data = path.read_bytes()
        wrong = _difference(data, file)
        if wrong:
            raise ValueError(f"{path} is damaged: {wrong}. Delete it and call again, to download it anew")
    else:
        path = path.with_suffix("")
        if not path.is_file():
            return None
        data = path.read_bytes()
    array = _parse(data, path)
    if array.shape != file.shape or array.dtype != np.uint8:
        raise ValueError(
            f"{path} holds {array.dtype} {array.shape}, expected uint8 {file.shape}: another data set?"
        )
    if array.ndim == 1 and array.max() > 9:
        raise ValueError(f"{path} has the label {array.max()}, expected 0 to 9: another data set?")
    return array


def _difference(data, file):
    """How the bytes differ from those expected, in words; empty when they do not."""
    if len(data) < file.size:
        return f"cut short, {len(data)} of {file.size} bytes"
    if len(data) > file.size:
        return f"longer than the {file.size} bytes expected"
    found = hashlib.sha256(data).hexdigest()
    return "" if found == file.sha256 else f"SHA-256 is {found}, expected {file.sha256}"


# ----- from the network -------------------------------------------------------------------------------------


def _fetch(source, folder, file, download):
    """Put the file into the folder; every address gets one try."""
    if not download:
        raise FileNotFoundError(
            f"{source.name} is not in {folder}, and download=False. {_by_hand(source, folder)}"
        )
    beside = folder / f".minigen-{os.getpid()}-{os.urandom(4).hex()}.tmp"  # renamed when it is whole
    try:
        with _keeping(source, folder):
            folder.mkdir(parents=True, exist_ok=True)
            beside.touch(exist_ok=False)  # fails before the download where the folder cannot be written
        data = _bytes(source, folder, file)
        with _keeping(source, folder):
            with open(beside, "wb") as handle:
                handle.write(data)
                handle.flush()
                os.fsync(handle.fileno())  # a rename may reach the disk before the bytes do
            os.replace(beside, folder / file.name)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise


@contextlib.contextmanager
def _keeping(source, folder):
    try:
        yield
    except OSError as error:
        raise OSError(
            error.errno,
            f"{source.name}: nothing can be kept in {folder} ({error.strerror}): give folder=, or set "
            "MINIGEN_DATA, to a place with room that can be written",
        ) from error


def _bytes(source, folder, file):
    import http.client  # here, so that importing minigen.data stays quick
    import urllib.request

    failures = []
    for address in source.addresses:
        try:
            with urllib.request.urlopen(address + file.name, timeout=30) as answer:
                data = answer.read(file.size + 1)  # no more than it takes to see that it is too much
        except (OSError, http.client.HTTPException) as error:
            failures.append(f"{address}{file.name}: {str(error) or type(error).__name__}")
            continue
        wrong = _difference(data, file)
        if not wrong:
            return data
        failures.append(f"{address}{file.name}: {wrong}")
    tried = "\n  ".join(failures)
    raise ConnectionError(f"{source.name} could not be downloaded:\n  {tried}\n{_by_hand(source, folder)}")


def _by_hand(source, folder):
    files = "\n  ".join(file.name for file in source.files)
    return (
        f"On a machine with a network, fetch from {' or '.join(source.addresses)}\n  {files}\n"
        f"and put them into {folder} (MINIGEN_DATA or folder= choose another place). "
        "minigen.data.digits() needs no network."
    )


# ----- the format -------------------------------------------------------------------------------------------

_types = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: str | os.PathLike) -> np.ndarray:
    """The array in an IDX file, plain or compressed by gzip; the first bytes decide which.

        0, 0, type, number of axes d,  d sizes (4 bytes each, big-endian),  the entries, last axis fastest

    Types: 8 and 9 bytes without and with sign, 11 and 12 integers of 2 and 4 bytes, 13 and 14 floats of 4 and
    8 (http://yann.lecun.com/exdb/mnist/). Returned in the machine's byte order. ValueError for a file that is
    something else, is cut short, or is longer than its header says.
    """
    return _parse(Path(path).read_bytes(), path)


def _parse(data, path):
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError, zlib.error) as error:
            raise ValueError(f"{path} is cut short or damaged, it does not unpack: {error}") from None
    axes = data[3] if len(data) > 3 else 0
    start = 4 + 4 * axes
    if data[:2] != b"\0\0" or len(data) < start or data[2] not in _types or not 1 <= axes <= 32:
        raise ValueError(
            f"{path} is no IDX file: expected the bytes 0, 0, a type from {sorted(_types)}, a number of axes "
            f"and their sizes, it starts with {list(data[:4])}"
        )
    shape = tuple(int.from_bytes(data[at : at + 4], "big") for at in range(4, start, 4))
    dtype = np.dtype(_types[data[2]])
    expected, found = math.prod(shape) * dtype.itemsize, len(data) - start
    if expected != found:
        what = "is cut short" if found < expected else "is longer than it says"
        raise ValueError(f"{path} {what}: {shape} of {dtype.name} is {expected} bytes, it holds {found}")
    return np.frombuffer(data, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))
