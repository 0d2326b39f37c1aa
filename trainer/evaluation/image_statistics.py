"""What pixels say of an image without a model: numbers that a changed camera changes."""

from __future__ import annotations

import numpy as np


def of_images(images: np.ndarray) -> dict[str, np.ndarray]:
    """Describes each image by some numbers.

    Args:
        images: uint8 `(num_images, height, width, channels)` in 0–255.

    Returns:
        float32 `(num_images,)` in 0–255 by name: `brightness` (the mean), `contrast` (the
        standard deviation), `sharpness` (the mean difference of neighbours) and, of
        images with colours, `colour` (the mean range of the channels).
    """
    found: dict[str, list[np.ndarray]] = {}
    for batch in np.array_split(images, max(1, images.nbytes // 2**24)):
        for name, values in _of_batch(batch.astype(np.float32)).items():
            found.setdefault(name, []).append(values)
    return {name: np.concatenate(values) for name, values in found.items()}


def _of_batch(pixels: np.ndarray) -> dict[str, np.ndarray]:
    every = 1, 2, 3
    down, across = (np.abs(np.diff(pixels, axis=axis)) for axis in (1, 2))
    numbers = {
        "brightness": pixels.mean(every),
        "contrast": pixels.std(every),
        "sharpness": (down.mean(every) + across.mean(every)) / 2,
    }
    if pixels.shape[-1] > 1:
        numbers["colour"] = np.ptp(pixels, axis=-1).mean((1, 2))
    return numbers
