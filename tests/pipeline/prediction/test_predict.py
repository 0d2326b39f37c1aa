import io
import json
import shutil

import keras
import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.pipeline.prediction import dataset_images, predict
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.errors import DataError, DistillError, ModelError
from tfx_distill.trainer.export import saved_model

_DIGITS = tuple("0123456789")
_TOYS = ("ant", "bee", "cow")


def _save(folder, answer, *, names=_DIGITS, shape=(28, 28, 1), weight=0.0, bias=5.0):
    """A model that answers one class; `weight` adds the mean raw pixel to its logit."""
    spec = DataSpec(
        dataset="toys", version="1.0.0", image_shape=shape, class_names=names,
        num_examples={},
    )  # fmt: skip
    pixels = keras.Input(shape, dtype="uint8")
    flat = keras.layers.Flatten()(keras.layers.Rescaling(1.0)(pixels))
    last = keras.layers.Dense(len(names))
    model = keras.Model(pixels, last(flat))
    one_hot = np.eye(len(names))[answer]
    kernel = np.ones((int(np.prod(shape)), 1)) / np.prod(shape) * weight * one_hot
    last.set_weights([kernel, bias * one_hot])
    facts = {"role": "student", "config": {}, "history": {}, "seconds": 0.0}
    saved_model.save(model, str(folder), spec=spec, **facts)
    return str(folder)


@pytest.fixture(scope="module")
def threes(tmp_path_factory):
    return _save(tmp_path_factory.mktemp("threes"), 3)


@pytest.fixture(scope="module")
def toys(tmp_path_factory):
    """Answers `bee` the more surely, the brighter the image."""
    folder = tmp_path_factory.mktemp("toys")
    return _save(folder, 1, names=_TOYS, shape=(8, 8, 1), weight=0.01, bias=0.0)


def _asked(config=None, **changes):
    """What `predict.answer` prints on its two streams."""
    out, err = io.StringIO(), io.StringIO()
    predict.show(
        config or PipelineConfig(),
        predict.Request(**{"indices": (0, 1)} | changes),
        Console(file=out, width=80),
        Console(file=err, width=80),
    )
    return out.getvalue(), err.getvalue()


def _image(path, size=(8, 8), value=200):
    Image.new("L", size, value).save(path)
    return str(path)


def test_models_get_raw_pixels(tmp_path, toys):
    file = _image(tmp_path / "a.png")
    out, _ = _asked(files=[file], teacher_dir=toys, student_dir=toys, as_json=True)
    (answer,) = json.loads(out)
    bee = np.exp(2.0) / (np.exp(2.0) + 2)  # a logit of 0.01 times 200
    assert answer["student"]["probability"] == pytest.approx(bee, rel=1e-5)
    assert answer["student"] == answer["teacher"] and answer["agree"] is True
    assert (answer["image"], answer["label"]) == (file, None)
    assert (answer["student"]["class"], answer["student"]["name"]) == (1, "bee")


def test_both_models_answer_the_records_of_a_split(digits, tmp_path, threes):
    eights = _save(tmp_path / "eights", 8)
    _, labels = dataset_images.open_split(digits, "train").read([0, 7])
    config = PipelineConfig(data=digits)
    dirs = {"teacher_dir": threes, "student_dir": eights}
    out, _ = _asked(config, split="train", indices=(0, 7), as_json=True, **dirs)
    found = json.loads(out)
    assert [answer["label"] for answer in found] == labels.tolist()
    assert [answer["image"] for answer in found] == ["train[0]", "train[7]"]
    assert {a["teacher"]["class"] for a in found} == {3}
    assert {a["student"]["class"] for a in found} == {8}
    assert not any(answer["agree"] for answer in found)


def test_the_terminal_shows_every_image_and_a_summary(digits, threes):
    split = dataset_images.open_split(digits, "test")
    _, labels = split.read(range(12))
    three = int(np.flatnonzero(labels == 3)[0])
    other = int(np.flatnonzero(labels != 3)[0])
    out, err = _asked(
        PipelineConfig(data=digits), indices=(three, other), teacher_dir=threes,
        student_dir=threes,
    )  # fmt: skip
    assert out.startswith("digits 1.0.0, split test\n") and err == ""
    assert f"test[{three}]  label 3" in out and out.count("✓ correct") == 2
    assert f"test[{other}]  label {labels[other]}" in out and out.count("WRONG") == 2
    assert "agree on 2; teacher correct on 1, student on 1." in out


def test_notes_and_the_picture_are_announced_on_stderr(tmp_path, toys):
    file, png = _image(tmp_path / "a.png", (16, 8)), str(tmp_path / "out.png")
    out, err = _asked(
        files=[file], teacher_dir=toys, student_dir=toys, resize=True, png=png,
        as_json=True,
    )  # fmt: skip
    assert len(json.loads(out)) == 1
    assert "16x8 pixels, fitted into 8x8" in err and "out.png" in err
    with Image.open(png) as picture:
        assert picture.format == "PNG"


@pytest.mark.parametrize(("has_card", "name"), [(True, "bee"), (False, "1")])
def test_class_names_are_the_models_or_numbers(tmp_path, toys, has_card, name):
    shutil.copytree(toys, tmp_path / "model")
    if not has_card:
        (tmp_path / "model" / "assets.extra" / "model_card.json").unlink()
    folder = str(tmp_path / "model")
    file = _image(tmp_path / "a.png")
    out, _ = _asked(files=[file], teacher_dir=folder, student_dir=folder)
    assert f"teacher {name} " in " ".join(out.split())


def test_files_are_checked_before_any_model_is_sought(tmp_path):
    with pytest.raises(DataError, match="none.png cannot be read"):
        _asked(
            files=[_image(tmp_path / "a.png"), str(tmp_path / "none.png")],
            teacher_dir="nowhere", student_dir="nowhere",
        )  # fmt: skip


def test_a_file_of_another_size_is_refused_before_the_models_load(tmp_path, toys):
    with pytest.raises(DataError, match="--resize"):
        _asked(
            files=[_image(tmp_path / "a.png", (9, 8))],
            teacher_dir="nowhere", student_dir=toys,
        )  # fmt: skip


def test_without_a_trained_student_the_way_out_is_named(tmp_path):
    config = PipelineConfig.from_json(json.dumps({"pipeline": {"root": str(tmp_path)}}))
    with pytest.raises(DistillError, match="Run `distill run` first"):
        _asked(config)


def test_resize_without_files_is_refused():
    with pytest.raises(DistillError, match="--resize applies to image files"):
        _asked(resize=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": (8, 8, 1)}, r"images of shape \(8, 8, 1\), data set digits has"),
        ({"names": _TOYS}, "predicts 3 classes, data set digits has 10"),
        ({"names": tuple("abcdefghij")}, "names its classes a, b, c, ..., data set"),
        ({"bias": np.nan}, "not numbers"),
    ],
)
def test_a_model_that_does_not_fit_is_refused(
    digits, tmp_path, threes, change, message
):
    folder = _save(tmp_path / "m", 1, **change)
    with pytest.raises(ModelError, match=message) as info:
        _asked(PipelineConfig(data=digits), teacher_dir=threes, student_dir=folder)
    assert folder in str(info.value)


def test_a_teacher_of_other_classes_than_the_student_is_refused(tmp_path, toys):
    other = _save(tmp_path / "m", 1, names=("dog", "elk", "fox"), shape=(8, 8, 1))
    with pytest.raises(
        ModelError, match="Teacher in .* dog, elk, fox, the student ant"
    ):
        _asked(files=[_image(tmp_path / "a.png")], teacher_dir=other, student_dir=toys)
