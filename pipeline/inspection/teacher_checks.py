"""The command `distill teacher check`: is a teacher used as it is meant to be?"""

from __future__ import annotations

import dataclasses
import itertools
import json

import numpy as np
import tensorflow as tf
from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.pipeline.config.teacher_source import TeacherSource
from tfx_distill.pipeline.inspection import render
from tfx_distill.pipeline.report.number_text import share, signed
from tfx_distill.pipeline.runners.local import teacher_sources
from tfx_distill.trainer.data import canonical_images, example_records, shape_choice
from tfx_distill.trainer.data.canonical_images import Form
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.data.example_reader import Split
from tfx_distill.trainer.data.raw_images import Source
from tfx_distill.trainer.errors import ConfigError, DataError
from tfx_distill.trainer.evaluation import teacher_check
from tfx_distill.trainer.evaluation.teacher_check import MAX_IMAGES, TeacherCheck
from tfx_distill.trainer.export import model_sources

_EVAL = "eval"


def check(config: PipelineConfig) -> list[TeacherCheck]:
    """Measures every imported teacher of a configuration.

    Raises:
        DistillError: If there is none, or the data or a teacher cannot be used at all.
    """
    from tfx_distill.components.example_gen import sources

    found = [source for source in teacher_sources.find(config) if source is not None]
    if not found:
        raise ConfigError(
            "No teacher is imported: teacher.from is null. Set it to a .keras file, the "
            "folder of a SavedModel, or keras.applications.NAME."
        )
    spec, split = _eval_split(sources.open_source(config.data), config)
    return [_checked(source, spec, split) for source in found]


def _checked(source: TeacherSource, spec: DataSpec, split: Split) -> TeacherCheck:
    opened = model_sources.open_model(
        source.uri, source.function or "", source.imported, spec
    )
    images, labels = teacher_check.sample(split)
    _, measured = teacher_check.check(opened, spec, source.imported, images, labels)
    return measured


def _eval_split(source: Source, config: PipelineConfig) -> tuple[DataSpec, Split]:
    """Images of `eval` as ExampleGen would write them, at most `MAX_IMAGES`."""
    image_shape, _ = shape_choice.choose(source, config.data)
    form = Form(image_shape, config.data.fit, source.cut)
    is_cut = _EVAL in dict(source.cut)
    items = source.items("train" if is_cut else _EVAL)
    # Of a split that is cut out, the size is unknown; its order is that of a hash.
    step = 1 if is_cut else max(1, len(items) // MAX_IMAGES)
    used = (
        (encoded, fact.label)
        for fact, encoded in canonical_images.convert(
            itertools.islice(items, 0, None, step), form
        )
        if fact.split == _EVAL
    )
    kept = list(itertools.islice(used, MAX_IMAGES))
    if not kept:
        raise DataError(f"Data set {source.dataset}: the split eval has no images.")
    spec = DataSpec(
        dataset=source.dataset,
        version=source.version,
        image_shape=image_shape,
        class_names=source.class_names,
        num_examples={_EVAL: len(kept)},
        fit=config.data.fit,
    )
    images = [
        example_records.decode_image(tf.constant(encoded), spec).numpy()
        for encoded, _ in kept
    ]
    labels = np.array([label for _, label in kept], np.int32)
    return spec, Split(np.stack(images), labels)


def refused(found: list[TeacherCheck]) -> bool:
    """Whether a run would refuse a teacher, or a mistake is likely."""
    return any(one.is_near_chance or one.mistakes for one in found)


def to_json(found: list[TeacherCheck]) -> str:
    """The checks as one JSON object."""
    return json.dumps(
        {"teachers": [dataclasses.asdict(one) for one in found]}, indent=2
    )


def table(found: list[TeacherCheck]) -> Group:
    """The checks as people read them."""
    return Group(*(part for one in found for part in _table(one)))


def _table(found: TeacherCheck) -> list[RenderableType]:
    grid = Table(box=box.SIMPLE_HEAD)
    grid.add_column("setting of teacher.imported")
    for column in ("accuracy", "difference", "p"):
        grid.add_column(column, justify="right")
    grid.add_row("as declared", share(found.accuracy), "", "")
    for one in found.alternatives:
        style = "bold yellow" if one.is_likely else ""
        values = share(one.accuracy), signed(one.difference), f"{one.p_value:.2g}"
        grid.add_row(escape(one.text), *values, style=style)
    lines: list[RenderableType] = [
        Text(f"Teacher {found.teacher}", style="bold", overflow="fold"),
        Text(found.summary),
        *(render.indented(text) for text in found.found),
        grid,
    ]
    if found.is_near_chance:
        lines.append(Text("A run would refuse this teacher.", style="bold red"))
    lines += [Text(text, style="bold yellow") for text in found.mistakes]
    if not found.is_near_chance and not found.mistakes:
        text = "No other setting is significantly better: a run would use this teacher."
        lines.append(Text(text, style="bold green"))
    return lines
