"""The result of a run, read back from ML Metadata and the files it leads to."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from tfx_distill.components import property_names
from tfx_distill.components.checks import OVERALL, Bound, bounds
from tfx_distill.components.evaluator.verdict import Served, SliceMetrics, Verdict
from tfx_distill.components.pusher import versions
from tfx_distill.components.pusher.pushed_models import PushedModel
from tfx_distill.components.servability_validator.servability import (
    Measurement,
    Servability,
)
from tfx_distill.pipeline.inspection import distillation_effect, gates
from tfx_distill.pipeline.mlmd.records import ArtifactRecord
from tfx_distill.pipeline.mlmd.store import Store
from tfx_distill.trainer import file_system
from tfx_distill.trainer.errors import DistillError
from tfx_distill.trainer.evaluation import lite_scores
from tfx_distill.trainer.evaluation.comparison import Comparison
from tfx_distill.trainer.evaluation.headroom import Headroom
from tfx_distill.trainer.evaluation.lite_scores import LiteScore
from tfx_distill.trainer.export import saved_model_files

# What each node wrote, by node id and by the output's name.
Outputs = Mapping[str, Mapping[str, ArtifactRecord]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class NodeResult:
    """One node of a run: whether its result came from the cache, and its wall time."""

    seconds: float
    cached: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelResult:
    """One model of a run.

    Attributes:
        accuracy: On the test split, in [0, 1]; None when it was not evaluated.
        parameters: Number of weights; None if it has no model, or does not say.
        bytes: Size of its SavedModel; None if it has no model.
        path: Folder of its SavedModel, or the file of its answers.
        latency: Milliseconds of a call by number of images (`1`, `64`), as
            `median_ms` and `p95_ms`; empty when it was not measured.
        precision: What it was trained in; None if it was not, or does not say.
    """

    accuracy: float | None
    parameters: int | None
    bytes: int | None
    path: str
    latency: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    precision: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunResult:
    """What users want to know at the end of a run.

    Attributes:
        dataset: TFDS name of the data that the run really used.
        dataset_version: TFDS version.
        blessed: Whether both gates let this student pass.
        reasons: Why not, one line each, of both gates or the Pusher.
        pushed: Folder of the pushed version; None when nothing was pushed.
        newest: Folder of the newest version where `pushed` lies: another one when
            this student comes from the cache and was pushed before it.
        num_test_examples: Number of images that the gate decided on.
        agreement: Share of test images with the same answer from both models.
        num_tested: See `Graph.tested`; None when unknown.
        against_teacher: See `Verdict.against_teacher`.
        paired: The student's accuracy minus the teacher's, in pairs: `difference`, its
            lower one-sided 95 % bound `low`, and the discordant images.
        served: The same against the model that served before; None without one.
        headroom: The teacher against the controls on `eval`; None without a control.
        comparison: What distillation gained, see `trainer.evaluation.comparison`; None
            without a control.
        bounds: Each bound of both gates; not in the JSON, since `distill explain --json`
            tells them class by class.
        teacher: The teacher.
        student: The student.
        lite_dir: Folder of its LiteRT files; empty when there are none.
        lite: What was measured of each, by flavour.
        nodes: By node id, in the order in which they ran.
        run_id: Name of the run in ML Metadata.
        run_dir: Folder with the run's resolved configuration and this result.
    """

    dataset: str
    dataset_version: str
    blessed: bool
    reasons: tuple[str, ...]
    pushed: str | None
    newest: str | None
    num_test_examples: int
    agreement: float | None
    paired: dict[str, float]
    served: Served | None
    headroom: Headroom | None
    comparison: Comparison | None
    bounds: tuple[Bound, ...]
    teacher: ModelResult
    student: ModelResult
    lite_dir: str
    lite: Mapping[str, LiteScore]
    nodes: dict[str, NodeResult]
    run_id: str
    run_dir: str
    num_tested: int | None = None
    against_teacher: str = ""

    def to_json(self) -> str:
        fields = dataclasses.asdict(self)
        del fields["lite_dir"], fields["bounds"]
        fields["lite"] = [
            {
                "flavour": flavour,
                "accuracy": score.accuracy,
                "bytes": score.bytes,
                "latency_ms": score.latency_ms,
                "pushed": self.pushed is not None and score.ok,
                "path": lite_scores.file_path(self.lite_dir, flavour),
            }
            for flavour, score in self.lite.items()
        ]
        return json.dumps(fields, indent=2)


def collect(
    store: Store,
    executions: dict[str, int],
    nodes: dict[str, NodeResult],
    run_id: str,
    run_dir: str,
) -> RunResult:
    """Reads the result of a finished run.

    Args:
        store: ML Metadata, in which the run recorded itself.
        executions: Execution id by node id.
        nodes: See `RunResult`.
        run_id: See `RunResult`.
        run_dir: See `RunResult`.

    Raises:
        DistillError: If a student counts as pushed but its folder does not exist.
    """
    graph = store.graph_of_runs([store.run(run_id)])
    outputs = {node: dict(graph.outputs(id_)) for node, id_ in executions.items()}
    made = (found["examples"] for found in outputs.values() if "examples" in found)
    examples = next(made).properties
    pushed = _pushed(graph.pushed_models(run_id))
    return RunResult(
        dataset=examples[property_names.DATASET],
        dataset_version=examples[property_names.DATASET_VERSION],
        pushed=pushed,
        newest=versions.of_version(pushed).newest() if pushed else None,
        **_judged(outputs),
        num_tested=gates.num_tested(graph, run_id),
        headroom=distillation_effect.headroom(graph, run_id),
        comparison=_comparison(outputs),
        **_lite(outputs),
        nodes=nodes,
        run_id=run_id,
        run_dir=run_dir,
    )


def _judged(outputs: Outputs) -> dict[str, Any]:
    """The fields that both gates decided or measured."""
    verdict = Verdict.load(outputs["Evaluator"]["blessing"].uri)
    servability = Servability.load(outputs["ServabilityValidator"]["blessing"].uri)
    # Both gates may have blessed the student, and the Pusher found it changed since.
    pushed_model = outputs["Pusher"]["pushed_model"]
    refusal = str(pushed_model.properties.get(property_names.REASON, ""))
    reasons = verdict.reasons + servability.reasons or tuple(filter(None, [refusal]))
    student = outputs["DistillationTrainer"]["model"]
    return {
        "blessed": not reasons,
        "reasons": reasons,
        "num_test_examples": verdict.num_examples,
        "agreement": verdict.agreement,
        "against_teacher": verdict.against_teacher,
        "paired": dict(verdict.paired.get(OVERALL, {})),
        "served": verdict.served,
        "bounds": tuple(bounds(verdict.checks) + bounds(servability.checks)),
        "teacher": _teacher(outputs, verdict.teacher, servability.teacher),
        "student": _model(student, verdict.student, servability.student),
    }


def _lite(outputs: Outputs) -> dict[str, Any]:
    lite = outputs.get("LiteConverter", {}).get("lite_models")
    if lite is None:
        return {"lite_dir": "", "lite": {}}
    return {"lite_dir": lite.uri, "lite": lite_scores.load(lite.uri)}


def _comparison(outputs: Outputs) -> Comparison | None:
    made = outputs.get("ControlComparison", {}).get("comparison")
    return Comparison.load(made.uri) if made else None


def _teacher(
    outputs: Outputs, metrics: SliceMetrics, measurement: Measurement
) -> ModelResult:
    trained = outputs.get("TeacherEnsemble", outputs.get("Teacher"))
    if trained:
        return _model(trained["model"], metrics, measurement)
    logits = outputs["TeacherLogits"]["teacher_logits"]
    return ModelResult(
        accuracy=metrics.get(OVERALL, {}).get("accuracy"),
        parameters=None,
        bytes=None,
        path=str(logits.properties[property_names.ANSWERS_FILE]),
    )


def _model(
    artifact: ArtifactRecord, metrics: SliceMetrics, measurement: Measurement
) -> ModelResult:
    folder = artifact.saved_model_dir
    card = saved_model_files.read_card(folder)
    return ModelResult(
        accuracy=metrics.get(OVERALL, {}).get("accuracy"),
        parameters=card.num_parameters if card else None,
        bytes=saved_model_files.saved_model_bytes(folder),
        path=folder,
        latency=measurement.latency,
        precision=card.precision if card and card.history else None,
    )


def _pushed(found: Sequence[PushedModel]) -> str | None:
    if not found:
        return None
    folder = found[0].folder
    if not file_system.is_folder(folder):
        raise DistillError(
            f"The student was pushed to {folder} by an earlier run, and that folder is "
            "gone. Run again with --set pipeline.cache=false to push it once more."
        )
    return folder
