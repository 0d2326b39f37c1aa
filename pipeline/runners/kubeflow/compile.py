"""Compiles the DAG of a local run for Kubeflow Pipelines, or for Vertex AI."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner

from pipeline import graph
from pipeline.config import PipelineConfig
from pipeline.kubeflow_config import KubeflowConfig, looks_secret
from pipeline.runners.kubeflow import parameters, places, refusals, server, spec
from pipeline.runners.kubeflow.package import CompileError, Package
from trainer.errors import DistillError

KFP, VERTEX = "kfp", "vertex"
# `python` is the image's: the entry point is part of what is installed there.
COMMAND = ("python", "-m", "pipeline.runners.kubeflow.entrypoint")


@dataclasses.dataclass(frozen=True)
class Compiled:
    """What goes into a file, and what to tell a person about it."""

    package: Package
    pipeline_root: str | None
    notes: list[str]

    def text(self, target: str) -> str:
        if target == VERTEX:
            return self.package.to_job_json(str(self.pipeline_root))
        return self.package.to_yaml()


def compile_config(
    config: PipelineConfig, image: str | None, target: str = KFP
) -> Compiled:
    """Compiles what `distill run` would run.

    Args:
        config: The same as for a local run.
        image: Of all containers; None: `kubeflow.image`.
        target: `kfp` or `vertex`.

    Raises:
        DistillError: For what cannot run there, in one line with the alternative.
    """
    image = server.require_image(image or config.kubeflow.image)
    _check_beam(config)
    values = parameters.defaults(config)
    found = places.find(config)
    if target == VERTEX:
        _check_vertex(config)
    pipeline = graph.create_pipeline(
        found.config, hyperparameters_dir=found.hyperparameters_uri
    )
    result = compile_pipeline(pipeline, image, config.kubeflow, found.volumes, values)
    if config.kubeflow.pipeline_root:
        result["defaultPipelineRoot"] = config.kubeflow.pipeline_root
    platform = None
    if target == KFP:
        platform = spec.platform(result, config.kubeflow, _mounted(found, result))
    package = Package(result, platform)
    validate(package)
    return Compiled(package, config.kubeflow.pipeline_root, found.notes)


def compile_pipeline(
    pipeline: tfx_pipeline.Pipeline,
    image: str,
    config: KubeflowConfig,
    volumes: Mapping[str, str],
    values: Mapping[str, Any],
) -> dict[str, Any]:
    """Compiles any DAG of TFX.

    Args:
        pipeline: The DAG.
        image: Of all containers.
        config: Resources, variables, and whether examples may be reused.
        volumes: URI by the path where it is mounted.
        values: Run parameters with their defaults, see `parameters.defaults`.

    Returns:
        A PipelineSpec.

    Raises:
        CompileError: For what cannot run on Kubeflow Pipelines.
    """
    refusals.check(pipeline, volumes)
    settings = kubeflow_v2_dag_runner.KubeflowV2DagRunnerConfig(
        default_image=image,
        default_commands=list(COMMAND),
        use_pipeline_spec_2_1=True,
    )
    runner = kubeflow_v2_dag_runner.KubeflowV2DagRunner(settings)
    try:
        job = runner.run(pipeline, write_out=False)
    except (ValueError, TypeError, KeyError, NotImplementedError) as error:
        if isinstance(error, DistillError):
            raise
        text = " ".join(str(error).split())
        raise CompileError(f"TFX cannot compile this for Kubeflow: {text}") from error
    result = dict(job["pipelineSpec"])
    parameters.add(result, values)
    spec.finish(result, config, refusals.runtime_defaults(pipeline))
    for task, container in spec.containers(result):
        spec.set_environment(container, spec.volumes_variable(volumes))
        component = result["components"][task]
        reads_outside = not component.get("inputDefinitions", {}).get("artifacts")
        if reads_outside and not config.cache_data:
            spec.never_cache(result, task)
    return result


def validate(package: Package) -> None:
    """Holds a package against the published message types and the server's checks.

    Raises:
        CompileError: In one line.
    """
    server.check(package)
    deployment = package.spec.get("deploymentSpec", {})
    for value, message in (
        (package.spec, pipeline_spec_pb2.PipelineSpec()),
        (deployment, pipeline_spec_pb2.PipelineDeploymentConfig()),
        (package.platform or {}, pipeline_spec_pb2.PlatformSpec()),
    ):
        try:
            json_format.ParseDict(value, message)
        except json_format.ParseError as error:
            raise CompileError(
                f"This is no {message.DESCRIPTOR.name} of kfp-pipeline-spec: {error}"
            ) from None


def _mounted(
    found: places.Places, result: Mapping[str, Any]
) -> dict[str, list[tuple[str, str]]]:
    """Claims and paths of the nodes that are there and use them."""
    mounted = {}
    for task, claims in found.mounted.items():
        inputs = result["components"].get(task, {}).get("inputDefinitions", {})
        if task == "Evaluator" and "served_model" not in inputs.get("parameters", {}):
            continue
        mounted[task] = claims
    return mounted


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
            "Vertex AI has neither kubeflow.volumes nor kubeflow.secrets. Set them to "
            "null for it; its artifacts lie in Cloud Storage."
        )
    if not (kubeflow.pipeline_root or "").startswith("gs://"):
        raise CompileError(
            f"kubeflow.pipeline_root is {kubeflow.pipeline_root}, and Vertex AI takes a "
            "bucket of Cloud Storage: --set kubeflow.pipeline_root=gs://BUCKET/FOLDER."
        )
