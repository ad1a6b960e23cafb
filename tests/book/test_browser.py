"""The book in a real browser: no message in the console, the keyboard, marking, choosing, two widths, contrast in both schemes."""

import pytest

KINDS = (
    "index", "derivations", "vae-bernoulli", "wgan-gp-critic-tanh", "engine", "ops", "operations", "watch", "watch-vae",
    "watch-gan", "watch-penalty", "experiments", "mistakes",
)  # fmt: skip


@pytest.fixture
def visit(book, chromium):
    """`visit("index", width=375, dark=True)` opens a page at a width and in a colour scheme."""

    def go(page, width=1440, dark=False, anchor=""):
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {
            "name": "prefers-reduced-motion",
            "value": "reduce",
        }  # colours are read without waiting for a fade
        chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme, still]})
        chromium.get("about:blank")
        chromium.get_log("browser")
        chromium.get((book / f"{page}.html").as_uri() + anchor)
        return chromium

    return go


@pytest.mark.parametrize("page", KINDS)
@pytest.mark.parametrize("width", [375, 1440])
def test_a_page_loads_in_silence_and_fits(visit, page, width):
    browser = visit(page, width)
    assert browser.get_log("browser") == []
    needed, there = browser.execute_script(
        "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert needed <= there, f"{page} scrolls sideways at {width} px: {_too_wide(browser)}"


def _too_wide(browser):
    return browser.execute_script("""
        return [...document.querySelectorAll("main *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1)
            .slice(0, 3).map(e => e.tagName + "." + e.className)""")


CONTRAST = """
const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
const rgba = (text) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data]; };
const light = ([r, g, b]) => [r, g, b].map(c => c / 255).map(c => c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
const behind = (e) => { for (; e; e = e.parentElement) {
    const box = e.closest && e.tagName === "text" ? e.parentElement.querySelector("rect") : null;
    const colour = box ? getComputedStyle(box).fill : getComputedStyle(e).backgroundColor;
    if (rgba(colour)[3] > 250) return rgba(colour); } return rgba("white"); };
const poor = [];
for (const e of document.querySelectorAll("body *")) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    if (!e.getClientRects().length || ["STYLE", "SCRIPT", "TITLE", "title"].includes(e.tagName)) continue;
    const ink = rgba(e.tagName === "text" ? getComputedStyle(e).fill : getComputedStyle(e).color);
    const [a, b] = [light(ink), light(behind(e))].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    if (ratio < 4.5 && !e.closest(":disabled")) poor.push(`${e.tagName}.${e.getAttribute("class")} ${ratio.toFixed(2)}`);
}
return [...new Set(poor)].slice(0, 5);
"""


@pytest.mark.parametrize("page", KINDS)
@pytest.mark.parametrize("dark", [False, True])
def test_text_stands_out_from_its_ground(visit, page, dark):
    browser = visit(page, dark=dark)
    if page in ("vae-bernoulli", "wgan-gp-critic-tanh"):
        browser.execute_script(
            "document.querySelector('[data-show]').click(); document.querySelector('[data-mark]').focus()"
        )
    if page.startswith("watch-"):
        browser.execute_script("dispatchEvent(new KeyboardEvent('keydown', {key: 'End'}))")
    assert browser.execute_script(CONTRAST) == []


def test_the_schemes_differ(visit):
    ground = "return getComputedStyle(document.body).backgroundColor"
    assert visit("index").execute_script(ground) != visit("index", dark=True).execute_script(ground)


def test_a_line_marks_its_partner_under_keyboard_mouse_and_finger(visit):
    from selenium.webdriver import ActionChains, Keys

    browser = visit("vae-bernoulli")
    marked = (
        "return [...document.querySelectorAll('.on')].map(e => e.textContent.trim().replace(/\\s+/g, ' '))"
    )
    row = browser.find_element("css selector", ".row[data-mark]")
    row.send_keys("")
    assert any("h = np.tanh(x @ W1 + b1)" in t for t in browser.execute_script(marked))
    row.send_keys(Keys.ARROW_DOWN)
    assert browser.switch_to.active_element.get_attribute("id") != row.get_attribute("id")
    assert any("mu, logvar = h @ Wmu + bmu" in t for t in browser.execute_script(marked))
    assert len(browser.execute_script(marked)) == 2
    line = next(e for e in browser.find_elements("css selector", ".ln[data-mark]") if "gz = delta2" in e.text)
    ActionChains(browser).move_to_element(line).perform()
    assert any(t.startswith("gz = δ") for t in browser.execute_script(marked))
    rows = browser.find_elements("css selector", ".row[data-mark]")
    browser.execute_script("arguments[0].click()", rows[5])  # what a finger does
    assert "on" in rows[5].get_attribute("class").split()


def test_every_row_with_code_marks_some_and_the_other_way_round(visit):
    browser = visit("vae-bernoulli")
    alone = browser.execute_script("""
        const all = [...document.querySelectorAll("[data-mark]")];
        return all.filter(e => { const mine = e.dataset.mark.split(" ");
            return !all.some(o => o.dataset.list !== e.dataset.list && o.dataset.mark.split(" ").some(t => mine.includes(t))); })
            .map(e => e.textContent)""")
    assert alone == []


def test_a_mistake_is_chosen_and_put_back(visit):
    browser = visit("vae-bernoulli")
    shown = "return [...document.querySelectorAll('.mistake')].filter(e => !e.hidden).map(e => e.id)"
    assert browser.execute_script(shown) == []
    buttons = browser.find_elements("css selector", "[data-show]")
    for button in buttons[:2]:
        browser.execute_script("arguments[0].scrollIntoView()", button)
        button.send_keys("\n")  # Enter
        assert browser.execute_script(shown) == [button.get_attribute("data-show")]
        assert button.get_attribute("aria-pressed") == "true"
    article = browser.find_element("id", buttons[1].get_attribute("data-show"))
    assert article.find_elements("css selector", ".plus") and article.find_elements(
        "css selector", ".pair img"
    )
    assert "WRONG" in article.find_element("css selector", ".says").text
    buttons[1].send_keys("\n")
    assert browser.execute_script(shown) == []


def test_a_link_to_a_mistake_shows_it(visit):
    browser = visit("vae-bernoulli", anchor="#full-vae-A06")
    assert browser.find_element("id", "full-vae-A06").is_displayed()


@pytest.mark.parametrize("page", ["watch-vae", "watch-gan", "watch-penalty"])
def test_a_backward_pass_is_walked_with_the_keyboard(visit, page):
    from selenium.webdriver import Keys

    browser = visit(page)
    body = browser.find_element("css selector", "body")
    now = "return [...document.querySelectorAll('.minigen-graph .now')].map(e => e.dataset.ticks)"
    numbers = []
    count = len(browser.find_elements("css selector", ".tick"))
    for _ in range(count):
        (shown,) = [t for t in browser.find_elements("css selector", ".tick") if t.is_displayed()]
        numbers.append(int(shown.get_attribute("data-tick")))
        (box,) = browser.execute_script(now)
        assert str(numbers[-1]) in box.split()
        body.send_keys(Keys.ARROW_RIGHT)
    assert numbers == sorted(numbers, reverse=True) and len(set(numbers)) == count
    body.send_keys(Keys.ARROW_LEFT)
    assert browser.find_element("css selector", ".where").text == f"step {count - 1} of {count}"
    body.send_keys(Keys.HOME)
    assert browser.find_element("css selector", ".where").text == f"step 1 of {count}"
    assert not browser.find_element("css selector", "[data-go=back]").is_enabled()


def test_a_finger_walks_too(visit):
    browser = visit("watch-vae", width=375)
    browser.find_element("css selector", "[data-go=on]").click()
    assert browser.find_element("css selector", ".where").text.startswith("step 2 of")


def test_the_penalty_marks_the_backward_pass_that_is_on_the_tape(visit):
    browser = visit("watch-penalty")
    inner = browser.execute_script(
        "return [...document.querySelectorAll('.tick h2')].filter(e => e.textContent.includes('inner backward')).length"
    )
    assert 3 <= inner < len(browser.find_elements("css selector", ".tick"))


def test_without_javascript_everything_is_there(visit):
    browser = visit("vae-bernoulli")
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.refresh()
        assert all(e.is_displayed() for e in browser.find_elements("css selector", ".mistake"))
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
