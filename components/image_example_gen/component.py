"""The component that brings a user's image files into the pipeline."""

from __future__ import annotations

from tfx_distill.components.example_gen.base_component import ExampleGen
from tfx_distill.trainer.config.data_config import DataConfig


class ImageExampleGen(ExampleGen):
    """An ExampleGen over a folder of classes, or a list of paths and labels.

    See `ExampleGen` for the output. Splits that `data.images` lacks are cut out of `train`
    by the pixels of each image, and records are in the order of a hash of their paths.
    """

    def __init__(self, data: DataConfig) -> None:
        """As `ExampleGen`, for a configuration with `images`."""
        if data.images is None:
            raise ValueError("ImageExampleGen needs data.images; see TfdsExampleGen")
        super().__init__(data)
