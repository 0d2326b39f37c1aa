"""What KFP's page draws, made of what executors wrote."""

import json
import math
import pathlib

import numpy as np
import pytest

from tfx_distill.components.checks import OVERALL, Check
from tfx_distill.components.evaluator.predictions import Predictions
from tfx_distill.components.evaluator.verdict import Verdict
from tfx_distill.components.servability_validator.servability import (
    Measurement,
    Servability,
)
from tfx_distill.pipeline.runners.kubeflow.container import (
    drawn_outputs,
    drawn_values,
)
from tfx_distill.pipeline.runners.kubeflow.container.executor_input import ExecutorInput
from tfx_distill.pipeline.runners.kubeflow.container.mounts import Mounts
from tfx_distill.trainer.evaluation import comparison

EVALUATOR, SERVABILITY, CONTROL = drawn_outputs.OF_EXECUTOR
RUN = "minio://bucket/root/digits/5f0c4d1e-7a52-4f4f-9f0b-3a1f7f6c2b11"
LABELS = np.array([0, 1, 1, 1])
STUDENT = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.1, 0.9]], np.float32)
KINDS = {
    "evaluation": "ModelEvaluation",
    "blessing": "ModelBlessing",
    "comparison": "ControlComparison",
}
MARGIN = Check(name="gate.margin", slice=OVERALL, bound=-0.02, value=-0.01, ok=True)


class Task:
    """A task's folders, and what its page shows."""

    def __init__(self, root, executor, *own):
        keys = (*own, *drawn_outputs.OF_EXECUTOR[executor])
        kinds = {key: {"instanceSchema": f"title: tfx.{KINDS[key]}"} for key in own}
        kinds |= {
            key: {"schemaTitle": drawn_outputs.TYPES[key]} for key in keys[len(own) :]
        }
        outputs = {
            key: {"artifacts": [{"uri": f"{RUN}/Node/{key}", "type": kinds[key]}]}
            for key in keys
        }
        examples = {"uri": f"{RUN}/ExampleGen/examples", "type": {}}
        given = {
            "inputs": {"artifacts": {"examples": {"artifacts": [examples]}}},
            "outputs": {"artifacts": outputs, "outputFile": "/tmp/output"},
        }
        kind = {"instanceSchema": "title: tfx.Examples"}
        spec = {"artifacts": {"examples": {"artifactType": kind}}}
        self.executor = executor
        self.input = ExecutorInput(given, spec, Mounts(str(root)))
        self.input.make_folders()

    def path(self, key):
        return self.input.path("outputs", key)

    def text(self, key):
        return pathlib.Path(self.path(key)).read_text()

    def made(self):
        return drawn_outputs.make(self.executor, self.input)


@pytest.fixture
def evaluated(tmp_path):
    """A task whose Evaluator has written its outputs."""
    task = Task(tmp_path, EVALUATOR, "evaluation", "blessing")
    teacher = STUDENT[::-1].copy()
    Predictions(labels=LABELS, student=STUDENT, teacher=teacher).save(
        task.path("evaluation")
    )
    Verdict(
        blessed=True,
        reasons=(),
        checks=(MARGIN,),
        agreement=0.5,
        student={OVERALL: {"accuracy": 0.75}},
        teacher={OVERALL: {"accuracy": 0.5}},
        paired={OVERALL: {"difference": 0.25, "low": -0.01}},
    ).save(task.path("blessing"))
    return task


def test_the_confusion_matrix_is_as_the_page_checks_it(evaluated):
    matrix = evaluated.made()["confusion_matrix"]["confusionMatrix"]
    # By label, then by prediction.
    assert matrix["rows"] == [{"row": [1, 0]}, {"row": [1, 2]}]
    names = [spec["displayName"] for spec in matrix["annotationSpecs"]]
    assert names == ["0", "1"]  # these examples say no names


def test_metrics_are_numbers_alone_and_none_is_left_empty(evaluated):
    assert evaluated.made()["metrics"] == {
        "accuracy_difference": 0.25,
        "accuracy_difference_low": -0.01,
        "agreement": 0.5,
        "blessed": 1.0,
        "margin": 0.02,
        "student_accuracy": 0.75,
        "teacher_accuracy": 0.5,
    }


def test_the_report_shows_uris_and_no_path_of_the_pod(evaluated, tmp_path):
    evaluated.made()
    text = evaluated.text("report")
    assert text.startswith("<!DOCTYPE html>") and str(tmp_path) not in text
    assert "The quality gate blessed the student." in text
    assert "gate.<wbr>margin" in text and "Confusions of the student" in text
    assert 'id="lineage"' not in text and "1970" not in text


def test_costs_are_the_metrics_of_the_servability_gate(tmp_path):
    task = Task(tmp_path, SERVABILITY, "blessing")
    latency = {"1": {"median_ms": 0.5, "p95_ms": 0.7}}
    student = Measurement(parameters=10, bytes=2000, latency=latency)
    Servability(blessed=False, reasons=("slow",), student=student).save(
        task.path("blessing")
    )
    assert task.made()["metrics"] == {
        "blessed": 0.0,
        "student_bytes": 2000.0,
        "student_median_ms_of_1": 0.5,
        "student_p95_ms_of_1": 0.7,
        "student_parameters": 10.0,
    }


def test_a_control_is_compared_over_all_seeds(tmp_path):
    task = Task(tmp_path, CONTROL, "comparison")
    right, wrong = np.array([True, True]), np.array([True, False])
    comparison.compare([right, right], [right, wrong]).save(task.path("comparison"))
    metrics = task.made()["metrics"]
    assert metrics["student_accuracy"] == 1.0 and metrics["control_accuracy"] == 0.75
    assert metrics["accuracy_difference"] == pytest.approx(0.25)
    assert all(map(math.isfinite, metrics.values()))


def test_what_cannot_be_drawn_is_said_and_fails_nothing(evaluated, caplog):
    folder = evaluated.path("evaluation")
    pathlib.Path(folder, "answers.npz").write_bytes(b"damaged")
    made = evaluated.made()
    assert (
        made["confusion_matrix"] == {} and made["metrics"]["student_accuracy"] == 0.75
    )
    assert "Kubeflow's page shows no confusion_matrix" in caplog.text
    assert "Error" in evaluated.text("confusion_matrix")


def test_many_classes_have_no_matrix(evaluated):
    size = drawn_values.MAX_CLASSES + 1
    probabilities = np.eye(size, dtype=np.float32)
    Predictions(
        labels=np.arange(size), student=probabilities, teacher=probabilities
    ).save(evaluated.path("evaluation"))
    assert evaluated.made()["confusion_matrix"] == {}


def test_the_launcher_gets_them_beside_the_executors_own(evaluated):
    written = {"artifacts": {"evaluation": {"artifacts": [{"metadata": {}}]}}}
    drawn_outputs.add(written, evaluated.made())
    result = evaluated.input.for_launcher(written)["artifacts"]
    (matrix,) = result["confusion_matrix"]["artifacts"]
    assert matrix["uri"] == f"{RUN}/Node/confusion_matrix"
    assert json.dumps(matrix["metadata"]["confusionMatrix"])
    assert set(result) == {"evaluation", "confusion_matrix", "metrics", "report"}


def test_tfx_gets_only_outputs_of_its_own(evaluated):
    outputs = evaluated.input.for_tfx()["outputs"]["artifacts"]
    assert set(outputs) == {"evaluation", "blessing"}


def test_a_file_of_an_earlier_version_declares_none_and_gets_none(evaluated):
    for key in ("confusion_matrix", "metrics", "report"):
        del evaluated.input.given["outputs"]["artifacts"][key]
    assert evaluated.made() == {}
