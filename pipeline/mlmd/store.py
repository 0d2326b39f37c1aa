"""What ran, as graphs of plain records, whoever keeps the records."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import ml_metadata

from tfx_distill.components.pusher import pushed_models
from tfx_distill.pipeline import hints
from tfx_distill.pipeline.mlmd import adapters, artifact_makers, property_queries
from tfx_distill.pipeline.mlmd.bulk_queries import BulkQueries
from tfx_distill.pipeline.mlmd.records import (
    CACHED,
    ExecutionRecord,
    Graph,
    Id,
    RunRecord,
)
from tfx_distill.pipeline.mlmd.source import Artifacts, Executions, Source
from tfx_distill.trainer.errors import DistillError

MAX_NODES = 5000  # of a lineage


class Store:
    """Records that are only read.

    Args:
        source: A store of ML Metadata (see
            `tfx_distill.pipeline.mlmd.read_only_store`), or another source.
        place: What error messages call a store of ML Metadata.
    """

    def __init__(
        self, source: ml_metadata.MetadataStore | Source, place: str = "ML Metadata"
    ) -> None:
        is_store = isinstance(source, ml_metadata.MetadataStore)
        self._queries: Source = BulkQueries(source, place) if is_store else source
        self._place = self._queries.place

    def artifact_id(self, text: str) -> Id | None:
        """The id of an artifact that a user gave; None if it cannot be one."""
        return self._queries.artifact_id(text)

    def execution_id(self, text: str) -> Id | None:
        """As `artifact_id`, of an execution."""
        return self._queries.execution_id(text)

    def run_names(self) -> list[str]:
        """The names of all runs, the newest first."""
        return list(self._queries.run_names().values())

    def runs(self, limit: int | None = None) -> list[RunRecord]:
        """Runs, the newest first."""
        return self._queries.runs(limit)

    def runs_from(self, name: str, limit: int) -> list[RunRecord]:
        """A run and the ones before it, the newest first."""
        names = self._queries.run_names()
        at = list(names.values()).index(name)
        return self._queries.runs(limit, list(names)[at : at + limit])

    def run(self, name: str) -> RunRecord:
        """The run with this name, or whose name starts with it.

        Raises:
            DistillError: If there is none, or more than one.
        """
        names = self._queries.run_names()
        found = [id_ for id_, one in names.items() if one == name] or [
            id_ for id_, one in names.items() if one.startswith(name)
        ]
        if len(found) == 1:
            return self._queries.runs(1, found)[0]
        if found:
            some = ", ".join(names[id_] for id_ in found[:3])
            raise DistillError(
                f"{len(found)} runs start with {name}: {some} … Give more of the name."
            )
        newest = next(
            (f"The newest is {one}" for one in names.values()), "It has no runs"
        )
        raise DistillError(
            f"{self._place} has no run {name}. {newest}; "
            f"`{hints.command('runs')}` lists them."
        )

    def runs_of(self, pipeline: str) -> Iterator[tuple[RunRecord, Graph]]:
        """The runs of a pipeline, the newest first, each with its graph."""
        for id_ in self._queries.run_names():
            (run,) = self._queries.runs(1, [id_])
            graph = self.graph_of_runs([run])
            if pipeline in {e.pipeline for e in graph.of_run(run.name)}:
                yield run, graph

    def graph_of_runs(self, runs: Sequence[RunRecord]) -> Graph:
        """Everything that some runs executed, read and wrote."""
        executions: dict[Id, ExecutionRecord] = {}
        for run in runs:
            executions |= self._queries.executions_of_run(run)
        # Includes a run that has not started any node.
        graph = self._graph(executions, runs={run.name: run for run in runs})
        return dataclasses.replace(graph, tested=self._tested)

    @functools.cached_property
    def _tested(self) -> dict[Id, int]:
        """See `Graph.tested`."""
        types = self._recorded_types("ModelBlessing")
        return property_queries.tested(self._queries, types)

    def artifacts(
        self, type_name: str | None = None, limit: int | None = None
    ) -> Graph:
        """The newest artifacts, with the executions that made them.

        Args:
            type_name: Such as `Model`, in any case, with or without its module;
                None: all.
            limit: None: all.

        Raises:
            DistillError: If no artifact in the store has that type.
        """
        types = None if type_name is None else self._recorded_types(type_name)
        if types == []:
            known = {
                adapters.artifact_type(name) for name in self._queries.artifact_types()
            }
            raise DistillError(
                f"{self._place} has no artifact type {type_name}. It has: "
                f"{', '.join(sorted(known)) or 'none'}."
            )
        return self._graph({}, self._queries.newest_artifacts(types, limit))

    def pushed_models(self, limit: int | None = None) -> Graph:
        """The newest pushed models, without who made them: see `maker`.

        An empty graph if nothing was ever pushed.
        """
        types = self._recorded_types(pushed_models.TYPE_NAME)
        found = self._queries.newest_artifacts(types, limit) if types else {}
        return Graph(artifacts=found)

    def pushes_about(self, asked: str | None) -> Graph:
        """All rollbacks, as `pushed_models`.

        Args:
            asked: A version or an id: its push, too, and those that were repeated.
        """
        types = self._recorded_types(pushed_models.TYPE_NAME)
        found = property_queries.pushes_about(self._queries, types, asked)
        return Graph(artifacts=found)

    def maker(self, artifact_id: Id) -> str:
        """Name of the run that made an artifact; empty if unknown."""
        return self.around_artifact(artifact_id).artifacts[artifact_id].run

    def lineage(
        self,
        *,
        artifact_ids: Iterable[Id] = (),
        execution_ids: Iterable[Id] = (),
        up: bool = True,
        down: bool = True,
        max_nodes: int = MAX_NODES,
    ) -> Graph:
        """What some artifacts or executions were made from, and what was made from them.

        Follows up and down separately: a sibling that shares an ancestor is not
        included. An execution brings all its inputs and outputs along; only those on
        the way are followed further.

        Raises:
            DistillError: If an id does not exist.
        """
        queries = self._queries
        artifacts = self._existing(queries.artifacts, set(artifact_ids), "artifact")
        executions = self._existing(queries.executions, set(execution_ids), "execution")
        start, truncated = (set(artifacts), set(executions)), False
        for is_up in [True] * up + [False] * down:
            seen_artifacts, seen = set(start[0]), set(start[1])
            at_artifacts, at = start
            while at_artifacts or at:
                if len(executions) + len(artifacts) > max_nodes:
                    truncated = True
                    break
                next_artifacts, next_ = self._neighbours(at_artifacts, at, is_up)
                at_artifacts, at = next_artifacts - seen_artifacts, next_ - seen
                artifacts |= queries.artifacts(at_artifacts - set(artifacts))
                executions |= queries.executions(at - set(executions))
                seen_artifacts |= at_artifacts
                seen |= at
        graph = self._graph(executions, artifacts)
        return dataclasses.replace(graph, truncated=truncated)

    def _neighbours(
        self, artifacts: set[Id], executions: set[Id], is_up: bool
    ) -> tuple[set[Id], set[Id]]:
        """Artifacts of some executions and executions of some artifacts, one step on."""
        of_executions = self._queries.events_of_executions(executions)
        of_artifacts = self._queries.events_of_artifacts(artifacts)
        return (
            {e.artifact_id for e in of_executions if e.is_output != is_up},
            {e.execution_id for e in of_artifacts if e.is_output == is_up},
        )

    def around_artifact(self, artifact_id: Id) -> Graph:
        """One artifact and the executions that wrote or read it.

        Raises:
            DistillError: If it does not exist.
        """
        artifacts = self._existing(self._queries.artifacts, {artifact_id}, "artifact")
        events = self._queries.events_of_artifacts({artifact_id})
        executions = self._queries.executions({e.execution_id for e in events})
        return self._graph(executions, artifacts)

    def around_execution(self, execution_id: Id) -> Graph:
        """One execution and what it read and wrote; errors as `around_artifact`."""
        ask = self._queries.executions
        return self._graph(self._existing(ask, {execution_id}, "execution"))

    def everything(self) -> Graph:
        """The whole store."""
        executions = self._queries.all_executions()
        runs = {run.name: run for run in self.runs()}
        return self._graph(executions, self._queries.all_artifacts(), runs)

    def _graph(
        self,
        executions: Executions,
        artifacts: Artifacts | None = None,
        runs: Mapping[str, RunRecord] | None = None,
    ) -> Graph:
        """A graph of executions, all their inputs and outputs, and more artifacts.

        Its runs are those of the executions, unless `runs` says which.
        """
        events = self._queries.events_of_executions(executions)
        artifacts = dict(artifacts or {})
        missing = {event.artifact_id for event in events} - set(artifacts)
        artifacts |= self._queries.artifacts(missing)
        records = self._queries.placed(executions)
        makers = artifact_makers.found(events, records)
        # The others were made outside of this graph, as in an earlier run.
        others = {i for i in artifacts if i not in makers or makers[i].state == CACHED}
        if others:
            made = self._queries.events_of_artifacts(others)
            ids = {e.execution_id for e in made if e.is_output} - set(records)
            outside = self._queries.placed(self._queries.executions(ids))
            makers = artifact_makers.found(events + made, {**records, **outside})
        if runs is None:
            runs = self._runs_named({record.run for record in records.values()})
        return Graph(
            artifacts={
                artifact.id: artifact_makers.noted(artifact, makers.get(artifact.id))
                for artifact in sorted(artifacts.values(), key=lambda a: a.age)
            },
            executions={e.id: e for e in sorted(records.values(), key=lambda e: e.age)},
            events=tuple(event for event in events if event.artifact_id in artifacts),
            runs=runs,
        )

    def _runs_named(self, names: Collection[str]) -> dict[str, RunRecord]:
        ids = [i for i, name in self._queries.run_names().items() if name in names]
        return {run.name: run for run in self._queries.runs(None, ids)} if ids else {}

    def _existing(
        self,
        ask: Callable[[Iterable[Id]], Mapping[Any, Any]],
        ids: Collection[Id],
        what: str,
    ) -> dict[Any, Any]:
        found = dict(ask(ids))
        for id_ in ids:
            if id_ not in found:
                raise DistillError(
                    f"{self._place} has no {what} {id_}. "
                    f"`{hints.command('artifacts')}` and `{hints.command('runs')}` list "
                    "what there is."
                )
        return found

    def _recorded_types(self, asked: str) -> list[str]:
        """How an artifact type is recorded; earlier versions used other names."""

        def names(recorded: str) -> set[str]:
            both = {recorded.lower(), adapters.artifact_type(recorded).lower()}
            return both | {name.rpartition(".")[2] for name in both}

        known = self._queries.artifact_types()
        return [recorded for recorded in known if asked.lower() in names(recorded)]
