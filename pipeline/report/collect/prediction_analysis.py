"""What predictions on a split show: calibration, confusions and disagreements."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfx_distill.components.evaluator.predictions import Predictions
from tfx_distill.pipeline.report.collect.intervals import Interval, wilson
from tfx_distill.trainer.evaluation import calibration as calibration_bins
from tfx_distill.trainer.evaluation.calibration import NUM_BINS


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bin:
    """Predictions of similar confidence.

    Attributes:
        low: Lower end of the bin's confidence, in [0, 1].
        high: Upper end.
        count: Number of predictions.
        confidence: Their mean confidence; 0 without any.
        accuracy: Share of correct ones, with its interval.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: Interval


@dataclasses.dataclass(frozen=True, kw_only=True)
class Calibration:
    """How far a model's confidence is from its accuracy.

    Attributes:
        role: The model's.
        error: Expected calibration error (Guo et al. 2017, arXiv:1706.04599).
        error_if_calibrated: Its mean for a perfectly calibrated model on as many images.
        mean_confidence: Over all predictions.
        accuracy: With its interval.
        bins: Of equal width; empty ones are left out.
    """

    role: str
    error: float
    error_if_calibrated: float
    mean_confidence: float
    accuracy: Interval
    bins: tuple[Bin, ...]

    @property
    def judgement(self) -> str:
        """The mean confidence compared with the accuracy's interval."""
        low, high = self.accuracy.low, self.accuracy.high
        if low is not None and self.mean_confidence < low:
            return "underconfident"
        if high is not None and self.mean_confidence > high:
            return "overconfident"
        return "well calibrated"


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Confusion:
    """Number of images by label and by predicted class.

    Attributes:
        role: The model's.
        counts: int64 `(num_classes, num_classes)`, by label and prediction.
    """

    role: str
    counts: np.ndarray

    @property
    def mistakes(self) -> np.ndarray:
        """As `counts`, without correct predictions."""
        return self.counts - np.diag(np.diag(self.counts))

    def worst(self, limit: int) -> list[tuple[int, int, int]]:
        """The most frequent mistakes as (label, prediction, count)."""
        mistakes = self.mistakes
        labels, predicted = np.nonzero(mistakes)
        counts = mistakes[labels, predicted]
        order = np.argsort(-counts, kind="stable")[:limit]
        found = np.stack([labels, predicted, counts], axis=1)[order]
        return [(label, answer, count) for label, answer, count in found.tolist()]


def calibration(
    role: str, labels: np.ndarray, probabilities: np.ndarray
) -> Calibration:
    """Bins a model's predictions by their confidence.

    Args:
        role: The model's.
        labels: int64 `(num_examples,)`.
        probabilities: float32 `(num_examples, num_classes)`.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    correct = probabilities.argmax(axis=1) == labels
    places = calibration_bins.bins(confidence)
    sums = np.bincount(places, confidence, NUM_BINS)
    counts = np.bincount(places, minlength=NUM_BINS)
    corrects = np.bincount(places, correct, NUM_BINS).astype(int)
    bins = tuple(
        Bin(
            low=place / NUM_BINS,
            high=(place + 1) / NUM_BINS,
            count=int(counts[place]),
            confidence=float(sums[place] / counts[place]),
            accuracy=wilson(int(corrects[place]), int(counts[place])),
        )
        for place in np.flatnonzero(counts)
    )
    return Calibration(
        role=role,
        error=calibration_bins.expected_error(sums, corrects, len(labels)),
        error_if_calibrated=calibration_bins.error_if_calibrated(confidence),
        mean_confidence=float(confidence.mean()),
        accuracy=wilson(int(correct.sum()), len(labels)),
        bins=bins,
    )


def confusion(role: str, labels: np.ndarray, probabilities: np.ndarray) -> Confusion:
    """Counts a model's predictions; arguments as `calibration`."""
    size = probabilities.shape[1]
    places = labels * size + probabilities.argmax(axis=1)
    counts = np.bincount(places, minlength=size * size).reshape(size, size)
    return Confusion(role=role, counts=counts)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Disagreements:
    """Images for which two models predict different classes.

    Attributes:
        only_teacher: Positions where only the teacher is correct, the student's most
            confident mistakes first.
        only_student: Positions where only the student is correct, the teacher's most
            confident mistakes first.
        neither: Positions where both are wrong, with different classes.
    """

    only_teacher: tuple[int, ...]
    only_student: tuple[int, ...]
    neither: tuple[int, ...]

    @property
    def total(self) -> int:
        return len(self.only_teacher) + len(self.only_student) + len(self.neither)


def disagreements(predictions: Predictions) -> Disagreements:
    """Finds where teacher and student differ, the most confident mistakes first."""
    teacher, student = (
        predictions.teacher.argmax(axis=1),
        predictions.student.argmax(axis=1),
    )
    differ = teacher != student
    confidence = predictions.student.max(axis=1)

    def positions(chosen: np.ndarray, confidence: np.ndarray) -> tuple[int, ...]:
        found = np.flatnonzero(differ & chosen)
        order = np.argsort(-confidence[found], kind="stable")
        return tuple(int(position) for position in found[order])

    teacher_right, student_right = (
        teacher == predictions.labels,
        student == predictions.labels,
    )
    return Disagreements(
        only_teacher=positions(teacher_right, confidence),
        only_student=positions(student_right, predictions.teacher.max(axis=1)),
        neither=positions(~teacher_right & ~student_right, confidence),
    )


def checked(predictions: Predictions) -> Predictions:
    """The predictions, if they can be those on one split.

    Raises:
        ValueError: If shapes do not fit, or a value is not finite.
    """
    size = len(predictions.labels)
    classes = predictions.student.shape[-1]
    for name in ("student", "teacher"):
        values = getattr(predictions, name)
        if values.shape != (size, classes) or not np.isfinite(values).all():
            raise ValueError(
                f"the {name}'s predictions have the shape {values.shape} or are not "
                f"finite; expected {(size, classes)}"
            )
    if not size or predictions.labels.min() < 0 or predictions.labels.max() >= classes:
        raise ValueError(f"{size} labels do not fit {classes} classes")
    return predictions
