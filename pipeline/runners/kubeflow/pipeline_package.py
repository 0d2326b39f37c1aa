"""A compiled pipeline: the type that every part of this folder uses, and its file.

The file holds a PipelineSpec and, optionally, a second YAML document: a PlatformSpec
with the volumes and secrets that Kubernetes adds.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pathlib
from collections.abc import Iterator
from typing import Any

from tfx_distill.pipeline.runners.kubeflow import package_yaml
from tfx_distill.pipeline.runners.kubeflow.kubeflow_errors import CompileError
from tfx_distill.pipeline.runners.kubeflow.task_order import task_order
from tfx_distill.trainer import structured_text

_HEADER = """\
# Pipeline {name} for Kubeflow Pipelines 2.5 or newer.
# Written by `distill kubeflow compile`; change the configuration, not this file.
"""
CONTAINER_TEMPLATE = "system-container-impl"
# As KFP's SDK calls the group of tasks whose end an exit task waits for.
EXIT_HANDLER = "exit-handler-1"
NOTIFY = "Notify"  # our exit task
# In the second document: of a run, since KFP 2.17; and a deadline of a run or a pod.
RUN_CONFIG, DEADLINE = "pipelineConfig", "activeDeadlineSeconds"
_ADVICE = "Create one with `distill kubeflow compile -o pipeline.yaml`."


@dataclasses.dataclass(frozen=True)
class Package:
    """A pipeline as it is uploaded.

    The properties return parts of the two documents, not copies: the compiler changes
    them in place.

    Attributes:
        spec: The PipelineSpec.
        platform: The PlatformSpec, with `platforms.kubernetes`.
        path: The file it was read from.
        digest: SHA-256 of that file, hexadecimal.
    """

    spec: dict[str, Any]
    platform: dict[str, Any] | None = None
    path: pathlib.Path | None = dataclasses.field(default=None, compare=False)
    digest: str = dataclasses.field(default="", compare=False)

    @property
    def name(self) -> str:
        return str(self.spec["pipelineInfo"]["name"])

    @property
    def pipeline_root(self) -> str | None:
        """Artifact URI it was compiled with; the server ignores it, so runs set it."""
        return self.spec.get("defaultPipelineRoot")

    @property
    def tasks(self) -> dict[str, dict[str, Any]]:
        """The nodes. With an exit handler, they are in a group of their own."""
        tasks = self._root_tasks
        if EXIT_HANDLER not in tasks:
            return tasks
        group = tasks[EXIT_HANDLER]["componentRef"]["name"]
        return self.spec["components"][group]["dag"]["tasks"]

    @property
    def exit_tasks(self) -> dict[str, dict[str, Any]]:
        """Tasks that run when the nodes have ended, however they ended."""
        tasks = self._root_tasks
        if EXIT_HANDLER not in tasks:
            return {}
        return {name: task for name, task in tasks.items() if name != EXIT_HANDLER}

    @property
    def _root_tasks(self) -> dict[str, dict[str, Any]]:
        return self.spec["root"]["dag"]["tasks"]

    @property
    def parameters(self) -> dict[str, dict[str, Any]]:
        """Definitions of the run parameters: parameterType and defaultValue by name."""
        inputs = self.spec["root"].get("inputDefinitions", {})
        return inputs.get("parameters", {})

    @property
    def executors(self) -> dict[str, dict[str, Any]]:
        """Containers, importers and resolvers by executor label."""
        return self.spec["deploymentSpec"]["executors"]

    def component(self, task: str) -> dict[str, Any]:
        return self.spec["components"][self.task(task)["componentRef"]["name"]]

    def task(self, name: str) -> dict[str, Any]:
        """A node or an exit task."""
        return self.exit_tasks.get(name) or self.tasks[name]

    def executor_label(self, task: str) -> str:
        return str(self.component(task).get("executorLabel", ""))

    def executor(self, task: str) -> dict[str, Any]:
        return self.executors.get(self.executor_label(task), {})

    def containers(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yields task and container of every task that has one, exit tasks last."""
        for task in (*self.tasks, *self.exit_tasks):
            executor = self.executor(task)
            if "container" in executor:
                yield task, executor["container"]

    def readers(self, task: str) -> list[str]:
        """The tasks that read a task's artifacts."""
        return [
            name
            for name, other in self.tasks.items()
            for source in other.get("inputs", {}).get("artifacts", {}).values()
            if source.get("taskOutputArtifact", {}).get("producerTask") == task
        ]

    @property
    def images(self) -> set[str]:
        return {container["image"] for _, container in self.containers()}

    @property
    def _kubernetes(self) -> dict[str, Any]:
        return (self.platform or {}).get("platforms", {}).get("kubernetes", {})

    @property
    def platform_executors(self) -> dict[str, dict[str, Any]]:
        """Volumes and secrets by executor label."""
        return self._kubernetes.get("deploymentSpec", {}).get("executors", {})

    @property
    def run_config(self) -> dict[str, Any]:
        """What Kubernetes is told of each run as a whole."""
        return self._kubernetes.get(RUN_CONFIG, {})

    @property
    def has_deadline(self) -> bool:
        """Whether a run that hangs ends by itself."""
        return DEADLINE in self.run_config or all(
            DEADLINE in self.kubernetes(task) for task, _ in self.containers()
        )

    def kubernetes(self, task: str) -> dict[str, Any]:
        """Volumes and secrets of a task."""
        return self.platform_executors.get(self.executor_label(task), {})

    def container_templates(self) -> dict[str, str]:
        """Argo's template of each task's container, in the order of `task_order`.

        It is part of the names of pods. KFP has one template for all containers, and
        puts before its name what a pod's metadata and retries add to it.
        """
        templates = {}
        for task in (*task_order(self.tasks), *self.exit_tasks):
            metadata = self.kubernetes(task).get("podMetadata", {})
            counts = [len(metadata.get(key, {})) for key in ("annotations", "labels")]
            parts = ["metadata", *map(str, counts)] if any(counts) else []
            if "retryPolicy" in self.task(task):
                parts.append("retry")
            templates[task] = "-".join([*parts, CONTAINER_TEMPLATE])
        return templates

    @property
    def cached_sources(self) -> tuple[str, ...]:
        """Tasks without input artifacts that the cache may answer.

        With unchanged parameters, such a task always returns its first result.
        """
        return tuple(
            name
            for name, task in self.tasks.items()
            if task.get("cachingOptions", {}).get("enableCache")
            and not task.get("inputs", {}).get("artifacts")
        )

    def to_yaml(self) -> str:
        documents = [self.spec] + ([self.platform] if self.platform else [])
        return _HEADER.format(name=self.name) + package_yaml.text(documents)

    def to_job_json(self) -> str:
        """The PipelineJob that Vertex AI takes."""
        values = {name: p["defaultValue"] for name, p in self.parameters.items()}
        job = {
            "displayName": self.name,
            "pipelineSpec": self.spec,
            "runtimeConfig": {
                "gcsOutputDirectory": self.spec["defaultPipelineRoot"],
                "parameterValues": values,
            },
        }
        return json.dumps(job, sort_keys=True, indent=1) + "\n"

    def write(self, path: str, *, as_job: bool = False) -> None:
        """Writes the file to upload.

        Raises:
            CompileError: If `path` is not writable.
        """
        text = self.to_job_json() if as_job else self.to_yaml()
        try:
            pathlib.Path(path).write_text(text, encoding="utf-8")
        except OSError as error:
            raise CompileError(
                f"{path} cannot be written ({error.strerror})."
            ) from None

    def summary(self, path: str) -> str:
        """Names the file, the number of tasks and the run parameters."""
        lines = [f"{path}: {self.name}, {len(self.tasks)} tasks"]
        for name, parameter in sorted(self.parameters.items()):
            lines.append(f"  {name} = {parameter['defaultValue']}")
        return "\n".join(lines)


def read(path: str | os.PathLike[str]) -> Package:
    """Reads a compiled file, also one that an earlier version or KFP's SDK wrote.

    Raises:
        CompileError: If it is not a compiled pipeline.
    """
    file = pathlib.Path(path)
    try:
        content = structured_text.read_file(file)
        found = structured_text.documents(content)
        documents = [document for document in found if document is not None]
    except OSError as error:
        raise CompileError(f"{path} cannot be read ({error.strerror}).") from None
    except ValueError as error:
        raise CompileError(f"{path} is not valid YAML: {error}. {_ADVICE}") from None
    if any("pipelineSpec" in doc for doc in documents if isinstance(doc, dict)):
        raise CompileError(
            f"{path} is a PipelineJob for Vertex AI; Kubeflow Pipelines does not accept "
            f"it. {_ADVICE}"
        )
    problem = _problem(documents)
    if problem:
        raise CompileError(f"{path} is not a compiled pipeline: {problem}. {_ADVICE}")
    spec, *platform = sorted(documents, key=lambda document: "platforms" in document)
    return Package(
        spec,
        platform[0] if platform else None,
        path=file,
        digest=hashlib.sha256(content.encode()).hexdigest(),
    )


def _problem(documents: list[Any]) -> str | None:
    """What is missing or superfluous in a file's documents."""
    if not all(isinstance(document, dict) for document in documents):
        return "it is not a YAML mapping"
    specs = [document for document in documents if "pipelineInfo" in document]
    num_platforms = sum("platforms" in document for document in documents)
    if len(specs) != 1 or num_platforms > 1 or len(documents) != 1 + num_platforms:
        return (
            "expected one pipeline specification and at most one platform "
            f"specification, received {len(specs)} and {num_platforms} in "
            f"{len(documents)} documents"
        )
    try:
        package = Package(specs[0])
        _ = package.name, package.executors, {**package.tasks}
    except (KeyError, TypeError) as error:
        return f"its specification is incomplete ({error})"
    return None
