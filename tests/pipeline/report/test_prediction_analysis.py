"""Intervals, calibration, confusions and disagreements, against worked values."""

import dataclasses

import numpy as np
import pytest
from small_runs import LABELS, STUDENT, TEACHER, probabilities

from tfx_distill.components.evaluator.predictions import Predictions
from tfx_distill.pipeline.report.collect import intervals, prediction_analysis


def _answers(**changes):
    answers = Predictions(
        labels=LABELS, student=probabilities(STUDENT), teacher=probabilities(TEACHER)
    )
    return dataclasses.replace(answers, **changes)


def test_wilson_is_the_published_interval():
    # 15 of 20: Newcombe 1998's method 3 by hand, 0.5313 to 0.8881.
    interval = intervals.wilson(15, 20)
    assert interval.value == 0.75
    assert (interval.low, interval.high) == pytest.approx((0.5313, 0.8881), abs=5e-5)


def test_wilson_stays_within_zero_and_one():
    assert intervals.wilson(20, 20).high == 1
    assert intervals.wilson(0, 20).low == 0


@pytest.mark.parametrize("total", [0, -1, 10**300])
def test_a_share_of_an_impossible_number_of_images_has_no_interval(total):
    assert intervals.share(0.5, total) == intervals.Interval(value=0.5)


def test_calibration_error_is_the_distance_of_confidence_and_truth():
    # All answers at 0.8, six of eight right: |0.75 - 0.8|.
    result = prediction_analysis.calibration("student", LABELS, probabilities(STUDENT))
    assert result.error == pytest.approx(0.05, abs=1e-6)
    (only,) = result.bins
    assert (only.count, only.accuracy.value) == (8, 0.75)
    assert result.judgement == "well calibrated"


def test_a_model_that_is_too_sure_is_overconfident():
    values = probabilities(np.zeros(200, int), 0.99)
    labels = np.repeat([0, 1], 100)
    assert (
        prediction_analysis.calibration("x", labels, values).judgement
        == "overconfident"
    )


def test_confusions_are_counted_by_label_and_answer():
    result = prediction_analysis.confusion("student", LABELS, probabilities(STUDENT))
    assert result.counts.tolist() == [[2, 1, 0], [0, 3, 0], [1, 0, 1]]
    assert result.worst(5) == [(0, 1, 1), (2, 0, 1)]


def test_disagreements_are_sorted_by_who_is_right():
    result = prediction_analysis.disagreements(_answers())
    assert result.only_teacher == (2, 7)
    assert result.only_student == (5,)
    assert result.neither == ()
    assert result.total == 3


def test_the_most_confident_mistakes_come_first():
    student = probabilities(STUDENT)
    student[7] = [0.95, 0.0, 0.05]
    assert prediction_analysis.disagreements(
        _answers(student=student)
    ).only_teacher == (7, 2)


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": LABELS[:3]},
        {"labels": LABELS + 1},
        {"teacher": probabilities(TEACHER) * np.nan},
    ],
)
def test_answers_that_cannot_be_are_refused(changes):
    with pytest.raises(ValueError):
        prediction_analysis.checked(_answers(**changes))
