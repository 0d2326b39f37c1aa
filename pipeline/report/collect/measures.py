"""What a report computes: intervals, confusions, calibration, disagreements.

Needs NumPy alone.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from tfx_distill.components.evaluator.predictions import Predictions
from tfx_distill.trainer.evaluation import calibration as calibration_bins
from tfx_distill.trainer.evaluation.calibration import NUM_BINS

_Z = 1.959963984540054  # of 95 %, two-sided


@dataclasses.dataclass(frozen=True, kw_only=True)
class Interval:
    """A value with its 95 % interval; the ends are None where there is none."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bin:
    """Predictions of similar confidence.

    Attributes:
        low: Lower end of the bin's confidence, in [0, 1].
        high: Upper end.
        count: Number of answers.
        confidence: Their mean confidence; 0 without any.
        accuracy: Share of right ones, with its interval.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: Interval


@dataclasses.dataclass(frozen=True, kw_only=True)
class Calibration:
    """How far a model's confidence is from the share of its right answers.

    Attributes:
        role: Whose.
        error: Expected calibration error (Guo et al. 2017, arXiv:1706.04599).
        mean_confidence: Over all answers.
        accuracy: Share of right answers, with its interval.
        bins: Of equal width; empty ones are left out.
    """

    role: str
    error: float
    mean_confidence: float
    accuracy: Interval
    bins: tuple[Bin, ...]

    @property
    def judgement(self) -> str:
        """What the mean confidence says, beside the accuracy's interval."""
        low, high = self.accuracy.low, self.accuracy.high
        if low is not None and self.mean_confidence < low:
            return "not sure enough of itself"
        if high is not None and self.mean_confidence > high:
            return "too sure of itself"
        return "as sure as it is right"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Confusion:
    """Number of images by label and by answer.

    Attributes:
        role: Whose answers.
        counts: `counts[label][answer]`.
    """

    role: str
    counts: tuple[tuple[int, ...], ...]

    def worst(self, limit: int) -> list[tuple[int, int, int]]:
        """The most frequent mistakes as (label, answer, count)."""
        mistakes = [
            (label, answer, count)
            for label, row in enumerate(self.counts)
            for answer, count in enumerate(row)
            if count and label != answer
        ]
        return sorted(mistakes, key=lambda mistake: -mistake[2])[:limit]


def wilson(right: int, total: int) -> Interval:
    """A share with Wilson's 95 % interval (1927, doi:10.2307/2276774).

    Args:
        right: Number of right answers.
        total: Number of answers, > 0.
    """
    share = right / total
    scale = 1 + _Z**2 / total
    centre = (share + _Z**2 / (2 * total)) / scale
    spread = share * (1 - share) / total + _Z**2 / (4 * total**2)
    reach = _Z * math.sqrt(spread) / scale
    return Interval(
        value=share, low=max(0.0, centre - reach), high=min(1.0, centre + reach)
    )


def share(value: float, total: int) -> Interval:
    """As `wilson`, of a share that was rounded when it was written."""
    if total <= 0 or not 0 <= value <= 1:
        return Interval(value=value)
    return dataclasses.replace(wilson(round(value * total), total), value=value)


def calibration(
    role: str, labels: np.ndarray, probabilities: np.ndarray
) -> Calibration:
    """Bins a model's answers by their confidence.

    Args:
        role: Whose answers.
        labels: int64 `(num_examples,)`.
        probabilities: float32 `(num_examples, num_classes)`.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    places = calibration_bins.bins(confidence)
    sums = np.bincount(places, confidence, NUM_BINS)
    counts = np.bincount(places, minlength=NUM_BINS)
    rights = np.bincount(places, right, NUM_BINS).astype(int)
    bins = tuple(
        Bin(
            low=place / NUM_BINS,
            high=(place + 1) / NUM_BINS,
            count=int(counts[place]),
            confidence=float(sums[place] / counts[place]),
            accuracy=wilson(int(rights[place]), int(counts[place])),
        )
        for place in np.flatnonzero(counts)
    )
    return Calibration(
        role=role,
        error=calibration_bins.expected_error(sums, rights, len(labels)),
        mean_confidence=float(confidence.mean()),
        accuracy=wilson(int(right.sum()), len(labels)),
        bins=bins,
    )


def confusion(role: str, labels: np.ndarray, probabilities: np.ndarray) -> Confusion:
    """Counts a model's answers; arguments as `calibration`."""
    size = probabilities.shape[1]
    counts = np.zeros((size, size), int)
    np.add.at(counts, (labels, probabilities.argmax(axis=1)), 1)
    return Confusion(role=role, counts=tuple(tuple(map(int, row)) for row in counts))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Disagreements:
    """The images to which two models give different answers.

    Attributes:
        only_teacher: Positions where the teacher alone is right, the student's most
            confident answers first.
        only_student: Positions where the student alone is right, likewise by the
            teacher's confidence.
        neither: Positions where both are wrong, each in its way.
    """

    only_teacher: tuple[int, ...]
    only_student: tuple[int, ...]
    neither: tuple[int, ...]

    @property
    def total(self) -> int:
        return len(self.only_teacher) + len(self.only_student) + len(self.neither)


def disagreements(answers: Predictions) -> Disagreements:
    """Finds where teacher and student differ, the most confident mistakes first."""
    teacher, student = answers.teacher.argmax(axis=1), answers.student.argmax(axis=1)
    differ = teacher != student
    sure = answers.student.max(axis=1)

    def positions(chosen: np.ndarray, confidence: np.ndarray) -> tuple[int, ...]:
        found = np.flatnonzero(differ & chosen)
        order = np.argsort(-confidence[found], kind="stable")
        return tuple(int(position) for position in found[order])

    teacher_right, student_right = teacher == answers.labels, student == answers.labels
    return Disagreements(
        only_teacher=positions(teacher_right, sure),
        only_student=positions(student_right, answers.teacher.max(axis=1)),
        neither=positions(~teacher_right & ~student_right, sure),
    )


def checked(answers: Predictions) -> Predictions:
    """The answers, if they can be those of one split.

    Raises:
        ValueError: If shapes do not fit, or a value is no probability.
    """
    size = len(answers.labels)
    classes = answers.student.shape[-1]
    for name in ("student", "teacher"):
        values = getattr(answers, name)
        if values.shape != (size, classes) or not np.isfinite(values).all():
            raise ValueError(
                f"the answers of the {name} have the shape {values.shape}, or are not "
                f"finite; expected {(size, classes)}"
            )
    if not size or answers.labels.min() < 0 or answers.labels.max() >= classes:
        raise ValueError(f"{size} labels that do not fit {classes} classes")
    return answers
