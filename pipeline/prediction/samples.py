"""The command `distill samples`: images of a split with their labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from rich.console import Console

from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.trainer.errors import DataError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Selection:
    """Which samples to show.

    Attributes:
        split: `train`, `eval` or `test`.
        count: Number of random samples, 1 to 64.
        seed: Random seed.
        indices: Of samples to show instead, from 0; None: random ones.
    """

    split: str
    count: int
    seed: int
    indices: Sequence[int] | None = None


def show(
    config: PipelineConfig,
    selection: Selection,
    png: str | None,
    console: Console,
    notices: Console,
) -> None:
    """Draws samples in the terminal, and as a picture.

    Args:
        config: Names the data set, which must exist or be downloadable.
        selection: Which samples to show.
        png: File for the picture; None: no picture.
        console: For the samples.
        notices: For all other messages.

    Raises:
        DistillError: If the data set is unavailable or has no such images, or the
            picture cannot be written.
    """
    indices = selection.indices
    if png is not None:
        from tfx_distill.pipeline.prediction import png_grids

        png_grids.check(selection.count if indices is None else len(indices), png)
    from tfx_distill.pipeline.prediction import dataset_images, terminal_pictures

    split = dataset_images.open_split(config.data, selection.split)
    if indices is None:
        indices = _chosen(len(split), selection)
    images, labels = split.read(indices)
    names = split.spec.class_names
    numbers = ", ".join(str(index) for index in indices)
    console.print(f"{split.title}: images {numbers}", markup=False, highlight=False)
    console.print(terminal_pictures.SamplesView(images, labels, names))
    if png is not None:
        png_grids.samples_grid(images, labels, names, split.title, png)
        notices.print(f"Picture: {png}", markup=False, highlight=False, soft_wrap=True)


def _chosen(available: int, selection: Selection) -> list[int]:
    count = selection.count
    if count > available:
        raise DataError(
            f"--count {count}: split {selection.split} has {available} images. "
            "Request fewer."
        )
    generator = np.random.default_rng(selection.seed)
    return sorted(generator.choice(available, count, replace=False).tolist())
