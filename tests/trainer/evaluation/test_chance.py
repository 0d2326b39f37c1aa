"""Predictions near chance are found, and a wrong order of classes is named."""

import numpy as np
import pytest

from tfx_distill.trainer.evaluation import chance

NAMES = ("ant", "bee", "cat", "dog")


def _predictions(accuracy, num_classes=4, size=4000, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, num_classes, size)
    guesses = rng.integers(0, num_classes, size)
    return np.where(rng.random(size) < accuracy, labels, guesses), labels


def test_guesses_are_near_chance_and_named_as_foreign():
    found = chance.measure(*_predictions(0.0), 4)
    assert found.is_near_chance and not found.is_reordered
    assert found.mistake(NAMES) == "They are of other images, or of other classes."


def test_a_rotated_order_is_near_chance_and_the_order_is_told():
    predicted, labels = _predictions(0.9)
    found = chance.measure((predicted + 1) % 4, labels, 4)
    assert found.is_near_chance and found.is_reordered
    assert "as dog, ant, bee, cat the accuracy would be 0.9" in found.mistake(NAMES)


def test_a_constant_prediction_is_near_chance_however_unbalanced_the_classes():
    labels = np.repeat([0, 1], [950, 50])
    assert chance.measure(np.zeros_like(labels), labels, 2).is_near_chance


def test_a_weak_model_of_many_classes_is_far_from_chance():
    assert not chance.measure(*_predictions(0.08, num_classes=500), 500).is_near_chance


def test_accuracy_and_chance_are_those_of_the_definition():
    found = chance.measure(np.array([0, 0, 0, 1]), np.array([0, 1, 1, 1]), 2)
    # Cohen: predictions and labels are 0 with shares 3/4 and 1/4.
    assert (found.accuracy, found.chance) == (0.5, 0.75 * 0.25 + 0.25 * 0.75)
    assert chance.measure(np.array([], int), np.array([], int), 2).accuracy == 0


def test_the_order_that_fits_best_moves_no_class_in_vain():
    found = chance.measure(np.array([0, 1, 2]), np.array([1, 2, 0]), 3)
    assert (found.best_order, found.best_accuracy) == ((1, 2, 0), 1)
    found = chance.measure(np.array([0, 0]), np.array([0, 1]), 2)
    assert (found.best_order, found.best_accuracy) == ((0, 1), 0.5)


@pytest.mark.parametrize(
    ("accuracy", "by_chance", "best", "is_near", "is_reordered"),
    [
        # Kappa: 0.15 and 0.09 of what is beyond chance.
        (0.915, 0.9, 0.915, False, False),
        (0.909, 0.9, 0.909, True, False),
        (0.199, 0.11, 0.199, False, False),  # kappa is 0.1
        (0.1, 0.1, 0.6, True, True),
        (0.5, 0.5, 0.75, True, False),  # half of the errors, and not less
        (0.1, 0.05, 0.1, False, False),  # kappa 0.05, but twice what chance gives
        (0.09, 0.05, 0.09, True, False),
        (1.0, 1.0, 1.0, True, False),  # one class
    ],
)
def test_what_is_near_chance_and_what_another_order_explains(
    accuracy, by_chance, best, is_near, is_reordered
):
    found = chance.Agreement(
        num_examples=1000,
        accuracy=accuracy,
        chance=by_chance,
        best_order=(0, 1),
        best_accuracy=best,
    )
    assert (found.is_near_chance, found.is_reordered) == (is_near, is_reordered)
