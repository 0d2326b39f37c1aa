"""Simulated int8: rounds as it should, learns through it, leaves a plain student."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.config.distillation_config import (
    DistillationConfig,
    FeatureConfig,
)
from tfx_distill.trainer.config.training_config import StudentConfig
from tfx_distill.trainer.data.batches import DistillationData
from tfx_distill.trainer.distillation import training
from tfx_distill.trainer.errors import ConfigError, ModelError
from tfx_distill.trainer.export import keras_files, lite, saved_model
from tfx_distill.trainer.models import architectures, quantization

CONVOLUTIONAL = "small_data.convolutional"
STUDENT = StudentConfig(
    model=CONVOLUTIONAL, epochs=6, batch_size=16, learning_rate=0.01
)


def test_a_kernel_is_rounded_to_127_steps_of_each_channel():
    # Channel 0: one step is 127/127 = 1. Channel 1: it is 2.54/127 = 0.02.
    kernel = np.array([[127.0, 2.54], [-3.4, 0.013]], np.float32)
    rounded = quantization.quantize_kernel(kernel, (0,))
    np.testing.assert_allclose(rounded, [[127.0, 2.54], [-3.0, 0.02]], rtol=1e-6)


def test_a_kernel_of_zeros_stays():
    assert not np.any(quantization.quantize_kernel(np.zeros((2, 2), "f4"), (0, 1)))


def test_activations_are_rounded_within_their_range():
    # From -0.51 to 2.04, one step is 0.01; what lies outside is cut off.
    values = np.array([-9.0, -0.504, 0.0, 0.016, 9.0], np.float32)
    rounded = quantization.quantize_activations(values, -0.51, 2.04)
    np.testing.assert_allclose(rounded, [-0.51, -0.5, 0.0, 0.02, 2.04], atol=1e-6)


def test_zero_is_exact_in_every_range():
    # Steps of 0.7/255: 36.43 of them lie below 0, of which 36 are taken.
    zero, lowest = quantization.quantize_activations(
        np.array([0.0, -1.0], np.float32), -0.1, 0.6
    )
    assert zero == 0
    np.testing.assert_allclose(lowest, -36 * 0.7 / 255, rtol=1e-5)


def test_the_gradient_passes_straight_through():
    kernel = tf.constant([[1.0, -0.3], [0.7, 0.01]])
    values = tf.constant([-9.0, 0.3, 9.0])
    with tf.GradientTape() as tape:
        tape.watch([kernel, values])
        total = tf.reduce_sum(3 * quantization.quantize_kernel(kernel, (0,)))
        total += tf.reduce_sum(2 * quantization.quantize_activations(values, -1.0, 1.0))
    of_kernel, of_values = tape.gradient(total, [kernel, values])
    np.testing.assert_array_equal(of_kernel, np.full((2, 2), 3.0))
    np.testing.assert_array_equal(of_values, [0.0, 2.0, 0.0])


def test_the_range_is_the_mean_of_the_batches():
    layer = quantization.Rounded()
    for batch in ([-1.0, 3.0], [-2.0, 5.0], [1.0, 4.0]):
        layer(np.array([batch], np.float32), training=True)
    # The last batch has no negative value, but 0 is in every range.
    low, high, _ = (float(weight.numpy()) for weight in layer.weights)
    assert (low, high) == (pytest.approx(-1.0), pytest.approx(4.0))


@pytest.fixture(scope="module")
def data(train, evaluation):
    """What a teacher that is sure of the labels says."""

    def split_data(split):
        answers = 8 * np.eye(3, dtype=np.float32)[split.labels][:, np.newaxis]
        return DistillationData(split, answers, ViewsConfig(count=1))

    return split_data(train), split_data(evaluation)


def _train(data, spec, distillation=None, widths=(), **changes):
    config = STUDENT.replace(**changes)
    distillation = distillation or DistillationConfig()
    return training.train_student(
        *data, spec, config, distillation, feature_widths=widths
    )


def _saved(model, spec, folder):
    saved_model.save(
        model, str(folder), role="student", spec=spec, config={}, history={}, seconds=0
    )
    return str(folder)


class Rates(keras.callbacks.Callback):
    """Epochs, and the learning rate at the end of each."""

    def __init__(self):
        super().__init__()
        self.epochs, self.values = [], []

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(epoch)
        self.values.append(float(self.model.optimizer.learning_rate))


@pytest.fixture(scope="module")
def rates():
    return Rates()


@pytest.fixture(scope="module")
def aware(data, spec, rates):
    """A student of six epochs, of which three under simulated int8."""
    config = STUDENT.replace(quantization_aware_epochs=3)
    return training.train_student(
        *data, spec, config, DistillationConfig(), callbacks=[rates]
    )


@pytest.fixture(scope="module")
def plain(data, spec):
    """The same without; calling the simulation would fail."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quantization, "simulated", None)
        return _train(data, spec)


def test_the_student_that_comes_out_is_plain(aware, spec, evaluation, tmp_path):
    student = aware.model
    expected = architectures.build(CONVOLUTIONAL, spec.image_shape, 3)
    shapes = [[w.shape for w in model.weights] for model in (student, expected)]
    assert shapes[0] == shapes[1]
    folder = _saved(student, spec, tmp_path)
    logits = np.asarray(student(evaluation.images))
    answer = saved_model.Predictor(folder).predict(evaluation.images)
    np.testing.assert_allclose(answer["logits"], logits, atol=1e-5)
    again = np.asarray(keras_files.load(folder)(evaluation.images))
    np.testing.assert_allclose(again, logits, atol=1e-5)


def test_what_is_learnt_is_in_the_student(data, spec, evaluation):
    trained = _train(
        data, spec, model="small_data.dense", epochs=10, quantization_aware_epochs=10
    )
    classes = np.asarray(trained.model(evaluation.images)).argmax(1)
    assert np.mean(classes == evaluation.labels) > 0.9


def test_until_the_simulation_begins_training_is_as_ever(plain, aware):
    np.testing.assert_allclose(
        plain.history["loss"][:3], aware.history["loss"][:3], rtol=1e-4
    )
    assert plain.history["loss"][3:] != pytest.approx(aware.history["loss"][3:])


def test_batch_normalization_goes_on_learning(plain, aware):
    for mine, its in zip(_moving(plain.model), _moving(aware.model), strict=True):
        np.testing.assert_allclose(mine, its, atol=0.02)


def _moving(model):
    (layer,) = (
        layer
        for layer in model.layers[-1].layers
        if isinstance(layer, keras.layers.BatchNormalization)
    )
    return np.asarray(layer.moving_mean), np.asarray(layer.moving_variance)


def test_the_history_and_the_schedule_go_on_over_all_epochs(aware, rates):
    assert {len(values) for values in aware.history.values()} == {6}
    cosine = [0.005 * (1 + np.cos(np.pi * (epoch + 1) / 6)) for epoch in range(6)]
    assert rates.epochs == list(range(6))
    np.testing.assert_allclose(rates.values, cosine, atol=1e-8)


def test_the_simulation_answers_as_the_converted_file(
    plain, spec, train, evaluation, tmp_path
):
    student = plain.model
    simulated = quantization.simulated(student, student)
    # Ranges of the whole split, as the calibration has them; BatchNormalization is
    # not to learn from it.
    for layer in simulated.layers[-1].layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
    simulated(train.images, training=True)
    content = lite.convert(_saved(student, spec, tmp_path), "int8", train.images)
    predictor = lite.LitePredictor(content)
    converted = predictor.predict(evaluation.images)["logits"]
    expected = np.asarray(simulated(evaluation.images, training=False))
    np.testing.assert_allclose(converted, expected, atol=2.1 * predictor.output.scale)


def coarse(image_shape, num_classes):
    """Huge weights that nothing needs take most of the steps of their kernel.

    They meet a unit that is always 0, so that the model computes the same without them.
    Each class has one: newer converters scale each class by itself.
    """
    keras.utils.set_random_seed(0)
    inputs = keras.Input(image_shape)
    flat = keras.layers.Flatten()(inputs)
    hidden = keras.layers.Dense(16, activation="relu", name="hidden")(flat)
    outputs = keras.layers.Dense(num_classes, name="last")(hidden)
    model = keras.Model(inputs, outputs)
    last = model.get_layer("last")
    kernel = np.asarray(last.kernel).copy()
    kernel[0] = 160.0
    last.kernel.assign(kernel)
    first = model.get_layer("hidden")
    first.bias.assign([-100.0] + [0.0] * 15)
    return model


def test_a_student_that_int8_would_harm_learns_to_bear_it(
    data, spec, train, evaluation, tmp_path
):
    accuracies = []
    for number in (0, 10):
        student = _train(
            data, spec, model=f"{__name__}.coarse", epochs=20, schedule="constant",
            quantization_aware_epochs=number,
        ).model  # fmt: skip
        folder = _saved(student, spec, tmp_path / str(number))
        content = lite.convert(folder, "int8", train.images)
        classes = lite.LitePredictor(content).predict(evaluation.images)["class"]
        accuracies.append(np.mean(classes == evaluation.labels))
    assert accuracies[0] < 0.8
    assert accuracies[1] == 1.0


def test_features_are_learnt_under_it_too(data, spec, train, evaluation):
    def with_feature(split_data):
        feature = np.ones((len(split_data.split), 1, 2), np.float32)
        answers = np.concatenate([split_data.predictions, feature], axis=-1)
        return dataclasses.replace(split_data, predictions=answers)

    pairs = (FeatureConfig(teacher="any", student="hidden"),)
    trained = _train(
        tuple(map(with_feature, data)), spec, DistillationConfig(features=pairs),
        (2,), model="small_data.dense", quantization_aware_epochs=3,
    )  # fmt: skip
    assert trained.model.output_shape == (None, 3)
    assert trained.history["loss"][-1] < 0.5 * trained.history["loss"][0]


def test_a_student_without_a_layer_to_quantize_is_refused(data, spec):
    with pytest.raises(ModelError, match="has no layer that quantization-aware"):
        _train(data, spec, model=f"{__name__}.pooled", quantization_aware_epochs=1)


def pooled(image_shape, num_classes):
    return keras.Sequential(
        [
            keras.Input(image_shape),
            keras.layers.Conv2DTranspose(num_classes, 3),
            keras.layers.GlobalAveragePooling2D(),
        ]
    )


def test_more_epochs_than_there_are_are_refused():
    expected = r"student.quantization_aware_epochs must be an integer in \[0, 6\]"
    with pytest.raises(ConfigError, match=expected):
        STUDENT.replace(quantization_aware_epochs=7)
