"""Files on another file system than the local one: TensorFlow's, in memory."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_data import example, png

from tfx_distill.trainer import file_system
from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.data import example_reader
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.distillation import logits_files, teacher_logits
from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.export import keras_files, saved_model, saved_model_files
from tfx_distill.trainer.models.teachers import Teachers


@pytest.fixture
def remote(request):
    """A folder of the test's own in memory."""
    return f"ram://{request.node.name}"


def test_a_file_that_is_not_written_whole_leaves_the_one_before(tmp_path):
    (tmp_path / "file").write_text("before")
    with (
        pytest.raises(ZeroDivisionError),
        file_system.written_whole(str(tmp_path / "file")) as part,
        open(part, "w") as file,
    ):
        file.write("half")
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "before"


def test_a_model_is_written_and_read_remotely(exported, spec, evaluation, remote):
    model, local = exported
    saved_model.save(
        model, remote, role="teacher", spec=spec, config={}, history={}, seconds=0.0
    )
    assert saved_model_files.read_card(remote) == saved_model_files.read_card(local)
    images = evaluation.images
    np.testing.assert_allclose(
        saved_model.Predictor(remote).logits(images),
        saved_model.Predictor(local).logits(images),
    )
    loaded = keras_files.load(remote)
    assert isinstance(loaded, keras.Model)


def test_a_digest_is_that_of_the_content_wherever_it_is(remote, tmp_path):
    for folder in (remote, str(tmp_path)):
        file_system.make_folder(f"{folder}/variables")
        for name in ("saved_model.pb", "variables/data"):
            with file_system.open_file(f"{folder}/{name}", "w") as file:
                file.write(name)
    for measure in (
        saved_model_files.content_digest,
        saved_model_files.folder_digest,
        saved_model_files.saved_model_bytes,
    ):
        assert measure(remote) == measure(str(tmp_path))


@pytest.mark.parametrize("folder", ["ram://nothing/here", "nosuch://bucket/model"])
def test_an_empty_or_unreachable_folder_has_no_digest(folder):
    with pytest.raises((ModelError, tf.errors.UnimplementedError)):
        saved_model_files.content_digest(folder)


def test_an_empty_local_folder_has_no_digest(tmp_path):
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(ModelError, match="No files in"):
            saved_model_files.content_digest(str(folder))


def test_examples_are_read_remotely(spec, evaluation, remote):
    spec.save(_made(remote))
    assert DataSpec.load(remote) == spec
    path = f"{_made(f'{remote}/Split-test')}/data_tfrecord-00000-of-00001"
    with tf.io.TFRecordWriter(path) as writer:
        for image, label in zip(evaluation.images, evaluation.labels, strict=True):
            writer.write(example(image=png(image), label=int(label)))
    split = example_reader.load_split(remote, "test", spec)
    np.testing.assert_array_equal(split.images, evaluation.images)


def test_teacher_logits_are_written_and_read_remotely(exported, evaluation, remote):
    teacher, views = Teachers([exported[1]]), ViewsConfig(count=1)
    splits = {"eval": evaluation}
    predictions = teacher_logits.predict_splits(teacher, splits, views)
    logits_files.save(remote, predictions, teacher, views, "data")
    loaded, _ = logits_files.load(remote, teacher, ["eval"])
    (read,), (computed,) = (
        loaded["eval"],
        teacher_logits.compute(teacher, evaluation, views),
    )
    np.testing.assert_array_equal(read.values, computed.values)


def _made(folder):
    file_system.make_folder(folder)
    return folder
