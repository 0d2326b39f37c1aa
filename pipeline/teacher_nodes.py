"""The nodes that bring a teacher into the DAG: trained, imported, or a file of answers."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence

from tfx import types
from tfx.components import Trainer
from tfx.dsl.components.base import base_node
from tfx.dsl.components.common import importer
from tfx.proto import trainer_pb2
from tfx.types import standard_artifacts

from tfx_distill.components import artifact_types, property_names
from tfx_distill.components.imported_teacher.component import ImportedTeacher
from tfx_distill.components.teacher_ensemble.component import TeacherEnsemble
from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.pipeline.config.teacher_source import TeacherSource
from tfx_distill.trainer import file_system
from tfx_distill.trainer.config.training_config import TeacherConfig
from tfx_distill.trainer.distillation import teacher_run_fn
from tfx_distill.trainer.models import architectures


def models(
    config: PipelineConfig,
    examples: types.BaseChannel,
    checks: Sequence[base_node.BaseNode],
    sources: Sequence[TeacherSource | None] = (),
) -> Iterator[tuple[base_node.BaseNode, str]]:
    """Yields nodes and ids of each teacher, and of their ensemble if they are several.

    The last node's output `model` is what students learn from.

    Args:
        config: Of the run.
        examples: Channel of Examples.
        checks: Nodes that must succeed before the first teacher is trained.
        sources: For each teacher, its files if it is imported; empty: all are trained.
    """
    channels = []
    recipes = config.ensemble.recipes(config.teacher)
    sources = sources or [None] * len(recipes)
    for number, (recipe, source) in enumerate(zip(recipes, sources, strict=True)):
        if (recipe.source is None) != (source is None):
            raise ValueError("Resolve teacher.from with teacher_sources.find first.")
        if source is None:
            node = _trained(examples, recipe)
        else:
            files = _file(source.uri, standard_artifacts.Model, source.digest)
            yield files, numbered("TeacherSource", number)
            node = _imported(examples, source, files.outputs["result"])
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
    # Without what it does not read: so teachers of earlier versions stay cached.
    plain = settings.model_dump(exclude={"source", "imported"})
    return Trainer(
        examples=examples,
        run_fn=f"{teacher_run_fn.__name__}.{teacher_run_fn.run_fn.__name__}",
        train_args=trainer_pb2.TrainArgs(),
        eval_args=trainer_pb2.EvalArgs(),
        custom_config={
            teacher_run_fn.CONFIG_KEY: json.dumps(plain, sort_keys=True),
            # Only TFX's cache reads it: changed code is another teacher.
            "code": architectures.recipe_digest(settings),
        },
    )


def _file(uri: str, kind: type[types.Artifact], digest: str) -> importer.Importer:
    """Imports a teacher's file or folder; changed content is another artifact.

    On Kubeflow it is in an object store, and its content, the digest, is not known here.
    """
    known = {property_names.CONTENT_DIGEST: digest} if digest else None
    return importer.Importer(uri, kind, custom_properties=known)


def _imported(
    examples: types.BaseChannel, source: TeacherSource, files: types.BaseChannel
) -> ImportedTeacher:
    return ImportedTeacher(
        examples=examples,
        source=files,
        imported=source.imported,
        function=source.function,
    )


def answers(path: str) -> importer.Importer:
    """Imports a file of answers."""
    digest = ""
    if not file_system.is_remote(path):
        path = os.path.abspath(path)
        digest = file_system.digest(path)
    return _file(path, artifact_types.TeacherAnswers, digest)


def numbered(node_id: str, number: int) -> str:
    """`Teacher`, `Teacher2`, `Teacher3` …: Kubeflow allows no dots there."""
    return node_id if number == 0 else f"{node_id}{number + 1}"
