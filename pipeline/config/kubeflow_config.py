"""The section `kubeflow`: what a cluster needs and a local run does not."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field

from tfx_distill.pipeline.config.kubeflow_nodes import (
    DEFAULT_NODE,
    NodeConfig,
    ReferenceConfig,
)
from tfx_distill.pipeline.config.kubernetes_values import (
    NAME,
    RESERVED_PATHS,
    is_mountable,
    pattern,
)
from tfx_distill.trainer.config.section import Items, Rule, Section, Table

# TFX accepts no longer ones, here or on a cluster.
PIPELINE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
SCHEMES = ("gs://", "s3://", "minio://")


def is_root(uri: str) -> bool:
    """Whether KFP stores artifacts there; it drops a query, and with it credentials."""
    return uri.startswith(SCHEMES) and "?" not in uri


class VolumeConfig(Section):
    """A PersistentVolumeClaim and where it is mounted."""

    claim: Annotated[str, pattern("the name of a PersistentVolumeClaim", NAME)]
    path: Annotated[
        str,
        Rule(
            f"an absolute folder, not in {', '.join(RESERVED_PATHS)}",
            lambda path: not path or is_mountable(path),
        ),
    ] = Field("", description="In the container; empty: /data and /serving")


class VolumesConfig(Section):
    """Volumes whose content outlives the pods."""

    data: VolumeConfig | None = Field(
        None, description="{claim: NAME, path: /data}: prepared data and searches"
    )
    serving: VolumeConfig | None = Field(
        None, description="{claim: NAME, path: /serving}: pushed students"
    )


_Key = Annotated[str, pattern("a key such as student.epochs", r"[a-z_]+\.[a-z_]+")]
_Seconds = Annotated[int, Field(ge=1, le=2**31 - 1)]  # as KFP's message has it
_Root = Annotated[
    str,
    Rule(
        f"a URI that begins with {', '.join(SCHEMES)}, without a query such as ?region=",
        lambda uri: is_root(uri),
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
        {},
        description="By node, or default: {cpu: 2, memory: 4Gi, gpu: 1, env: {}, …}, see "
        "docs/kubeflow.md",
    )
    volumes: VolumesConfig = Field(default_factory=VolumesConfig)
    secrets: Items[ReferenceConfig] = Field(
        (), description="{name: S, key: K, env: VARIABLE} or {name: S, path: FOLDER}"
    )
    deadline_s: _Seconds | None = Field(
        None,
        description="After which a whole run is ended, in seconds; needs KFP 2.17. null: "
        "never",
    )
    cache_data: bool = Field(
        False, description="Also reuse examples, whose changes the server cannot see"
    )

    def node(self, node_id: str) -> NodeConfig:
        """The settings of a node: its own ones, otherwise the default ones."""
        base = self.nodes.get(DEFAULT_NODE, NodeConfig())
        return self.nodes.get(node_id, NodeConfig()).over(base)
