"""Starts runs on a server, follows them and reads their logs. Imports `kfp`."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

from tfx_distill.pipeline.runners.kubeflow.client import run_progress
from tfx_distill.pipeline.runners.kubeflow.client.server_connection import Server
from tfx_distill.pipeline.runners.kubeflow.client.server_errors import (
    NotFound,
    ServerError,
    Unavailable,
)
from tfx_distill.pipeline.runners.kubeflow.client.submissions import Submission
from tfx_distill.pipeline.runners.kubeflow.kubeflow_errors import CompileError
from tfx_distill.pipeline.runners.kubeflow.pipeline_package import task_order

POLL_S = 10.0
_MAX_FAILURES = 6  # in a row, while waiting


class Runs:
    """The runs on a server."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def start(self, submission: Submission, name: str) -> str:
        """Starts a run; returns its ID."""
        with self._server.calling("create the run"):
            run = self._server.run_pipeline(
                job_name=name, **submission.client_arguments()
            )
        return str(run.run_id)

    def url(self, run_id: str) -> str:
        """The run's page in the web interface."""
        return f"{self._server.place}/#/runs/details/{run_id}"

    def state(self, run_id: str, nodes: tuple[str, ...] = ()) -> run_progress.RunState:
        """The current state of a run. `nodes`: of its pipeline, where known."""
        return run_progress.of_run(self._run(run_id), nodes)

    def nodes_of(self, run_id: str) -> tuple[str, ...]:
        """The nodes of a run's pipeline; () if the server does not show them."""
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
            spec = spec.get("pipeline_spec", spec)
            return tuple(task_order(spec["root"]["dag"]["tasks"]))
        # Deleted since, not readable for this user, or in another format.
        except (ServerError, CompileError, AttributeError, KeyError, TypeError):
            return ()

    def wait(
        self,
        run_id: str,
        nodes: tuple[str, ...],
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

    def log(self, run_id: str, node: run_progress.NodeState) -> str:
        """Returns the log of a node's container.

        Raises:
            NotFound: If the server has no log; names a kubectl command to find one.
        """
        pods = itertools.chain(*map(_pod_names, node.children))
        for pod in dict.fromkeys(pods):
            with self._server.calling(f"read the log of {node.name}"):
                text = self._log(run_id, pod)
            if text is not None:
                return text
        namespace = f" -n {self._server.namespace}" if self._server.namespace else ""
        raise NotFound(
            f"{self._server.place} has no log of {node.name} ({node.state.lower()}): its "
            "pod has not started, was not needed because of the cache, or is gone. Try: "
            f"kubectl logs{namespace} -c main -l pipeline/runid={run_id} --prefix "
            "--tail=-1"
        )

    def _log(self, run_id: str, pod: str) -> str | None:
        # The web interface does not forward the API server's path; it has its own.
        query = {"podname": pod, "runid": run_id}
        if self._server.namespace:
            query["podnamespace"] = self._server.namespace
        for path, parameters in (
            (f"/apis/v1alpha1/runs/{run_id}/nodes/{pod}/log", {}),
            ("/k8s/pod/logs", query),
        ):
            text = self._server.text(path, parameters)
            # The API server answers 200 before it knows that there is no such pod.
            if text is not None and not text.lstrip().startswith('{"error_message"'):
                return text
        return None

    def _run(self, run_id: str) -> Any:
        with self._server.calling(f"find the run {run_id}"):
            return self._server.get_run(run_id)


def _pod_names(node_id: str) -> Iterator[str]:
    """Possible names of the pod of an Argo node, the likeliest first.

    Argo's node ID is WORKFLOW-HASH, and its pod's name WORKFLOW-TEMPLATE-HASH; the
    server reports node IDs. KFP has a single template for containers.
    """
    workflow, _, digits = node_id.rpartition("-")
    if workflow and digits.isdigit():
        yield f"{workflow}-system-container-impl-{digits}"
    yield node_id
