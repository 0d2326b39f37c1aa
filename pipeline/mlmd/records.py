"""What ML Metadata knows, as plain values: no protobuf, no store, no TensorFlow.

A store of a local run, of another TFX pipeline or of Kubeflow gives the same
records; `tfx_distill.pipeline.mlmd.adapters` evens out how they name and place things.
So does a server of Kubeflow without ML Metadata, by `task_adapters`.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import os
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from tfx_distill.components.pusher import pushed_models
from tfx_distill.components.pusher.pushed_models import PushedModel
from tfx_distill.pipeline.short_text import clean

# A number in ML Metadata, on which code for local runs counts; a UUID, as text, in
# Kubeflow's server without it.
Id: TypeAlias = Any
RUNNING, COMPLETE, CACHED, FAILED = "RUNNING", "COMPLETE", "CACHED", "FAILED"
CANCELED = "CANCELED"
# Of a run, which has no state in ML Metadata.
STOPPED = "STOPPED"
LIVE, DELETED = "LIVE", "DELETED"
# TFX keeps the SavedModel of a Model artifact in this folder.
SAVED_MODEL = "Format-Serving"
_LOGS = "executor-logs"  # an output that Kubeflow adds to each node
_SHORT = 8  # letters of a UUID that tell it from others


def cleaned(content: Any) -> Any:
    """A value whose strings, wherever they are in it, are `clean`."""
    if isinstance(content, Mapping):
        return {clean(str(key)): cleaned(value) for key, value in content.items()}
    if isinstance(content, list):
        return [cleaned(value) for value in content]
    return clean(content) if isinstance(content, str) else content


def short_id(id_: Id) -> str:
    """An id as it is shown; commands take the beginning of a UUID."""
    return id_[:_SHORT] if isinstance(id_, str) else str(id_)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Record:
    """What ML Metadata holds of anything.

    Attributes:
        id: In ML Metadata, or in Kubeflow's server.
        name: Often empty.
        created_ms: Milliseconds since 1970.
        updated_ms: As `created_ms`.
        properties: Typed and custom ones together.
    """

    id: Id
    name: str = ""
    created_ms: int = 0
    updated_ms: int = 0
    properties: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def age(self) -> tuple[int, Id]:
        """Sorts records, the oldest first: ids that are numbers grow, UUIDs do not."""
        return (0 if isinstance(self.id, int) else self.created_ms, self.id)

    @property
    def created(self) -> str:
        """When it was created, ISO 8601, UTC."""
        moment = datetime.datetime.fromtimestamp(
            self.created_ms / 1000, tz=datetime.timezone.utc
        )
        return moment.strftime("%Y-%m-%d %H:%M:%S UTC")


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunRecord(_Record):
    """One run of a pipeline.

    Attributes:
        name: The run's id: the name of its context and of its folder.
        properties: Of the context; `config` is the resolved configuration as YAML.
    """


@dataclasses.dataclass(frozen=True, kw_only=True)
class _NodeRecord(_Record):
    """An execution of a node, or what a node made.

    Attributes:
        type: Its type; see the subclasses.
        state: Its state; empty when unknown.
        node: Id of the node that ran or made it; empty when unknown.
        run: Name of the run that executed or made it.
        pipeline: Name of that run's pipeline.
    """

    type: str
    state: str = ""
    node: str = ""
    run: str = ""
    pipeline: str = ""

    @property
    def type_name(self) -> str:
        """The type without what is before its last dot."""
        return self.type.rpartition(".")[2]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ArtifactRecord(_NodeRecord):
    """One artifact.

    Attributes:
        type: Such as `Model`; TFX's own types without the `tfx.` of Kubeflow.
        state: `LIVE`, `DELETED`, … or empty.
        uri: Where its files are.
    """

    uri: str = ""

    @property
    def is_log(self) -> bool:
        """Whether Kubeflow wrote it beside a node's own outputs."""
        return self.properties.get("display_name") == _LOGS

    @property
    def saved_model_dir(self) -> str:
        """Folder of a Model artifact's SavedModel."""
        return os.path.join(self.uri, SAVED_MODEL)

    def is_of_type(self, name: str | None) -> bool:
        """Whether its type has this name, in any case, with or without its module."""
        own = self.type.lower()
        return name is None or name.lower() in (own, own.rpartition(".")[2])


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExecutionRecord(_NodeRecord):
    """One execution of a node.

    Attributes:
        type: The component's class.
        state: `COMPLETE`, `CACHED`, `FAILED`, `RUNNING`, `CANCELED`, `NEW` or empty.
    """

    @property
    def seconds(self) -> float:
        """Time until the last change of its state."""
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

    execution_id: Id
    artifact_id: Id
    key: str = ""
    is_output: bool
    created_ms: int = 0


@dataclasses.dataclass(frozen=True)
class Graph:
    """A part of a store, or all of it.

    Attributes:
        artifacts: By id.
        executions: By id.
        events: Whose both ends are in the graph.
        runs: By name.
        truncated: Whether a bound cut something off.
        tested: By id of a ModelBlessing: how many different students had been tested
            on the same images by then, in the whole store.
    """

    artifacts: Mapping[Id, ArtifactRecord] = dataclasses.field(default_factory=dict)
    executions: Mapping[Id, ExecutionRecord] = dataclasses.field(default_factory=dict)
    events: tuple[EventRecord, ...] = ()
    runs: Mapping[str, RunRecord] = dataclasses.field(default_factory=dict)
    truncated: bool = False
    tested: Mapping[Id, int] = dataclasses.field(default_factory=dict)

    def inputs(self, execution_id: Id) -> list[tuple[str, ArtifactRecord]]:
        """Key and artifact of everything that an execution read."""
        return self._linked(execution_id, False)

    def outputs(self, execution_id: Id) -> list[tuple[str, ArtifactRecord]]:
        """Key and artifact of everything that an execution wrote, or took from a cache."""
        return self._linked(execution_id, True)

    def producers(self, artifact_id: Id) -> list[ExecutionRecord]:
        """Who wrote an artifact first, then those that took it from the cache."""
        found = self._executions(artifact_id, True)
        return sorted(found, key=lambda e: (e.state == CACHED, e.age))

    def consumers(self, artifact_id: Id) -> list[ExecutionRecord]:
        """Who read an artifact."""
        return self._executions(artifact_id, False)

    def of_run(self, run: str) -> list[ExecutionRecord]:
        """The executions of a run, in order."""
        return self._by_run.get(run, [])

    def made(self, run: str, type_name: str) -> list[ArtifactRecord]:
        """Artifacts of a type that a run made or took from the cache, in order."""
        return [
            artifact
            for execution in self.of_run(run)
            for _, artifact in self.outputs(execution.id)
            if artifact.type_name == type_name
        ]

    def latest(self, run: str, type_name: str) -> ArtifactRecord | None:
        """The last of `made`; None if there is none."""
        found = self.made(run, type_name)
        return found[-1] if found else None

    def pushed_models(self, run: str | None = None) -> list[PushedModel]:
        """What was pushed, the newest first.

        Args:
            run: Only this run's; None: all that are in the graph.
        """
        kind = pushed_models.TYPE_NAME
        if run is None:
            found = [a for a in self.artifacts.values() if a.type_name == kind]
        else:
            found = self.made(run, kind)
        pushed = pushed_models.newest_first((a.id, a.uri, a.properties) for a in found)
        age = {artifact.id: artifact.age for artifact in found}
        return sorted(pushed, key=lambda m: age[m.artifact_id], reverse=True)

    def _linked(
        self, execution_id: Id, is_output: bool
    ) -> list[tuple[str, ArtifactRecord]]:
        return [
            (event.key, self.artifacts[event.artifact_id])
            for event in self._by_execution.get(execution_id, ())
            if event.is_output == is_output
        ]

    def _executions(self, artifact_id: Id, is_output: bool) -> list[ExecutionRecord]:
        ids = dict.fromkeys(
            event.execution_id
            for event in self._by_artifact.get(artifact_id, ())
            if event.is_output == is_output
        )
        return [self.executions[id_] for id_ in ids]

    @functools.cached_property
    def _by_execution(self) -> dict[Id, list[EventRecord]]:
        return _grouped(self.events, "execution_id")

    @functools.cached_property
    def _by_artifact(self) -> dict[Id, list[EventRecord]]:
        return _grouped(self.events, "artifact_id")

    @functools.cached_property
    def _by_run(self) -> dict[str, list[ExecutionRecord]]:
        ordered = sorted(self.executions.values(), key=lambda e: e.age)
        return _grouped(ordered, "run")


def _grouped(records: Iterable[Any], attribute: str) -> dict[Any, list[Any]]:
    result: dict[Any, list[Any]] = {}
    for record in records:
        result.setdefault(getattr(record, attribute), []).append(record)
    return result
