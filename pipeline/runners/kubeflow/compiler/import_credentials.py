"""Which object stores pods may read: KFP gives them the pipeline root's credentials.

An artifact in another bucket is opened with what the pod itself has
(fetchNonDefaultBuckets in backend/src/v2/component/launcher_v2.go). On Google Cloud that
is its service account; for S3, these are variables.
"""

from __future__ import annotations

from collections.abc import Iterator

from tfx_distill.pipeline.runners.kubeflow.kubeflow_errors import CompileError
from tfx_distill.pipeline.runners.kubeflow.pipeline_package import Package

_NEED_CREDENTIALS = ("s3://", "minio://")
_CREDENTIALS = "AWS_"  # what the variables' names begin with


def require_readable_imports(package: Package, root: str | None) -> None:
    """Rejects importers of a bucket for which pods get no credentials.

    Args:
        package: The pipeline.
        root: URI of its artifacts; None: the server's, which is not known here.

    Raises:
        CompileError: In one line.
    """
    for task in package.tasks:
        importer = package.executor(task).get("importer", {})
        uri = str(importer.get("artifactUri", {}).get("constant", ""))
        bucket = _bucket(uri)
        if not uri.startswith(_NEED_CREDENTIALS) or bucket == _bucket(root or ""):
            continue
        for reader in package.readers(task):
            if not any(
                name.startswith(_CREDENTIALS) for name in _variables(package, reader)
            ):
                raise CompileError(
                    f"{reader} reads {uri}, but pods get credentials for the bucket of the "
                    f"pipeline root alone ({root or 'the server knows it'}). Set "
                    f"kubeflow.pipeline_root to a folder in {bucket}, copy the files to "
                    "the root's bucket, or name a secret with the variables "
                    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in kubeflow.secrets."
                )


def _bucket(uri: str) -> str:
    return "/".join(uri.split("/")[:3])


def _variables(package: Package, task: str) -> Iterator[str]:
    """Names of the environment variables of a task's container."""
    for item in package.executor(task).get("container", {}).get("env", []):
        yield item["name"]
    for secret in package.kubernetes(task).get("secretAsEnv", []):
        for key in secret["keyToEnv"]:
            yield key["envVar"]
