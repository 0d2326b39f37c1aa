"""Makes the verdict from the metrics that TFMA wrote, and the comparison in pairs.

TFMA writes which bounds failed; people also need the distances and what passed.
What is held against the teacher is computed here, from the predictions of both: a teacher
may be answers without a model. A student is blessed only if TFMA and the verdict agree.
A value that is missing or not finite fails.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow_model_analysis as tfma

from tfx_distill.components.checks import OVERALL, Check, refusals
from tfx_distill.components.evaluator import further_tests, teacher_comparison
from tfx_distill.components.evaluator.eval_config import (
    ACCURACY,
    STUDENT,
    TEACHER,
    TOLERANCE,
)
from tfx_distill.components.evaluator.further_tests import Further
from tfx_distill.components.evaluator.metrics import CALIBRATION_NAME
from tfx_distill.components.evaluator.predictions import Predictions
from tfx_distill.components.evaluator.verdict import Served, SliceMetrics, Verdict
from tfx_distill.trainer.config.gate_config import MUST_BE_BETTER, REPORT, ResolvedGate
from tfx_distill.trainer.data.data_spec import DataSpec

_METRICS = {
    ACCURACY: "accuracy",
    CALIBRATION_NAME: "calibration_error",
    "example_count": "num_examples",
}
_DIGITS = 6  # all that is exact in TFMA's float32
# Predictions near the edge between two classes may differ between batches of other sizes.
_MAX_STRAY_PREDICTIONS = 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the decision is made from.

    Attributes:
        evaluation_dir: A ModelEvaluation artifact's folder, with TFMA's metrics.
        spec: Says which classes there must be.
        split: Name of the evaluated split.
        predictions: The models' predictions for pixels, without TFMA.
        served: The comparison with the served model; None if there is none.
        has_baseline: Whether TFMA evaluated a model of the teacher, too.
        further: Further tests.
        confidence: Of all lower bounds.
    """

    evaluation_dir: str
    spec: DataSpec
    split: str
    predictions: Predictions
    served: Served | None
    has_baseline: bool
    further: Further
    confidence: float


def decide(gate: ResolvedGate, found: Evidence) -> Verdict:
    """Reads TFMA's metrics and checks every bound."""
    spec, predictions, served = found.spec, found.predictions, found.served
    compared = teacher_comparison.compare(
        predictions, spec.class_names, found.confidence
    )
    teacher, paired = compared.teacher, compared.paired
    measured = _measured(found.evaluation_dir, spec, found.has_baseline)
    student = {
        name: {**measured[STUDENT].get(name, {}), **values}
        for name, values in compared.student.items()
    }
    checks = [
        *_overall_checks(gate, student, teacher, paired),
        *_class_checks(gate, student, teacher, paired, spec),
        *further_tests.checks(gate, found.further),
        *_served_checks(gate, served),
    ]
    reasons = [*refusals(checks), *_problems(gate, served)]
    reasons += _foreign_counts(measured, predictions)
    is_valid = tfma.load_validation_result(found.evaluation_dir).validation_ok
    if not is_valid and not reasons:
        reasons = ["TensorFlow Model Analysis refused the student; see its validation"]
    overall = student.get(OVERALL, {})
    return Verdict(
        blessed=not reasons,
        reasons=tuple(reasons),
        checks=tuple(checks),
        split=found.split,
        num_examples=int(overall.get("num_examples", 0)),
        agreement=overall.get("agreement"),
        student=student,
        teacher=teacher,
        paired=paired,
        served=served,
        **vars(found.further),
    )


def _problems(gate: ResolvedGate, served: Served | None) -> list[str]:
    """Why the served model could not be compared, unless a person takes it upon them."""
    if served is None or not served.problem:
        return []
    if served.rule == REPORT and gate.decided_by:
        return []
    return [
        f"gate.against_served: {served.problem}. To replace it all the same, once: --set "
        "gate.against_served=report --set gate.decided_by=NAME --set gate.reason=TEXT"
    ]


def _overall_checks(
    gate: ResolvedGate,
    student: SliceMetrics,
    teacher: SliceMetrics,
    paired: SliceMetrics,
) -> list[Check]:
    values = student.get(OVERALL, {})
    low = paired.get(OVERALL, {}).get("low")
    checks = [
        Check.of("gate.margin", OVERALL, -gate.margin, low),
        *_point_checks(
            student,
            teacher,
            OVERALL,
            "accuracy",
            gate.min_accuracy,
            _unless_implied(gate.max_accuracy_drop, gate.margin),
        ),
    ]
    for name, bound, at_most in (
        ("agreement", gate.min_agreement, False),
        ("calibration_error", gate.max_calibration_error, True),
        ("cross_entropy", gate.max_cross_entropy, True),
    ):
        if bound is not None:
            key = f"gate.{'max' if at_most else 'min'}_{name}"
            value = values.get(name)
            checks.append(_inclusive(key, OVERALL, bound, value, at_most=at_most))
    return checks


def _class_checks(
    gate: ResolvedGate,
    student: SliceMetrics,
    teacher: SliceMetrics,
    paired: SliceMetrics,
    spec: DataSpec,
) -> list[Check]:
    checks = []
    for name in spec.class_names:
        size = int(student.get(name, {}).get("num_examples", 0))
        is_small = gate.skips_small_classes and size < gate.min_class_size
        if not is_small:
            minimum, margin = gate.min_class_size, gate.class_margin
            checks.append(Check.of("gate.min_class_size", name, minimum, size))
            if margin is not None:
                low = paired.get(name, {}).get("low")
                found = Check.of("gate.class_margin", name, -margin, low)
                checks.append(found)
        if size or not is_small:
            checks += _point_checks(
                student,
                teacher,
                name,
                "class_accuracy",
                gate.min_class_accuracy,
                _unless_implied(gate.max_class_accuracy_drop, gate.class_margin),
            )
    return checks


def _served_checks(gate: ResolvedGate, served: Served | None) -> list[Check]:
    if served is None or served.problem:
        return []
    checks = []
    if gate.against_served != REPORT:
        margin = gate.margin if gate.served_margin is None else gate.served_margin
        bound = 0.0 if gate.against_served == MUST_BE_BETTER else -margin
        checks.append(Check.of("gate.against_served", OVERALL, bound, served.low))
    if (most := gate.max_churn) is not None:
        churn = Check.of("gate.max_churn", OVERALL, most, served.churn, at_most=True)
        checks.append(churn)
    return checks


def _unless_implied(max_drop: float | None, margin: float | None) -> float | None:
    """None for a bound that holds whenever the margin does: it can decide nothing.

    The margin bounds the difference's lower bound, which is below the difference.
    """
    if max_drop is None or margin is None:
        return max_drop
    return None if max_drop >= margin else max_drop


def _point_checks(
    student: SliceMetrics,
    teacher: SliceMetrics,
    slice_name: str,
    metric: str,
    lowest: float | None,
    max_drop: float | None,
) -> list[Check]:
    value = student.get(slice_name, {}).get("accuracy")
    reference = teacher.get(slice_name, {}).get("accuracy")
    change = None
    if value is not None and reference is not None:
        change = round(value - reference, _DIGITS)
    checks = []
    if lowest is not None:
        checks.append(_inclusive(f"gate.min_{metric}", slice_name, lowest, value))
    if max_drop is not None:
        name = f"gate.max_{metric}_drop"
        checks.append(_inclusive(name, slice_name, -max_drop, change))
    return checks


def _inclusive(name: str, where: str, bound: float, *rest: Any, **more: Any) -> Check:
    return Check.of(name, where, bound, *rest, tolerance=TOLERANCE, **more)


def _foreign_counts(
    measured: Mapping[str, SliceMetrics], predictions: Predictions
) -> list[str]:
    """Models that TFMA, by `serving_default`, finds correct on other numbers of images."""
    reasons = []
    for role, slices in measured.items():
        values, probabilities = slices.get(OVERALL, {}), getattr(predictions, role)
        right = int(np.sum(probabilities.argmax(axis=1) == predictions.labels))
        size, count = len(predictions.labels), values.get("num_examples", 0)
        told = values.get("accuracy", math.nan) * count
        if count != size or not abs(told - right) < _MAX_STRAY_PREDICTIONS + 0.5:
            reasons.append(
                f"the {role} classifies {right:,} of {size:,} images correctly as pixels "
                f"(predict_images), {told:,.0f} of {count:,.0f} as examples "
                "(serving_default): its signatures do not agree"
            )
    return reasons


def _measured(
    evaluation_dir: str, spec: DataSpec, has_baseline: bool
) -> dict[str, SliceMetrics]:
    """What TFMA measured of the models by role; the only one has no name there."""
    if not has_baseline:
        return {STUDENT: _read(evaluation_dir, "", spec)}
    return {role: _read(evaluation_dir, role, spec) for role in (STUDENT, TEACHER)}


def _read(
    evaluation_dir: str, model_name: str, spec: DataSpec
) -> dict[str, dict[str, float]]:
    result = tfma.load_eval_result(evaluation_dir, model_name=model_name)
    slices: dict[str, dict[str, float]] = {}
    for key, outputs in result.slicing_metrics:
        values = {
            _METRICS[name]: round(float(value["doubleValue"]), _DIGITS)
            for name, value in outputs[""][""].items()
            if name in _METRICS and "doubleValue" in value
        }
        finite = {name: value for name, value in values.items() if math.isfinite(value)}
        slices[_slice_name(key, spec)] = finite
    return slices


def _slice_name(key: tuple[tuple[str, int], ...], spec: DataSpec) -> str:
    if not key:
        return OVERALL
    ((_, label),) = key
    known = 0 <= int(label) < spec.num_classes
    return spec.class_names[int(label)] if known else f"label {label}"
