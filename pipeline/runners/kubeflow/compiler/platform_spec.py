"""The second document of a compiled file: what Kubernetes adds to containers and pods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tfx_distill.pipeline.config.kubeflow_config import KubeflowConfig
from tfx_distill.pipeline.config.kubeflow_nodes import (
    NodeConfig,
    ReferenceConfig,
    ScratchConfig,
)
from tfx_distill.pipeline.runners.kubeflow.pipeline_package import (
    DEADLINE,
    RUN_CONFIG,
    Package,
)


def make(
    package: Package,
    config: KubeflowConfig,
    mounted: Mapping[str, list[tuple[str, str]]],
) -> dict[str, Any] | None:
    """Builds the PlatformSpec, by executor.

    Args:
        package: Has the first document.
        config: Names secrets, and the settings of nodes.
        mounted: Claims and paths by task.

    Returns:
        None if there is nothing to add.
    """
    secrets = _references("secret", config.secrets)
    executors = {}
    for task, _ in package.containers():
        claims = [
            {"constant": claim, "mountPath": path}
            for claim, path in mounted.get(task, [])
        ]
        entry = {"pvcMount": claims, **secrets, **_pod(config.node(task))}
        if any(entry.values()):
            executors[package.executor_label(task)] = {
                key: value for key, value in entry.items() if value
            }
    kubernetes: dict[str, Any] = {}
    if executors:
        kubernetes["deploymentSpec"] = {"executors": executors}
    if config.deadline_s is not None:
        kubernetes[RUN_CONFIG] = {DEADLINE: config.deadline_s}
    return {"platforms": {"kubernetes": kubernetes}} if kubernetes else None


def _pod(node: NodeConfig) -> dict[str, Any]:
    """A node's pod in the words of KFP's KubernetesExecutorConfig."""
    metadata = {"labels": dict(node.labels), "annotations": dict(node.annotations)}
    rules = [rule.model_dump(mode="json") for rule in node.node_affinity]
    return {
        "nodeSelector": {"labels": dict(node.node_selector)}
        if node.node_selector
        else {},
        "tolerations": [_given(one.model_dump()) for one in node.tolerations],
        "nodeAffinity": [{"matchExpressions": list(map(_given, rules))}]
        if rules
        else [],
        "imagePullSecret": [
            {"secretName": name, "secretNameParameter": _constant(name)}
            for name in node.image_pull_secrets
        ],
        "imagePullPolicy": node.image_pull_policy,
        "podMetadata": metadata if any(metadata.values()) else {},
        **_references("configMap", node.config_maps),
        "emptyDirMounts": [
            _scratch(number, one) for number, one in enumerate(node.scratch)
        ],
        DEADLINE: node.deadline_s,
    }


def _references(
    kind: str, references: Sequence[ReferenceConfig]
) -> dict[str, list[dict[str, Any]]]:
    """Secrets or ConfigMaps, as variables and as files."""
    return {
        f"{kind}AsEnv": [
            {
                **_named(kind, one.name),
                "keyToEnv": [{f"{kind}Key": one.key, "envVar": one.env}],
            }
            for one in references
            if one.env is not None
        ],
        f"{kind}AsVolume": [
            {**_named(kind, one.name), "mountPath": one.path, "optional": False}
            for one in references
            if one.path is not None
        ],
    }


def _named(kind: str, name: str) -> dict[str, Any]:
    if kind == "secret":  # all servers read this field
        return {"secretName": name}
    return {f"{kind}Name": name, f"{kind}NameParameter": _constant(name)}


def _constant(value: str) -> dict[str, Any]:
    return {"runtimeValue": {"constant": value}}


def _scratch(number: int, scratch: ScratchConfig) -> dict[str, Any]:
    return _given(
        {
            "volumeName": f"scratch-{number}",
            "mountPath": scratch.path,
            "medium": "Memory" if scratch.memory else "",
            "sizeLimit": "" if scratch.size is None else str(scratch.size),
        }
    )


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is empty, which Kubernetes need not see."""
    return {key: value for key, value in values.items() if value}
