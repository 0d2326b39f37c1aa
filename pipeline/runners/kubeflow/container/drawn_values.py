"""What the outputs that KFP's page draws contain, from what a task read and wrote.

Values of `system.Metrics` are numbers, since servers without ML Metadata accept no others.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator, Sequence
from typing import Any

from tfx_distill.components.checks import OVERALL
from tfx_distill.components.evaluator.predictions import Predictions
from tfx_distill.components.evaluator.verdict import Verdict
from tfx_distill.components.servability_validator.servability import (
    Measurement,
    Servability,
)
from tfx_distill.pipeline.report.collect import data_statistics, prediction_analysis
from tfx_distill.pipeline.runners.kubeflow.container import (
    drawn_outputs,
    drawn_report,
)
from tfx_distill.pipeline.runners.kubeflow.container.executor_input import (
    ExecutorInput,
)
from tfx_distill.trainer.errors import DistillError
from tfx_distill.trainer.evaluation.comparison import Comparison

MAX_CLASSES = 100  # more would be a property of a megabyte, and cells of a pixel
Drawn = tuple[str, dict[str, Any]]  # the file's content, and properties


def of(key: str, task: ExecutorInput) -> Drawn:
    """The content of one output's file, and the output's properties.

    Raises:
        OSError: If the task did not write what it is made of.
        ValueError: If that is damaged.
    """
    if key == drawn_outputs.REPORT:
        return drawn_report.page(task), {}
    if key == drawn_outputs.CONFUSION_MATRIX:
        properties = _confusion(task)
    else:
        properties = {
            name: float(value)
            for name, value in sorted(_metrics(task))
            if value is not None
        }
    return json.dumps(properties, sort_keys=True), properties


def _confusion(task: ExecutorInput) -> dict[str, Any]:
    """The student's confusion matrix on the test split; none of very many classes."""
    found = Predictions.load(task.path("outputs", "evaluation"))
    matrix = prediction_analysis.confusion("student", found.labels, found.student)
    rows = matrix.counts.tolist()
    if len(rows) > MAX_CLASSES:
        return {}
    return {
        "confusionMatrix": {
            "annotationSpecs": [
                {"displayName": name} for name in _class_names(task, len(rows))
            ],
            "rows": [{"row": row} for row in rows],
        }
    }


def _class_names(task: ExecutorInput, number: int) -> Sequence[str]:
    try:
        return data_statistics.described(task.path("inputs", "examples")).class_names
    except DistillError:  # examples of another component
        return list(map(str, range(number)))


def _metrics(task: ExecutorInput) -> Iterator[tuple[str, float | None]]:
    """Name and value of each number that a task measured."""
    if "evaluation" in task.output_keys:
        yield from _of_verdict(Verdict.load(task.path("outputs", "blessing")))
    elif "blessing" in task.output_keys:
        yield from _of_servability(Servability.load(task.path("outputs", "blessing")))
    else:
        yield from _of_comparison(Comparison.load(task.path("outputs", "comparison")))


def _of_verdict(verdict: Verdict) -> Iterator[tuple[str, float | None]]:
    yield "blessed", verdict.blessed
    yield "agreement", verdict.agreement
    for role in ("student", "teacher"):
        values = getattr(verdict, role).get(OVERALL, {})
        for name in ("accuracy", "cross_entropy", "calibration_error"):
            yield f"{role}_{name}", values.get(name)
    paired = verdict.paired.get(OVERALL, {})
    yield "accuracy_difference", paired.get("difference")
    yield "accuracy_difference_low", paired.get("low")
    margins = [-check.bound for check in verdict.checks if check.name == "gate.margin"]
    yield "margin", next(iter(margins), None)
    if verdict.served is not None:
        yield "served_accuracy", verdict.served.accuracy


def _of_servability(verdict: Servability) -> Iterator[tuple[str, float | None]]:
    yield "blessed", verdict.blessed
    for role in ("student", "teacher"):
        cost: Measurement = getattr(verdict, role)
        yield f"{role}_parameters", cost.parameters
        yield f"{role}_bytes", cost.bytes
        for images, latency in cost.latency.items():
            for name, value in latency.items():
                yield f"{role}_{name}_of_{images}", value


def _of_comparison(found: Comparison) -> Iterator[tuple[str, float | None]]:
    yield "student_accuracy", statistics.mean(s.accuracy for s in found.seeds)
    controls = (seed.reference_accuracy for seed in found.seeds)
    yield "control_accuracy", statistics.mean(controls)
    yield "accuracy_difference", found.difference
    yield "accuracy_difference_low", found.low
    yield "accuracy_difference_high", found.high
    yield "p_value", found.p_value
