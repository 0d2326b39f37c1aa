"""What the container of a node gets on a cluster: resources, place, patience."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator
from typing_extensions import Self

from tfx_distill.pipeline.config.kubernetes_values import (
    NAME,
    VARIABLE,
    MountPath,
    Quantity,
    pattern,
)
from tfx_distill.trainer.config.section import (
    NUMBER,
    Items,
    Rule,
    Section,
    Table,
    require,
)

# The node ID that applies to all nodes.
DEFAULT_NODE = "default"
GPU = "nvidia.com/gpu"

_Name = Annotated[str, pattern("the name of a Kubernetes secret or ConfigMap", NAME)]
_Label = Annotated[
    str, Rule("a label's value, at most 63 characters", lambda v: len(v) < 64)
]


class TolerationConfig(Section):
    """A taint of machines that the pod tolerates."""

    key: str = Field("", description="Empty: any, with operator Exists")
    operator: Literal["Equal", "Exists"] = "Equal"
    value: str = ""
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] = ""


class AffinityConfig(Section):
    """A rule on the labels of machines."""

    key: str
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"] = "In"
    values: Items[str] = ()


class RetryConfig(Section):
    """How often, and after how long, a failed container is started again."""

    count: PositiveInt
    backoff_s: NonNegativeInt = Field(5, description="Before the first, in seconds")
    factor: Annotated[float, Field(ge=1), NUMBER] = Field(
        2.0, description="By which each wait is longer than the one before"
    )
    longest_s: PositiveInt = Field(3600, description="Longest wait, in seconds")


class ScratchConfig(Section):
    """An empty folder that lives as long as the pod."""

    path: Annotated[str, Rule("an absolute folder", lambda p: p.startswith("/"))]
    size: Quantity | None = None
    memory: bool = Field(False, description="In memory; with /dev/shm, shared memory")


class ReferenceConfig(Section):
    """A Secret or ConfigMap by its name: one key as a variable, or all as files."""

    name: _Name
    key: Annotated[str, pattern("a key in it", r"[-._a-zA-Z0-9]+")] | None = None
    env: Annotated[str, pattern("a variable's name", VARIABLE)] | None = None
    path: MountPath | None = None

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        given = {"key": self.key, "env": self.env, "path": self.path}
        kinds = (True, True, False), (False, False, True)
        fine = tuple(value is not None for value in given.values()) in kinds
        require(fine, "", given, "key and env, or path alone")
        return self


class NodeConfig(Section):
    """The container of a node, and its pod."""

    cpu: Quantity | None = None
    memory: Quantity | None = None
    gpu: NonNegativeInt | None = Field(None, description="Number of accelerators")
    gpu_type: (
        Annotated[
            str,
            Rule(f"a Kubernetes resource, such as {GPU}", lambda name: "/" in name),
        ]
        | None
    ) = Field(None, description=f"Their resource; null: {GPU}")
    env: Table[int | float | str] = {}
    node_selector: Table[str] = Field({}, description="Labels of the machines to use")
    tolerations: Items[TolerationConfig] = ()
    node_affinity: Items[AffinityConfig] = ()
    image_pull_secrets: Items[_Name] = ()
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    labels: Table[_Label] = Field({}, description="Of the pod")
    annotations: Table[str] = Field({}, description="Of the pod")
    config_maps: Items[ReferenceConfig] = ()
    scratch: Items[ScratchConfig] = ()
    deadline_s: PositiveInt | None = Field(
        None, description="After which Kubernetes ends the pod, in seconds"
    )
    retries: RetryConfig | None = None

    @model_validator(mode="after")
    def _check_env(self) -> Self:
        for name in self.env:
            is_name = bool(re.fullmatch(VARIABLE, name))
            require(is_name, f"env.{name}", name, "a variable's name")
        return self

    def over(self, base: NodeConfig) -> NodeConfig:
        """These settings over others: tables are joined, other values replaced."""
        mine, others = self.model_dump(), base.model_dump()
        changed: dict[str, Any] = {}
        for name, value in mine.items():
            if isinstance(value, dict) and isinstance(others[name], dict):
                changed[name] = {**others[name], **value}
            elif value not in (None, (), {}):
                changed[name] = value
        return self.build({**others, **changed})
