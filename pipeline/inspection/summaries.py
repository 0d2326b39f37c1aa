"""What a run did and came to, from its records and the verdict in its artifacts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from tfx_distill.components.checks import VERDICT_FILE
from tfx_distill.pipeline.inspection import payloads
from tfx_distill.pipeline.mlmd.records import (
    CACHED,
    COMPLETE,
    FAILED,
    RUNNING,
    ArtifactRecord,
    Graph,
    RunRecord,
)

FAILED_NODE, ERROR = "failed_node", "error"  # properties of a run's context


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunSummary:
    """One run in a line.

    Attributes:
        run: Its name.
        pipeline: Its pipeline.
        started_ms: Milliseconds since 1970.
        seconds: From its first execution to its last sign of life.
        state: `COMPLETE`, `FAILED` or `RUNNING`.
        failed_node: Which node failed.
        error: Why.
        changed: Configuration keys that differ from the run before: old, new.
            None for the first run, and where none is recorded.
        teacher_accuracy: On the test split, in [0, 1].
        student_accuracy: As `teacher_accuracy`.
        blessed: None when no gate has decided.
        pushed_version: Empty when nothing was pushed.
        cached: Number of nodes that came from the cache.
        nodes: Number of nodes.
    """

    run: str
    pipeline: str
    started_ms: int
    seconds: float
    state: str
    failed_node: str = ""
    error: str = ""
    changed: Mapping[str, tuple[Any, Any]] | None = None
    teacher_accuracy: float | None = None
    student_accuracy: float | None = None
    blessed: bool | None = None
    pushed_version: str = ""
    cached: int = 0
    nodes: int = 0


def summarize(
    graph: Graph, runs: Sequence[RunRecord], limit: int | None = None
) -> list[RunSummary]:
    """Summaries of runs, each compared with the next older one of its pipeline.

    Args:
        graph: Has all that they did.
        runs: The newest first.
        limit: So many; the others are only compared with.
    """
    configs = {run.name: configuration(run) for run in runs}
    pipelines = {run.name: pipeline_of(graph, run) for run in runs}
    result = []
    for index, run in enumerate(runs[:limit]):
        pipeline = pipelines[run.name]
        before = next(
            (r.name for r in runs[index + 1 :] if pipelines[r.name] == pipeline), None
        )
        changed = None
        if before is not None and configs[run.name] and configs[before]:
            changed = differences(configs[before], configs[run.name])
        result.append(_summary(graph, run, pipeline, changed))
    return result


def _summary(graph: Graph, run: RunRecord, pipeline: str, changed: Any) -> RunSummary:
    executions = graph.of_run(run.name)
    states = [execution.state for execution in executions]
    failed = [e.node for e in executions if e.state in (FAILED, "CANCELED")]
    state = COMPLETE
    if failed or run.properties.get(ERROR):
        state = FAILED
    elif RUNNING in states:
        state = RUNNING
    verdict = verdict_of(outputs(graph, run.name, "ModelBlessing"))
    pushed = [
        str(artifact.properties.get("pushed_version", artifact.id))
        for artifact in outputs(graph, run.name, "PushedModel")
        if artifact.properties.get("pushed")
    ]
    end = max([e.updated_ms for e in executions], default=run.created_ms)
    return RunSummary(
        run=run.name,
        pipeline=pipeline,
        started_ms=run.created_ms,
        seconds=max(0, end - run.created_ms) / 1000,
        state=state,
        failed_node=str(run.properties.get(FAILED_NODE) or ", ".join(failed)),
        error=str(run.properties.get(ERROR, "")),
        changed=changed,
        teacher_accuracy=accuracy(verdict, "teacher"),
        student_accuracy=accuracy(verdict, "student"),
        blessed=blessed(graph, run.name),
        pushed_version=pushed[-1] if pushed else "",
        cached=states.count(CACHED),
        nodes=len(executions),
    )


def outputs(graph: Graph, run: str, type_name: str) -> list[ArtifactRecord]:
    """Artifacts of a type that a run made, or took from the cache."""
    return [
        artifact
        for execution in graph.of_run(run)
        for _, artifact in graph.outputs(execution.id)
        if artifact.type_name == type_name
    ]


def blessed(graph: Graph, run: str) -> bool | None:
    """Whether all gates of a run let its student pass; None when none decided."""
    found = [
        bool(artifact.properties["blessed"])
        for kind in ("ModelBlessing", "InfraBlessing")
        for artifact in outputs(graph, run, kind)
        if "blessed" in artifact.properties
    ]
    return all(found) if found else None


def verdict_of(blessings: Sequence[ArtifactRecord]) -> dict[str, Any]:
    """The gate's verdict in an artifact's folder; empty when there is none."""
    for artifact in reversed(blessings):
        verdict = payloads.read_json(artifact.uri, VERDICT_FILE)
        if verdict is not None:
            return verdict
    return {}


def accuracy(verdict: Mapping[str, Any], model: str) -> float | None:
    slices = verdict.get(model)
    overall = slices.get("overall") if isinstance(slices, dict) else None
    value = overall.get("accuracy") if isinstance(overall, dict) else None
    return value if isinstance(value, (int, float)) else None


def pipeline_of(graph: Graph, run: RunRecord) -> str:
    return next((e.pipeline for e in graph.of_run(run.name) if e.pipeline), "")


def configuration(run: RunRecord) -> dict[str, Any]:
    """A run's configuration with dotted keys; empty when none is recorded."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        content = yaml.load(str(run.properties.get("config", "")), Loader=loader)
    except yaml.YAMLError:
        return {}
    return _flat(content) if isinstance(content, dict) else {}


def _flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, dict) and value:
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def differences(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> dict[str, tuple[Any, Any]]:
    """Keys with different values: old and new; None where a key is missing."""
    return {
        key: (before.get(key), after.get(key))
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    }
