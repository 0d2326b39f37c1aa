"""Losses against numbers worked out by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfx_distill.trainer import losses

# At T=2 these are the probabilities [1/4, 3/4] against [1/2, 1/2]:
# KL = 1/4 ln(1/2) + 3/4 ln(3/2) = 0.1308121.
TEACHER = np.array([[0.0, 2 * np.log(3)]], np.float32)
STUDENT = np.zeros((1, 2), np.float32)
KL = 0.25 * np.log(0.5) + 0.75 * np.log(1.5)


def _random_logits(seed, size=64, num_classes=10):
    rng = np.random.default_rng(seed)
    return rng.normal(0, 4, (size, num_classes)).astype(np.float32)


def _reference(teacher, student, labels, temperature, weight):
    """The whole loss in float64, from probabilities, as the paper writes it."""
    teacher, student = teacher.astype(np.float64), student.astype(np.float64)
    p, q, hard = (
        np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        for z in (teacher / temperature, student / temperature, student)
    )
    soft = temperature**2 * np.sum(p * np.log(p / q), axis=1)
    cross_entropy = -np.log(hard[np.arange(len(labels)), labels])
    return np.mean((1 - weight) * soft + weight * cross_entropy)


def _loss(**options):
    return losses.DistillationLoss(
        num_classes=2, temperature=2.0, student_loss_weight=0.25, **options
    )


def test_soft_loss_is_scaled_by_temperature_squared():
    loss = losses.soft_target_loss(TEACHER, STUDENT, temperature=2.0)
    np.testing.assert_allclose(loss, [4 * 0.1308121], rtol=1e-5)


def test_soft_loss_without_scaling_is_the_plain_divergence():
    loss = losses.soft_target_loss(
        TEACHER, STUDENT, temperature=2.0, temperature_squared=False
    )
    np.testing.assert_allclose(loss, [KL], rtol=1e-5)


def test_soft_loss_goes_from_teacher_to_student_and_not_back():
    back = losses.soft_target_loss(
        STUDENT, TEACHER, temperature=2.0, temperature_squared=False
    )
    by_hand = 0.5 * np.log(0.5 / 0.25) + 0.5 * np.log(0.5 / 0.75)
    np.testing.assert_allclose(back, [by_hand], rtol=1e-5)


def test_soft_loss_is_zero_for_the_teachers_own_logits_up_to_a_constant():
    loss = losses.soft_target_loss(TEACHER, TEACHER + 7.0, temperature=3.0)
    np.testing.assert_allclose(loss, [0.0], atol=1e-6)


def test_soft_loss_is_finite_for_a_certain_teacher_and_a_wrong_student():
    # By hand: p = [1, 0], log q = [-2000, 0] at T=1, so KL = 2000.
    teacher = np.array([[1000.0, -1000.0]], np.float32)
    loss = losses.soft_target_loss(teacher, -teacher, temperature=1.0)
    np.testing.assert_allclose(loss, [2000.0], rtol=1e-6)


def test_soft_loss_at_high_temperature_matches_half_the_squared_logit_distance():
    # T -> inf: T^2 KL -> sum((a - b)^2) / (2 N) for centred logits (Hinton, eq. 4).
    a, b = np.array([[1.0, -1.0]], np.float32), np.array([[0.5, -0.5]], np.float32)
    loss = losses.soft_target_loss(a, b, temperature=100.0)
    np.testing.assert_allclose(loss, [(0.25 + 0.25) / 4], rtol=2e-2)


def test_soft_loss_gradient_is_temperature_times_difference_of_probabilities():
    student = tf.Variable(STUDENT)
    with tf.GradientTape() as tape:
        loss = losses.soft_target_loss(TEACHER, student, temperature=2.0)
    # d(T^2 KL)/d(logit) = T (q - p) = 2 ([1/2, 1/2] - [1/4, 3/4]).
    np.testing.assert_allclose(tape.gradient(loss, student), [[0.5, -0.5]], rtol=1e-5)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_a_temperature_that_is_not_positive_is_refused(temperature):
    with pytest.raises(ValueError, match="temperature must be > 0"):
        losses.soft_target_loss(TEACHER, STUDENT, temperature=temperature)
    with pytest.raises(ValueError, match="temperature must be > 0"):
        losses.DistillationLoss(
            num_classes=2, temperature=temperature, student_loss_weight=0.1
        )


@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan")])
def test_a_weight_that_is_no_share_is_refused(weight):
    with pytest.raises(ValueError, match=r"student_loss_weight must be in \[0, 1\]"):
        losses.DistillationLoss(
            num_classes=2, temperature=1, student_loss_weight=weight
        )


@pytest.mark.parametrize("shape", [(1, 3), (2, 2), (2,)])
def test_soft_loss_refuses_logits_of_different_shapes(shape):
    with pytest.raises(
        ValueError, match=r"teacher \(1, 2\) and .* logits must be equal"
    ):
        losses.soft_target_loss(TEACHER, np.zeros(shape), temperature=2.0)


def test_distillation_loss_refuses_targets_that_are_not_packed():
    with pytest.raises(ValueError, match=r"expected \(batch, 3\) from pack_targets"):
        _loss()(TEACHER, STUDENT)


def test_feature_loss_is_the_mean_squared_error():
    # (2² + 4²) / 2 and (0² + 1²) / 2.
    teacher = np.array([[1.0, 2.0], [0.0, 1.0]], "f4")
    student = np.array([[3.0, -2.0], [0.0, 2.0]], "f4")
    np.testing.assert_allclose(losses.feature_loss(teacher, student), [10, 0.5])


def test_feature_loss_refuses_features_of_different_widths():
    with pytest.raises(ValueError, match="of teacher .* features must be equal"):
        losses.feature_loss(np.zeros((1, 3), "f4"), np.zeros((1, 1), "f4"))


def test_hard_label_loss_is_cross_entropy_at_temperature_one():
    # softmax([0, ln 3]) = [1/4, 3/4]; label 1: -ln 3/4.
    loss = losses.hard_label_loss(np.array([[0.0, 1.0]]), np.array([[0.0, np.log(3)]]))
    np.testing.assert_allclose(loss, [-np.log(0.75)], rtol=1e-5)


def test_label_smoothing_spreads_a_share_over_all_classes():
    # Label [0.9 + 0.1/2, 0.1/2] against [1/2, 1/2] and [1/4, 3/4].
    logits = np.array([[0.0, 0.0], [0.0, np.log(3)]])
    labels = np.array([[1.0, 0.0], [1.0, 0.0]])
    loss = losses.hard_label_loss(labels, logits, label_smoothing=0.1)
    expected = [np.log(2), -0.95 * np.log(0.25) - 0.05 * np.log(0.75)]
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_a_mixture_counts_its_labelled_part():
    # Half an image of class 0, half one without label: w = 1/4 · 1/2, cross-entropy ln 2.
    targets = losses.pack_targets(np.array([[0.5, 0.0]]), TEACHER)
    expected = [0.875 * 4 * KL + 0.125 * np.log(2)]
    np.testing.assert_allclose(_loss().call(targets, STUDENT), expected, rtol=1e-5)


def test_shares_and_an_index_are_the_same_label():
    one, other = (
        losses.pack_targets(np.array(x), TEACHER) for x in ([1], [[0.0, 1.0]])
    )
    np.testing.assert_allclose(
        _loss()(one, STUDENT), _loss()(other, STUDENT), rtol=1e-6
    )


def test_distillation_loss_weighs_soft_and_hard_and_means_over_the_batch():
    loss = _loss()
    targets = losses.pack_targets(np.array([0, 0]), np.repeat(TEACHER, 2, axis=0))
    value = loss(targets, np.repeat(STUDENT, 2, axis=0))
    # Hard: -ln 1/2 for both images.
    np.testing.assert_allclose(value, 0.75 * 4 * KL + 0.25 * np.log(2), rtol=1e-5)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0, 20.0])
@pytest.mark.parametrize("weight", [0.0, 0.1, 0.9, 1.0])
def test_distillation_loss_agrees_with_a_float64_reference(temperature, weight):
    teacher, student = _random_logits(1), _random_logits(2)
    labels = np.random.default_rng(3).integers(0, 10, len(teacher))
    loss = losses.DistillationLoss(
        num_classes=10, temperature=temperature, student_loss_weight=weight
    )
    value = loss(losses.pack_targets(labels, teacher), student)
    expected = _reference(teacher, student, labels, temperature, weight)
    np.testing.assert_allclose(value, expected, rtol=1e-4)


@pytest.mark.parametrize(("weight", "matters"), [(0.0, "teacher"), (1.0, "label")])
def test_at_its_limits_the_weight_leaves_one_of_both_out(weight, matters):
    loss = losses.DistillationLoss(
        num_classes=2, temperature=2.0, student_loss_weight=weight
    )
    student = np.array([[0.3, 0.1]], np.float32)

    def value(label, teacher):
        return float(loss(losses.pack_targets(np.array([label]), teacher), student))

    assert (value(0, TEACHER) != value(1, TEACHER)) == (matters == "label")
    assert (value(0, TEACHER) != value(0, 2 * TEACHER)) == (matters == "teacher")


def test_distillation_loss_gradient_agrees_with_finite_differences():
    teacher, student = _random_logits(1, 2, 3), _random_logits(2, 2, 3)
    labels = np.array([0, 2])
    loss = losses.DistillationLoss(
        num_classes=3, temperature=3.0, student_loss_weight=0.3
    )
    variable = tf.Variable(student)
    with tf.GradientTape() as tape:
        value = loss(losses.pack_targets(labels, teacher), variable)
    step = 1e-5
    differences = np.zeros(student.shape)
    for place in np.ndindex(student.shape):
        change = np.zeros(student.shape)
        change[place] = step
        up, down = (
            _reference(
                teacher, student.astype(np.float64) + sign * change, labels, 3, 0.3
            )
            for sign in (1, -1)
        )
        differences[place] = (up - down) / (2 * step)
    np.testing.assert_allclose(tape.gradient(value, variable), differences, atol=1e-4)


def test_features_count_with_their_weights():
    # Distances: mean([1, 1]) = 1 and 4; weights 2 and 0.5: 2 * 1 + 0.5 * 4 = 4.
    loss = _loss(features=[(2, 2.0), (1, 0.5)])
    answers = np.array([[0.0, 0.0, 1.0, 1.0, 2.0]], np.float32)
    value = loss(losses.pack_targets(np.array([0]), answers), np.zeros((1, 5), "f4"))
    np.testing.assert_allclose(value, 0.25 * np.log(2) + 4, rtol=1e-5)


def test_accuracy_is_against_labels_and_agreement_against_the_teacher():
    features = np.full((2, 1), 9, np.float32)
    predictions = np.hstack([np.repeat(TEACHER, 2, axis=0), features])
    targets = losses.pack_targets(np.array([0, 1]), predictions)
    answers = np.array([[1.0, 0.0, 9.0], [1.0, 0.0, 9.0]], np.float32)
    accuracy, agreement = losses.PackedAccuracy(2), losses.PackedAgreement(2)
    assert float(accuracy(targets, answers)) == 0.5
    assert float(agreement(targets, answers)) == 0.0


def test_an_example_without_label_leaves_all_to_the_teacher():
    # With a label: (1 - 1/4) 4 KL + 1/4 ln 2; without: 4 KL.
    student = np.repeat(STUDENT, 2, axis=0)
    targets = losses.pack_targets(np.array([1, -1]), np.repeat(TEACHER, 2, axis=0))
    expected = [3 * KL + 0.25 * np.log(2), 4 * KL]
    np.testing.assert_allclose(_loss().call(targets, student), expected, rtol=1e-5)


def test_accuracy_is_of_labelled_examples_alone_and_agreement_of_all():
    targets = losses.pack_targets(np.array([0, -1]), np.repeat(TEACHER, 2, axis=0))
    answers = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)
    accuracy, agreement = losses.PackedAccuracy(2), losses.PackedAgreement(2)
    assert float(accuracy(targets, answers)) == 1.0
    assert float(agreement(targets, answers)) == 0.5


def test_distillation_loss_survives_keras_serialization():
    loss = _loss()
    copy = keras.losses.deserialize(keras.losses.serialize(loss))
    targets = losses.pack_targets(np.array([0]), TEACHER)
    np.testing.assert_allclose(copy(targets, STUDENT), loss(targets, STUDENT))
