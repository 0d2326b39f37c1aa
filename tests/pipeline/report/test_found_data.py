"""What a report tells of the images that an ExampleGen read."""

import dataclasses
import json
import pathlib
import re

import pytest
from small_runs import SmallRun, collected

from tfx_distill.pipeline.report import html
from tfx_distill.trainer.data import data_report
from tfx_distill.trainer.data.data_report import DataReport, EqualImages

FOUND = DataReport(
    dataset="photos",
    image_shape=(48, 64, 3),
    shape_chosen=True,
    fit="crop",
    class_names=("c0", "c1", "c2"),
    num_images={"train": (5, 6, 7), "eval": (1, 1, 1), "test": (30, 40, 50)},
    heights=(3, 55, 1095),
    widths=(64, 64, 64),
    num_converted=9,
    conversions={"CMYK to RGB": 2, "turned upright": 8},
    examples={"CMYK to RGB": ("train/<b>.jpg",)},
    bad=(("train/c0/cut.jpg", "damaged"),),
    ignored={".txt": 4},
    duplicates={"train": EqualImages(number=3, groups=(("a.jpg", "b.jpg"),))},
    overlaps={"train, test": EqualImages(number=1, groups=(("a.jpg", "t.jpg"),))},
    conflicts=EqualImages(),
)
CONTENT = json.dumps(dataclasses.asdict(FOUND))


@pytest.fixture
def small(tmp_path):
    return SmallRun(tmp_path).write()


def _data_section(small, content=CONTENT):
    (folder,) = pathlib.Path(small.folder, "artifacts", "Examples").iterdir()
    (folder / data_report.FILE_NAME).write_text(content)
    report = collected(small)
    page = html.run_page(report)
    section = page[page.index('id="data"') : page.index('id="lineage"')]
    return report, " ".join(re.sub(r"<[^>]*>", " ", section).split())


def test_sizes_conversions_and_skipped_files_are_told(small):
    _, text = _data_section(small)
    assert "heights 3 to 1,095, median 55; widths 64 " in text
    assert "9 of 141 images" in text
    assert "turned upright 8 CMYK to RGB 2 train/&lt;b&gt;.jpg" in text
    assert "1 unreadable files; 4 .txt" in text
    assert "train/c0/cut.jpg damaged" in text


def test_equal_images_are_told_by_where_they_are(small):
    _, text = _data_section(small)
    assert "within train 3 a.jpg = b.jpg" in text
    assert "in train and test 1 a.jpg = t.jpg" in text
    assert "of different classes" not in text


def test_images_are_counted_as_the_example_gen_did(small):
    report, text = _data_section(small)
    assert dict(report.data.balances[0].counts) == {"c0": 30, "c1": 40, "c2": 50}
    assert "c0 30 c1 40 c2 50" in text


@pytest.mark.parametrize(
    ("key", "wrong"),
    [("conversions", {"x": "many"}), ("bad", [["a"]]), ("heights", None),
     ("duplicates", {"train": 3}), ("class_names", 3)],
)  # fmt: skip
def test_a_damaged_file_is_told_and_the_rest_is_shown(small, key, wrong):
    values = {**json.loads(CONTENT), key: wrong}
    report, text = _data_section(small, json.dumps(values))
    assert key in report.missing["images read"]
    assert "Not shown. It could not be read" in text
    assert "c0 3 c1 3 c2 2" in text


def test_without_such_a_file_nothing_is_told(small):
    assert collected(small).data.found is None
