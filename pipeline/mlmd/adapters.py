"""Turns ML Metadata's messages into records, whoever wrote them.

A local TFX run and Kubeflow name and place the same things differently:

| | local | Kubeflow |
|---|---|---|
| artifact type | `Model` | `tfx.Model` |
| values | typed and custom properties | custom properties, numbers as doubles |
| node | context `node`, named `PIPELINE.NODE` | custom property `task_name` |
| run | context `pipeline_run` | context `system.PipelineRun` |
| pipeline | context `pipeline` | context `system.Pipeline` |
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf import json_format
from ml_metadata.proto import metadata_store_pb2 as pb

from tfx_distill.pipeline.mlmd.records import (
    ArtifactRecord,
    EventRecord,
    ExecutionRecord,
    RunRecord,
)
from tfx_distill.pipeline.short_text import clean
from tfx_distill.trainer import structured_text

PIPELINES = ("pipeline", "system.Pipeline")
RUNS = ("pipeline_run", "system.PipelineRun")
NODE = "node"
# Kubeflow's execution of a whole run: users ask about its tasks.
DAG = "system.DAGExecution"

_STANDARD = "tfx."
# The first that fits counts.
_RENAMED = {
    "distill_artifacts.": "tfx_distill.",
    "components.servability.": "tfx_distill.components.servability_validator.",
    "components.": "tfx_distill.components.",
}
_NODE_PROPERTIES = ("task_name", "display_name")
_OUTPUTS = (pb.Event.OUTPUT, pb.Event.DECLARED_OUTPUT, pb.Event.PENDING_OUTPUT)
_INPUTS = (pb.Event.INPUT, pb.Event.DECLARED_INPUT)
# Name under which protobuf's Struct holds a value that is not an object.
_WRAPPED = "__value__"
MAX_ID = 2**63 - 1


def artifact(message: Any) -> ArtifactRecord:
    """A record that does not say yet who made it."""
    return artifact_of(_common(message), message.type, message.state, message.uri)


def artifact_of(
    common: dict[str, Any], type_name: str, state: int, uri: str
) -> ArtifactRecord:
    """As `artifact`, of what all records have and the rest of a row."""
    return ArtifactRecord(
        **common,
        type=artifact_type(type_name),
        uri=clean(uri),
        state=_state(pb.Artifact.State, state),
    )


def execution(message: Any) -> ExecutionRecord:
    """A record that knows its node from its properties alone, not its run."""
    return execution_of(_common(message), message.type, message.last_known_state)


def execution_of(common: dict[str, Any], type_name: str, state: int) -> ExecutionRecord:
    """As `execution`, of what all records have and the rest of a row."""
    values = common["properties"]
    node = next(
        (str(values[name]) for name in _NODE_PROPERTIES if values.get(name)), ""
    )
    return ExecutionRecord(
        **common,
        type=execution_type(type_name),
        state=_state(pb.Execution.State, state),
        node=clean(node or type_name.rpartition(".")[2]),
    )


def placed(
    records: Mapping[int, ExecutionRecord], contexts: Iterable[tuple[int, str, str]]
) -> dict[int, ExecutionRecord]:
    """Executions with their node, run and pipeline.

    Args:
        records: By id.
        contexts: Execution's id, type and name of each context that one belongs to.
    """
    kinds = dict.fromkeys(PIPELINES, "pipeline") | dict.fromkeys(RUNS, "run")
    places: dict[int, dict[str, Any]] = {id_: {} for id_ in records}
    for id_, type_name, name in contexts:
        if type_name == NODE:
            places[id_]["node"] = name
        elif type_name in kinds:
            places[id_].setdefault(kinds[type_name], name)
    for id_, place in places.items():
        prefix = f"{place.get('pipeline', '')}."
        node = clean(place.get("node", "").removeprefix(prefix))
        place["node"] = node or records[id_].node
    return {i: dataclasses.replace(r, **places[i]) for i, r in records.items()}


def number(text: str) -> int | None:
    """The id in ML Metadata that a text is; None if it is none."""
    return int(text) if text.isdecimal() and int(text) <= MAX_ID else None


def run(message: Any) -> RunRecord:
    return RunRecord(**_common(message))


def _common(message: Any) -> dict[str, Any]:
    return {
        "id": message.id,
        "name": clean(message.name),
        "created_ms": message.create_time_since_epoch,
        "updated_ms": message.last_update_time_since_epoch,
        "properties": properties(message),
    }


def artifact_type(recorded: str) -> str:
    """Name of an artifact type in this version, without Kubeflow's `tfx.`."""
    return execution_type(recorded).removeprefix(_STANDARD)


def execution_type(recorded: str) -> str:
    """Name of a component in this version: earlier ones had other module names."""
    name = clean(recorded)
    for before, now in _RENAMED.items():
        if name.startswith(before):
            return name.replace(before, now, 1)
    return name


def event(message: Any) -> EventRecord | None:
    """A record; None for kinds that are neither inputs nor outputs."""
    key = next((step.key for step in message.path.steps if step.key), "")
    return event_of(
        message.execution_id,
        message.artifact_id,
        message.type,
        key,
        message.milliseconds_since_epoch,
    )


def event_of(
    execution_id: int, artifact_id: int, kind: int, key: str, created_ms: int
) -> EventRecord | None:
    """As `event`, of a row."""
    if kind not in _OUTPUTS + _INPUTS:
        return None
    return EventRecord(
        execution_id=execution_id,
        artifact_id=artifact_id,
        key=clean(key),
        is_output=kind in _OUTPUTS,
        created_ms=created_ms,
    )


def properties(message: Any) -> dict[str, Any]:
    """Typed and custom properties together, sorted by name."""
    merged = {**message.properties, **message.custom_properties}
    return {clean(name): _plain(value) for name, value in sorted(merged.items())}


def _plain(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind in ("struct_value", "proto_value"):
        return unwrapped(json_format.MessageToDict(getattr(value, kind)))
    return plain(getattr(value, kind))


def plain(value: Any) -> Any:
    """A stored number or text. Kubeflow keeps every number as a double."""
    if isinstance(value, str):
        return clean(value)
    is_whole = isinstance(value, float) and abs(value) < 2**53 and value == int(value)
    return int(value) if is_whole else value


def unwrapped(content: Any) -> Any:
    if isinstance(content, dict) and set(content) == {_WRAPPED}:
        try:
            return structured_text.from_json(content[_WRAPPED])
        except (TypeError, ValueError):
            return content[_WRAPPED]
    return content


def _state(states: Any, number: int) -> str:
    """Its name; as a number when it is newer than this library, empty when unset."""
    if not number:
        return ""
    names = {value: name for name, value in states.items()}
    return names.get(number, str(number))
