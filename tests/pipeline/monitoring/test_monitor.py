"""`distill monitor` on images like those of the test split, and on others."""

import json
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import s3_stub
import small_data
from served_world import ServedRun, write_files, write_records

from tfx_distill.pipeline import cli
from tfx_distill.pipeline.inspection import object_stores

# As a scheduler calls it, in a process of its own; status 70 if it loads TFX.
_SCRIPT = """
import sys
from tfx_distill.pipeline.cli import cli
status = cli.main(sys.argv[1:], standalone_mode=False)
sys.exit(70 if {"tfx", "apache_beam"} & set(sys.modules) else status)
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    return ServedRun(tmp_path_factory.mktemp("runs")).write()


@pytest.fixture
def monitor(served, monkeypatch, capfd):
    """A function that runs the command; returns its status, stdout and stderr."""

    def run(*words):
        arguments = ["distill", "monitor", *served.options, *map(str, words)]
        monkeypatch.setattr(sys, "argv", arguments)
        for name in ("stdout", "stderr"):  # which the command replaces
            monkeypatch.setattr(sys, name, getattr(sys, name))
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code, *capfd.readouterr()

    return run


@pytest.fixture(scope="module")
def usual():
    return small_data.squares(250, seed=8)


def _tripped(text):
    return {one["name"] for one in json.loads(text)["checks"] if one["tripped"]}


def test_images_like_those_of_the_test_split_are_fine(served, usual, tmp_path):
    write_files(tmp_path, usual.images)
    words = ["monitor", "--images", str(tmp_path), *served.options]
    command = [sys.executable, "-c", _SCRIPT, *words]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "250 of 250 images are like the 400 test images" in done.stdout
    assert "Not compared: accuracy, calibration" in done.stdout


@pytest.mark.parametrize(
    ("change", "tripped"),
    [
        (lambda images: 255 - images, {"brightness", "confidence"}),
        (lambda images: images // 2, {"brightness", "contrast"}),
        (lambda images: images[..., ::-1, :][:, :, :4].repeat(2, 2), {"classes"}),
    ],
    ids=["inverted", "darker", "half of each"],
)
def test_other_images_trip(monitor, usual, tmp_path, change, tripped):
    write_files(tmp_path, change(usual.images))
    status, out, _ = monitor("--images", tmp_path, "--json")
    assert status == 3
    assert tripped <= _tripped(out)


def test_a_missing_class_trips(monitor, usual, tmp_path):
    write_files(tmp_path, usual.images[usual.labels != 1])
    status, out, _ = monitor("--images", tmp_path, "--no-teacher", "--json")
    assert (status, "classes" in _tripped(out)) == (3, True)
    assert "disagreement" not in {c["name"] for c in json.loads(out)["checks"]}


def test_with_labels_accuracy_is_compared(monitor, usual, tmp_path):
    wrong = (usual.labels + 1) % 3
    write_files(tmp_path, usual.images, wrong)
    status, out, _ = monitor("--images", tmp_path, "--json")
    assert status == 3
    assert _tripped(out) == {"accuracy", "calibration"}


def test_records_are_read_and_a_page_is_written(monitor, usual, tmp_path):
    path = tmp_path / "requests.tfrecord.gz"
    write_records(path, usual)
    page = tmp_path / "drift.html"
    status, out, err = monitor("--images", path, "--output", page)
    assert status == 0, out
    assert "calibration" in out and "Not compared" not in out
    assert page.read_text().count("<figure>") == 8
    assert str(page) in err


def test_what_is_unreadable_is_named(monitor, usual, tmp_path):
    write_files(tmp_path, usual.images)
    (tmp_path / "broken.png").write_bytes(b"no image")
    (tmp_path / "large.png").write_bytes(small_data.png(np.zeros((9, 9, 1), np.uint8)))
    _, out, _ = monitor("--images", tmp_path)
    assert "Unreadable images of the sample: 2" in out
    assert "large.png: 9x9 pixels, the model takes 8x8 alone" in out
    assert "broken.png: " in out


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        ((), 2, "Missing option '--images'"),
        (("--images", "nowhere"), 2, "nowhere: there is no such file"),
        (("--images", "FEW"), 1, "5 of 5 images can be compared, fewer than"),
        (("--images", "FEW", "--version", "77"), 1, "has pushed no version 77"),
        (("--images", "DAMAGED"), 1, "cannot be read as a TFRecord file"),
    ],
)
def test_what_cannot_be_compared_is_an_error(
    monitor, usual, tmp_path, words, status, text
):
    damaged = tmp_path / "damaged.tfrecord"
    damaged.write_bytes(b"no records at all")
    few = write_files(tmp_path / "few", usual.images[:5])
    places = {"FEW": few, "DAMAGED": damaged}
    found, _, err = monitor(*(places.get(word, word) for word in words))
    assert (found, text in err) == (status, True), err


@pytest.fixture
def in_a_store(tmp_path, monkeypatch):
    """A run whose artifacts are in a bucket alone; its options."""
    run = ServedRun(tmp_path / "moved").write()
    objects = {}
    for artifact in run.store.get_artifacts():
        local, key = pathlib.Path(artifact.uri), f"{artifact.type}/{artifact.id}"
        for path in filter(pathlib.Path.is_file, local.rglob("*")):
            name = f"{key}/{path.relative_to(local)}"
            objects["mlpipeline", name] = path.read_bytes()
        shutil.rmtree(local)
        artifact.uri = f"minio://mlpipeline/{key}"
        run.store.put_artifacts([artifact])
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "user")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with s3_stub.serving(objects) as server:
        yield [*run.options, "--artifacts", server.url]
    object_stores.use(None)


def test_artifacts_in_an_object_store_are_compared_as_well(
    monitor, in_a_store, usual, tmp_path
):
    write_files(tmp_path / "usual", usual.images)
    words = ("--images", tmp_path / "usual", "--json", *in_a_store)
    status, out, err = monitor(*words)
    assert status == 0, err
    found = json.loads(out)
    assert found["reference"] == 400
    assert found["left_out"] == ["accuracy, calibration: these images have no labels."]


def test_artifacts_out_of_reach_are_an_error(monitor, in_a_store, usual, tmp_path):
    write_files(tmp_path / "usual", usual.images)
    place = [*in_a_store[:-1], "http://127.0.0.1:9"]
    status, _, err = monitor("--images", tmp_path / "usual", *place)
    assert (status, "has no predictions of the test split" in err) == (1, True)
    assert "cannot connect to http://127.0.0.1:9" in err
