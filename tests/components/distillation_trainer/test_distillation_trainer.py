"""The component's executor: opens what it wrote, refuses what does not fit."""

import dataclasses
import json
import os
import subprocess
import sys

import digit_models
import keras_tuner
import numpy as np
import pytest
from tfx.types import standard_artifacts
from tfx.utils import path_utils

from tfx_distill.components.artifact_types import TeacherLogits
from tfx_distill.components.distillation_trainer.executor import Executor
from tfx_distill.components.teacher_logits.executor import Executor as AskExecutor
from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.config.distillation_config import (
    DistillationConfig,
    FeatureConfig,
)
from tfx_distill.trainer.config.ensemble_config import AverageConfig
from tfx_distill.trainer.config.training_config import StudentConfig
from tfx_distill.trainer.data import example_reader
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.errors import DataError, ModelError
from tfx_distill.trainer.evaluation import headroom
from tfx_distill.trainer.export import keras_files, saved_model, saved_model_files

STUDENT = StudentConfig(epochs=1, batch_size=256)
VIEWS = ViewsConfig(count=2)


@pytest.fixture
def train(examples, teacher, tmp_path):
    """A function that calls the executor; returns the student's artifact."""

    def run(*, teachers=(teacher,), role="student", distillation=None, **inputs):
        model, model_run = standard_artifacts.Model(), standard_artifacts.ModelRun()
        model.uri, model_run.uri = str(tmp_path / "model"), str(tmp_path / "run")
        inputs |= {"examples": [examples], "teacher_model": list(teachers)}
        properties = {
            "student": STUDENT.to_json(),
            "distillation": (distillation or DistillationConfig()).to_json(),
            "views": VIEWS.to_json(),
            "average": AverageConfig().to_json(),
            "role": role,
        }
        Executor().Do(inputs, {"model": [model], "model_run": [model_run]}, properties)
        return model

    return run


@pytest.fixture
def answers(examples, teacher, tmp_path):
    """The TeacherLogits artifact of `teacher` and `examples`."""
    artifact = TeacherLogits()
    artifact.uri = str(tmp_path / "answers")
    properties = {
        "views": VIEWS.to_json(),
        "average": AverageConfig().to_json(),
        "feature_layers": "[]",
    }
    inputs = {"examples": [examples], "teacher_model": [teacher]}
    AskExecutor().Do(inputs, {"teacher_logits": [artifact]}, properties)
    return artifact


def _card(model):
    return saved_model_files.read_card(path_utils.serving_model_path(model.uri))


def test_the_student_says_how_it_was_made(train, examples):
    model = train()
    card = _card(model)
    assert (card.role, card.spec) == ("student", DataSpec.load(examples.uri))
    assert card.config["student"]["epochs"] == 1
    assert card.config["distillation"]["temperature"] == 4.0
    assert model.get_int_custom_property("num_parameters") == 8954


def test_plain_keras_loads_the_student(train):
    folder = path_utils.serving_model_path(train().uri)
    code = (
        "import sys, keras\n"
        "model = keras.models.load_model(sys.argv[1] + '/assets.extra/model.keras')\n"
        "print(model.count_params())"
    )
    command = [sys.executable, "-c", code, folder]
    output = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    assert output.splitlines()[-1] == "8954"


def test_tensorboard_logs_are_written(train, tmp_path):
    train()
    files = [name for _, _, names in os.walk(tmp_path / "run") for name in names]
    assert any(name.startswith("events.out.tfevents") for name in files)


def test_hyperparameters_of_a_tuner_are_used(train, tmp_path):
    found = keras_tuner.HyperParameters()
    found.Fixed("distillation.temperature", 7.0)
    found.Fixed("student.batch_size", 512)
    artifact = standard_artifacts.HyperParameters()
    artifact.uri = str(tmp_path)
    text = json.dumps(found.get_config())
    (tmp_path / "best_hyperparameters.txt").write_text(text)
    card = _card(train(hyperparameters=[artifact]))
    assert card.config["distillation"]["temperature"] == 7.0
    assert card.config["student"]["batch_size"] == 512


def test_given_answers_make_the_same_student_as_computed_ones(train, answers):
    given = _weights(train(teacher_logits=[answers]))
    for mine, its in zip(given, _weights(train()), strict=True):
        np.testing.assert_allclose(mine, its, atol=1e-5)


def test_answers_of_another_teacher_are_refused(train, answers, examples, tmp_path):
    spec = DataSpec.load(examples.uri)
    other = digit_models.artifact(
        digit_models.untrained(spec), spec, "teacher", tmp_path / "other"
    )
    with pytest.raises(ModelError, match="are of the teacher"):
        train(teachers=[other], teacher_logits=[answers])


def test_the_answers_say_whose_they_are(answers, teacher, examples):
    digest = saved_model_files.content_digest(digit_models.serving_path(teacher))
    assert answers.get_string_custom_property("teacher") == digest
    fingerprint = DataSpec.load(examples.uri).fingerprint
    assert answers.get_string_custom_property("data_fingerprint") == fingerprint


def test_several_teachers_are_averaged(train, teacher, examples, tmp_path):
    spec = DataSpec.load(examples.uri)
    other = digit_models.artifact(
        digit_models.untrained(spec), spec, "teacher", tmp_path / "other"
    )

    def taught_by(*teachers):
        return np.concatenate([w.ravel() for w in _weights(train(teachers=teachers))])

    of_one, of_other = taught_by(teacher), taught_by(other)
    np.testing.assert_allclose(taught_by(teacher, teacher), of_one, atol=1e-5)
    of_both = taught_by(teacher, other)
    np.testing.assert_allclose(taught_by(other, teacher), of_both, atol=1e-5)
    for single in (of_one, of_other):
        assert np.abs(of_both - single).max() > 1e-3


def test_a_control_learns_from_labels_alone(train):
    card = _card(train(role="control"))
    assert card.role == "control"
    assert card.config["distillation"]["student_loss_weight"] == 1.0


def test_a_control_is_compared_with_the_teacher_on_eval(train, teacher, examples):
    control = train(role="control")
    found = headroom.load([control.uri])
    split = example_reader.load_split(examples.uri, "eval", DataSpec.load(examples.uri))
    accuracies = [
        np.mean(saved_model.Predictor(folder).classes(split.images) == split.labels)
        for folder in map(digit_models.serving_path, (teacher, control))
    ]
    assert [found.teacher_accuracy, found.control_accuracy] == accuracies
    assert control.get_float_custom_property("headroom") == found.difference
    notices = control.get_string_custom_property("notices")
    assert json.loads(notices) == [found.conclusion]


def test_a_control_of_a_student_with_features_learns_without_them(train):
    pairs = (FeatureConfig(teacher="conv_2", student="conv_3"),)
    model = train(role="control", distillation=DistillationConfig(features=pairs))
    assert _card(model).config["distillation"]["features"] == []


def _weights(model):
    folder = path_utils.serving_model_path(model.uri)
    return keras_files.load(folder).get_weights()


def test_a_teacher_of_other_classes_is_refused_before_training(
    train, examples, tmp_path
):
    spec = DataSpec.load(examples.uri)
    letters = dataclasses.replace(spec, class_names=tuple("ABCDEFGHIJ"))
    other = digit_models.artifact(
        digit_models.untrained(letters), letters, "teacher", tmp_path / "other"
    )
    with pytest.raises(ModelError, match=r"knows the classes A, B.* digits has 0, 1"):
        train(teachers=[other])
    assert not (tmp_path / "model").exists()


def test_a_teacher_that_does_not_load_is_refused(train, tmp_path):
    empty = standard_artifacts.Model()
    empty.uri = str(tmp_path / "empty")
    with pytest.raises(ModelError, match="No loadable model"):
        train(teachers=[empty])


def test_examples_of_another_component_are_refused(train, examples, tmp_path):
    path = os.path.join(examples.uri, "data_spec.json")
    os.rename(path, path + ".away")
    try:
        with pytest.raises(DataError, match="have no data_spec.json"):
            train()
    finally:
        os.rename(path + ".away", path)
