"""Finds and deletes runs on a server that nothing needs, by the rules of `distill gc`.

Needed are the newest runs, those that have not ended, and every run whose student was
blessed, or of which nobody knows. A run's record goes, with it its workflow, and then
those of its artifacts that no other run has from it.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from typing import Any

from tfx_distill.pipeline.mlmd.records import Graph
from tfx_distill.pipeline.runners.kubeflow.client import (
    run_outcome,
    run_progress,
    schedule_timing,
)
from tfx_distill.pipeline.runners.kubeflow.client.artifact_garbage import (
    Files,
    RunFiles,
)
from tfx_distill.pipeline.runners.kubeflow.client.runs_client import Runs
from tfx_distill.pipeline.runners.kubeflow.client.server_connection import (
    Server,
    name_filter,
)
from tfx_distill.trainer.errors import DistillError

_DEFAULT_ROOT = "the server's pipeline root"


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A run that nothing needs.

    Attributes:
        id: Its ID.
        name: Its name.
        created: When, as RFC 3339.
        why: Why it is not needed: how it ended.
        files: Its artifacts.
    """

    id: str
    name: str
    created: str
    why: str
    files: Files


class RunGarbage:
    """Runs of a pipeline that nothing needs.

    Args:
        server: Where they are.
        pipeline: Name of the pipeline.
        records: What is recorded of the artifacts, or why nobody can tell.

    Raises:
        DistillError: If there is no such pipeline.
    """

    def __init__(self, server: Server, pipeline: str, records: Graph | str) -> None:
        self._server, self._runs, self._pipeline = server, Runs(server), pipeline
        self._ids = {item.pipeline_id for item in _named(server, pipeline)}
        if not self._ids:
            raise DistillError(
                f"There is no pipeline {pipeline} on {server.place}. "
                "distill kubeflow runs lists the runs."
            )
        known = list(self._runs.all())
        self._known = {run.run_id for run in known}
        self._ours = [run for run in known if _pipeline_id(run) in self._ids]
        self._records = records
        self._files: RunFiles | None = None

    def find(self, keep: int) -> list[Candidate]:
        """Finds them, but for so many of the newest; changes nothing."""
        old = [
            (run, _unneeded(self._server, self._runs, run)) for run in self._ours[keep:]
        ]
        going = {str(run.run_id): (run, why) for run, why in old if why}
        unknown = self._unknown(set(going))
        if not unknown and isinstance(self._records, Graph):
            self._files = RunFiles(self._records, going)
        return [
            Candidate(
                id=run_id,
                name=str(run.display_name),
                created=schedule_timing.rfc3339(run.created_at) or "",
                why=why,
                files=self._files.find(run_id)
                if self._files
                else Files(self._folder(run), why=unknown),
            )
            for run_id, (run, why) in going.items()
        ]

    def delete(self, found: list[Candidate]) -> Iterator[Candidate]:
        """Deletes runs one by one; yields each when it is gone."""
        for candidate in found:
            # First: from now on, the cache gives nobody its artifacts.
            self._runs.delete(candidate.id)
            files = candidate.files
            if self._files and (newer := self._newer()):
                why = (
                    f"the run {newer} began meanwhile, and may have them from the cache"
                )
                files = dataclasses.replace(files, why=why)
            elif self._files:
                files = self._files.delete(candidate.id, files)
            yield dataclasses.replace(candidate, files=files)

    def _newer(self) -> str:
        """A run of the pipeline that began after they were listed; empty if none did."""
        newer = itertools.takewhile(
            lambda run: run.run_id not in self._known, self._runs.all()
        )
        return next((str(r.run_id) for r in newer if _pipeline_id(r) in self._ids), "")

    def _unknown(self, going: set[str]) -> str:
        """Why it is not known what others need; empty if it is."""
        if isinstance(self._records, str):
            return self._records
        for run in self._ours:
            if str(run.run_id) in going:
                continue
            if run.state not in run_progress.ENDED:
                return f"the run {run.run_id} has not ended"
            if run.run_id not in self._records.runs:
                return f"nothing is recorded of {run.run_id}, a run that stays"
        return ""

    def _folder(self, run: Any) -> str:
        root = getattr(run.runtime_config, "pipeline_root", None) or _DEFAULT_ROOT
        return f"{root.rstrip('/')}/{self._pipeline}/{run.run_id}/"


def _named(server: Server, pipeline: str) -> Iterator[Any]:
    return server.pages(
        f"look for the pipeline {pipeline}",
        "pipelines",
        lambda **page: server.list_pipelines(
            namespace=server.namespace, filter=name_filter(pipeline), **page
        ),
    )


def _pipeline_id(run: Any) -> str:
    return getattr(run.pipeline_version_reference, "pipeline_id", None) or ""


def _unneeded(server: Server, runs: Runs, run: Any) -> str:
    """Why a run is not needed; empty if it is, or may be."""
    state = runs.state(str(run.run_id), runs.nodes_of(str(run.run_id)))
    if state.state not in run_progress.ENDED:
        return ""
    outcome = run_outcome.of_run(server, state)
    if outcome.version:
        return ""
    if not state.succeeded:
        return state.state.lower()
    return "refused" if outcome.was_refused else ""
