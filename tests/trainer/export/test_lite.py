"""LiteRT files answer as the Keras model does, from the same raw pixels."""

import dataclasses
import re
import zipfile

import keras
import numpy as np
import pytest
import small_data
import tensorflow as tf
from flatbuffers.table import Table
from small_data import example, png
from tensorflow.lite.python import schema_py_generated as schema

from tfx_distill.trainer.data import example_reader
from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.evaluation import lite_evaluation, lite_scores
from tfx_distill.trainer.export import lite, lite_metadata, lite_runtime, saved_model
from tfx_distill.trainer.models import architectures


@pytest.fixture(scope="module")
def student(spec, train, tmp_path_factory):
    """A trained model with a convolution, and the folder that it was saved to."""
    keras.utils.set_random_seed(1)
    model = architectures.build("small_data.convolutional", spec.image_shape, 3)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss)
    model.fit(train.images, train.labels, batch_size=16, epochs=20, verbose=0)
    return model, _saved(model, spec, tmp_path_factory.mktemp("student"))


def _saved(model, spec, folder):
    saved_model.save(
        model, str(folder), role="student", spec=spec, config={}, history={}, seconds=0
    )
    return str(folder)


@pytest.fixture(scope="module")
def contents(student, train):
    images = train.images[:48]
    return {name: lite.convert(student[1], name, images) for name in lite.LITE_FLAVOURS}


def test_float32_gives_the_logits_of_the_keras_model(student, contents, evaluation):
    answers = lite.LitePredictor(contents["float32"]).predict(evaluation.images)
    logits = np.asarray(student[0](evaluation.images))
    np.testing.assert_allclose(answers["logits"], logits, atol=1e-4)
    np.testing.assert_array_equal(answers["class"], logits.argmax(1))


def test_int8_gives_nearly_the_logits_of_the_keras_model(student, contents, evaluation):
    predictor = lite.LitePredictor(contents["int8"])
    answers = predictor.predict(evaluation.images)
    logits = np.asarray(student[0](evaluation.images))
    np.testing.assert_allclose(
        answers["logits"], logits, atol=4 * predictor.output.scale
    )
    np.testing.assert_array_equal(answers["class"], logits.argmax(1))


def test_int8_takes_pixels_as_they_are_and_answers_in_int8(contents):
    predictor = lite.LitePredictor(contents["int8"])
    assert predictor.input == lite_scores.TensorInfo("uint8", (1, 8, 8, 1), 1.0, 0)
    assert (predictor.output.dtype, predictor.output.shape) == ("int8", (1, 3))


def test_pixels_are_pixels_whatever_the_calibration_has_seen(student, train):
    dark = train.images[:48] // 4
    predictor = lite.LitePredictor(lite.convert(student[1], "int8", dark))
    assert (predictor.input.scale, predictor.input.zero_point) == (1.0, 0)
    logits = np.asarray(student[0](dark))
    np.testing.assert_allclose(
        predictor.predict(dark)["logits"], logits, atol=4 * predictor.output.scale
    )


def test_int8_computes_with_integers_alone(contents):
    interpreter = lite_runtime.interpreter(contents["int8"], num_threads=1)
    dtypes = {np.dtype(d["dtype"]).kind for d in interpreter.get_tensor_details()}
    assert dtypes <= {"i", "u"}


def test_float32_takes_pixels_as_they_are_and_answers_in_float32(contents):
    predictor = lite.LitePredictor(contents["float32"])
    assert predictor.input == lite_scores.TensorInfo("uint8", (1, 8, 8, 1), None, None)
    assert predictor.output == lite_scores.TensorInfo("float32", (1, 3), None, None)


@pytest.mark.parametrize("flavour", lite.LITE_FLAVOURS)
def test_the_names_of_the_classes_are_in_the_file(flavour, contents, tmp_path):
    named = lite_metadata.with_class_names(contents[flavour], ("größe", "猫", "both"))
    assert lite_metadata.class_names(named) == ("größe", "猫", "both")
    (tmp_path / "named.tflite").write_bytes(named)
    with zipfile.ZipFile(tmp_path / "named.tflite") as archive:
        assert archive.read("labels.txt").decode().split("\n")[1] == "猫"
    assert len(named) < len(contents[flavour]) + 600


def test_a_file_with_names_answers_as_without(contents, evaluation):
    named = lite_metadata.with_class_names(contents["int8"], ("a", "b", "c"))
    one, other = (
        lite.LitePredictor(content).predict(evaluation.images)["logits"]
        for content in (contents["int8"], named)
    )
    np.testing.assert_array_equal(one, other)


def test_the_metadata_says_which_output_the_names_belong_to(contents):
    """Read as FlatBuffers are, along the fields of `metadata_schema.fbs`."""
    named = lite_metadata.with_class_names(contents["int8"], ("a", "b", "c"))
    model = schema.Model.GetRootAsModel(named, 0)
    entries = [model.Metadata(i) for i in range(model.MetadataLength())]
    (entry,) = [e for e in entries if e.Name() == b"TFLITE_METADATA"]
    metadata = model.Buffers(entry.Buffer()).DataAsNumpy().tobytes()
    assert metadata[4:8] == b"M001"
    graph = _first(_root(metadata), 3)  # subgraph_metadata
    logits = _first(graph, 3)  # output_tensor_metadata
    labels = _first(logits, 6)  # associated_files
    assert (_string(logits, 0), _string(labels, 0)) == (b"logits", b"labels.txt")
    kind = labels.Pos + labels.Offset(4 + 2 * 2)
    assert labels.Bytes[kind] == 2  # TENSOR_AXIS_LABELS


def _root(content):
    return Table(content, int.from_bytes(content[:4], "little"))


def _first(table, field):
    """The first table in a vector of tables."""
    start = table.Vector(table.Offset(4 + 2 * field))
    return Table(table.Bytes, table.Indirect(start))


def _string(table, field):
    return table.String(table.Pos + table.Offset(4 + 2 * field))


def test_scaled_images_are_refused(contents, evaluation):
    predictor = lite.LitePredictor(contents["int8"])
    with pytest.raises(ModelError, match="float32 .* expected uint8 0-255"):
        predictor.predict((evaluation.images / 255).astype(np.float32))


def test_the_same_images_calibrate_alike(student, contents, train, evaluation):
    again = lite.convert(student[1], "int8", train.images[:48])
    one, other = (
        lite.LitePredictor(content).predict(evaluation.images)["logits"]
        for content in (contents["int8"], again)
    )
    np.testing.assert_array_equal(one, other)


def test_the_sample_is_spread_over_the_records(spec, train, tmp_path):
    (tmp_path / "Split-train").mkdir()
    path = str(tmp_path / "Split-train" / "data_tfrecord-00000-of-00001")
    with tf.io.TFRecordWriter(path) as writer:
        for image, label in zip(train.images, train.labels, strict=True):
            writer.write(example(image=png(image), label=int(label)))
    sample = example_reader.load_sample(str(tmp_path), "train", spec, 4)
    np.testing.assert_array_equal(sample, train.images[[0, 24, 48, 72]])
    everything = example_reader.load_sample(str(tmp_path), "train", spec, 1000)
    np.testing.assert_array_equal(everything, train.images)


def test_a_file_is_scored(contents, evaluation, tmp_path):
    right = evaluation.labels.astype(np.int64)
    score = lite_evaluation.score(contents["int8"], evaluation, right, "int8", 0.01)
    assert score.accuracy == score.agreement == 1.0
    assert (score.drop, score.max_drop, score.ok) == (0.0, 0.01, True)
    assert score.bytes == len(contents["int8"])
    assert 0 < score.latency_ms < 1000
    lite_scores.save({"int8": score}, str(tmp_path))
    assert lite_scores.load(str(tmp_path)) == {"int8": score}


@pytest.mark.parametrize(("max_drop", "ok"), [(0.5, True), (0.49, False)])
def test_a_file_is_compared_with_its_student(contents, evaluation, max_drop, ok):
    labels = evaluation.labels.astype(np.int64)
    wrong = dataclasses.replace(evaluation, labels=(labels + 1) % 3)
    half = np.where(np.arange(len(labels)) % 2, wrong.labels, labels)
    score = lite_evaluation.score(contents["int8"], wrong, half, "int8", max_drop)
    assert (score.accuracy, score.drop, score.ok) == (0.0, 0.5, ok)


@keras.saving.register_keras_serializable("tests")
class Bessel(keras.layers.Layer):
    def call(self, values):
        return tf.math.bessel_i0e(values)


def with_bessel(image_shape, num_classes):
    model = small_data.dense(image_shape, num_classes)
    model.add(Bessel())
    return model


@pytest.mark.parametrize("flavour", lite.LITE_FLAVOURS)
def test_an_operation_that_is_lacking_is_named(flavour, spec, train, tmp_path):
    model = architectures.build(f"{__name__}.with_bessel", spec.image_shape, 3)
    expected = rf"flavour {flavour} \(it lacks the operation BesselI0e\).*or to \[\]"
    with pytest.raises(ModelError, match=expected) as caught:
        lite.convert(_saved(model, spec, tmp_path), flavour, train.images[:4])
    assert not re.search(r"\n", str(caught.value))


def test_a_folder_without_a_model_is_refused_in_one_line(tmp_path, train):
    with pytest.raises(ModelError, match="flavour float32 .*SavedModel"):
        lite.convert(str(tmp_path), "float32")
    with pytest.raises(ModelError, match="flavour int8 .*SavedModel"):
        lite.convert(str(tmp_path), "int8", train.images[:4])
