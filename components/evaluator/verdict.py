"""The gate's decision as data: every bound, its value, and whether it held.

TFMA writes which bounds failed; a person also asks by how much, and what held.
The verdict is computed from the metrics that TFMA wrote, with the bounds of the
same EvalConfig, and a student is blessed only when TFMA and the verdict both
say so. Whatever is missing or not finite counts as failed.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Mapping

import tensorflow_model_analysis as tfma

from components.evaluator.config import (
    ACCURACY,
    CROSS_ENTROPY,
    STUDENT,
    TEACHER,
    TOLERANCE,
)
from components.evaluator.metrics import AGREEMENT_NAME
from trainer.config import GateConfig
from trainer.data_spec import LABEL_FEATURE, DataSpec

FILE_NAME = "verdict.json"
OVERALL = "overall"
_DIGITS = 6  # all that is exact in TFMA's float32

# Metrics by slice (`overall` or a class name), then by metric name.
SliceMetrics = Mapping[str, Mapping[str, float]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Check:
    """One bound of the gate.

    Attributes:
        name: The configuration key that sets the bound, such as `gate.min_accuracy`.
        slice: `overall`, or the name of a class.
        bound: Lowest allowed value.
        value: What was measured; None when it is missing or not finite.
        ok: Whether `value` is at least `bound`.
    """

    name: str
    slice: str
    bound: float
    value: float | None
    ok: bool

    def describe(self) -> str:
        """The bound in one line, with how far the value misses it."""
        place = self.slice if self.slice == OVERALL else f"class {self.slice}"
        if self.value is None:
            return f"{self.name}: no value {place}, must be at least {self.bound:.4f}"
        text = (
            f"{self.name}: {self.value:.4f} {place}, must be at least {self.bound:.4f}"
        )
        return text if self.ok else f"{text}: {self.bound - self.value:.4f} short"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verdict:
    """The gate's decision on one student.

    Attributes:
        blessed: Whether the student may be pushed.
        reasons: Why not, one line each; empty when blessed.
        checks: Every bound.
        split: The split that was evaluated.
        num_examples: Number of images in it that were evaluated.
        agreement: Share of images with the same answer from both; None if unknown.
        student: The student's metrics by slice.
        teacher: The teacher's metrics by slice.
    """

    blessed: bool
    reasons: tuple[str, ...]
    checks: tuple[Check, ...] = ()
    split: str = ""
    num_examples: int = 0
    agreement: float | None = None
    student: SliceMetrics = dataclasses.field(default_factory=dict)
    teacher: SliceMetrics = dataclasses.field(default_factory=dict)

    def save(self, folder: str) -> None:
        text = json.dumps(
            dataclasses.asdict(self), indent=2, sort_keys=True, allow_nan=False
        )
        with open(os.path.join(folder, FILE_NAME), "w", encoding="utf-8") as file:
            file.write(text)

    @classmethod
    def load(cls, folder: str) -> Verdict:
        with open(os.path.join(folder, FILE_NAME), encoding="utf-8") as file:
            fields = json.load(file)
        fields["reasons"] = tuple(fields["reasons"])
        fields["checks"] = tuple(Check(**check) for check in fields["checks"])
        return cls(**fields)


def refused(reason: str) -> Verdict:
    """The verdict when there is nothing to evaluate with."""
    return Verdict(blessed=False, reasons=(reason,))


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
