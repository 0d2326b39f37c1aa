"""The last nodes: both gates, the LiteRT files, the push and the registration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_node

from tfx_distill.components.evaluator.component import Evaluator
from tfx_distill.components.lite_converter.component import LiteConverter
from tfx_distill.components.model_registration.component import ModelRegistration
from tfx_distill.components.pusher.component import Pusher
from tfx_distill.components.servability_validator.component import ServabilityValidator
from tfx_distill.pipeline.config.schema import PipelineConfig


def nodes(
    config: PipelineConfig,
    examples: types.BaseChannel,
    taught: Mapping[str, types.BaseChannel],
    student: types.BaseChannel,
    served_model: Any,
) -> Iterator[base_node.BaseNode]:
    """Yields these nodes in an order in which they can run.

    Args:
        config: What to run.
        examples: Channel of Examples.
        taught: What the student was trained from: the teacher, or its logits alone.
        student: Channel of the student's Model.
        served_model: See `Evaluator`.
    """
    teacher, servability = taught.get("teacher_model"), config.servability
    if teacher is None:  # there is no teacher's latency
        servability = servability.replace(max_times_teacher=None)
    evaluator = Evaluator(
        examples=examples,
        student_model=student,
        teacher_model=teacher,
        teacher_logits=None if teacher else taught["teacher_logits"],
        gate=config.gate,
        served_model=served_model,
    )
    inputs = {"examples": examples, "model": student, "teacher_model": teacher}
    validator = ServabilityValidator(**inputs, servability=servability)
    yield from (evaluator, validator)
    pushed = {
        "model": student,
        "model_blessing": evaluator.outputs["blessing"],
        "infra_blessing": validator.outputs["blessing"],
    }
    if config.lite.flavours:
        converter = LiteConverter(model=student, examples=examples, lite=config.lite)
        yield converter
        pushed["lite_models"] = converter.outputs["lite_models"]
    yield from _push(config, pushed)


def _push(
    config: PipelineConfig, pushed: Mapping[str, types.BaseChannel]
) -> Iterator[base_node.BaseNode]:
    pusher = Pusher(**pushed, serving_dir=config.serving_dir)
    yield pusher
    if config.registry.url is not None:
        blessings = {k: v for k, v in pushed.items() if k.endswith("_blessing")}
        yield _registration(config, pusher.outputs["pushed_model"], blessings)


def _registration(
    config: PipelineConfig,
    pushed_model: types.BaseChannel,
    blessings: Mapping[str, types.BaseChannel],
) -> base_node.BaseNode:
    name = config.registry.model or config.pipeline_name
    registry = config.registry.replace(model=name)
    return ModelRegistration(pushed_model=pushed_model, **blessings, registry=registry)
