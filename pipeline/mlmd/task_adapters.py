"""Turns the records of a Kubeflow server without ML Metadata into ours.

The server keeps the same facts in another place and form:

| | ML Metadata | the server |
|---|---|---|
| artifact type | type `tfx.Model` | title of the metadata `_kfp_schema_title` |
| key of an input or output | event's path | `artifact_key`; an artifact has its output's |
| node | custom property `task_name` | `name` of a task |
| state | `COMPLETE` | `SUCCEEDED` |
| parameters | custom property `inputs` | list of keys and values |
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import Any

from tfx_distill.pipeline.mlmd.adapters import artifact_type, plain
from tfx_distill.pipeline.mlmd.records import (
    CANCELED,
    COMPLETE,
    LIVE,
    ArtifactRecord,
    EventRecord,
    ExecutionRecord,
    RunRecord,
    cleaned,
)
from tfx_distill.pipeline.runners.kubeflow.schema_titles import type_name
from tfx_distill.pipeline.short_text import clean

Answer = Mapping[str, Any]

_EXECUTION_TYPES = {
    "RUNTIME": "system.ContainerExecution",
    "IMPORTER": "system.ImporterExecution",
}
_STATES = {"SUCCEEDED": COMPLETE, "SKIPPED": CANCELED}  # others have the same name
_SCHEMA = "_kfp_schema_title"
_SYSTEM_TYPES = {
    "Metric": "Metrics",
    "ClassificationMetric": "ClassificationMetrics",
    "SlicedClassificationMetric": "SlicedClassificationMetrics",
}
_OUTPUTS = ("OUTPUT", "ONE_OF_OUTPUT", "ITERATOR_OUTPUT")
_EXECUTOR = "EXECUTOR"


def run(answer: Answer) -> RunRecord:
    created = milliseconds(answer.get("created_at"))
    return RunRecord(
        id=answer["run_id"],
        name=clean(answer["run_id"]),
        created_ms=created,
        updated_ms=max(created, milliseconds(answer.get("finished_at"))),
        properties=_properties(
            {name: answer.get(name) for name in ("display_name", "state")}
        ),
    )


def is_node(task: Answer) -> bool:
    """Whether a task is a node's, rather than that of a group or of the whole run."""
    return task.get("type") in _EXECUTION_TYPES


def execution(task: Answer, pipeline: str) -> ExecutionRecord:
    """A node's record, of a task for which `is_node` holds."""
    inputs = task.get("inputs", {}).get("parameters", ())
    executors = [p for p in task.get("pods", ()) if p.get("type") == _EXECUTOR]
    created = milliseconds(task.get("create_time"))
    changes = [task.get("end_time"), *map(_update_time, task.get("state_history", ()))]
    return ExecutionRecord(
        id=task["task_id"],
        type=_EXECUTION_TYPES[task["type"]],
        state=_STATES.get(task.get("state", ""), clean(task.get("state", ""))),
        node=clean(task.get("name", "")),
        run=clean(task["run_id"]),
        pipeline=pipeline,
        created_ms=created,
        updated_ms=max([created, *map(milliseconds, changes)]),
        properties=_properties(
            {
                "display_name": task.get("display_name"),
                "task_name": task.get("name"),
                "cache_fingerprint": task.get("cache_fingerprint"),
                "message": task.get("status_metadata", {}).get("message"),
                "pod_name": executors[-1].get("name") if executors else None,
                "inputs": {p["parameter_key"]: p.get("value") for p in inputs},
            }
        ),
    )


def _update_time(change: Answer) -> Any:
    return change.get("update_time")


def artifact(answer: Answer) -> ArtifactRecord:
    """A record that does not say who made it."""
    metadata = dict(answer.get("metadata", {}))
    title = type_name({"instanceSchema": metadata.pop(_SCHEMA, "")})
    kind = answer.get("type", "Artifact")
    created = milliseconds(answer.get("created_at"))
    return ArtifactRecord(
        id=answer["artifact_id"],
        type=artifact_type(title or f"system.{_SYSTEM_TYPES.get(kind, kind)}"),
        uri=clean(answer.get("uri", "")),
        state=LIVE,
        created_ms=created,
        updated_ms=created,
        properties=_properties({"display_name": answer.get("name"), **metadata}),
    )


def linked(task: Answer) -> Iterator[tuple[EventRecord, Answer]]:
    """Each input and output of a task, with the artifact's own record."""
    for part in ("inputs", "outputs"):
        for item in task.get(part, {}).get("artifacts", ()):
            for answer in item.get("artifacts", ()):
                yield (
                    EventRecord(
                        execution_id=task["task_id"],
                        artifact_id=answer["artifact_id"],
                        key=clean(item.get("artifact_key", "")),
                        is_output=part == "outputs",
                        created_ms=milliseconds(task.get("create_time")),
                    ),
                    answer,
                )


def event(answer: Answer) -> EventRecord:
    """A record of an item of `/artifact_tasks`."""
    return EventRecord(
        execution_id=answer["task_id"],
        artifact_id=answer["artifact_id"],
        key=clean(answer.get("key", "")),
        is_output=answer.get("type") in _OUTPUTS,
    )


def milliseconds(moment: Any) -> int:
    """Milliseconds since 1970 of a time such as `2026-11-28T17:38:01Z`; 0 without one."""
    try:
        # Python 3.10 cannot parse the Z.
        parsed = datetime.datetime.fromisoformat(str(moment).replace("Z", "+00:00"))
        return max(0, round(parsed.timestamp() * 1000))
    except (ValueError, OverflowError):
        return 0


def _properties(values: Mapping[str, Any]) -> dict[str, Any]:
    """Sorted by name; what is missing is left out."""
    known = {name: _plain(v) for name, v in values.items() if v not in (None, {})}
    return dict(sorted(cleaned(known).items()))


def _plain(value: Any) -> Any:
    """As `plain`, wherever it is in a value."""
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return plain(value)
