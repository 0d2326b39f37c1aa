"""Sections of a report that one file of a run tells, each read and checked.

They give None, or nothing, where the run has no such file, and raise one of
`readings.UNREADABLE` where it cannot be shown.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from tfx_distill.pipeline.report import report_data
from tfx_distill.pipeline.report.collect import file_checks, measures, readings
from tfx_distill.pipeline.report.collect.run_graph import Run
from tfx_distill.trainer.tuning import trials

_SCORES = ("accuracy", "agreement", "bytes", "latency_ms")  # of a LiteRT file


def comparison(run: Run) -> dict[str, Any] | None:
    """What distillation gained, as the comparison with a control measured it."""
    for execution in run.executions:
        for id_ in execution.outputs.get("comparison", ()):
            uri = run.artifacts[id_].uri
            gained = readings.load_json(uri, "comparison.json")
            file_checks.comparison(gained)
            return gained
    return None


def served(verdict: Mapping[str, Any]) -> report_data.Difference | None:
    """The student against the model that served before, as the gate measured it."""
    found = verdict.get("served")
    if not found:
        return None
    if found.get("problem"):
        raise ValueError(found["problem"])
    return report_data.Difference(
        name="student − served before",
        interval=measures.Interval(
            value=found["difference"], low=found["low"], high=found["high"]
        ),
        only_first=found["only_student"],
        only_second=found["only_served"],
        p_value=found["p_value"],
    )


def costs(run: Run) -> tuple[report_data.Cost, ...]:
    """What teacher and student cost to serve, as the second gate measured it."""
    artifact = run.written("InfraBlessing")
    if artifact is None:
        return ()
    verdict = file_checks.verdict(artifact.uri, "InfraBlessing")
    return tuple(
        report_data.Cost(
            role=role,
            parameters=verdict[role].get("parameters"),
            bytes=verdict[role].get("bytes"),
            latency=verdict[role].get("latency") or {},
        )
        for role in ("teacher", "student")
        if role in verdict
    )


def lite(run: Run, num_examples: int) -> tuple[report_data.LiteFile, ...]:
    """The student's LiteRT files; `num_examples` is the size of the test split."""
    artifact = run.written("LiteModels")
    if artifact is None:
        return ()
    scores = readings.load_json(artifact.uri, "scores.json")
    for flavour, score in scores.items():
        file_checks.numbers(flavour, score, _SCORES)
    return tuple(
        report_data.LiteFile(
            flavour=flavour,
            accuracy=measures.share(score["accuracy"], num_examples),
            agreement=score["agreement"],
            bytes=score["bytes"],
            latency_ms=score["latency_ms"],
        )
        for flavour, score in scores.items()
    )


def search(run: Run) -> report_data.Search | None:
    """The trials of a search for hyperparameters."""
    artifact = run.written("TunerResults")
    if artifact is None:
        return None
    found = trials.Trials.load(artifact.uri)
    file_checks.number("max_parameters", found.max_parameters, optional=True)
    for trial in found.trials:
        for name in ("parameters", "objective"):
            file_checks.number(name, getattr(trial, name), optional=True)
        file_checks.numbers(trial.id, dataclasses.asdict(trial), ("epochs", "seconds"))
    return report_data.Search(
        algorithm=found.algorithm,
        max_parameters=found.max_parameters,
        trials=tuple(readings.tried(trial) for trial in found.ranking()),
    )
