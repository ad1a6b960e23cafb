"""MNIST and Fashion-MNIST without the network: small IDX files made here, and a stand-in for the download.

`urlopen` is replaced in every test, by something that fails loudly unless the test says what it answers;
one test asks a server on this machine instead, with the real urllib.
"""

import errno
import functools
import gzip
import hashlib
import http.client
import http.server
import importlib
import importlib.util
import io
import os
import struct
import threading
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from minigen.data import fashion_mnist, fashion_names, mnist, read_idx

module = importlib.import_module("minigen.data.mnist")  # the name in the package is that of the function
NAMES = [file.name for file in module._mnist.files]
ADDRESSES = ("https://first.invalid/", "https://second.invalid/")


def idx(array, code=None):
    """The bytes of an IDX file, written from the format's description and not by the package."""
    codes = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}
    code = codes[array.dtype.str[1:]] if code is None else code
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, code, array.ndim]) + sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()


def small_arrays():
    rng = np.random.default_rng(0)
    return [
        rng.integers(0, 256, (20, 5, 4), np.uint8),
        rng.integers(0, 10, 20, np.uint8),
        rng.integers(0, 256, (7, 5, 4), np.uint8),
        rng.integers(0, 10, 7, np.uint8),
    ]


ARRAYS = small_arrays()
FILES = {name: gzip.compress(idx(array), mtime=0) for name, array in zip(NAMES, ARRAYS, strict=True)}


def refuse(url, timeout):
    raise urllib.error.URLError(ConnectionRefusedError(111, "Connection refused"))


@pytest.fixture(autouse=True)
def small_source(monkeypatch, tmp_path):
    """A data set of 27 pictures in place of the real one, a cache in a new folder, and no network at all."""

    def never(*args, **kwargs):
        raise AssertionError(f"a test reached for the network: {args}")

    files = tuple(
        module._File(name, len(data), hashlib.sha256(data).hexdigest(), array.shape)
        for (name, data), array in zip(FILES.items(), ARRAYS, strict=True)
    )
    monkeypatch.setattr(module, "_mnist", module._Source("mnist", ADDRESSES, files))
    monkeypatch.setattr(urllib.request, "urlopen", never)
    monkeypatch.setenv("MINIGEN_DATA", str(tmp_path / "cache"))


@pytest.fixture
def answers(monkeypatch):
    """Lets a test say what the network answers: a function of the url that gives bytes or raises.

    Lists the urls.
    """

    def install(answer):
        asked = []

        def urlopen(url, timeout):
            assert 0 < timeout <= 60  # without one, a silent server would hang the call for good
            asked.append(url)
            return io.BytesIO(answer(url))

        monkeypatch.setattr(urllib.request, "urlopen", urlopen)
        return asked

    return install


def right(url):
    return FILES[url.rpartition("/")[2]]


def fill(folder):
    """Put the four files into folder/mnist by hand."""
    folder = Path(folder, "mnist")
    folder.mkdir(parents=True)
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    return folder


def check(parts):
    for got, stored in zip(parts, ARRAYS, strict=True):
        if stored.ndim == 3:
            assert got.dtype == np.float32
            np.testing.assert_array_equal(got, (stored / np.float32(255)).astype(np.float32))
        else:
            assert got.dtype == np.int64
            np.testing.assert_array_equal(got, stored)


# ----- downloading and keeping ------------------------------------------------------------------------------


def test_four_files_are_downloaded_once_and_kept(answers, tmp_path):
    asked = answers(right)
    check(mnist())
    assert asked == [ADDRESSES[0] + name for name in NAMES]
    kept = tmp_path / "cache" / "mnist"
    assert sorted(os.listdir(kept)) == sorted(NAMES)  # and nothing half-written beside them
    assert all((kept / name).read_bytes() == data for name, data in FILES.items())
    check(mnist())
    check(mnist(download=False))
    assert len(asked) == 4


def test_the_folder_is_the_argument_or_the_variable_or_the_home(answers, tmp_path, monkeypatch):
    answers(right)
    mnist(folder=tmp_path / "argument")
    assert (tmp_path / "argument" / "mnist" / NAMES[0]).is_file() and not (tmp_path / "cache").exists()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    mnist(folder="~/here")
    assert (tmp_path / "home" / "here" / "mnist" / NAMES[0]).is_file()
    monkeypatch.setenv("MINIGEN_DATA", "")
    mnist()
    assert (tmp_path / "home" / ".cache" / "minigen" / "mnist" / NAMES[0]).is_file()


def test_only_what_is_missing_is_downloaded(answers, tmp_path):
    (fill(tmp_path / "cache") / NAMES[2]).unlink()
    asked = answers(right)
    check(mnist())
    assert asked == [ADDRESSES[0] + NAMES[2]]


def test_files_put_there_by_hand_are_taken_packed_or_not(tmp_path):
    folder = fill(tmp_path / "cache")
    (folder / NAMES[0]).unlink()
    (folder / NAMES[0][:-3]).write_bytes(gzip.decompress(FILES[NAMES[0]]))
    check(mnist(download=False))


@pytest.mark.parametrize(
    "failure",
    [
        urllib.error.URLError("name resolution"),
        urllib.error.HTTPError("https://x", 403, "Forbidden", {}, None),
        TimeoutError(),
        ConnectionResetError("reset by peer"),
        http.client.IncompleteRead(b"abc"),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_a_failing_address_is_followed_by_the_next(answers, failure):
    def second_only(url):
        if url.startswith(ADDRESSES[0]):
            raise failure
        return right(url)

    asked = answers(second_only)
    check(mnist())
    assert asked[:2] == [ADDRESSES[0] + NAMES[0], ADDRESSES[1] + NAMES[0]]


@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda data: data[:-1], r"cut short, \d+ of \d+ bytes"),
        (lambda data: b"", r"cut short, 0 of \d+ bytes"),
        (lambda data: data + b"x", r"longer than the \d+ bytes expected"),
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "SHA-256 is [0-9a-f]{64}, expected [0-9a-f]{64}"),
    ],
    ids=["cut short", "empty", "longer", "one bit"],
)
def test_wrong_bytes_are_never_kept(answers, tmp_path, spoil, message):
    answers(lambda url: spoil(right(url)))
    with pytest.raises(ConnectionError, match=message):
        mnist()
    assert os.listdir(tmp_path / "cache" / "mnist") == []
    answers(lambda url: spoil(right(url)) if url.startswith(ADDRESSES[0]) else right(url))
    check(mnist())


def test_no_more_is_read_than_it_takes_to_see_that_it_is_too_much(monkeypatch):
    asked = []

    class Endless(io.BytesIO):
        def read(self, size=-1):
            asked.append(size)
            return b"x" * size

    monkeypatch.setattr(urllib.request, "urlopen", lambda url, timeout: Endless())
    with pytest.raises(ConnectionError, match="longer than"):
        mnist()
    assert asked == [len(FILES[NAMES[0]]) + 1] * 2


def test_offline_the_message_says_what_to_fetch_and_where_to_put_it(monkeypatch, tmp_path):
    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    with pytest.raises(ConnectionError) as error:
        mnist()
    text = str(error.value)
    assert "mnist could not be downloaded" in text and "Connection refused" in text
    for part in (*NAMES, *ADDRESSES, str(tmp_path / "cache" / "mnist"), "MINIGEN_DATA", "digits()"):
        assert part in text
    assert os.listdir(tmp_path / "cache" / "mnist") == []


def test_without_leave_to_download_the_network_is_not_asked(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        mnist(download=False)
    for part in (*NAMES, *ADDRESSES, str(tmp_path / "cache" / "mnist"), "download=False"):
        assert part in str(error.value)
    assert not (tmp_path / "cache").exists()


def test_a_folder_that_cannot_be_written_is_named_before_the_download(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(
        OSError, match="mnist: nothing can be kept in .*file/mnist.*give folder=, or set MINIGEN_DATA"
    ):
        mnist(folder=tmp_path / "file")  # `never` would speak up if the network were asked


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_nothing_behind(answers, monkeypatch, tmp_path, call):
    answers(right)

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, full)
    with pytest.raises(OSError, match="nothing can be kept in .*No space left on device.*with room") as error:
        mnist()
    assert error.value.errno == errno.ENOSPC
    assert os.listdir(tmp_path / "cache" / "mnist") == []


def test_an_interrupted_download_leaves_nothing_behind(answers, tmp_path):
    def interrupted(url):
        raise KeyboardInterrupt

    answers(interrupted)
    with pytest.raises(KeyboardInterrupt):
        mnist()
    assert os.listdir(tmp_path / "cache" / "mnist") == []


def test_the_real_urllib_against_a_server_on_this_machine(monkeypatch, tmp_path):
    """One address that answers 404, one that promises more bytes than it sends, one that is right."""
    monkeypatch.undo()
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            _, place, name = self.path.split("/")
            self.send_response(404 if place == "none" else 200)
            self.send_header("Content-Length", str(len(FILES[name])))
            self.end_headers()
            self.wfile.write(FILES[name][: -10 if place == "short" else None] if place != "none" else b"")
            self.close_connection = True

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        here = f"http://127.0.0.1:{server.server_address[1]}"
        places = {place: f"{here}/{place}/" for place in ("none", "short", "good")}
        files = tuple(
            module._File(name, len(data), hashlib.sha256(data).hexdigest(), array.shape)
            for (name, data), array in zip(FILES.items(), ARRAYS, strict=True)
        )
        load = functools.partial(module._load, folder=tmp_path, download=True)
        try:
            with pytest.raises(ConnectionError, match=r"(?s)404.*cut short"):
                load(module._Source("mnist", (places["none"], places["short"]), files))
            check(load(module._Source("mnist", tuple(places.values()), files)))
        finally:
            server.shutdown()


# ----- damaged files in the cache ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda data: data[:-5], r"is damaged: cut short, \d+ of \d+ bytes. Delete it and call again"),
        (lambda data: bytes([data[0] ^ 1]) + data[1:], "is damaged: SHA-256 is .* Delete it and call again"),
    ],
    ids=["cut short", "one bit"],
)
def test_a_damaged_kept_file_is_named_and_left_alone(tmp_path, spoil, message):
    path = fill(tmp_path / "cache") / NAMES[1]
    path.write_bytes(spoil(FILES[NAMES[1]]))
    with pytest.raises(ValueError, match=message) as error:
        mnist()
    assert str(path) in str(error.value)
    assert path.read_bytes() == spoil(FILES[NAMES[1]])


@pytest.mark.parametrize(
    "array, message",
    [
        (ARRAYS[3], r"holds uint8 \(7,\), expected uint8 \(20,\): another data set\?"),
        (np.full(20, 10, np.uint8), "has the label 10, expected 0 to 9"),
        (ARRAYS[1].astype(np.int32), r"holds int32 \(20,\), expected uint8 \(20,\)"),
    ],
)
def test_an_unpacked_file_of_another_data_set_is_refused(tmp_path, array, message):
    folder = fill(tmp_path / "cache")
    (folder / NAMES[1]).unlink()
    (folder / NAMES[1][:-3]).write_bytes(idx(array))
    with pytest.raises(ValueError, match=message):
        mnist()


# ----- the format -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "i4", "f4", "f8"])
def test_every_type_of_the_format_is_read(tmp_path, dtype, packed):
    array = (100 * np.random.default_rng(0).standard_normal((3, 4, 5))).astype(dtype)
    data = idx(array)
    (tmp_path / "file").write_bytes(gzip.compress(data) if packed else data)
    got = read_idx(tmp_path / "file")
    assert got.dtype == np.dtype(dtype) and got.dtype.isnative and got.flags.writeable
    np.testing.assert_array_equal(got, array)


GOOD = idx(ARRAYS[0])


@pytest.mark.parametrize(
    "data, message",
    [
        (GOOD[:-1], r"is cut short: \(20, 5, 4\) of uint8 is 400 bytes, it holds 399"),
        (GOOD + b"x", r"is longer than it says: \(20, 5, 4\) of uint8 is 400 bytes, it holds 401"),
        (gzip.compress(GOOD)[:-20], "is cut short or damaged, it does not unpack"),
        (gzip.compress(GOOD)[:30] + b"xxxx" + gzip.compress(GOOD)[34:], "it does not unpack"),
        (b"\x01" + GOOD[1:], r"is no IDX file: .*it starts with \[1, 0, 8, 3\]"),
        (idx(ARRAYS[0], code=7), r"is no IDX file: .*a type from \[8, 9, 11, 12, 13, 14\].*\[0, 0, 7, 3\]"),
        (bytes([0, 0, 8, 0, 5]), r"is no IDX file: .*it starts with \[0, 0, 8, 0\]"),
        (GOOD[:10], r"is no IDX file: .*it starts with \[0, 0, 8, 3\]"),
        (b"", r"is no IDX file: .*it starts with \[\]"),
        (b"<html>404</html>", "is no IDX file"),
    ],
    ids="short long short-gzip bad-gzip magic type no-axes header empty html".split(),
)
def test_what_is_no_idx_file_is_refused_in_a_sentence(tmp_path, data, message):
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=message) as error:
        read_idx(path)
    assert str(path) in str(error.value)


# ----- what the real ones are -------------------------------------------------------------------------------


def test_the_real_sources_are_complete():
    """The pinned facts: 70 000 pictures each, 11 594 722 and 30 878 645 bytes,
    as TensorFlow Datasets lists them.
    """
    real = importlib.util.module_from_spec(module.__spec__)
    module.__spec__.loader.exec_module(real)
    for source, size in ((real._mnist, 11_594_722), (real._fashion, 30_878_645)):
        assert sum(file.size for file in source.files) == size
        assert [file.shape for file in source.files] == [(60000, 28, 28), (60000,), (10000, 28, 28), (10000,)]
        assert len({file.sha256 for file in source.files}) == 4
        assert all(len(bytes.fromhex(file.sha256)) == 32 for file in source.files)
        assert len(source.addresses) >= 2
        assert all(address.startswith("http") and address.endswith("/") for address in source.addresses)
        assert source.addresses[0].startswith("https://")
    assert len(set(fashion_names)) == 10


def test_fashion_mnist_has_its_own_folder_and_addresses(monkeypatch, tmp_path):
    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    with pytest.raises(ConnectionError, match="fashion-mnist could not be downloaded") as error:
        fashion_mnist()
    assert str(tmp_path / "cache" / "fashion-mnist") in str(error.value)
    assert "tf-keras-datasets/train-images-idx3-ubyte.gz" in str(error.value)
