"""Tells the webhook how a run on this machine ended."""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Callable
from typing import Any

from tfx_distill.pipeline import webhook
from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.pipeline.mlmd import read_only_store
from tfx_distill.pipeline.runners.local.results import RunResult
from tfx_distill.trainer import file_system
from tfx_distill.trainer.errors import DistillError


def told(
    config: PipelineConfig,
    run_dir: pathlib.Path,
    work: Callable[[], RunResult],
    say: Callable[[list[str]], None],
) -> RunResult:
    """Does a run's work, and tells the webhook how it ended, if there is one.

    Args:
        config: Of the run.
        run_dir: The run's folder; its name is the run's ID.
        work: Does the run.
        say: Tells the user that the webhook was not told; the run is not affected.
    """
    try:
        result = work()
    except BaseException as error:
        _send(config, run_dir, say, _failed(config, run_dir.name, error))
        raise
    _send(config, run_dir, say, _completed(result))
    return result


def _send(
    config: PipelineConfig,
    run_dir: pathlib.Path,
    say: Callable[[list[str]], None],
    fields: dict[str, Any],
) -> None:
    if config.webhook.url is None:
        return
    report = webhook.RunReport(
        pipeline=config.pipeline_name,
        run=run_dir.name,
        link=(run_dir / "report.html").as_uri(),
        **fields,
    )
    try:
        webhook.send(config.webhook, report)
    except DistillError as error:
        say([f"The webhook was not told that the run is {report.state}: {error}"])


def _completed(result: RunResult) -> dict[str, Any]:
    state = webhook.PUSHED if result.pushed else webhook.REFUSED
    if result.pushed and result.nodes["Pusher"].cached:
        state = webhook.COMPLETED
    return {
        "state": state,
        "bounds": result.bounds,
        "reasons": result.reasons,
        **_place(result.pushed),
    }


def _failed(config: PipelineConfig, run: str, error: BaseException) -> dict[str, Any]:
    pushed = []
    with contextlib.suppress(Exception):  # the run's own error matters more
        store = read_only_store.open_store(config)
        pushed = store.graph_of_runs([store.run(run)]).pushed_models(run)
    # What failed after the push does not take it back.
    place = _place(pushed[0].folder if pushed else None)
    errors = (str(error) or type(error).__name__,)
    return {"state": webhook.FAILED, "errors": errors, **place}


def _place(folder: str | None) -> dict[str, str]:
    if folder is None:
        return {}
    return {"version": os.path.basename(folder), "uri": file_system.as_uri(folder)}
