"""Corrupted copies of images: seven kinds in five strengths.

The kinds are among those of MNIST-C (Mu and Gilmer 2019, arXiv:1906.02337) and CIFAR-10-C
(Hendrycks and Dietterich 2019, arXiv:1903.12261); the strengths are our own, as shares of
the range of pixels and of the image's size, so that they fit images of any size. An image's
noise depends on its place alone: both models see the same copies, in every run.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from PIL import Image
from scipy import ndimage

STRENGTHS = 5
SEED = 20


def _noise(images: np.ndarray, strength: int) -> np.ndarray:
    rng = np.random.default_rng([SEED, strength])
    deviation = (0.04, 0.08, 0.12, 0.18, 0.26)[strength - 1]
    return images + 255 * deviation * rng.standard_normal(images.shape, np.float32)


def _blur(images: np.ndarray, strength: int) -> np.ndarray:
    # In shares of the shorter side.
    share = (0.02, 0.03, 0.045, 0.06, 0.08)[strength - 1]
    width = share * min(images.shape[1:3])
    return ndimage.gaussian_filter(images, (0, width, width, 0), mode="nearest")


def _brightness(images: np.ndarray, strength: int) -> np.ndarray:
    return images + 255 * (0.1, 0.2, 0.3, 0.4, 0.5)[strength - 1]


def _contrast(images: np.ndarray, strength: int) -> np.ndarray:
    mean = images.mean(axis=(1, 2), keepdims=True)
    return mean + (images - mean) * (0.75, 0.6, 0.45, 0.3, 0.2)[strength - 1]


def _jpeg(images: np.ndarray, strength: int) -> np.ndarray:
    quality = (40, 25, 15, 10, 5)[strength - 1]
    return np.stack([_through_jpeg(image, quality) for image in _pixels(images)])


def _through_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    grey = image.shape[-1] == 1
    file = io.BytesIO()
    Image.fromarray(image[..., 0] if grey else image).save(
        file, "JPEG", quality=quality
    )
    return np.asarray(Image.open(file), np.float32).reshape(image.shape)


def _shift(images: np.ndarray, strength: int) -> np.ndarray:
    """Down and to the right; the border repeats."""
    share = (0.04, 0.08, 0.12, 0.16, 0.2)[strength - 1]
    down, right = (share * side for side in images.shape[1:3])
    return ndimage.shift(images, (0, down, right, 0), order=1, mode="nearest")


def _rotation(images: np.ndarray, strength: int) -> np.ndarray:
    degrees = (6, 12, 18, 24, 30)[strength - 1]
    return ndimage.rotate(
        images, degrees, axes=(2, 1), reshape=False, order=1, mode="nearest"
    )


KINDS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "noise": _noise,
    "blur": _blur,
    "brightness": _brightness,
    "contrast": _contrast,
    "jpeg": _jpeg,
    "shift": _shift,
    "rotation": _rotation,
}


def corrupted(images: np.ndarray, kind: str, strength: int) -> np.ndarray:
    """Corrupted copies.

    Args:
        images: uint8 `(num_images, height, width, channels)`, 1 or 3 channels.
        kind: One of `KINDS`.
        strength: From 1 to 5, the strongest.

    Returns:
        As `images`.
    """
    return _pixels(KINDS[kind](images.astype(np.float32), strength))


def _pixels(images: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(images), 0, 255).astype(np.uint8)
