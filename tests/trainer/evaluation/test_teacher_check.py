"""A teacher that is used wrongly is found out on labelled images, and the mistake named."""

import dataclasses
import json

import level_teachers
import numpy as np
import pytest
from level_teachers import NAMES, SPEC, check, levels

from tfx_distill.trainer.data.example_reader import Split
from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.evaluation import teacher_check

REVERSED = tuple(reversed(NAMES))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return level_teachers.saved(tmp_path_factory.mktemp("teacher"))


def _mistake(found):
    (text,) = found.mistakes
    with pytest.raises(ModelError) as caught:
        found.require_fit()
    assert text in str(caught.value) and "\n" not in str(caught.value)
    return text


def test_a_teacher_that_is_used_as_meant_has_no_mistake(folder):
    model, found = check(folder, pixel_range="0-1")
    assert found.accuracy > 0.95 and found.num_images == 200
    assert found.mistakes == () and not found.is_near_chance
    found.require_fit()
    assert model.predict(level_teachers.images()[0])["logits"].shape == (200, 5)


def test_what_is_left_open_is_found_and_told(folder):
    _, found = check(folder)
    assert found.settings["pixel_range"] == "0-1"
    assert found.settings["output_values"] == "probabilities"
    assert found.settings["image_shape"] == (8, 8, 3)
    text = " ".join(found.found)
    assert "pixel_range is 0-1: accuracy on eval" in text and "rows sum to 1" in text


def test_the_wrong_scaling_is_named(folder):
    _, found = check(folder, pixel_range="0-255")
    assert found.is_near_chance
    assert "with teacher.imported.pixel_range: 0-1 the accuracy is" in _mistake(found)


def test_the_wrong_order_of_classes_is_named(folder):
    _, found = check(folder, pixel_range="0-1", classes=REVERSED)
    expected = "look like another order of classes: with teacher.imported.classes: "
    assert expected + "[cat, dog, eel, fox, gnu]" in _mistake(found)


def test_the_range_is_found_under_a_wrong_order_of_classes(folder):
    _, found = check(folder, classes=REVERSED)
    assert found.settings["pixel_range"] == "0-1"
    assert "classes: [cat, dog, eel" in _mistake(found)


def test_the_wrong_fit_is_named(folder):
    _, found = check(folder, pixel_range="0-1", fit="crop")
    assert "with teacher.imported.fit: stretch the accuracy is" in _mistake(found)


def test_the_wrong_interpolation_is_named(folder):
    # Every second pixel is of the class: only the nearest one is not mixed.
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 5, 200)
    pixels = levels(rng.integers(0, 5, (200, 16, 16, 3)))
    pixels[:, 1::2, 1::2] = levels(labels)[:, None, None, None]
    spec = dataclasses.replace(SPEC, image_shape=(16, 16, 3))
    _, found = check(folder, (pixels, labels), spec, pixel_range="0-1")
    assert "with teacher.imported.interpolation: nearest the acc" in _mistake(found)


def test_the_wrong_order_of_channels_is_named(folder):
    _, found = check(folder, pixel_range="0-1", channel_order="bgr")
    assert "with teacher.imported.channel_order: rgb the accuracy" in _mistake(found)


def test_probabilities_declared_as_logits_are_named(folder):
    _, found = check(folder, pixel_range="0-1", output_values="logits")
    assert found.accuracy > 0.95
    assert "set teacher.imported.output_values: probabilities" in _mistake(found)


def test_logits_declared_as_probabilities_are_named(tmp_path):
    folder = level_teachers.saved(tmp_path / "logits", logits=True)
    _, found = check(folder, pixel_range="0-1", output_values="probabilities")
    assert "set teacher.imported.output_values: logits" in _mistake(found)


def test_a_teacher_of_other_classes_is_refused_without_a_guess(folder):
    pixels, labels = level_teachers.images()
    others = np.random.default_rng(3).permutation(labels)
    _, found = check(folder, (pixels, others), pixel_range="0-1")
    assert found.is_near_chance and found.mistakes == ()
    with pytest.raises(ModelError, match="check that the teacher knows these classes"):
        found.require_fit()


def test_a_run_tries_no_alternatives_of_a_teacher_that_is_good(folder):
    _, found = check(folder, thorough=False)
    assert found.alternatives == ()


def test_the_images_are_spread_over_the_split():
    split = Split(np.arange(9000)[:, None], np.arange(9000))
    images, labels = teacher_check.sample(split)
    assert len(images) == teacher_check.MAX_IMAGES
    assert labels.tolist()[:3] == [0, 3, 6]


def test_the_check_is_plain_json(folder):
    _, found = check(folder, pixel_range="0-255")
    content = json.loads(found.to_json())
    assert content["alternatives"][0]["setting"] == "pixel_range"
    assert content["alternatives"][0]["value"] == "0-1"
