"""Submits compiled pipelines to a server and follows their runs. Imports `kfp`."""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tfx_distill.pipeline.runners.kubeflow.client import run_progress, server_connection
from tfx_distill.pipeline.runners.kubeflow.client.compiled import Compiled, node_names
from tfx_distill.pipeline.runners.kubeflow.client.schedules import Schedules
from tfx_distill.pipeline.runners.kubeflow.client.server_access import Access
from tfx_distill.pipeline.runners.kubeflow.client.server_errors import (
    NotFound,
    ServerError,
    Unavailable,
)

POLL_S = 10.0
_MAX_FAILURES = 6  # in a row, while waiting


@dataclasses.dataclass(frozen=True)
class Submission:
    """What a submit or schedule made on the server."""

    pipeline_id: str
    version_id: str
    version: str
    new_version: bool
    experiment_id: str
    experiment: str


class Client:
    """The commands' side of a server."""

    def __init__(self, access: Access) -> None:
        self._server = server_connection.connect(access)
        self.schedules = Schedules(self._server)
        self.namespace: str | None = self._server.namespace
        self.place: str = self._server.place

    def prepare(self, package: Compiled, experiment: str | None) -> Submission:
        """Finds or makes the pipeline, this file as a version, and the experiment."""
        pipeline_id = self._pipeline_id(package.name)
        if pipeline_id is None:
            with self._server.calling(f"create the pipeline {package.name}"):
                uploaded = self._server.upload_pipeline(
                    str(package.path),
                    pipeline_name=package.name,
                    description=_mark(package),
                    namespace=self.namespace,
                )
            pipeline_id, version = uploaded.pipeline_id, None
            version = self._version(pipeline_id, package) or self._newest(pipeline_id)
            is_new = True
        else:
            version = self._version(pipeline_id, package)
            is_new = version is None
            version = version or self._upload_version(pipeline_id, package)
        name = experiment or package.name
        with self._server.calling(f"create the experiment {name}"):
            made = self._server.create_experiment(name=name, namespace=self.namespace)
        return Submission(
            pipeline_id=pipeline_id,
            version_id=version.pipeline_version_id,
            version=version.display_name,
            new_version=is_new,
            experiment_id=made.experiment_id,
            experiment=name,
        )

    def run(
        self,
        submission: Submission,
        name: str,
        arguments: Mapping[str, Any],
        *,
        pipeline_root: str | None = None,
        service_account: str | None = None,
    ) -> str:
        """Starts a run; returns its id."""
        with self._server.calling("create the run"):
            run = self._server.run_pipeline(
                experiment_id=submission.experiment_id,
                job_name=name,
                params=dict(arguments),
                pipeline_id=submission.pipeline_id,
                version_id=submission.version_id,
                pipeline_root=pipeline_root,
                service_account=service_account,
            )
        return str(run.run_id)

    def state(self, run_id: str, nodes: tuple[str, ...] = ()) -> run_progress.RunState:
        """A run as it is now. `nodes`: of its pipeline, where they are known."""
        return run_progress.of_run(self._run(run_id), nodes)

    def nodes_of(self, run_id: str) -> tuple[str, ...]:
        """The nodes of a run's pipeline; () if the server does not show it."""
        run = self._run(run_id)
        reference = run.pipeline_version_reference
        try:
            spec = run.pipeline_spec
            if not spec and reference:
                with self._server.calling("read the pipeline"):
                    version = self._server.get_pipeline_version(
                        reference.pipeline_id, reference.pipeline_version_id
                    )
                spec = version.pipeline_spec
        except ServerError:  # deleted since, or not ours to read
            return ()
        return node_names(spec)

    def wait(
        self,
        run_id: str,
        nodes: tuple[str, ...],
        seen: Callable[[run_progress.RunState], None],
    ) -> run_progress.RunState:
        """Follows a run to its end, past passing failures of the server."""
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
                seen(state)
                if state.ended:
                    return state
            time.sleep(POLL_S)

    def log(self, run_id: str, node: run_progress.NodeState) -> str:
        """What the container of a node wrote.

        Raises:
            NotFound: If the server has no log, with kubectl's way to look for one.
        """
        places = list(itertools.chain(*map(_pod_names, node.children)))
        for pod in dict.fromkeys(places):
            with self._server.calling(f"read the log of {node.name}"):
                text = self._log(run_id, pod)
            if text is not None:
                return text
        namespace = f" -n {self.namespace}" if self.namespace else ""
        raise NotFound(
            f"{self.place} has no log of {node.name} ({node.state.lower()}): its pod has "
            "not started, was answered from the cache, or is gone. Try: kubectl logs"
            f"{namespace} -c main -l pipeline/runid={run_id} --prefix --tail=-1"
        )

    def _log(self, run_id: str, pod: str) -> str | None:
        # The web interface does not hand on the API server's path; it has its own.
        own = {"podname": pod, "runid": run_id}
        if self.namespace:
            own["podnamespace"] = self.namespace
        for path, query in (
            (f"/apis/v1alpha1/runs/{run_id}/nodes/{pod}/log", {}),
            ("/k8s/pod/logs", own),
        ):
            text = self._server.text(path, query)
            # The API server says 200 before it knows that there is no pod.
            if text is not None and not text.lstrip().startswith('{"error_message"'):
                return text
        return None

    def _run(self, run_id: str) -> Any:
        with self._server.calling(f"find the run {run_id}"):
            return self._server.get_run(run_id)

    def _pipeline_id(self, name: str) -> str | None:
        found = self._server.pages(
            f"look for the pipeline {name}",
            "pipelines",
            lambda **page: self._server.list_pipelines(
                namespace=self.namespace, filter=server_connection.named(name), **page
            ),
        )
        return next((item.pipeline_id for item in found), None)

    def _version(self, pipeline_id: str, package: Compiled) -> Any:
        """The version that is this very file; None if there is none."""
        versions = self._versions(pipeline_id)
        mark = _mark(package)
        return next((v for v in versions if mark in (v.description or "")), None)

    def _newest(self, pipeline_id: str) -> Any:
        return next(iter(self._versions(pipeline_id)))

    def _versions(self, pipeline_id: str) -> Iterator[Any]:
        return self._server.pages(
            "list the versions of the pipeline",
            "pipeline_versions",
            lambda **page: self._server.list_pipeline_versions(
                pipeline_id, sort_by="created_at desc", **page
            ),
        )

    def _upload_version(self, pipeline_id: str, package: Compiled) -> Any:
        name = f"{package.name}-{package.digest[:12]}"
        with self._server.calling(f"create the version {name}"):
            return self._server.upload_pipeline_version(
                str(package.path),
                name,
                pipeline_id=pipeline_id,
                description=_mark(package),
            )


def _mark(package: Compiled) -> str:
    """Says in a version's description which file it is."""
    return f"tfx-distill sha256:{package.digest}"


def _pod_names(place: str) -> Iterator[str]:
    """Names that the pod at a place of Argo's may have, the likeliest first.

    Argo calls a place WORKFLOW-HASH and its pod WORKFLOW-TEMPLATE-HASH; the server
    reports places. KFP's template for containers is always the same one.
    """
    workflow, _, digits = place.rpartition("-")
    if workflow and digits.isdigit():
        yield f"{workflow}-system-container-impl-{digits}"
    yield place
