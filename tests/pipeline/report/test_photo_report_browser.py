"""Reports on photos in a real browser: all is whole on a phone, and can be found."""

import pytest
from photo_runs import PHOTO_CLASSES, PhotoRun, many

from tfx_distill.pipeline.report import writer

pytestmark = pytest.mark.browser
PHONE = 390  # pixels


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    run = PhotoRun(tmp_path_factory.mktemp("few"), PHOTO_CLASSES)
    return writer.write_run(run.write(blessed=False).config)


@pytest.fixture(scope="module")
def thousand(tmp_path_factory):
    run = PhotoRun(tmp_path_factory.mktemp("many"), many(1000), 5, (96, 128, 3))
    return writer.write_run(run.write(blessed=False).config)


@pytest.mark.parametrize("width", [PHONE, 1400])
@pytest.mark.parametrize("page", ["few", "thousand"])
def test_a_page_complains_of_nothing_and_does_not_scroll_sideways(
    browser, request, page, width
):
    browser.open(request.getfixturevalue(page), width)
    assert browser.complaints() == []
    for details in browser.all("details"):
        browser.run("arguments[0].open = true", details)
    assert not browser.scrolls_sideways()


@pytest.mark.parametrize("page", ["few", "thousand"])
def test_every_text_of_a_chart_is_whole_on_a_phone(browser, request, page):
    browser.open(request.getfixturevalue(page), PHONE)
    assert len(browser.all("figure svg text")) > 50
    assert browser.cut_texts() == []


def test_a_comparison_is_whole_on_a_phone(browser, tmp_path):
    first = PhotoRun(tmp_path, PHOTO_CLASSES).write()
    second = PhotoRun(tmp_path, PHOTO_CLASSES, name="20260102-000000-000000").write()
    output = tmp_path / "c.html"
    writer.write_comparison(first.config, [first.name, second.name], output)
    browser.open(output, PHONE)
    assert len(browser.all("figure svg text")) > 20
    assert browser.cut_texts() == []


def test_a_matrix_of_ten_classes_is_whole_on_a_phone(browser, few):
    browser.open(few, PHONE)
    boxes = browser.run(
        """return [...document.querySelectorAll(".matrix")].map(one =>
        [one.parentElement.scrollWidth, one.parentElement.clientWidth])"""
    )
    assert len(boxes) == 2
    assert all(inner <= outer for inner, outer in boxes)
    names = [name.text for name in browser.all(".matrix thead span")]
    assert names == [*PHOTO_CLASSES, *PHOTO_CLASSES]


def test_tiny_photos_are_crisp_and_large_ones_are_not(browser, few, thousand):
    for page, (width, height), rendering in (
        (few, (128, 128), "pixelated"), (thousand, (128, 96), "auto"),
    ):  # fmt: skip
        browser.open(page, PHONE)
        image = browser.all(".images img")[0]
        assert (image.size["width"], image.size["height"]) == (width, height)
        assert image.value_of_css_property("image-rendering") == rendering


def test_a_class_is_found_among_a_thousand(browser, thousand):
    browser.open(thousand)
    details = browser.all("#classes details.all")[0]
    browser.click(details.find_element("css selector", "summary"))
    search = details.find_element("css selector", "input[type=search]")
    search.send_keys(" CLASS 042")
    rows = details.find_elements("css selector", "tbody tr")
    (found,) = [row for row in rows if row.is_displayed()]
    assert found.text.startswith("class 042")
    assert len(rows) == 1000
