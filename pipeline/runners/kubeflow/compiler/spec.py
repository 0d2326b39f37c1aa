"""What TFX compiles, made into what Kubeflow Pipelines takes.

Functions change a PipelineSpec, a plain mapping, in place. TFX is not imported.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

from tfx_distill.pipeline.config.kubeflow_config import GPU, KubeflowConfig, quantity
from tfx_distill.pipeline.runners.kubeflow.compiler.package import CompileError
from tfx_distill.pipeline.runners.kubeflow.container import mounts

INPUTS_SPEC_OPTION = "--json_serialized_inputs_spec_args"

# What TFX calls the input of a condition that a task does not have anyway.
_CONDITION_KEY = re.compile(r"inputs\.artifacts\['([^']*)'\]")
_IMPLICIT_KEY = re.compile(r"_(?P<node>.+)\.(?P<output>[^.]+)")


def finish(
    spec: MutableMapping[str, Any],
    config: KubeflowConfig,
    runtime_defaults: Mapping[str, Any],
) -> None:
    """Does everything that does not depend on what the pipeline is for.

    Args:
        spec: Changed in place.
        config: Resources and variables of the nodes.
        runtime_defaults: Defaults of TFX's RuntimeParameters, which TFX loses.

    Raises:
        CompileError: For a condition or a parameter that cannot work.
    """
    _add_defaults(spec, runtime_defaults)
    _drop_drivers(spec)
    _mend_conditions(spec)
    _add_resources(spec, config)
    _renew_inputs_spec(spec)


def never_cache(spec: Mapping[str, Any], task: str) -> None:
    """Has a task run each time: the server cannot see that its data changed."""
    spec["root"]["dag"]["tasks"][task].pop("cachingOptions", None)


def containers(spec: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields task and container of every task that has one."""
    for name, task in spec["root"]["dag"]["tasks"].items():
        label = spec["components"][task["componentRef"]["name"]]["executorLabel"]
        executor = spec["deploymentSpec"]["executors"][label]
        if "container" in executor:
            yield name, executor["container"]


def _add_defaults(spec: Mapping[str, Any], runtime_defaults: Mapping[str, Any]) -> None:
    parameters = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    for name, parameter in parameters.items():
        if "defaultValue" in parameter:
            continue
        if runtime_defaults.get(name) is None:
            raise CompileError(
                f"The run parameter {name} has no default, and the server then refuses "
                "every run that does not set it. Give its RuntimeParameter a default."
            )
        parameter["defaultValue"] = runtime_defaults[name]


def _drop_drivers(spec: Mapping[str, Any]) -> None:
    # Kubeflow Pipelines never runs them; left in, they look as if it did.
    for _, container in containers(spec):
        container.pop("lifecycle", None)


def _mend_conditions(spec: Mapping[str, Any]) -> None:
    """Names the inputs of conditions as the task names them.

    TFX calls an artifact of a condition `_NODE.KEY`, also where it is an input of the
    task already and so has another name; the server finds no such input.
    """
    for name, task in spec["root"]["dag"]["tasks"].items():
        policy = task.get("triggerPolicy", {})
        if "condition" not in policy:
            continue
        inputs = task.get("inputs", {}).get("artifacts", {})

        def own_key(match, name=name, inputs=inputs):
            key = match[1]
            if key not in inputs:
                key = _input_for(key, inputs, name)
            return f"inputs.artifacts['{key}']"

        policy["condition"] = _CONDITION_KEY.sub(own_key, policy["condition"])


def _input_for(key: str, inputs: Mapping[str, Any], task: str) -> str:
    implicit = _IMPLICIT_KEY.fullmatch(key)
    for name, value in inputs.items():
        source = value.get("taskOutputArtifact", {})
        if implicit and (
            source.get("producerTask"),
            source.get("outputArtifactKey"),
        ) == (
            implicit["node"],
            implicit["output"],
        ):
            return name
    raise CompileError(
        f"The condition of {task} reads {key}, which is none of its inputs "
        f"({', '.join(sorted(inputs)) or 'it has none'}). Make it an input, or leave "
        "the condition out: Pusher pushes nothing without a blessing anyway."
    )


def _add_resources(spec: Mapping[str, Any], config: KubeflowConfig) -> None:
    tasks = dict(containers(spec))
    for node_id in config.nodes:
        if node_id not in tasks and node_id != "default":
            raise CompileError(
                f"kubeflow.nodes names {node_id}, which is no node of this pipeline. "
                f"Its nodes: {', '.join(sorted(tasks))}; `default` stands for all."
            )
    for name, container in tasks.items():
        node = config.node(name)
        resources = container.setdefault("resources", {})
        # Doubles: older servers know no quantities. Limits are requests as well.
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


def set_environment(
    container: MutableMapping[str, Any], values: Mapping[str, str]
) -> None:
    variables = {item["name"]: item["value"] for item in container.get("env", [])}
    variables.update(values)
    if variables:
        container["env"] = [
            {"name": name, "value": variables[name]} for name in sorted(variables)
        ]


def _renew_inputs_spec(spec: Mapping[str, Any]) -> None:
    """Tells each container the inputs that its task has by now."""
    for name, container in containers(spec):
        args = container.get("args", [])
        if INPUTS_SPEC_OPTION in args:
            task = spec["root"]["dag"]["tasks"][name]
            component = spec["components"][task["componentRef"]["name"]]
            args[args.index(INPUTS_SPEC_OPTION) + 1] = json.dumps(
                component.get("inputDefinitions", {}), sort_keys=True
            )


def platform(
    spec: Mapping[str, Any],
    config: KubeflowConfig,
    mounted: Mapping[str, list[tuple[str, str]]],
) -> dict[str, Any] | None:
    """The second document: volumes and secrets, by executor.

    Args:
        spec: The first document.
        config: Names the secrets.
        mounted: Claims and paths by task.

    Returns:
        None where there is nothing to say.
    """
    executors: dict[str, Any] = {}
    for name, _ in containers(spec):
        task = spec["root"]["dag"]["tasks"][name]
        label = spec["components"][task["componentRef"]["name"]]["executorLabel"]
        entry: dict[str, Any] = {}
        if mounted.get(name):
            entry["pvcMount"] = [
                {"constant": claim, "mountPath": path} for claim, path in mounted[name]
            ]
        variables = [
            {
                "secretName": secret.name,
                "keyToEnv": [{"secretKey": secret.key, "envVar": secret.env}],
            }
            for secret in config.secrets
            if secret.env is not None
        ]
        files = [
            {"secretName": secret.name, "mountPath": secret.path, "optional": False}
            for secret in config.secrets
            if secret.path is not None
        ]
        if variables:
            entry["secretAsEnv"] = variables
        if files:
            entry["secretAsVolume"] = files
        if entry:
            executors[label] = entry
    if not executors:
        return None
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}


def volumes_variable(volumes: Mapping[str, str]) -> dict[str, str]:
    """What tells the entry point which paths are volumes."""
    text = json.dumps({**volumes, mounts.SCRATCH_DIR: ""}, sort_keys=True)
    return {mounts.VOLUMES_VARIABLE: text}
