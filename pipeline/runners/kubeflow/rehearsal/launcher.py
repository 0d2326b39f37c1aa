"""The launcher's part of a rehearsal: files in, one process, files out.

After kubeflow/pipelines, backend/src/v2/component/launcher_v2.go.
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

from tfx_distill.pipeline.runners.kubeflow.compiler.package import (
    Package,
    RehearsalError,
)
from tfx_distill.pipeline.runners.kubeflow.container import executor_input
from tfx_distill.pipeline.runners.kubeflow.container.mounts import Mounts
from tfx_distill.pipeline.runners.kubeflow.rehearsal.bucket import Bucket
from tfx_distill.pipeline.runners.kubeflow.rehearsal.runtimes import Pod, Runtime

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Finished:
    """What a container left.

    Attributes:
        status: Exit status.
        artifacts: URI and metadata by output; empty where it failed.
        values: Output parameters.
        log: File with everything it printed.
        warnings: What the launcher would only warn of.
    """

    status: int
    artifacts: dict[str, dict[str, Any]]
    values: dict[str, Any]
    log: pathlib.Path
    warnings: list[str]


class Launcher:
    """Runs a task as its container would run."""

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
        """Paths as the task's container sees them."""
        return Mounts(self._runtime.root_inside(task_dir / "root"))

    def run(
        self, task: str, given: Mapping[str, Any], task_dir: pathlib.Path
    ) -> Finished:
        """Runs one task.

        Args:
            task: Its name.
            given: Its whole ExecutorInput, with paths as in `mounts`.
            task_dir: Fresh folder; `root` in it stands for the container's `/`.

        Raises:
            RehearsalError: For an output file that the launcher cannot read.
        """
        pod = self._pod(task, task_dir / "root")
        pod.prepare()
        here = Mounts(str(pod.root))
        files = _Files(pod.root, self._runtime.root_inside(pod.root))
        self._download(given, here)
        for _, artifact in _first(given["outputs"]):
            os.makedirs(os.path.dirname(here.path(artifact["uri"])), exist_ok=True)
        for value in given["outputs"]["parameters"].values():
            os.makedirs(files.path(value["outputFile"]).parent, exist_ok=True)
        container = self._package.executor(task)["container"]
        words = _resolved([*container["command"], *container.get("args", [])], given)
        log = task_dir / "log.txt"
        with open(log, "wb") as file:
            status = self._runtime.run(pod, words, file)
        (logs,) = given["outputs"]["artifacts"][executor_input.LOGS_KEY]["artifacts"]
        self._bucket.upload(log, logs["uri"])
        if status != 0:
            return Finished(status, {}, {}, log, [])
        written = _read_output(task, files.path(given["outputs"]["outputFile"]))
        artifacts, warned = self._upload(task, given, written, here)
        values = _output_values(given, written, files)
        return Finished(status, artifacts, values, log, warned)

    def _pod(self, task: str, root: pathlib.Path) -> Pod:
        """Variables and volumes of a task's container."""
        container = self._package.executor(task)["container"]
        environment = {item["name"]: item["value"] for item in container.get("env", [])}
        platform = self._package.kubernetes(task)
        volumes = {
            mount["mountPath"]: self._claims_dir / mount["constant"]
            for mount in platform.get("pvcMount", [])
        }
        for secret in platform.get("secretAsVolume", []):
            # Its content is the cluster's alone; the folder is there.
            volumes[secret["mountPath"]] = (
                root.parent / "secrets" / secret["secretName"]
            )
        for secret in platform.get("secretAsEnv", []):
            for key in secret["keyToEnv"]:
                if key["envVar"] in os.environ:
                    environment[key["envVar"]] = os.environ[key["envVar"]]
        return Pod(root, container["image"], environment, volumes)

    def has(self, uri: str) -> bool:
        """Whether the bucket holds something there."""
        return self.place(uri).exists()

    def place(self, uri: str) -> pathlib.Path:
        """Where it lies, or would lie."""
        return self._bucket.path(uri)

    def _download(self, given: Mapping[str, Any], places: Mounts) -> None:
        for key, artifact in _first(given["inputs"]):
            uri = artifact["uri"]
            if not self._bucket.download(uri, pathlib.Path(places.path(uri))):
                logger.warning("Input %s has no files at %s", key, uri)

    def _upload(
        self,
        task: str,
        given: Mapping[str, Any],
        written: Mapping[str, Any],
        places: Mounts,
    ) -> tuple[dict[str, dict[str, Any]], list[str]]:
        """Stores the outputs; returns URI and metadata of each, and warnings."""
        made, warned = {}, []
        reported = dict(_first(written))
        for key, planned in _first(given["outputs"]):
            if key == executor_input.LOGS_KEY:
                continue
            own = reported.get(key, {})
            # Nothing else of what the executor says is used.
            uri = own.get("uri") or planned["uri"]
            metadata = {**planned["metadata"], **own.get("metadata", {})}
            path = pathlib.Path(places.path(uri))
            if str(path) == uri:
                raise RehearsalError(
                    f"{task} gave {key} the URI {uri}, which is no object store's: it "
                    "would not be uploaded, and later tasks would get nothing."
                )
            if not path.exists():
                warned.append(f"{key} was not written")
            else:
                self._bucket.upload(path, uri)
            made[key] = {"uri": uri, "metadata": metadata}
        return made, warned


def _first(part: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The artifact of each key: components have one."""
    return [
        (key, value["artifacts"][0])
        for key, value in part.get("artifacts", {}).items()
        if value.get("artifacts")
    ]


def _resolved(words: list[str], given: Mapping[str, Any]) -> list[str]:
    """Puts values into the placeholders of a command."""
    # Go's encoder leaves out what is empty.
    values = {"{{$}}": json.dumps(_without_empty(given), sort_keys=True)}
    for name, value in given["inputs"].get("parameterValues", {}).items():
        text = value if isinstance(value, str) else json.dumps(value)
        values[f"{{{{$.inputs.parameters['{name}']}}}}"] = text
    for part in ("inputs", "outputs"):
        for name, artifact in _first(given[part]):
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
        # An empty schema is a chosen field of a union, which Go does write.
        if item != {} or key == "instanceSchema"
    }


def _read_output(task: str, path: pathlib.Path) -> dict[str, Any]:
    """Parses the executor's output as strictly as the launcher; missing: empty."""
    if not path.exists():
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the SDK's own
        from google.protobuf import json_format
        from kfp.pipeline_spec import pipeline_spec_pb2
    text = path.read_text(encoding="utf-8")
    try:
        json_format.Parse(text, pipeline_spec_pb2.ExecutorOutput())
    except json_format.ParseError as error:
        raise RehearsalError(
            f"{task} wrote an output that the launcher cannot read: {error}"
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
    """Where a path of the container lies on this machine."""

    root: pathlib.Path
    inside: str

    def path(self, path: str) -> pathlib.Path:
        return self.root / os.path.relpath(path, self.inside)
