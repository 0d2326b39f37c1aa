"""Predictions near chance are found, and a wrong order of classes is named."""

import numpy as np

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
    found = chance.measure(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), 2)
    # Cohen: predictions and labels are 0 with shares 1/2 and 1/4.
    assert (found.accuracy, found.chance) == (0.75, 0.5 * 0.25 + 0.5 * 0.75)
