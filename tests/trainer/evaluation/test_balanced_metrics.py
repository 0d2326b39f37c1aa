"""Metrics for classes that are not equally frequent, against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn import metrics

from tfx_distill.trainer.evaluation import balanced_metrics

NAMES = {
    "balanced_accuracy": lambda labels, found: metrics.recall_score(
        labels, found, average="macro", labels=np.unique(labels)
    ),
    "macro_f1": lambda labels, found: metrics.f1_score(
        labels, found, average="macro", labels=np.unique(labels)
    ),
}


def _drawn(seed=0, size=400):
    """Labels of four classes, one of them rare and one without an image."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(4, size, p=[0.6, 0.35, 0.05, 0])
    probabilities = rng.dirichlet(np.ones(4), size)
    probabilities[np.arange(size), labels] += 0.4
    return labels, probabilities


@pytest.mark.parametrize("name", NAMES)
def test_values_are_those_of_scikit_learn(name):
    labels, probabilities = _drawn()
    found = balanced_metrics.metric(name, labels, probabilities)
    expected = NAMES[name](labels, probabilities.argmax(1))
    assert found.value == pytest.approx(expected)


def test_the_label_may_be_among_the_first():
    labels, probabilities = _drawn()
    found = balanced_metrics.metric("top_2_accuracy", labels, probabilities)
    expected = metrics.top_k_accuracy_score(labels, probabilities, k=2, labels=range(4))
    assert found.value == pytest.approx(expected)


@pytest.mark.parametrize("name", [*NAMES, "top_2_accuracy"])
def test_the_influence_is_the_derivative_in_an_images_weight(name):
    labels, probabilities = _drawn(size=60)
    found = balanced_metrics.metric(name, labels, probabilities)
    assert found.influence.mean() == pytest.approx(0, abs=1e-12)
    # Three more of an image weigh 3 / (n + 3).
    copies = 3
    for image in (0, 17, 59):
        rows = np.append(np.arange(60), [image] * copies)
        more = balanced_metrics.metric(name, labels[rows], probabilities[rows])
        change = (more.value - found.value) * (60 + copies) / copies
        assert change == pytest.approx(found.influence[image], abs=0.15, rel=0.2)


@pytest.mark.parametrize("name", NAMES)
def test_one_image_moves_the_value_by_at_most_its_reach(name):
    # Two of the four classes have images; the smaller has one of four.
    labels = np.array([0, 0, 0, 1])
    found = balanced_metrics.metric(name, labels, np.eye(4)[labels])
    assert found.reach == 1 / (2 * 0.25)


def test_the_bound_of_equal_models_lies_below_zero_and_within_reach():
    found = balanced_metrics.metric("macro_f1", *_drawn())
    measured = balanced_metrics.compare(found, found, 0.95)
    assert measured.difference == 0 and -0.1 < measured.low < 0
    assert measured.student_low < measured.student < measured.student_high
    assert balanced_metrics.compare(found, found, 0.999).low < measured.low


def test_intervals_by_hand():
    # 90 of 100 right, the teacher on 6 fewer. Of the differences and both added images,
    # sqrt(100 * 0.06 * 0.94 + 2) / 102; of the student alone, sqrt(9 + 2) / 102.
    student, teacher = (
        balanced_metrics.mean((np.arange(100) < right).astype(float))
        for right in (90, 84)
    )
    found = balanced_metrics.compare(student, teacher, 0.95)
    assert found.low == pytest.approx(0.06 - 0.01 - 1.644854 * 0.0270984, abs=1e-6)
    around = 1.959964 * 0.0325159
    assert found.student_low == pytest.approx(0.9 - around, abs=1e-6)
    assert found.student_high == pytest.approx(0.9 + around, abs=1e-6)


def test_intervals_end_where_shares_do():
    right, wrong = (balanced_metrics.mean(np.full(9, value)) for value in (1.0, 0.0))
    assert balanced_metrics.compare(right, None, 0.95).student_high == 1
    assert balanced_metrics.compare(wrong, right, 0.95).student_low == 0
    assert balanced_metrics.compare(wrong, right, 0.95).low == -1


def test_without_a_teacher_there_is_no_difference():
    found = balanced_metrics.metric("macro_f1", *_drawn())
    measured = balanced_metrics.compare(found, None, 0.95)
    assert (measured.teacher, measured.difference, measured.low) == (None,) * 3
