"""Shifted copies of images: random for the teacher, fixed views for the student."""

from __future__ import annotations

import numpy as np


def shift(images: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Moves each image by its own offset; what comes in from outside is 0.

    Args:
        images: uint8 `(batch, height, width, channels)`.
        offsets: Integers `(batch, 2)`: rows down and columns right, in pixels.

    Returns:
        uint8, as `images`.
    """
    reach = int(np.abs(offsets).max(initial=0))
    if reach == 0:
        return images
    height, width = images.shape[1:3]
    padded = np.pad(images, ((0, 0), (reach, reach), (reach, reach), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(  # type: ignore[call-overload]
        padded, (height, width), axis=(1, 2)
    )
    rows, columns = (reach - offsets).T
    moved = windows[np.arange(len(images)), rows, columns]  # (batch, channels, h, w)
    return np.moveaxis(moved, 1, -1)


def view_offsets(
    num_examples: int, num_views: int, max_shift: int, seed: int
) -> np.ndarray:
    """Fixed offsets of every example in every view; view 0 is the original.

    Args:
        num_examples: Number of examples.
        num_views: Number of views, the original included, >= 1.
        max_shift: Largest shift each way, pixels.
        seed: Equal seeds give equal offsets; view v does not depend on how
            many views follow it.

    Returns:
        int8 `(num_views, num_examples, 2)`.
    """
    offsets = np.zeros((num_views, num_examples, 2), np.int8)
    for view in range(1, num_views):
        rng = np.random.default_rng([seed, view])
        offsets[view] = rng.integers(-max_shift, max_shift + 1, (num_examples, 2))
    return offsets
