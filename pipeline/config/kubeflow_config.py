"""The section `kubeflow`: what a cluster needs and a local run does not."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import Field, NonNegativeInt, model_validator
from typing_extensions import Self

from tfx_distill.trainer.config.section import (
    Items,
    Rule,
    Section,
    Table,
    require,
)

# Pipeline names that Kubeflow accepts; local runs have the same names.
# TFX accepts no longer ones, here or on a cluster.
PIPELINE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
# The node ID that applies to all nodes.
DEFAULT_NODE = "default"
GPU = "nvidia.com/gpu"

# Paths that the launcher of Kubeflow Pipelines uses itself.
RESERVED_PATHS = ("/minio", "/s3", "/gcs", "/oci", "/kfp", "/kfp-workspace", "/tmp")
SCHEMES = ("gs://", "s3://", "minio://")

# Typical names of variables and options that contain secrets.
_SECRETIVE = re.compile(
    r"passw(or)?d|secret|token|credential|api_?key|access_?key|private_?key", re.I
)
_URL_WITH_PASSWORD = re.compile(r"://[^/\s:@]+:[^/\s@]+@")
_QUANTITY = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|)")
_FACTORS = {"": 1.0, "m": 1e-3} | {
    prefix + i: (1024.0 if i else 1000.0) ** power
    for i in ("", "i")
    for power, prefix in enumerate(("K" if i else "k", "M", "G", "T", "P", "E"), 1)
}


def quantity(value: Any) -> float:
    """The number that a Kubernetes quantity, such as `500m` or `4Gi`, stands for.

    Raises:
        ValueError: If it is not a quantity above 0.
    """
    match = None
    if not isinstance(value, bool):
        match = _QUANTITY.fullmatch(str(value).strip())
    number = float(match[1]) * _FACTORS[match[2]] if match else 0.0
    if not number > 0:
        raise ValueError(f"{value!r} is not a Kubernetes quantity above 0")
    return number


def looks_secret(name: str, value: str) -> bool:
    """Whether a variable or option seems to contain a secret."""
    is_named_so = bool(_SECRETIVE.search(name)) and bool(value)
    return is_named_so or bool(_URL_WITH_PASSWORD.search(value))


def _is_mountable(path: str) -> bool:
    is_reserved = any(f"{path}/".startswith(f"{place}/") for place in RESERVED_PATHS)
    return bool(re.fullmatch(r"(/[^/\s]+)+", path)) and not is_reserved


def _pattern(expected: str, pattern: str) -> Rule:
    return Rule(expected, re.compile(pattern).fullmatch)


_Quantity = Annotated[
    int | float | str,
    Rule("a Kubernetes quantity above 0, such as 2, 500m or 4Gi", quantity),
]
_NAME = r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?"
_VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"
_MOUNTABLE = f"an absolute folder, not in {', '.join(RESERVED_PATHS)}"


class NodeConfig(Section):
    """Resources and environment variables of a node's container."""

    cpu: _Quantity | None = None
    memory: _Quantity | None = None
    gpu: NonNegativeInt | None = Field(None, description="Number of accelerators")
    gpu_type: (
        Annotated[
            str,
            Rule(f"a Kubernetes resource, such as {GPU}", lambda name: "/" in name),
        ]
        | None
    ) = Field(None, description=f"Their resource; null: {GPU}")
    env: Table[int | float | str] = {}

    @model_validator(mode="after")
    def _check_env(self) -> Self:
        for name, value in self.env.items():
            is_name = bool(re.fullmatch(_VARIABLE, name))
            require(is_name, f"env.{name}", name, "a variable's name")
            require(
                not looks_secret(name, str(value)),
                f"env.{name}",
                "a literal value",
                "a reference in kubeflow.secrets: everyone who sees the run can read "
                "compiled values",
            )
        return self


class VolumeConfig(Section):
    """A PersistentVolumeClaim and where it is mounted."""

    claim: Annotated[str, _pattern("the name of a PersistentVolumeClaim", _NAME)]
    path: Annotated[
        str, Rule(_MOUNTABLE, lambda path: not path or _is_mountable(path))
    ] = Field("", description="In the container; empty: /data and /serving")


class VolumesConfig(Section):
    """Volumes whose content outlives the pods."""

    data: VolumeConfig | None = Field(
        None, description="{claim: NAME, path: /data}: prepared data and searches"
    )
    serving: VolumeConfig | None = Field(
        None, description="{claim: NAME, path: /serving}: pushed students"
    )


class SecretConfig(Section):
    """A Kubernetes secret by its name: as a variable, or as files."""

    name: Annotated[str, _pattern("the name of a Kubernetes secret", _NAME)]
    key: Annotated[str, _pattern("a secret's key", r"[-._a-zA-Z0-9]+")] | None = None
    env: Annotated[str, _pattern("a variable's name", _VARIABLE)] | None = None
    path: Annotated[str, Rule(_MOUNTABLE, _is_mountable)] | None = None

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        given = {"key": self.key, "env": self.env, "path": self.path}
        kinds = (True, True, False), (False, False, True)
        fine = tuple(value is not None for value in given.values()) in kinds
        require(fine, "", given, "key and env, or path alone")
        return self


_Key = Annotated[str, _pattern("a key such as student.epochs", r"[a-z_]+\.[a-z_]+")]
_Root = Annotated[
    str,
    Rule(
        f"a URI that begins with {', '.join(SCHEMES)}",
        lambda uri: uri.startswith(SCHEMES),
    ),
]


class KubeflowConfig(Section):
    """How `distill kubeflow compile` turns nodes into containers."""

    image: str | None = Field(None, description="Of all containers; --image wins")
    pipeline_root: _Root | None = Field(
        None, description="URI of artifacts; null: the server's"
    )
    parameters: Items[_Key] = Field(
        ("student.epochs", "student.learning_rate", "distillation.temperature"),
        description="Keys that each run may set",
    )
    nodes: Table[NodeConfig] = Field(
        {}, description="By node, or default: {cpu: 2, memory: 4Gi, gpu: 1, env: {}}"
    )
    volumes: VolumesConfig = Field(default_factory=VolumesConfig)
    secrets: Items[SecretConfig] = Field(
        (), description="{name: S, key: K, env: VARIABLE} or {name: S, path: FOLDER}"
    )
    cache_data: bool = Field(
        False, description="Also reuse examples, whose changes the server cannot see"
    )

    def node(self, node_id: str) -> NodeConfig:
        """The settings of a node: its own ones, otherwise the default ones."""
        base = self.nodes.get(DEFAULT_NODE, NodeConfig())
        own = self.nodes.get(node_id, NodeConfig())
        changed = own.model_dump(exclude_none=True)
        return base.replace(**{**changed, "env": {**base.env, **own.env}})
