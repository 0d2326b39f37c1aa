"""Uploads a compiled pipeline to a server, once for each file."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from tfx_distill.pipeline.runners.kubeflow.client.server_connection import (
    Server,
    name_filter,
)
from tfx_distill.pipeline.runners.kubeflow.pipeline_package import Package
from tfx_distill.pipeline.runners.kubeflow.run_request import RunRequest

_RUN_CONFIG_SINCE = (2, 17)
_DEADLINE = "The deadline of a run (before: deadline_s in kubeflow.nodes.default)"


@dataclasses.dataclass(frozen=True)
class Upload:
    """A package's version on the server."""

    package: Package
    pipeline_id: str
    version_id: str
    version: str
    is_new_version: bool

    def to_dict(self) -> dict[str, Any]:
        """The IDs, for programs."""
        return {"pipeline_id": self.pipeline_id, "version_id": self.version_id}


@dataclasses.dataclass(frozen=True)
class Submission:
    """A request whose pipeline and experiment are on the server."""

    request: RunRequest
    upload: Upload
    experiment_id: str
    experiment: str

    def client_arguments(self) -> dict[str, Any]:
        """Arguments of the KFP client for a run or a schedule."""
        return {
            "experiment_id": self.experiment_id,
            **self.upload.to_dict(),
            "params": dict(self.request.arguments),
            "pipeline_root": self.request.pipeline_root,
            "service_account": self.request.service_account,
        }

    def to_dict(self) -> dict[str, Any]:
        """The IDs and parameters, for programs."""
        return {
            **self.upload.to_dict(),
            "experiment_id": self.experiment_id,
            "parameters": dict(self.request.arguments),
        }


def upload(server: Server, package: Package) -> Upload:
    """Finds or creates the pipeline, and a version for this file."""
    if package.run_config:
        server.require(_RUN_CONFIG_SINCE, _DEADLINE)
    uploads = _Uploads(server, package)
    pipeline_id = uploads.pipeline_id()
    if pipeline_id is None:
        pipeline_id = uploads.create_pipeline()
        version = uploads.version(pipeline_id) or next(uploads.versions(pipeline_id))
        is_new = True
    else:
        version = uploads.version(pipeline_id)
        is_new = version is None
        version = version or uploads.create_version(pipeline_id)
    return Upload(
        package=package,
        pipeline_id=pipeline_id,
        version_id=version.pipeline_version_id,
        version=version.display_name,
        is_new_version=is_new,
    )


def submit(server: Server, request: RunRequest) -> Submission:
    """As `upload`, and finds or creates the experiment."""
    uploaded = upload(server, request.package)
    name = request.experiment or request.package.name
    with server.calling(f"create the experiment {name}"):
        created = server.create_experiment(name=name, namespace=server.namespace)
    return Submission(
        request=request,
        upload=uploaded,
        experiment_id=created.experiment_id,
        experiment=name,
    )


class _Uploads:
    """A package's pipeline and versions on a server."""

    def __init__(self, server: Server, package: Package) -> None:
        self._server, self._package = server, package
        # A version's description says which file it is.
        self._mark = f"tfx-distill sha256:{package.digest}"

    def pipeline_id(self) -> str | None:
        name = self._package.name
        pages = self._server.pages(
            f"look for the pipeline {name}",
            "pipelines",
            lambda **page: self._server.list_pipelines(
                namespace=self._server.namespace, filter=name_filter(name), **page
            ),
        )
        return next((item.pipeline_id for item in pages), None)

    def create_pipeline(self) -> str:
        name = self._package.name
        with self._server.calling(f"create the pipeline {name}"):
            uploaded = self._server.upload_pipeline(
                str(self._package.path),
                pipeline_name=name,
                description=self._mark,
                namespace=self._server.namespace,
            )
        return str(uploaded.pipeline_id)

    def version(self, pipeline_id: str) -> Any:
        """The version with exactly this file; None if there is none."""
        versions = self.versions(pipeline_id)
        return next((v for v in versions if self._mark in (v.description or "")), None)

    def versions(self, pipeline_id: str) -> Iterator[Any]:
        """All versions, the newest first."""
        return self._server.pages(
            "list the versions of the pipeline",
            "pipeline_versions",
            lambda **page: self._server.list_pipeline_versions(
                pipeline_id, sort_by="created_at desc", **page
            ),
        )

    def create_version(self, pipeline_id: str) -> Any:
        name = f"{self._package.name}-{self._package.digest[:12]}"
        with self._server.calling(f"create the version {name}"):
            return self._server.upload_pipeline_version(
                str(self._package.path),
                name,
                pipeline_id=pipeline_id,
                description=self._mark,
            )
