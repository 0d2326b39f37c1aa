"""Hostile names and texts in a real browser: nothing of them runs."""

import pathlib

import pytest
from small_runs import SmallRun, write_json

from tfx_distill.pipeline.report import writer

pytestmark = pytest.mark.browser
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
    assert not browser.scrolls_sideways()


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
    assert not browser.scrolls_sideways()
