"""What a run achieved, as plain values read back from ML Metadata."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from typing import Any

import ml_metadata

from tfx_distill.components.checks import OVERALL
from tfx_distill.components.evaluator.verdict import Verdict
from tfx_distill.components.pusher import versions
from tfx_distill.components.servability_validator.servability import (
    Measurement,
    Servability,
)
from tfx_distill.pipeline.mlmd import metadata
from tfx_distill.trainer.errors import DistillError
from tfx_distill.trainer.evaluation import lite_scores
from tfx_distill.trainer.export import saved_model_files


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
        parameters: Number of weights.
        bytes: Size of its SavedModel.
        path: Folder of its SavedModel.
        latency: Milliseconds of a call by number of images (`1`, `64`), as
            `median_ms` and `p95_ms`; empty when it was not measured.
    """

    accuracy: float | None
    parameters: int | None
    bytes: int
    path: str
    latency: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LiteResult:
    """The student as one LiteRT file.

    Attributes:
        flavour: `float32` or `int8`.
        accuracy: On the test split, in [0, 1], by LiteRT's interpreter.
        bytes: Size of the file.
        latency_ms: Median milliseconds for one image, one thread.
        path: The file.
    """

    flavour: str
    accuracy: float
    bytes: int
    latency_ms: float
    path: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunResult:
    """What a person wants to know at the end of a run.

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
        paired: The student's accuracy minus the teacher's, in pairs: `difference`, its
            lower one-sided 95 % bound `low`, and the discordant images.
        served: The same against the model that served before; None without one.
        comparison: What distillation gained, see `trainer.evaluation.comparison`; None
            without a control.
        teacher: The teacher.
        student: The student.
        lite: Its LiteRT files; empty when there are none.
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
    served: dict[str, Any] | None
    comparison: dict[str, Any] | None
    teacher: ModelResult
    student: ModelResult
    lite: tuple[LiteResult, ...]
    nodes: dict[str, NodeResult]
    run_id: str
    run_dir: str

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=2)


def collect(
    store: ml_metadata.MetadataStore,
    executions: dict[str, int],
    nodes: dict[str, NodeResult],
    run_id: str,
    run_dir: str,
) -> RunResult:
    """Reads the result of a finished run.

    Args:
        store: Where the run recorded itself.
        executions: Execution id by node id.
        nodes: See `RunResult`.
        run_id: See `RunResult`.
        run_dir: See `RunResult`.

    Raises:
        DistillError: If a student counts as pushed but its folder is not there.
    """
    outputs = {node: metadata.outputs(store, id_) for node, id_ in executions.items()}
    examples = outputs["TfdsExampleGen"]["examples"][0].custom_properties
    verdict = Verdict.load(outputs["Evaluator"]["blessing"][0].uri)
    servability = Servability.load(outputs["ServabilityValidator"]["blessing"][0].uri)
    pushed_model = outputs["Pusher"]["pushed_model"][0]
    pushed = _pushed(pushed_model)
    # Where both gates blessed it, the Pusher may have found that they blessed another.
    reasons = verdict.reasons + servability.reasons or _refusal(pushed_model)
    return RunResult(
        dataset=examples["dataset"].string_value,
        dataset_version=examples["dataset_version"].string_value,
        blessed=not reasons,
        reasons=reasons,
        pushed=pushed,
        newest=versions.newest(os.path.dirname(pushed)) if pushed else None,
        num_test_examples=verdict.num_examples,
        agreement=verdict.agreement,
        paired=dict(verdict.paired.get(OVERALL, {})),
        served=dataclasses.asdict(verdict.served) if verdict.served else None,
        comparison=_comparison(outputs),
        teacher=_model(_teacher(outputs), verdict.teacher, servability.teacher),
        student=_model(
            outputs["DistillationTrainer"]["model"][0],
            verdict.student,
            servability.student,
        ),
        lite=_lite(outputs),
        nodes=nodes,
        run_id=run_id,
        run_dir=run_dir,
    )


def _teacher(outputs):
    """The teacher's artifact: the ensemble's where there is one."""
    return outputs.get("TeacherEnsemble", outputs["Teacher"])["model"][0]


def _comparison(outputs) -> dict[str, Any] | None:
    if "ControlComparison" not in outputs:
        return None
    folder = outputs["ControlComparison"]["comparison"][0].uri
    with open(os.path.join(folder, "comparison.json"), encoding="utf-8") as file:
        return json.load(file)


def _lite(outputs) -> tuple[LiteResult, ...]:
    if "LiteConverter" not in outputs:
        return ()
    folder = outputs["LiteConverter"]["lite_models"][0].uri
    return tuple(
        LiteResult(
            flavour=flavour,
            accuracy=score.accuracy,
            bytes=score.bytes,
            latency_ms=score.latency_ms,
            path=lite_scores.file_path(folder, flavour),
        )
        for flavour, score in lite_scores.load(folder).items()
    )


def _model(artifact, metrics, measurement: Measurement) -> ModelResult:
    folder = metadata.saved_model_dir(artifact)
    card = saved_model_files.read_card(folder)
    return ModelResult(
        accuracy=metrics.get(OVERALL, {}).get("accuracy"),
        parameters=card.num_parameters if card else None,
        bytes=saved_model_files.saved_model_bytes(folder),
        path=folder,
        latency=measurement.latency,
    )


def _pushed(artifact) -> str | None:
    properties = artifact.custom_properties
    if not properties["pushed"].int_value:
        return None
    folder = properties["pushed_destination"].string_value
    if not os.path.isdir(folder):
        raise DistillError(
            f"The student was pushed to {folder} by an earlier run, and that folder is "
            "gone. Run again with --set pipeline.cache=false to push it once more."
        )
    return folder


def _refusal(artifact) -> tuple[str, ...]:
    properties = artifact.custom_properties
    return (properties["reason"].string_value,) if "reason" in properties else ()
