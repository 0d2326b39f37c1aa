"""The page of `distill monitor` in a real browser."""

import numpy as np
import pytest

from tfx_distill.pipeline.config.monitor_config import MonitorConfig
from tfx_distill.pipeline.monitoring import drift_checks
from tfx_distill.pipeline.monitoring.drift_checks import Sample
from tfx_distill.pipeline.monitoring.monitor import Monitored
from tfx_distill.pipeline.report import writer
from tfx_distill.trainer.evaluation import image_statistics

pytestmark = pytest.mark.browser
CLASS_NAMES = tuple("a class with a rather long name" + letter for letter in "abcdefgh")
LONG_NAME = "camera-3/" + "a-name-without-any-blank" * 5 + ".png"


def _sample(rng, size, brightness):
    images = rng.integers(0, brightness, (size, 8, 8, 3), np.uint8)
    student, teacher = rng.dirichlet(np.ones(len(CLASS_NAMES)), (2, size))
    labels = rng.integers(0, len(CLASS_NAMES), size)
    pixels = image_statistics.of_images(images)
    return Sample(pixels=pixels, student=student, teacher=teacher, labels=labels)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    rng = np.random.default_rng(0)
    samples = _sample(rng, 300, 255), _sample(rng, 200, 120)
    checks = drift_checks.compare(*samples, CLASS_NAMES, MonitorConfig())
    found = Monitored(
        version="1796067243",
        run="20260101-000000-000000",
        tripped=any(check.tripped for check in checks),
        found=201,
        compared=200,
        reference=300,
        unreadable=((LONG_NAME, "not an image of a known format"),),
        left_out=(),
        checks=checks,
    )
    return writer.write_monitored(found, tmp_path_factory.mktemp("page") / "drift.html")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_every_check_is_whole_and_nothing_is_fetched(browser, page, width, scheme):
    browser.open(page, width, scheme)
    assert browser.complaints() == []
    assert browser.requests() == [page.as_uri()]
    assert not browser.scrolls_sideways()
    assert len(browser.all("figure svg")) == 9
    assert browser.cut_texts() == []


def test_what_tripped_is_said_first(browser, page):
    browser.open(page)
    text = browser.all("main")[0].text
    assert text.index("differ from the 300 test images") < text.index("brightness")
    assert "not an image of a known format" in text
