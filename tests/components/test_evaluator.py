"""The gate, with the real Evaluator: nothing weak is blessed, and it says why."""

import json
import os

import digit_models
import numpy as np
import pytest
import tensorflow as tf
from tfx.dsl.components.base import base_beam_executor
from tfx.types import standard_artifacts
from tfx.utils import proto_utils

from components.evaluator import config, executor
from components.evaluator.verdict import Verdict
from trainer import export
from trainer.config import GateConfig
from trainer.data_spec import DataSpec

GATE = GateConfig(
    min_accuracy=0.85,
    max_accuracy_drop=0.1,
    min_class_accuracy=0.5,
    max_class_accuracy_drop=0.4,
)
# Overall, a student that never answers 5 is within these.
GATE_BLIND_OVERALL = GateConfig(
    min_accuracy=0.5,
    max_accuracy_drop=0.5,
    min_class_accuracy=0.5,
    max_class_accuracy_drop=0.4,
)


@pytest.fixture(scope="module")
def student_model(examples, teacher):
    return digit_models.train_student(examples, teacher)


@pytest.fixture
def evaluate(examples, teacher, tmp_path):
    """A function that evaluates a Keras model; returns blessing and verdict."""

    def run(model, *, gate=GATE, baseline=True, data=examples):
        spec = DataSpec.load(examples.uri)
        student = digit_models.artifact(model, spec, "student", tmp_path / "student")
        return _do(tmp_path, data, student, [teacher] if baseline else [], gate)

    return run


def _do(tmp_path, examples, student, baselines, gate):
    evaluation = standard_artifacts.ModelEvaluation()
    blessing = standard_artifacts.ModelBlessing()
    for artifact, name in ((evaluation, "evaluation"), (blessing, "blessing")):
        artifact.uri = str(tmp_path / name)
        os.makedirs(artifact.uri)
    context = base_beam_executor.BaseBeamExecutor.Context(
        beam_pipeline_args=[], tmp_dir=str(tmp_path / "tmp"), unique_id="1"
    )
    executor.Executor(context).Do(
        {"examples": [examples], "model": [student], "baseline_model": baselines},
        {"evaluation": [evaluation], "blessing": [blessing]},
        {
            "eval_config": proto_utils.proto_to_json(config.eval_config(gate)),
            "example_splits": json.dumps(["test"]),
            "gate": gate.to_json(),
        },
    )
    return blessing, Verdict.load(blessing.uri)


def _files(blessing):
    return sorted(set(os.listdir(blessing.uri)) - {"verdict.json"})


def test_a_good_student_is_blessed(evaluate, student_model):
    blessing, verdict = evaluate(student_model)
    assert _files(blessing) == ["BLESSED"]
    assert blessing.get_int_custom_property("blessed") == 1
    assert (verdict.blessed, verdict.reasons) == (True, ())
    assert (verdict.num_examples, verdict.split) == (360, "test")
    assert 0.85 < verdict.agreement <= 1.0


def test_the_verdict_holds_the_models_real_accuracy(
    evaluate, student_model, teacher, examples
):
    _, verdict = evaluate(student_model)
    predictor = export.Predictor(digit_models.serving_path(teacher))
    answers = predictor.predict(_test_images(examples))["class"]
    mine = np.asarray(student_model(_test_images(examples))).argmax(1)
    labels = _test_labels(examples)
    accuracy = np.mean(mine == labels)
    assert verdict.student["overall"]["accuracy"] == pytest.approx(accuracy, abs=1e-5)
    assert verdict.agreement == pytest.approx(np.mean(mine == answers), abs=1e-5)


def test_a_student_of_shuffled_labels_is_not_blessed(evaluate, examples, teacher):
    model = digit_models.train_student(examples, teacher, shuffled_labels=True)
    blessing, verdict = evaluate(model)
    assert _files(blessing) == ["NOT_BLESSED"]
    assert "gate.min_accuracy: 0." in verdict.reasons[0]


def test_a_student_with_nan_weights_is_not_blessed(evaluate, student_model):
    broken = digit_models.with_last_layer(student_model, lambda w: w * np.nan)
    blessing, verdict = evaluate(broken)
    assert _files(blessing) == ["NOT_BLESSED"]
    assert not verdict.blessed


def test_a_student_that_is_bad_at_one_digit_only_is_not_blessed(
    evaluate, student_model
):
    model = digit_models.with_last_layer(student_model, digit_models.never_five)
    blessing, verdict = evaluate(model, gate=GATE_BLIND_OVERALL)
    assert _files(blessing) == ["NOT_BLESSED"]
    assert blessing.get_int_custom_property("blessed") == 0
    failed = {check.slice for check in verdict.checks if not check.ok}
    assert failed == {"5"}
    assert verdict.reasons[0].startswith("gate.min_class_accuracy: 0.0000 class 5")


def test_without_a_teacher_nothing_is_blessed(evaluate, student_model):
    blessing, verdict = evaluate(student_model, baseline=False)
    assert _files(blessing) == ["NOT_BLESSED"]
    assert verdict.reasons == ("there is no teacher to compare the student with",)


def test_a_class_without_a_test_image_is_not_blessed(
    evaluate, student_model, examples, tmp_path
):
    fewer = _without_label(examples, digit_models.FIVE, tmp_path / "fewer")
    blessing, verdict = evaluate(student_model, data=fewer)
    assert _files(blessing) == ["NOT_BLESSED"]
    assert verdict.reasons[0].startswith("gate.min_class_accuracy: no value class 5")


def _test_examples(examples):
    (path,) = tf.io.gfile.glob(f"{examples.uri}/Split-test/*")
    records = tf.data.TFRecordDataset(path, compression_type="GZIP").as_numpy_iterator()
    return [(record, tf.train.Example.FromString(record)) for record in records]


def _test_labels(examples):
    return np.array([_label(example) for _, example in _test_examples(examples)])


def _test_images(examples):
    encoded = [
        example.features.feature["image"].bytes_list.value[0]
        for _, example in _test_examples(examples)
    ]
    return np.stack([tf.io.decode_png(image).numpy() for image in encoded])


def _label(example):
    return example.features.feature["label"].int64_list.value[0]


def _without_label(examples, label, folder):
    """A copy of the test split in which a class is missing."""
    artifact = standard_artifacts.Examples()
    artifact.copy_from(examples)
    artifact.uri = str(folder)
    os.makedirs(folder / "Split-test")
    DataSpec.load(examples.uri).save(artifact.uri)
    path = str(folder / "Split-test" / "data_tfrecord-00000-of-00001.gz")
    with tf.io.TFRecordWriter(path, "GZIP") as writer:
        for record, example in _test_examples(examples):
            if _label(example) != label:
                writer.write(record)
    return artifact
