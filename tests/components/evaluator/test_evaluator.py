"""The gate, with the real Evaluator: nothing weak is blessed, and it says why."""

import dataclasses
import os

import digit_models
import evaluations
import numpy as np
import pytest
import tensorflow as tf
from evaluations import GATE, PAIRED
from scipy import special
from tfx.types import standard_artifacts

from tfx_distill.components import checks
from tfx_distill.components.evaluator.verdict import Verdict
from tfx_distill.trainer import json_files
from tfx_distill.trainer.data.data_report import DataReport
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.evaluation import comparison, noninferiority


@pytest.fixture(scope="module")
def good(examples, teacher, student, tmp_path_factory):
    """The evaluation of a good student."""
    folder = tmp_path_factory.mktemp("good")
    return evaluations.evaluate(folder, examples, student, [teacher])


@pytest.fixture
def evaluate(examples, teacher, tmp_path):
    """A function that evaluates a Keras model."""

    def run(model, *, gate=GATE, data=examples):
        spec = DataSpec.load(examples.uri)
        student = digit_models.artifact(model, spec, "student", tmp_path / "student")
        return evaluations.evaluate(tmp_path, data, student, [teacher], gate)

    return run


def test_a_good_student_is_blessed(good):
    assert good.files == ["BLESSED"]
    assert good.blessing.get_int_custom_property("blessed") == 1
    assert (good.verdict.blessed, good.verdict.reasons) == (True, ())
    assert (good.verdict.num_examples, good.verdict.split) == (360, "test")
    assert 0.85 < good.verdict.agreement <= 1.0


def test_ml_metadata_has_the_bounds_of_the_verdict(good):
    summary = good.blessing.get_string_custom_property("verdict")
    bounds = json_files.parse(checks.Bounds, summary).bounds
    assert list(bounds) == checks.bounds(good.verdict.checks)
    read = json_files.parse(Verdict, summary)
    assert read.student["overall"] == good.verdict.student["overall"]


def test_the_verdict_holds_the_models_real_accuracy(good, student_model, examples):
    images, labels = _test_images(examples), _test_labels(examples)
    accuracy = np.mean(np.asarray(student_model(images)).argmax(1) == labels)
    measured = good.verdict.student["overall"]["accuracy"]
    assert measured == pytest.approx(accuracy, abs=1e-5)


def test_the_paired_bound_is_that_of_the_answers_overall_and_per_class(good):
    answers = good.answers
    right, teacher_right = (
        probabilities.argmax(1) == answers.labels
        for probabilities in (answers.student, answers.teacher)
    )
    five = answers.labels == digit_models.FIVE
    for name, mask in (("overall", five | ~five), ("5", five)):
        counts = comparison.paired(right[mask], teacher_right[mask])
        low = noninferiority.lower_bound(
            counts.only_first, counts.only_second, int(mask.sum())
        )
        assert good.verdict.paired[name] == {
            "low": pytest.approx(low),
            "difference": pytest.approx(counts.difference),
            "only_student": counts.only_first,
            "only_teacher": counts.only_second,
            "p_value": pytest.approx(counts.p_value),
        }


def test_calibration_and_cross_entropy_of_both_are_in_the_verdict(good):
    answers = good.answers
    for probabilities, metrics in (
        (answers.student, good.verdict.student["overall"]),
        (answers.teacher, good.verdict.teacher["overall"]),
    ):
        given = probabilities[np.arange(360), answers.labels]
        entropy = -np.mean(np.log(np.maximum(given, 1e-7)))
        assert metrics["cross_entropy"] == pytest.approx(entropy, abs=1e-4)
        confidence = probabilities.max(1)
        gap = confidence - (probabilities.argmax(1) == answers.labels)
        places = np.digitize(confidence, np.arange(1, 15) / 15, right=True)
        error = np.abs(np.bincount(places, gap)).sum() / 360
        assert metrics["calibration_error"] == pytest.approx(error, abs=1e-4)


def test_cross_entropy_has_no_largest_value_and_implied_bounds_are_not_counted(
    evaluate, student_model, examples
):
    sure = digit_models.with_last_layer(student_model, lambda weights: weights * 1000)
    gate = PAIRED.replace(max_accuracy_drop=0.2, max_class_accuracy_drop=0.5)
    verdict = evaluate(sure, gate=gate).verdict
    logits = np.asarray(sure(_test_images(examples)), np.float64)
    nats = -special.log_softmax(logits, axis=1)[np.arange(360), _test_labels(examples)]
    wrong = 1 - verdict.student["overall"]["accuracy"]
    assert nats.mean() > 16.2 * wrong  # TFMA's ends at 16.1 for each wrong image
    measured = verdict.student["overall"]["cross_entropy"]
    assert measured == pytest.approx(nats.mean(), rel=1e-3)
    # Whoever keeps a margin of 0.2 is not worse by 0.2.
    names = {check.name for check in verdict.checks}
    assert "gate.max_accuracy_drop" not in names
    assert "gate.max_class_accuracy_drop" in names


def test_the_verdict_tells_images_of_other_splits(good, examples):
    overlaps = DataReport.load(examples.uri).overlaps
    assert good.verdict.overlaps == {
        pair: equal.number for pair, equal in overlaps.items() if "test" in pair
    }


def test_a_student_beyond_the_margin_is_refused_by_the_paired_bound_alone(
    evaluate, examples, teacher
):
    model = digit_models.train_student(examples, teacher, shuffled_labels=True)
    evaluated = evaluate(model, gate=PAIRED)
    assert evaluated.files == ["NOT_BLESSED"]
    assert evaluated.verdict.reasons[0].startswith("gate.margin: -0.")
    assert "overall, must be at least -0.2000" in evaluated.verdict.reasons[0]


def test_a_student_that_is_bad_at_one_digit_only_is_not_blessed(
    evaluate, student_model
):
    model = digit_models.with_last_layer(student_model, digit_models.never_five)
    evaluated = evaluate(model, gate=PAIRED)
    assert evaluated.files == ["NOT_BLESSED"]
    assert evaluated.blessing.get_int_custom_property("blessed") == 0
    failed = [(c.name, c.slice) for c in evaluated.verdict.checks if not c.ok]
    assert failed == [("gate.class_margin", "5")]


def test_point_bounds_and_optional_bounds_refuse_too(evaluate, student_model):
    gate = PAIRED.replace(
        min_accuracy=1.0,
        min_agreement=1.0,
        max_calibration_error=0.0,
        max_cross_entropy=0.0,
    )
    verdict = evaluate(student_model, gate=gate).verdict
    assert [check.name for check in verdict.checks if not check.ok] == [
        "gate.min_accuracy",
        "gate.min_agreement",
        "gate.max_calibration_error",
        "gate.max_cross_entropy",
    ]
    assert "must be at most 0.0000" in verdict.reasons[-1]


def test_only_the_student_is_held_to_its_bounds(good, evaluate, student_model):
    # Between the two models' values: the teacher breaks what the student keeps.
    student, teacher = (
        slices["overall"]["calibration_error"]
        for slices in (good.verdict.student, good.verdict.teacher)
    )
    highest = (student + teacher) / 2
    gate = PAIRED.replace(max_calibration_error=highest)
    assert evaluate(student_model, gate=gate).verdict.blessed == (student < teacher)


def test_a_class_with_too_few_test_images_is_not_blessed(
    evaluate, student_model, examples, tmp_path
):
    fewer = _without_label(examples, digit_models.FIVE, tmp_path / "fewer")
    evaluated = evaluate(student_model, data=fewer)
    assert evaluated.files == ["NOT_BLESSED"]
    reason = "gate.min_class_size: 0 class 5, must be at least 20: 20 short"
    assert evaluated.verdict.reasons[0] == reason


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
    path = str(folder / "Split-test" / "data_tfrecord-00000-of-00001.gz")
    kept = [r for r, example in _test_examples(examples) if _label(example) != label]
    with tf.io.TFRecordWriter(path, "GZIP") as writer:
        for record in kept:
            writer.write(record)
    spec = DataSpec.load(examples.uri)
    sizes = {**spec.num_examples, "test": len(kept)}
    dataclasses.replace(spec, num_examples=sizes).save(artifact.uri)
    return artifact
