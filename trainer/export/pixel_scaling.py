"""How pixels are scaled before a model that does not do so itself."""

from __future__ import annotations

from typing import Literal

import tensorflow as tf

from tfx_distill.trainer.config.examples_config import PixelRange

ChannelOrder = Literal["rgb", "bgr"]

# Factor and offset by name, of one channel or of three: in [0, 255], [0, 1] and [-1, 1],
# and ImageNet's as keras.applications.imagenet_utils.preprocess_input has them. The last
# two are of the channels in the order in which the model takes them.
PIXEL_RANGES: dict[PixelRange, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "0-255": ((1.0,), (0.0,)),
    "0-1": ((1 / 255,), (0.0,)),
    "-1-1": ((1 / 127.5,), (-1.0,)),
    "caffe": ((1.0,), (-103.939, -116.779, -123.68)),
    "torch": (
        (1 / 255 / 0.229, 1 / 255 / 0.224, 1 / 255 / 0.225),
        (-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225),
    ),
}


def scaled(
    images: tf.Tensor, pixel_range: PixelRange, channel_order: ChannelOrder | None
) -> tf.Tensor:
    """Pixels as a model takes them.

    Args:
        images: uint8 `(batch, height, width, channels)`, RGB.
        pixel_range: A key of `PIXEL_RANGES`.
        channel_order: `rgb` or `bgr`; None: `default_order`.

    Returns:
        float32 of the same shape.
    """
    values = tf.cast(images, tf.float32)
    if (channel_order or default_order(pixel_range)) == "bgr":
        values = tf.reverse(values, [-1])
    factor, offset = PIXEL_RANGES[pixel_range]
    return values * tf.constant(factor) + tf.constant(offset)


def default_order(pixel_range: PixelRange | None) -> ChannelOrder:
    """The order of channels that goes with a range: Caffe's models take BGR."""
    return "bgr" if pixel_range == "caffe" else "rgb"


def ranges(channels: int) -> list[PixelRange]:
    """The ranges that images of so many channels can have."""
    return [
        name
        for name, parts in PIXEL_RANGES.items()
        if all(len(part) in (1, channels) for part in parts)
    ]
