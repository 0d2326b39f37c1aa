"""From a folder of photos to a pushed student, without a builder."""

import json

import numpy as np
import pytest
from photo_files import encoded, orientation
from runs import Place

from tfx_distill.pipeline.cli import cli

pytestmark = pytest.mark.e2e

# Two classes that any model tells apart, and the gate that fits few test images.
EASY = ("teacher.epochs=4", "student.epochs=6", "gate=auto")


def _photo(seed, low, height, width):
    pixels = np.random.default_rng(seed).integers(low, low + 100, (height, width, 3))
    return pixels.astype(np.uint8)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """150 dark and 150 bright photos of several sizes, some of them odd."""
    root = tmp_path_factory.mktemp("pictures") / "Night & Day"
    for name, low in (("night", 0), ("day", 150)):
        (root / name).mkdir(parents=True)
        for i in range(150):
            photo = _photo(i + low, low, 28 + i % 9, 32)
            (root / name / f"{i}.jpg").write_bytes(encoded(photo, "JPEG"))
        turned = encoded(_photo(997, low, 24, 28), "JPEG", exif=orientation(6))
        (root / name / "turned.jpg").write_bytes(turned)
        grey = _photo(998, low, 24, 24)[..., 0]
        (root / name / "grey.png").write_bytes(encoded(grey))
    (root / "day" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    return root


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return Place(tmp_path_factory.mktemp("photos"))


def test_broken_file_ends_the_run_before_anything_is_trained(place, photos):
    process = place.run(*EASY, f"data.images={photos}")
    assert process.returncode == 1
    assert "day/broken.jpg" in process.stderr and "Teacher ..." not in process.stderr


def test_what_init_writes_for_the_folder_runs(place, photos, tmp_path):
    file = str(tmp_path / "own.yaml")
    cli.main(["init", str(photos), "--output", file], standalone_mode=False)
    short = ("teacher.epochs=1", "student.epochs=1", "views.count=2")
    sets = (*short, "data.max_bad_share=0.01")
    process = place.run(*sets, options=("--json", "--config", file))
    assert process.returncode in (0, 3), process.stderr
    result = json.loads(process.stdout)
    assert result["dataset"] == "Night & Day"
    assert result["student"]["parameters"] > 70_000  # the residual one


def test_folder_becomes_a_pushed_student(place, photos):
    sets = (*EASY, f"data.images={photos}", "data.max_bad_share=0.01")
    process = place.run(*sets)
    assert process.returncode == 0, process.stderr
    assert "turned upright 2" in process.stderr
    assert "test images (auto):" in process.stderr.split("Teacher ...")[0]
    result = json.loads(process.stdout)
    assert result["dataset"] == "Night & Day" and "ImageExampleGen" in result["nodes"]
    assert "/smoke-night-day/serving/" in result["pushed"]
    shown = place.run(*sets, options=("--json",))
    nodes = json.loads(shown.stdout)["nodes"]
    assert nodes["ImageExampleGen"]["cached"] and nodes["Teacher"]["cached"]
