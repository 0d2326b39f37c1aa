"""What the second gate decides of given answers and costs."""

import numpy as np
import pytest

from tfx_distill.components.servability_validator import budget_decision
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


def _decide(answers=None, config=None, student=None, teacher=None):
    measured = Measurement(parameters=100, bytes=1000, latency=LATENCY)
    return budget_decision.decide(
        config or ServabilityConfig(),
        outputs=_answers() if answers is None else answers,
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


def test_a_trained_model_that_is_not_finite_is_refused():
    verdict = budget_decision.decide(
        ServabilityConfig(),
        outputs=_answers(),
        reference=LOGITS * np.nan,
        student=Measurement(),
        teacher=Measurement(),
        split="test",
    )
    text = "the trained Keras model gives values that are not finite for 2 images"
    assert verdict.reasons == (text,)


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
