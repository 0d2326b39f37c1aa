"""Calibration: the distance between a model's confidence and its accuracy."""

from __future__ import annotations

import numpy as np

NUM_BINS = 15  # as in Guo et al. 2017, arXiv:1706.04599


def bins(confidence: np.ndarray) -> np.ndarray:
    """The bin of each prediction: (0, 1/15], (1/15, 2/15] …

    Args:
        confidence: Probability of the predicted class, in [0, 1].

    Returns:
        int64, in [0, NUM_BINS).
    """
    edges = np.ceil(np.asarray(confidence) * NUM_BINS).astype(np.int64) - 1
    return np.clip(edges, 0, NUM_BINS - 1)


def error_if_calibrated(confidence: np.ndarray) -> float:
    """The mean of `expected_error` for a model whose confidence is exactly right.

    Sampled images alone make it more than 0. In a bin, the number of correct predictions
    is a sum of independent ones, taken as normal: the mean distance from its mean is
    its standard deviation times sqrt(2 / pi).

    Args:
        confidence: As for `bins`, float64 `(num_examples,)`.

    Returns:
        float in [0, 1]; NaN without predictions.
    """
    if not len(confidence):
        return float("nan")
    variances = np.bincount(bins(confidence), confidence * (1 - confidence), NUM_BINS)
    return float(np.sqrt(2 * variances / np.pi).sum() / len(confidence))


def expected_error(sum_confidence: np.ndarray, num_correct: np.ndarray, size: int):
    """Expected calibration error (Guo et al. 2017, eq. 3), in [0, 1].

    Args:
        sum_confidence: Sum of the confidences in each bin.
        num_correct: Number of correct predictions in each bin.
        size: Number of predictions in all bins.

    Returns:
        float; NaN without predictions.
    """
    if not size:
        return float("nan")
    return float(np.abs(np.asarray(num_correct) - sum_confidence).sum() / size)
