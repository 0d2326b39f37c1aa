"""The pipeline as TFX runs it on this machine: compiled, and a launcher for each node."""

from __future__ import annotations

from typing import Any

from tfx.dsl.compiler import compiler, constants
from tfx.orchestration import metadata as tfx_metadata
from tfx.orchestration.local import runner_utils
from tfx.orchestration.portable import launcher, runtime_parameter_utils
from tfx.proto.orchestration import pipeline_pb2

from tfx_distill.pipeline import graph
from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.pipeline.runners.local import named_inputs


def compiled(
    config: PipelineConfig, connection: Any, run_id: str, until: str | None
) -> pipeline_pb2.Pipeline:
    """Compiles the pipeline for one run.

    Args:
        config: What to run.
        connection: ml_metadata's configuration of the store.
        run_id: The run's name.
        until: Id of the last node; None: all nodes.

    Raises:
        DistillError: If an artifact that the configuration names is missing.
    """
    pipeline = compiler.Compiler().compile(
        graph.create_pipeline(
            config,
            until=until,
            **named_inputs.find(config),
            metadata_connection_config=connection,
        )
    )
    runtime_parameter_utils.substitute_runtime_parameter(
        pipeline, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: run_id}
    )
    return pipeline


def of(
    pipeline: pipeline_pb2.Pipeline,
    node: pipeline_pb2.PipelineNode,
    connection: Any,
    executors: dict[Any, Any] | None = None,
) -> launcher.Launcher:
    """The launcher of one node of a compiled pipeline.

    Args:
        pipeline: From `compiled`.
        node: One of its nodes.
        connection: ml_metadata's configuration of the store.
        executors: What runs executors of a kind, instead of TFX's own operators.
    """
    node_id = node.node_info.id
    deployment = runner_utils.extract_local_deployment_config(pipeline)
    return launcher.Launcher(
        pipeline_node=node,
        mlmd_connection=tfx_metadata.Metadata(connection),
        pipeline_info=pipeline.pipeline_info,
        pipeline_runtime_spec=pipeline.runtime_spec,
        executor_spec=runner_utils.extract_executor_spec(deployment, node_id),
        custom_driver_spec=runner_utils.extract_custom_driver_spec(deployment, node_id),
        custom_executor_operators=executors,
    )
