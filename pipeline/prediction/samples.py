"""The command `distill samples`: images of a split with their labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.console import Console

from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.trainer.errors import DataError


def show(
    config: PipelineConfig,
    *,
    split: str,
    count: int,
    seed: int,
    indices: Sequence[int] | None,
    png: str | None,
    console: Console,
    notices: Console | None = None,
) -> None:
    """Draws samples in the terminal, and as a picture.

    Args:
        config: Names the data set, which must exist or be downloadable.
        split: `train`, `eval` or `test`.
        count: How many samples to choose, 1 to 64.
        seed: Of the choice.
        indices: Positions in the split to show instead; None: choose.
        png: File for the picture; None: no picture.
        console: For the samples.
        notices: For all other messages; None: stderr.

    Raises:
        DistillError: If the data set is unavailable or has no such images, or the
            picture cannot be written.
    """
    if png is not None:
        from tfx_distill.pipeline.prediction import png_grids

        png_grids.check(count if indices is None else len(indices), png)
    from tfx_distill.pipeline.prediction import dataset_images, terminal_pictures

    opened = dataset_images.open_split(config.data, split)
    if indices is None:
        indices = _chosen(len(opened), count, seed, split)
    images, labels = opened.read(indices)
    spec = opened.spec
    title = f"{spec.dataset} {spec.version}, split {split}"
    numbers = ", ".join(str(index) for index in indices)
    console.print(f"{title}: images {numbers}", markup=False, highlight=False)
    console.print(terminal_pictures.samples(images, labels, spec.class_names))
    if png is not None:
        png_grids.samples_grid(images, labels, spec.class_names, title, png)
        notices = notices or Console(stderr=True)
        notices.print(f"Picture: {png}", markup=False, highlight=False, soft_wrap=True)


def _chosen(available: int, count: int, seed: int, split: str) -> list[int]:
    if count > available:
        raise DataError(
            f"--count {count}: split {split} has {available} images. Request fewer."
        )
    generator = np.random.default_rng(seed)
    return sorted(generator.choice(available, count, replace=False).tolist())
