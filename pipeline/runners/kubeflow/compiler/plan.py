"""What is to be compiled, checked before TFX loads."""

from __future__ import annotations

import dataclasses
from typing import Any

from tfx_distill.pipeline.config.kubeflow_config import looks_secret
from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.pipeline.runners.kubeflow.compiler import (
    parameters,
    places,
    server_checks,
)
from tfx_distill.pipeline.runners.kubeflow.compiler.package import CompileError

KFP, VERTEX = "kfp", "vertex"


@dataclasses.dataclass(frozen=True)
class Plan:
    """A configuration that can run on a cluster, as far as one sees without TFX.

    Attributes:
        config: As for a local run.
        image: Of all containers.
        target: `kfp` or `vertex`.
        places: The configuration with the paths of pods.
        values: Keys that each run may set, with their defaults.
    """

    config: PipelineConfig
    image: str
    target: str
    places: places.Places
    values: dict[str, Any]


def make(config: PipelineConfig, image: str | None, target: str = KFP) -> Plan:
    """Plans a compilation.

    Args:
        config: The same as for a local run.
        image: Of all containers; None: `kubeflow.image`.
        target: `kfp` or `vertex`.

    Raises:
        DistillError: For what cannot run there, in one line with the alternative.
    """
    image = image or config.kubeflow.image
    if image is None:
        raise CompileError("Which image? Give --image, or set kubeflow.image.")
    server_checks.require_image(image)
    _check_beam(config)
    if target == VERTEX:
        _check_vertex(config)
    values = parameters.defaults(config)
    return Plan(config, image, target, places.find(config), values)


def _check_beam(config: PipelineConfig) -> None:
    for arg in config.beam.args:
        name, _, value = arg.partition("=")
        if looks_secret(name, value):
            raise CompileError(
                f"beam.args: {name} holds a secret, which everyone who sees the run could "
                "read. Name a Kubernetes secret in kubeflow.secrets instead."
            )


def _check_vertex(config: PipelineConfig) -> None:
    kubeflow = config.kubeflow
    volumes = (kubeflow.volumes.data, kubeflow.volumes.serving)
    if any(volumes) or kubeflow.secrets:
        raise CompileError(
            "Vertex AI has neither kubeflow.volumes nor kubeflow.secrets. Leave them out "
            "for it; its artifacts lie in Cloud Storage."
        )
    if not (kubeflow.pipeline_root or "").startswith("gs://"):
        raise CompileError(
            f"kubeflow.pipeline_root is {kubeflow.pipeline_root}, and Vertex AI takes a "
            "bucket of Cloud Storage: --set kubeflow.pipeline_root=gs://BUCKET/FOLDER."
        )
