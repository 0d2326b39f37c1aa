"""What makes an evaluation impossible: refused with the reason, or the node fails."""

import dataclasses
import errno
import json
import os
import pathlib
import shutil
from unittest import mock

import digit_models
import evaluations
import numpy as np
import pytest
import tensorflow as tf
from evaluations import GATE, PAIRED
from tfx.components.evaluator import executor as tfx_executor
from tfx.types import standard_artifacts

from tfx_distill.components.evaluator.verdict import Verdict
from tfx_distill.trainer.data import example_records
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.errors import ConfigError, Interrupted
from tfx_distill.trainer.export import signatures
from tfx_distill.trainer.models import architectures


@pytest.fixture
def refusal(examples, student, teacher, tmp_path):
    """A function that evaluates what is not as it should be; returns the one reason."""

    def run(**changed):
        given = {"examples": examples, "student": student, "teachers": [teacher]}
        evaluated = evaluations.evaluate(tmp_path, **{**given, **changed})
        assert evaluated.files == ["NOT_BLESSED"]
        assert evaluated.blessing.get_int_custom_property("blessed") == 0
        (reason,) = evaluated.verdict.reasons
        assert evaluated.blessing.get_string_custom_property("reason") == reason[:1000]
        return reason

    return run


@pytest.fixture
def damaged(tmp_path):
    """A function that copies a Model artifact; returns it and its SavedModel."""

    def copy(model):
        artifact = standard_artifacts.Model()
        artifact.uri = str(tmp_path / "damaged")
        shutil.copytree(model.uri, artifact.uri)
        return artifact, pathlib.Path(digit_models.serving_path(artifact))

    return copy


def _as_model(model, examples, folder, **changed):
    spec = dataclasses.replace(DataSpec.load(examples.uri), **changed)
    return digit_models.artifact(model, spec, "teacher", folder)


def test_no_teacher(refusal):
    reason = refusal(teachers=[])
    assert reason == "there is no teacher to compare the student with"


@pytest.mark.parametrize("role", ["student", "teacher"])
def test_weights_that_are_not_finite(refusal, student_model, examples, tmp_path, role):
    broken = digit_models.with_last_layer(student_model, lambda w: w * np.nan)
    model = _as_model(broken, examples, tmp_path / "broken")
    reason = refusal(**({role: model} if role == "student" else {"teachers": [model]}))
    assert f"the {role}'s predictions for 360 of 360 images are not finite" in reason


def test_a_teacher_of_other_classes(refusal, student_model, examples, tmp_path):
    names = tuple("abcdefghij")
    model = _as_model(student_model, examples, tmp_path / "t", class_names=names)
    assert "the teacher has the classes ('a'," in refusal(teachers=[model])


def test_a_teacher_of_other_images(refusal, examples, tmp_path):
    model = architectures.build(
        "tfx_distill.trainer.models.architectures.student", (32, 32, 3), 10
    )
    other = _as_model(model, examples, tmp_path / "t", image_shape=(32, 32, 3))
    reason = refusal(teachers=[other])
    assert (
        "the teacher takes images of shape (32, 32, 3), data set digits has" in reason
    )


def test_a_truncated_saved_model(refusal, student, damaged):
    broken, folder = damaged(student)
    graph = folder / "saved_model.pb"
    graph.write_bytes(graph.read_bytes()[:1000])
    assert "No loadable model in" in refusal(student=broken)


def test_a_model_without_its_signature(refusal, damaged, teacher):
    broken, folder = damaged(teacher)
    shutil.rmtree(folder)
    tf.saved_model.save(tf.Module(), str(folder))
    assert "has no signature from serialized examples or images" in refusal(
        teachers=[broken]
    )


def test_signatures_that_do_not_agree(refusal, student_model, examples, tmp_path):
    model = _as_model(student_model, examples, tmp_path / "swapped")
    spec = DataSpec.load(examples.uri)
    bad = digit_models.with_last_layer(student_model, digit_models.never_five)
    holder = tf.Module()
    holder.kept = [v.value for m in (student_model, bad) for v in m.variables]
    signatures.save(
        holder,
        digit_models.serving_path(model),
        spec,
        predict=lambda images: signatures.outputs(student_model(images)),
        serve=lambda examples: signatures.outputs(
            bad(example_records.decode_examples(examples, spec))
        ),
    )
    reason = refusal(student=model, gate=PAIRED)
    assert "its signatures do not agree" in reason


def test_an_empty_split(refusal, examples, tmp_path):
    artifact = standard_artifacts.Examples()
    artifact.copy_from(examples)
    artifact.uri = str(tmp_path / "empty")
    os.makedirs(artifact.uri)
    spec = DataSpec.load(examples.uri)
    sizes = {**spec.num_examples, "test": 0}
    dataclasses.replace(spec, num_examples=sizes).save(artifact.uri)
    assert refusal(examples=artifact) == "the split test is empty"


def test_a_metric_that_is_missing(refusal, monkeypatch):
    names = {"sparse_categorical_accuracy": "accuracy", "example_count": "num_examples"}
    monkeypatch.setattr(
        "tfx_distill.components.evaluator.gate_decision._METRICS", names
    )
    reason = refusal(gate=PAIRED.replace(max_calibration_error=1))
    assert reason == (
        "gate.max_calibration_error: no value overall, must be at most 1.0000"
    )


def _failing_as_examples(examples):
    outputs = signatures.outputs(tf.zeros((tf.size(examples), 10)))
    with tf.control_dependencies([tf.debugging.Assert(False, ["wrong"])]):
        return {name: tf.identity(value) for name, value in outputs.items()}


def test_a_model_that_fails_where_only_tfma_calls_it(
    refusal, student_model, examples, tmp_path
):
    model = _as_model(student_model, examples, tmp_path / "failing")
    holder = tf.Module()
    holder.kept = [variable.value for variable in student_model.variables]
    signatures.save(
        holder,
        digit_models.serving_path(model),
        DataSpec.load(examples.uri),
        predict=lambda images: signatures.outputs(student_model(images)),
        serve=_failing_as_examples,
    )
    reason = refusal(student=model)
    assert "serving_default of the student fails: InvalidArgumentError" in reason


@pytest.mark.attack
def test_what_no_model_raised_fails_the_node_and_the_next_run_judges(
    examples, student, teacher, tmp_path, monkeypatch
):
    errors = [
        OSError(errno.ENOSPC, "full"),
        Interrupted("stop"),
        MemoryError(),
        KeyError("a bug of ours"),
        # As Beam tells of a worker that was killed.
        RuntimeError("SDK worker disconnected"),
    ]
    failing = mock.Mock(side_effect=errors)
    monkeypatch.setattr(tfx_executor.Executor, "Do", failing)
    for error in errors:
        folder = tmp_path / type(error).__name__
        with pytest.raises(type(error)):
            evaluations.evaluate(folder, examples, student, [teacher])
        assert os.listdir(folder / "blessing") == []
    monkeypatch.undo()
    again = evaluations.evaluate(tmp_path / "again", examples, student, [teacher])
    assert again.verdict.blessed


def test_a_margin_that_cannot_be_resolved_fails_before_anything_is_evaluated(
    examples, student, teacher, tmp_path
):
    gate = GATE.replace(margin=0.005)
    with pytest.raises(ConfigError, match="It needs 725 images"):
        evaluations.evaluate(tmp_path, examples, student, [teacher], gate)
    assert os.listdir(tmp_path / "evaluation") == []


def test_a_verdict_without_newer_fields_is_still_read(tmp_path):
    old = {"blessed": False, "reasons": ["no"], "checks": [], "split": "test"}
    (tmp_path / "verdict.json").write_text(json.dumps(old))
    verdict = Verdict.load(str(tmp_path))
    assert (verdict.paired, verdict.served) == ({}, None)
