"""A trained model is there again, whatever Keras can write or load."""

import dataclasses
import os

import keras
import numpy as np
import pytest
import written_models

from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.export import keras_files, lite, saved_model, saved_model_files
from tfx_distill.trainer.models import architectures


@pytest.fixture
def save(spec, tmp_path):
    """A function that builds and saves a model; returns it and its folder."""

    def run(function, **options):
        path = f"written_models.{function.__name__}"
        keras.utils.set_random_seed(5)
        model = architectures.build(path, spec.image_shape, 3, options)
        model.set_weights([weights + 0.1 for weights in model.get_weights()])
        saved_model.save(
            model, str(tmp_path), role="student", spec=spec, config={}, history={},
            seconds=0, source=architectures.source(path, options),
        )  # fmt: skip
        return model, str(tmp_path)

    return run


def _answers(model, images):
    return np.asarray(model(images, training=False))


def _rounding(function):
    """bfloat16 has 8 bits, and TensorFlow rounds less where it joins operations."""
    return 0.02 if function is written_models.half_precision else 1e-4


@pytest.mark.parametrize("function", written_models.WORKING)
def test_a_loaded_model_answers_as_the_trained_one(function, save, evaluation):
    model, folder = save(function)
    expected = _answers(model, evaluation.images)
    np.testing.assert_allclose(
        _answers(keras_files.load(folder), evaluation.images), expected, atol=1e-5
    )
    served = saved_model.Predictor(folder).logits(evaluation.images)
    np.testing.assert_allclose(served, expected, atol=_rounding(function))


@pytest.mark.parametrize("function", written_models.WORKING)
def test_litert_files_answer_as_the_trained_model(function, save, evaluation):
    model, folder = save(function)
    expected = _answers(model, evaluation.images)
    found = {
        flavour: lite.LitePredictor(
            lite.convert(folder, flavour, evaluation.images)
        ).predict(evaluation.images)["logits"]
        for flavour in lite.LITE_FLAVOURS
    }
    np.testing.assert_allclose(found["float32"], expected, atol=_rounding(function))
    # int8 has 255 steps for all logits; log_softmax has fixed ones of 1/16.
    atol = max(0.1, 0.01 * np.ptp(expected))
    np.testing.assert_allclose(found["int8"], expected, atol=atol)


def test_arguments_of_the_function_are_kept(save, evaluation):
    model, folder = save(written_models.custom_layer, by=7.0)
    again = _answers(keras_files.load(folder), evaluation.images)
    np.testing.assert_allclose(again, _answers(model, evaluation.images), atol=1e-5)


def test_only_what_keras_cannot_describe_has_a_file_of_weights(save):
    _, folder = save(written_models.lambda_layer)
    assert os.listdir(f"{folder}/assets.extra") == ["model_card.json", "model.keras"]


def test_a_subclassed_model_has_its_weights(save):
    _, folder = save(written_models.subclassed)
    assert sorted(os.listdir(f"{folder}/assets.extra")) == [
        "model.weights.h5",
        "model_card.json",
    ]


def _with_source(folder, **changes):
    card = saved_model_files.read_card(folder)
    source = dataclasses.replace(card.source, **changes)
    saved_model_files.write_card(dataclasses.replace(card, source=source), folder)


def test_changed_code_is_said_in_one_line(save):
    _, folder = save(written_models.custom_layer)
    _with_source(folder, code="0" * 64)
    with pytest.raises(ModelError, match="whose file has changed since") as caught:
        keras_files.load(folder)
    assert "\n" not in str(caught.value)


def test_code_that_is_gone_is_said_in_one_line(save):
    _, folder = save(written_models.subclassed)
    _with_source(folder, function="written_models.gone")
    with pytest.raises(ModelError, match="No model function written_models.gone"):
        keras_files.load(folder)


def test_weights_of_another_model_are_refused(save):
    _, folder = save(written_models.subclassed)
    code = architectures.source_digest("small_data.dense")
    _with_source(folder, function="small_data.dense", code=code)
    with pytest.raises(ModelError, match="cannot be built again by small_data.dense"):
        keras_files.load(folder)


def test_a_model_of_an_earlier_version_loads_as_before(exported, evaluation):
    model, folder = exported  # its card names no function
    assert saved_model_files.read_card(folder).source is None
    again = _answers(keras_files.load(folder), evaluation.images)
    np.testing.assert_allclose(again, _answers(model, evaluation.images), atol=1e-5)
