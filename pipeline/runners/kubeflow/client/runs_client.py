"""Starts runs on a server and follows them. Imports `kfp`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tfx_distill.pipeline.runners.kubeflow.client import (
    run_progress,
    task_records,
    workflow_records,
)
from tfx_distill.pipeline.runners.kubeflow.client.server_connection import (
    Server,
    name_filter,
)
from tfx_distill.pipeline.runners.kubeflow.client.server_errors import (
    ServerError,
    Unavailable,
    created_despite,
)
from tfx_distill.pipeline.runners.kubeflow.client.submissions import Submission
from tfx_distill.pipeline.runners.kubeflow.kubeflow_errors import CompileError
from tfx_distill.pipeline.runners.kubeflow.pipeline_package import Package

POLL_S = 10.0
_MAX_FAILURES = 6  # in a row, while waiting


class Runs:
    """The runs on a server."""

    def __init__(self, server: Server) -> None:
        self._server = server

    @property
    def namespace(self) -> str | None:
        """Of the runs' pods, on a multi-user server."""
        return self._server.namespace

    def start(self, submission: Submission, name: str) -> str:
        """Starts a run; returns its ID.

        An error of the server's may come after the run was created: it is looked for
        before anything is called failed.
        """
        known = self._named(submission.experiment_id, name)
        try:
            with self._server.calling("create the run"):
                run = self._server.run_pipeline(
                    job_name=name, **submission.client_arguments()
                )
            return str(run.run_id)
        except ServerError as error:

            def find() -> str | None:
                named = self._named(submission.experiment_id, name)
                return next(iter(named - known), None)

            return created_despite(error, find, "distill kubeflow runs")

    def _named(self, experiment_id: str, name: str) -> set[str]:
        """The IDs of the runs of that name in an experiment."""
        runs = self._server.pages(
            f"look for the run {name}",
            "runs",
            lambda **page: self._server.list_runs(
                experiment_id=experiment_id, filter=name_filter(name), **page
            ),
        )
        return {str(run.run_id) for run in runs}

    def all(self) -> Iterator[Any]:
        """All runs, the newest first, as `V2beta1Run`."""
        return self._server.pages(
            "list the runs",
            "runs",
            lambda **page: self._server.list_runs(
                namespace=self._server.namespace, sort_by="created_at desc", **page
            ),
        )

    def stop(self, run_id: str) -> None:
        """Ends a run; its pods are deleted."""
        with self._server.calling(f"stop the run {run_id}"):
            self._server.terminate_run(run_id)

    def retry(self, run_id: str) -> None:
        """Starts the nodes of a run again that failed, and those after them."""
        with self._server.calling(f"retry the run {run_id}"):
            self._server.retry_run(run_id)

    def delete(self, run_id: str) -> None:
        """Deletes a run from the server; its artifacts stay in the object store."""
        with self._server.calling(f"delete the run {run_id}"):
            self._server.delete_run(run_id)

    def url(self, run_id: str) -> str:
        """The run's page in the web interface."""
        return f"{self._server.place}/#/runs/details/{run_id}"

    def state(self, run_id: str, nodes: Mapping[str, str]) -> run_progress.RunState:
        """The current state of a run. `nodes`: see `nodes_of`."""
        run = self._run(run_id)
        state = str(run.state or "PENDING")
        run_ended = state in run_progress.ENDED
        details = getattr(run.run_details, "task_details", None)
        if details:
            states = workflow_records.states(details, nodes, run_ended=run_ended)
        else:
            states = task_records.states(
                self._tasks(run_id), nodes, run_ended=run_ended
            )
        return run_progress.RunState(
            run_id=str(run.run_id),
            name=str(run.display_name),
            state=state,
            nodes=states,
            error=workflow_records.error(run),
        )

    def _tasks(self, run_id: str) -> list[dict[str, Any]]:
        """The records of nodes that servers without ML Metadata have; else none."""
        with self._server.calling(f"read the nodes of the run {run_id}"):
            text = self._server.text(
                f"/apis/v2beta1/runs/{run_id}/tasks", {"page_size": "200"}
            )
        try:
            return list(json.loads(text or "{}").get("tasks", ()))
        except ValueError:  # not the API server
            return []

    def nodes_of(self, run_id: str) -> dict[str, str]:
        """See `Package.container_templates`; {} if the server does not show them."""
        package = self.package_of(run_id)
        try:
            return package.container_templates() if package else {}
        except (CompileError, AttributeError, KeyError, TypeError):
            return {}

    def package_of(self, run_id: str) -> Package | None:
        """The pipeline of a run; None if the server does not show it."""
        run = self._run(run_id)
        reference = run.pipeline_version_reference
        spec = run.pipeline_spec
        try:
            if not spec and reference:
                with self._server.calling("read the pipeline"):
                    version = self._server.get_pipeline_version(
                        reference.pipeline_id, reference.pipeline_version_id
                    )
                spec = version.pipeline_spec
            # With a platform specification, the server returns both in one mapping.
            platform = spec.get("platform_spec")
            return Package(spec.get("pipeline_spec", spec), platform)
        # Deleted since, not readable for this user, or in another format.
        except (ServerError, AttributeError):
            return None

    def wait(
        self,
        run_id: str,
        nodes: Mapping[str, str],
        on_state: Callable[[run_progress.RunState], None],
    ) -> run_progress.RunState:
        """Follows a run to its end, despite temporary failures of the server."""
        failures = 0
        while True:
            try:
                state = self.state(run_id, nodes)
            except Unavailable:
                failures += 1
                if failures >= _MAX_FAILURES:
                    raise
            else:
                failures = 0
                on_state(state)
                if state.ended:
                    return state
            time.sleep(POLL_S)

    def _run(self, run_id: str) -> Any:
        with self._server.calling(f"find the run {run_id}"):
            return self._server.get_run(run_id)
