"""Reports in a real browser: nothing is fetched, nothing hostile runs, all is reachable."""

import itertools
import json
import pathlib
import shutil

import pytest
from small_runs import SmallRun, write_json

from tfx_distill.pipeline.report import writer

pytestmark = pytest.mark.browser

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
HOSTILE = (
    "<script>window.hit=1</script>"
    "</script><script>window.hit=2</script>"
    "</style><style>body{display:none}</style>"
    '" onmouseover="window.hit=3" x="'
    "' onfocus='window.hit=4' autofocus='"
    "<img src=x onerror=window.hit=5>"
    "<svg><animate onbegin=window.hit=6></svg>"
    '<a href="javascript:window.hit=7" id="trap">x</a>'
    '<img src="http://192.0.2.1/beacon">'
    "--><iframe src=javascript:window.hit=8></iframe>{{ 7*7 }}"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in FLAGS:
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    logged = {"browser": "ALL", "performance": "ALL"}
    options.set_capability("goog:loggingPrefs", logged)
    driver = webdriver.Chrome(
        service=Service(shutil.which("chromedriver")), options=options
    )
    yield Browser(driver)
    driver.quit()


class Browser:
    """Opens a page, and tells what the page did."""

    def __init__(self, driver):
        self.driver = driver

    def open(self, path, width=1280, scheme="light"):
        self._set("setDeviceMetricsOverride", width=width, height=900,
                  deviceScaleFactor=1, mobile=False)  # fmt: skip
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self._set("setEmulatedMedia", features=[feature])
        for kind in ("browser", "performance"):
            self.driver.get_log(kind)  # forgets what was before
        self.driver.get(path.as_uri())
        return self

    def _set(self, command, **values):
        self.driver.execute_cdp_cmd(f"Emulation.{command}", values)

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def all(self, selector):
        return self.driver.find_elements("css selector", selector)

    def click(self, element):
        # Not under the bar at the top of the page, and not while it still scrolls.
        where = "{block: 'center', behavior: 'instant'}"
        self.run(f"arguments[0].scrollIntoView({where})", element)
        element.click()

    def complaints(self):
        return self.driver.get_log("browser")

    def requests(self):
        """What left the page or its machine: all but the file itself and data URLs."""
        messages = [
            json.loads(entry["message"])["message"]
            for entry in self.driver.get_log("performance")
        ]
        urls = [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]
        return [url for url in urls if not url.startswith("data:")]

    def contrast(self, selector):
        """The contrast of a text with its ground (WCAG 2.2, 1.4.3)."""
        element = self.all(selector)[0]
        colours = self.run(
            """const [element] = arguments;
            const all = [getComputedStyle(element).color];
            for (let at = element; at; at = at.parentElement) {
              const ground = getComputedStyle(at).backgroundColor;
              if (ground !== "rgba(0, 0, 0, 0)") return [...all, ground];
            }""",
            element,
        )
        light, dark = sorted(map(_luminance, colours), reverse=True)
        return (light + 0.05) / (dark + 0.05)


def _luminance(colour):
    parts = [float(part) / 255 for part in colour.strip("rgba()").split(",")[:3]]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in parts
    ]
    return sum(
        w * part for w, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True)
    )


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return SmallRun(tmp_path_factory.mktemp("whole")).write()


@pytest.fixture(scope="module")
def page(small):
    return writer.write_run(small.config)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    root = tmp_path_factory.mktemp("hostile")
    run = SmallRun(root, HOSTILE).write(blessed=False)
    found = run.artifact(f"Kind{HOSTILE}")
    run.execution("Odd", {}, {f"key{HOSTILE}": found})
    blessing = run.artifact("InfraBlessing")
    write_json(blessing.uri, "verdict.json", {"blessed": False, "reasons": [HOSTILE],
        "checks": [], "student": {"latency": {HOSTILE: {"median_ms": 1.0}}}})  # fmt: skip
    run.execution("ServabilityValidator", {}, {"blessing": blessing})
    return run


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_a_page_complains_of_nothing_and_asks_nobody(browser, page, width, scheme):
    browser.open(page, width, scheme)
    assert browser.complaints() == []
    assert browser.requests() == [page.as_uri()]
    box = browser.run("return [document.documentElement.scrollWidth, innerWidth]")
    assert box[0] <= box[1]


def test_the_graph_has_every_execution_and_artifact(browser, page, small):
    browser.open(page)
    nodes = browser.all("#graph .node")
    executions, artifacts = small.store.get_executions(), small.store.get_artifacts()
    assert len(nodes) == len(executions) + len(artifacts) == 13
    assert len(browser.all("#graph .edge")) == 14
    assert all(node.size["width"] > 100 for node in nodes)


def test_a_click_shows_properties_and_another_hides_them(browser, page):
    browser.open(page)
    node = browser.all("#graph .node[aria-label^='artifact Examples']")[0]
    assert not [one for one in browser.all("aside article") if one.is_displayed()]
    browser.click(node)
    (shown,) = [one for one in browser.all("aside article") if one.is_displayed()]
    assert "Examples" in shown.text
    assert "note\nn" in shown.text
    assert node.get_attribute("aria-pressed") == "true"
    browser.click(node)
    assert not [one for one in browser.all("aside article") if one.is_displayed()]


@pytest.mark.parametrize("key", ["\ue007", " "], ids=["enter", "space"])
def test_a_key_shows_properties(browser, page, key):
    browser.open(page)
    node = browser.all("#graph .node.execution")[-1]
    browser.run("arguments[0].focus()", node)
    node.send_keys(key)
    (shown,) = [one for one in browser.all("aside article") if one.is_displayed()]
    assert "Pusher" in shown.text


def test_tab_leads_to_the_content_and_through_the_graph(browser, page):
    from selenium.webdriver.common.keys import Keys

    browser.open(page)
    browser.all("body")[0].send_keys(Keys.TAB)
    assert browser.run("return document.activeElement.className") == "skip"
    browser.driver.switch_to.active_element.send_keys(Keys.ENTER)
    assert browser.run("return document.activeElement.id") == "main"
    browser.run("document.querySelector('#graph').parentElement.focus()")
    for _ in range(13):
        browser.driver.switch_to.active_element.send_keys(Keys.TAB)
    assert "PushedModel" in browser.run("return document.activeElement.ariaLabel")


def test_arrows_follow_the_edges(browser, page):
    from selenium.webdriver.common.keys import Keys

    browser.open(page)
    node = browser.all("#graph .node.execution")[0]
    node.send_keys(Keys.ARROW_DOWN)
    label = browser.run("return document.activeElement.getAttribute('aria-label')")
    assert label.startswith("artifact Examples")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "selector",
    ["h2", "thead th", ".small", "nav a", ".badge.ok", "figcaption", "summary",
     ".missing", ".answer"],
)  # fmt: skip
def test_texts_can_be_read(browser, page, selector, scheme):
    assert browser.open(page, scheme=scheme).contrast(selector) >= 4.5


def test_pictures_have_names_and_headings_are_in_order(browser, page):
    browser.open(page)
    assert all(img.get_attribute("alt") for img in browser.all("img"))
    assert all(svg.get_attribute("aria-label") for svg in browser.all("svg[role]"))
    levels = [int(h.tag_name[1]) for h in browser.all("h1, h2, h3") if h.is_displayed()]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_a_shown_image_is_drawn(browser, page):
    browser.open(page)
    widths = browser.run(
        "return [...document.images].map(i => i.complete && i.naturalWidth)"
    )
    assert widths == [4, 4, 4]


def test_hostile_markup_is_inert(browser, hostile, tmp_path):
    path = writer.write_run(hostile.config, output=tmp_path / "h.html")
    browser.open(path)
    for node in browser.all("#graph .node"):
        browser.run("arguments[0].dispatchEvent(new Event('click'))", node)
    browser.run(
        "document.querySelectorAll('*').forEach(one => {"
        " for (const kind of ['mouseover', 'focus', 'error', 'load'])"
        "  one.dispatchEvent(new Event(kind)); })"
    )
    assert browser.run("return window.hit ?? null") is None
    assert browser.complaints() == []
    assert browser.requests() == [path.as_uri()]
    assert browser.run("return getComputedStyle(document.body).display") == "block"
    assert not browser.all(
        "#trap, iframe, animate, [onerror], [onmouseover], [onfocus]"
    )
    assert len(browser.all("script")) == len(browser.all("style")) == 1
    assert "{{ 7*7 }}" in browser.all("main")[0].get_attribute("textContent")


def test_a_hostile_page_fits_a_narrow_screen(browser, hostile, tmp_path):
    browser.open(writer.write_run(hostile.config, output=tmp_path / "h.html"), 360)
    box = browser.run("return [document.documentElement.scrollWidth, innerWidth]")
    assert box[0] <= box[1]


def test_a_script_that_got_through_would_not_run(browser, page, tmp_path):
    text = page.read_text().replace(
        "</main>",
        "<script>window.hit=1</script><img src=x onerror=window.hit=2></main>",
    )
    pierced = tmp_path / "pierced.html"
    pierced.write_text(text)
    browser.open(pierced)
    assert browser.run("return window.hit ?? null") is None
    assert any(
        "Content Security Policy" in one["message"] for one in browser.complaints()
    )


def test_a_comparison_is_a_page_like_a_report(browser, tmp_path):
    first = SmallRun(tmp_path, HOSTILE).write()
    second = SmallRun(tmp_path, HOSTILE, name="20260102-000000-000000").write()
    output = pathlib.Path(tmp_path, "c.html")
    writer.write_comparison(first.config, [first.name, second.name], output)
    browser.open(output, 360)
    assert browser.complaints() == []
    assert browser.requests() == [output.as_uri()]
    assert browser.run("return window.hit ?? null") is None
    assert len(browser.all("figure svg[role]")) == 4
    box = browser.run("return [document.documentElement.scrollWidth, innerWidth]")
    assert box[0] <= box[1]
