"""SavedModels that anyone exported: called as they are meant to be, or refused."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_data import dense, example, png

from tfx_distill.trainer.config.examples_config import SignatureConfig
from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.export.saved_model import Predictor

PIXELS = tf.TensorSpec([None, 8, 8, 1], tf.uint8)
FLOATS = tf.TensorSpec([None, 8, 8, 1], tf.float32)
FLAT = tf.TensorSpec([None, 64], tf.float32)
RECORDS = tf.TensorSpec([None], tf.string)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(7)
    return dense((8, 8, 1), 3)


@pytest.fixture(scope="module")
def spec(spec):
    return dataclasses.replace(spec, image_feature="photo/encoded")


@pytest.fixture
def load(model, spec, evaluation, tmp_path):
    """A function that saves functions as signatures, and loads the model."""

    def make(config=None, **functions):
        module = tf.Module()
        module.kept = [variable.value for variable in model.variables]
        module.functions = {
            name: tf.function(function, input_signature=[taken])
            for name, (taken, function) in functions.items()
        }
        folder = str(tmp_path / "model")
        tf.saved_model.save(module, folder, signatures=module.functions)
        return Predictor(
            folder, signature=config, spec=spec, sample=lambda: evaluation.images
        )

    return make


@pytest.fixture
def logits(model, evaluation):
    return np.asarray(model(evaluation.images.astype(np.float32), training=False))


def _decoded(records):
    features = {"photo/encoded": tf.io.FixedLenFeature([], tf.string)}
    encoded = tf.io.parse_example(records, features)["photo/encoded"]
    decode = lambda image: tf.ensure_shape(tf.io.decode_png(image), (8, 8, 1))  # noqa: E731
    return tf.map_fn(decode, encoded, fn_output_signature=tf.uint8)


def _logits_of(model):
    return lambda images: {"out": model(tf.cast(images, tf.float32), training=False)}


def _softmax_of(model):
    return lambda images: {"out": tf.nn.softmax(_logits_of(model)(images)["out"])}


def _same_classes(predictor, images, logits):
    outputs = predictor.predict(images)
    assert outputs["logits"].dtype == np.float32
    np.testing.assert_array_equal(outputs["class"], logits.argmax(1))
    softmax = np.asarray(tf.nn.softmax(logits))
    np.testing.assert_allclose(outputs["probabilities"], softmax, atol=1e-5)


def test_pixels_to_logits_leave_no_doubt(load, model, evaluation, logits):
    predictor = load(serving_default=(PIXELS, _logits_of(model)))
    assert predictor.output_values == "logits"
    np.testing.assert_allclose(
        predictor.predict(evaluation.images)["logits"], logits, rtol=1e-4, atol=1e-4
    )


def test_serialized_examples_are_made_from_pixels(load, model, evaluation, logits):
    serve = lambda records: _logits_of(model)(_decoded(records))  # noqa: E731
    predictor = load(anything=(RECORDS, serve))
    np.testing.assert_allclose(
        predictor.predict(evaluation.images)["logits"], logits, rtol=1e-4, atol=1e-4
    )


def test_rows_that_sum_to_one_are_probabilities(load, model, evaluation, logits):
    predictor = load(serving_default=(PIXELS, _softmax_of(model)))
    assert predictor.output_values == "probabilities"
    _same_classes(predictor, evaluation.images, logits)


def test_a_probability_of_zero_has_a_finite_logit(load, evaluation):
    def sure(images):
        return {"out": tf.one_hot(tf.zeros(tf.shape(images)[0], tf.int32), 3)}

    predictor = load(serving_default=(PIXELS, sure))
    row = predictor.predict(evaluation.images)["logits"][0]
    np.testing.assert_allclose(row, [0, np.log(1e-7), np.log(1e-7)], rtol=1e-6)


@pytest.mark.parametrize("name, highest", [("0-255", 255), ("0-1", 1)])
def test_a_declared_pixel_range_scales_float_images(
    load, model, evaluation, logits, name, highest
):
    scaled = lambda images: _logits_of(model)(images * (255 / highest))  # noqa: E731
    config = SignatureConfig(pixel_range=name)
    predictor = load(config, serving_default=(FLOATS, scaled))
    np.testing.assert_allclose(
        predictor.predict(evaluation.images)["logits"], logits, rtol=1e-3, atol=1e-2
    )


def test_flattened_images_are_reshaped(load, model, evaluation, logits):
    flat = lambda rows: _logits_of(model)(tf.reshape(rows, [-1, 8, 8, 1]))  # noqa: E731
    config = SignatureConfig(pixel_range="0-255")
    predictor = load(config, serving_default=(FLAT, flat))
    np.testing.assert_allclose(
        predictor.predict(evaluation.images)["logits"], logits, rtol=1e-3, atol=1e-2
    )


def test_float_images_of_an_unknown_range_are_refused(load, model):
    with pytest.raises(
        ModelError, match=r"set pixel_range to 0-255 or 0-1 or -1-1\. Its"
    ):
        load(serving_default=(FLOATS, _logits_of(model)))


def test_several_signatures_are_refused_and_listed(load, model):
    with pytest.raises(ModelError) as caught:
        load(
            small=(PIXELS, _logits_of(model)),
            large=(PIXELS, _softmax_of(model)),
        )
    (line,) = str(caught.value).splitlines()
    assert "set signature to " in line
    assert "small(images uint8 (?, 8, 8, 1)) -> out float32 (?, 3)" in line
    assert "large(images uint8 (?, 8, 8, 1)) -> out float32 (?, 3)" in line


def test_a_named_signature_is_taken(load, model):
    config = SignatureConfig(signature="large")
    predictor = load(
        config, small=(PIXELS, _logits_of(model)), large=(PIXELS, _softmax_of(model))
    )
    assert predictor.output_values == "probabilities"


def test_several_outputs_are_refused_until_one_is_named(load, model):
    def both(images):
        logits = _logits_of(model)(images)["out"]
        return {"first": logits, "second": tf.nn.softmax(logits)}

    with pytest.raises(ModelError, match="set output to first or second"):
        load(serving_default=(PIXELS, both))
    config = SignatureConfig(output="second")
    assert load(config, serving_default=(PIXELS, both)).output_values == "probabilities"


def test_values_that_can_be_either_are_refused_until_declared(load, model):
    def sigmoid(images):
        return {"out": tf.sigmoid(_logits_of(model)(images)["out"] / 1e3)}

    with pytest.raises(
        ModelError, match="set output_values to logits or probabilities"
    ):
        load(serving_default=(PIXELS, sigmoid))
    config = SignatureConfig(output_values="logits")
    assert load(config, serving_default=(PIXELS, sigmoid)).output_values == "logits"


def test_images_of_another_shape_are_refused(load):
    other = tf.TensorSpec([None, 9, 9, 1], tf.uint8)
    with pytest.raises(ModelError, match=r"images of shape \(8, 8, 1\)"):
        load(serving_default=(other, lambda images: {"out": tf.zeros([1, 3])}))


def test_the_adapted_model_has_both_signatures(
    load, model, spec, evaluation, logits, tmp_path
):
    serve = lambda records: _softmax_of(model)(_decoded(records))  # noqa: E731
    predictor = load(serving_default=(RECORDS, serve))
    assert predictor.is_adapted
    predictor.save(str(tmp_path / "adapted"))
    again = Predictor(str(tmp_path / "adapted"))
    assert not again.is_adapted
    _same_classes(again, evaluation.images, logits)
    names = [spec.class_names[number].encode() for number in logits.argmax(1)]
    assert again.predict(evaluation.images)["class_name"].tolist() == names
    records = [example(**{"photo/encoded": png(image)}) for image in evaluation.images]
    adapted = tf.saved_model.load(str(tmp_path / "adapted"))
    outputs = adapted.signatures["serving_default"](examples=tf.constant(records))
    np.testing.assert_array_equal(outputs["class"], logits.argmax(1))


def test_the_number_of_parameters_is_that_of_the_variables(load, model):
    predictor = load(serving_default=(PIXELS, _logits_of(model)))
    assert predictor.num_parameters == model.count_params()
