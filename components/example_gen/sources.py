"""The source of images that a configuration names."""

from __future__ import annotations

from tfx_distill.trainer.config.data_config import DataConfig
from tfx_distill.trainer.data.image_source import ImageSource
from tfx_distill.trainer.data.raw_images import Source


def open_source(data: DataConfig) -> Source:
    """Opens the user's images, or prepares a TFDS data set.

    Raises:
        DataError: If there is no such data set, or it is unavailable.
    """
    if data.images is not None:
        return ImageSource(data)
    from tfx_distill.components.tfds_example_gen.tfds_source import TfdsSource

    return TfdsSource(data)
