"""Finds and deletes runs on a server that nothing needs, by the rules of `distill gc`.

Needed are the newest runs, those that have not ended, and every run whose student was
blessed, or of which nobody knows. A run's record goes, and with it its workflow; its
artifacts stay in the object store, since the cache may have given them to later runs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from tfx_distill.pipeline.runners.kubeflow.client import (
    run_outcome,
    run_progress,
    schedule_timing,
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
        artifacts: Where its artifacts stay.
    """

    id: str
    name: str
    created: str
    why: str
    artifacts: str


def find(server: Server, pipeline: str, keep: int) -> list[Candidate]:
    """Finds runs that nothing needs; changes nothing.

    Args:
        server: Where they are.
        pipeline: Name of the pipeline.
        keep: Number of newest runs that are kept.

    Raises:
        DistillError: If there is no such pipeline.
    """
    runs = Runs(server)
    ids = {item.pipeline_id for item in _named(server, pipeline)}
    if not ids:
        raise DistillError(
            f"There is no pipeline {pipeline} on {server.place}. "
            "distill kubeflow runs lists the runs."
        )
    ours = [run for run in runs.all() if _pipeline_id(run) in ids]
    found = []
    for run in ours[keep:]:
        why = _unneeded(server, runs, str(run.run_id))
        if why:
            found.append(_candidate(run, pipeline, why))
    return found


def delete(server: Server, found: list[Candidate]) -> Iterator[Candidate]:
    """Deletes runs one by one; yields each when it is gone."""
    runs = Runs(server)
    for candidate in found:
        runs.delete(candidate.id)
        yield candidate


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


def _unneeded(server: Server, runs: Runs, run_id: str) -> str:
    """Why a run is not needed; empty if it is, or may be."""
    state = runs.state(run_id, runs.nodes_of(run_id))
    if state.state not in run_progress.ENDED:
        return ""
    outcome = run_outcome.of_run(server, state)
    if outcome.version:
        return ""
    if not state.succeeded:
        return state.state.lower()
    return "refused" if outcome.was_refused else ""


def _candidate(run: Any, pipeline: str, why: str) -> Candidate:
    root = getattr(run.runtime_config, "pipeline_root", None) or _DEFAULT_ROOT
    return Candidate(
        id=str(run.run_id),
        name=str(run.display_name),
        created=schedule_timing.rfc3339(run.created_at) or "",
        why=why,
        artifacts=f"{root.rstrip('/')}/{pipeline}/{run.run_id}/",
    )
