"""Checks a configuration for a compilation, before TFX loads."""

from __future__ import annotations

import dataclasses
from typing import Any

from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.pipeline.runners.kubeflow.compiler import (
    pod_paths,
    run_parameters,
    server_checks,
)
from tfx_distill.pipeline.runners.kubeflow.container import mounts
from tfx_distill.pipeline.runners.kubeflow.kubeflow_errors import CompileError
from tfx_distill.trainer.config.gate_config import CORRECTED
from tfx_distill.trainer.errors import ConfigError

KFP, VERTEX = "kfp", "vertex"


@dataclasses.dataclass(frozen=True)
class Plan:
    """A configuration that can run on a cluster, as far as can be told without TFX.

    Attributes:
        config: As for a local run.
        image: Image of all containers.
        target: `kfp` or `vertex`.
        pod_paths: The configuration with the paths of pods.
        values: Run parameters with their defaults.
    """

    config: PipelineConfig
    image: str
    target: str
    pod_paths: pod_paths.PodPaths
    values: dict[str, Any]


def make(config: PipelineConfig, image: str | None, target: str = KFP) -> Plan:
    """Plans a compilation.

    Args:
        config: The same as for a local run.
        image: Image of all containers; None: `kubeflow.image`.
        target: `kfp` or `vertex`.

    Raises:
        DistillError: For what cannot run there, in one line with the alternative.
    """
    image = image or config.kubeflow.image
    if image is None:
        raise CompileError("An image is required. Give --image, or set kubeflow.image.")
    server_checks.require_image(image)
    _check_secrets(config)
    if config.gate.attempts == CORRECTED:
        raise ConfigError(
            "gate.attempts is corrected: a driver counts the students in ML Metadata, and "
            "pods run none. Set gate.attempts: report."
        )
    if target == VERTEX:
        _check_vertex(config)
    values = run_parameters.defaults(config)
    return Plan(config, image, target, pod_paths.find(config), values)


def _check_secrets(config: PipelineConfig) -> None:
    """Rejects references to secrets that pods do not get."""
    secrets = config.kubeflow.secrets
    variables = {secret.env for secret in secrets}
    folders = [secret.path for secret in secrets if secret.path]
    for key, reference in config.secret_references().items():
        kind, _, place = reference.partition(":")
        if kind == "env":
            fine = place in variables
        else:
            fine = any(mounts.is_within(place, folder) for folder in folders)
        if not fine:
            raise CompileError(
                f"{key} refers to {reference}, which pods do not have. Name the "
                f"Kubernetes secret in kubeflow.secrets, with its env or path."
            )


def _check_vertex(config: PipelineConfig) -> None:
    kubeflow = config.kubeflow
    volumes = (kubeflow.volumes.data, kubeflow.volumes.serving)
    if any(volumes) or kubeflow.secrets or kubeflow.deadline_s:
        raise CompileError(
            "Vertex AI supports none of kubeflow.volumes, kubeflow.secrets and "
            "kubeflow.deadline_s. Remove them; its artifacts are stored in Cloud Storage."
        )
    if config.webhook.url is not None:
        raise CompileError(
            "Vertex AI has no server that webhook.url could be told by. Set it to null."
        )
    if not (kubeflow.pipeline_root or "").startswith("gs://"):
        raise CompileError(
            f"kubeflow.pipeline_root is {kubeflow.pipeline_root}, but Vertex AI needs a "
            "Cloud Storage bucket: --set kubeflow.pipeline_root=gs://BUCKET/FOLDER."
        )
