"""What is compared between a sample of production and the test split, and what trips."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from tfx_distill.pipeline.config.monitor_config import MonitorConfig
from tfx_distill.trainer.evaluation import drift
from tfx_distill.trainer.evaluation.drift import Difference

# Probabilities are compared to this many digits: float32 rounds otherwise elsewhere.
_DIGITS = 4
AGREEMENT = ("agree", "disagree")
CORRECTNESS = ("wrong", "correct")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """Some images, as pixels and models see them.

    Attributes:
        pixels: See `image_statistics.of_images`; empty if unknown.
        student: Probabilities, float32 `(num_images, num_classes)`.
        teacher: As `student`; None if unknown.
        labels: int64 `(num_images,)`; None if unknown.
    """

    pixels: Mapping[str, np.ndarray]
    student: np.ndarray
    teacher: np.ndarray | None = None
    labels: np.ndarray | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Check:
    """One quantity in production against the test split.

    Attributes:
        name: What is compared.
        key: Of its threshold, in the section `monitor`.
        threshold: The distance from which a difference matters.
        level: The p-value up to which it is significant.
        difference: What was found.
    """

    name: str
    key: str
    threshold: float
    level: float
    difference: Difference

    @property
    def tripped(self) -> bool:
        """Whether production differs, significantly and by enough to matter."""
        found = self.difference
        return found.distance >= self.threshold and found.p_value <= self.level


def compare(
    reference: Sample,
    sample: Sample,
    class_names: tuple[str, ...],
    config: MonitorConfig,
) -> tuple[Check, ...]:
    """Makes all checks for which both samples have what it takes.

    The probability of a false alarm is shared among them (Bonferroni).
    """
    found: list[tuple[str, str, Difference]] = [
        (name, "pixels", drift.numbers(reference.pixels[name], values))
        for name, values in sample.pixels.items()
        if name in reference.pixels
    ]
    names = {"classes": class_names, "disagreement": AGREEMENT, "accuracy": CORRECTNESS}
    ours, theirs = _quantities(reference), _quantities(sample)
    for key in (key for key in ours if key in theirs):
        given = ours[key], theirs[key]
        is_named = key in names
        difference = (
            drift.categories(*given, names[key]) if is_named else drift.numbers(*given)
        )
        found.append((key, key, difference))
    level = config.false_alarms / len(found)
    return tuple(
        Check(
            name=name,
            key=f"{config.NAME}.{key}",
            threshold=getattr(config, key),
            level=level,
            difference=difference,
        )
        for name, key, difference in found
    )


def _quantities(sample: Sample) -> dict[str, np.ndarray]:
    """By the key of its threshold, one value for each image."""
    confidence = np.round(sample.student.max(axis=1).astype(np.float64), _DIGITS)
    classes = sample.student.argmax(axis=1)
    found = {"confidence": confidence, "classes": classes}
    if sample.teacher is not None:
        found["disagreement"] = (sample.teacher.argmax(axis=1) != classes).astype(int)
    if sample.labels is not None:
        correct = (classes == sample.labels).astype(int)
        found |= {"accuracy": correct, "calibration": confidence - correct}
    return found
