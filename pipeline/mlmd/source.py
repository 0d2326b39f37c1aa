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


class Source(Protocol):
    """Who keeps the records: ML Metadata, or Kubeflow's server without it.

    Artifacts do not say who made them, and executions need not say where they belong
    until they are `placed`: a source may learn that for many at once.
    """

    place: str

    # The id that a text of the user's stands for; None if there cannot be one.
    def artifact_id(self, text: str) -> Id | None: ...
    def execution_id(self, text: str) -> Id | None: ...
    def runs(self, limit: int | None) -> list[RunRecord]: ...
    def artifact_types(self) -> list[str]: ...
    def all_artifacts(self) -> Artifacts: ...
    def all_executions(self) -> Executions: ...
    def artifacts(self, ids: Iterable[Any]) -> Artifacts: ...
    def executions(self, ids: Iterable[Any]) -> Executions: ...
    def executions_of_run(self, run: RunRecord) -> Executions: ...
    def events_of_executions(self, ids: Iterable[Any]) -> list[EventRecord]: ...
    def events_of_artifacts(self, ids: Iterable[Any]) -> list[EventRecord]: ...
    def placed(self, records: Any) -> Executions: ...
    def newest_artifacts(
        self, types: Collection[str] | None, limit: int | None
    ) -> Artifacts: ...
