"""The second gate: what the exported student answers and costs."""

import errno
import os
import pathlib
import signal
import sys
import tempfile
import threading
import time

import digit_models
import numpy as np
import pytest
import tensorflow as tf
from tfx.types import standard_artifacts

from tfx_distill.components.servability_validator import (
    budget_decision,
    executor,
    probe_process,
)
from tfx_distill.components.servability_validator.servability import (
    Measurement,
    Servability,
)
from tfx_distill.trainer.config.servability_config import ServabilityConfig
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.errors import ConfigError, DistillError, ModelError
from tfx_distill.trainer.evaluation import serving_probe
from tfx_distill.trainer.export import saved_model_files

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


@pytest.fixture(scope="module")
def validated(examples, teacher, tmp_path_factory):
    """Student and blessing of a real validation."""
    folder = tmp_path_factory.mktemp("servable")
    spec = DataSpec.load(examples.uri)
    untrained = digit_models.untrained(spec)
    student = digit_models.artifact(untrained, spec, "student", folder / "student")
    student.id = 7
    config = ServabilityConfig(examples=50, max_times_teacher=100.0)
    inputs = {"examples": [examples], "model": [student], "teacher_model": [teacher]}
    return student, _do(folder / "blessing", inputs, config)


def _do(folder, inputs, config):
    blessing = standard_artifacts.InfraBlessing()
    blessing.uri = str(folder)
    properties = {"servability": config.to_json()}
    executor.Executor().Do(inputs, {"blessing": [blessing]}, properties)
    return blessing


def test_a_student_that_serves_as_it_was_trained_is_blessed(validated):
    _, blessing = validated
    verdict = Servability.load(blessing.uri)
    assert verdict.reasons == ()
    assert blessing.get_int_custom_property("blessed") == 1
    assert sorted(os.listdir(blessing.uri)) == ["INFRA_BLESSED", "verdict.json"]
    assert (verdict.num_examples, verdict.split) == (50, "test")


def test_the_blessing_names_its_model(validated):
    student, blessing = validated
    digest = saved_model_files.content_digest(digit_models.serving_path(student))
    assert blessing.get_string_custom_property("current_model") == student.uri
    assert blessing.get_int_custom_property("current_model_id") == 7
    assert blessing.get_string_custom_property("model_digest") == digest


def test_both_models_are_measured(validated, teacher):
    student, blessing = validated
    verdict = Servability.load(blessing.uri)
    assert (verdict.student.parameters, verdict.teacher.parameters) == (8_954, 225_034)
    size = saved_model_files.saved_model_bytes(digit_models.serving_path(student))
    assert verdict.student.bytes == size
    for measured in (verdict.student, verdict.teacher):
        assert set(measured.latency) == {"1", "64"}
        for latency in measured.latency.values():
            assert 0 < latency["median_ms"] <= latency["p95_ms"]


def test_without_a_teacher_nothing_is_blessed(examples, validated, tmp_path):
    inputs = {"examples": [examples], "model": [validated[0]], "teacher_model": []}
    blessing = _do(tmp_path / "blessing", inputs, ServabilityConfig())
    assert os.path.exists(os.path.join(blessing.uri, "INFRA_NOT_BLESSED"))
    assert blessing.get_int_custom_property("blessed") == 0
    assert "there is no teacher" in blessing.get_string_custom_property("reason")


def test_a_keras_file_that_the_disk_does_not_give_fails_the_node(
    examples, validated, teacher, tmp_path, monkeypatch
):
    def fail(_):
        raise ModelError("it cannot be read") from OSError(errno.EIO, "disk")

    monkeypatch.setattr(executor.saved_model, "load_keras", fail)
    models = {"model": [validated[0]], "teacher_model": [teacher]}
    inputs = {"examples": [examples], **models}
    with pytest.raises(ModelError, match="it cannot be read"):
        _do(tmp_path / "blessing", inputs, ServabilityConfig())
    assert not (tmp_path / "blessing" / "verdict.json").exists()


def test_a_process_that_cannot_start_is_not_the_models_fault(monkeypatch):
    monkeypatch.setattr(
        "tfx_distill.trainer.evaluation.serving_probe.REQUEST", "elsewhere.json"
    )
    images = np.zeros((1, 28, 28, 1), np.uint8)
    with pytest.raises(DistillError, match="while starting TensorFlow"):
        probe_process.run("/student", "/teacher", [b"x"], images, 60.0)


def test_a_process_without_memory_is_not_the_models_fault(tmp_path, monkeypatch):
    script = tmp_path / "python"
    script.write_text(f"#!/bin/sh\nexit {serving_probe.EXHAUSTED}\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    images = np.zeros((1, 28, 28, 1), np.uint8)
    with pytest.raises(DistillError, match="found no memory or disk left"):
        probe_process.run("/student", "/teacher", [b"x"], images, 60.0)


@pytest.mark.parametrize(
    ("error", "exhausted"),
    [
        (OSError(errno.ENOSPC, "full"), True),
        (MemoryError(), True),
        (tf.errors.ResourceExhaustedError(None, None, "full"), True),
        (OSError(errno.ENOENT, "no saved_model.pb"), False),
        (tf.errors.InvalidArgumentError(None, None, "shape"), False),
    ],
)
def test_only_want_of_memory_or_disk_is_exhaustion(error, exhausted):
    assert serving_probe.is_exhaustion(error) == exhausted


def _child():
    """Id of the process that this one started, once there is one."""
    while True:
        for path in pathlib.Path("/proc/self/task").glob("*/children"):
            for number in path.read_text().split():
                command = pathlib.Path(f"/proc/{number}/cmdline").read_bytes()
                if b"serving_probe" in command:
                    return int(number)
        time.sleep(0.01)


@pytest.fixture
def killer(tmp_path, monkeypatch):
    """A function that sends a signal to the serving process once it loads a model."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def kill(number):
        child = _child()
        while not any(
            path.read_text().startswith("loading")
            for path in tmp_path.glob("*/stage.txt")
        ):
            time.sleep(0.01)
        os.kill(child, number)

    return lambda number: threading.Thread(target=kill, args=(number,), daemon=True)


def _ask(validated, teacher):
    student, _ = validated
    images = np.zeros((1, 28, 28, 1), np.uint8)
    folders = map(digit_models.serving_path, (student, teacher))
    return probe_process.run(*folders, [b"x"], images, 600.0)


@pytest.mark.slow
def test_a_model_that_crashes_its_process_is_refused(validated, teacher, killer):
    killer(signal.SIGSEGV).start()
    fault = _ask(validated, teacher).fault
    assert fault.startswith(
        "the process that serves it crashed with SIGSEGV while loading"
    )


@pytest.mark.slow
def test_a_process_that_somebody_ends_is_not_the_models_fault(
    validated, teacher, killer
):
    killer(signal.SIGKILL).start()
    with pytest.raises(DistillError, match="was ended by SIGKILL while loading"):
        _ask(validated, teacher)
