"""Engines that do not answer, workers of another version, errors that come from far."""

import socket

import apache_beam as beam
import grpc
import pytest

from tfx_distill.pipeline import worker_version
from tfx_distill.pipeline.config.beam_config import BeamConfig
from tfx_distill.pipeline.runners.local import beam_engines, node_failures
from tfx_distill.trainer.errors import DistillError


def _config(port, **changed):
    endpoint = f"localhost:{port}"
    return BeamConfig(runner="portable", job_endpoint=endpoint, **changed)


@pytest.fixture
def listening():
    with socket.create_server(("localhost", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def free_port():
    with socket.create_server(("localhost", 0)) as server:
        return server.getsockname()[1]


def test_a_job_service_that_is_not_there_is_told_at_once(free_port):
    told = (
        rf"Nobody answers at localhost:{free_port} \(beam.job_endpoint\): .*Nothing has"
    )
    with pytest.raises(DistillError, match=told):
        beam_engines.require_reachable(_config(free_port))


def test_so_is_a_pool_of_workers(listening, free_port):
    beam_engines.require_reachable(_config(listening))
    pool = _config(listening, worker_pool=f"localhost:{free_port}")
    with pytest.raises(DistillError, match=r"\(beam.worker_pool\)"):
        beam_engines.require_reachable(pool)


def test_the_engine_of_one_node_is_asked_as_well(free_port):
    config = BeamConfig(nodes={"Evaluator": _config(free_port).model_dump(
        exclude={"nodes"}
    )})  # fmt: skip
    with pytest.raises(DistillError, match=f"localhost:{free_port}"):
        beam_engines.require_reachable(config)
    beam_engines.require_reachable(BeamConfig())


def test_a_worker_of_another_version_says_so():
    pipeline = beam.Pipeline()
    _ = pipeline | beam.Create([("0.0.1", "3.10")]) | beam.Map(worker_version.require)
    with pytest.raises(Exception, match="has tfx-distill .*this run has 0.0.1 on"):
        pipeline.run()
    worker_version.require(worker_version.here())


class _Lost(grpc.RpcError, grpc.Call):
    """As grpc's own ones, whose text begins with a line that says nothing."""

    def code(self):
        return grpc.StatusCode.UNAVAILABLE

    def details(self):
        return "Socket closed"

    def __str__(self):
        return "<_MultiThreadedRendezvous of RPC that terminated with:\n\tstatus = …>"


_Lost.__abstractmethods__ = frozenset()
WORKERS_TEXT = """Pipeline job-1 failed in state FAILED: Traceback (most recent call last):
  File "bundle_processor.py", line 1, in process
ValueError: no such split [while running 'Write']
"""


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (_Lost(), "failed: a call ended as UNAVAILABLE: Socket closed. See the log"),
        (grpc.FutureTimeoutError(), "failed: a server did not answer in time. See"),
        (RuntimeError(WORKERS_TEXT), "RuntimeError: ValueError: no such split [while"),
        (
            RuntimeError("RuntimeError: Channel closed prematurely."),
            "failed: a worker process of Beam ended before its work was done. See",
        ),
        (ValueError("one\ntwo"), "failed: ValueError: one. See"),
    ],
)
def test_a_failed_call_is_told_by_what_matters(error, told):
    assert told in str(node_failures.explained("StatisticsGen", error, {}))
