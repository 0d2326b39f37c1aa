"""How images of another shape are fitted, by their pixels."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from photo_files import BLUE, GREEN, RED, encoded, plain

from tfx_distill.trainer.data import example_records, image_fitting

# 4 x 12: a third each red, green and blue.
STRIPES = np.concatenate([plain(colour, 4, 4) for colour in (RED, GREEN, BLUE)], axis=1)


def _fit(image, shape, how):
    return image_fitting.fit(tf.constant(image), shape, how).numpy()


def test_crop_cuts_the_centre_out():
    np.testing.assert_array_equal(_fit(STRIPES, (4, 4, 3), "crop"), plain(GREEN, 4, 4))
    np.testing.assert_array_equal(_fit(STRIPES, (2, 2, 3), "crop"), plain(GREEN, 2, 2))


def test_pad_keeps_the_whole_image_between_black_borders():
    padded = _fit(STRIPES, (12, 12, 3), "pad")
    np.testing.assert_array_equal(padded[4:8], STRIPES)
    assert not padded[:4].any() and not padded[8:].any()


@pytest.mark.parametrize("how", ["crop", "pad", "stretch"])
def test_images_of_a_batch_are_fitted_each(how):
    images = np.stack([STRIPES, STRIPES[:, ::-1]])
    expected = np.stack([_fit(image, (6, 5, 3), how) for image in images])
    np.testing.assert_array_equal(_fit(images, (6, 5, 3), how), expected)


def test_stretch_changes_the_proportions():
    fitted = _fit(STRIPES, (4, 3, 3), "stretch")
    assert fitted.shape == (4, 3, 3)
    assert fitted[0].argmax(axis=-1).tolist() == [0, 1, 2]


@pytest.mark.parametrize("how", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("size", [(1, 1), (8, 4000), (4000, 3), (7, 5), (28, 28)])
def test_any_size_becomes_the_shape_and_keeps_a_plain_colour(how, size):
    fitted = _fit(plain((10, 20, 30), *size), (28, 28, 3), how)
    assert fitted.shape == (28, 28, 3)
    assert fitted[13:15, 13:15].max(axis=(0, 1)).tolist() == [10, 20, 30]


@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize(
    ("pixel", "channels", "expected"),
    [
        ((200, 100, 50), 1, (124,)),  # 0.2989 R + 0.5870 G + 0.1140 B
        ((200, 100, 50, 9), 1, (124,)),
        ((70, 9), 1, (70,)),
        ((70,), 1, (70,)),
        ((200, 100, 50), 3, (200, 100, 50)),
        ((200, 100, 50, 9), 3, (200, 100, 50)),
        ((70, 9), 3, (70, 70, 70)),
        ((70,), 3, (70, 70, 70)),
    ],
)
def test_alpha_is_dropped_and_grey_and_colour_become_each_other(
    pixel, channels, expected, is_known
):
    image = np.broadcast_to(np.uint8(pixel), (2, 3, len(pixel)))
    spec = tf.TensorSpec((2, 3, len(pixel) if is_known else None), tf.uint8)
    convert = tf.function(
        lambda image: image_fitting.to_channels(image, channels), input_signature=[spec]
    )
    found = convert(tf.constant(image)).numpy()
    np.testing.assert_array_equal(found, np.broadcast_to(expected, (2, 3, channels)))


def test_fitting_image_keeps_every_pixel():
    image = np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)
    np.testing.assert_array_equal(_fit(image, (9, 7, 3), "crop"), image)


@pytest.mark.parametrize(
    ("image", "kind", "shape", "expected"),
    [
        (plain((200, 100, 50, 10)), "PNG", (4, 4, 3), (200, 100, 50)),
        (plain(70), "JPEG", (4, 4, 3), (70, 70, 70)),
        (plain((90, 90, 90)), "PNG", (4, 4, 1), (90,)),
        (np.full((8, 8), 25087, np.uint16), "PNG", (4, 4, 1), (97,)),
    ],
)
def test_served_file_of_another_kind_and_size_is_converted(
    spec, image, kind, shape, expected
):
    spec = dataclasses.replace(spec, image_shape=shape, fit="crop")
    decoded = example_records.decode_image(encoded(image, kind), spec).numpy()
    np.testing.assert_array_equal(decoded, np.broadcast_to(expected, shape))


def test_strict_models_refuse_another_shape(spec):
    spec = dataclasses.replace(spec, image_shape=(4, 4, 3), fit=None)
    with pytest.raises(tf.errors.InvalidArgumentError, match="image shape"):
        example_records.decode_image(encoded(plain(RED)), spec)
