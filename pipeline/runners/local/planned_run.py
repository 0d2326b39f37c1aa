"""`distill run --dry-run`: which nodes would run, and which come from the cache.

Nothing is guessed: TFX looks for each node's result itself, in a copy of ML Metadata,
and is stopped where it would execute something. What depends on that would run, too.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import sqlite3
import tempfile
from typing import Any, ClassVar

import ml_metadata
from ml_metadata.proto import metadata_store_pb2
from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text
from tfx.orchestration.portable import base_executor_operator
from tfx.proto.orchestration import executable_spec_pb2, pipeline_pb2

from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.pipeline.mlmd import store_connection
from tfx_distill.pipeline.mlmd.store import Store
from tfx_distill.pipeline.runners.local import node_launcher, run_records
from tfx_distill.trainer.errors import ConfigError

_RUN_ID = "dry-run"


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlannedNode:
    """One node.

    Attributes:
        node: Its id.
        cached: Whether its result would come from the cache.
        seconds: How long it took when it last ran; None if it never did.
    """

    node: str
    cached: bool
    seconds: float | None


@dataclasses.dataclass(frozen=True)
class Plan:
    """All nodes, in the order in which they run."""

    nodes: tuple[PlannedNode, ...]

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=2)


class _WouldExecute(Exception):
    """TFX found no result in the cache."""


class _Stop(base_executor_operator.BaseExecutorOperator):
    """Stops a node where its executor would run."""

    SUPPORTED_EXECUTOR_SPEC_TYPE: ClassVar[list[Any]] = [
        executable_spec_pb2.PythonClassExecutableSpec,
        executable_spec_pb2.BeamExecutableSpec,
    ]
    SUPPORTED_PLATFORM_CONFIG_TYPE: ClassVar[list[Any]] = []

    def run_executor(self, execution_info: Any) -> Any:
        raise _WouldExecute


def plan(config: PipelineConfig, until: str | None) -> Plan:
    """Finds out what a run would do.

    Args:
        config: What would run; its data set is prepared.
        until: Id of the last node; None: all.

    Raises:
        ConfigError: If ML Metadata is no SQLite file, or there is no such node.
        DistillError: If the run could not start.
    """
    with tempfile.TemporaryDirectory() as folder:
        connection = _copied(store_connection.connection_config(config), folder)
        pipeline = node_launcher.compiled(config, connection, _RUN_ID, until)
        root = os.path.join(folder, "artifacts")
        pipeline.runtime_spec.pipeline_root.field_value.string_value = root
        earlier = Store(ml_metadata.MetadataStore(connection))
        usual = run_records.usual_seconds(earlier, config.pipeline_name)
        nodes = [node.pipeline_node for node in pipeline.nodes]
        would_run: set[str] = set()
        for node in nodes:
            depends = bool(would_run.intersection(node.upstream_nodes))
            if depends or not _is_cached(pipeline, node, connection):
                would_run.add(node.node_info.id)
    ids = [node.node_info.id for node in nodes]
    return Plan(
        tuple(
            PlannedNode(node=i, cached=i not in would_run, seconds=usual.get(i))
            for i in ids
        )
    )


def _copied(connection: Any, folder: str) -> Any:
    """A connection to a copy of the store, which may be written to."""
    is_local = isinstance(connection, metadata_store_pb2.ConnectionConfig)
    if not is_local or not connection.HasField("sqlite"):
        raise ConfigError(
            "--dry-run looks into a copy of ML Metadata, and metadata.connection is not "
            "a SQLite file. Leave --dry-run out."
        )
    source = pathlib.Path(connection.sqlite.filename_uri)
    copy = type(connection)()
    copy.CopyFrom(connection)
    copy.sqlite.filename_uri = os.path.join(folder, "metadata.sqlite")
    if source.exists():
        original = sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)
        with (
            contextlib.closing(original),
            contextlib.closing(sqlite3.connect(copy.sqlite.filename_uri)) as target,
        ):
            original.backup(target)
    return copy


def _is_cached(
    pipeline: pipeline_pb2.Pipeline, node: pipeline_pb2.PipelineNode, connection: Any
) -> bool:
    """Whether TFX finds a node's result; the copy of the store then has it as its own."""
    executors = dict.fromkeys(_Stop.SUPPORTED_EXECUTOR_SPEC_TYPE, _Stop)
    try:
        node_launcher.of(pipeline, node, connection, executors).launch()
    except _WouldExecute:
        return False
    return True


def table(found: Plan) -> Group:
    """The plan as people read it."""
    rows = Table(box=box.SIMPLE_HEAD)
    for name in ("node", "would"):
        rows.add_column(name)
    rows.add_column("last time", justify="right")
    for one in found.nodes:
        seconds = "" if one.seconds is None else f"{one.seconds:.1f} s"
        would = "come from the cache" if one.cached else "run"
        rows.add_row(Text(one.node), would, seconds)
    running = [one for one in found.nodes if not one.cached]
    text = f"{len(running)} of {len(found.nodes)} nodes would run"
    known = [one.seconds for one in running if one.seconds is not None]
    if known:
        unknown = len(running) - len(known)
        others = f", and {unknown} that never ran before" if unknown else ""
        text += f": {sum(known):.0f} s as last time{others}"
    return Group(rows, Text(f"{text}."))
