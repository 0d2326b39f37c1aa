"""A file of answers stands for a teacher: in training, and at the gate."""

import json
import os

import evaluations
import numpy as np
import pytest
from tfx.types import standard_artifacts

from tfx_distill.components import property_names
from tfx_distill.components.artifact_types import TeacherAnswers, TeacherLogits
from tfx_distill.components.distillation_trainer import executor as student_training
from tfx_distill.components.imported_logits.executor import Executor
from tfx_distill.trainer import file_system
from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.config.distillation_config import DistillationConfig
from tfx_distill.trainer.config.ensemble_config import AverageConfig
from tfx_distill.trainer.config.training_config import StudentConfig
from tfx_distill.trainer.data import image_keys
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.data.example_reader import load_split
from tfx_distill.trainer.errors import DataError
from tfx_distill.trainer.export.saved_model import Predictor

VIEWS = ViewsConfig(count=2)


@pytest.fixture
def imported(examples, tmp_path):
    """A function that imports answers by key; returns the TeacherLogits artifact."""

    def run(keys, digest=None, **arrays):
        file, logits = TeacherAnswers(), TeacherLogits()
        file.uri, logits.uri = str(tmp_path / "it.npz"), str(tmp_path / "logits")
        np.savez(file.uri, keys=np.array(keys), **arrays)
        digest = digest or file_system.digest(file.uri)
        file.set_string_custom_property(property_names.CONTENT_DIGEST, digest)
        inputs = {"examples": [examples], "answers": [file]}
        properties = {"views": VIEWS.to_json()}
        Executor().Do(inputs, {"teacher_logits": [logits]}, properties)
        return logits

    return run


def _smoothed(examples):
    """Keys, and answers that are the labels with some doubt."""
    keys = image_keys.load(examples.uri)
    shares = np.full((len(keys), 10), 0.01)
    shares[np.arange(len(keys)), keys["label"].to_numpy()] = 0.91
    return keys["key"].to_pylist(), shares


def test_it_tells_what_it_imported(imported, examples):
    keys, shares = _smoothed(examples)
    logits = imported([*keys, "nobody"], probabilities=np.vstack([shares, shares[:1]]))
    assert logits.get_float_custom_property("eval_accuracy") == 1.0
    notices = json.loads(logits.get_string_custom_property(property_names.NOTICES))
    assert notices[0].startswith("teacher.answers: 1 answers have a key of no image")
    assert "each of an image's 2 views gets the answer" in notices[1]


def test_a_file_that_changed_since_it_was_imported_is_refused(imported, examples):
    keys, shares = _smoothed(examples)
    with pytest.raises(DataError, match="has changed since the run began"):
        imported(keys, digest="of another", probabilities=shares)


def test_a_student_learns_from_answers_alone(imported, examples, tmp_path):
    keys, shares = _smoothed(examples)
    logits = imported(keys, probabilities=shares)
    model, model_run = standard_artifacts.Model(), standard_artifacts.ModelRun()
    model.uri, model_run.uri = str(tmp_path / "model"), str(tmp_path / "run")
    student_training.Executor().Do(
        {"examples": [examples], "teacher_logits": [logits]},
        {"model": [model], "model_run": [model_run]},
        {
            "student": StudentConfig(epochs=2, batch_size=64).to_json(),
            "distillation": DistillationConfig(student_loss_weight=0.0).to_json(),
            "views": ViewsConfig().to_json(),
            "average": AverageConfig().to_json(),
            "role": "student",
        },
    )
    predictor = Predictor(os.path.join(model.uri, "Format-Serving"))
    split = load_split(examples.uri, "test", DataSpec.load(examples.uri))
    assert np.mean(predictor.classes(split.images) == split.labels) > 0.5


def test_the_gate_finds_of_answers_what_it_finds_of_their_model(
    imported, examples, teacher, student, tmp_path
):
    spec = DataSpec.load(examples.uri)
    model = Predictor(os.path.join(teacher.uri, "Format-Serving"))
    splits = [
        load_split(examples.uri, name, spec) for name in ("train", "eval", "test")
    ]
    answers = np.concatenate([model.logits(split.images) for split in splits])
    keys = image_keys.load(examples.uri)["key"].to_pylist()
    logits = imported(keys, logits=answers)
    first, second = (
        evaluations.evaluate(tmp_path / name, examples, student, models, logits=given)
        for name, models, given in (("a", [teacher], ()), ("b", [], [logits]))
    )
    assert second.files == ["BLESSED"]
    assert second.verdict.paired == first.verdict.paired
    assert second.verdict.agreement == first.verdict.agreement
    assert second.verdict.student == first.verdict.student
    for metric, value in first.verdict.teacher["overall"].items():
        assert second.verdict.teacher["overall"][metric] == pytest.approx(
            value, rel=1e-4
        )
