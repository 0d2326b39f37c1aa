"""Images without labels, from ExampleGen to the student: no label of theirs is read."""

import example_data
import numpy as np
import pytest
import tensorflow as tf
from tfx.types import standard_artifacts
from tfx.utils import path_utils

from tfx_distill.components.artifact_types import TeacherLogits
from tfx_distill.components.distillation_trainer.executor import Executor
from tfx_distill.components.teacher_logits.executor import Executor as LogitsExecutor
from tfx_distill.trainer.config.data_config import SplitsConfig, ViewsConfig
from tfx_distill.trainer.config.distillation_config import DistillationConfig
from tfx_distill.trainer.config.ensemble_config import AverageConfig
from tfx_distill.trainer.config.training_config import StudentConfig
from tfx_distill.trainer.data import example_reader
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.export import keras_files, saved_model_files

UNLABELLED = SplitsConfig(train="train[:20%]", unlabelled="train[20%:90%]")
STUDENT = StudentConfig(epochs=2, batch_size=128)
VIEWS = ViewsConfig(count=2)
FIRST = 287  # number of records of `digits` in train[:20%]


def _relabelled(record, label):
    example = tf.train.Example.FromString(record)
    example.features.feature["label"].int64_list.value[:] = [label]
    return example.SerializeToString()


@pytest.fixture
def corrupted(damaged):
    """`digits` with nonsense as labels of the records after some."""

    def make(first, labels):
        def change(records):
            for i in range(first, 1293):
                records[i] = _relabelled(records[i], labels[i % len(labels)])

        return damaged("train", change)

    return make


def _student(examples, teacher, folder, role="student", views=VIEWS):
    """Trains a student as a pipeline does; returns the folder of its model."""
    logits, logs = TeacherLogits(), standard_artifacts.ModelRun()
    model = standard_artifacts.Model()
    for name, artifact in (("logits", logits), ("model", model), ("logs", logs)):
        artifact.uri = str(folder / role / name)
    inputs = {"examples": [examples], "teacher_model": [teacher]}
    settings = {
        "views": views.to_json(),
        "average": AverageConfig().to_json(),
        "feature_layers": "[]",
        "student": STUDENT.to_json(),
        "distillation": DistillationConfig().to_json(),
        "role": role,
    }
    LogitsExecutor().Do(inputs, {"teacher_logits": [logits]}, settings)
    inputs["teacher_logits"] = [logits]
    Executor().Do(inputs, {"model": [model], "model_run": [logs]}, settings)
    return path_utils.serving_model_path(model.uri)


def _records(examples):
    spec = DataSpec.load(examples.uri)
    return {
        split: example_data.raw_records(
            *example_reader.split_files(examples.uri, split, spec)
        )
        for split in spec.num_examples
    }


def test_no_label_of_an_unlabelled_image_is_read(digits, corrupted, teacher, tmp_path):
    weights, records = [], []
    bad = corrupted(FIRST, [77, -5, 3])  # also no class at all
    for data in (digits, bad):
        folder = tmp_path / str(len(weights))
        data = data.replace(splits=UNLABELLED)
        examples = example_data.generate(data, folder / "examples")
        records.append(_records(examples))
        path = _student(examples, teacher, folder)
        weights.append(keras_files.load(path).get_weights())
    assert records[0] == records[1]
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_records_of_the_split_have_no_label(digits, tmp_path):
    examples = example_data.generate(digits.replace(splits=UNLABELLED), tmp_path)
    assert examples.split_names == '["train", "eval", "test", "unlabelled"]'
    spec = DataSpec.load(examples.uri)
    assert spec.num_examples["unlabelled"] == 1006
    splits = example_reader.load_splits(examples.uri, spec, unlabelled=True)
    assert len(splits["train"]) == FIRST + 1006
    assert (splits["train"].labels[FIRST:] == -1).all()
    assert (splits["train"].labels[:FIRST] >= 0).all()


def test_labels_per_class_reads_no_further_than_it_must(digits, corrupted, tmp_path):
    bad = corrupted(300, [7, 3])
    written = [
        _records(example_data.generate(data.replace(labels_per_class=20), folder))
        for data, folder in ((digits, tmp_path / "a"), (bad, tmp_path / "b"))
    ]
    assert written[0]["unlabelled"] == written[1]["unlabelled"]
    assert written[0]["train"] == written[1]["train"]
    assert len(written[0]["train"]) == 200 and len(written[0]["unlabelled"]) == 1093


def test_the_control_takes_as_many_steps_from_labels_alone(digits, teacher, tmp_path):
    data = digits.replace(splits=UNLABELLED)
    examples = example_data.generate(data, tmp_path / "examples")
    cards = [
        saved_model_files.read_card(_student(examples, teacher, tmp_path, role))
        for role in ("student", "control")
    ]
    assert len({len(card.history["loss"]) for card in cards}) == 1


def test_fresh_views_are_the_same_for_the_same_seed(digits, teacher, tmp_path):
    data = digits.replace(splits=UNLABELLED)
    examples = example_data.generate(data, tmp_path / "examples")
    weights = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        path = _student(examples, teacher, folder, views=VIEWS.replace(fresh=True))
        weights.append(keras_files.load(path).get_weights())
        assert not list((folder / "student" / "logits").glob("train-*"))
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)
