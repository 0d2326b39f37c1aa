"""The component that tries all models before the first is trained."""

import json

import pytest
from tfx.types import channel, standard_artifacts

from tfx_distill.components.model_check.component import ModelCheck
from tfx_distill.components.model_check.executor import Executor
from tfx_distill.trainer.config.lite_config import LiteConfig
from tfx_distill.trainer.config.training_config import (
    AssistantConfig,
    StudentConfig,
    TeacherConfig,
)
from tfx_distill.trainer.config.tuning_config import TuningConfig
from tfx_distill.trainer.data import data_findings
from tfx_distill.trainer.data.data_report import DataReport
from tfx_distill.trainer.errors import ConfigError, DataError, ModelError

SPACE = {"student.options.units": {"choices": [4, 8]}}
MODELS = """
import keras

def plain(image_shape, num_classes, units):
    return keras.Sequential([
        keras.Input(image_shape), keras.layers.Flatten(),
        keras.layers.Dense(units), keras.layers.Dense(num_classes),
    ])

def softmax(image_shape, num_classes):
    model = plain(image_shape, num_classes, 4)
    model.add(keras.layers.Softmax())
    return model
"""


@pytest.fixture(autouse=True)
def module(tmp_path, monkeypatch):
    """A user's module in the current folder."""
    (tmp_path / "checked_models.py").write_text(MODELS)
    monkeypatch.syspath_prepend(str(tmp_path))


def _component(**arguments):
    given = {"teachers": [], "student": StudentConfig()} | arguments
    examples = channel.Channel(standard_artifacts.Examples)
    return ModelCheck(examples=examples, **given)


@pytest.fixture
def check(examples):
    """A function that runs the executor with the node's own parameters."""

    def run(**arguments):
        node = _component(**arguments)
        Executor().Do({"examples": [examples]}, {}, dict(node.exec_properties))

    return run


def test_models_that_work_pass(check):
    teacher = TeacherConfig(model="checked_models.plain", options={"units": 5})
    student = StudentConfig(model="checked_models.plain", options={"units": 4})
    check(teachers=[teacher], student=student, lite=LiteConfig())


@pytest.mark.parametrize(
    "arguments",
    [
        {"student": StudentConfig(model="checked_models.softmax")},
        {"teachers": [TeacherConfig(model="checked_models.softmax")]},
        {"assistant": AssistantConfig(model="checked_models.softmax")},
    ],
    ids=["student", "teacher", "assistant"],
)
def test_any_model_that_cannot_work_is_refused(check, arguments):
    with pytest.raises(ModelError, match=r"^checked_models\.softmax answers with soft"):
        check(**arguments)


def test_a_search_is_tried_with_its_first_values(check):
    student = StudentConfig(model="checked_models.plain")  # which needs `units`
    check(student=student, tuning=TuningConfig(space=SPACE))
    with pytest.raises(ModelError, match="missing 1 required positional argument"):
        check(student=student)


def test_the_code_of_every_model_is_in_the_cache_key():
    node = _component(teachers=[TeacherConfig(model="checked_models.softmax")])
    digests = json.loads(node.exec_properties["code"])
    assert len(set(digests)) == 2


def test_what_does_not_change_the_trial_does_not_repeat_it():
    one, other = (_component(student=StudentConfig(epochs=n)) for n in (3, 4))
    assert one.exec_properties == other.exec_properties
    aware = _component(student=StudentConfig(quantization_aware_epochs=2))
    assert one.exec_properties != aware.exec_properties


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "sgd"},
        {"class_weight": "balanced"},
        {"augmentation": ["RandomFlip"]},
        {"early_stopping": {"patience": 2}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_changes_the_trial_repeats_it(changes):
    plain, other = (
        _component(student=StudentConfig(**given)) for given in ({}, changes)
    )
    assert plain.exec_properties["models"] != other.exec_properties["models"]


def test_no_epoch_is_chosen_by_images_of_test(check, examples, monkeypatch):
    def searched(report):
        raise DataError("chosen on test")

    student = StudentConfig(model="checked_models.plain", options={"units": 4})
    monkeypatch.setattr(data_findings, "require_searchable", searched)
    monkeypatch.setattr(DataReport, "load", lambda folder: folder)
    check(student=student)
    with pytest.raises(DataError, match="chosen on test"):
        check(student=student.replace(early_stopping={"patience": 2}))


def test_members_of_an_ensemble_are_tried_by_what_differs_in_a_trial():
    first = TeacherConfig()
    equal = first.replace(seed=1, epochs=9)
    stops = first.replace(early_stopping={"patience": 1})
    node = _component(teachers=[first, equal, stops])
    tried = json.loads(node.exec_properties["models"])["teachers"]
    assert [teacher.get("early_stopping") for teacher in tried] == [
        None,
        {"patience": 1},
    ]
    assert len(json.loads(node.exec_properties["code"])) == len([*tried, "student"])


def test_what_keras_does_not_know_is_refused_before_anything_runs():
    for changes, key in (
        ({"optimizer": "sdg"}, r"student\.optimizer\.name sdg\. Did you mean SGD"),
        ({"augmentation": ["RandomFlop"]}, r"student\.augmentation\[0\]"),
    ):
        with pytest.raises(ConfigError, match=key):
            _component(student=StudentConfig(**changes))


def test_a_name_that_only_a_search_would_try_is_refused_before_anything_runs():
    space = {"student.optimizer": {"choices": ["adam", "lion", "sdg"]}}
    with pytest.raises(ConfigError, match=r"student\.optimizer\.name sdg\. Did you"):
        _component(tuning=TuningConfig(space=space))
    names = {"student.augmentation.0.name": {"choices": ["RandomZoom", "RandomShear"]}}
    with pytest.raises(ConfigError, match="RandomZoom refuses {}.*height_factor"):
        _component(tuning=TuningConfig(space=names))
    factor = {"student.augmentation.0.name": {"choices": ["RandomHue", "RandomContrast"]},
              "student.augmentation.0.factor": {"min": 0.1, "max": 0.5}}  # fmt: skip
    assert _component(tuning=TuningConfig(space=factor)).exec_properties["tuning"]
