"""What the second gate decides of given answers and costs."""

import dataclasses

import numpy as np
import pytest

from tfx_distill.components.servability_validator import (
    budget_decision,
    output_checks,
)
from tfx_distill.components.servability_validator.output_checks import Replies
from tfx_distill.components.servability_validator.servability import Measurement
from tfx_distill.trainer.config.servability_config import ServabilityConfig
from tfx_distill.trainer.errors import ConfigError

LATENCY = {size: {"median_ms": 1.0, "p95_ms": 2.0} for size in ("1", "64")}
LOGITS = np.array([[4.0, -2.0, 0.0], [0.0, 1.0, 3.0]], np.float32)


def _softmax(logits):
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def _answers(logits=LOGITS, changed=None):
    """Of both signatures, `serving_default` with some outputs changed."""
    outputs = {
        "logits": logits,
        "probabilities": _softmax(logits),
        "class": logits.argmax(axis=1),
    }
    given = {
        "predict_images": outputs,
        "serving_default": {**outputs, **(changed or {})},
    }
    return {f"{s}/{o}": v for s, answer in given.items() for o, v in answer.items()}


def _replies(answers, again=None):
    """All images at once, then the second alone."""
    last = {name: values[1:] for name, values in (again or answers).items()}
    return [
        Replies("2 images per request, in order", np.arange(2), answers),
        Replies("1 image per request, in order", np.arange(1, 2), last),
    ]


def _decide(answers=None, config=None, student=None, teacher=None, again=None):
    measured = Measurement(parameters=100, bytes=1000, latency=LATENCY)
    return budget_decision.decide(
        config or ServabilityConfig(),
        replies=_replies(_answers() if answers is None else answers, again),
        reference=LOGITS,
        student=student or measured,
        teacher=teacher or measured,
        split="test",
    )


def test_equal_answers_within_budget_are_blessed():
    verdict = _decide()
    assert (verdict.blessed, verdict.reasons, verdict.num_examples) == (True, (), 2)


def test_rounding_is_no_skew():
    assert _decide(_answers(logits=LOGITS + np.float32(1e-4))).blessed


def test_another_answer_than_the_trained_models_is_refused():
    swapped = _answers()
    other = _answers(logits=LOGITS[:, ::-1])
    swapped.update({k: v for k, v in other.items() if k.startswith("serving")})
    (reason,) = _decide(swapped).reasons
    assert reason == (
        "serving_default differs from the trained Keras model: logits "
        "by 1 of the largest, must be at most 0.001 (servability.skew_tolerance), and "
        "the class of 2 of 2 images"
    )


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (
            {"class": np.array([0, 0])},
            "gives a class that is not its largest logit for 1",
        ),
        (
            {"class": np.array([0, 7])},
            "gives a class that is not its largest logit for 1",
        ),
        (
            {"class": np.array([0, 3])},
            "gives a class that is not its largest logit for 1",
        ),
        ({"class": np.array([[0], [2]])}, "gives a class of shape"),
        (
            {"probabilities": LOGITS},
            "gives probabilities that are not the softmax of its logits for 2",
        ),
        ({"probabilities": LOGITS[:, :2]}, "gives probabilities of shape"),
        ({"logits": LOGITS * np.nan}, "gives logits that are not finite for 2 of 2"),
        ({"logits": LOGITS + np.inf}, "gives logits that are not finite for 2 of 2"),
    ],
)
def test_an_output_that_is_wrong_is_refused(changed, reason):
    verdict = _decide(_answers(changed=changed))
    assert not verdict.blessed
    assert f"serving_default {reason}" in verdict.reasons[0]


def test_rounding_otherwise_in_another_request_is_allowed():
    verdict = _decide(again=_answers(LOGITS + np.float32(1e-4)))
    assert verdict.blessed
    values = {check.name: check.value for check in verdict.checks}
    name = "servability.skew_tolerance.predict_images.requests"
    assert values[name] == pytest.approx(1e-4 / 3, rel=1e-2)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (
            _answers(LOGITS / 2),
            "predict_images answers the same images differently with 1 image per "
            "request, in order: logits by 0.5 of the largest, must be at most 0.001 "
            "(servability.skew_tolerance)",
        ),
        (
            {**_answers(), "predict_images/class": np.array([0, 0])},
            "predict_images gives a class that is not its largest logit for 1 images "
            "(1 image per request, in order)",
        ),
        (
            {**_answers(), "predict_images/logits": LOGITS * np.nan},
            "predict_images gives logits that are not finite for 1 of 1 images "
            "(1 image per request, in order)",
        ),
    ],
)
def test_other_answers_in_another_request_are_refused(changed, reason):
    verdict = _decide(again=changed)
    assert not verdict.blessed
    assert reason in verdict.reasons


def test_the_first_of_several_reasons_is_told():
    # Classes that are not the largest logit, in two further kinds of requests.
    wrong = {**_answers(), "predict_images/class": np.array([0, 0])}
    replies = _replies(_answers(), wrong)
    replies.append(dataclasses.replace(replies[1], requests="shuffled"))
    checks, reasons = output_checks.compare(1e-3, replies, LOGITS)
    assert all(check.ok for check in checks)
    assert len(reasons) == 1 and "in order" in reasons[0]


@pytest.mark.parametrize(("gap", "is_right"), [(0.019, True), (0.021, False)])
def test_a_class_may_be_a_logit_that_rounding_makes_the_largest(gap, is_right):
    # Twice the tolerance: each of the two logits may be off by it, as a share of 10.
    logits = np.array([[10.0, 10.0 - gap, 0.0]] * 2, np.float32)
    changed = {"class": np.array([0, 1])}
    answers = _answers(logits, changed)
    replies = [Replies("2 images per request", np.arange(2), answers)]
    _, reasons = output_checks.compare(1e-3, replies, logits)
    assert reasons == [] if is_right else "serving_default gives a class" in reasons[0]


def test_signatures_are_compared_with_each_other():
    # Each is within the tolerance of the trained model, on its own side of it.
    near = _answers(LOGITS + np.float32(3e-3))
    near.update(
        {
            k: v
            for k, v in _answers(LOGITS - np.float32(3e-3)).items()
            if k.startswith("serving")
        }
    )
    (reason,) = _decide(near).reasons
    assert reason.startswith("serving_default differs from predict_images: logits by ")


def test_a_trained_model_that_is_not_finite_is_refused():
    verdict = budget_decision.decide(
        ServabilityConfig(),
        replies=_replies(_answers()),
        reference=LOGITS * np.nan,
        student=Measurement(),
        teacher=Measurement(),
        split="test",
    )
    text = "the trained Keras model gives values that are not finite for 2 images"
    assert verdict.reasons[0] == text


@pytest.mark.parametrize(
    ("bound", "reason"),
    [
        ({"max_parameters": 99}, "servability.max_parameters: 100 overall"),
        ({"max_bytes": 999}, "servability.max_bytes: 1,000 overall"),
        ({"max_median_ms": {"64": 0.9}}, "servability.max_median_ms.64: 1.0000"),
        ({"max_p95_ms": {"1": 1.9}}, "servability.max_p95_ms.1: 2.0000"),
        ({"max_times_teacher": 0.9}, "servability.max_times_teacher.1: 1.0000"),
    ],
)
def test_whatever_is_over_its_budget_is_refused(bound, reason):
    verdict = _decide(config=ServabilityConfig(**bound))
    assert not verdict.blessed
    assert verdict.reasons[0].startswith(reason)


def test_bounds_are_inclusive():
    bounds = {"max_parameters": 100, "max_bytes": 1000, "max_times_teacher": 1.0}
    latencies = {"max_median_ms": {"1": 1.0}, "max_p95_ms": {"64": 2.0}}
    assert _decide(config=ServabilityConfig(**bounds, **latencies)).blessed


def test_latency_is_held_against_the_teachers():
    slower = {size: {"median_ms": 3.0} for size in LATENCY}
    checks = _decide(teacher=Measurement(latency=slower)).checks
    ratios = [c.value for c in checks if "max_times_teacher" in c.name]
    assert ratios == [0.3333, 0.3333]


def test_a_student_that_cannot_be_run_is_refused_with_what_is_known_of_it():
    known = Measurement(parameters=100)
    verdict = budget_decision.refused("does not load", student=known)
    assert (verdict.blessed, verdict.reasons) == (False, ("does not load",))
    assert (verdict.student, verdict.teacher) == (known, Measurement())


def test_what_was_not_measured_is_over_every_budget():
    verdict = _decide(student=Measurement(), config=ServabilityConfig(max_bytes=1))
    assert len(verdict.reasons) == 3
    assert "servability.max_bytes: no value" in verdict.reasons[0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_median_ms": {"2": 1.0}},
        {"max_p95_ms": {"1": 0.0}},
        {"max_bytes": 0},
        {"skew_tolerance": 0.0},
        {"max_times_teacher": 0.0},
        {"timeout_s": -1.0},
        {"examples": 0},
    ],
)
def test_a_bound_that_means_nothing_is_refused(wrong):
    (key,) = wrong
    with pytest.raises(ConfigError, match=rf"servability\.{key}(\.1)? must be"):
        ServabilityConfig(**wrong)


def test_a_signature_that_not_all_students_have_is_compared_where_there_is_one():
    for logits, blessed in ((LOGITS, True), (LOGITS[:, ::-1], False)):
        given = _answers(logits=logits)
        added = {
            name.replace("predict_images", "predict_files"): values
            for name, values in given.items()
            if name.startswith("predict_images")
        }
        verdict = _decide({**_answers(), **added})
        assert verdict.blessed == blessed
        assert any("predict_files" in check.name for check in verdict.checks)
    assert verdict.reasons[0].startswith("predict_files differs from the trained Keras")
