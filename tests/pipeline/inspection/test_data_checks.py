"""`distill data check`: its whole output, and that a run refuses the same."""

import json

import pytest
from photo_files import encoded, noise, plain, write_folder, write_splits

from tfx_distill.pipeline.cli import cli
from tfx_distill.pipeline.config.loader import load_config
from tfx_distill.pipeline.prediction import dataset_images

SOUND = """\
photos, images of 8 x 8 x 3

  class            train   eval   test
 ──────────────────────────────────────
  cat                  5      3      3
  dog                  5      3      3
  all                 10      6      6

  more than once       0      0      0
  also in train               0      0
  also in eval                       0

  Sizes in pixels: heights 8; widths 8.
A run would use this data set.
"""

REFUSED = """\
photos, images of 8 x 8 x 3

  class            train   eval   test
 ──────────────────────────────────────
  cat                  6      3      4
  dog                  5      3      3
  all                 11      6      7

  more than once       0      0      0
  also in train               0      1
  also in eval                       0

  Sizes in pixels: heights 5 to 8, median 8; widths 6 to 8, median 8.
  1 of 24 images converted: fitted to another size 1, grey to colour 1.
  Images of 5 x 6 to 8 x 8 pixels (height x width) become 8 x 8 x 3. Set
  data.image_shape for another size, and data.fit for another way than crop.
A run would refuse this data set:
  1 of 25 images cannot be used (train/dog/broken.jpg: the file is empty).
  Repair or remove them, or set data.max_bad_share: 0.04 to skip them.
  The same image is in two splits: 1 image in train and test, such as
  test/cat/copy.png = train/cat/0.png. Results on images that were trained on
  prove nothing. Remove the copies or cut other splits, or set
  data.allow_overlap: true.
"""


@pytest.fixture
def photos(tmp_path):
    return write_splits(tmp_path / "photos")


@pytest.fixture
def check(capfd, monkeypatch):
    """A function that runs the command; returns what it prints, and its status."""
    monkeypatch.setenv("COLUMNS", "80")

    def run(photos, *options):
        gate = "gate={margin: 0.6, class_margin: null, min_accuracy: null}"
        given = ["--set", f"data.images={photos}", "--set", gate]
        arguments = ["data", "check", *given, *options]
        status = cli.main(arguments, standalone_mode=False)
        lines = (line.rstrip() for line in capfd.readouterr().out.splitlines())
        return "\n".join(lines) + "\n", status

    return run


def _spoil(photos):
    (photos / "train" / "dog" / "broken.jpg").write_bytes(b"")
    (photos / "train" / "cat" / "small.png").write_bytes(encoded(plain(7, 5, 6)))
    (photos / "test" / "cat" / "copy.png").write_bytes(encoded(noise(0)))


def test_sound_data_are_shown_and_used(photos, check):
    assert check(photos) == (SOUND, 0)


def test_the_gate_that_fits_is_shown_and_too_few_images_are_refused(photos, check):
    text, status = check(photos, "--set", "gate=auto")
    assert status == 1
    assert "gate.margin is auto, and the test split has 6 images: too few" in text
    text, status = check(photos, "--set", "gate=auto", "--set", "gate.margin=0.6")
    assert status == 0 and "The gate, fitted to 6 test images (auto):" in text


def test_all_that_is_wrong_is_told_once(photos, check):
    _spoil(photos)
    assert check(photos) == (REFUSED, 1)


def test_json_holds_the_report_and_the_refusals(photos, check):
    _spoil(photos)
    text, status = check(photos, "--json")
    found = json.loads(text)
    assert status == 1 and len(found["refusals"]) == 2 and len(found["notices"]) == 2
    assert found["num_images"]["train"] == [6, 5]
    assert found["bad"] == [["train/dog/broken.jpg", "the file is empty"]]


def test_many_classes_fit_on_a_screen(tmp_path, check):
    classes = [f"class {i:02}" for i in range(40)]
    text, _ = check(write_splits(tmp_path / "photos", classes, counts=(1, 1, 1)))
    assert "class 29" in text and "class 30" not in text
    assert "10 more, each    1 to 1" in text


@pytest.mark.parametrize("split", ["train", "eval", "test"])
def test_single_images_are_those_of_the_run(tmp_path, split):
    root = tmp_path / "photos"
    write_folder(root / "train", {"cat": 30, "dog": 30})
    write_folder(root / "test", {"cat": 5, "dog": 5}, first=60)
    data = load_config(None, [f"data.images={root}", "data.eval_share=0.3"]).data
    opened = dataset_images.open_split(data, split)
    images, labels = opened.read(range(len(opened)))
    assert opened.title == f"photos, split {split}"
    seeds = [
        seed for seed in range(70) if any((noise(seed) == i).all() for i in images)
    ]
    assert len(seeds) == len(opened)
    assert (min(seeds) >= 60) == (split == "test")
    is_dog = {noise(s).tobytes(): (30 <= s < 60) or s >= 65 for s in seeds}
    assert [is_dog[image.tobytes()] for image in images] == labels.tolist()


def test_skipped_files_are_not_among_the_images(photos):
    (photos / "test" / "cat" / "broken.jpg").write_bytes(b"")
    data = load_config(None, [f"data.images={photos}", "data.max_bad_share=0.1"]).data
    opened = dataset_images.open_split(data, "test")
    assert len(opened) == 6 and len(opened.read(range(6))[0]) == 6


def test_name_of_the_folder_is_that_of_the_pipeline(tmp_path):
    config = load_config("smoke", [f"data.images={tmp_path}/Meine Fotos/"])
    assert config.pipeline_name == "smoke-meine-fotos"
    assert load_config(None, ["data.images=名前"]).pipeline_name == "images"
    assert load_config(None, ["data.images=a/birds.csv"]).pipeline_name == "birds"
