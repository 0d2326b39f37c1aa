"""The launcher of a rehearsal: downloads inputs, runs a task, uploads outputs.

Modelled on kubeflow/pipelines, backend/src/v2/component/launcher_v2.go.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import pathlib
import warnings
from collections.abc import Mapping
from typing import Any

from tfx_distill.pipeline.runners.kubeflow.container import upload_checks
from tfx_distill.pipeline.runners.kubeflow.container.executor_input import (
    LOGS_KEY,
    artifacts,
)
from tfx_distill.pipeline.runners.kubeflow.container.mounts import Mounts
from tfx_distill.pipeline.runners.kubeflow.kubeflow_errors import RehearsalError
from tfx_distill.pipeline.runners.kubeflow.pipeline_package import Package
from tfx_distill.pipeline.runners.kubeflow.rehearsal.bucket import Bucket
from tfx_distill.pipeline.runners.kubeflow.rehearsal.runtimes import Pod, Runtime

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class ContainerResult:
    """What a container left.

    Attributes:
        status: Exit status.
        log: File with everything it printed.
        artifacts: URI and metadata by output; empty if it failed.
        values: Output parameters.
        warnings: Problems for which the launcher only warns.
    """

    status: int
    log: pathlib.Path
    artifacts: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    values: dict[str, Any] = dataclasses.field(default_factory=dict)
    warnings: list[str] = dataclasses.field(default_factory=list)


class Launcher:
    """Runs tasks as their containers would run."""

    def __init__(
        self,
        package: Package,
        bucket: Bucket,
        claims_dir: pathlib.Path,
        runtime: Runtime,
    ) -> None:
        self._package, self._bucket = package, bucket
        self._claims_dir, self._runtime = claims_dir, runtime

    def mounts(self, task_dir: pathlib.Path) -> Mounts:
        """Paths as seen by the task's container."""
        return Mounts(self._runtime.root_inside(task_dir / "root"))

    def run(
        self, task: str, given: Mapping[str, Any], task_dir: pathlib.Path
    ) -> ContainerResult:
        """Runs one task.

        Args:
            task: Its name.
            given: Its ExecutorInput, with paths as in `mounts`.
            task_dir: New folder; `root` in it stands for the container's `/`.

        Raises:
            RehearsalError: For an output file that the launcher cannot read.
        """
        pod = self._pod(task, task_dir / "root")
        pod.prepare()
        local = Mounts(str(pod.root))
        files = _Files(pod.root, self._runtime.root_inside(pod.root))
        self._download(given, local)
        for _, artifact in artifacts(given["outputs"]):
            os.makedirs(os.path.dirname(local.path(artifact["uri"])), exist_ok=True)
        for value in given["outputs"]["parameters"].values():
            os.makedirs(files.path(value["outputFile"]).parent, exist_ok=True)
        container = self._package.executor(task)["container"]
        words = _resolved([*container["command"], *container.get("args", [])], given)
        log = task_dir / "log.txt"
        with open(log, "wb") as file:
            status = self._runtime.run(pod, words, file)
        (logs,) = given["outputs"]["artifacts"][LOGS_KEY]["artifacts"]
        self._bucket.upload(log, logs["uri"])
        if status != 0:
            return ContainerResult(status, log)
        written = _read_output(task, files.path(given["outputs"]["outputFile"]))
        uploaded, warned = self._upload(task, given, written, local)
        values = _output_values(given, written, files)
        return ContainerResult(status, log, uploaded, values, warned)

    def _pod(self, task: str, root: pathlib.Path) -> Pod:
        """Environment variables and volumes of a task's container."""
        container = self._package.executor(task)["container"]
        environment = {item["name"]: item["value"] for item in container.get("env", [])}
        platform = self._package.kubernetes(task)
        volumes = {
            mount["mountPath"]: self._claims_dir / mount["constant"]
            for mount in platform.get("pvcMount", [])
        }
        for secret in platform.get("secretAsVolume", []):
            # The folder stays empty: only the cluster has the secret.
            volumes[secret["mountPath"]] = (
                root.parent / "secrets" / secret["secretName"]
            )
        for secret in platform.get("secretAsEnv", []):
            for key in secret["keyToEnv"]:
                if key["envVar"] in os.environ:
                    environment[key["envVar"]] = os.environ[key["envVar"]]
        return Pod(root, container["image"], environment, volumes)

    def _download(self, given: Mapping[str, Any], local: Mounts) -> None:
        for key, artifact in artifacts(given["inputs"]):
            uri = artifact["uri"]
            if not self._bucket.download(uri, pathlib.Path(local.path(uri))):
                logger.warning("Input %s: no files at %s", key, uri)

    def _upload(
        self,
        task: str,
        given: Mapping[str, Any],
        written: Mapping[str, Any],
        local: Mounts,
    ) -> tuple[dict[str, dict[str, Any]], list[str]]:
        """Stores the outputs; returns URI and metadata of each, and warnings."""
        made, warned = {}, []
        reported = dict(artifacts(written))
        for key, planned in artifacts(given["outputs"]):
            if key == LOGS_KEY:
                continue
            own = reported.get(key, {})
            # The launcher ignores everything else that the executor reports.
            uri = own.get("uri") or planned["uri"]
            metadata = {**planned["metadata"], **own.get("metadata", {})}
            upload_checks.require_finite(key, metadata)
            path = pathlib.Path(local.path(uri))
            if str(path) == uri:
                raise RehearsalError(
                    f"{task} gave {key} the URI {uri}, which is not in an object store: "
                    "it would not be uploaded, and later tasks would get nothing."
                )
            upload_checks.require_no_links(key, str(path))
            if not path.exists():
                warned.append(f"{key} was not written")
            else:
                self._bucket.upload(path, uri)
            made[key] = {"uri": uri, "metadata": metadata}
        return made, warned


def _resolved(words: list[str], given: Mapping[str, Any]) -> list[str]:
    """Fills in the placeholders of a command."""
    # Go's encoder omits empty values.
    values = {"{{$}}": json.dumps(_without_empty(given), sort_keys=True)}
    for name, value in given["inputs"].get("parameterValues", {}).items():
        text = value if isinstance(value, str) else json.dumps(value)
        values[f"{{{{$.inputs.parameters['{name}']}}}}"] = text
    for part in ("inputs", "outputs"):
        for name, artifact in artifacts(given[part]):
            prefix = f"{{{{$.{part}.artifacts['{name}']."
            values[f"{prefix}uri}}}}"] = artifact["uri"]
            values[f"{prefix}path}}}}"] = Mounts().path(artifact["uri"])
    result = []
    for word in words:
        for placeholder, value in values.items():
            word = word.replace(placeholder, value)
        result.append(word)
    return result


def _without_empty(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {
        key: _without_empty(item)
        for key, item in value.items()
        # Go does write an empty schema, since it is the chosen field of a union.
        if item != {} or key == "instanceSchema"
    }


def _read_output(task: str, path: pathlib.Path) -> dict[str, Any]:
    """Parses the executor's output as strictly as the launcher; a missing file is empty."""
    if not path.exists():
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # from KFP's SDK
        from google.protobuf import json_format
        from kfp.pipeline_spec import pipeline_spec_pb2
    text = path.read_text(encoding="utf-8")
    try:
        json_format.Parse(text, pipeline_spec_pb2.ExecutorOutput())
    except json_format.ParseError as error:
        raise RehearsalError(
            f"{task} wrote an output that the launcher cannot parse: {error}"
        ) from None
    return dict(json.loads(text))


def _output_values(
    given: Mapping[str, Any], written: Mapping[str, Any], files: _Files
) -> dict[str, Any]:
    values = dict(written.get("parameterValues", {}))
    for name, output in given["outputs"]["parameters"].items():
        path = files.path(output["outputFile"])
        if name not in values and path.exists():
            values[name] = path.read_text(encoding="utf-8")
    return values


@dataclasses.dataclass(frozen=True)
class _Files:
    """Converts paths of the container to paths on this machine."""

    root: pathlib.Path
    inside: str

    def path(self, path: str) -> pathlib.Path:
        return self.root / os.path.relpath(path, self.inside)
