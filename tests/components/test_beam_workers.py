"""A worker process of Beam that is killed ends the pipeline, which does not wait."""

import signal

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability.api import beam_fn_api_pb2
from apache_beam.runners.portability.fn_api_runner import worker_handlers

from tfx_distill.components import beam_workers
from tfx_distill.trainer.errors import DistillError

TWO_WORKERS = ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]


# Beam's own threads tell of the worker, too.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.attack
@pytest.mark.slow
def test_a_killed_worker_fails_the_pipeline():
    beam_workers.watch()
    pipeline = beam.Pipeline(options=PipelineOptions(TWO_WORKERS))
    signals = pipeline | beam.Create([signal.SIGKILL] * 10) | beam.Reshuffle()
    signals | beam.Map(signal.raise_signal)
    with pytest.raises(DistillError, match="A worker process of Beam ended before"):
        pipeline.run().wait_until_finish()


@pytest.mark.slow
def test_workers_that_end_by_themselves_are_not_lost(tmp_path):
    beam_workers.watch()
    with beam.Pipeline(options=PipelineOptions(TWO_WORKERS)) as pipeline:
        numbers = pipeline | beam.Create(range(10)) | beam.Reshuffle()
        (
            numbers
            | beam.combiners.Count.Globally()
            | beam.io.WriteToText(str(tmp_path / "n"))
        )
    (path,) = tmp_path.iterdir()
    assert path.read_text() == "10\n"


def _asked():
    """A connection to a worker that was asked for something, and the future answer."""
    beam_workers.watch()
    connection = worker_handlers.ControlConnection()
    return connection, connection.push(beam_fn_api_pb2.InstructionRequest())


def test_a_worker_that_never_calls_is_lost(monkeypatch):
    monkeypatch.setattr(beam_workers, "_CALL_S", 0.01)
    _, future = _asked()
    with pytest.raises(DistillError, match="A worker process of Beam ended before"):
        future.get(timeout=60)


def test_a_worker_that_hangs_up_is_lost():
    connection, future = _asked()
    connection.set_input(iter(()))
    with pytest.raises(DistillError, match="A worker process of Beam ended before"):
        future.get(timeout=60)
    with pytest.raises(DistillError):
        connection.push(beam_fn_api_pb2.InstructionRequest()).get(timeout=60)
