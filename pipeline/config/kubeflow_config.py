"""The section `kubeflow`: what a cluster must know that this machine need not.

This module imports the standard library alone.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from tfx_distill.trainer.config.section import Section, require

# The node id that stands for all nodes.
DEFAULT_NODE = "default"
GPU = "nvidia.com/gpu"

# The file systems that Kubeflow Pipelines' launcher itself mounts or uses.
RESERVED_PATHS = ("/minio", "/s3", "/gcs", "/oci", "/kfp", "/kfp-workspace", "/tmp")
SCHEMES = ("gs://", "s3://", "minio://")

_NAME = r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?"
_VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"
_SECRET_KEY = r"[-._a-zA-Z0-9]+"
# Only what a variable or option that holds a secret would be called.
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
    """What a Kubernetes quantity, such as `500m` or `4Gi`, amounts to.

    Raises:
        ValueError: If it is none, or not above 0.
    """
    match = None
    if not isinstance(value, bool):
        match = _QUANTITY.fullmatch(str(value).strip())
    number = float(match[1]) * _FACTORS[match[2]] if match else 0.0
    if not number > 0:
        raise ValueError(f"{value!r} is no quantity of Kubernetes above 0")
    return number


def looks_secret(name: str, value: str) -> bool:
    """Whether a variable or option holds a secret itself, as far as one can see."""
    is_named_so = bool(_SECRETIVE.search(name)) and bool(value)
    return is_named_so or bool(_URL_WITH_PASSWORD.search(value))


@dataclasses.dataclass(frozen=True, kw_only=True)
class NodeConfig(Section):
    """What the container of one node gets."""

    cpu: Any = None  # cores, as Kubernetes writes them: 2 or 500m
    memory: Any = None  # bytes, as Kubernetes writes them: 4Gi
    gpu: int | None = None  # number of accelerators, >= 0; null: none
    gpu_type: str | None = None  # the resource they are; null: nvidia.com/gpu
    env: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("cpu", "memory"):
            value = getattr(self, name)
            try:
                _ = value is None or quantity(value)
            except ValueError:
                require(
                    False,
                    f"kubeflow.nodes.*.{name}",
                    value,
                    "a Kubernetes quantity above 0, such as 2, 500m or 4Gi",
                )
        require((self.gpu or 0) >= 0, "kubeflow.nodes.*.gpu", self.gpu, ">= 0")
        require(
            self.gpu_type is None or "/" in self.gpu_type,
            "kubeflow.nodes.*.gpu_type",
            self.gpu_type,
            f"a resource of Kubernetes, such as {GPU}",
        )
        for name, value in self.env.items():
            key = f"kubeflow.nodes.*.env.{name}"
            require(bool(re.fullmatch(_VARIABLE, name)), key, name, "a variable's name")
            require(
                isinstance(value, str | int | float),
                key,
                value,
                "a text or a number",
            )
            require(
                not looks_secret(name, str(value)),
                key,
                "a literal value",
                "a reference in kubeflow.secrets: what is compiled in can be read by "
                "everyone who sees the run",
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class VolumeConfig(Section):
    """A PersistentVolumeClaim and where it is mounted."""

    claim: str = ""  # its name, in the namespace of the run
    path: str = ""  # in the container; empty: /data and /serving

    def __post_init__(self) -> None:
        require(
            bool(re.fullmatch(_NAME, self.claim)),
            "kubeflow.volumes.*.claim",
            self.claim,
            "the name of a PersistentVolumeClaim",
        )
        _require_mountable("kubeflow.volumes.*.path", self.path, empty=True)


@dataclasses.dataclass(frozen=True, kw_only=True)
class VolumesConfig(Section):
    """What outlives the pods besides the artifacts."""

    data: VolumeConfig | None = None  # prepared data sets, unfinished searches
    serving: VolumeConfig | None = None  # where a model server finds what was pushed


@dataclasses.dataclass(frozen=True, kw_only=True)
class SecretConfig(Section):
    """A Kubernetes secret, by its name: as a variable, or as files."""

    name: str = ""
    key: str | None = None  # in the secret; with `env`
    env: str | None = None  # the variable that gets the key's value
    path: str | None = None  # instead: the folder that gets a file for each key

    def __post_init__(self) -> None:
        require(
            bool(re.fullmatch(_NAME, self.name)),
            "kubeflow.secrets[].name",
            self.name,
            "the name of a Kubernetes secret",
        )
        as_variable = self.key is not None and self.env is not None
        require(
            as_variable != (self.path is not None)
            and (self.key is None) == (self.env is None),
            f"kubeflow.secrets[] {self.name}",
            {"key": self.key, "env": self.env, "path": self.path},
            "key and env, or path alone",
        )
        if as_variable:
            key, env = str(self.key), str(self.env)
            where = f"kubeflow.secrets[] {self.name}"
            require(bool(re.fullmatch(_SECRET_KEY, key)), where, key, "a secret's key")
            require(bool(re.fullmatch(_VARIABLE, env)), where, env, "a variable's name")
        else:
            _require_mountable("kubeflow.secrets[].path", str(self.path))


@dataclasses.dataclass(frozen=True, kw_only=True)
class KubeflowConfig(Section):
    """How `distill kubeflow compile` makes containers of the nodes."""

    image: str | None = None  # of all nodes; --image goes over it
    pipeline_root: str | None = None  # URI of artifacts; null: the server's
    # Keys that each run may set to another value.
    parameters: tuple[str, ...] = (
        "student.epochs",
        "student.learning_rate",
        "distillation.temperature",
    )
    nodes: dict[str, NodeConfig] = dataclasses.field(default_factory=dict)
    volumes: VolumesConfig = VolumesConfig()
    secrets: tuple[SecretConfig, ...] = ()
    cache_data: bool = False  # also reuse examples: the server sees no changed data

    def __post_init__(self) -> None:
        root = self.pipeline_root
        require(
            root is None or root.startswith(SCHEMES),
            "kubeflow.pipeline_root",
            root,
            f"a URI that begins with {', '.join(SCHEMES)}",
        )
        for name in self.parameters:
            require(
                bool(re.fullmatch(r"[a-z_]+\.[a-z_]+", name)),
                "kubeflow.parameters",
                name,
                "keys such as student.epochs",
            )

    def node(self, node_id: str) -> NodeConfig:
        """What holds for one node: its own over the default."""
        base = self.nodes.get(DEFAULT_NODE, NodeConfig())
        own = self.nodes.get(node_id, NodeConfig())
        changed = {
            field.name: getattr(own, field.name)
            for field in dataclasses.fields(own)
            if getattr(own, field.name) is not None
        }
        changed["env"] = {**base.env, **own.env}
        return dataclasses.replace(base, **changed)


def _require_mountable(key: str, path: str, empty: bool = False) -> None:
    if empty and not path:
        return
    is_reserved = any(
        path == reserved or path.startswith(f"{reserved}/")
        for reserved in RESERVED_PATHS
    )
    require(
        bool(re.fullmatch(r"(/[^/\s]+)+", path)) and not is_reserved,
        key,
        path,
        f"an absolute folder, not in {', '.join(RESERVED_PATHS)}",
    )
