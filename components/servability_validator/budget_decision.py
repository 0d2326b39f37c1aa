"""Checks outputs and costs of the exported student against its bounds.

Needs no TensorFlow. A value that is missing or not finite fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from tfx_distill.components.checks import OVERALL, Check, refusals
from tfx_distill.components.servability_validator.servability import (
    Measurement,
    Servability,
)
from tfx_distill.trainer.config.servability_config import BATCH_SIZES, ServabilityConfig
from tfx_distill.trainer.evaluation.serving_probe import SIGNATURES

_SECTION = "servability"
_SKEW = f"{_SECTION}.skew_tolerance"
_KERAS = "the trained Keras model"


def decide(
    config: ServabilityConfig,
    *,
    outputs: Mapping[str, np.ndarray],
    reference: np.ndarray,
    student: Measurement,
    split: str,
    teacher: Measurement = Measurement(),  # noqa: B008  frozen
) -> Servability:
    """Checks every output and every bound.

    Args:
        config: The bounds.
        outputs: Of the exported student, by `SIGNATURE/OUTPUT`.
        reference: Logits of the trained Keras model for the same images, float32
            `(num_images, num_classes)`.
        student: What the student costs.
        split: The split of the images.
        teacher: What its teacher costs; nothing is known without a model of it.
    """
    if not np.isfinite(reference).all():
        number = _count(~np.isfinite(reference))
        text = f"{_KERAS} gives values that are not finite for {number} images"
        return refused(text, student=student, teacher=teacher)
    checks, reasons = _compared(config, outputs, reference)
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


def _compared(
    config: ServabilityConfig, outputs: Mapping[str, np.ndarray], reference: np.ndarray
) -> tuple[list[Check], list[str]]:
    """Each signature against the trained model, then against the other one."""
    checks: list[Check] = []
    reasons: list[str] = []
    logits = {name: outputs[f"{name}/logits"] for name in SIGNATURES}
    for name in SIGNATURES:
        fault = _malformed(name, outputs, reference)
        if fault is not None:
            reasons.append(fault)
            continue
        check = _skew(config, name, logits[name], reference)
        checks.append(check)
        if not check.ok:
            reasons.append(_skew_reason(name, _KERAS, check, logits[name], reference))
        reasons += _inconsistencies(config, name, outputs)
    if not reasons:
        first, second = SIGNATURES
        check = _skew(config, "signatures", logits[first], logits[second])
        checks.append(check)
        if not check.ok:
            reasons.append(
                _skew_reason(first, second, check, logits[first], logits[second])
            )
    return checks, reasons


def _malformed(
    name: str, outputs: Mapping[str, np.ndarray], reference: np.ndarray
) -> str | None:
    """Why the outputs of a signature cannot be compared."""
    num_images = len(reference)
    for output in ("logits", "probabilities"):
        values = outputs[f"{name}/{output}"]
        if values.shape != reference.shape or values.dtype.kind != "f":
            return (
                f"{name} gives {output} of shape {values.shape} and type {values.dtype}, "
                f"expected {reference.shape} and float32"
            )
        if not np.isfinite(values).all():
            return (
                f"{name} gives {output} that are not finite for "
                f"{_count(~np.isfinite(values))} of {num_images} images"
            )
    classes = outputs[f"{name}/class"]
    if classes.shape != (num_images,) or classes.dtype.kind != "i":
        return (
            f"{name} gives a class of shape {classes.shape} and type {classes.dtype}, "
            f"expected ({num_images},) and int64"
        )
    return None


def _count(wrong: np.ndarray) -> int:
    """Number of rows with something wrong in them."""
    return int(wrong.any(axis=1).sum())


def _skew(
    config: ServabilityConfig, name: str, values: np.ndarray, reference: np.ndarray
) -> Check:
    """Largest difference of a logit, as a share of the largest logit."""
    difference = float(np.abs(values - reference).max()) / _scale(reference)
    return _at_most(f"{_SKEW}.{name}", config.skew_tolerance, difference)


def _scale(logits: np.ndarray) -> float:
    return max(1.0, float(np.abs(logits).max()))


def _skew_reason(
    name: str, other: str, check: Check, values: np.ndarray, reference: np.ndarray
) -> str:
    different = int(np.sum(values.argmax(axis=1) != reference.argmax(axis=1)))
    return (
        f"{name} differs from {other}: logits by {check.value:.4g} of "
        f"the largest, must be at most {check.bound:g} ({_SKEW}), and the class of "
        f"{different} of {len(values)} images"
    )


def _inconsistencies(
    config: ServabilityConfig, name: str, outputs: Mapping[str, np.ndarray]
) -> Iterator[str]:
    """Where class or probabilities of a signature are not those of its logits."""
    logits = outputs[f"{name}/logits"].astype(np.float64)
    classes = outputs[f"{name}/class"]
    allowed = 2 * config.skew_tolerance * _scale(logits)
    outside = (classes < 0) | (classes >= logits.shape[1])
    own = logits[np.arange(len(logits)), np.where(outside, 0, classes)]
    wrong = int(np.sum(outside | (logits.max(axis=1) - own > allowed)))
    if wrong:
        yield f"{name} gives a class that is not its largest logit for {wrong} images"
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    softmax = shifted / shifted.sum(axis=1, keepdims=True)
    far = np.abs(outputs[f"{name}/probabilities"] - softmax) > config.skew_tolerance
    if far.any():
        yield (
            f"{name} gives probabilities that are not the softmax of its logits for "
            f"{_count(far)} images"
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
            yield _at_most(f"{_SECTION}.{name}", bound, value)
    for key, what in (("max_median_ms", "median_ms"), ("max_p95_ms", "p95_ms")):
        for size, bound in sorted(getattr(config, key).items()):
            latency = student.latency.get(size, {}).get(what)
            yield _at_most(f"{_SECTION}.{key}.{size}", bound, latency)
    if config.max_times_teacher is None:
        return
    for size in map(str, BATCH_SIZES):
        mine = student.latency.get(size, {}).get("median_ms")
        teachers = teacher.latency.get(size, {}).get("median_ms")
        ratio = round(mine / teachers, 4) if mine and teachers else None
        name = f"{_SECTION}.max_times_teacher.{size}"
        yield _at_most(name, config.max_times_teacher, ratio)


def _at_most(name: str, bound: float, value: float | None) -> Check:
    if value is not None and not np.isfinite(value):
        value = None
    return Check(
        name=name,
        slice=OVERALL,
        bound=bound,
        value=value,
        ok=value is not None and value <= bound,
        at_most=True,
    )
