"""The shape that all images of a data set get: given, common to them, or chosen."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tfx_distill.trainer.config.data_config import DataConfig
from tfx_distill.trainer.data import photo_normaliser
from tfx_distill.trainer.data.photo_normaliser import UnreadableImage
from tfx_distill.trainer.data.raw_images import Source
from tfx_distill.trainer.errors import DataError

# Enough that what holds for all of them holds for all but one in a thousand images.
_SAMPLE = 4096
_MAX_COMMON_SIDE = 512  # of a size that most images have
_MAX_CHOSEN_SIDE = 160  # of the shorter side of a size that is chosen
# Pixels: pooling layers halve a size several times. A small image has none to spare.
_STEP, _SMALL_STEP, _SMALL_SIDE = 16, 4, 64


def choose(source: Source, data: DataConfig) -> tuple[tuple[int, int, int], bool]:
    """Finds the shape of the examples.

    Returns:
        (height, width, channels) in pixels, and whether it was chosen from the images'
        sizes because they differ or are large.

    Raises:
        DataError: If no image can be read.
    """
    if data.image_shape is not None:
        return data.image_shape, False  # type: ignore[return-value]
    height, width, channels = source.declared_shape
    if height and width and channels:
        return (height, width, channels), False
    sizes = np.array(list(_sizes(source)))
    if not len(sizes):
        raise DataError(
            f"Data set {source.dataset}: none of its first {_SAMPLE:,} images can be "
            "read. Give JPEG or PNG files."
        )
    height, width = map(int, np.median(sizes[:, :2], axis=0))
    channels = channels or int(sizes[:, 2].max())
    share = np.mean((sizes[:, :2] == (height, width)).all(axis=1))
    if share >= 0.5 and max(height, width) <= _MAX_COMMON_SIDE:
        return (height, width, channels), bool(share < 1)
    scale = min(1.0, _MAX_CHOSEN_SIDE / min(height, width))
    return (_rounded(height * scale), _rounded(width * scale), channels), True


def _rounded(side: float) -> int:
    step = _STEP if side >= _SMALL_SIDE else _SMALL_STEP
    return max(1, int(side)) if side < _STEP else int(side / step) * step


def _sizes(source: Source) -> Iterator[tuple[int, int, int]]:
    for item in source.sample(_SAMPLE):
        try:
            yield photo_normaliser.size_and_channels(item.open().encoded)
        except UnreadableImage:
            continue  # the report names it
