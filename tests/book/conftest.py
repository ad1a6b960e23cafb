"""The book is built once, and read by every test of this folder."""

import shutil

import pytest

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")


@pytest.fixture(scope="session")
def book(tmp_path_factory):
    """The folder of the whole book; where its libraries are missing, the tests that read it skip."""
    site = pytest.importorskip(
        "minigen.book.site", reason="the book needs pip install '.[book]'", exc_type=ImportError
    )

    return site.build(tmp_path_factory.mktemp("book"))


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
