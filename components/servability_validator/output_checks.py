"""Checks what the exported student answers.

Needs no TensorFlow. A value that is missing or not finite fails.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from tfx_distill.components.checks import OVERALL, Check
from tfx_distill.trainer.evaluation.serving_probe import ARGUMENTS

_SKEW = "servability.skew_tolerance"
_KERAS = "the trained Keras model"


@dataclasses.dataclass(frozen=True)
class Replies:
    """What the signatures gave for some images.

    Attributes:
        requests: How the images were sent, in words.
        rows: Which of all images, int `(num_sent,)`.
        outputs: By `SIGNATURE/OUTPUT`, one row for each of `rows`.
    """

    requests: str
    rows: np.ndarray
    outputs: Mapping[str, np.ndarray]


def compare(
    tolerance: float, replies: Sequence[Replies], reference: np.ndarray
) -> tuple[list[Check], list[str]]:
    """Compares signatures with the trained model, each other, and themselves.

    Args:
        tolerance: Largest difference of a logit, as a share of the largest logit: what
            float32 rounds differently where sums are in another order.
        replies: To the same images in different requests. The first have all images.
        reference: Logits of the trained Keras model for all images, float32
            `(num_images, num_classes)`.

    Returns:
        Every bound, and why the student is refused, one line each.
    """
    if not np.isfinite(reference).all():
        number = _count(~np.isfinite(reference))
        return [], [f"{_KERAS} gives values that are not finite for {number} images"]
    first, *others = replies
    checks, reasons = _compared(tolerance, first.outputs, reference)
    if not reasons:
        for name in _names(first.outputs):
            check, found = _asked_otherwise(tolerance, name, first, others)
            checks.append(check)
            reasons += found
    return checks, reasons


def _asked_otherwise(
    tolerance: float, name: str, first: Replies, others: Sequence[Replies]
) -> tuple[Check, list[str]]:
    """A signature against itself; the worst of the other requests counts."""
    reasons, worst = [], (0.0, "")
    for reply in others:
        expected = first.outputs[f"{name}/logits"][reply.rows]
        fault = _malformed(name, reply.outputs, expected)
        if fault is not None:
            reasons.append(f"{fault} ({reply.requests})")
            continue
        values = reply.outputs[f"{name}/logits"]
        worst = max(worst, (_difference(values, expected), reply.requests))
        for text in _inconsistencies(tolerance, name, reply.outputs):
            reasons.append(f"{text} ({reply.requests})")
    share, requests = worst
    check = at_most(f"{_SKEW}.{name}.requests", tolerance, share)
    if not check.ok:
        reasons.insert(
            0,
            f"{name} answers the same images differently with {requests}: logits by "
            f"{share:.4g} of the largest, must be at most {tolerance:g} ({_SKEW})",
        )
    return check, reasons[:1]


def _compared(
    tolerance: float, outputs: Mapping[str, np.ndarray], reference: np.ndarray
) -> tuple[list[Check], list[str]]:
    """Each signature against the trained model, then against the first one."""
    checks: list[Check] = []
    reasons: list[str] = []
    logits = {name: outputs[f"{name}/logits"] for name in _names(outputs)}
    for name in logits:
        fault = _malformed(name, outputs, reference)
        if fault is not None:
            reasons.append(fault)
            continue
        check = _skew(tolerance, name, logits[name], reference)
        checks.append(check)
        if not check.ok:
            reasons.append(_skew_reason(name, _KERAS, check, logits[name], reference))
        reasons += _inconsistencies(tolerance, name, outputs)
    if not reasons:
        first, *others = logits
        found = {
            other: _skew(tolerance, "signatures", logits[first], logits[other])
            for other in others
        }
        worst = max(found, key=lambda other: found[other].value or 0.0)
        checks.append(found[worst])
        if not found[worst].ok:
            values = logits[first], logits[worst]
            reasons.append(_skew_reason(first, worst, found[worst], *values))
    return checks, reasons


def _names(outputs: Mapping[str, np.ndarray]) -> list[str]:
    """The signatures that were called, those that every student has first."""
    return [name for name in ARGUMENTS if f"{name}/logits" in outputs]


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
    tolerance: float, name: str, values: np.ndarray, reference: np.ndarray
) -> Check:
    return at_most(f"{_SKEW}.{name}", tolerance, _difference(values, reference))


def _difference(values: np.ndarray, reference: np.ndarray) -> float:
    """Largest difference of a logit, as a share of the largest logit."""
    return float(np.abs(values - reference).max()) / _scale(reference)


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
    tolerance: float, name: str, outputs: Mapping[str, np.ndarray]
) -> Iterator[str]:
    """Where class or probabilities of a signature are not those of its logits."""
    logits = outputs[f"{name}/logits"].astype(np.float64)
    classes = outputs[f"{name}/class"]
    allowed = 2 * tolerance * _scale(logits)
    outside = (classes < 0) | (classes >= logits.shape[1])
    own = logits[np.arange(len(logits)), np.where(outside, 0, classes)]
    wrong = int(np.sum(outside | (logits.max(axis=1) - own > allowed)))
    if wrong:
        yield f"{name} gives a class that is not its largest logit for {wrong} images"
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    softmax = shifted / shifted.sum(axis=1, keepdims=True)
    far = np.abs(outputs[f"{name}/probabilities"] - softmax) > tolerance
    if far.any():
        yield (
            f"{name} gives probabilities that are not the softmax of its logits for "
            f"{_count(far)} images"
        )


def at_most(name: str, bound: float, value: float | None) -> Check:
    """A bound on all images."""
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
