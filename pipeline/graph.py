"""What runs, in what order: the whole DAG on one page.

    TfdsExampleGen ─┬─ StatisticsGen ─ SchemaGen ─ ExampleValidator ─ AnomalyGate
                    │                                                   ┊ first
                    ├─ Teacher [, Teacher2 …, TeacherEnsemble] ┄┄┄┄┄┄┄┄┄┘
                    ├─ TeacherLogits
                    ├─ [Assistant, AssistantLogits]
                    ├─ [DistillationTuner, or Hyperparameters of an earlier search]
                    ├─ DistillationTrainer [2 …]    [Control, Control2 …]
                    ├─ [ControlComparison]
                    ├─ Evaluator
                    ├─ ServabilityValidator
                    ├─ [LiteConverter]
                    └─ Pusher

What stands in brackets is there when the configuration asks for it. Node ids are
plain names, which Kubeflow takes as well.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from tfx import types
from tfx.components import (
    ExampleValidator,
    SchemaGen,
    StatisticsGen,
    Trainer,
)
from tfx.dsl.components.base import base_node
from tfx.dsl.components.common import importer
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.proto import trainer_pb2
from tfx.types import standard_artifacts

from tfx_distill.components.anomaly_gate.component import AnomalyGate
from tfx_distill.components.control_comparison.component import ControlComparison
from tfx_distill.components.distillation_trainer.component import DistillationTrainer
from tfx_distill.components.distillation_tuner.component import DistillationTuner
from tfx_distill.components.evaluator.component import Evaluator
from tfx_distill.components.lite_converter.component import LiteConverter
from tfx_distill.components.pusher.component import Pusher
from tfx_distill.components.servability_validator.component import ServabilityValidator
from tfx_distill.components.teacher_ensemble.component import TeacherEnsemble
from tfx_distill.components.teacher_logits.component import TeacherLogits
from tfx_distill.components.tfds_example_gen.component import TfdsExampleGen
from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.trainer.distillation import teacher_run_fn
from tfx_distill.trainer.models import architectures


def create_pipeline(
    config: PipelineConfig,
    *,
    until: str | None = None,
    hyperparameters_dir: str | None = None,
    served_model: Any = "latest",
    **arguments: Any,
) -> tfx_pipeline.Pipeline:
    """Builds the DAG from a configuration.

    Args:
        config: What to run.
        until: Id of the last node to keep; None: all.
        hyperparameters_dir: Folder of `config.hyperparameters`, as
            `frozen.folder` finds it.
        served_model: See `Evaluator`.
        **arguments: Further arguments of TFX's Pipeline that depend on where it
            runs, such as `metadata_connection_config`.
    """
    nodes = _Nodes()
    examples, gate = _add_data(nodes, config)
    teacher = _add_teacher(nodes, config, examples, gate)
    student = _add_students(nodes, config, examples, teacher, hyperparameters_dir)
    evaluator = nodes.add(
        Evaluator(
            examples=examples,
            student_model=student,
            teacher_model=teacher,
            gate=config.gate,
            served_model=served_model,
        )
    )
    servability = nodes.add(
        ServabilityValidator(
            examples=examples,
            model=student,
            teacher_model=teacher,
            servability=config.servability,
        )
    )
    nodes.add(
        Pusher(
            model=student,
            model_blessing=evaluator.outputs["blessing"],
            infra_blessing=servability.outputs["blessing"],
            lite_models=_add_lite(nodes, config, examples, student),
            serving_dir=str(config.serving_dir),
        )
    )
    return tfx_pipeline.Pipeline(
        pipeline_name=config.pipeline_name,
        pipeline_root=str(config.artifacts_dir),
        components=nodes.until(until),
        enable_cache=config.pipeline.cache,
        beam_pipeline_args=list(config.beam.args),
        **arguments,
    )


class _Nodes:
    """The nodes so far, in the order in which they can run."""

    def __init__(self) -> None:
        self._nodes: list[base_node.BaseNode] = []

    def add(self, node: Any, node_id: str | None = None) -> Any:
        self._nodes.append(node.with_id(node_id) if node_id else node)
        return node

    def until(self, node_id: str | None) -> list[base_node.BaseNode]:
        if node_id is None:
            return self._nodes
        ids = [node.id for node in self._nodes]
        return self._nodes[: ids.index(node_id) + 1]


def _add_data(
    nodes: _Nodes, config: PipelineConfig
) -> tuple[types.BaseChannel, AnomalyGate]:
    """Examples, and the node that fails when they are not as they should be."""
    examples = nodes.add(TfdsExampleGen(data=config.data)).outputs["examples"]
    statistics = nodes.add(StatisticsGen(examples=examples)).outputs["statistics"]
    schema = nodes.add(
        # From the split that models learn from; the others must then be like it.
        SchemaGen(
            statistics=statistics,
            infer_feature_shape=True,
            exclude_splits=["eval", "test"],
        )
    ).outputs["schema"]
    validator = nodes.add(ExampleValidator(statistics=statistics, schema=schema))
    return examples, nodes.add(AnomalyGate(anomalies=validator.outputs["anomalies"]))


def _add_teacher(
    nodes: _Nodes,
    config: PipelineConfig,
    examples: types.BaseChannel,
    gate: AnomalyGate,
) -> types.BaseChannel:
    """The teacher's model: of one Trainer, or of an ensemble of several."""
    trained = []
    for number in range(config.ensemble.size):
        settings = dataclasses.replace(
            config.teacher, seed=config.teacher.seed + number
        )
        if config.ensemble.models:
            settings = dataclasses.replace(
                settings, model=config.ensemble.models[number]
            )
        teacher = Trainer(
            examples=examples,
            run_fn=f"{teacher_run_fn.__name__}.{teacher_run_fn.run_fn.__name__}",
            train_args=trainer_pb2.TrainArgs(),
            eval_args=trainer_pb2.EvalArgs(),
            custom_config={
                teacher_run_fn.CONFIG_KEY: settings.to_json(),
                # Read by TFX's cache alone: other code is another teacher.
                "code": architectures.source_digest(settings.model),
            },
        )
        teacher.add_upstream_node(gate)
        nodes.add(teacher, _numbered("Teacher", number))
        trained.append(teacher.outputs["model"])
    if len(trained) == 1:
        return trained[0]
    ensemble = TeacherEnsemble(teacher_models=trained, average=config.ensemble.average)
    return nodes.add(ensemble).outputs["model"]


def _add_students(
    nodes: _Nodes,
    config: PipelineConfig,
    examples: types.BaseChannel,
    teacher: types.BaseChannel,
    hyperparameters_dir: str | None,
) -> types.BaseChannel:
    """The student's model, and whatever is trained beside it."""
    layers = [pair.teacher for pair in config.distillation.features]

    def logits_of(model: types.BaseChannel, node_id: str) -> types.BaseChannel:
        node = TeacherLogits(
            examples=examples,
            teacher_model=model,
            views=config.views,
            feature_layers=layers,
        )
        return nodes.add(node, node_id).outputs["teacher_logits"]

    logits = logits_of(teacher, "TeacherLogits")
    if config.assistant is not None:
        assistant = DistillationTrainer(
            examples=examples,
            teacher_model=teacher,
            teacher_logits=logits,
            student=config.assistant,
            distillation=config.distillation,
            role="assistant",
        )
        teacher = nodes.add(assistant, "Assistant").outputs["model"]
        logits = logits_of(teacher, "AssistantLogits")

    inputs = {
        "examples": examples,
        "teacher_model": teacher,
        "teacher_logits": logits,
    }
    inputs["hyperparameters"] = _add_hyperparameters(
        nodes, config, inputs, hyperparameters_dir
    )

    trained: dict[str, list[types.BaseChannel]] = {"student": [], "control": []}
    node_ids = {"student": "DistillationTrainer", "control": "Control"}
    roles = ["student", "control"] if config.control else ["student"]
    for number in range(config.seeds):
        settings = dataclasses.replace(
            config.student, seed=config.student.seed + number
        )
        for role in roles:
            trainer = DistillationTrainer(
                student=settings,
                distillation=config.distillation,
                role=role,
                **inputs,
            )
            nodes.add(trainer, _numbered(node_ids[role], number))
            trained[role].append(trainer.outputs["model"])
    if config.control:
        nodes.add(
            ControlComparison(
                examples=examples,
                students=trained["student"],
                controls=trained["control"],
            )
        )
    return trained["student"][0]


def _add_hyperparameters(
    nodes: _Nodes,
    config: PipelineConfig,
    inputs: dict[str, Any],
    folder: str | None,
) -> types.BaseChannel | None:
    """Searched ones, those of an earlier search, or none."""
    if (config.hyperparameters is None) != (folder is None):
        raise ValueError(
            "Resolve config.hyperparameters by fixed_hyperparameters.folder first."
        )
    if folder is not None:
        node = importer.Importer(folder, standard_artifacts.HyperParameters)
        return nodes.add(node, "Hyperparameters").outputs["result"]
    if config.tuning is None:
        return None
    tuner = DistillationTuner(
        student=config.student,
        distillation=config.distillation,
        tuning=config.tuning,
        directory=str(config.tuning_dir),
        **inputs,
    )
    return nodes.add(tuner).outputs["best_hyperparameters"]


def _numbered(node_id: str, number: int) -> str:
    """`Teacher`, `Teacher2`, `Teacher3` …: Kubeflow allows no dots there."""
    return node_id if number == 0 else f"{node_id}{number + 1}"


def _add_lite(
    nodes: _Nodes,
    config: PipelineConfig,
    examples: types.BaseChannel,
    student: types.BaseChannel,
) -> types.BaseChannel | None:
    """The student's LiteRT files, if any are wanted."""
    if not config.lite.flavours:
        return None
    converter = LiteConverter(model=student, examples=examples, lite=config.lite)
    return nodes.add(converter).outputs["lite_models"]
