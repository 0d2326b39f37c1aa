"""The launcher of a rehearsal: downloads inputs, runs a task, uploads outputs.

Modelled on kubeflow/pipelines, backend/src/v2/component/launcher_v2.go.
"""

from __future__ import annotations

import dataclasses
import json
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

_INPUT = "{{$}}"


@dataclasses.dataclass(frozen=True)
class ContainerResult:
    """What a container left.

    Attributes:
        status: Exit status.
        log: File with everything it printed.
        artifacts: URI and metadata by output; empty if it failed.
        warnings: Problems for which the launcher only warns.
    """

    status: int
    log: pathlib.Path
    artifacts: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
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
            RehearsalError: For what the launcher cannot fill in, read or upload.
        """
        pod = self._pod(task, task_dir / "root")
        pod.prepare()
        local = Mounts(str(pod.root))
        for _, artifact in artifacts(given["inputs"]):
            uri = artifact["uri"]
            self._bucket.download(uri, pathlib.Path(local.path(uri)))
        for _, artifact in artifacts(given["outputs"]):
            os.makedirs(os.path.dirname(local.path(artifact["uri"])), exist_ok=True)
        log = task_dir / "log.txt"
        with open(log, "wb") as file:
            status = self._runtime.run(pod, self._words(task, given), file)
        (logs,) = given["outputs"]["artifacts"][LOGS_KEY]["artifacts"]
        self._bucket.upload(log, logs["uri"])
        if status != 0:
            return ContainerResult(status, log)
        inside = given["outputs"]["outputFile"]
        output = os.path.relpath(inside, self._runtime.root_inside(pod.root))
        written = _read_output(task, pod.root / output)
        return ContainerResult(status, log, *self._upload(task, given, written, local))

    def _words(self, task: str, given: Mapping[str, Any]) -> list[str]:
        """A container's command, with its input filled in."""
        container = self._package.executor(task)["container"]
        words = [*container["command"], *container.get("args", [])]
        words = [word.replace(_INPUT, _as_json(given)) for word in words]
        if any("{{$." in word for word in words):
            raise RehearsalError(
                f"The command of {task} has placeholders other than {_INPUT}, which "
                "only Kubeflow fills in."
            )
        return words

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
            volumes[secret["mountPath"]] = root.parent / secret["secretName"]
        for secret in platform.get("secretAsEnv", []):
            names = {key["envVar"] for key in secret["keyToEnv"]} & set(os.environ)
            environment.update({name: os.environ[name] for name in names})
        return Pod(root, container["image"], environment, volumes)

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
            self._bucket.upload(path, uri)
            made[key] = {"uri": uri, "metadata": metadata}
        return made, warned


def _as_json(given: Mapping[str, Any]) -> str:
    """An ExecutorInput as KFP's message writes itself: without what is empty."""
    from google.protobuf import json_format

    message = json_format.ParseDict(dict(given), _messages().ExecutorInput())
    return json_format.MessageToJson(message, indent=None, sort_keys=True)


def _read_output(task: str, path: pathlib.Path) -> dict[str, Any]:
    """Parses the executor's output as strictly as the launcher; a missing file is empty."""
    from google.protobuf import json_format

    if not path.exists():
        return {}
    text = path.read_text(encoding="utf-8")
    try:
        json_format.Parse(text, _messages().ExecutorOutput())
    except json_format.ParseError as error:
        raise RehearsalError(
            f"{task} wrote an output that the launcher cannot parse: {error}"
        ) from None
    return dict(json.loads(text))


def _messages() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # from KFP's SDK
        from kfp.pipeline_spec import pipeline_spec_pb2
    return pipeline_spec_pb2
