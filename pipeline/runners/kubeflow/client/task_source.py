"""Reads what ran from a Kubeflow server without ML Metadata. Imports `kfp`."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Collection, Iterable, Iterator

from tfx_distill.pipeline.mlmd import task_adapters
from tfx_distill.pipeline.mlmd.records import (
    ArtifactRecord,
    EventRecord,
    ExecutionRecord,
    RunRecord,
    short_id,
)
from tfx_distill.pipeline.mlmd.source import Values, values_of
from tfx_distill.pipeline.mlmd.task_adapters import Answer
from tfx_distill.pipeline.runners.kubeflow.client.server_connection import Server
from tfx_distill.pipeline.runners.kubeflow.client.server_errors import (
    NotFound,
    ServerError,
)
from tfx_distill.trainer.errors import DistillError

_API = "/apis/v2beta1"
_PAGE_SIZE = 200  # the server gives no more
_CHUNK = 50  # ids in one request, which has them in its URL


def open_source(server: Server) -> TaskSource:
    """The records of a server.

    Raises:
        DistillError: If it keeps them in ML Metadata.
    """
    source = TaskSource(server)
    for run in source.runs(1):
        path = f"{_API}/runs/{run.name}/tasks"
        with server.calling(f"read the nodes of the run {run.name}"):
            text = server.text(path, {"page_size": "1"})
        if text is None:
            raise DistillError(
                f"{server.place} keeps its records in ML Metadata. Forward its port "
                "(kubectl -n kubeflow port-forward service/metadata-grpc-service "
                "8080:8080) and give --metadata grpc://localhost:8080."
            )
    return source


class TaskSource:
    """Runs, tasks and artifacts of a server; a `mlmd.source.Source`.

    What was read once is kept: the commands look at each run more than once.
    """

    def __init__(self, server: Server) -> None:
        self._server, self.place = server, server.place
        self._tasks: dict[str, list[Answer]] = {}  # by run
        self._run_of: dict[str, str] = {}  # by task
        self._known: dict[str, ArtifactRecord] = {}
        self._pipeline_of: dict[str, str] = {}  # by run
        self._pipeline_names: dict[str, str] = {}  # by the pipeline's id
        self._listings: dict[str, Iterator[Answer]] = {}  # by path

    def artifact_id(self, text: str) -> str | None:
        """The id that begins with a text; None if there is none."""
        if text in self.artifacts([text]):
            return text
        return _only(
            text, (id_ for id_ in self.all_artifacts() if id_.startswith(text))
        )

    def execution_id(self, text: str) -> str | None:
        """As `artifact_id`, in the newest run that has one."""
        for run in self.runs(None):
            found = [i for i in self.executions_of_run(run) if i.startswith(text)]
            if found:
                return _only(text, found)
        return None

    def run_names(self) -> dict[str, str]:
        return {run.id: run.name for run in self._runs()}

    def runs(
        self, limit: int | None, ids: Collection[str] | None = None
    ) -> list[RunRecord]:
        """Runs, the newest first."""
        wanted = (run for run in self._runs() if ids is None or run.id in ids)
        return list(itertools.islice(wanted, limit))

    def _runs(self) -> Iterator[RunRecord]:
        for answer in self._newest("runs"):
            with self._understood():
                made = task_adapters.run(answer)
                self._pipeline_of[made.name] = self._pipeline(answer)
            yield made

    def executions_of_run(self, run: RunRecord) -> dict[str, ExecutionRecord]:
        return self._nodes(run.name)

    def all_executions(self) -> dict[str, ExecutionRecord]:
        return {
            i: e for run in self.runs(None) for i, e in self._nodes(run.name).items()
        }

    def executions(self, ids: Iterable[str]) -> dict[str, ExecutionRecord]:
        """Those that an event or a run named before."""
        wanted = [id_ for id_ in ids if id_ in self._run_of]
        nodes: dict[str, ExecutionRecord] = {}
        for run in sorted({self._run_of[id_] for id_ in wanted}):
            nodes |= self._nodes(run)
        return {id_: nodes[id_] for id_ in wanted if id_ in nodes}

    def placed(self, records: dict[str, ExecutionRecord]) -> dict[str, ExecutionRecord]:
        return records

    def events_of_executions(self, ids: Collection[str]) -> list[EventRecord]:
        runs = dict.fromkeys(self._run_of[id_] for id_ in ids if id_ in self._run_of)
        return [
            event
            for run in runs
            for task in self._tasks_of(run)
            if task["task_id"] in ids
            for event, _ in task_adapters.linked(task)
        ]

    def events_of_artifacts(self, ids: Iterable[str]) -> list[EventRecord]:
        ordered, found = sorted(ids), []
        for start in range(0, len(ordered), _CHUNK):
            query = [("artifact_ids", i) for i in ordered[start : start + _CHUNK]]
            for answer in self._list("artifact_tasks", "artifact_tasks", query):
                with self._understood():
                    found.append(task_adapters.event(answer))
                    self._run_of[answer["task_id"]] = answer["run_id"]
        return found

    def artifact_types(self) -> list[str]:
        return sorted({artifact.type for artifact in self.all_artifacts().values()})

    def all_artifacts(self) -> dict[str, ArtifactRecord]:
        return self.newest_artifacts(None, None)

    def values(self, types: Collection[str], names: Collection[str]) -> Values:
        return values_of(self.newest_artifacts(types, None).values(), names)

    def newest_artifacts(
        self, types: Collection[str] | None, limit: int | None
    ) -> dict[str, ArtifactRecord]:
        """The newest artifacts, of some types or (None) of any."""
        made = (self._artifact(answer) for answer in self._newest("artifacts"))
        wanted = (a for a in made if types is None or a.type in types)
        return {artifact.id: artifact for artifact in itertools.islice(wanted, limit)}

    def artifacts(self, ids: Iterable[str]) -> dict[str, ArtifactRecord]:
        ids = list(ids)
        for id_ in ids:
            if id_ not in self._known:
                with contextlib.suppress(NotFound):
                    self._artifact(self._get(f"artifacts/{id_}"))
        return {id_: self._known[id_] for id_ in ids if id_ in self._known}

    def _artifact(self, answer: Answer) -> ArtifactRecord:
        with self._understood():
            record = task_adapters.artifact(answer)
        return self._known.setdefault(record.id, record)

    def _nodes(self, run: str) -> dict[str, ExecutionRecord]:
        tasks = self._tasks_of(run)
        if run not in self._pipeline_of:
            self._pipeline_of[run] = self._pipeline(self._get(f"runs/{run}"))
        pipeline = self._pipeline_of[run]
        with self._understood():
            return {
                task["task_id"]: task_adapters.execution(task, pipeline)
                for task in tasks
                if task_adapters.is_node(task)
            }

    def _tasks_of(self, run: str) -> list[Answer]:
        if run not in self._tasks:
            self._tasks[run] = list(self._list(f"runs/{run}/tasks", "tasks"))
            with self._understood():
                for task in self._tasks[run]:
                    self._run_of[task["task_id"]] = run
                    for _, answer in task_adapters.linked(task):
                        self._artifact(answer)
        return self._tasks[run]

    def _pipeline(self, run: Answer) -> str:
        """Name of a run's pipeline; empty if it was deleted."""
        spec = run.get("pipeline_spec") or {}
        spec = spec.get("pipeline_spec") or spec
        name = (spec.get("pipelineInfo") or {}).get("name")
        id_ = (run.get("pipeline_version_reference") or {}).get("pipeline_id")
        if name or not id_:
            return str(name or "")
        if id_ not in self._pipeline_names:
            self._pipeline_names[id_] = ""
            with contextlib.suppress(ServerError):
                found = self._get(f"pipelines/{id_}")
                self._pipeline_names[id_] = str(found.get("display_name", ""))
        return self._pipeline_names[id_]

    def _newest(self, path: str) -> Iterator[Answer]:
        """All runs or artifacts, the newest first; each page is asked for once."""
        if path not in self._listings:
            namespace = self._server.namespace
            query = [("sort_by", "created_at desc")]
            query += [("namespace", namespace)] if namespace else []
            self._listings[path] = self._list(path, path, query)
        self._listings[path], again = itertools.tee(self._listings[path])
        return again

    def _list(
        self, path: str, key: str, query: Iterable[tuple[str, str]] = ()
    ) -> Iterator[Answer]:
        """The items of all pages of a list."""
        token = ""
        while True:
            page = [*query, ("page_size", str(_PAGE_SIZE)), ("page_token", token)]
            answer = self._get(path, page)
            with self._understood():
                yield from answer.get(key) or ()
                token = answer.get("next_page_token", "")
            if not token:
                return

    def _get(self, path: str, query: Iterable[tuple[str, str]] = ()) -> Answer:
        with self._server.calling(f"read {path}"):
            answer = self._server.get(f"{_API}/{path}", query_params=list(query))
        return dict(answer) if isinstance(answer, dict) else {}

    @contextlib.contextmanager
    def _understood(self) -> Iterator[None]:
        try:
            yield
        except (AttributeError, KeyError, TypeError) as error:
            raise ServerError(
                f"{self.place} answered in a form that this version does not know: "
                f"{type(error).__name__}: {error}. Upgrade tfx-distill."
            ) from error


def _only(text: str, found: Iterable[str]) -> str | None:
    """The one id that begins with a text; None if there is none."""
    matches = sorted(found)
    if len(matches) > 1:
        raise DistillError(
            f"{len(matches)} ids begin with {text}: "
            f"{', '.join(short_id(i) for i in matches[:3])} … Give more of it."
        )
    return matches[0] if matches else None
