"""The book is built once, and read by every test of this folder."""

import shutil

import pytest

pytest.importorskip("jinja2", reason="the book needs pip install '.[book]'")
pytest.importorskip("latex2mathml", reason="the book needs pip install '.[book]'")
pytest.importorskip("pygments", reason="the book needs pip install '.[book]'")

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")


@pytest.fixture(scope="session")
def book(tmp_path_factory):
    """The folder of the whole book."""
    from minigen.book import site

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
