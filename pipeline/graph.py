"""What runs, in what order: the whole DAG on one page.

    TfdsExampleGen ─┬─ StatisticsGen ─ SchemaGen ─ ExampleValidator ─ AnomalyGate
                    │                                                   ┊ first
                    ├─ ModelCheck ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┤
                    ├─ [TeacherSource] Teacher [, Teacher2 …, TeacherEnsemble] ┄┤
                    ├─ TeacherLogits, or TeacherSource ─ TeacherLogits ┄┘
                    ├─ [Assistant, AssistantLogits]
                    ├─ [DistillationTuner, or Hyperparameters of an earlier search]
                    ├─ [Control, Control2 …]    DistillationTrainer [2 …]
                    ├─ [ControlComparison]
                    ├─ Evaluator
                    ├─ ServabilityValidator
                    ├─ [LiteConverter]
                    └─ Pusher ─ [ModelRegistration]

Nodes in brackets are optional: the configuration decides. With `data.images`, the first
node is ImageExampleGen; with `teacher.answers`, there is no Teacher. Node ids are plain
names, which Kubeflow accepts as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorflow_data_validation import StatsOptions
from tfx import types
from tfx.components import ExampleValidator, SchemaGen, StatisticsGen
from tfx.dsl.components.base import base_node
from tfx.dsl.components.common import importer
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.types import standard_artifacts

from tfx_distill.components.anomaly_gate.component import AnomalyGate
from tfx_distill.components.control_comparison.component import ControlComparison
from tfx_distill.components.distillation_trainer.component import DistillationTrainer
from tfx_distill.components.distillation_tuner.component import DistillationTuner
from tfx_distill.components.image_example_gen.component import ImageExampleGen
from tfx_distill.components.imported_logits.component import ImportedLogits
from tfx_distill.components.model_check.component import ModelCheck
from tfx_distill.components.teacher_logits.component import TeacherLogits
from tfx_distill.components.tfds_example_gen.component import TfdsExampleGen
from tfx_distill.pipeline import gate_nodes, teacher_nodes
from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.pipeline.config.teacher_source import TeacherSource
from tfx_distill.trainer.errors import ConfigError


def create_pipeline(
    config: PipelineConfig,
    *,
    until: str | None = None,
    hyperparameters_dir: str | None = None,
    teacher_sources: Sequence[TeacherSource | None] | None = None,
    served_model: Any = "latest",
    **arguments: Any,
) -> tfx_pipeline.Pipeline:
    """Builds the DAG from a configuration.

    Args:
        config: What to run.
        until: Id of the last node to keep; None keeps all.
        hyperparameters_dir: Folder of `config.hyperparameters`, from
            `fixed_hyperparameters.folder`.
        teacher_sources: For each teacher, its files and settings if it is imported,
            from `teacher_sources.find`; None: all are trained.
        served_model: See `Evaluator`.
        **arguments: Further arguments of TFX's Pipeline that depend on where it
            runs, such as `metadata_connection_config`.
    """
    dag = _Dag(config)
    known = dag.add_known_hyperparameters(hyperparameters_dir)
    checks = [dag.add_model_check(known), dag.add_data()]
    taught = dag.add_taught(checks, teacher_sources or [])
    inputs = dag.add_assistant(taught)
    hyperparameters = dag.add_search(inputs) if known is None else known
    student = dag.add_students({**inputs, "hyperparameters": hyperparameters})
    dag.add_gates_and_push(taught, student, served_model)
    return tfx_pipeline.Pipeline(
        pipeline_name=config.pipeline_name,
        pipeline_root=str(config.artifacts_dir),
        components=dag.nodes(until),
        enable_cache=config.pipeline.cache,
        **arguments,
    )


class _Dag:
    """The nodes added so far, in an order in which they can run."""

    def __init__(self, config: PipelineConfig) -> None:
        self._config = config
        self._nodes: list[base_node.BaseNode] = []
        kind = ImageExampleGen if config.data.images else TfdsExampleGen
        self._examples = self._add(kind(data=config.data)).outputs["examples"]

    def nodes(self, until: str | None) -> list[base_node.BaseNode]:
        """All nodes, or those up to one id."""
        if until is None:
            return self._nodes
        ids = [node.id for node in self._nodes]
        if until not in ids:
            raise ConfigError(
                f"There is no node {until}. The nodes of this run: {', '.join(ids)}."
            )
        return self._nodes[: ids.index(until) + 1]

    def add_data(self) -> AnomalyGate:
        """Adds statistics, schema and validation; returns the node that may fail."""
        # Otherwise Beam groups images by their bytes, all of them in memory.
        options = StatsOptions(use_sketch_based_topk_uniques=True)
        generator = StatisticsGen(examples=self._examples, stats_options=options)
        statistics = self._add(generator).outputs["statistics"]
        schema = self._add(
            # From the split that models learn from; the others must match it.
            SchemaGen(
                statistics=statistics,
                infer_feature_shape=True,
                exclude_splits=["eval", "test", "unlabelled"],
            )
        ).outputs["schema"]
        validator = self._add(ExampleValidator(statistics=statistics, schema=schema))
        return self._add(AnomalyGate(anomalies=validator.outputs["anomalies"]))

    def add_known_hyperparameters(self, folder: str | None) -> types.BaseChannel | None:
        """Adds the result of an earlier search in `folder`, if configured."""
        if (self._config.hyperparameters is None) != (folder is None):
            raise ValueError(
                "Resolve config.hyperparameters with fixed_hyperparameters.folder first."
            )
        if folder is None:
            return None
        node = importer.Importer(folder, standard_artifacts.HyperParameters)
        return self._add(node, "Hyperparameters").outputs["result"]

    def add_model_check(
        self, hyperparameters: types.BaseChannel | None
    ) -> base_node.BaseNode:
        """Adds the trial of all models; returns the node that may fail."""
        config = self._config
        teachers = config.ensemble.recipes(config.teacher)
        trained = [one for one in teachers if one.source is None]
        if config.teacher.answers:
            trained = []
        return self._add(
            ModelCheck(
                examples=self._examples,
                teachers=trained,
                student=config.student,
                assistant=config.assistant,
                distillation=config.distillation,
                lite=config.lite,
                tuning=config.tuning,
                hyperparameters=hyperparameters,
            )
        )

    def add_taught(
        self,
        checks: Sequence[base_node.BaseNode],
        sources: Sequence[TeacherSource | None],
    ) -> dict[str, types.BaseChannel]:
        """Adds the teacher; returns what a student is trained from."""
        teacher = self._config.teacher
        if not teacher.answers:
            for node, node_id in teacher_nodes.models(
                self._config, self._examples, checks, sources
            ):
                last = self._add(node, node_id)
            return self.add_teacher_logits(last.outputs["model"], "TeacherLogits")
        source = self._add(teacher_nodes.answers(teacher.answers), "TeacherSource")
        logits = ImportedLogits(
            examples=self._examples,
            answers=source.outputs["result"],
            views=self._config.views,
            answers_kind=teacher.answers_kind,
        )
        for check in checks:
            logits.add_upstream_node(check)
        self._add(logits, "TeacherLogits")
        given = logits.outputs["teacher_logits"]
        return {"examples": self._examples, "teacher_logits": given}

    def add_teacher_logits(
        self, teacher: types.BaseChannel, node_id: str
    ) -> dict[str, types.BaseChannel]:
        """Adds the teacher's logits; returns what a student is trained from."""
        node = TeacherLogits(
            examples=self._examples,
            teacher_model=teacher,
            views=self._config.views,
            feature_layers=[p.teacher for p in self._config.distillation.features],
        )
        return {
            "examples": self._examples,
            "teacher_model": teacher,
            "teacher_logits": self._add(node, node_id).outputs["teacher_logits"],
        }

    def add_assistant(
        self, inputs: dict[str, types.BaseChannel]
    ) -> dict[str, types.BaseChannel]:
        """Adds the assistant, if configured, as the teacher of what follows."""
        if self._config.assistant is None:
            return inputs
        assistant = DistillationTrainer(
            student=self._config.assistant,
            distillation=self._config.distillation,
            role="assistant",
            **inputs,
        )
        model = self._add(assistant, "Assistant").outputs["model"]
        return self.add_teacher_logits(model, "AssistantLogits")

    def add_search(
        self, inputs: dict[str, types.BaseChannel]
    ) -> types.BaseChannel | None:
        """Adds a search of hyperparameters, if configured; returns its result."""
        if self._config.tuning is None:
            return None
        tuner = DistillationTuner(
            student=self._config.student,
            distillation=self._config.distillation,
            tuning=self._config.tuning,
            directory=str(self._config.tuning_dir),
            **inputs,
        )
        return self._add(tuner).outputs["best_hyperparameters"]

    def add_students(self, inputs: dict[str, Any]) -> types.BaseChannel:
        """Adds students, and controls if configured; returns the first student."""
        # The control first: it shows whether there is anything to teach.
        node_ids = {"control": "Control"} if self._config.control else {}
        node_ids["student"] = "DistillationTrainer"
        trained: dict[str, list[types.BaseChannel]] = {role: [] for role in node_ids}
        student = self._config.student
        for number in range(self._config.seeds):
            for role, node_id in node_ids.items():
                trainer = DistillationTrainer(
                    student=student.replace(seed=student.seed + number),
                    distillation=self._config.distillation,
                    role=role,
                    **inputs,
                )
                self._add(trainer, teacher_nodes.numbered(node_id, number))
                trained[role].append(trainer.outputs["model"])
        if self._config.control:
            self._add(
                ControlComparison(
                    examples=self._examples,
                    students=trained["student"],
                    controls=trained["control"],
                )
            )
        return trained["student"][0]

    def add_gates_and_push(
        self,
        taught: dict[str, types.BaseChannel],
        student: types.BaseChannel,
        served_model: Any,
    ) -> None:
        """Adds both gates, the Pusher and what follows it."""
        for node in gate_nodes.nodes(
            self._config, self._examples, taught, student, served_model
        ):
            self._add(node)

    def _add(self, node: Any, node_id: str | None = None) -> Any:
        self._nodes.append(node.with_id(node_id) if node_id else node)
        return node
