"""Compiles the DAG of a local run for Kubeflow Pipelines or Vertex AI."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner

from tfx_distill.components.property_names import SERVED_MODEL
from tfx_distill.pipeline import graph
from tfx_distill.pipeline.config.beam_config import BeamConfig
from tfx_distill.pipeline.config.kubeflow_config import KubeflowConfig
from tfx_distill.pipeline.config.webhook_config import WebhookConfig
from tfx_distill.pipeline.runners.kubeflow.compiler import (
    dag_checks,
    exit_handler,
    plan,
    platform_spec,
    pod_paths,
    postprocessing,
    run_parameters,
    server_checks,
)
from tfx_distill.pipeline.runners.kubeflow.container import mounts
from tfx_distill.pipeline.runners.kubeflow.kubeflow_errors import CompileError
from tfx_distill.pipeline.runners.kubeflow.pipeline_package import Package
from tfx_distill.trainer import file_system
from tfx_distill.trainer.data import memory_limit
from tfx_distill.trainer.errors import DistillError

# Runs in the image, whose `python` has this package. Compiled files keep this name, so
# it must stay.
COMMAND = ("python", "-m", "tfx_distill.pipeline.runners.kubeflow.container")


def compile_plan(planned: plan.Plan) -> Package:
    """Compiles what `distill run` would run.

    Raises:
        DistillError: For what cannot run there, in one line with the alternative.
    """
    paths, kubeflow = planned.pod_paths, planned.config.kubeflow
    pipeline = graph.create_pipeline(
        paths.config,
        hyperparameters_dir=paths.hyperparameters_uri,
        teacher_sources=paths.teacher_sources,
    )
    _add_engines(pipeline, paths.config.beam, planned.image)
    package = compile_pipeline(
        pipeline,
        planned.image,
        kubeflow,
        paths.volumes,
        planned.values,
        planned.config.webhook,
    )
    if kubeflow.pipeline_root:
        package.spec["defaultPipelineRoot"] = kubeflow.pipeline_root
    variables = memory_limit.variables(planned.config.pipeline.images_in_memory_mb)
    for _, container in package.containers():
        postprocessing.set_environment(container, variables)
    _connect_served_model(package, paths)
    if planned.target == plan.KFP:
        postprocessing.add_drawn_outputs(package)
        platform = platform_spec.make(package, kubeflow, paths.mounted)
        package = dataclasses.replace(package, platform=platform)
    validate(package)
    return package


def _add_engines(
    pipeline: tfx_pipeline.Pipeline, config: BeamConfig, image: str
) -> None:
    for component in pipeline.components:
        if options := config.engine(component.id).options():
            # Otherwise TFX sends a copy of itself to the workers, which have one.
            options = [f"--sdk_container_image={image}", *options]
            tfx_pipeline.add_beam_pipeline_args_to_component(component, options)


def compile_pipeline(
    pipeline: tfx_pipeline.Pipeline,
    image: str,
    config: KubeflowConfig,
    volumes: Mapping[str, str],
    values: Mapping[str, Any],
    webhook: WebhookConfig | None = None,
) -> Package:
    """Compiles any TFX pipeline.

    Args:
        pipeline: The DAG.
        image: Image of all containers.
        config: Resources, variables, and whether examples may be cached.
        volumes: URI by mount path.
        values: Run parameters with their defaults, see `run_parameters.defaults`.
        webhook: Who is told how a run ended.

    Raises:
        CompileError: For what cannot run on Kubeflow Pipelines.
    """
    dag_checks.check(pipeline, volumes)
    package = Package(_compiled_by_tfx(pipeline, image))
    run_parameters.add(package, values)
    if webhook is not None and webhook.url is not None:
        exit_handler.add(package, image, webhook)
    defaults = dag_checks.runtime_defaults(pipeline)
    postprocessing.adapt(package, config, defaults)
    for task, container in package.containers():
        variables = postprocessing.volumes_variable(volumes)
        postprocessing.set_environment(container, variables)
        inputs = package.component(task).get("inputDefinitions", {})
        if not inputs.get("artifacts") and not config.cache_data:
            postprocessing.disable_cache(package, task)
    return package


def _compiled_by_tfx(pipeline: tfx_pipeline.Pipeline, image: str) -> dict[str, Any]:
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
    return dict(job["pipelineSpec"])


def validate(package: Package) -> None:
    """Checks a package against the published message types and the server's rules.

    Raises:
        CompileError: In one line.
    """
    server_checks.check(package)
    for value, message in (
        (package.spec, pipeline_spec_pb2.PipelineSpec()),
        (package.spec["deploymentSpec"], pipeline_spec_pb2.PipelineDeploymentConfig()),
        (_platform(package), pipeline_spec_pb2.PlatformSpec()),
    ):
        try:
            json_format.ParseDict(value, message)
        except json_format.ParseError as error:
            raise CompileError(
                f"This is not a {message.DESCRIPTOR.name} of kfp-pipeline-spec: {error}"
            ) from None


def _platform(package: Package) -> dict[str, Any]:
    """The second document, without what the message types of KFP 2.5 do not have."""
    if package.run_config and not hasattr(pipeline_spec_pb2, "PipelineConfig"):
        deployment = {"executors": package.platform_executors}
        return {"platforms": {"kubernetes": {"deploymentSpec": deployment}}}
    return package.platform or {}


def _connect_served_model(package: Package, paths: pod_paths.PodPaths) -> None:
    """Gives the Evaluator the volume of served models, and disables its cache.

    The cache would not notice that another model serves by now.
    """
    inputs = package.component("Evaluator")["inputDefinitions"]
    serving_dir = paths.config.serving_dir
    if SERVED_MODEL not in inputs.get("parameters", {}):
        paths.mounted.pop("Evaluator", None)
    elif paths.mounted.get("Evaluator") or file_system.is_remote(serving_dir):
        container = package.executor("Evaluator")["container"]
        postprocessing.set_environment(
            container, {mounts.SERVING_VARIABLE: serving_dir}
        )
        postprocessing.disable_cache(package, "Evaluator")
