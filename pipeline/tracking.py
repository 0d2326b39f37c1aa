"""Sends finished local runs to MLflow or Weights & Biases, if the configuration says so.

Neither is part of the package's environment; each loads only here. ML Metadata stays the
record: a tracker gets copies of the configuration, the results and the learning curves.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

from tfx_distill.pipeline.config import dotted_keys
from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.pipeline.config.tracking_config import TrackingConfig
from tfx_distill.trainer.config import secret_reference
from tfx_distill.trainer.errors import ConfigError

_TRACKERS = ("mlflow", "wandb")
_MAX_TEXT = 500  # letters that MLflow takes as a parameter's value
_NUMBERS = (int, float)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrackedRun:
    """What a tracker gets.

    Attributes:
        name: The run's.
        experiment: See `TrackingConfig`.
        settings: The configuration, with dotted keys.
        numbers: Of the result, with dotted keys, such as `student.accuracy`.
        curves: Values by epoch, by node and metric, such as `Teacher.val_accuracy`.
        report: The report's file, if there is one.
    """

    name: str
    experiment: str
    settings: Mapping[str, Any]
    numbers: Mapping[str, float]
    curves: Mapping[str, tuple[float, ...]]
    report: pathlib.Path | None


def check(config: TrackingConfig) -> None:
    """Rejects a tracker whose package is not installed.

    Raises:
        ConfigError: Says how to install it.
    """
    for name in _TRACKERS:
        if getattr(config, name) and importlib.util.find_spec(name) is None:
            raise ConfigError(
                f"tracking.{name} needs the package {name}, which is not installed: "
                f"pip install {name}, or set tracking.{name}: null."
            )


def record_run(config: PipelineConfig, result: str, run_dir: pathlib.Path) -> None:
    """Sends a run with its learning curves, if there is a tracker; see `record`."""
    if config.tracking.mlflow or config.tracking.wandb:
        from tfx_distill.pipeline import notebook

        curves = notebook.opened(config, run_dir.name).curves()
        record(config, result, curves, run_dir)


def record(
    config: PipelineConfig,
    result: str,
    curves: Mapping[str, tuple[float, ...]],
    run_dir: pathlib.Path,
) -> None:
    """Sends a run.

    Args:
        config: What ran; says where to.
        result: `RunResult.to_json`.
        curves: See `TrackedRun`.
        run_dir: The run's folder.
    """
    report = run_dir / "report.html"
    values = dotted_keys.flat(json.loads(result))
    run = TrackedRun(
        name=run_dir.name,
        experiment=config.tracking.experiment or config.pipeline_name,
        settings=dotted_keys.flat(config.model_dump(mode="json")),
        numbers={key: float(v) for key, v in values.items() if isinstance(v, _NUMBERS)},
        curves=curves,
        report=report if report.is_file() else None,
    )
    if config.tracking.mlflow:
        uri = secret_reference.read(config.tracking.mlflow, "tracking.mlflow")
        _to_mlflow(run, uri)
    if config.tracking.wandb:
        _to_wandb(run, config.tracking.wandb)


def _to_mlflow(run: TrackedRun, uri: str) -> None:
    import mlflow

    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment(run.experiment)
    with mlflow.start_run(run_name=run.name):
        mlflow.log_params({k: str(v)[:_MAX_TEXT] for k, v in run.settings.items()})
        mlflow.log_metrics(dict(run.numbers))
        for epoch, values in _by_epoch(run):
            mlflow.log_metrics(values, step=epoch)
        if run.report is not None:
            mlflow.log_artifact(str(run.report))


def _to_wandb(run: TrackedRun, project: str) -> None:
    import wandb

    settings = dict(run.settings)
    started = wandb.init(
        project=project, group=run.experiment, name=run.name, config=settings
    )
    with started as tracked:
        for epoch, values in _by_epoch(run):
            tracked.log(values, step=epoch)
        tracked.summary.update(dict(run.numbers))


def _by_epoch(run: TrackedRun) -> Iterator[tuple[int, dict[str, float]]]:
    """The epochs from 1, each with its values of all curves that are so long."""
    longest = max(map(len, run.curves.values()), default=0)
    for at in range(longest):
        found = {name: c[at] for name, c in run.curves.items() if at < len(c)}
        yield at + 1, found
