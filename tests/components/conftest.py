"""Data sets with something wrong in them, and what ExampleGen makes of a good one."""

import shutil

import digit_models
import example_data
import pytest
import tensorflow as tf

from tfx_distill.components.tfds_example_gen import dataset_source
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.distillation import training


@pytest.fixture
def offline(monkeypatch):
    """Sends every request to a port where nobody listens."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def damaged(digits, tmp_path):
    """A function that copies `digits` and rewrites the records of one split.

    It is given a function that changes the list of their serialized records.
    """

    def make(split, change):
        data_dir = tmp_path / "damaged"
        if not data_dir.exists():
            shutil.copytree(digits.data_dir, data_dir)
        data = digits.replace(data_dir=str(data_dir))
        (path,) = map(str, dataset_source.prepare(data).info.splits[split].filepaths)
        records = example_data.raw_records(path)
        change(records)
        with tf.io.TFRecordWriter(path) as writer:
            for record in records:
                writer.write(record)
        return data

    return make


@pytest.fixture(scope="session")
def examples(digits, tmp_path_factory):
    """The Examples artifact of `digits`."""
    return example_data.generate(digits, tmp_path_factory.mktemp("examples"))


@pytest.fixture(scope="session")
def teacher(examples, tmp_path_factory):
    """The Model artifact of a teacher trained on `examples`."""
    spec, train, evaluation = digit_models.splits(examples)
    trained = training.train_teacher(train, evaluation, spec, digit_models.TEACHER)
    folder = tmp_path_factory.mktemp("teacher")
    return digit_models.artifact(trained.model, spec, "teacher", folder)


@pytest.fixture(scope="session")
def student_model(examples, teacher):
    """A good student, as a Keras model."""
    return digit_models.train_student(examples, teacher)


@pytest.fixture(scope="session")
def student(student_model, examples, tmp_path_factory):
    """The Model artifact of a good student."""
    spec = DataSpec.load(examples.uri)
    folder = tmp_path_factory.mktemp("student")
    return digit_models.artifact(student_model, spec, "student", folder)
