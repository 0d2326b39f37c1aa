"""Shifted, rotated and mirrored copies of images: random ones, and fixed views."""

from __future__ import annotations

import hashlib

import numpy as np

from tfx_distill.trainer.config.data_config import ViewsConfig

# Weyl constants of splitmix64, which turns a counter into well mixed bits.
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def mirror(images: np.ndarray, mirrored: np.ndarray) -> np.ndarray:
    """Mirrors some of the images left to right.

    Args:
        images: uint8 `(batch, height, width, channels)`.
        mirrored: bool `(batch,)`, which ones.

    Returns:
        uint8, as `images`.
    """
    if not np.any(mirrored):
        return images
    return np.where(mirrored[:, None, None, None], images[:, :, ::-1], images)


def shift(images: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Shifts each image by its own offset; uncovered pixels are 0.

    Args:
        images: uint8 `(batch, height, width, channels)`.
        offsets: Integers `(batch, 2)`: rows down and columns right, in pixels.

    Returns:
        uint8, as `images`.
    """
    reach = int(np.abs(offsets).max(initial=0))
    if reach == 0:
        return images
    count, height, width, channels = images.shape
    # np.pad takes longer than all the rest.
    large = (count, height + 2 * reach, width + 2 * reach, channels)
    padded = np.zeros(large, images.dtype)
    padded[:, reach:-reach, reach:-reach] = images
    windows = np.lib.stride_tricks.sliding_window_view(  # type: ignore[call-overload]
        padded, (height, width), axis=(1, 2)
    )
    rows, columns = (reach - offsets).T
    moved = windows[np.arange(count), rows, columns]  # (batch, channels, h, w)
    return np.moveaxis(moved, 1, -1)


def rotate(images: np.ndarray, degrees: np.ndarray) -> np.ndarray:
    """Rotates each image about its centre, bilinearly; uncovered pixels are 0.

    Args:
        images: uint8 `(batch, height, width, channels)`.
        degrees: float32 `(batch,)`, counter-clockwise.

    Returns:
        uint8, as `images`.
    """
    if not np.any(degrees):
        return images
    count, height, width, channels = images.shape
    angles = np.deg2rad(degrees.astype(np.float32))[:, None]
    cosine, sine = np.cos(angles), np.sin(angles)
    centre_y, centre_x = np.float32(height - 1) / 2, np.float32(width - 1) / 2
    y, x = np.indices((height, width), np.float32).reshape(2, 1, -1)
    y, x = y - centre_y, x - centre_x
    # Where each pixel of the output comes from, (batch, pixels), in an image with
    # a margin of one: what is outside lies there.
    from_x = np.clip(cosine * x - sine * y + centre_x, -1, width) + 1
    from_y = np.clip(sine * x + cosine * y + centre_y, -1, height) + 1
    padded = np.pad(images, ((0, 0), (1, 2), (1, 2), (0, 0)))
    pixels = padded.reshape(count, -1, channels)
    left, top = from_x.astype(np.int32), from_y.astype(np.int32)
    right_share, lower_share = from_x - left, from_y - top
    first = top * padded.shape[2] + left
    result = np.zeros((count, height * width, channels), np.float32)
    for offset, share in (
        (0, (1 - lower_share) * (1 - right_share)),
        (1, (1 - lower_share) * right_share),
        (padded.shape[2], lower_share * (1 - right_share)),
        (padded.shape[2] + 1, lower_share * right_share),
    ):
        corner = pixels[np.arange(count)[:, None], first + offset]
        result += corner * share[:, :, None]
    return np.rint(result).astype(np.uint8).reshape(images.shape)


def digests(images: np.ndarray) -> np.ndarray:
    """Hashes each image by its content, independent of its place in a file.

    Args:
        images: uint8 `(num_examples, height, width, channels)`.

    Returns:
        uint64 `(num_examples,)`: equal for equal pixels.
    """
    joined = b"".join(
        hashlib.blake2b(image.tobytes(), digest_size=8).digest() for image in images
    )
    return np.frombuffer(joined, np.uint64)


def make_views(
    images: np.ndarray, image_digests: np.ndarray, view: np.ndarray, config: ViewsConfig
) -> np.ndarray:
    """Makes one view of each image; view 0 is the image itself.

    A view depends on the image's content, the view's number and the seed alone:
    not on the order of the examples, nor on how many views there are.

    Args:
        images: uint8 `(batch, height, width, channels)`.
        image_digests: uint64 `(batch,)`, the images' `digests`.
        view: Integers `(batch,)`, >= 0.
        config: Range of shifts and rotations, and whether to mirror.

    Returns:
        uint8, as `images`.
    """
    original = view == 0
    reach = 2 * config.max_shift + 1
    drawn = [
        _random_bits(image_digests, view, config.seed, axis) % np.uint64(reach)
        for axis in (0, 1)
    ]
    offsets = np.stack(drawn, axis=1).astype(int) - config.max_shift
    turn, side = (
        _random_bits(image_digests, view, config.seed, purpose) / 2.0**64
        for purpose in (2, 3)
    )
    degrees = (2 * turn - 1) * config.max_rotation
    mirrored = side < config.flip / 2
    offsets[original], degrees[original], mirrored[original] = 0, 0.0, False
    images = rotate(mirror(images, mirrored), degrees.astype(np.float32))
    return shift(images, offsets)


def _random_bits(
    image_digests: np.ndarray, view: np.ndarray, seed: int, purpose: int
) -> np.ndarray:
    """splitmix64 (Steele et al. 2014) of digest, view, seed and purpose; uint64."""
    counter = np.uint64(seed) * np.uint64(1024) + np.uint64(purpose)
    state = image_digests + (view.astype(np.uint64) * np.uint64(8) + counter) * _GOLDEN
    state = (state ^ (state >> np.uint64(30))) * _MIX_1
    state = (state ^ (state >> np.uint64(27))) * _MIX_2
    return state ^ (state >> np.uint64(31))
