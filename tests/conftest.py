"""What tests share: devices of the engine, the book, which is built once, and the browser that reads it.

A test that takes `device` runs over NumPy, over the strict stand-in for CuPy
(see fake_cupy.py: no GPU code is being run), and over CuPy itself where a graphics card is present.
"""

import os
import shutil
import signal
import time
from contextlib import nullcontext

# Before NumPy is imported: the processes of one run fill the processors by themselves.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import fake_cupy
import numpy as np
import pytest
from hypothesis import settings

import minigen
from minigen.engine import backend

# A suite that was started in the background inherits "ignore Ctrl-C", and so would the programs it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ.pop("COLUMNS", None)  # reports follow the width of the terminal; here there is none

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")

settings.register_profile("minigen", derandomize=True, database=None, deadline=None, max_examples=60)
settings.load_profile("minigen")


def why_no_gpu():
    """None where CuPy finds a graphics card, otherwise the reason."""
    try:
        import cupy

        cupy.cuda.runtime.getDeviceCount()
    except Exception as error:  # CuPy's own error classes exist only where CuPy does
        return f"{type(error).__name__}: {error}"
    return None


DEVICES = ("numpy", "stand-in", "cupy")
NO_GPU = why_no_gpu()


class Device:
    """One array library to run a test on."""

    def __init__(self, name):
        self.name = name
        self.where = "cpu" if name == "numpy" else "cuda"

    def array(self, values, dtype=None):
        """`values` as an array of this device."""
        return backend.to(np.asarray(values, dtype), self.where)

    def tensor(self, values, dtype=np.float64, **kwargs):
        """`values` as a tensor of this device; it asks for a gradient unless told otherwise."""
        return minigen.Tensor(self.array(values, dtype), **{"requires_grad": True, **kwargs})

    @staticmethod
    def host(value):
        """A tensor or an array of any device as a NumPy array."""
        value = value.data if isinstance(value, minigen.Tensor) else value
        return backend.to(backend.as_array(value), "cpu")


def standing(name):
    """The context in which the device exists: only the stand-in has to be put in place,
    and taken away after.
    """
    return fake_cupy.installed() if name == "stand-in" else nullcontext()


@pytest.fixture(params=[d for d in DEVICES if d != "cupy" or NO_GPU is None])
def device(request):
    with standing(request.param):
        yield Device(request.param)


@pytest.fixture(autouse=True)
def one_thread_for_the_examples(request, monkeypatch):
    """The example programs are small; more BLAS threads than one only make them wait on a busy machine."""
    if "examples" in request.path.parts:
        monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def book(tmp_path_factory):
    """The folder of the whole book; where its libraries are missing, the tests that read it skip.

    It takes a minute to build, so the processes of one run share it: the first that asks for it builds it.
    """
    site = pytest.importorskip(
        "minigen.book.site", reason="the book needs pip install '.[book]'", exc_type=ImportError
    )
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return site.build(tmp_path_factory.mktemp("book"))
    shared = tmp_path_factory.getbasetemp().parent / "book"
    try:
        shared.mkdir()
    except FileExistsError:
        late = time.monotonic() + 600  # a process that was killed leaves no word
        while not (shared / "built").exists():
            time.sleep(0.2)
            assert not (shared / "failed").exists(), "another process could not build the book"
            assert time.monotonic() < late, "another process has not built the book in ten minutes"
        return shared / "site"
    try:
        site.build(shared / "site")
    except BaseException:
        (shared / "failed").touch()
        raise
    (shared / "built").touch()
    return shared / "site"


@pytest.fixture(scope="session")
def chromium():
    """A headless Chromium; tests that ask for it skip where there is none."""
    webdriver = pytest.importorskip(
        "selenium.webdriver", reason="the browser tests need pip install selenium"
    )
    if not (CHROMIUM and DRIVER):
        pytest.skip("the browser tests need Debian's packages chromium and chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()
