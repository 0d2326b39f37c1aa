"""`distill run --until NODE`: the pipeline's first nodes."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.text import Text

from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.pipeline.runners.local.results import NodeResult


@dataclasses.dataclass(frozen=True, kw_only=True)
class PartialRun:
    """What ran.

    Attributes:
        nodes: By node id, in the order in which they ran.
        run_id: Name of the run in ML Metadata.
        run_dir: Folder with the run's resolved configuration and this result.
    """

    nodes: Mapping[str, NodeResult]
    run_id: str
    run_dir: str

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=2)


def run(
    config: PipelineConfig, watcher: Any, run_dir: pathlib.Path, until: str
) -> PartialRun:
    """Runs the nodes up to one.

    Raises:
        ConfigError: If there is no such node.
        DistillError: If a node fails.
    """
    from tfx_distill.pipeline.runners.local import dag_runner

    ran = dag_runner.run_nodes(config, watcher, run_dir, until=until)
    return PartialRun(nodes=ran.results, run_id=run_dir.name, run_dir=str(run_dir))


def lines(result: PartialRun) -> Group:
    *_, last = result.nodes
    return Group(
        Text(f"Ended after {last}, as --until says. Nothing after it has run."),
        Text(f"Run {result.run_dir}", style="dim", overflow="fold"),
    )
