"""Models that exist already are opened as they are, or refused with what to do."""

import dataclasses
from unittest import mock

import keras
import level_teachers
import numpy as np
import pytest
import written_models
from level_teachers import SPEC

from tfx_distill.trainer.config.imported_config import ImportedConfig
from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.export import model_sources
from tfx_distill.trainer.export.imported_model import ImportedModel

SQUARE = dataclasses.replace(SPEC, image_shape=(32, 32, 3))
MOBILE = "keras.applications.MobileNetV2"
OPTIONS = {"alpha": 0.35}
IMAGES = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)


def _open(path, function="", spec=SQUARE, **settings):
    return model_sources.open_model(
        str(path), function, ImportedConfig(**settings), spec
    )


def _keras_file(folder, *layers, shape=(32, 32, 3)):
    head = [keras.layers.Flatten(), keras.layers.Dense(5, activation="softmax")]
    model = keras.Sequential([keras.Input(shape), *layers, *head])
    model.save(folder / "teacher.keras")
    return model, folder / "teacher.keras"


def test_a_keras_file_gives_what_its_model_gives(tmp_path):
    model, path = _keras_file(tmp_path)
    config = ImportedConfig(pixel_range="0-1")
    imported = ImportedModel(_open(path), SQUARE, config, IMAGES)
    expected = model(IMAGES.astype(np.float32) / 255)
    found = imported.predict(IMAGES)["probabilities"]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_layer_that_scales_pixels_says_the_range(tmp_path):
    layers = keras.layers.RandomFlip(), keras.layers.Rescaling(1 / 255, name="unit")
    source = _open(_keras_file(tmp_path, *layers)[1])
    assert source.pixel_range == "0-255"
    assert source.reason == "its layer unit scales pixels"


@pytest.mark.parametrize(
    "make", [written_models.custom_layer, written_models.lambda_layer]
)
def test_a_keras_file_with_code_of_its_own_is_refused(tmp_path, make):
    make((32, 32, 3), 5).save(tmp_path / "own.keras")
    registered = keras.saving.get_custom_objects()
    with mock.patch.dict(registered, clear=True), pytest.raises(ModelError) as e:
        _open(tmp_path / "own.keras")
    assert "save it with model.export('teacher')" in str(e.value)
    assert "\n" not in str(e.value)


def test_the_export_of_a_custom_layer_is_taken(tmp_path):
    model = written_models.custom_layer((32, 32, 3), 5)
    model.export(str(tmp_path / "exported"), verbose=False)
    config = ImportedConfig(pixel_range="0-255")
    imported = ImportedModel(_open(tmp_path / "exported"), SQUARE, config, IMAGES)
    expected = model(IMAGES.astype(np.float32))
    np.testing.assert_allclose(
        imported.predict(IMAGES)["logits"], expected, rtol=1e-3, atol=1e-3
    )


def test_a_function_gets_its_weights_and_says_its_range(tmp_path):
    model = keras.applications.MobileNetV2(
        weights=None, classes=5, input_shape=(32, 32, 3), **OPTIONS
    )
    model.save_weights(tmp_path / "mobile.weights.h5")
    source = _open(tmp_path / "mobile.weights.h5", MOBILE, options=OPTIONS)
    assert source.pixel_range == "-1-1"
    imported = ImportedModel(source, SQUARE, ImportedConfig(pixel_range="-1-1"), IMAGES)
    expected = model(IMAGES.astype(np.float32) / 127.5 - 1, training=False)
    np.testing.assert_allclose(
        imported.predict(IMAGES)["probabilities"], expected, atol=1e-5
    )


@pytest.mark.parametrize(
    ("name", "known"),
    [("ResNet50", "caffe"), ("DenseNet121", "torch"), ("EfficientNetB0", "0-255")],
)
def test_the_range_of_a_function_is_that_of_its_preprocess_input(name, known):
    build = getattr(keras.applications, name)
    assert model_sources._known_range(build) == known


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            MOBILE,
            "cannot be built with .* and the weights in .*Set teacher.imported.opt",
        ),
        ("keras.applications.MobileNet9", "this version of keras has no such function"),
        ("keras_hub.models.Nothing", "Install it: pip install keras-hub"),
    ],
)
def test_a_function_that_cannot_be_built_is_refused(tmp_path, function, message):
    if function.startswith("keras_hub"):
        message = f"{message}|has no such function"
    with pytest.raises(ModelError, match=message) as caught:
        _open(tmp_path / "nothing.weights.h5", function, options=OPTIONS)
    assert "\n" not in str(caught.value)


def test_a_version_that_was_pushed_says_its_classes(exported, spec):
    _, folder = exported
    source = _open(folder, spec=spec)
    assert source.class_names == spec.class_names
    assert source.image_shape(ImportedConfig(), SQUARE) == ((8, 8, 1), False)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.keras", "there is no such file"),
        ("teacher.h5", "expected a .keras file or the folder of a SavedModel"),
        ("", "no saved_model.pb, there is 1, 2. Set teacher.from to"),
    ],
)
def test_what_is_no_model_is_refused(tmp_path, name, message):
    for version in ("1", "2"):
        (tmp_path / version).mkdir()
    with pytest.raises(ModelError, match=message):
        _open(tmp_path / name)


def test_a_grey_teacher_gets_grey_of_colour(tmp_path):
    _, path = _keras_file(tmp_path, shape=(16, 16, 1))
    config = ImportedConfig(pixel_range="0-1")
    imported = ImportedModel(_open(path), SQUARE, config, IMAGES)
    assert imported.image_shape == (16, 16, 1)
    assert imported.predict(IMAGES)["logits"].shape == (4, 5)


def test_flattened_inputs_take_their_square(tmp_path):
    model = keras.Sequential([keras.Input((784,)), keras.layers.Dense(5)])
    model.save(tmp_path / "flat.keras")
    source = _open(tmp_path / "flat.keras")
    assert source.image_shape(ImportedConfig(), SQUARE) == ((28, 28, 1), False)


def test_a_saved_adapted_teacher_gives_the_same(tmp_path):
    folder = level_teachers.saved(tmp_path / "plain")
    model, found = level_teachers.check(folder)
    model.save(str(tmp_path / "adapted"), found.settings, found.origin("abc"))
    again = model_sources.open_model(
        str(tmp_path / "adapted"), "", ImportedConfig(), SPEC
    )
    pixels, _ = level_teachers.images(20)
    repeated = ImportedModel(again, SPEC, ImportedConfig(), pixels)
    np.testing.assert_allclose(
        repeated.predict(pixels)["logits"], model.predict(pixels)["logits"], atol=1e-5
    )
