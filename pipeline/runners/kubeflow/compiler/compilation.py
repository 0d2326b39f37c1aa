"""Compiles the DAG of a local run for Kubeflow Pipelines, or for Vertex AI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner

from tfx_distill.pipeline import graph
from tfx_distill.pipeline.config.kubeflow_config import KubeflowConfig
from tfx_distill.pipeline.runners.kubeflow.compiler import (
    parameters,
    places,
    plan,
    refusals,
    server_checks,
    spec,
)
from tfx_distill.pipeline.runners.kubeflow.compiler.package import CompileError, Package
from tfx_distill.pipeline.runners.kubeflow.container import mounts
from tfx_distill.trainer.errors import DistillError

# `python` is the image's: the entry point is part of what is installed there.
COMMAND = ("python", "-m", "tfx_distill.pipeline.runners.kubeflow.container.entrypoint")


def compile_plan(planned: plan.Plan) -> Package:
    """Compiles what `distill run` would run.

    Raises:
        DistillError: For what cannot run there, in one line with the alternative.
    """
    found, kubeflow = planned.places, planned.config.kubeflow
    pipeline = graph.create_pipeline(
        found.config, hyperparameters_dir=found.hyperparameters_uri
    )
    result = compile_pipeline(
        pipeline, planned.image, kubeflow, found.volumes, planned.values
    )
    if kubeflow.pipeline_root:
        result["defaultPipelineRoot"] = kubeflow.pipeline_root
    _look_at_what_serves(result, found)
    platform = None
    if planned.target == plan.KFP:
        platform = spec.platform(result, kubeflow, found.mounted)
    package = Package(result, platform)
    validate(package)
    return package


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
    server_checks.check(package)
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


def _look_at_what_serves(result: Mapping[str, Any], found: places.Places) -> None:
    """Lets the Evaluator see the volume of served models, and never answer for it."""
    inputs = result["components"]["Evaluator"]["inputDefinitions"]
    if parameters.SERVED_MODEL not in inputs.get("parameters", {}):
        found.mounted.pop("Evaluator", None)
    elif found.mounted.get("Evaluator"):
        container = dict(spec.containers(result))["Evaluator"]
        serving_dir = str(found.config.serving_dir)
        spec.set_environment(container, {mounts.SERVING_VARIABLE: serving_dir})
        # Its cache would not see that another model serves by now.
        spec.never_cache(result, "Evaluator")
