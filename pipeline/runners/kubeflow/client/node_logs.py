"""The logs of nodes on a server, and what they say.

A server has the logs of pods that exist, and later those that Argo archived. KFP's
launcher also stores each log among the outputs of its node.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from tfx_distill.pipeline.inspection import object_stores
from tfx_distill.pipeline.mlmd.records import ArtifactRecord
from tfx_distill.pipeline.runners.kubeflow.client import run_progress
from tfx_distill.pipeline.runners.kubeflow.client.run_progress import NodeState
from tfx_distill.pipeline.runners.kubeflow.client.server_connection import Server
from tfx_distill.pipeline.runners.kubeflow.client.server_errors import NotFound

if TYPE_CHECKING:
    from tfx_distill.pipeline.mlmd.store import Store

# Lines of the launcher (Go's klog), and of Argo's executor around it.
_LAUNCHER = re.compile(
    r"[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ \S+\.go:\d+\]|time=\S+ level="
)
# As the container's entry point writes an error.
_OWN_ERROR = re.compile(r"\d\d:\d\d:\d\d (?:ERROR|CRITICAL) \S+: (.+)")
_EXCEPTION = re.compile(r"(?:\w+\.)*\w+(?:Error|Exception): .+")


class Logs:
    """The logs of the containers of one run.

    Args:
        server: Where it ran.
        run_id: Its ID.
        records: Opens what is recorded of runs, for logs that the server does not have;
            returns None if nobody says where.

    Attributes:
        problem: Why a stored log could not be read; empty: none was there, or all could.
    """

    def __init__(
        self,
        server: Server,
        run_id: str,
        records: Callable[[], Store | None] = lambda: None,
    ) -> None:
        self._server, self._run_id, self._records = server, run_id, records
        self.problem = ""

    def find(self, node: NodeState) -> str | None:
        """The log of a node's container, or of its driver if that failed; None: gone."""
        for name in node.log_names:
            with self._server.calling(f"read the log of {node.name}"):
                text = self._read(name)
            if text is not None:
                return text
        has_stored = node.ended and node.state != run_progress.DRIVER_FAILED
        return self._read_stored(node.name) if has_stored else None

    def _read_stored(self, node: str) -> str | None:
        artifact = self._stored.get(node)
        if artifact is None:
            return None
        try:
            return object_stores.current().read(artifact).decode("utf-8", "replace")
        except object_stores.NotReadable as error:
            self.problem = f"{artifact.uri} is not readable here: {error}."
            return None

    @functools.cached_property
    def _stored(self) -> dict[str, ArtifactRecord]:
        """The artifacts that are logs, by node."""
        store = self._records()
        if store is None:
            return {}
        graph = store.graph_of_runs([store.run(self._run_id)])
        return {
            execution.node: artifact
            for execution in graph.of_run(self._run_id)
            for _, artifact in graph.outputs(execution.id)
            if artifact.is_log
        }

    def not_found(self, node: NodeState) -> NotFound:
        """Says that the server has no log, and names a kubectl command to find one."""
        namespace = f" -n {self._server.namespace}" if self._server.namespace else ""
        stored = self.problem or "Try --metadata and --artifacts, for the stored one."
        return NotFound(
            f"{self._server.place} has no log of {node.name} ({node.words}): its pod has "
            f"not started, was not needed because of the cache, or is gone. {stored} Or "
            f"try: kubectl logs{namespace} -c main -l pipeline/runid={self._run_id} "
            "--prefix --tail=-1"
        )

    def _read(self, name: str) -> str | None:
        # The web interface does not forward the API server's path; it has its own.
        query = {"podname": name, "runid": self._run_id}
        if self._server.namespace:
            query["podnamespace"] = self._server.namespace
        for path, parameters in (
            (f"/apis/v1alpha1/runs/{self._run_id}/nodes/{name}/log", {}),
            ("/k8s/pod/logs", query),
        ):
            text = self._server.text(path, parameters)
            # The API server answers 200 before it knows that there is no such pod.
            if text is not None and not text.lstrip().startswith('{"error_message"'):
                return text
        return None


def without_launcher(log: str) -> str:
    """A log without the lines of KFP's launcher and Argo's executor."""
    lines = log.splitlines(keepends=True)
    return "".join(line for line in lines if not _LAUNCHER.match(line))


def last_error(log: str) -> str:
    """The line that says why a container failed; empty: none does."""
    found = [match[1] for match in map(_OWN_ERROR.match, log.splitlines()) if match]
    found = found or [line for line in log.splitlines() if _EXCEPTION.match(line)]
    if found:
        return " ".join(found[-1].split())
    # A driver's log, in which all lines are the launcher's.
    errors = [line for line in log.splitlines() if line.startswith(("F", "E"))]
    return errors[-1].partition("] ")[2].strip() if errors else ""
