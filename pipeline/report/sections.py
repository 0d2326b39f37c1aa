"""Sections of a report that one file of a run tells, each read and checked.

They give None, or nothing, where the run has no such file, and raise one of
`readings.UNREADABLE` where it cannot be shown.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from pipeline.report import content, measures, readings, values
from pipeline.report.recorded import Run
from trainer import trials

_SCORES = ("accuracy", "agreement", "bytes", "latency_ms")  # of a LiteRT file


def comparison(run: Run) -> dict[str, Any] | None:
    """What distillation gained, as the comparison with a control measured it."""
    for execution in run.executions:
        for id_ in execution.outputs.get("comparison", ()):
            uri = run.artifacts[id_].uri
            gained = readings.load_json(uri, "comparison.json")
            values.comparison(gained)
            return gained
    return None


def served(verdict: Mapping[str, Any]) -> content.Difference | None:
    """The student against the model that served before, as the gate measured it."""
    found = verdict.get("served")
    if not found:
        return None
    if found.get("problem"):
        raise ValueError(found["problem"])
    return content.Difference(
        name="student − served before",
        interval=measures.Interval(
            value=found["difference"], low=found["low"], high=found["high"]
        ),
        only_first=found["only_student"],
        only_second=found["only_served"],
        p_value=found["p_value"],
    )


def costs(run: Run) -> tuple[content.Cost, ...]:
    """What teacher and student cost to serve, as the second gate measured it."""
    artifact = run.written("InfraBlessing")
    if artifact is None:
        return ()
    verdict = values.verdict(artifact.uri, "InfraBlessing")
    return tuple(
        content.Cost(
            role=role,
            parameters=verdict[role].get("parameters"),
            bytes=verdict[role].get("bytes"),
            latency=verdict[role].get("latency") or {},
        )
        for role in ("teacher", "student")
        if role in verdict
    )


def lite(run: Run, num_examples: int) -> tuple[content.LiteFile, ...]:
    """The student's LiteRT files; `num_examples` is the size of the test split."""
    artifact = run.written("LiteModels")
    if artifact is None:
        return ()
    scores = readings.load_json(artifact.uri, "scores.json")
    for flavour, score in scores.items():
        values.numbers(flavour, score, _SCORES)
    return tuple(
        content.LiteFile(
            flavour=flavour,
            accuracy=measures.share(score["accuracy"], num_examples),
            agreement=score["agreement"],
            bytes=score["bytes"],
            latency_ms=score["latency_ms"],
        )
        for flavour, score in scores.items()
    )


def search(run: Run) -> content.Search | None:
    """The trials of a search for hyperparameters."""
    artifact = run.written("TunerResults")
    if artifact is None:
        return None
    found = trials.Trials.load(artifact.uri)
    values.number("max_parameters", found.max_parameters, optional=True)
    for trial in found.trials:
        for name in ("parameters", "objective"):
            values.number(name, getattr(trial, name), optional=True)
        values.numbers(trial.id, dataclasses.asdict(trial), ("epochs", "seconds"))
    return content.Search(
        algorithm=found.algorithm,
        max_parameters=found.max_parameters,
        trials=tuple(readings.tried(trial) for trial in found.ranking()),
    )
