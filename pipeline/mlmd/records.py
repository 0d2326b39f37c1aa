"""What ML Metadata knows, as plain values: no protobuf, no store, no TensorFlow.

A store of a local run, of another TFX pipeline or of Kubeflow gives the same
records; `tfx_distill.pipeline.mlmd.store` evens out how they name and place things.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterable, Mapping
from typing import Any

RUNNING, COMPLETE, CACHED, FAILED = "RUNNING", "COMPLETE", "CACHED", "FAILED"
LIVE, DELETED = "LIVE", "DELETED"
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def clean(text: str) -> str:
    """Text that commands no terminal: whoever writes artifacts writes these strings."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ArtifactRecord:
    """One artifact.

    Attributes:
        id: In ML Metadata.
        type: Such as `Model`; TFX's own types without the `tfx.` of Kubeflow.
        name: Often empty.
        uri: Where its files are.
        state: `LIVE`, `DELETED`, … or empty.
        created_ms: Milliseconds since 1970.
        updated_ms: As `created_ms`.
        properties: Typed and custom ones together.
        node: Id of the node that made it; empty when nobody is known to have.
        run: Name of the run that made it.
        pipeline: Name of its pipeline.
    """

    id: int
    type: str
    name: str = ""
    uri: str = ""
    state: str = ""
    created_ms: int = 0
    updated_ms: int = 0
    properties: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    node: str = ""
    run: str = ""
    pipeline: str = ""

    @property
    def type_name(self) -> str:
        """The type without what is before its last dot."""
        return self.type.rpartition(".")[2]

    def is_of_type(self, name: str | None) -> bool:
        """Whether its type is called so: in any case, or by what follows its dots."""
        own = self.type.lower()
        return name is None or name.lower() in (own, own.rpartition(".")[2])


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExecutionRecord:
    """One execution of a node; attributes as in `ArtifactRecord`.

    Attributes:
        state: `COMPLETE`, `CACHED`, `FAILED`, `RUNNING`, `CANCELED`, `NEW` or empty.
    """

    id: int
    type: str
    name: str = ""
    state: str = ""
    created_ms: int = 0
    updated_ms: int = 0
    properties: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    node: str = ""
    run: str = ""
    pipeline: str = ""

    @property
    def seconds(self) -> float:
        return max(0, self.updated_ms - self.created_ms) / 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class EventRecord:
    """That an execution read an artifact, or wrote it.

    Attributes:
        execution_id: Who.
        artifact_id: What.
        key: Name of the input or output, such as `model`.
        is_output: Whether it was written.
        created_ms: Milliseconds since 1970.
    """

    execution_id: int
    artifact_id: int
    key: str = ""
    is_output: bool
    created_ms: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One run of a pipeline; attributes as in `ArtifactRecord`.

    Attributes:
        name: The run's id: the name of its context.
        properties: Of the context; `config` is the resolved configuration as YAML.
    """

    id: int
    name: str
    created_ms: int = 0
    updated_ms: int = 0
    properties: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Graph:
    """A part of a store, or all of it.

    Attributes:
        artifacts: By id.
        executions: By id.
        events: Whose both ends are in the graph.
        runs: By name.
        truncated: Whether a bound cut something off.
    """

    artifacts: Mapping[int, ArtifactRecord] = dataclasses.field(default_factory=dict)
    executions: Mapping[int, ExecutionRecord] = dataclasses.field(default_factory=dict)
    events: tuple[EventRecord, ...] = ()
    runs: Mapping[str, RunRecord] = dataclasses.field(default_factory=dict)
    truncated: bool = False

    def inputs(self, execution_id: int) -> list[tuple[str, ArtifactRecord]]:
        """Key and artifact of everything that an execution read."""
        return self._linked(execution_id, False)

    def outputs(self, execution_id: int) -> list[tuple[str, ArtifactRecord]]:
        """Key and artifact of everything that an execution wrote, or took from a cache."""
        return self._linked(execution_id, True)

    def producers(self, artifact_id: int) -> list[ExecutionRecord]:
        """Who wrote an artifact first, then those that took it from the cache."""
        found = self._executions(artifact_id, True)
        return sorted(found, key=lambda e: (e.state == CACHED, e.id))

    def consumers(self, artifact_id: int) -> list[ExecutionRecord]:
        """Who read an artifact."""
        return self._executions(artifact_id, False)

    def of_run(self, run: str) -> list[ExecutionRecord]:
        """The executions of a run, in order."""
        return self._by_run.get(run, [])

    def _linked(
        self, execution_id: int, is_output: bool
    ) -> list[tuple[str, ArtifactRecord]]:
        return [
            (event.key, self.artifacts[event.artifact_id])
            for event in self._by_execution.get(execution_id, ())
            if event.is_output == is_output
        ]

    def _executions(self, artifact_id: int, is_output: bool) -> list[ExecutionRecord]:
        ids = dict.fromkeys(
            event.execution_id
            for event in self._by_artifact.get(artifact_id, ())
            if event.is_output == is_output
        )
        return [self.executions[id_] for id_ in ids]

    @functools.cached_property
    def _by_execution(self) -> dict[int, list[EventRecord]]:
        return _grouped(self.events, "execution_id")

    @functools.cached_property
    def _by_artifact(self) -> dict[int, list[EventRecord]]:
        return _grouped(self.events, "artifact_id")

    @functools.cached_property
    def _by_run(self) -> dict[str, list[ExecutionRecord]]:
        ordered = sorted(self.executions.values(), key=lambda e: e.id)
        return _grouped(ordered, "run")


def _grouped(records: Iterable[Any], attribute: str) -> dict[Any, list[Any]]:
    result: dict[Any, list[Any]] = {}
    for record in records:
        result.setdefault(getattr(record, attribute), []).append(record)
    return result
