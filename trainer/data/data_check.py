"""Looks at a whole data set in this process, without writing anything."""

from __future__ import annotations

from collections.abc import Iterator

from tfx_distill.trainer import progress
from tfx_distill.trainer.config.data_config import DataConfig
from tfx_distill.trainer.data import canonical_images, data_report, shape_choice
from tfx_distill.trainer.data.canonical_images import Fact, Form
from tfx_distill.trainer.data.data_report import DataReport
from tfx_distill.trainer.data.image_facts import Facts
from tfx_distill.trainer.data.raw_images import Source


def look(source: Source, data: DataConfig) -> DataReport:
    """Reads every image of a source, as an ExampleGen would.

    Raises:
        DataError: If a file that holds many images is damaged.
    """
    image_shape, shape_chosen = shape_choice.choose(source, data)
    form = Form(image_shape, data.fit, source.cut)
    facts = Facts.of(_facts(source, form))
    return data_report.make(facts, source, data, image_shape, shape_chosen=shape_chosen)


def _facts(source: Source, form: Form) -> Iterator[Fact]:
    for chunk in source.chunks(form.image_shape):
        converted = canonical_images.convert(chunk.items(), form)
        for number, (fact, _) in enumerate(converted, start=1):
            yield fact
            if number % 1000 == 0 or number == chunk.size:
                progress.report(
                    progress.Progress(
                        "reading images", chunk.first + number, chunk.total
                    )
                )
