"""Expected calibration error by hand."""

import math

import numpy as np
import pytest

from tfx_distill.trainer.evaluation import calibration


def _error(confidence, right):
    places = calibration.bins(np.array(confidence))
    size = calibration.NUM_BINS
    return calibration.expected_error(
        np.bincount(places, confidence, size),
        np.bincount(places, right, size),
        len(right),
    )


def test_two_bins_by_hand():
    # Bin of 0.95: 2 of 4 right; bin of 0.55: 1 of 1. (4 * 0.45 + 1 * 0.45) / 5.
    assert _error([0.95] * 4 + [0.55], [1, 1, 0, 0, 1]) == pytest.approx(0.45)


def test_a_perfect_model_shows_the_error_that_sampling_makes():
    # 100 images at confidence 0.8: sd of the accuracy is 0.04, its mean distance from
    # 0.8 is 0.04 * sqrt(2 / pi).
    expected = 0.04 * math.sqrt(2 / math.pi)
    confidence = np.full(100, 0.8)
    assert calibration.error_if_calibrated(confidence) == pytest.approx(expected)
    rng = np.random.default_rng(0)
    drawn = [_error(confidence, rng.random(100) < 0.8) for _ in range(2000)]
    assert np.mean(drawn) == pytest.approx(expected, rel=0.05)
    assert math.isnan(calibration.error_if_calibrated(np.zeros(0)))


def test_confidence_as_good_as_accuracy_has_none():
    assert _error([0.75] * 4, [1, 1, 1, 0]) == pytest.approx(0)


def test_right_and_wrong_in_one_bin_cancel_but_not_across_bins():
    assert _error([1.0, 0.5], [0, 1]) == pytest.approx(0.75)


def test_bins_are_open_below_and_closed_above():
    assert calibration.bins(np.array([0.0, 1 / 15, 0.07, 1.0])).tolist() == [
        0,
        0,
        1,
        14,
    ]


def test_no_answer_has_no_error():
    assert math.isnan(calibration.expected_error(np.zeros(15), np.zeros(15), 0))
