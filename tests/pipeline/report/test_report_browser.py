"""Reports in a real browser: nothing is fetched, all can be read and reached."""

import itertools

import pytest

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_a_page_complains_of_nothing_and_asks_nobody(browser, page, width, scheme):
    browser.open(page, width, scheme)
    assert browser.complaints() == []
    assert browser.requests() == [page.as_uri()]
    assert not browser.scrolls_sideways()


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
