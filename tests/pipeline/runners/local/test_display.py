"""What a person sees at the end of a run."""

import dataclasses
import json

import pytest
from rich.console import Console

from tfx_distill.components.evaluator.verdict import Served
from tfx_distill.pipeline.runners.local.display import result_table
from tfx_distill.pipeline.runners.local.results import (
    ModelResult,
    RunResult,
)
from tfx_distill.trainer.evaluation.lite_scores import LiteScore, TensorInfo


@pytest.fixture
def result():
    model = ModelResult(accuracy=0.9912, parameters=8954, bytes=103_000, path="/m")
    tensor = TensorInfo("int8", (1, 10), 1.0, 0)
    lite = LiteScore(
        accuracy=0.9910,
        agreement=0.99,
        bytes=13_776,
        latency_ms=0.01094,
        input=tensor,
        output=tensor,
    )
    return RunResult(
        dataset="mnist",
        dataset_version="3.0.1",
        blessed=True,
        reasons=(),
        pushed="/serving/1",
        newest="/serving/1",
        num_test_examples=10_000,
        agreement=0.99,
        paired={
            "difference": -0.0018,
            "low": -0.00311,
            "only_student": 15,
            "only_teacher": 33,
        },
        served=None,
        headroom=None,
        comparison=None,
        teacher=model,
        student=model,
        bounds=(),
        lite_dir="/lite",
        lite={"int8": lite},
        nodes={},
        run_id="1",
        run_dir="/runs/1",
    )


def _shown(result):
    console = Console(width=80, record=True, quiet=False, file=None)
    with console.capture() as capture:
        console.print(result_table(result))
    return capture.get()


def test_litert_files_have_a_table_of_their_own(result):
    lines = [line.split() for line in _shown(result).splitlines()]
    assert ["LiteRT"] in lines
    assert ["int8", "0.9910", "-0.0002", "14", "kB", "0.0109"] in lines


def test_without_litert_files_there_is_no_such_table(result):
    assert "LiteRT" not in _shown(dataclasses.replace(result, lite={}))


def test_a_student_without_accuracy_has_no_difference(result):
    student = dataclasses.replace(result.student, accuracy=None)
    assert " – " in _shown(dataclasses.replace(result, student=student))


def test_litert_files_are_in_the_json(result):
    (lite,) = json.loads(result.to_json())["lite"]
    assert lite == {
        "flavour": "int8",
        "accuracy": 0.991,
        "bytes": 13776,
        "latency_ms": 0.01094,
        "pushed": True,
        "path": "/lite/int8.tflite",
    }


def test_the_paired_bound_is_beside_the_difference(result):
    lines = [line.split() for line in _shown(result).splitlines()]
    assert ["difference", "to", "the", "teacher", "-0.0018"] in lines
    assert ["95", "%", "lower", "bound", "-0.0031"] in lines
    assert "lower bound" not in _shown(dataclasses.replace(result, paired={}))


def test_the_model_that_served_before_has_a_line(result):
    served = Served(
        uri="/serving/3",
        artifact_id=7,
        version="3",
        rule="report",
        difference=0.002,
        low=-0.0005,
    )
    line = (
        "Against the model that served (version 3): +0.0020, 95 % lower bound -0.0005"
    )
    assert line in _shown(dataclasses.replace(result, served=served))
    broken = dataclasses.replace(served, version="", problem="No loadable model")
    shown = _shown(dataclasses.replace(result, served=broken))
    assert "Not compared with the model that served (/serving/3): No loadable" in shown


def test_a_long_reason_is_indented_throughout(result):
    reason = "gate.min_class_accuracy: " + "a long word after another " * 4
    refused = dataclasses.replace(result, blessed=False, reasons=(reason,))
    lines = _shown(refused).splitlines()
    first = next(i for i, line in enumerate(lines) if "gate.min_class" in line)
    assert lines[first].startswith("  gate.") and lines[first + 1].startswith("  long")
