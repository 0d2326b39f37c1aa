"""What ML Metadata holds of one run, as plain values."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping
from typing import Any

import ml_metadata
from google.protobuf import json_format
from ml_metadata.proto import metadata_store_pb2

from trainer.errors import DistillError

_Event = metadata_store_pb2.Event
_OUTPUTS = (_Event.OUTPUT, _Event.DECLARED_OUTPUT)
_INPUTS = (_Event.INPUT, _Event.DECLARED_INPUT)
_RUN = "pipeline_run"
_NODE = "node"
CONFIG = "config"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Artifact:
    """One artifact that a run read or wrote."""

    id: int
    type: str
    name: str
    uri: str
    state: str
    created: str
    properties: Mapping[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Execution:
    """One step of a run.

    Attributes:
        id: In ML Metadata.
        node: Its node id, or its type where it has none.
        type: What it executes.
        state: `COMPLETE`, `CACHED`, `FAILED` …
        started: ISO 8601, UTC.
        seconds: Until the last change of its state.
        properties: What it was asked to do.
        inputs: Artifact ids by key.
        outputs: As `inputs`.
    """

    id: int
    node: str
    type: str
    state: str
    started: str
    seconds: float
    properties: Mapping[str, Any]
    inputs: Mapping[str, tuple[int, ...]]
    outputs: Mapping[str, tuple[int, ...]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """One run of a pipeline.

    Attributes:
        id: Its name in ML Metadata, and its folder's.
        started: ISO 8601, UTC.
        properties: What was recorded of the run itself, such as its configuration.
        executions: In the order in which they were made.
        artifacts: By id; all that the executions read or wrote.
    """

    id: str
    started: str
    properties: Mapping[str, Any]
    executions: tuple[Execution, ...]
    artifacts: Mapping[int, Artifact]

    def output(self, node: str, key: str) -> Artifact | None:
        """The first artifact that a node wrote under a key."""
        found = self.outputs(node, key)
        return found[0] if found else None

    def outputs(self, node: str, key: str) -> list[Artifact]:
        for execution in self.executions:
            if execution.node == node:
                return [self.artifacts[id_] for id_ in execution.outputs.get(key, ())]
        return []


def run_ids(store: ml_metadata.MetadataStore, pipeline_name: str) -> list[str]:
    """The runs of a pipeline, the newest first."""
    pipeline = store.get_context_by_type_and_name("pipeline", pipeline_name)
    if pipeline is None:
        return []
    runs = store.get_children_contexts_by_context(pipeline.id)
    runs = [context for context in runs if context.type == _RUN]
    runs.sort(key=lambda c: (c.create_time_since_epoch, c.id), reverse=True)
    return [context.name for context in runs]


def read(store: ml_metadata.MetadataStore, run_id: str) -> Run:
    """Reads a run.

    Raises:
        DistillError: If there is no such run.
    """
    context = store.get_context_by_type_and_name(_RUN, run_id)
    if context is None:
        raise DistillError(
            f"ML Metadata knows no run {run_id}. The folder `runs` in the pipeline's "
            "folder has a folder for each run."
        )
    executions = store.get_executions_by_context(context.id)
    executions.sort(key=lambda execution: execution.id)
    events = store.get_events_by_execution_ids([e.id for e in executions])
    ids = sorted({event.artifact_id for event in events})
    artifacts = store.get_artifacts_by_id(ids) if ids else []
    return Run(
        id=run_id,
        started=_time(context.create_time_since_epoch),
        properties=_properties(context),
        executions=tuple(_execution(store, e, events) for e in executions),
        artifacts={artifact.id: _artifact(artifact) for artifact in artifacts},
    )


def _execution(store: Any, execution: Any, events: Any) -> Execution:
    nodes = [
        context.name.rpartition(".")[2]
        for context in store.get_contexts_by_execution(execution.id)
        if context.type == _NODE
    ]
    mine = [event for event in events if event.execution_id == execution.id]
    started = execution.create_time_since_epoch
    return Execution(
        id=execution.id,
        node=nodes[0] if nodes else execution.type.rpartition(".")[2],
        type=execution.type,
        state=metadata_store_pb2.Execution.State.Name(execution.last_known_state),
        started=_time(started),
        seconds=(execution.last_update_time_since_epoch - started) / 1000,
        properties=_properties(execution),
        inputs=_by_key(mine, _INPUTS),
        outputs=_by_key(mine, _OUTPUTS),
    )


def _by_key(events: Any, kinds: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    result: dict[str, tuple[int, ...]] = {}
    for event in events:
        if event.type in kinds:
            key = event.path.steps[0].key if event.path.steps else ""
            result[key] = result.get(key, ()) + (event.artifact_id,)
    return result


def _artifact(artifact: Any) -> Artifact:
    return Artifact(
        id=artifact.id,
        type=artifact.type,
        name=artifact.name,
        uri=artifact.uri,
        state=metadata_store_pb2.Artifact.State.Name(artifact.state),
        created=_time(artifact.create_time_since_epoch),
        properties=_properties(artifact),
    )


def _properties(entity: Any) -> dict[str, Any]:
    return {
        name: _value(value)
        for properties in (entity.properties, entity.custom_properties)
        for name, value in sorted(properties.items())
    }


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    plain = getattr(value, kind)
    if kind in ("struct_value", "proto_value"):
        return json_format.MessageToDict(plain)
    return plain


def _time(milliseconds: int) -> str:
    moment = datetime.datetime.fromtimestamp(
        milliseconds / 1000, tz=datetime.timezone.utc
    )
    return moment.isoformat(sep=" ", timespec="seconds").replace("+00:00", " UTC")
