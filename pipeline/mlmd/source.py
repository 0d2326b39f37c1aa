"""What a reader of records needs of whoever keeps them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Protocol

from tfx_distill.pipeline.mlmd.records import (
    ArtifactRecord,
    EventRecord,
    ExecutionRecord,
    Id,
    RunRecord,
)

Executions = Mapping[Any, ExecutionRecord]  # by id
Artifacts = Mapping[Any, ArtifactRecord]  # by id
Values = Mapping[Any, Mapping[str, Any]]  # by id and name; without one, by neither


class Source(Protocol):
    """Who keeps the records: ML Metadata, or Kubeflow's server without it.

    Artifacts do not say who made them, and executions need not say where they belong
    until they are `placed`: a source may learn that for many at once.
    """

    place: str

    # The id that a text of the user's stands for; None if there cannot be one.
    def artifact_id(self, text: str) -> Id | None: ...
    def execution_id(self, text: str) -> Id | None: ...
    # Both the newest first. All names, by id, are quickly read; configurations are not.
    def run_names(self) -> Mapping[Any, str]: ...
    def runs(
        self, limit: int | None, ids: Collection[Any] | None = None
    ) -> list[RunRecord]: ...
    def artifact_types(self) -> list[str]: ...
    def all_artifacts(self) -> Artifacts: ...
    def all_executions(self) -> Executions: ...
    def artifacts(self, ids: Iterable[Any]) -> Artifacts: ...
    def executions(self, ids: Iterable[Any]) -> Executions: ...
    def executions_of_run(self, run: RunRecord) -> Executions: ...
    def events_of_executions(self, ids: Iterable[Any]) -> list[EventRecord]: ...
    def events_of_artifacts(self, ids: Iterable[Any]) -> list[EventRecord]: ...
    def placed(self, records: Any) -> Executions: ...
    # Some properties of all artifacts of some types, the newest first.
    def values(self, types: Collection[str], names: Collection[str]) -> Values: ...
    def newest_artifacts(
        self, types: Collection[str] | None, limit: int | None
    ) -> Artifacts: ...


def values_of(artifacts: Iterable[ArtifactRecord], names: Collection[str]) -> Values:
    """See `Source.values`, for sources that know no quicker way."""
    found = {
        a.id: {n: a.properties[n] for n in names if n in a.properties}
        for a in artifacts
    }
    return {id_: values for id_, values in found.items() if values}
