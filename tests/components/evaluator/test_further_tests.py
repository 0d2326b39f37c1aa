"""Metrics, slices, corrupted images and churn, measured by the real Evaluator."""

import shutil

import digit_models
import evaluations
import numpy as np
import pytest
from evaluations import PAIRED

from tfx_distill.components import checks
from tfx_distill.components.evaluator import further_tests
from tfx_distill.components.evaluator.further_tests import Further
from tfx_distill.trainer.config.gate_config import ResolvedGate
from tfx_distill.trainer.data import example_reader, image_values
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.errors import DataError
from tfx_distill.trainer.evaluation.measured import Measured

GATE = PAIRED.replace(
    metrics={"macro_f1": {"min": 0.5, "margin": 0.3}, "top_2_accuracy": {"min": 0.9}},
    slices={
        "dark": {"by": "brightness", "below": 0.15, "margin": 0.5, "min_images": 10},
        "small": {"by": "size", "below": 785, "min_accuracy": 0.5},
        "fives": {"by": "label", "equals": 5, "min_images": 400},
    },
    corruptions={"kinds": ["noise", "shift"], "examples": 60, "margin": 0.5},
    max_churn=0.0,
)


@pytest.fixture(scope="module")
def evaluated(examples, teacher, student, student_model, tmp_path_factory):
    """A student whose last layer is a little worse, against the student as served."""
    folder = tmp_path_factory.mktemp("further")
    worse = digit_models.with_last_layer(student_model, digit_models.a_little_worse)
    model = digit_models.artifact(
        worse, DataSpec.load(examples.uri), "student", folder / "worse"
    )
    served = str(folder / "7")
    shutil.copytree(digit_models.serving_path(student), served)
    return evaluations.evaluate(
        folder, examples, model, [teacher], GATE, served_model=served
    )


def test_metrics_are_measured_and_bounded(evaluated):
    found, answers = evaluated.verdict.metrics, evaluated.answers
    assert set(found) == {"balanced_accuracy", "macro_f1", "top_2_accuracy"}
    best_two = np.argsort(answers.student)[:, -2:]
    top = (best_two == answers.labels[:, np.newaxis]).any(axis=1).mean()
    assert found["top_2_accuracy"].student == pytest.approx(top)
    bound = _check(evaluated, "gate.metrics.macro_f1.margin")
    assert (bound.bound, bound.value, bound.ok) == (-0.3, found["macro_f1"].low, True)


def test_slices_are_the_images_that_they_name(evaluated, examples):
    split = example_reader.load_split(examples.uri, "test", DataSpec.load(examples.uri))
    dark = split.images.mean(axis=(1, 2, 3)) < 0.15 * 255
    right = evaluated.answers.student.argmax(1) == split.labels
    found = evaluated.verdict.slices
    assert 10 < dark.sum() < 360 and found["dark"].num_examples == dark.sum()
    assert found["dark"].student == pytest.approx(right[dark].mean())
    assert found["small"].num_examples == 360  # 28 x 28 pixels each
    assert found["fives"].num_examples == (split.labels == 5).sum()


def test_a_slice_below_its_bound_refuses_and_says_so(evaluated):
    assert not evaluated.verdict.blessed
    (reason,) = [r for r in evaluated.verdict.reasons if "slices" in r]
    assert reason.startswith("gate.slices.fives.min_images: ")
    assert "slice fives, must be at least 400" in reason


def test_both_models_are_tested_on_corrupted_images(evaluated):
    found = evaluated.verdict.corruptions
    assert found.num_examples == 60 and set(found.student) == {"noise", "shift"}
    for role in (found.student, found.teacher):
        assert all(len(row) == 5 and row[0] >= row[4] for row in role.values())
    mean = np.mean(list(found.student.values()))
    assert found.mean.student == pytest.approx(mean) and mean < found.clean.student
    assert _check(evaluated, "gate.corruptions.margin").value == found.mean.low


def test_churn_is_what_the_served_student_alone_had_right(evaluated):
    served, answers = evaluated.verdict.served, evaluated.answers
    before, now = (
        probabilities.argmax(1) == answers.labels
        for probabilities in (answers.served, answers.student)
    )
    assert served.churn == pytest.approx((before & ~now).mean()) and served.churn > 0
    bound = _check(evaluated, "gate.max_churn")
    assert (bound.at_most, bound.ok) == (True, False)


def _check(evaluated, name):
    (found,) = [check for check in evaluated.verdict.checks if check.name == name]
    return found


def test_a_slice_without_an_image_is_refused():
    gate = ResolvedGate.build(
        {
            **evaluations.BOUNDS,
            "min_accuracy": None,
            "slices": {"none": {"by": "size", "above": 1, "min_accuracy": 0.0}},
        }
    )
    empty = Measured(student=0, student_low=0, student_high=1, num_examples=0)
    found = Further(metrics={}, slices={"none": empty}, corruptions=None)
    failed = checks.refusals(list(further_tests.checks(gate, found)))
    assert len(failed) == 2 and "no value slice none" in failed[1]


def test_a_feature_that_no_record_has_is_an_error(examples):
    spec = DataSpec.load(examples.uri)
    split = example_reader.load_split(examples.uri, "test", spec)
    values = image_values.Values(split, "test", examples.uri, examples.uri, spec)
    gate = PAIRED.replace(slices={"night": {"by": "camera", "equals": "night"}})
    with pytest.raises(
        DataError, match="have no feature camera. They have image, label"
    ):
        values.rows(gate.slices)
