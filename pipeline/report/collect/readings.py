"""From what files hold to what a report shows, value by value."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import struct
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import yaml

from tfx_distill.components.checks import OVERALL, Check
from tfx_distill.components.evaluator.predictions import Predictions
from tfx_distill.pipeline.report import report_data
from tfx_distill.pipeline.report.collect import measures
from tfx_distill.trainer.errors import DistillError
from tfx_distill.trainer.evaluation import comparison
from tfx_distill.trainer.tuning import trials

# What a damaged or a foreign file raises when it is read.
UNREADABLE = (
    DistillError,
    OSError,
    ValueError,
    ArithmeticError,
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
    EOFError,
    RecursionError,
    struct.error,
    yaml.YAMLError,
    zipfile.BadZipFile,
    zlib.error,
)


def load_json(folder: str, name: str) -> dict[str, Any]:
    """Raises ValueError unless the file holds a JSON object."""
    values = json.loads(pathlib.Path(folder, name).read_text(encoding="utf-8"))
    if not isinstance(values, dict):
        raise ValueError(f"{pathlib.Path(folder, name)} is no JSON object")
    return values


def check(values: Mapping[str, Any]) -> Check:
    """A bound, also one that a later version wrote with more fields."""
    known = {field.name for field in dataclasses.fields(Check)}
    return Check(**{name: value for name, value in values.items() if name in known})


def overall(verdict: Mapping[str, Any], role: str) -> Mapping[str, float]:
    """What a verdict holds of a model over all images."""
    return (verdict.get(role) or {}).get(OVERALL, {})


def accuracy_of(metrics: Mapping[str, float]) -> measures.Interval | None:
    """The accuracy of a slice, with its interval."""
    if "accuracy" not in metrics:
        return None
    return measures.share(metrics["accuracy"], int(metrics.get("num_examples", 0)))


def numbered(models: list[report_data.Model]) -> list[report_data.Model]:
    """The models by names that differ: `control`, `control 2` …"""
    seen: dict[str, int] = {}
    result = []
    for model in models:
        number = seen[model.role] = seen.get(model.role, 0) + 1
        name = model.role if number == 1 else f"{model.role} {number}"
        result.append(dataclasses.replace(model, name=name))
    return result


def evaluated(
    models: list[report_data.Model], judged: list[int], verdict: Mapping[str, Any]
) -> list[report_data.Model]:
    """The models, those that the gate judged with what it measured."""
    result = []
    for model in models:
        if model.artifact in judged:
            metrics = dict(overall(verdict, model.role))
            accuracy = accuracy_of(metrics)
            for name in ("accuracy", "num_examples", "agreement"):
                metrics.pop(name, None)
            model = dataclasses.replace(model, accuracy=accuracy, metrics=metrics)
        result.append(model)
    return result


def with_controls(
    models: list[report_data.Model], gained: Mapping[str, Any]
) -> list[report_data.Model]:
    """The models, those of each seed with what the comparison measured."""
    counts = {"student": 0, "control": 0}
    keys = {"student": "accuracy", "control": "reference_accuracy"}
    total, result = int(gained.get("num_examples", 0)), []
    for model in models:
        if model.role in counts and gained:
            seeds, place = gained["seeds"], counts[model.role]
            if model.accuracy is None and place < len(seeds):
                accuracy = measures.share(seeds[place][keys[model.role]], total)
                model = dataclasses.replace(model, accuracy=accuracy)
            counts[model.role] += 1
        result.append(model)
    return result


def paired(answers: Predictions) -> report_data.Difference:
    """The student against its teacher, image by image."""
    student = answers.student.argmax(axis=1) == answers.labels
    teacher = answers.teacher.argmax(axis=1) == answers.labels
    result = comparison.paired(student, teacher)
    return report_data.Difference(
        name="student − teacher",
        interval=measures.Interval(
            value=result.difference, low=result.low, high=result.high
        ),
        only_first=result.only_first,
        only_second=result.only_second,
        p_value=result.p_value,
    )


def tried(trial: trials.Trial) -> report_data.Tried:
    """A trial, with its values in a line."""
    values = ", ".join(
        f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}"
        for key, value in trial.values.items()
    )
    return report_data.Tried(
        id=trial.id,
        status=trial.status,
        parameters=trial.parameters,
        objective=trial.objective,
        epochs=trial.epochs,
        seconds=trial.seconds,
        values=values,
        reason=trial.reason,
    )


def flat(values: Any, prefix: str = "") -> dict[str, Any]:
    """A configuration by dotted keys."""
    if not isinstance(values, Mapping):
        return {prefix: values} if prefix else {}
    result: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(value, Mapping) and value:
            result.update(flat(value, name))
        else:
            result[name] = value
    return result
