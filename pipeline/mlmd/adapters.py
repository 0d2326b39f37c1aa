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

from typing import Any

from google.protobuf import json_format
from ml_metadata.proto import metadata_store_pb2 as pb

from tfx_distill.pipeline.mlmd.records import (
    ArtifactRecord,
    EventRecord,
    ExecutionRecord,
    RunRecord,
    clean,
)
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


def artifact(message: Any) -> ArtifactRecord:
    """A record that does not say yet who made it."""
    return ArtifactRecord(
        **_common(message),
        type=artifact_type(message.type),
        uri=clean(message.uri),
        state=_state(pb.Artifact.State, message.state),
    )


def execution(message: Any) -> ExecutionRecord:
    """A record that knows its node from its properties alone, not its run."""
    common = _common(message)
    values = common["properties"]
    node = next(
        (str(values[name]) for name in _NODE_PROPERTIES if values.get(name)), ""
    )
    return ExecutionRecord(
        **common,
        type=execution_type(message.type),
        state=_state(pb.Execution.State, message.last_known_state),
        node=clean(node) or message.type.rpartition(".")[2],
    )


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
    if message.type not in _OUTPUTS + _INPUTS:
        return None
    return EventRecord(
        execution_id=message.execution_id,
        artifact_id=message.artifact_id,
        key=next((clean(step.key) for step in message.path.steps if step.key), ""),
        is_output=message.type in _OUTPUTS,
        created_ms=message.milliseconds_since_epoch,
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
        content = json_format.MessageToDict(getattr(value, kind))
        return _unwrapped(content)
    plain = getattr(value, kind)
    # Kubeflow keeps every number as a double.
    is_whole = kind == "double_value" and abs(plain) < 2**53 and plain == int(plain)
    if isinstance(plain, str):
        return clean(plain)
    return int(plain) if is_whole else plain


def _unwrapped(content: Any) -> Any:
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
