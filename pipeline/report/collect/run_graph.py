"""One run as a report reads it: steps, what they read and wrote, by key."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from tfx_distill.pipeline.mlmd.records import (
    ArtifactRecord,
    ExecutionRecord,
    Graph,
    RunRecord,
)

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

    def written(self, kind: str) -> Artifact | None:
        """The artifact of a type that this run wrote, the latest of several."""
        for execution in reversed(self.executions):
            for ids in execution.outputs.values():
                for id_ in ids:
                    if self.artifacts[id_].type.rpartition(".")[2] == kind:
                        return self.artifacts[id_]
        return None


def recorded(graph: Graph, run: RunRecord) -> Run:
    """The run out of the graph of everything that it did, read and wrote."""
    return Run(
        id=run.name,
        started=_time(run.created_ms),
        properties=run.properties,
        executions=tuple(_execution(graph, e) for e in graph.of_run(run.name)),
        artifacts={id_: _artifact(one) for id_, one in graph.artifacts.items()},
    )


def _execution(graph: Graph, execution: ExecutionRecord) -> Execution:
    return Execution(
        id=execution.id,
        node=execution.node or execution.type.rpartition(".")[2],
        type=execution.type,
        state=execution.state or "UNKNOWN",
        started=_time(execution.created_ms),
        seconds=execution.seconds,
        properties=execution.properties,
        inputs=_by_key(graph.inputs(execution.id)),
        outputs=_by_key(graph.outputs(execution.id)),
    )


def _by_key(
    linked: Sequence[tuple[str, ArtifactRecord]],
) -> dict[str, tuple[int, ...]]:
    result: dict[str, tuple[int, ...]] = {}
    for key, artifact in linked:
        result[key] = result.get(key, ()) + (artifact.id,)
    return result


def _artifact(artifact: ArtifactRecord) -> Artifact:
    return Artifact(
        id=artifact.id,
        type=artifact.type,
        name=artifact.name,
        uri=artifact.uri,
        state=artifact.state,
        created=_time(artifact.created_ms),
        properties=artifact.properties,
    )


def _time(milliseconds: int) -> str:
    moment = datetime.datetime.fromtimestamp(
        milliseconds / 1000, tz=datetime.timezone.utc
    )
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")
