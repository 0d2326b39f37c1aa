"""The teacher's metrics, and the student's against it, overall and by class.

They need the teacher's predictions alone, and no model of it. Needs no TensorFlow.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from tfx_distill.components.checks import OVERALL
from tfx_distill.components.evaluator.predictions import Predictions
from tfx_distill.trainer.evaluation import calibration, comparison, noninferiority


@dataclasses.dataclass(frozen=True)
class Compared:
    """Metrics by slice: `overall`, and each class that has images.

    Attributes:
        teacher: `accuracy`, `cross_entropy`, `calibration_error`, `num_examples`.
        student: `agreement`, `cross_entropy`; TFMA measures the rest.
        paired: `difference` of the accuracies, student minus teacher; `low`, its lower
            one-sided bound, `noninferiority`'s; the numbers of images that only one
            classified correctly, `only_student` and `only_teacher`; `p_value`, two-sided,
            see `paired_interval.Estimate`.
    """

    teacher: Mapping[str, Mapping[str, float]]
    paired: Mapping[str, Mapping[str, float]]
    student: Mapping[str, Mapping[str, float]]


def compare(
    predictions: Predictions, class_names: Sequence[str], confidence: float
) -> Compared:
    """Compares student and teacher.

    Args:
        predictions: Of at least one image, all finite.
        class_names: In label order.
        confidence: Of the lower bounds.
    """
    slices = {OVERALL: np.ones(len(predictions.labels), bool)}
    for label, name in enumerate(class_names):
        inside = predictions.labels == label
        if inside.any():
            slices[name] = inside
    student, teacher = (
        probabilities.argmax(axis=1)
        for probabilities in (predictions.student, predictions.teacher)
    )
    right, teacher_right = student == predictions.labels, teacher == predictions.labels
    return Compared(
        teacher={n: _metrics(predictions, rows) for n, rows in slices.items()},
        paired={
            name: paired(right[rows], teacher_right[rows], confidence)
            for name, rows in slices.items()
        },
        student={
            n: {
                "agreement": float(np.mean((student == teacher)[rows])),
                "cross_entropy": _cross_entropy(predictions, "student", rows),
            }
            for n, rows in slices.items()
        },
    )


def _metrics(predictions: Predictions, rows: np.ndarray) -> dict[str, float]:
    labels, probabilities = predictions.labels[rows], predictions.teacher[rows]
    size = len(labels)
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    places, bins = calibration.bins(confidence), calibration.NUM_BINS
    return {
        "accuracy": float(right.mean()),
        "cross_entropy": _cross_entropy(predictions, "teacher", rows),
        "calibration_error": calibration.expected_error(
            np.bincount(places, confidence, bins),
            np.bincount(places, right, bins),
            size,
        ),
        "num_examples": float(size),
    }


def _cross_entropy(predictions: Predictions, role: str, rows: np.ndarray) -> float:
    """In nats. TFMA's own takes no probability for less than 1e-7."""
    nats = getattr(predictions, f"{role}_nats")
    return float(nats[rows].mean(dtype=np.float64))


def paired(
    right: np.ndarray, teacher_right: np.ndarray, confidence: float
) -> dict[str, float]:
    """See `Compared.paired`; bool `(num_examples,)`, whether a model is correct."""
    only_student = int(np.sum(right & ~teacher_right))
    only_teacher = int(np.sum(teacher_right & ~right))
    size = len(right)
    return {
        "low": noninferiority.lower_bound(only_student, only_teacher, size, confidence),
        "difference": (only_student - only_teacher) / size,
        "only_student": float(only_student),
        "only_teacher": float(only_teacher),
        "p_value": comparison.paired(right, teacher_right).p_value,
    }
