"""Writes reports: one HTML file from ML Metadata and the run folders."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tfx_distill.pipeline import hints
from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.pipeline.mlmd import read_only_store
from tfx_distill.pipeline.mlmd.records import Graph, RunRecord
from tfx_distill.pipeline.mlmd.store import Store
from tfx_distill.pipeline.report import html
from tfx_distill.pipeline.report.collect import report_collector
from tfx_distill.pipeline.report.report_data import Report
from tfx_distill.trainer import file_system
from tfx_distill.trainer.errors import DistillError

if TYPE_CHECKING:
    from tfx_distill.pipeline.monitoring.monitor import Monitored

FILE_NAME = "report.html"


def write_run(
    config: PipelineConfig,
    run: str | None = None,
    output: str | os.PathLike[str] | None = None,
) -> pathlib.Path:
    """Writes the report of a run.

    Args:
        config: Says where the store and the run folders are.
        run: Name of the run, or a unique prefix; None: the newest of the pipeline.
        output: File; None: `report.html` in the run's folder.

    Returns:
        The file.

    Raises:
        DistillError: If there is no such run, or the file cannot be written.
    """
    store = read_only_store.open_store(config)
    report = _report(config, *_found(store, config, run))
    if output is None:
        folder = _run_dir(config, report.run.name)
        # A run of another machine has no folder here.
        output = (folder if folder.is_dir() else pathlib.Path.cwd()) / FILE_NAME
    return _write(html.run_page(report), pathlib.Path(output))


def write_comparison(
    config: PipelineConfig, runs: Sequence[str], output: str | os.PathLike[str]
) -> pathlib.Path:
    """Writes a comparison of several runs; see `write_run`."""
    store = read_only_store.open_store(config)
    reports = [_report(config, *_found(store, config, run)) for run in runs]
    names = [report.run.name for report in reports]
    if len(set(names)) < max(2, len(names)):
        raise DistillError(
            f"Give two or more different runs to compare, received {', '.join(names)}."
        )
    return _write(html.comparison_page(reports), pathlib.Path(output))


def write_monitored(found: Monitored, output: str | os.PathLike[str]) -> pathlib.Path:
    """Writes what `distill monitor` found; errors as `write_run`."""
    from tfx_distill.pipeline.monitoring import monitor

    content = html.monitored_page(found, monitor.summary(found), monitor.notes(found))
    return _write(content, pathlib.Path(output))


def _found(
    store: Store, config: PipelineConfig, name: str | None
) -> tuple[Graph, RunRecord]:
    """A run with its graph: the named one, or the pipeline's newest."""
    if name is not None:
        run = store.run(name)
        return store.graph_of_runs([run]), run
    for run, graph in store.runs_of(config.pipeline_name):
        return graph, run
    raise DistillError(
        f"ML Metadata has no run of the pipeline {config.pipeline_name}. Run "
        f"`{hints.command('run')}` first, or name a run; `{hints.command('runs')}` "
        "lists them."
    )


def _report(config: PipelineConfig, graph: Graph, run: RunRecord) -> Report:
    executions = graph.of_run(run.name)
    name = executions[0].pipeline if executions else config.pipeline_name
    return report_collector.collect(graph, run, name, _run_dir(config, run.name))


def _run_dir(config: PipelineConfig, run: str) -> pathlib.Path:
    # Another pipeline's run may have a name that is not part of a path.
    return config.pipeline_dir / "runs" / run.replace(os.sep, "_")


def _write(content: str, path: pathlib.Path) -> pathlib.Path:
    """Writes a file whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            file_system.written_whole(str(path)) as part,
            file_system.open_file(part, "wb") as file,
        ):
            file.write(content.encode(errors="replace"))
    except OSError as error:
        raise DistillError(
            f"Report {path} cannot be written ({error.strerror}). Give another file "
            "with --output."
        ) from error
    return path.absolute()
