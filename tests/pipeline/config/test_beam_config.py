"""The engine of each node, as Beam's options."""

import pytest
from apache_beam.options.pipeline_options import (
    DirectOptions,
    FlinkRunnerOptions,
    PipelineOptions,
    PortableOptions,
    SparkRunnerOptions,
    StandardOptions,
    WorkerOptions,
)

from tfx_distill.pipeline.config.loader import load_config
from tfx_distill.trainer.errors import ConfigError

PORTABLE = ("beam.runner=portable", "beam.job_endpoint=jobs:8099")


def _options(*sets, node="StatisticsGen"):
    """As Beam itself reads them."""
    return PipelineOptions(load_config(None, sets).beam.engine(node).options())


def test_by_default_beam_gets_no_options():
    assert load_config(None, []).beam.engine("StatisticsGen").options() == []


def test_workers_of_this_machine():
    options = _options("beam.parallelism=3").view_as(DirectOptions)
    assert options.direct_running_mode == "multi_processing"
    assert options.direct_num_workers == 3


@pytest.mark.parametrize(
    ("given", "kind", "where"),
    [
        ([], "LOOPBACK", None),
        (["beam.worker_pool=pool:5000"], "EXTERNAL", "pool:5000"),
        (["beam.image=me/distill:1"], "DOCKER", "me/distill:1"),
    ],
)
def test_workers_of_an_engine(given, kind, where):
    options = _options(*PORTABLE, *given)
    assert options.view_as(StandardOptions).runner == "PortableRunner"
    portable = options.view_as(PortableOptions)
    assert portable.job_endpoint == "jobs:8099"
    assert (portable.environment_type, portable.environment_config) == (kind, where)
    assert portable.job_server_timeout >= 24 * 3600


def test_flink_spark_and_dataflow_by_their_own_options():
    flink = _options("beam.runner=flink", "beam.master=flink:8081")
    assert flink.view_as(FlinkRunnerOptions).flink_master == "flink:8081"
    spark = _options("beam.runner=spark", "beam.master=spark://spark:7077")
    assert spark.view_as(SparkRunnerOptions).spark_master_url == "spark://spark:7077"
    dataflow = _options("beam.runner=dataflow", "beam.image=me/distill:1")
    assert dataflow.view_as(WorkerOptions).sdk_container_image == "me/distill:1"


def test_own_options_win():
    options = _options(*PORTABLE, "beam.args=[--environment_type=PROCESS]")
    assert options.view_as(PortableOptions).environment_type == "PROCESS"


def test_a_node_may_have_an_engine_of_its_own():
    nodes = "beam.nodes={Evaluator: {parallelism: 2}}"
    evaluator = _options(*PORTABLE, nodes, node="Evaluator")
    assert evaluator.view_as(StandardOptions).runner is None
    assert evaluator.view_as(DirectOptions).direct_num_workers == 2
    others = _options(*PORTABLE, nodes)
    assert others.view_as(StandardOptions).runner == "PortableRunner"


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (["beam.runner=portable"], "beam.job_endpoint must be given with runner"),
        (["beam.runner=flink"], "beam.master must be given with runner flink"),
        (["beam.runner=dataflow"], "beam.image must be an image that has this package"),
        (["beam.image=x"], "beam.image must be null with runner direct, received 'x'"),
        (
            [*PORTABLE, "beam.master=a:1"],
            "beam.master must be null with runner portable",
        ),
        (
            ["beam.runner=dataflow", "beam.image=x", "beam.worker_pool=a:1"],
            "beam.worker_pool must be null with runner dataflow",
        ),
        (["beam.job_endpoint=http://x"], "must be HOST:PORT, or null, received 'http"),
        (["beam.nodes={Teacher: {}}"], "beam.nodes must be of ImageExampleGen, Tfds"),
        (
            ["beam.nodes={Evaluator: {runner: spark}}"],
            "beam.nodes.Evaluator.master mus",
        ),
        (
            [*PORTABLE, "beam.image=x", "beam.worker_pool=a:1"],
            "beam.image must be null with worker_pool, received 'x'",
        ),
    ],
)
def test_what_cannot_run_is_refused(sets, message):
    with pytest.raises(ConfigError, match=message):
        load_config(None, sets)
