"""Tests beside the accuracy: further metrics, slices, corrupted images; their bounds."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from tfx_distill.components.checks import OVERALL, SLICES, Check
from tfx_distill.components.evaluator import teacher_comparison
from tfx_distill.components.evaluator.eval_config import TOLERANCE
from tfx_distill.trainer.config.gate_config import ResolvedGate
from tfx_distill.trainer.data import example_reader, image_values
from tfx_distill.trainer.data.example_reader import Split
from tfx_distill.trainer.evaluation import balanced_metrics, corruptions
from tfx_distill.trainer.evaluation.measured import Corruptions, Measured

# From uint8 images to predicted classes, int `(num_images,)`, by role.
Classifiers = Mapping[str, Callable[[np.ndarray], np.ndarray]]
_ROLES = ("student", "teacher")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Further:
    """What was measured; see `Verdict`."""

    metrics: Mapping[str, Measured]
    slices: Mapping[str, Measured]
    corruptions: Corruptions | None


def measure(
    gate: ResolvedGate,
    split: Split,
    values: image_values.Values,
    probabilities: Mapping[str, np.ndarray],
    classifiers: Classifiers,
    confidence: float,
) -> Further:
    """Measures student and teacher.

    Args:
        gate: Says what.
        split: The test split.
        values: Of its images, for slices.
        probabilities: Of `student` and `teacher` for it, or their logarithms.
        classifiers: The models; no `teacher` if it is only answers.
        confidence: Of lower bounds.
    """
    student, teacher = (probabilities[role] for role in _ROLES)
    right, teacher_right = (
        p.argmax(axis=1) == split.labels for p in (student, teacher)
    )
    return Further(
        metrics={
            name: balanced_metrics.compare(
                balanced_metrics.metric(name, split.labels, student),
                balanced_metrics.metric(name, split.labels, teacher),
                confidence,
            )
            for name in dict.fromkeys([*balanced_metrics.ALWAYS, *gate.metrics])
        },
        slices={
            name: _slice(right[rows], teacher_right[rows], confidence)
            for name, rows in values.rows(gate.slices).items()
        },
        corruptions=_corruptions(gate, split, classifiers, confidence),
    )


def _slice(right: np.ndarray, teacher_right: np.ndarray, confidence: float) -> Measured:
    """Accuracies on some images; without one, nothing can be said of them."""
    size = len(right)
    if not size:
        return Measured(student=0, student_low=0, student_high=1, num_examples=0)
    compared = balanced_metrics.compare(
        balanced_metrics.mean(right.astype(float)),
        balanced_metrics.mean(teacher_right.astype(float)),
        confidence,
    )
    low = teacher_comparison.paired(right, teacher_right, confidence)["low"]
    return dataclasses.replace(compared, low=low, num_examples=size)


def _corruptions(
    gate: ResolvedGate, split: Split, classifiers: Classifiers, confidence: float
) -> Corruptions | None:
    config = gate.corruptions
    if config is None:
        return None
    rows = example_reader.spread(config.examples, len(split))
    images, labels = np.asarray(split.images[rows]), split.labels[rows]
    clean = {role: run(images) == labels for role, run in classifiers.items()}
    sums = {role: np.zeros(len(rows)) for role in classifiers}
    accuracy: dict[str, dict[str, list[float]]] = {role: {} for role in _ROLES}
    strengths = range(1, corruptions.STRENGTHS + 1)
    for kind in config.kinds:
        for strength in strengths:
            copies = corruptions.corrupted(images, kind, strength)
            for role, run in classifiers.items():
                right = run(copies) == labels
                sums[role] += right
                accuracy[role].setdefault(kind, []).append(float(right.mean()))
    number = len(config.kinds) * len(strengths)
    means = {role: total / number for role, total in sums.items()}
    return Corruptions(
        num_examples=len(rows),
        mean=_compared(means, confidence),
        clean=_compared(clean, confidence),
        **{
            role: {kind: tuple(row) for kind, row in accuracy[role].items()}
            for role in _ROLES
        },
    )


def _compared(values: Mapping[str, np.ndarray], confidence: float) -> Measured:
    """Of values in [0, 1] by role, one for each image."""
    means = {role: balanced_metrics.mean(v.astype(float)) for role, v in values.items()}
    student, teacher = means["student"], means.get("teacher")
    return balanced_metrics.compare(student, teacher, confidence)


def checks(gate: ResolvedGate, further: Further) -> Iterator[Check]:
    """Yields the bounds that the gate sets on them."""
    for name, bounds in gate.metrics.items():
        of = further.metrics[name]
        key = f"gate.metrics.{name}"
        yield from _bounds(key, OVERALL, of, bounds.margin, ("min", bounds.min))
    for name, part in gate.slices.items():
        of, key = further.slices[name], f"{SLICES}{name}"
        size = of.num_examples or 0
        yield Check.of(f"{key}.min_images", name, part.min_images, size)
        least = ("min_accuracy", part.min_accuracy)
        yield from _bounds(key, name, of, part.margin, least)
    if (config := gate.corruptions) and further.corruptions:
        of, key = further.corruptions.mean, "gate.corruptions"
        least = ("min_accuracy", config.min_accuracy)
        yield from _bounds(key, OVERALL, of, config.margin, least)


def _bounds(
    key: str,
    slice_name: str,
    found: Measured,
    margin: float | None,
    least: tuple[str, float | None],
) -> Iterator[Check]:
    if margin is not None:
        yield Check.of(f"{key}.margin", slice_name, -margin, found.low)
    name, lowest = least
    if lowest is not None:
        value = None if found.num_examples == 0 else found.student
        yield Check.of(f"{key}.{name}", slice_name, lowest, value, tolerance=TOLERANCE)
