"""The checks that the server makes, or only the cluster would, made here first.

Sources, in kubeflow/pipelines: backend/src/apiserver/template/v2_template.go (name,
schema version, parameters), backend/src/v2/compiler (executors), backend/src/v2/driver
(resources, volumes); in Argo Workflows: workflow/validate (task names).
"""

from __future__ import annotations

import collections
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tfx_distill.pipeline.config.kubeflow_config import RESERVED_PATHS
from tfx_distill.pipeline.runners.kubeflow.compiler.package import CompileError, Package

SCHEMA_VERSION = "2.1.0"
_PIPELINE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")
_TASK_NAME = re.compile(r"[a-zA-Z][-a-zA-Z0-9]*")
_PARAMETER_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CLUSTER_NAME = re.compile(
    r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
)
_IMAGE = re.compile(
    r"(?:[a-zA-Z0-9][-a-zA-Z0-9.]*(?::\d+)?/)?"  # registry
    r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*"
    r"(?P<tag>:[\w][\w.-]{0,127})?(?P<digest>@sha256:[a-f0-9]{64})?"
)
_MAX_VOLUME_NAME = 63
_PLATFORM_KEYS = {"pvcMount", "secretAsEnv", "secretAsVolume"}
_VALUE_TYPES: dict[str, tuple[type, ...]] = {
    "STRING": (str,),
    "NUMBER_INTEGER": (int,),
    "NUMBER_DOUBLE": (int, float),
    "BOOLEAN": (bool,),
    "LIST": (list,),
    "STRUCT": (dict,),
}


def require_image(image: str | None) -> str:
    """Refuses what no node could pull, or what may be another image tomorrow.

    Raises:
        CompileError: In one line.
    """
    advice = "Expected REGISTRY/NAME:TAG, as in registry.example.org/tfx-distill:1.0"
    match = _IMAGE.fullmatch(image) if image else None
    if match is None:
        raise CompileError(f"The image {image!r} has no name that works. {advice}.")
    if match["digest"] is None and match["tag"] in (None, ":latest"):
        raise CompileError(
            f"The image {image} has no tag of its own. The server's cache knows an image "
            f"by its name alone, so each build needs another one. {advice}."
        )
    return str(image)


def check(package: Package) -> None:
    """Refuses what the server, or Argo behind it, would refuse.

    Raises:
        CompileError: In one line, for the first thing found.
    """
    spec = package.spec
    version = spec.get("schemaVersion")
    if version != SCHEMA_VERSION:
        raise CompileError(
            f"The schema version is {version}, and Kubeflow Pipelines takes "
            f"{SCHEMA_VERSION} alone. Compile with `distill kubeflow compile`."
        )
    if not _PIPELINE_NAME.fullmatch(package.name):
        raise CompileError(
            f"The pipeline is called {package.name!r}. Kubeflow takes 1 to 128 lower-case "
            "letters, digits and dashes, not first a dash: set pipeline.name."
        )
    _check_parameters(package)
    for task in package.tasks:
        _check_task(package, task)
    order(package)
    _check_platform(package)


def _check_parameters(package: Package) -> None:
    for name, parameter in package.parameters.items():
        kind = parameter.get("parameterType")
        if not _PARAMETER_NAME.fullmatch(name):
            raise CompileError(
                f"The run parameter {name!r} must be letters, digits and underscores, "
                "not first a digit. Give it another name."
            )
        if kind not in _VALUE_TYPES:
            raise CompileError(
                f"The run parameter {name} has the type {kind}; the server takes "
                f"{', '.join(_VALUE_TYPES)}."
            )
        if "defaultValue" not in parameter:
            if parameter.get("isOptional"):
                continue
            raise CompileError(
                f"The run parameter {name} is not optional, yet has no default. Compile "
                "with `distill kubeflow compile`, which adds it."
            )
        require_value(package, name, parameter["defaultValue"])


def require_parameter(package: Package, name: str) -> None:
    """Refuses a parameter that there is not."""
    if name not in package.parameters:
        known = ", ".join(sorted(package.parameters)) or "none"
        raise CompileError(f"There is no run parameter {name}. There are: {known}.")


def require_value(package: Package, name: str, value: Any) -> None:
    """Refuses a parameter that there is not, or a value of another type."""
    require_parameter(package, name)
    kind = package.parameters[name]["parameterType"]
    is_right = isinstance(value, _VALUE_TYPES[kind]) and (
        kind == "BOOLEAN" or not isinstance(value, bool)
    )
    if not is_right:
        raise CompileError(
            f"The run parameter {name} takes a {kind}, received {value!r}."
        )


def _check_task(package: Package, task: str) -> None:
    if not _TASK_NAME.fullmatch(task):
        raise CompileError(
            f"The node is called {task}. Argo takes letters, digits and dashes, first a "
            "letter: give it such an id with `with_id`."
        )
    executor = package.executor(task)
    if "resolver" in executor:
        raise CompileError(
            f"{task} is a Resolver, which Kubeflow Pipelines cannot run. Give what it "
            "looks for by its URI, with an Importer."
        )
    container = executor.get("container")
    if container is None:
        if "importer" not in executor:
            raise CompileError(f"{task} has no container to run.")
        return
    require_image(container.get("image"))
    if not container.get("command"):
        raise CompileError(
            f"{task} has no command; Kubeflow Pipelines does not read the image's own."
        )
    resources = container.get("resources", {})
    for name, value in resources.items():
        if name == "accelerator":
            _check_accelerator(task, value)
        elif (
            isinstance(value, bool) or not isinstance(value, int | float) or value <= 0
        ):
            raise CompileError(
                f"{task}: {name} is {value!r}, expected a number above 0."
            )


def _check_accelerator(task: str, accelerator: Mapping[str, Any]) -> None:
    kind, count = str(accelerator.get("type", "")), str(accelerator.get("count", ""))
    if "/" not in kind or not count.isdigit() or int(count) < 1:
        raise CompileError(
            f"{task}: the accelerator is {count or 'no'} × {kind or 'nothing'}. Kubernetes "
            "knows it by its resource, such as nvidia.com/gpu."
        )


def order(package: Package) -> list[str]:
    """The tasks as they can run, one after the other.

    Raises:
        CompileError: If a task needs what there is not, or itself.
    """
    tasks = package.tasks
    done: list[str] = []
    waiting = {name: set(_needs(task)) for name, task in tasks.items()}
    for name, needs in waiting.items():
        for missing in sorted(needs - set(tasks)):
            raise CompileError(f"{name} depends on {missing}, which is no task.")
    while waiting:
        ready = sorted(name for name, needs in waiting.items() if needs <= set(done))
        if not ready:
            raise CompileError(
                f"These tasks wait for each other: {', '.join(waiting)}."
            )
        done += ready
        for name in ready:
            del waiting[name]
    return done


def _needs(task: Mapping[str, Any]) -> Iterator[str]:
    yield from task.get("dependentTasks", [])
    inputs = task.get("inputs", {})
    for value in inputs.get("artifacts", {}).values():
        if "taskOutputArtifact" in value:
            yield value["taskOutputArtifact"]["producerTask"]
    for value in inputs.get("parameters", {}).values():
        if "taskOutputParameter" in value:
            yield value["taskOutputParameter"]["producerTask"]


def _check_platform(package: Package) -> None:
    if package.platform is None:
        return
    platforms = package.platform.get("platforms", {})
    executors = (
        platforms.get("kubernetes", {}).get("deploymentSpec", {}).get("executors", {})
    )
    known = package.spec.get("deploymentSpec", {}).get("executors", {})
    if set(platforms) != {"kubernetes"} or not executors:
        raise CompileError("The second document must be a platform `kubernetes`.")
    for label, entry in executors.items():
        if label not in known:
            raise CompileError(f"The platform names {label}, which is no executor.")
        for key in sorted(set(entry) - _PLATFORM_KEYS):
            raise CompileError(f"The platform gives {label} an unknown {key}.")
        mounts = [*entry.get("pvcMount", []), *entry.get("secretAsVolume", [])]
        for mount in mounts:
            _check_mount(label, mount)
        for texts in (map(_mounted, mounts), (mount["mountPath"] for mount in mounts)):
            for text, count in collections.Counter(texts).items():
                if count > 1:
                    raise CompileError(
                        f"{label} mounts {text} twice, which no pod may: it has one "
                        "volume for each claim and secret, and one place for each."
                    )
        for secret in entry.get("secretAsEnv", []):
            _check_cluster_name(label, secret.get("secretName"))


def _mounted(mount: Mapping[str, Any]) -> Any:
    return mount.get("constant", mount.get("secretName"))


def _check_mount(label: str, mount: Mapping[str, Any]) -> None:
    name = _mounted(mount)
    _check_cluster_name(label, name)
    # The driver calls the pod's volume so, and those have stricter names.
    if "." in name or len(name) > _MAX_VOLUME_NAME:
        raise CompileError(
            f"{label} mounts {name}, and pods' volumes are called like what they mount: "
            f"at most {_MAX_VOLUME_NAME} letters, digits and dashes, no dots."
        )
    path = str(mount.get("mountPath", ""))
    first = "/" + path.lstrip("/").split("/")[0]
    if not path.startswith("/") or first in ("/", *RESERVED_PATHS):
        raise CompileError(
            f"{label} mounts something at {path or 'no path'}, which the launcher or the "
            f"container needs itself. Not allowed: {', '.join(RESERVED_PATHS)}."
        )


def _check_cluster_name(label: str, name: Any) -> None:
    if not isinstance(name, str) or not _CLUSTER_NAME.fullmatch(name):
        raise CompileError(
            f"{label} wants {name!r}, which cannot be the name of a claim or a secret."
        )
