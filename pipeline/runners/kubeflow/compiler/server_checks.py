"""The checks of the server, or of what runs behind it, made before the upload.

Sources, in kubeflow/pipelines: backend/src/apiserver/template/v2_template.go (name,
schema version, parameters), backend/src/v2/compiler (executors), backend/src/v2/driver
(resources, volumes); in Argo Workflows: workflow/validate (task names).
"""

from __future__ import annotations

import collections
import json
import re
from collections.abc import Mapping
from typing import Any

from tfx_distill.pipeline.config.kubernetes_values import RESERVED_PATHS
from tfx_distill.pipeline.runners.kubeflow import server_names
from tfx_distill.pipeline.runners.kubeflow.compiler import import_credentials
from tfx_distill.pipeline.runners.kubeflow.kubeflow_errors import CompileError
from tfx_distill.pipeline.runners.kubeflow.pipeline_package import Package
from tfx_distill.pipeline.runners.kubeflow.run_request import VALUE_TYPES, is_of_type
from tfx_distill.pipeline.runners.kubeflow.task_order import task_order

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
_MAX_FILE_SIZE_BYTES = 32 * 2**20
_MAX_VOLUME_NAME = 63
# What is mounted, and the field with its name.
_MOUNTS = {
    "pvcMount": "constant",
    "secretAsVolume": "secretName",
    "configMapAsVolume": "configMapName",
    "emptyDirMounts": "volumeName",
}
_PLATFORM_KEYS = {
    *(
        "pvcMount",
        "secretAsEnv",
        "secretAsVolume",
        "configMapAsEnv",
        "configMapAsVolume",
    ),
    *("nodeSelector", "tolerations", "nodeAffinity", "imagePullSecret"),
    *("imagePullPolicy", "podMetadata", "activeDeadlineSeconds", "emptyDirMounts"),
}


def require_image(image: str | None) -> str:
    """Rejects an image that cannot be pulled, or that may change under its name.

    Raises:
        CompileError: In one line.
    """
    advice = "Expected REGISTRY/NAME:TAG, as in registry.example.org/tfx-distill:1.0"
    match = _IMAGE.fullmatch(image) if image else None
    if match is None:
        raise CompileError(f"The image name {image!r} is invalid. {advice}.")
    if match["digest"] is None and match["tag"] in (None, ":latest"):
        raise CompileError(
            f"The image {image} has no tag of its own. The server's cache knows an image "
            f"only by its name, so each build needs a new tag. {advice}."
        )
    return str(image)


def check(package: Package) -> None:
    """Rejects what the server, or Argo behind it, would reject.

    Raises:
        CompileError: In one line, for the first problem.
    """
    _check_header(package)
    _check_parameters(package)
    for task in (*package.tasks, *package.exit_tasks):
        _check_task(package, task)
    task_order(package.tasks)
    _check_containers(package)
    _check_platform(package)
    import_credentials.require_readable_imports(package, package.pipeline_root)
    for where, part in (
        ("The pipeline", package.spec),
        ("Its platform", package.platform),
    ):
        server_names.require_literal(where, part)


def check_upload(package: Package) -> None:
    """Rejects a file that the server would not accept from anyone.

    Files that KFP's SDK compiled may differ from ours, so this checks less than `check`.

    Raises:
        CompileError: In one line, for the first problem.
    """
    path = package.path
    if path is not None:
        size_bytes = path.stat().st_size
        if size_bytes > _MAX_FILE_SIZE_BYTES:
            raise CompileError(
                f"{path} has {size_bytes:,} bytes; the server accepts at most 32 MiB."
            )
        if path.suffix not in (".yaml", ".yml"):
            raise CompileError(f"{path}: the file name must end with .yaml.")
    _check_header(package)
    if not package.tasks:
        raise CompileError(f"{path} has no tasks; the server requires at least one.")
    for label, executor in package.executors.items():
        image = executor.get("container", {}).get("image", "")
        if "container" in executor and (not image or re.search(r"\s", image)):
            raise CompileError(
                f"{label} has the image {image!r}. Compile with --image NAME:TAG."
            )


def _check_header(package: Package) -> None:
    version = package.spec.get("schemaVersion")
    if version != SCHEMA_VERSION:
        raise CompileError(
            f"The schema version is {version}; Kubeflow Pipelines accepts only "
            f"{SCHEMA_VERSION}. Compile with `distill kubeflow compile`."
        )
    if not _PIPELINE_NAME.fullmatch(package.name):
        raise CompileError(
            f"The pipeline name is {package.name!r}. Kubeflow accepts 1 to 128 lowercase "
            "letters, digits and hyphens, not starting with a hyphen: set pipeline.name."
        )


def _check_parameters(package: Package) -> None:
    for name, parameter in package.parameters.items():
        kind = parameter.get("parameterType")
        if not _PARAMETER_NAME.fullmatch(name):
            raise CompileError(
                f"The run parameter {name!r} must be letters, digits and underscores, "
                "not starting with a digit. Rename it."
            )
        if kind not in VALUE_TYPES:
            raise CompileError(
                f"The run parameter {name} has the type {kind}; the server accepts "
                f"{', '.join(VALUE_TYPES)}."
            )
        if "defaultValue" in parameter:
            if not is_of_type(parameter["defaultValue"], kind):
                raise CompileError(
                    f"The run parameter {name} takes a {kind}, received "
                    f"{parameter['defaultValue']!r}."
                )
        elif not parameter.get("isOptional"):
            raise CompileError(
                f"The run parameter {name} is required but has no default. Compile with "
                "`distill kubeflow compile`, which adds it."
            )


def _check_task(package: Package, task: str) -> None:
    if not _TASK_NAME.fullmatch(task):
        raise CompileError(
            f"The node ID {task} is invalid. Argo accepts letters, digits and hyphens, "
            "starting with a letter: set such an ID with `with_id`."
        )
    executor = package.executor(task)
    if "resolver" in executor:
        raise CompileError(
            f"{task} is a Resolver, which Kubeflow Pipelines cannot run. Pass the "
            "artifact by its URI, with an Importer."
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
    _check_resources(task, container.get("resources", {}))


def _check_containers(package: Package) -> None:
    """Rejects equal containers of unequal components.

    The server's compiler stores a component by its container alone; the first wins.
    """
    seen: dict[str, tuple[str, dict[str, Any]]] = {}
    for task, container in package.containers():
        component = {**package.component(task), "executorLabel": ""}
        first, other = seen.setdefault(
            json.dumps(container, sort_keys=True), (task, component)
        )
        if component != other:
            raise CompileError(
                f"{task} and {first} have the same container and different inputs or "
                "outputs; the server would use those of one for both. Make their "
                "containers differ, for instance by a variable in kubeflow.nodes."
            )


def _check_resources(task: str, resources: Mapping[str, Any]) -> None:
    for name, value in resources.items():
        if name == "accelerator":
            kind, count = str(value.get("type", "")), str(value.get("count", ""))
            if "/" not in kind or not count.isdigit() or int(count) < 1:
                raise CompileError(
                    f"{task}: the accelerator is {count or 'no'} × {kind or 'nothing'}. "
                    "Kubernetes needs a count and a resource name, such as nvidia.com/gpu."
                )
        elif not is_of_type(value, "NUMBER_DOUBLE") or value <= 0:
            raise CompileError(
                f"{task}: {name} is {value!r}, expected a number above 0."
            )


def _check_platform(package: Package) -> None:
    if package.platform is None:
        return
    executors = package.platform_executors
    is_kubernetes = set(package.platform.get("platforms", {})) == {"kubernetes"}
    if not is_kubernetes or not (executors or package.run_config):
        raise CompileError("The second document must be a platform `kubernetes`.")
    for label, entry in executors.items():
        if label not in package.executors:
            raise CompileError(f"The platform names {label}, which is not an executor.")
        for key in sorted(set(entry) - _PLATFORM_KEYS):
            raise CompileError(f"The platform gives {label} an unknown {key}.")
        _check_mounts(label, [mount for key in _MOUNTS for mount in entry.get(key, [])])
        for secret in entry.get("secretAsEnv", []):
            _check_cluster_name(label, secret.get("secretName"))


def _check_mounts(label: str, mounts: list[Mapping[str, Any]]) -> None:
    for mount in mounts:
        _check_mount(label, mount)
    for values in (map(_source, mounts), (mount["mountPath"] for mount in mounts)):
        for value, count in collections.Counter(values).items():
            if count > 1:
                raise CompileError(
                    f"{label} mounts {value} twice. A pod has one volume for each claim "
                    "and secret, and each needs its own path."
                )


def _source(mount: Mapping[str, Any]) -> Any:
    """Name of the claim, secret, ConfigMap or empty folder."""
    return next(mount[key] for key in _MOUNTS.values() if key in mount)


def _check_mount(label: str, mount: Mapping[str, Any]) -> None:
    name = _source(mount)
    _check_cluster_name(label, name)
    # The driver names the pod's volume after it, and volume names are stricter.
    if "." in name or len(name) > _MAX_VOLUME_NAME:
        raise CompileError(
            f"{label} mounts {name}, which becomes the name of the pod's volume: at most "
            f"{_MAX_VOLUME_NAME} letters, digits and hyphens, no dots."
        )
    path = str(mount.get("mountPath", ""))
    first = "/" + path.lstrip("/").split("/")[0]
    if not path.startswith("/") or first in ("/", *RESERVED_PATHS):
        raise CompileError(
            f"{label} mounts {name} at {path or 'no path'}, which the launcher or the "
            f"container needs itself. Not allowed: {', '.join(RESERVED_PATHS)}."
        )


def _check_cluster_name(label: str, name: Any) -> None:
    if not isinstance(name, str) or not _CLUSTER_NAME.fullmatch(name):
        raise CompileError(
            f"{label} names {name!r}, which is not a valid claim or secret name."
        )
