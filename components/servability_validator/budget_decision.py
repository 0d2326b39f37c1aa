"""Checks outputs and costs of the exported student against its bounds.

Needs no TensorFlow. A value that is missing or not finite fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tfx_distill.components.checks import Check, refusals
from tfx_distill.components.servability_validator import output_checks
from tfx_distill.components.servability_validator.output_checks import Replies, at_most
from tfx_distill.components.servability_validator.servability import (
    Measurement,
    Servability,
)
from tfx_distill.trainer.config.servability_config import BATCH_SIZES, ServabilityConfig

_SECTION = "servability"


def decide(
    config: ServabilityConfig,
    *,
    replies: Sequence[Replies],
    reference: np.ndarray,
    student: Measurement,
    split: str,
    teacher: Measurement = Measurement(),  # noqa: B008  frozen
) -> Servability:
    """Checks every output and every bound.

    Args:
        config: The bounds.
        replies: Of the exported student, see `output_checks.compare`.
        reference: Logits of the trained Keras model for the same images, float32
            `(num_images, num_classes)`.
        student: What the student costs.
        split: The split of the images.
        teacher: What its teacher costs; nothing is known without a model of it.
    """
    checks, reasons = output_checks.compare(config.skew_tolerance, replies, reference)
    budget = list(_budget_checks(config, student, teacher))
    reasons += refusals(budget)
    return Servability(
        blessed=not reasons,
        reasons=tuple(reasons),
        checks=(*checks, *budget),
        split=split,
        num_examples=len(reference),
        student=student,
        teacher=teacher,
    )


def refused(
    reason: str,
    *,
    student: Measurement = Measurement(),  # noqa: B008  frozen
    teacher: Measurement = Measurement(),  # noqa: B008
) -> Servability:
    """The verdict on a student that could not be run."""
    return Servability(
        blessed=False, reasons=(reason,), student=student, teacher=teacher
    )


def _budget_checks(
    config: ServabilityConfig, student: Measurement, teacher: Measurement
) -> Iterator[Check]:
    for name, value in (
        ("max_parameters", student.parameters),
        ("max_bytes", student.bytes),
    ):
        bound = getattr(config, name)
        if bound is not None:
            yield at_most(f"{_SECTION}.{name}", bound, value)
    for key, what in (("max_median_ms", "median_ms"), ("max_p95_ms", "p95_ms")):
        for size, bound in sorted(getattr(config, key).items()):
            latency = student.latency.get(size, {}).get(what)
            yield at_most(f"{_SECTION}.{key}.{size}", bound, latency)
    if config.max_times_teacher is None:
        return
    for size in map(str, BATCH_SIZES):
        mine = student.latency.get(size, {}).get("median_ms")
        teachers = teacher.latency.get(size, {}).get("median_ms")
        ratio = round(mine / teachers, 4) if mine and teachers else None
        name = f"{_SECTION}.max_times_teacher.{size}"
        yield at_most(name, config.max_times_teacher, ratio)
