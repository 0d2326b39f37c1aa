"""Looks at a whole data set in this process, without writing anything."""

from __future__ import annotations

import pyarrow as pa

from tfx_distill.trainer.config.data_config import DataConfig
from tfx_distill.trainer.data import (
    canonical_images,
    data_report,
    image_keys,
    label_choice,
    shape_choice,
)
from tfx_distill.trainer.data.data_report import DataReport
from tfx_distill.trainer.data.image_facts import Facts
from tfx_distill.trainer.data.raw_images import Source


def look(source: Source, data: DataConfig) -> DataReport:
    """Reads every image of a source, as an ExampleGen would.

    Raises:
        DataError: If a file that holds many images is damaged.
    """
    facts, image_shape, shape_chosen = _facts(source, data)
    return data_report.make(facts, source, data, image_shape, shape_chosen=shape_chosen)


def keys(source: Source, data: DataConfig) -> pa.Table:
    """The keys of a source's images, as an ExampleGen would write them.

    Raises:
        DataError: As `look`.
    """
    return image_keys.table(_facts(source, data)[0], source.class_names)


def _facts(
    source: Source, data: DataConfig
) -> tuple[Facts, tuple[int, int, int], bool]:
    """Facts of all images, their shape, and whether it was chosen from theirs."""
    image_shape, shape_chosen = shape_choice.choose(source, data)
    form = label_choice.form(source, data, image_shape)
    facts = Facts.of(
        fact
        for chunk in source.chunks(image_shape)
        for fact, _ in canonical_images.convert_chunk(chunk, form)
    )
    return facts, image_shape, shape_chosen
