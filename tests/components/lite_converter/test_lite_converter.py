"""The component's executor: opens the files that it wrote, and what it says of them."""

import hashlib
import json
import os
import pathlib

import digit_models
import numpy as np
import pytest

from tfx_distill.components.artifact_types import LiteModels
from tfx_distill.components.lite_converter.executor import Executor
from tfx_distill.trainer.config.lite_config import LiteConfig
from tfx_distill.trainer.data import example_reader
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.evaluation import lite_scores
from tfx_distill.trainer.export import (
    lite,
    lite_metadata,
    saved_model,
    saved_model_files,
)


@pytest.fixture(scope="module")
def convert(examples, teacher, tmp_path_factory):
    """A function that converts a model with the real executor."""

    def run(config=LiteConfig()):  # noqa: B008, sections are frozen
        artifact = LiteModels()
        artifact.uri = str(tmp_path_factory.mktemp("lite") / "models")
        inputs = {"model": [teacher], "examples": [examples]}
        outputs = {"lite_models": [artifact]}
        Executor().Do(inputs, outputs, {"lite": config.to_json()})
        return artifact

    return run


@pytest.fixture(scope="module")
def converted(convert):
    return convert()


@pytest.fixture(scope="module")
def test_split(examples):
    spec = DataSpec.load(examples.uri)
    return example_reader.load_split(examples.uri, "test", spec)


@pytest.mark.parametrize("flavour", ["float32", "int8"])
def test_a_file_has_the_accuracy_that_its_score_says(flavour, converted, test_split):
    path = lite_scores.file_path(converted.uri, flavour)
    with open(path, "rb") as file:
        content = file.read()
    classes = lite.LitePredictor(content).predict(test_split.images)["class"]
    score = lite_scores.load(converted.uri)[flavour]
    assert score.accuracy == np.mean(classes == test_split.labels)
    assert score.bytes == os.path.getsize(path)
    assert score.latency_ms > 0
    assert lite_metadata.class_names(content) == tuple("0123456789")
    accuracy = converted.get_float_custom_property(f"{flavour}_accuracy")
    assert accuracy == score.accuracy


def test_the_files_agree_with_the_saved_model(converted, teacher, test_split):
    scores = lite_scores.load(converted.uri)
    assert (scores["float32"].agreement, scores["int8"].input.dtype) == (1.0, "uint8")
    assert scores["int8"].agreement > 0.98
    assert scores["int8"].bytes < 0.3 * scores["float32"].bytes
    predictor = saved_model.Predictor(digit_models.serving_path(teacher))
    classes = predictor.predict(test_split.images)["class"]
    assert scores["float32"].accuracy == np.mean(classes == test_split.labels)


def test_only_the_flavours_that_are_asked_for_are_made(convert):
    folder = convert(LiteConfig(flavours=("int8",), calibration_examples=16)).uri
    assert sorted(os.listdir(folder)) == ["int8.tflite", "scores.json"]
    assert list(lite_scores.load(folder)) == ["int8"]


def test_the_files_that_may_be_pushed_are_signed_with_their_student(converted, teacher):
    digests = json.loads(converted.get_string_custom_property("file_digests"))
    assert digests == {
        name: hashlib.sha256(pathlib.Path(converted.uri, name).read_bytes()).hexdigest()
        for name in ("float32.tflite", "int8.tflite", "scores.json")
    }
    digest = saved_model_files.content_digest(digit_models.serving_path(teacher))
    assert converted.get_string_custom_property("model_digest") == digest


@pytest.fixture
def blind(examples, tmp_path, monkeypatch):
    """Whatever is converted to int8 becomes a file of an untrained student."""
    spec, convert_it = DataSpec.load(examples.uri), lite.convert
    model = digit_models.untrained(spec)
    artifact = digit_models.artifact(model, spec, "student", tmp_path / "untrained")

    def convert_another(model_dir, name, *further):
        of = digit_models.serving_path(artifact) if name == "int8" else model_dir
        return convert_it(of, name, *further)

    monkeypatch.setattr(lite, "convert", convert_another)


@pytest.mark.attack
def test_a_file_that_loses_too_much_may_not_be_pushed(convert, blind):
    artifact = convert(LiteConfig(max_drop=0.05))
    digests = json.loads(artifact.get_string_custom_property("file_digests"))
    assert list(digests) == ["float32.tflite", "scores.json"]
    scores = lite_scores.load(artifact.uri)
    assert [scores[name].ok for name in scores] == [True, False]
    assert scores["int8"].drop > 0.5
    (notice,) = json.loads(artifact.get_string_custom_property("notices"))
    assert notice.startswith("int8.tflite is not pushed: its accuracy on test is 0.")
