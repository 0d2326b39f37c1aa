"""Metrics beside the accuracy, for data whose classes are not equally frequent.

Each metric comes with the influence of every image on it: the derivative of the metric in
the image's weight. The variance of a metric, and of a difference of two models on the same
images, is that of the influences over the images (the infinitesimal jackknife, Efron 1982,
doi:10.1137/1.9781611970319). As Bonett and Price (2012) do for accuracies, two images are
added that differ as much as one image can, each way: else few discordant images make an
interval too narrow. The bound of a difference is lower by one image, since counts are whole
(`benchmarks/metric_bounds.py`).
"""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import stats

from tfx_distill.trainer.config.gate_config import (
    BALANCED_ACCURACY,
    MACRO_F1,
    top_k,
)
from tfx_distill.trainer.evaluation.measured import Measured

ALWAYS = (BALANCED_ACCURACY, MACRO_F1)  # measured, bounded or not


@dataclasses.dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric of one model.

    Attributes:
        value: In [0, 1].
        influence: float64 `(num_examples,)`, of mean 0.
        reach: How much one image can count at most; 1 for an accuracy.
    """

    value: float
    influence: np.ndarray
    reach: float


def metric(name: str, labels: np.ndarray, probabilities: np.ndarray) -> Metric:
    """Measures one model.

    Args:
        name: See `gate_config.is_metric`.
        labels: int `(num_examples,)`, at least one.
        probabilities: float `(num_examples, num_classes)`.
    """
    if (most := top_k(name)) is not None:
        own = probabilities[np.arange(len(labels)), labels]
        right = (probabilities > own[:, None]).sum(axis=1) < most
        return mean(right.astype(np.float64))
    num_classes = probabilities.shape[1]
    predicted = probabilities.argmax(axis=1)
    size = len(labels)
    labelled = np.bincount(labels, minlength=num_classes) / size
    answered = np.bincount(predicted, minlength=num_classes) / size
    right = predicted == labels
    hits = np.bincount(labels[right], minlength=num_classes) / size
    there = labelled > 0  # classes without an image count for nothing
    share = np.where(there, 1.0, 0.0) / there.sum()
    if name == BALANCED_ACCURACY:
        scale = np.divide(share, labelled, out=np.zeros(num_classes), where=there)
        values = np.divide(hits, labelled, out=np.zeros(num_classes), where=there)
        influence = scale[labels] * (right - values[labels])
    else:
        both = labelled + answered
        scale = np.divide(share, both, out=np.zeros(num_classes), where=there)
        values = np.divide(2 * hits, both, out=np.zeros(num_classes), where=there)
        lost = scale * values
        influence = 2 * right * scale[labels] - lost[labels] - lost[predicted]
    return Metric(
        value=float(share @ values),
        influence=influence,
        reach=float(1 / (there.sum() * labelled[there].min())),
    )


def mean(values: np.ndarray) -> Metric:
    """The mean over images of a value in [0, 1], float64 `(num_examples,)`."""
    average = float(values.mean())
    return Metric(value=average, influence=values - average, reach=1.0)


def compare(student: Metric, teacher: Metric | None, confidence: float) -> Measured:
    """Compares two models on the same images.

    Args:
        student: Of the images.
        teacher: Of the same images; None if it is unknown.
        confidence: Of the one-sided bound of the difference.
    """
    around = float(stats.norm.ppf(0.975)) * _standard_error(
        student.influence, student.reach
    )
    alone = Measured(
        student=student.value,
        student_low=max(0.0, student.value - around),
        student_high=min(1.0, student.value + around),
    )
    if teacher is None:
        return alone
    reach = max(student.reach, teacher.reach)
    difference = student.value - teacher.value
    quantile = float(stats.norm.ppf(confidence))
    error = _standard_error(student.influence - teacher.influence, reach)
    return dataclasses.replace(
        alone,
        teacher=teacher.value,
        difference=difference,
        low=max(-1.0, difference - 1 / len(student.influence) - quantile * error),
    )


def _standard_error(influence: np.ndarray, reach: float) -> float:
    size = len(influence) + 2
    return float(np.sqrt((influence @ influence + 2 * reach**2) / size / size))
