"""A teacher that exists already becomes a teacher of the examples, or is refused."""

import digit_models
import keras
import numpy as np
import pytest
import tensorflow as tf
from tfx.types import standard_artifacts

from tfx_distill.components import property_names
from tfx_distill.components.imported_teacher.executor import Executor
from tfx_distill.trainer.config.imported_config import ImportedConfig
from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.export import saved_model_files
from tfx_distill.trainer.export.saved_model import Predictor
from tfx_distill.trainer.models.teachers import Teachers

SHAPE = (32, 32, 3)


@pytest.fixture
def run(examples, tmp_path):
    """A function that runs the executor; returns the folder of the teacher."""

    def make(path, function=None, **settings):
        source, model = standard_artifacts.Model(), standard_artifacts.Model()
        source.uri, model.uri = str(path), str(tmp_path / "made")
        properties = {"imported": ImportedConfig(**settings).to_json()}
        properties |= {"function": function} if function else {}
        Executor().Do(
            {"examples": [examples], "source": [source]}, {"model": [model]}, properties
        )
        return model

    return make


@pytest.fixture(scope="module")
def plain(student_model, examples, tmp_path_factory):
    """A SavedModel of plain TensorFlow, from pixels in 0–1 to probabilities."""
    spec, *_ = digit_models.splits(examples)

    folder = str(tmp_path_factory.mktemp("plain"))
    served = digit_models.Plain(student_model, spec.image_shape)
    tf.saved_model.save(served, folder, signatures=served.classify)
    return folder


def _accuracy(model, examples):
    _, _, evaluation = digit_models.splits(examples)
    found = Predictor(digit_models.serving_path(model)).classes(evaluation.images)
    return np.mean(found == evaluation.labels)


def test_a_savedmodel_of_plain_tensorflow_becomes_a_teacher(run, plain, examples):
    model = run(plain)
    assert _accuracy(model, examples) > 0.85
    card = saved_model_files.read_card(digit_models.serving_path(model))
    (origin,) = card.origins
    assert origin.place == plain
    assert origin.digest == saved_model_files.source_digest(plain)
    assert "pixel_range is 0-1" in origin.found[0]
    assert card.config["teacher"]["imported"]["pixel_range"] == "0-1"
    assert model.get_string_custom_property(property_names.IMPORTED_FROM) == plain
    spec, *_ = digit_models.splits(examples)
    Teachers([digit_models.serving_path(model)]).require_fit(spec)


def test_a_model_of_keras_applications_becomes_a_teacher(run, examples, tmp_path):
    _, train, _ = digit_models.splits(examples)
    keras.utils.set_random_seed(0)
    options = {"alpha": 0.25}
    build = keras.applications.MobileNet
    model = build(weights=None, classes=10, input_shape=SHAPE, **options)
    images = tf.image.grayscale_to_rgb(tf.constant(train.images))
    images = tf.image.resize(images, SHAPE[:2]) / 127.5 - 1
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy")
    for layer in model.layers:  # too few steps for averages of batches
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.8
    model.fit(images, train.labels, epochs=3, batch_size=32, verbose=0)
    model.save_weights(tmp_path / "mobile.weights.h5")
    name, settings = "keras.applications.MobileNet", {"image_shape": SHAPE}
    made = run(tmp_path / "mobile.weights.h5", name, options=options, **settings)
    assert _accuracy(made, examples) > 0.5


def test_a_version_that_another_pipeline_pushed_becomes_a_teacher(
    run, student, examples
):
    model = run(digit_models.serving_path(student))
    own = Predictor(digit_models.serving_path(student))
    _, _, evaluation = digit_models.splits(examples)
    found = Predictor(digit_models.serving_path(model)).logits(evaluation.images)
    np.testing.assert_allclose(found, own.logits(evaluation.images), atol=1e-4)


def test_a_teacher_near_chance_is_refused_with_the_likely_mistake(run, plain):
    names = tuple(str(9 - number) for number in range(10))
    with pytest.raises(ModelError, match="near chance.*another order of cl") as error:
        run(plain, pixel_range="0-1", classes=names)
    assert "\n" not in str(error.value)
