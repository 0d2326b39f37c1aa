"""The nodes that bring a teacher into the DAG: trained, or a file of its answers."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from tfx import types
from tfx.components import Trainer
from tfx.dsl.components.base import base_node
from tfx.dsl.components.common import importer
from tfx.proto import trainer_pb2

from tfx_distill.components import artifact_types, property_names
from tfx_distill.components.teacher_ensemble.component import TeacherEnsemble
from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.trainer import file_system
from tfx_distill.trainer.config.training_config import TeacherConfig
from tfx_distill.trainer.distillation import answers_file, teacher_run_fn
from tfx_distill.trainer.models import architectures


def models(
    config: PipelineConfig,
    examples: types.BaseChannel,
    checks: Sequence[base_node.BaseNode],
) -> Iterator[tuple[base_node.BaseNode, str]]:
    """Yields the node and id of each teacher, and of their ensemble if they are several.

    The last node's output `model` is what students learn from.

    Args:
        config: Of the run.
        examples: Channel of Examples.
        checks: Nodes that must succeed before the first teacher is trained.
    """
    channels = []
    for number, settings in enumerate(config.ensemble.recipes(config.teacher)):
        node = _trained(examples, settings)
        for check in checks:
            node.add_upstream_node(check)
        channels.append(node.outputs["model"])
        yield node, numbered("Teacher", number)
    if len(channels) > 1:
        joined = TeacherEnsemble(
            teacher_models=channels, average=config.ensemble.average
        )
        yield joined, joined.id


def _trained(examples: types.BaseChannel, settings: TeacherConfig) -> Trainer:
    """TFX's Trainer with the run function of a teacher."""
    return Trainer(
        examples=examples,
        run_fn=f"{teacher_run_fn.__name__}.{teacher_run_fn.run_fn.__name__}",
        train_args=trainer_pb2.TrainArgs(),
        eval_args=trainer_pb2.EvalArgs(),
        custom_config={
            teacher_run_fn.CONFIG_KEY: settings.to_json(),
            # Only TFX's cache reads it: changed code is another teacher.
            "code": architectures.source_digest(settings.model),
        },
    )


def answers(path: str) -> importer.Importer:
    """Imports a file of answers; changed content is another artifact.

    On Kubeflow the file is in an object store, and its content is not known here.
    """
    known = {}
    if not file_system.is_remote(path):
        path = os.path.abspath(path)
        known[property_names.CONTENT_DIGEST] = answers_file.digest(path)
    return importer.Importer(
        path, artifact_types.TeacherAnswers, custom_properties=known or None
    )


def numbered(node_id: str, number: int) -> str:
    """`Teacher`, `Teacher2`, `Teacher3` …: Kubeflow allows no dots there."""
    return node_id if number == 0 else f"{node_id}{number + 1}"
