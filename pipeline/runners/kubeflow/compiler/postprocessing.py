"""Adapts what TFX compiles to what Kubeflow Pipelines accepts, without TFX.

Functions change a package's PipelineSpec in place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, MutableMapping
from typing import Any

from tfx_distill.pipeline.config.kubeflow_config import KubeflowConfig
from tfx_distill.pipeline.config.kubeflow_nodes import GPU, RetryConfig
from tfx_distill.pipeline.config.kubernetes_values import quantity
from tfx_distill.pipeline.runners.kubeflow.container import drawn_outputs, mounts
from tfx_distill.pipeline.runners.kubeflow.kubeflow_errors import CompileError
from tfx_distill.pipeline.runners.kubeflow.pipeline_package import Package

_EXECUTOR_OPTION = "--executor_class_path"
_INPUTS_SPEC_OPTION = "--json_serialized_inputs_spec_args"

# TFX's name for an artifact that a condition reads.
_CONDITION_KEY = re.compile(r"inputs\.artifacts\['([^']*)'\]")
_IMPLICIT_KEY = re.compile(r"_(?P<node>.+)\.(?P<output>[^.]+)")


def adapt(
    package: Package, config: KubeflowConfig, runtime_defaults: Mapping[str, Any]
) -> None:
    """Applies every change that does not depend on the pipeline's purpose.

    Args:
        package: Changed in place.
        config: Resources and environment variables of the nodes.
        runtime_defaults: Defaults of TFX's RuntimeParameters, which TFX omits.

    Raises:
        CompileError: For a condition or a parameter that cannot work.
    """
    _add_defaults(package, runtime_defaults)
    _fix_conditions(package)
    _add_resources(package, config)
    for task, container in package.containers():
        # Kubeflow Pipelines runs no drivers; leaving them in would suggest it does.
        container.pop("lifecycle", None)
        _update_inputs_spec(package, task, container)


def disable_cache(package: Package, task: str) -> None:
    """Runs a task every time: the server cannot see that its data changed."""
    package.task(task).pop("cachingOptions", None)


def _add_defaults(package: Package, runtime_defaults: Mapping[str, Any]) -> None:
    for name, parameter in package.parameters.items():
        if "defaultValue" not in parameter:
            if runtime_defaults.get(name) is None:
                raise CompileError(
                    f"The run parameter {name} has no default, so the server would reject "
                    "every run that does not set it. Give its RuntimeParameter a default."
                )
            parameter["defaultValue"] = runtime_defaults[name]


def _fix_conditions(package: Package) -> None:
    """Refers to the inputs of conditions by the task's own names.

    TFX names an artifact in a condition `_NODE.KEY`, even if the task already has it as
    an input under another name; the server then does not find it.
    """
    for name, task in package.tasks.items():
        policy = task.get("triggerPolicy", {})
        if "condition" not in policy:
            continue
        inputs = task.get("inputs", {}).get("artifacts", {})

        def own_key(match, name=name, inputs=inputs):
            key = match[1] if match[1] in inputs else _own_key(match[1], inputs, name)
            return f"inputs.artifacts['{key}']"

        policy["condition"] = _CONDITION_KEY.sub(own_key, policy["condition"])


def _own_key(key: str, inputs: Mapping[str, Any], task: str) -> str:
    implicit = _IMPLICIT_KEY.fullmatch(key)
    wanted = implicit.groupdict() if implicit else None
    for name, value in inputs.items():
        source = value.get("taskOutputArtifact", {})
        node, output = source.get("producerTask"), source.get("outputArtifactKey")
        if wanted == {"node": node, "output": output}:
            return name
    raise CompileError(
        f"The condition of {task} reads {key}, which is not one of its inputs "
        f"({', '.join(sorted(inputs)) or 'it has none'}). Make it an input, or remove "
        "the condition: Pusher pushes nothing without a blessing anyway."
    )


def _add_resources(package: Package, config: KubeflowConfig) -> None:
    tasks = dict(package.containers())
    for node_id in config.nodes:
        if node_id not in tasks and node_id != "default":
            raise CompileError(
                f"kubeflow.nodes names {node_id}, which is not a node of this pipeline. "
                f"Its nodes: {', '.join(sorted(tasks))}; `default` applies to all."
            )
    for name, container in tasks.items():
        node = config.node(name)
        resources = container.setdefault("resources", {})
        # Numbers, since older servers cannot parse quantities. A limit is also the request.
        if node.cpu is not None:
            resources["cpuLimit"] = quantity(node.cpu)
        if node.memory is not None:
            resources["memoryLimit"] = quantity(node.memory) / 1e9
        if node.gpu:
            resources["accelerator"] = {
                "count": str(node.gpu),
                "type": node.gpu_type or GPU,
            }
        if not resources:
            del container["resources"]
        set_environment(container, {k: str(v) for k, v in node.env.items()})
        if node.retries is not None:
            package.task(name)["retryPolicy"] = _retry_policy(node.retries)


def _retry_policy(retries: RetryConfig) -> dict[str, Any]:
    return {
        "maxRetryCount": retries.count,
        "backoffDuration": f"{retries.backoff_s}s",
        "backoffFactor": retries.factor,
        "backoffMaxDuration": f"{retries.longest_s}s",
    }


def set_environment(
    container: MutableMapping[str, Any], values: Mapping[str, str]
) -> None:
    """Adds environment variables to a container."""
    variables = {item["name"]: item["value"] for item in container.get("env", [])}
    variables.update(values)
    if variables:
        container["env"] = [
            {"name": name, "value": variables[name]} for name in sorted(variables)
        ]


def add_drawn_outputs(package: Package) -> None:
    """Declares the outputs that the entry point adds for KFP's page."""
    for task, container in package.containers():
        args = container.get("args", [])
        if _EXECUTOR_OPTION not in args:
            continue
        executor = args[args.index(_EXECUTOR_OPTION) + 1]
        added = drawn_outputs.definitions(executor)
        if added:
            outputs = package.component(task).setdefault("outputDefinitions", {})
            outputs.setdefault("artifacts", {}).update(added)


def _update_inputs_spec(
    package: Package, task: str, container: Mapping[str, Any]
) -> None:
    """Tells a container about the inputs that were added to its task."""
    args = container.get("args", [])
    if _INPUTS_SPEC_OPTION in args:
        args[args.index(_INPUTS_SPEC_OPTION) + 1] = json.dumps(
            package.component(task).get("inputDefinitions", {}), sort_keys=True
        )


def volumes_variable(volumes: Mapping[str, str]) -> dict[str, str]:
    """The environment variable that tells the entry point which paths are volumes."""
    text = json.dumps({**volumes, mounts.SCRATCH_DIR: ""}, sort_keys=True)
    return {mounts.VOLUMES_VARIABLE: text}
