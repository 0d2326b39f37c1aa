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
from tfx_distill.trainer.data.canonical_images import Form
from tfx_distill.trainer.data.data_report import DataReport
from tfx_distill.trainer.data.image_facts import Facts
from tfx_distill.trainer.data.raw_images import Source


def look(source: Source, data: DataConfig) -> DataReport:
    """Reads every image of a source, as an ExampleGen would.

    Raises:
        DataError: If a file that holds many images is damaged.
    """
    image_shape, shape_chosen = shape_choice.choose(source, data)
    facts = _facts(source, label_choice.form(source, data, image_shape))
    return data_report.make(facts, source, data, image_shape, shape_chosen=shape_chosen)


def keys(source: Source, data: DataConfig) -> pa.Table:
    """The keys of a source's images, as an ExampleGen would write them.

    Raises:
        DataError: As `look`.
    """
    image_shape, _ = shape_choice.choose(source, data)
    facts = _facts(source, label_choice.form(source, data, image_shape))
    return image_keys.table(facts, source.class_names)


def _facts(source: Source, form: Form) -> Facts:
    return Facts.of(
        fact
        for chunk in source.chunks(form.image_shape)
        for fact, _ in canonical_images.convert_chunk(chunk, form)
    )
