"""Runs in a line each: what was changed for a run, and its result."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from tfx_distill.components import property_names
from tfx_distill.pipeline.config import dotted_keys
from tfx_distill.pipeline.inspection import gates, timelines
from tfx_distill.pipeline.mlmd.records import (
    CACHED,
    CANCELED,
    COMPLETE,
    FAILED,
    RUNNING,
    STOPPED,
    Graph,
    RunRecord,
)
from tfx_distill.trainer import structured_text
from tfx_distill.trainer.timeline import Span


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunSummary:
    """One run in a line.

    Attributes:
        run: Its name.
        pipeline: Its pipeline.
        started_ms: Milliseconds since 1970.
        seconds: From its first execution to the last change of any.
        state: `COMPLETE`, `FAILED`, `STOPPED` (by the user or the system) or `RUNNING`.
        failed_node: The node that failed, or at which it was stopped.
        error: Why it failed or stopped.
        changed: Configuration keys that differ from the previous run: old, new value.
            None for the first run, and without a recorded configuration.
        teacher_accuracy: On the test split, in [0, 1].
        student_accuracy: As `teacher_accuracy`.
        blessed: Whether all gates passed; None when none has decided.
        pushed_version: Empty when nothing was pushed.
        num_tested: See `Graph.tested`; None when unknown.
        cached: Number of nodes whose result came from the cache.
        nodes: Number of nodes.
        timeline: Its parts, in the order in which they started.
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
    num_tested: int | None = None
    cached: int = 0
    nodes: int = 0
    timeline: tuple[Span, ...] = ()


def summarize(
    graph: Graph, runs: Sequence[RunRecord], limit: int | None = None
) -> list[RunSummary]:
    """Summaries of runs, each compared with the next older one of its pipeline.

    Args:
        graph: Contains everything that they did.
        runs: The newest first.
        limit: Maximum number of summaries; further runs are only compared with.
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
    failed = [e.node for e in executions if e.state in (FAILED, CANCELED)]
    error = str(run.properties.get(property_names.ERROR, ""))
    state = COMPLETE
    if run.properties.get(property_names.STOPPED):
        state = STOPPED
    elif failed or error:
        state = FAILED
    elif RUNNING in states:
        state = RUNNING
    pushed = graph.pushed_models(run.name)
    end = max([e.updated_ms for e in executions], default=run.created_ms)
    return RunSummary(
        run=run.name,
        pipeline=pipeline,
        started_ms=run.created_ms,
        seconds=max(0, end - run.created_ms) / 1000,
        state=state,
        failed_node=str(
            run.properties.get(property_names.FAILED_NODE) or ", ".join(failed)
        ),
        error=error,
        changed=changed,
        teacher_accuracy=gates.accuracy(graph, run.name, "teacher"),
        student_accuracy=gates.accuracy(graph, run.name, "student"),
        blessed=_blessed(graph, run.name),
        pushed_version=pushed[0].version if pushed else "",
        num_tested=gates.num_tested(graph, run.name),
        cached=states.count(CACHED),
        nodes=len(executions),
        timeline=timelines.of_run(graph, run),
    )


def _blessed(graph: Graph, run: str) -> bool | None:
    """Whether all gates of a run passed; None when none decided."""
    found = [
        bool(artifact.properties[property_names.BLESSED])
        for kind in (gates.QUALITY, gates.SERVABILITY)
        for artifact in graph.made(run, kind)
        if property_names.BLESSED in artifact.properties
    ]
    return all(found) if found else None


def pipeline_of(graph: Graph, run: RunRecord) -> str:
    return next((e.pipeline for e in graph.of_run(run.name) if e.pipeline), "")


def configuration(run: RunRecord) -> dict[str, Any]:
    """A run's configuration with dotted keys; empty when none is recorded."""
    text = str(run.properties.get(property_names.CONFIG, ""))
    try:
        content = structured_text.from_yaml(text)
    except ValueError:
        return {}
    return dotted_keys.flat(content) if isinstance(content, dict) else {}


def differences(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> dict[str, tuple[Any, Any]]:
    """Keys with different values: old and new; None where a key is missing."""
    return {
        key: (before.get(key), after.get(key))
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    }
