"""Questions to ML Metadata, in bulk and on every backend alike.

A store may hold tens of thousands of rows, and a server may be far away. Rows are
therefore requested by lists of ids or by context, never one by one.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, TypeVar

import ml_metadata
from ml_metadata import errors
from ml_metadata.metadata_store import ListOptions, OrderByField

from tfx_distill.pipeline.mlmd import adapters
from tfx_distill.pipeline.mlmd.records import (
    ArtifactRecord,
    EventRecord,
    ExecutionRecord,
    RunRecord,
)
from tfx_distill.pipeline.mlmd.source import Values, values_of
from tfx_distill.pipeline.mlmd.store_errors import explained

_CHUNK = 500  # ids in one request; servers refuse larger messages

Message = Any
T = TypeVar("T")


class BulkQueries:
    """Reads rows of a store as records; a `store.Source`.

    Args:
        store: Open.
        place: What error messages call it.
    """

    def __init__(self, store: ml_metadata.MetadataStore, place: str) -> None:
        self._store, self.place = store, place

    artifact_id = execution_id = staticmethod(adapters.number)

    def all_artifacts(self) -> dict[int, ArtifactRecord]:
        return _artifacts(self._ask(self._store.get_artifacts))

    def all_executions(self) -> dict[int, ExecutionRecord]:
        return _executions(self._ask(self._store.get_executions))

    def artifacts(self, ids: Iterable[int]) -> dict[int, ArtifactRecord]:
        return _artifacts(self._chunked(self._store.get_artifacts_by_id, ids))

    def executions(self, ids: Iterable[int]) -> dict[int, ExecutionRecord]:
        return _executions(self._chunked(self._store.get_executions_by_id, ids))

    def executions_of_run(self, run: RunRecord) -> dict[int, ExecutionRecord]:
        return _executions(self._ask(self._store.get_executions_by_context, run.id))

    def events_of_executions(self, ids: Iterable[int]) -> list[EventRecord]:
        return self._events(self._store.get_events_by_execution_ids, ids)

    def events_of_artifacts(self, ids: Iterable[int]) -> list[EventRecord]:
        return self._events(self._store.get_events_by_artifact_ids, ids)

    def artifact_types(self) -> list[str]:
        """Names of all artifact types as they are recorded."""
        return [kind.name for kind in self._ask(self._store.get_artifact_types)]

    def values(self, types: Collection[str], names: Collection[str]) -> Values:
        return values_of(self.newest_artifacts(types, None).values(), names)

    def newest_artifacts(
        self, types: Collection[str] | None, limit: int | None
    ) -> dict[int, ArtifactRecord]:
        """The newest artifacts, of some types or (None) of any."""
        ask = self._store.get_artifacts
        if types is None:
            return _artifacts(self._ask(ask, _newest(limit, None)))
        return _artifacts(self._of_types(ask, types, limit))

    def run_names(self) -> dict[int, str]:
        return {run.id: run.name for run in self.runs(None)}

    def runs(
        self, limit: int | None, ids: Collection[int] | None = None
    ) -> list[RunRecord]:
        """Runs, the newest first."""
        if ids is not None:
            found = list(self._chunked(self._store.get_contexts_by_id, ids))
            found = sorted(found, key=lambda message: message.id, reverse=True)[:limit]
        else:
            found = self._of_types(self._store.get_contexts, adapters.RUNS, limit)
        return [adapters.run(message) for message in found]

    def placed(self, records: dict[int, ExecutionRecord]) -> dict[int, ExecutionRecord]:
        """Executions with their node, run and pipeline."""
        found = (
            (id_, context.type, context.name)
            for context in self._contexts_of(records)
            for id_ in self._ids_in_context(context, records)
        )
        return adapters.placed(records, found)

    def _contexts_of(self, ids: Collection[int]) -> Iterator[Message]:
        """Contexts that name pipeline, run or node of some executions."""
        if not ids:
            return
        kinds = (adapters.NODE, *adapters.PIPELINES, *adapters.RUNS)
        if len(ids) > _CHUNK:
            query = " OR ".join(f"type = '{name}'" for name in kinds)
        else:
            # Types beside ids make this query a hundred times slower.
            query = f"executions_e.id IN ({_listed(ids)})"

        def by_execution() -> list[Message]:
            if len(ids) > _CHUNK:
                return list(self._store.get_contexts())
            found = {c.id: c for id_ in sorted(ids) for c in self._contexts(id_)}
            return list(found.values())

        options = ListOptions(filter_query=query)
        for context in self._filtered(
            lambda: self._store.get_contexts(options), by_execution
        ):
            if context.type in kinds:
                yield context

    def _contexts(self, execution_id: int) -> list[Message]:
        try:
            return self._store.get_contexts_by_execution(execution_id)
        except errors.NotFoundError:  # so ML Metadata 1.21 says that it has none
            return []

    def _ids_in_context(self, context: Message, ids: Collection[int]) -> set[int]:
        """Those of some executions that belong to a context."""
        ask = self._store.get_executions_by_context
        if len(ids) > _CHUNK:
            return {message.id for message in self._ask(ask, context.id)} & set(ids)
        options = ListOptions(filter_query=f"id IN ({_listed(ids)})")
        found = self._filtered(
            lambda: ask(context.id, options), lambda: ask(context.id)
        )
        return {message.id for message in found} & set(ids)

    def _of_types(
        self,
        ask: Callable[..., list[Message]],
        types: Collection[str],
        limit: int | None,
    ) -> list[Message]:
        """Rows of some types, the newest first."""
        query = " OR ".join(f"type = '{name}'" for name in types)

        def among_all() -> list[Message]:
            found = [m for m in ask(_newest(None, None)) if m.type in types]
            return found[:limit]

        return self._filtered(lambda: ask(_newest(limit, f"({query})")), among_all)

    def _events(
        self, ask: Callable[..., list[Message]], ids: Iterable[int]
    ) -> list[EventRecord]:
        found = [
            adapters.event(m) for chunk in _chunks(ids) for m in self._ask(ask, chunk)
        ]
        return [event for event in found if event is not None]

    def _chunked(
        self, ask: Callable[..., list[Message]], ids: Iterable[int]
    ) -> Iterator[Message]:
        return (m for chunk in _chunks(ids) for m in self._ask(ask, chunk))

    def _filtered(
        self, ask: Callable[[], list[T]], instead: Callable[[], list[T]]
    ) -> list[T]:
        """Answer of a query; TFX 1.21's library has no queries on its own databases."""
        with explained(self.place), warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # one for each call
            try:
                return list(ask())
            except errors.UnimplementedError:
                return list(instead())

    def _ask(self, method: Callable[..., list[T]], *arguments: Any) -> list[T]:
        with explained(self.place):
            return list(method(*arguments))


def _artifacts(messages: Iterable[Message]) -> dict[int, ArtifactRecord]:
    return {message.id: adapters.artifact(message) for message in messages}


def _executions(messages: Iterable[Message]) -> dict[int, ExecutionRecord]:
    """Of nodes: users do not ask about Kubeflow's execution of a whole run."""
    return {
        message.id: adapters.execution(message)
        for message in messages
        if message.type != adapters.DAG
    }


def _newest(limit: int | None, query: str | None) -> ListOptions:
    return ListOptions(
        limit=limit, order_by=OrderByField.ID, is_asc=False, filter_query=query
    )


def _chunks(ids: Iterable[int]) -> Iterator[list[int]]:
    ordered = sorted(ids)
    for start in range(0, len(ordered), _CHUNK):
        yield ordered[start : start + _CHUNK]


def _listed(ids: Iterable[int]) -> str:
    return ", ".join(str(id_) for id_ in sorted(ids))
