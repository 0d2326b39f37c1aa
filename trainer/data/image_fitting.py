"""Fits images into one shape, in TensorFlow: in ExampleGen and in served models alike."""

from __future__ import annotations

import functools
from collections.abc import Callable

import tensorflow as tf


def convert(image: tf.Tensor, image_shape: tuple[int, int, int], how: str) -> tf.Tensor:
    """Brings an image to a shape; one that has it already stays as it is.

    Args:
        image: uint8 `(any height, any width, 1 to 4 channels)`, 0–255.
        image_shape: (height, width, channels) in pixels.
        how: See `fit`.

    Returns:
        uint8 `image_shape`.
    """
    fits = tf.reduce_all(tf.equal(tf.shape(image), image_shape))  # nearly all do
    converter = _converter(image_shape, how)
    converted = tf.cond(fits, lambda: image, lambda: converter(image))
    return tf.ensure_shape(converted, image_shape)


@functools.lru_cache(maxsize=8)
def _converter(
    image_shape: tuple[int, int, int], how: str
) -> Callable[[tf.Tensor], tf.Tensor]:
    # Inlined, each of its operations would take time also where they are skipped.
    @tf.function(
        input_signature=[tf.TensorSpec((None, None, None), tf.uint8)],
        experimental_attributes={"_noinline": True},
    )
    def converter(image: tf.Tensor) -> tf.Tensor:
        return fit(to_channels(image, image_shape[2]), image_shape, how)

    return converter


def fit(
    image: tf.Tensor,
    image_shape: tuple[int, int, int],
    how: str,
    interpolation: str = tf.image.ResizeMethod.BILINEAR,
) -> tf.Tensor:
    """Brings an image, or a batch of images of one size, to a height and width.

    Args:
        image: uint8 `([batch,] any height, any width, channels)`, 0–255.
        image_shape: (height, width, channels) in pixels.
        how: `crop` cuts the centre out in the wanted proportions, `pad` adds black
            borders, `stretch` changes the proportions.
        interpolation: A method of `tf.image.resize`, without aliasing.

    Returns:
        uint8 `([batch,] height, width, channels)`.
    """
    height, width, _ = image_shape
    fitted = _METHODS[how](image, height, width, interpolation)
    return tf.ensure_shape(fitted, (*image.shape[:-3], *image_shape))


def to_channels(image: tf.Tensor, channels: int) -> tf.Tensor:
    """Drops alpha, then makes grey of colour or colour of grey.

    Args:
        image: uint8 `([batch,] height, width, 1 to 4)`: grey, grey and alpha, RGB or
            RGBA.
        channels: 1 or 3.

    Returns:
        uint8 `([batch,] height, width, channels)`.
    """
    if channels == 1:
        of_colour = lambda: tf.image.rgb_to_grayscale(image[..., :3])  # noqa: E731
        of_grey = lambda: image[..., :1]  # noqa: E731
    else:
        of_colour = lambda: image[..., :3]  # noqa: E731
        of_grey = lambda: tf.repeat(image[..., :1], 3, axis=-1)  # noqa: E731
    known = image.shape[-1]
    if known is not None:
        return of_colour() if known >= 3 else of_grey()
    return tf.cond(tf.shape(image)[-1] >= 3, of_colour, of_grey)


def _stretch(
    image: tf.Tensor, height: tf.Tensor, width: tf.Tensor, interpolation: str
) -> tf.Tensor:
    image = tf.image.resize(image, (height, width), interpolation, antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(image), 0, 255), tf.uint8)


def _crop(image: tf.Tensor, height: int, width: int, interpolation: str) -> tf.Tensor:
    old_height, old_width = tf.shape(image)[-3], tf.shape(image)[-2]
    # The largest window of the wanted proportions.
    new_height = tf.clip_by_value(_rounded(old_width * height, width), 1, old_height)
    new_width = tf.clip_by_value(_rounded(old_height * width, height), 1, old_width)
    window = tf.image.crop_to_bounding_box(
        image,
        (old_height - new_height) // 2,
        (old_width - new_width) // 2,
        new_height,
        new_width,
    )
    return _stretch(window, height, width, interpolation)


def _pad(image: tf.Tensor, height: int, width: int, interpolation: str) -> tf.Tensor:
    old_height, old_width = tf.shape(image)[-3], tf.shape(image)[-2]
    new_height = tf.clip_by_value(_rounded(old_height * width, old_width), 1, height)
    new_width = tf.clip_by_value(_rounded(old_width * height, old_height), 1, width)
    return tf.image.pad_to_bounding_box(
        _stretch(image, new_height, new_width, interpolation),
        (height - new_height) // 2,
        (width - new_width) // 2,
        height,
        width,
    )


def _rounded(product: tf.Tensor, divisor: tf.Tensor) -> tf.Tensor:
    return (2 * product + divisor) // (2 * divisor)


_METHODS = {"crop": _crop, "pad": _pad, "stretch": _stretch}
