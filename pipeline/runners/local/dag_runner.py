"""Runs the DAG on this machine, one node at a time, and reports each node."""

from __future__ import annotations

import dataclasses
import json
import logging
import pathlib
import shlex
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from tfx.orchestration import metadata as tfx_metadata
from tfx.proto.orchestration import pipeline_pb2

from tfx_distill.components import beam_workers, property_names
from tfx_distill.components.evaluator import margin_check
from tfx_distill.pipeline import bad_disks, interruption
from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.pipeline.mlmd import store_connection
from tfx_distill.pipeline.mlmd.records import CACHED
from tfx_distill.pipeline.mlmd.store import Store
from tfx_distill.pipeline.runners.local import (
    beam_engines,
    node_failures,
    node_launcher,
    results,
    run_folders,
    run_records,
)
from tfx_distill.trainer import profiling, timeline
from tfx_distill.trainer.data import data_findings, memory_limit
from tfx_distill.trainer.data.data_report import DataReport
from tfx_distill.trainer.errors import DistillError

logger = logging.getLogger(__name__)

PUSHER = "Pusher"


class Watcher(Protocol):
    """Receives the events of a run."""

    def expect(self, seconds: Mapping[str, float]) -> None: ...

    def node_started(self, node_id: str, index: int, total: int) -> None: ...

    def node_finished(self, node_id: str, result: results.NodeResult) -> None: ...

    def data_found(self, notices: Sequence[str]) -> None: ...


@dataclasses.dataclass(frozen=True)
class CompletedNodes:
    """Execution id and result by node id, in the order in which the nodes ran."""

    executions: dict[str, int]
    results: dict[str, results.NodeResult]


def run(
    config: PipelineConfig, watcher: Watcher, run_dir: pathlib.Path
) -> results.RunResult:
    """Runs the whole pipeline and reads its result; see `run_nodes`."""
    nodes = run_nodes(config, watcher, run_dir)
    with run_records.metadata(config) as handle:
        store = Store(handle.store)
        return results.collect(
            store, nodes.executions, nodes.results, run_dir.name, str(run_dir)
        )


def run_nodes(
    config: PipelineConfig,
    watcher: Watcher,
    run_dir: pathlib.Path,
    until: str | None = None,
) -> CompletedNodes:
    """Runs the pipeline, or its first part.

    Args:
        config: What to run.
        watcher: Receives the start and the end of each node.
        run_dir: Existing folder of this run; its name is the run's id.
        until: Id of the last node to run; None runs all.

    Raises:
        DistillError: If a node fails. Nothing was pushed unless the message says so.
    """
    beam_workers.watch()
    beam_engines.require_reachable(config.beam)
    connection = store_connection.connection_config(config)
    with run_folders.only_run(config.pipeline_dir):
        ir = node_launcher.compiled(config, connection, run_dir.name, until)
        watcher.expect(run_records.settle_earlier(config))

        def data_found(report: DataReport) -> None:
            watcher.data_found(data_findings.notices(report, config.data))
            if until is None:  # the gate checks this again, after the training
                watcher.data_found(margin_check.of_report(config.gate, report))

        runner = _DagRunner(connection, config, watcher, data_found)
        limit = memory_limit.limited_to(config.pipeline.images_in_memory_mb)
        interruptible = interruption.as_errors(runner.state_when_stopped)
        recorded = run_records.recorded(config, run_dir, lambda: runner.current_node)
        with limit, recorded, interruptible:
            runner.run(ir)
    if profiling.calls():
        watcher.data_found([_profile_notice(config, runner.completed)])
    return runner.completed


def _profile_notice(config: PipelineConfig, completed: CompletedNodes) -> str:
    if all(result.cached for result in completed.results.values()):
        return (
            "Nothing was profiled: every result came from the cache. To train again: "
            "--set pipeline.cache=false."
        )
    return f"Profiles: tensorboard --logdir {shlex.quote(str(config.artifacts_dir))}"


class _DagRunner:
    """Runs nodes as TFX's LocalDagRunner does; records their time and cache hits."""

    def __init__(
        self,
        connection: Any,
        config: PipelineConfig,
        watcher: Watcher,
        data_found: Callable[[DataReport], None],
    ) -> None:
        self._connection, self._config = connection, config
        self._watcher, self._data_found = watcher, data_found
        self.current_node = ""
        self.completed = CompletedNodes({}, {})

    def run(self, pipeline: pipeline_pb2.Pipeline) -> None:
        """Runs a compiled pipeline.

        Raises:
            DistillError: If a node fails.
        """
        for index, node in enumerate(pipeline.nodes):
            self.current_node = node_id = node.pipeline_node.node_info.id
            self._watcher.node_started(node_id, index, len(pipeline.nodes))
            if node_id != PUSHER:
                self._run_node(pipeline, node.pipeline_node)
                continue
            with interruption.held_back() as signals:
                self._run_node(pipeline, node.pipeline_node)
            # After the last node the run is over: its result says more than a signal.
            if signals and index + 1 < len(pipeline.nodes):
                signal.raise_signal(signals[0])

    def state_when_stopped(self) -> str:
        """What a run that is stopped now has done, and how to go on."""
        pushed = "" if PUSHER in self.completed.results else "Nothing was pushed; "
        text = "the same command resumes after the last finished step."
        return pushed + text if pushed else text.capitalize()

    def _run_node(
        self, pipeline: pipeline_pb2.Pipeline, node: pipeline_pb2.PipelineNode
    ) -> None:
        node_id = node.node_info.id
        try:
            with timeline.part(node_id) as span:
                span.cached, report, notices = self._launch(pipeline, node)
        # A model's function may call `sys.exit`, which is no success of the run's.
        except (Exception, SystemExit) as error:
            logger.exception("%s failed", node_id)
            folders = bad_disks.folders(self._config)
            raise node_failures.explained(node_id, error, folders) from error
        result = results.NodeResult(seconds=span.seconds, cached=span.cached)
        self.completed.results[node_id] = result
        self._watcher.node_finished(node_id, result)
        if report is not None:
            self._data_found(report)
        if notices:
            self._watcher.data_found(notices)

    def _launch(
        self, pipeline: pipeline_pb2.Pipeline, node: pipeline_pb2.PipelineNode
    ) -> tuple[bool, DataReport | None, list[str]]:
        """Runs one node.

        Returns:
            Whether its result came from the cache, an ExampleGen's report, and what
            other nodes want the user to know.
        """
        node_id = node.node_info.id
        executors = beam_engines.executors(self._config.beam.engine(node_id))
        info = node_launcher.of(pipeline, node, self._connection, executors).launch()
        if info is None or info.execution_id is None:
            raise DistillError(
                "Its inputs are missing. Run again with --set pipeline.cache=false."
            )
        self.completed.executions[node_id] = info.execution_id
        with tfx_metadata.Metadata(self._connection) as handle:
            ran = Store(handle.store).around_execution(info.execution_id)
        outputs = dict(ran.outputs(info.execution_id))
        examples = outputs.get("examples")
        report = DataReport.load(examples.uri) if examples else None
        notices = [
            notice
            for artifact in outputs.values()
            for notice in json.loads(
                str(artifact.properties.get(property_names.NOTICES, "[]"))
            )
        ]
        is_cached = ran.executions[info.execution_id].state == CACHED
        return is_cached, report, notices
