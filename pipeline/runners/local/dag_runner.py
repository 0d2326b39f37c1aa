"""Runs the DAG on this machine, one node at a time, and reports each node."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import pathlib
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from tfx.dsl.compiler import compiler, constants
from tfx.orchestration import metadata as tfx_metadata
from tfx.orchestration.local import runner_utils
from tfx.orchestration.portable import launcher, runtime_parameter_utils
from tfx.proto.orchestration import pipeline_pb2

from tfx_distill.components import beam_workers, property_names
from tfx_distill.components.evaluator import margin_check
from tfx_distill.pipeline import graph, interruption
from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.pipeline.mlmd import moved_files, store_connection, updates
from tfx_distill.pipeline.mlmd.records import CACHED
from tfx_distill.pipeline.mlmd.store import Store
from tfx_distill.pipeline.runners.local import (
    named_inputs,
    node_failures,
    results,
    run_folders,
)
from tfx_distill.pipeline.serving import rollback_record
from tfx_distill.pipeline.version import VERSION
from tfx_distill.trainer.data import data_findings, memory_limit
from tfx_distill.trainer.data.data_report import DataReport
from tfx_distill.trainer.errors import DistillError, Interrupted

logger = logging.getLogger(__name__)

PUSHER = "Pusher"
_NEWEST = 50  # artifacts that tell whether files were moved


class Watcher(Protocol):
    """Receives the events of a run."""

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
    with _metadata(config) as handle:
        return results.collect(
            handle.store, nodes.executions, nodes.results, run_dir.name, str(run_dir)
        )


def _metadata(config: PipelineConfig) -> tfx_metadata.Metadata:
    return tfx_metadata.Metadata(store_connection.connection_config(config))


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
    connection = store_connection.connection_config(config)
    with run_folders.only_run(config.pipeline_dir):
        ir = compiler.Compiler().compile(
            graph.create_pipeline(
                config,
                until=until,
                **named_inputs.find(config),
                metadata_connection_config=connection,
            )
        )
        _settle_earlier(config)

        def data_found(report: DataReport) -> None:
            watcher.data_found(data_findings.notices(report, config.data))
            if until is None:  # the gate checks this again, after the training
                num_test = report.num_examples["test"]
                margin_check.require_resolvable(config.gate, num_test)

        runner = _DagRunner(run_dir.name, connection, watcher, data_found)
        limit = memory_limit.limited_to(config.pipeline.images_in_memory_mb)
        interruptible = interruption.as_errors(runner.state_when_stopped)
        with limit, _recorded(config, run_dir, runner), interruptible:
            runner.run(ir)
    return runner.completed


def _settle_earlier(config: PipelineConfig) -> None:
    """Ends what killed commands left in ML Metadata.

    Raises:
        DistillError: If ML Metadata is locked, or the files that it names have gone.
    """
    store_connection.wait_until_free(config)
    # TFX opens it without waiting for another process that makes its tables.
    store_connection.connect(store_connection.connection_config(config))
    with _metadata(config) as handle:
        earlier = Store(handle.store)
        artifacts = earlier.artifacts(limit=_NEWEST).artifacts.values()
        # A server's store may name files that only other machines reach.
        missing = moved_files.missing_files(artifacts)
        if missing and config.pipeline.cache and not config.metadata.connection:
            raise DistillError(
                f"{missing}. If they are lost: --set pipeline.cache=false trains anew."
            )
        pushes = earlier.pushed_models().pushed_models()
        rollback_record.settle(handle.store, config.pipeline_name, pushes)
        stale = updates.fail_unfinished(handle.store, config.pipeline_name)
    if stale:
        logger.warning("%d executions of a killed run are now marked failed", stale)


@contextlib.contextmanager
def _recorded(
    config: PipelineConfig, run_dir: pathlib.Path, runner: _DagRunner
) -> Iterator[None]:
    """Records how the run ended, and why if it failed."""
    try:
        yield
    except BaseException as error:
        failure = {
            property_names.FAILED_NODE: runner.current_node,
            property_names.ERROR: str(error) or type(error).__name__,
        }
        if isinstance(error, Interrupted):
            failure[property_names.STOPPED] = "true"
        try:
            _finish(config, run_dir, failure)
        except Exception:  # such as a full disk; the first failure matters more
            logger.exception("The end of the run could not be recorded")
        raise
    _finish(config, run_dir, {})


class _DagRunner:
    """Runs nodes as TFX's LocalDagRunner does; records their time and cache hits."""

    def __init__(
        self,
        run_id: str,
        connection: Any,
        watcher: Watcher,
        data_found: Callable[[DataReport], None],
    ) -> None:
        self._run_id, self._connection, self._watcher = run_id, connection, watcher
        self._data_found = data_found
        self.current_node = ""
        self.completed = CompletedNodes({}, {})

    def run(self, pipeline: pipeline_pb2.Pipeline) -> None:
        """Runs a compiled pipeline.

        Raises:
            DistillError: If a node fails.
        """
        runtime_parameter_utils.substitute_runtime_parameter(
            pipeline, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: self._run_id}
        )
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
        start = time.monotonic()
        try:
            cached, report, notices = self._launch(pipeline, node)
        # A model's function may call `sys.exit`, which is no success of the run's.
        except (Exception, SystemExit) as error:
            logger.exception("%s failed", node_id)
            raise node_failures.explained(node_id, error) from error
        seconds = time.monotonic() - start
        result = results.NodeResult(seconds=round(seconds, 3), cached=cached)
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
        deployment = runner_utils.extract_local_deployment_config(pipeline)
        info = launcher.Launcher(
            pipeline_node=node,
            mlmd_connection=tfx_metadata.Metadata(self._connection),
            pipeline_info=pipeline.pipeline_info,
            pipeline_runtime_spec=pipeline.runtime_spec,
            executor_spec=runner_utils.extract_executor_spec(deployment, node_id),
            custom_driver_spec=runner_utils.extract_custom_driver_spec(
                deployment, node_id
            ),
        ).launch()
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


def _finish(
    config: PipelineConfig, run_dir: pathlib.Path, failure: Mapping[str, str]
) -> None:
    """Marks no execution as running, and records how the run ended."""
    with _metadata(config) as handle:
        updates.fail_unfinished(handle.store, config.pipeline_name)
        updates.describe_run(
            handle.store,
            run_dir.name,
            {
                property_names.CONFIG: config.to_yaml(),
                property_names.DISTILL_VERSION: VERSION,
                **failure,
            },
        )
