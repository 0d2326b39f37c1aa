"""Makes the verdict from the metrics that TFMA wrote.

TFMA writes which bounds failed; a person also asks by how much, and what held.
The verdict is computed with the bounds of the same EvalConfig, and a student is
blessed only when TFMA and the verdict both say so. Whatever is missing or not
finite counts as failed.
"""

from __future__ import annotations

import math

import tensorflow_model_analysis as tfma

from components.checks import OVERALL, Check
from components.evaluator.config import (
    ACCURACY,
    CROSS_ENTROPY,
    STUDENT,
    TEACHER,
    TOLERANCE,
)
from components.evaluator.metrics import AGREEMENT_NAME
from components.evaluator.verdict import SliceMetrics, Verdict
from trainer.config import GateConfig
from trainer.data_spec import LABEL_FEATURE, DataSpec

_DIGITS = 6  # all that is exact in TFMA's float32


def decide(
    evaluation_dir: str, gate: GateConfig, spec: DataSpec, split: str
) -> Verdict:
    """Reads TFMA's metrics and checks every bound.

    Args:
        evaluation_dir: A ModelEvaluation artifact's folder.
        gate: The bounds.
        spec: Says which classes there must be.
        split: Name of the evaluated split.
    """
    student = _read(evaluation_dir, STUDENT, spec)
    teacher = _read(evaluation_dir, TEACHER, spec)
    checks = [
        *_slice_checks(
            student,
            teacher,
            OVERALL,
            "accuracy",
            gate.min_accuracy,
            gate.max_accuracy_drop,
        )
    ]
    for name in spec.class_names:
        checks += _slice_checks(
            student,
            teacher,
            name,
            "class_accuracy",
            gate.min_class_accuracy,
            gate.max_class_accuracy_drop,
        )
    reasons = [check.describe() for check in checks if not check.ok]
    if not tfma.load_validation_result(evaluation_dir).validation_ok and not reasons:
        reasons = ["TensorFlow Model Analysis refused the student; see its validation"]
    overall = student.get(OVERALL, {})
    return Verdict(
        blessed=not reasons,
        reasons=tuple(reasons),
        checks=tuple(checks),
        split=split,
        num_examples=int(overall.get("num_examples", 0)),
        agreement=overall.get("agreement"),
        student=student,
        teacher=teacher,
    )


def _slice_checks(
    student: SliceMetrics,
    teacher: SliceMetrics,
    slice_name: str,
    metric: str,
    lowest: float,
    max_drop: float,
) -> list[Check]:
    value = student.get(slice_name, {}).get("accuracy")
    reference = teacher.get(slice_name, {}).get("accuracy")
    change = None
    if value is not None and reference is not None:
        change = round(value - reference, _DIGITS)
    return [
        _check(f"gate.min_{metric}", slice_name, lowest, value),
        _check(f"gate.max_{metric}_drop", slice_name, -max_drop, change),
    ]


def _check(name: str, slice_name: str, bound: float, value: float | None) -> Check:
    ok = value is not None and value >= bound - TOLERANCE
    return Check(name=name, slice=slice_name, bound=bound, value=value, ok=ok)


def _read(
    evaluation_dir: str, model_name: str, spec: DataSpec
) -> dict[str, dict[str, float]]:
    result = tfma.load_eval_result(evaluation_dir, model_name=model_name)
    names = {
        ACCURACY: "accuracy",
        CROSS_ENTROPY: "cross_entropy",
        "example_count": "num_examples",
        AGREEMENT_NAME: "agreement",
    }
    slices: dict[str, dict[str, float]] = {}
    for key, outputs in result.slicing_metrics:
        values = {
            names[name]: round(float(value["doubleValue"]), _DIGITS)
            for name, value in outputs[""][""].items()
            if name in names and "doubleValue" in value
        }
        finite = {name: value for name, value in values.items() if math.isfinite(value)}
        slices[_slice_name(key, spec)] = finite
    return slices


def _slice_name(key: tuple[tuple[str, int], ...], spec: DataSpec) -> str:
    if not key:
        return OVERALL
    label = int(dict(key)[LABEL_FEATURE])
    known = 0 <= label < spec.num_classes
    return spec.class_names[label] if known else f"label {label}"
