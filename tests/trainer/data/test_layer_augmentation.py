"""Layers of Keras's and functions of the user's change training images."""

import keras
import numpy as np
import pytest
from small_data import squares

from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.config.training_config import StudentConfig, TeacherConfig
from tfx_distill.trainer.data.batches import (
    DistillationBatches,
    DistillationData,
    TeacherBatches,
)
from tfx_distill.trainer.data.layer_augmentation import Augmentation
from tfx_distill.trainer.errors import ConfigError, ModelError

FLIP = {"name": "RandomFlip", "mode": "horizontal"}
ERASE = {"name": "RandomErasing", "factor": [1.0, 1.0], "fill_value": 0}
RANDOM = [
    FLIP,
    {"name": "RandomTranslation", "height_factor": 0.3, "width_factor": 0.3},
    {"name": "RandomZoom", "height_factor": 0.3},
    {"name": "RandomRotation", "factor": 0.2},
    {"name": "RandomColorJitter", "value_range": [0, 255], "contrast_factor": 0.8},
    {"name": "RandomBrightness", "factor": 0.4},
    ERASE,
    {"name": "MixUp", "alpha": 1.0},
    {"name": "CutMix", "factor": 1.0},
    {"name": "RandAugment"},
]


@pytest.fixture(scope="module")
def photos():
    images = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3), dtype=np.uint8)
    return images, np.arange(12, dtype=np.int32) % 3


def _augmentation(*steps):
    return Augmentation(TeacherConfig(augmentation=steps), 3)


def brighter(images, rng, by=1):
    """A user's function."""
    return np.minimum(images.astype(int) + by + rng.integers(0, 2), 255).astype(
        np.uint8
    )


def halved(images, rng):
    return images[:, ::2]


@pytest.mark.parametrize("step", RANDOM, ids=lambda step: step["name"])
def test_equal_seeds_change_images_alike_and_others_otherwise(photos, step):
    one, other = _augmentation(step), _augmentation(step)
    first, shares = one(*photos, [0, 1, 2])
    one(*photos, [5, 5, 5])
    assert first.dtype == np.uint8
    assert first.shape == photos[0].shape
    assert (first != photos[0]).any()
    for again, its in (one(*photos, [0, 1, 2]), other(*photos, [0, 1, 2])):
        np.testing.assert_array_equal(first, again)
        np.testing.assert_array_equal(shares, its)
    assert (one(*photos, [0, 1, 3])[0] != first).any()


def test_a_flip_mirrors_some_images_and_keeps_labels(photos):
    images, labels = photos
    found, shares = _augmentation(FLIP)(images, labels, [0])
    mirrored = (found == images[:, :, ::-1]).all(axis=(1, 2, 3))
    kept = (found == images).all(axis=(1, 2, 3))
    assert (mirrored ^ kept).all()
    assert 0 < mirrored.sum() < 12
    np.testing.assert_array_equal(shares.argmax(axis=1), labels)


def test_erasing_cuts_out_a_rectangle(photos):
    found, _ = _augmentation(ERASE)(np.maximum(photos[0], 1), photos[1], [0])
    for image in found:
        rows, columns = np.nonzero((image == 0).all(axis=2))
        box = (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
        assert 0 < len(rows) == box < 64


def test_a_mixture_of_images_is_that_of_its_labels():
    levels = np.array([0, 100, 200], np.uint8)
    labels = np.arange(30, dtype=np.int32) % 3
    images = np.broadcast_to(levels[labels][:, None, None, None], (30, 8, 8, 1))
    found, shares = _augmentation({"name": "MixUp", "alpha": 1.0})(images, labels, [0])
    assert (shares.max(axis=1) < 0.9).any()
    expected = shares @ levels.astype(np.float32)
    np.testing.assert_allclose(found[:, 0, 0, 0], expected, atol=0.51)


def test_a_mixture_with_an_image_without_label_is_labelled_in_part():
    images = np.zeros((20, 8, 8, 1), np.uint8)
    labels = np.where(np.arange(20) < 10, -1, 0)
    _, shares = _augmentation({"name": "MixUp", "alpha": 1.0})(images, labels, [0])
    assert ((shares[:, 0] > 0.05) & (shares[:, 0] < 0.95)).any()
    assert not shares[:, 1:].any()


def test_steps_follow_one_another_and_a_function_has_its_arguments(photos):
    path = f"{__name__}.brighter"
    plain, _ = _augmentation(FLIP)(*photos, [3])
    more, _ = _augmentation(FLIP, {"name": path, "by": 7})(*photos, [3])
    added = more.astype(int) - plain
    assert set(np.unique(added[more < 255])) <= {7, 8}


def test_another_shape_is_refused_with_the_way_out(photos):
    crop = {"name": "RandomCrop", "height": 4, "width": 4}
    with pytest.raises(ModelError, match="Resizing"):
        _augmentation(crop)(*photos, [0])
    resize = {"name": "Resizing", "height": 8, "width": 8}
    assert _augmentation(crop, resize)(*photos, [0])[0].shape == photos[0].shape
    with pytest.raises(ModelError, match="halved returned uint8 of shape"):
        _augmentation(f"{__name__}.halved")(*photos, [0])


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("RandomFlop", r"Unknown teacher\.augmentation\[0\]\.name.*mean RandomFlip"),
        ("Dense", "Unknown teacher"),
        ({"name": "RandomFlip", "modus": 1}, "RandomFlip in teacher.*mean mode"),
        ({"name": "RandomRotation", "factor": 9}, "RandomRotation refuses"),
        ("my_package.gone", r"augmentation\[0\]: no function my_package\.gone"),
    ],
)
def test_what_keras_does_not_know_is_refused_with_the_nearest(step, message):
    with pytest.raises(ConfigError, match=message):
        _augmentation(step)


def _batches(predict, **changes):
    config = StudentConfig(augmentation=RANDOM[:1] + RANDOM[7:8], **changes)
    data = DistillationData(
        squares(40, 1), predict, ViewsConfig(max_shift=1, fresh=True)
    )
    return DistillationBatches(data, config, augmentation=Augmentation(config, 3))


def _means(images):
    return np.stack([images.mean(axis=(1, 2, 3))] * 3, axis=1)


def test_the_teacher_predicts_the_pixels_that_the_student_sees():
    batches = _batches(_means, batch_size=16)
    images, targets = batches[1]
    np.testing.assert_allclose(targets[:, 3:], _means(images), rtol=1e-6)
    np.testing.assert_allclose(targets[:, :3].sum(axis=1), 1, rtol=1e-6)
    again, _ = batches[1]
    np.testing.assert_array_equal(again, images)
    batches.begin(1)
    assert (batches[1][0] != images).any()


def test_predictions_of_other_pixels_are_never_used():
    batches = _batches(np.zeros((40, 4, 3), np.float32))
    with pytest.raises(TypeError, match="not those of changed images"):
        batches[0]


def test_a_teacher_learns_from_mixtures():
    config = TeacherConfig(max_shift=0, batch_size=40, augmentation=["MixUp"])
    batches = TeacherBatches(
        squares(40, 1), config, 3, augmentation=Augmentation(config, 3)
    )
    images, shares = batches[0]
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    assert images.dtype == np.uint8
    assert ((shares > 0.01) & (shares < 0.99)).any()
    assert float(loss(shares, np.zeros((40, 3), np.float32))) == pytest.approx(
        np.log(3)
    )
