"""Pixels as models take them, against keras.applications' own preprocessing."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfx_distill.trainer.export import pixel_scaling

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 3), np.uint8)


@pytest.mark.parametrize(
    ("name", "expected"), [("0-255", IMAGES), ("0-1", IMAGES / 255)]
)
def test_plain_ranges(name, expected):
    found = pixel_scaling.scaled(tf.constant(IMAGES), name, None)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "mode"), [("-1-1", "tf"), ("caffe", "caffe"), ("torch", "torch")]
)
def test_modes_are_those_of_keras_applications(name, mode):
    expected = keras.applications.imagenet_utils.preprocess_input(
        IMAGES.astype(np.float32), mode=mode
    )
    found = pixel_scaling.scaled(tf.constant(IMAGES), name, None)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_bgr_turns_the_channels_round():
    found = pixel_scaling.scaled(tf.constant(IMAGES), "0-255", "bgr")
    np.testing.assert_array_equal(found, IMAGES[..., ::-1])


def test_grey_images_have_no_ranges_of_three_channels():
    assert pixel_scaling.ranges(1) == ["0-255", "0-1", "-1-1"]
    assert len(pixel_scaling.ranges(3)) == 5
