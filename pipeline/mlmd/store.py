"""Reads a store of ML Metadata: in bulk, without writing, on every backend alike.

A store may hold tens of thousands of rows, and a server may be far away. So rows
are asked for by lists of ids or by context, never one by one.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import ml_metadata
from ml_metadata import errors
from ml_metadata.metadata_store import ListOptions, OrderByField

from tfx_distill.pipeline.mlmd import adapters
from tfx_distill.pipeline.mlmd.records import (
    CACHED,
    EventRecord,
    ExecutionRecord,
    Graph,
    RunRecord,
)
from tfx_distill.pipeline.mlmd.store_errors import explained
from tfx_distill.trainer.errors import DistillError

_CHUNK = 500  # ids in one request; more make messages that servers refuse
MAX_NODES = 5000  # of a lineage

Message = Any
T = TypeVar("T")


class Store:
    """A store that is only read.

    Args:
        store: Open; see `tfx_distill.pipeline.mlmd.read_only_store`.
        place: What error messages call it.
    """

    def __init__(self, store: ml_metadata.MetadataStore, place: str) -> None:
        self._store, self._place = store, place

    def runs(self, limit: int | None = None) -> list[RunRecord]:
        """Runs, the newest first."""
        found = self._of_types(self._store.get_contexts, adapters.RUNS, limit)
        return [adapters.run(message) for message in found]

    def run(self, name: str) -> RunRecord:
        """The run of that name, or whose name starts so.

        Raises:
            DistillError: If there is none, or more than one.
        """
        runs = self.runs()
        found = [run for run in runs if run.name == name] or [
            run for run in runs if run.name.startswith(name)
        ]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(run.name for run in found[:3])
            raise DistillError(
                f"{len(found)} runs start with {name}: {names} … Give more of it."
            )
        newest = f"The newest is {runs[0].name}" if runs else "It has no runs"
        raise DistillError(
            f"{self._place} has no run {name}. {newest}; `distill runs` lists them."
        )

    def graph_of_runs(self, runs: Sequence[RunRecord]) -> Graph:
        """Everything that some runs did, read and wrote."""
        executions: dict[int, Message] = {}
        for run in runs:
            found = self._ask(self._store.get_executions_by_context, run.id)
            executions |= {message.id: message for message in found}
        graph = self._graph(executions)
        # A run that has not begun with any node is one too.
        return dataclasses.replace(graph, runs={run.name: run for run in runs})

    def artifacts(
        self, type_name: str | None = None, limit: int | None = None
    ) -> Graph:
        """The newest artifacts, with whoever made them.

        Args:
            type_name: As `Model`, in any case, with or without what is before its
                last dot; None: all.
            limit: None: all.

        Raises:
            DistillError: If no artifact in the store has that type.
        """
        ask = self._store.get_artifacts
        if type_name is None:
            found = self._ask(ask, _newest(limit, None))
        else:
            found = self._of_types(ask, self._types_called(type_name), limit)
        return self._graph({}, {message.id: message for message in found})

    def lineage(
        self,
        *,
        artifact_ids: Iterable[int] = (),
        execution_ids: Iterable[int] = (),
        up: bool = True,
        down: bool = True,
        max_nodes: int = MAX_NODES,
    ) -> Graph:
        """What some artifacts or executions come from, and what came from them.

        Up and down are followed apart: a sibling that shares an ancestor with what
        was asked for is not part of it. An execution brings all its inputs and
        outputs along; only those on the way are followed further.

        Raises:
            DistillError: If an id is not there.
        """
        start_artifacts, start_executions = set(artifact_ids), set(execution_ids)
        artifacts = self._existing(self._artifacts_by_id, start_artifacts, "artifact")
        executions = self._existing(
            self._executions_by_id, start_executions, "execution"
        )
        truncated = False
        for is_up in [True] * up + [False] * down:
            seen_artifacts, seen = set(start_artifacts), set(start_executions)
            at_artifacts, at = set(seen_artifacts), set(seen)
            while at_artifacts or at:
                if len(executions) + len(artifacts) > max_nodes:
                    truncated = True
                    break
                next_artifacts = {
                    e.artifact_id
                    for e in self._events(self._store.get_events_by_execution_ids, at)
                    if e.is_output != is_up
                }
                next_ = {
                    e.execution_id
                    for e in self._events(
                        self._store.get_events_by_artifact_ids, at_artifacts
                    )
                    if e.is_output == is_up
                }
                at_artifacts, at = next_artifacts - seen_artifacts, next_ - seen
                artifacts |= self._artifacts_by_id(at_artifacts - set(artifacts))
                executions |= self._executions_by_id(at - set(executions))
                seen_artifacts |= at_artifacts
                seen |= at
        graph = self._graph(executions, artifacts)
        return dataclasses.replace(graph, truncated=truncated)

    def around_artifact(self, artifact_id: int) -> Graph:
        """One artifact and the executions that wrote or read it.

        Raises:
            DistillError: If it is not there.
        """
        artifacts = self._existing(self._artifacts_by_id, {artifact_id}, "artifact")
        events = self._events(self._store.get_events_by_artifact_ids, {artifact_id})
        return self._graph(
            self._executions_by_id({e.execution_id for e in events}), artifacts
        )

    def everything(self) -> Graph:
        """The whole store."""
        executions = self._ask(self._store.get_executions)
        artifacts = self._ask(self._store.get_artifacts)
        graph = self._graph({m.id: m for m in executions}, {m.id: m for m in artifacts})
        return dataclasses.replace(graph, runs={run.name: run for run in self.runs()})

    # What follows turns messages into records.

    def _graph(
        self,
        executions: dict[int, Message],
        artifacts: dict[int, Message] | None = None,
    ) -> Graph:
        """A graph of executions, all that they touched, and further artifacts."""
        executions = {i: m for i, m in executions.items() if m.type != adapters.DAG}
        events = self._events(self._store.get_events_by_execution_ids, executions)
        artifacts = dict(artifacts or {})
        missing = {event.artifact_id for event in events} - set(artifacts)
        artifacts |= self._artifacts_by_id(missing)
        records = self._executions(executions)
        makers = _makers(events, records)
        # Who made the others is outside of this graph, as in a run before.
        others = {i for i in artifacts if i not in makers or makers[i].state == CACHED}
        if others:
            made = self._events(self._store.get_events_by_artifact_ids, others)
            ids = {e.execution_id for e in made if e.is_output} - set(records)
            outside = self._executions(self._executions_by_id(ids))
            makers = _makers(events + made, records | outside)
        names = {record.run for record in records.values()}
        return Graph(
            artifacts={
                id_: adapters.artifact(message, makers.get(id_))
                for id_, message in sorted(artifacts.items())
            },
            executions=dict(sorted(records.items())),
            events=tuple(event for event in events if event.artifact_id in artifacts),
            runs={run.name: run for run in self.runs() if run.name in names},
        )

    def _executions(self, messages: dict[int, Message]) -> dict[int, ExecutionRecord]:
        places: dict[int, dict[str, str]] = {id_: {} for id_ in messages}
        for context, kind in self._contexts_of(messages):
            name = context.name
            for id_ in self._ids_in_context(context, messages) & set(messages):
                if kind == "node":
                    places[id_]["node_name"] = name
                else:
                    places[id_].setdefault(kind, name)
        records = {}
        for id_, message in messages.items():
            place = places[id_]
            full, pipeline = place.pop("node_name", ""), place.get("pipeline", "")
            place["node"] = full.removeprefix(f"{pipeline}.")
            records[id_] = adapters.execution(message, place)
        return records

    def _contexts_of(self, ids: Collection[int]) -> Iterator[tuple[Message, str]]:
        """The contexts that say pipeline, run or node of some executions."""
        if not ids:
            return
        kinds = {adapters.NODE: "node"}
        kinds |= dict.fromkeys(adapters.PIPELINES, "pipeline")
        kinds |= dict.fromkeys(adapters.RUNS, "run")
        if len(ids) > _CHUNK:
            query = " OR ".join(f"type = '{name}'" for name in kinds)
        else:
            # Types beside ids make this query a hundred times slower.
            query = f"executions_e.id IN ({_listed(ids)})"

        def by_execution() -> list[Message]:
            if len(ids) > _CHUNK:
                return list(self._store.get_contexts())
            ask = self._store.get_contexts_by_execution
            return list({c.id: c for id_ in sorted(ids) for c in ask(id_)}.values())

        options = ListOptions(filter_query=query)
        for context in self._filtered(
            lambda: self._store.get_contexts(options), by_execution
        ):
            if context.type in kinds:
                yield context, kinds[context.type]

    def _ids_in_context(self, context: Message, ids: Collection[int]) -> set[int]:
        ask = self._store.get_executions_by_context
        if len(ids) > _CHUNK:
            return {message.id for message in self._ask(ask, context.id)}
        options = ListOptions(filter_query=f"id IN ({_listed(ids)})")
        found = self._filtered(
            lambda: ask(context.id, options), lambda: ask(context.id)
        )
        return {message.id for message in found}

    def _events(
        self, ask: Callable[..., list[Message]], ids: Iterable[int]
    ) -> list[EventRecord]:
        found = [
            adapters.event(m) for chunk in _chunks(ids) for m in self._ask(ask, chunk)
        ]
        return [event for event in found if event is not None]

    def _artifacts_by_id(self, ids: Iterable[int]) -> dict[int, Message]:
        ask = self._store.get_artifacts_by_id
        return {m.id: m for chunk in _chunks(ids) for m in self._ask(ask, chunk)}

    def _executions_by_id(self, ids: Iterable[int]) -> dict[int, Message]:
        ask = self._store.get_executions_by_id
        return {m.id: m for chunk in _chunks(ids) for m in self._ask(ask, chunk)}

    def _existing(
        self,
        ask: Callable[[Iterable[int]], dict[int, Message]],
        ids: Iterable[int],
        what: str,
    ) -> dict[int, Message]:
        found = ask(ids)
        for id_ in ids:
            if id_ not in found:
                raise DistillError(
                    f"{self._place} has no {what} {id_}. `distill artifacts` and "
                    "`distill runs` list what there is."
                )
        return found

    def _types_called(self, name: str) -> list[str]:
        known = [t.name for t in self._ask(self._store.get_artifact_types)]
        found = [
            known_name
            for known_name in known
            if name.lower()
            in (known_name.lower(), known_name.lower().rpartition(".")[2])
        ]
        if not found:
            there = ", ".join(sorted(n.removeprefix("tfx.") for n in known)) or "none"
            raise DistillError(
                f"{self._place} has no artifact type {name}. It has: {there}."
            )
        return found

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

    def _filtered(
        self, ask: Callable[[], list[T]], instead: Callable[[], list[T]]
    ) -> list[T]:
        """What a query finds; TFX 1.21's library has none for a database of its own."""
        with explained(self._place), warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # says so each time
            try:
                return list(ask())
            except errors.UnimplementedError:
                return list(instead())

    def _ask(self, method: Callable[..., list[T]], *arguments: Any) -> list[T]:
        with explained(self._place):
            return list(method(*arguments))


def _makers(
    events: Iterable[EventRecord], executions: dict[int, ExecutionRecord]
) -> dict[int, ExecutionRecord]:
    """Who made each artifact: not those that took it from the cache."""
    makers: dict[int, ExecutionRecord] = {}
    for event in events:
        execution = executions.get(event.execution_id)
        if not event.is_output or execution is None:
            continue
        known = makers.get(event.artifact_id)
        if known is None or _rank(execution) < _rank(known):
            makers[event.artifact_id] = execution
    return makers


def _rank(execution: ExecutionRecord) -> tuple[bool, int]:
    return execution.state == CACHED, execution.id


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
