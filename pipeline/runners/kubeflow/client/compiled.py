"""A compiled pipeline file, as far as submitting it needs to know it."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
import math
import os
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from tfx_distill.trainer.errors import ConfigError

_SCHEMA_VERSION = "2.1.0"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")
_MAX_SIZE_BYTES = 32 * 2**20  # the API server's own limit


@dataclasses.dataclass(frozen=True)
class Compiled:
    """What a compiled file says.

    Attributes:
        path: The file.
        name: Of the pipeline.
        digest: SHA-256 of the file, hexadecimal.
        nodes: Names of the tasks, in the order in which they can run.
        parameters: Their definitions by name: `parameterType`, `defaultValue`.
        cached_sources: Nodes that read nothing of this pipeline and may be answered
            from the cache: with the same parameters they always would be.
        pipeline_root: URI of artifacts that it was compiled with. The server does not
            look at it: each run must be told.
    """

    path: pathlib.Path
    name: str
    digest: str
    nodes: tuple[str, ...]
    parameters: Mapping[str, Mapping[str, Any]]
    cached_sources: tuple[str, ...]
    pipeline_root: str | None = None

    def arguments(self, given: Sequence[str]) -> dict[str, Any]:
        """Every parameter's value: the file's default, or what was given.

        Args:
            given: `NAME=VALUE` each; lists and structs as JSON.

        Raises:
            ConfigError: If a name is unknown, a value is of the wrong type, or a
                parameter has neither a default nor a value.
        """
        values = {
            name: definition["defaultValue"]
            for name, definition in self.parameters.items()
            if "defaultValue" in definition
        }
        for text in given:
            name, equals, value = text.partition("=")
            if not equals:
                raise ConfigError(f"--param: received {text!r}, expected NAME=VALUE.")
            if name not in self.parameters:
                raise ConfigError(self._unknown(name))
            values[name] = typed(name, value, self.parameters[name])
        missing = [
            name
            for name, definition in self.parameters.items()
            if name not in values and not definition.get("isOptional")
        ]
        if missing:
            raise ConfigError(
                f"{self.path} has no default for {', '.join(missing)}. Give "
                + " ".join(f"--param {name}=VALUE" for name in missing)
                + "."
            )
        return values

    def _unknown(self, name: str) -> str:
        near = difflib.get_close_matches(name, self.parameters, n=1)
        known = ", ".join(self.parameters) or "none"
        meant = f" Did you mean {near[0]!r}?" if near else ""
        return f"--param: {self.path} has no {name!r}; it has: {known}.{meant}"


def read(path: str | os.PathLike[str]) -> Compiled:
    """Reads a compiled file.

    Raises:
        ConfigError: If it is none that a Kubeflow Pipelines server takes.
    """
    file = pathlib.Path(path)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror or error}.") from None
    if len(content) > _MAX_SIZE_BYTES:
        raise ConfigError(
            f"{file} has {len(content):,} bytes; the server takes 32 MiB."
        )
    if file.suffix not in (".yaml", ".yml"):
        raise ConfigError(f"{file}: expected a name that ends with .yaml.")
    spec = _spec(file, content)
    name = spec["pipelineInfo"]["name"]
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{file}: the pipeline's name is {name!r}; the server takes small letters, "
            "digits and hyphens, at most 128. Compile it with another pipeline.name."
        )
    tasks = spec["root"]["dag"]["tasks"]
    _check_images(file, spec)
    return Compiled(
        path=file,
        name=name,
        digest=hashlib.sha256(content).hexdigest(),
        nodes=node_names(spec),
        parameters=spec["root"].get("inputDefinitions", {}).get("parameters", {}),
        cached_sources=tuple(
            name
            for name, task in tasks.items()
            if task.get("cachingOptions", {}).get("enableCache")
            and not task.get("inputs", {}).get("artifacts")
        ),
        pipeline_root=spec.get("defaultPipelineRoot"),
    )


def node_names(spec: Any) -> tuple[str, ...]:
    """The tasks of a pipeline specification, each after those that it needs."""
    # With a platform specification beside it, the server returns the two in one.
    spec = spec.get("pipeline_spec", spec) if isinstance(spec, dict) else {}
    tasks = spec.get("root", {}).get("dag", {}).get("tasks", {})
    ordered: list[str] = []

    def add(name: str) -> None:
        if name in tasks and name not in ordered:
            for earlier in sorted(_needed(tasks[name])):
                add(earlier)
            ordered.append(name)

    for name in sorted(tasks):
        add(name)
    return tuple(ordered)


def _needed(task: Mapping[str, Any]) -> set[str]:
    artifacts = task.get("inputs", {}).get("artifacts", {}).values()
    producers = {
        artifact.get("taskOutputArtifact", {}).get("producerTask")
        for artifact in artifacts
    }
    return {*task.get("dependentTasks", ()), *filter(None, producers)}


def _spec(file: pathlib.Path, content: bytes) -> dict[str, Any]:
    compile_ = "Write it with: distill kubeflow compile."
    try:
        documents = list(yaml.safe_load_all(content))
    except (yaml.YAMLError, UnicodeDecodeError):
        raise ConfigError(f"{file} is not YAML. {compile_}") from None
    spec: Any = documents[0] if documents else None
    if isinstance(spec, dict) and "pipelineSpec" in spec:
        raise ConfigError(
            f"{file} is a job for Vertex AI, not for Kubeflow. {compile_}"
        )
    try:
        version = spec["schemaVersion"]
        _ = spec["pipelineInfo"]["name"], spec["deploymentSpec"]["executors"]
        tasks = spec["root"]["dag"]["tasks"]
    except (KeyError, TypeError):
        raise ConfigError(f"{file} is not a compiled pipeline. {compile_}") from None
    if version != _SCHEMA_VERSION or not tasks:
        raise ConfigError(
            f"{file} has schema version {version} and {len(tasks)} tasks; the server "
            f"takes {_SCHEMA_VERSION} and at least one. {compile_}"
        )
    return dict(spec)


def _check_images(file: pathlib.Path, spec: Mapping[str, Any]) -> None:
    for label, executor in spec["deploymentSpec"]["executors"].items():
        image = executor.get("container", {}).get("image", "")
        if "container" in executor and (not image or re.search(r"\s", image)):
            raise ConfigError(
                f"{file}: {label} has the image {image!r}. "
                "Compile with --image NAME:TAG."
            )


def typed(name: str, text: str, definition: Mapping[str, Any]) -> Any:
    """The value of a run parameter in the type that its definition says.

    Raises:
        ConfigError: If the text is no such value.
    """
    kind = definition.get("parameterType", "STRING")
    try:
        if kind == "NUMBER_INTEGER":
            return int(text)
        if kind == "NUMBER_DOUBLE":
            number = float(text)
            if not math.isfinite(number):  # JSON has no such number
                raise ValueError
            return number
        if kind == "BOOLEAN":
            return {"true": True, "false": False}[text.lower()]
        if kind in ("LIST", "STRUCT"):
            value = json.loads(text)
            if isinstance(value, list if kind == "LIST" else dict):
                return value
            raise ValueError
    except (KeyError, ValueError):
        raise ConfigError(
            f"--param {name}: received {text!r}, expected {kind}."
        ) from None
    return text
