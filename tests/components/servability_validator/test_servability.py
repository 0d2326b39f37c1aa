"""The second gate on a real student, and on a process that fails."""

import errno
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time

import digit_models
import numpy as np
import pytest
from tfx.types import standard_artifacts

from tfx_distill.components import checks
from tfx_distill.components.servability_validator import executor, probe_process
from tfx_distill.components.servability_validator.servability import Servability
from tfx_distill.trainer import json_files
from tfx_distill.trainer.config.servability_config import ServabilityConfig
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.errors import DistillError
from tfx_distill.trainer.evaluation import serving_probe
from tfx_distill.trainer.export import saved_model_files


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


def test_ml_metadata_has_the_bounds_of_the_verdict(validated):
    _, blessing = validated
    summary = blessing.get_string_custom_property("verdict")
    read, verdict = (
        json_files.parse(Servability, summary),
        Servability.load(blessing.uri),
    )
    assert read.checks == tuple(bound.worst for bound in checks.bounds(verdict.checks))
    assert (read.student, read.teacher) == (verdict.student, verdict.teacher)


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


def test_without_a_bound_on_its_latency_no_teacher_is_needed(
    examples, validated, tmp_path
):
    inputs = {"examples": [examples], "model": [validated[0]]}
    config = ServabilityConfig(examples=50, max_times_teacher=None)
    verdict = Servability.load(_do(tmp_path / "blessing", inputs, config).uri)
    assert verdict.blessed and set(verdict.student.latency) == {"1", "64"}
    assert (verdict.teacher.bytes, verdict.teacher.latency) == (None, {})
    assert not any("teacher" in check.name for check in verdict.checks)


@pytest.mark.parametrize(
    ("place", "error"),
    [
        ("keras.models.load_model", OSError(errno.EIO, "disk")),
        ("keras.Model.predict", MemoryError()),
        ("subprocess.run", OSError(errno.ENOSPC, "full")),
        ("numpy.savez", KeyError("a bug of ours")),
    ],
)
def test_what_no_model_raised_fails_the_node(
    examples, validated, teacher, tmp_path, monkeypatch, place, error
):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(place, fail)
    models = {"model": [validated[0]], "teacher_model": [teacher]}
    inputs = {"examples": [examples], **models}
    with pytest.raises(type(error)):
        _do(tmp_path / "blessing", inputs, ServabilityConfig())
    assert not (tmp_path / "blessing").exists()


def test_a_process_that_cannot_start_is_not_the_models_fault(monkeypatch):
    monkeypatch.setattr(
        "tfx_distill.trainer.evaluation.serving_probe.REQUEST", "elsewhere.json"
    )
    images = np.zeros((1, 28, 28, 1), np.uint8)
    with pytest.raises(DistillError, match="while starting TensorFlow"):
        probe_process.run("/student", "/teacher", [b"x"], images, 60.0)


def test_a_process_that_fails_by_itself_is_not_the_models_fault(tmp_path, monkeypatch):
    script = tmp_path / "python"
    script.write_text(f"#!/bin/sh\nexit {serving_probe.MACHINE_FAULT}\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    images = np.zeros((1, 28, 28, 1), np.uint8)
    with pytest.raises(DistillError, match="failed, and not by a model, while"):
        probe_process.run("/student", "/teacher", [b"x"], images, 60.0)


@pytest.mark.attack
@pytest.mark.parametrize(
    ("stage", "waited", "is_refused"),
    [
        ("calling serving_default", 40, True),
        ("calling serving_default", 20, False),
        ("loading the student", 40, False),
    ],
)
def test_only_a_student_that_never_answers_is_refused_for_its_time(
    tmp_path, monkeypatch, stage, waited, is_refused
):
    def time_out(command, **_):
        path = pathlib.Path(command[-1], serving_probe.STAGE)
        path.write_text(f"{stage}\n{time.monotonic() - waited}")
        raise subprocess.TimeoutExpired(command, 60.0)

    monkeypatch.setattr(subprocess, "run", time_out)
    given = "/student", "/teacher", [b"x"], np.zeros((1, 28, 28, 1), np.uint8), 60.0
    if is_refused:
        fault = "it gave no answer within 40 s while calling serving_default"
        assert probe_process.run(*given).fault == fault
    else:
        with pytest.raises(DistillError, match="killed after 60 s .* while"):
            probe_process.run(*given)


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
