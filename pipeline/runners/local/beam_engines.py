"""Nodes on the engine that the configuration names; where they run is not what they are.

TFX makes Beam's options a part of each node's cache key, and sends a copy of itself to
the workers whenever there are any. Here nodes are launched without them, and get a
pipeline that has them; what workers import comes from where they were started.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, PortableOptions
from tfx.orchestration.portable import beam_executor_operator
from tfx.proto.orchestration import executable_spec_pb2

from tfx_distill.pipeline import worker_version
from tfx_distill.pipeline.config.beam_config import NODES, BeamConfig, EngineConfig
from tfx_distill.trainer.errors import DistillError

_ANSWER_S = 5.0
# Where a worker is this very process, or a copy of it.
_HERE = (None, "LOOPBACK")


def executors(engine: EngineConfig) -> dict[Any, Any] | None:
    """What runs the executors of Beam's nodes on an engine; None: TFX's own operators."""
    if not engine.options():
        return None
    return {executable_spec_pb2.BeamExecutableSpec: _Operator.of(engine)}


class _Operator(beam_executor_operator.BeamExecutorOperator):
    """Gives an executor pipelines with an engine's options."""

    def __init__(self, engine: EngineConfig, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._engine = engine

    @classmethod
    def of(cls, engine: EngineConfig) -> Callable[..., _Operator]:
        return lambda *args, **kwargs: cls(engine, *args, **kwargs)

    def run_executor(
        self, execution_info: Any, make_beam_pipeline_fn: Any = None
    ) -> Any:
        return super().run_executor(execution_info, self._pipeline)

    def _pipeline(self) -> beam.Pipeline:
        options = PipelineOptions(self._engine.options())
        pipeline = beam.Pipeline(options=options)
        if options.view_as(PortableOptions).environment_type not in _HERE:
            versions = pipeline | "ThisVersion" >> beam.Create([worker_version.here()])
            _ = versions | "SameVersion" >> beam.Map(worker_version.require)
        return pipeline


def require_reachable(config: BeamConfig) -> None:
    """Raises a DistillError if a job service or a pool of workers does not answer.

    Beam waits for five minutes and says nothing.
    """
    found = {address: key for id_ in NODES for key, address in _named(config, id_)}
    for address, key in found.items():
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), _ANSWER_S).close()
        except (OSError, ValueError) as error:
            raise DistillError(
                f"Nobody answers at {address} ({key}): {error}. Start it, or set "
                "beam.runner=direct. Nothing has run."
            ) from error


def _named(config: BeamConfig, node_id: str) -> Iterable[tuple[str, str]]:
    """The option and the address of what a node's engine needs."""
    options = PipelineOptions(config.engine(node_id).options()).view_as(PortableOptions)
    if options.job_endpoint not in (None, "embed"):
        yield "beam.job_endpoint", options.job_endpoint
    if options.environment_type == "EXTERNAL":
        yield "beam.worker_pool", options.environment_config or ""
