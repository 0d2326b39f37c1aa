"""The command `distill tune`: runs the DAG up to the search and ranks its trials."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import shlex
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from tfx_distill.pipeline.config.loader import load_config
from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.pipeline.mlmd import read_only_store
from tfx_distill.pipeline.runners.local import run
from tfx_distill.pipeline.runners.local.fixed_hyperparameters import FILE_NAME
from tfx_distill.trainer.tuning import trials
from tfx_distill.trainer.tuning.trials import Trial, Trials

NODE_ID = "DistillationTuner"
_NUM_BEST = 5
_MAX_OVER_BUDGET = 3  # rows of the table; the file has all of them


@dataclasses.dataclass(frozen=True, kw_only=True)
class TuningResult:
    """The result of a search, as shown to the user.

    Attributes:
        dataset: TFDS name of the data set used, which may be the substitute.
        hyperparameters: Id of the artifact that holds the best values.
        file: The file in that artifact.
        trials_file: File with all trials.
        cached: Whether the search was taken from the cache.
        freeze: Command that runs the pipeline with the best values.
        ranking: All trials, best first.
        run_dir: Folder with the resolved configuration and this result.
    """

    dataset: str
    hyperparameters: int
    file: str
    trials_file: str
    cached: bool
    freeze: str
    ranking: tuple[Trial, ...]
    run_dir: str

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=2)


def execute(
    config: PipelineConfig,
    file: str | os.PathLike[str] | None,
    overrides: Sequence[str],
    *,
    as_json: bool,
) -> int:
    """Searches hyperparameters on this machine; see `run.execute`.

    Raises:
        DistillError: If the search, or a node before it, fails.
    """

    def work(
        config: PipelineConfig, watcher: Any, run_dir: pathlib.Path
    ) -> TuningResult:
        from tfx_distill.pipeline.runners.local import dag_runner

        ran = dag_runner.run_nodes(config, watcher, run_dir, until=NODE_ID)
        command = _freeze_command(file, overrides)
        return _collect(config, ran, command, run_dir)

    shown = None if as_json else _report
    run.perform(config, file, overrides, work, shown, "tuning.json")
    return 0


def _collect(
    config: PipelineConfig, ran: Any, freeze: str, run_dir: pathlib.Path
) -> TuningResult:
    execution = ran.executions[NODE_ID]
    searched = read_only_store.open_store(config).around_execution(execution)
    outputs = dict(searched.outputs(execution))
    best, results = outputs["best_hyperparameters"], outputs["tuner_results"]
    return TuningResult(
        dataset=config.data.name,
        hyperparameters=best.id,
        file=os.path.join(best.uri, FILE_NAME),
        trials_file=os.path.join(results.uri, trials.FILE_NAME),
        cached=ran.results[NODE_ID].cached,
        freeze=f"{freeze} --set hyperparameters={best.id}",
        ranking=tuple(Trials.load(results.uri).ranking()),
        run_dir=str(run_dir),
    )


def _freeze_command(
    file: str | os.PathLike[str] | None, overrides: Sequence[str]
) -> str:
    """`distill run` with the same options, but without the search."""
    kept = [text for text in overrides if not text.strip().startswith("tuning")]
    if load_config(file, kept).tuning is not None:
        kept.append("tuning=null")
    words = ["distill", "run"]
    if file is not None:
        words += ["--config", str(file)]
    for text in kept:
        words += ["--set", text]
    return shlex.join(words)


def _report(result: TuningResult) -> Group:
    table = _table(f"Trials on {result.dataset}, by accuracy on its eval split")
    for name in ("rank", "trial", "accuracy", "parameters", "epochs", "seconds"):
        table.add_column(name, justify="right")
    table.add_column("values", overflow="fold")
    over_budget = 0
    for rank, trial in enumerate(result.ranking, 1):
        over_budget += trial.status == trials.OVER_BUDGET
        if over_budget <= _MAX_OVER_BUDGET:
            table.add_row(*map(Text, _row(rank, trial)))
    lines = [
        f"Run with the best values: {result.freeze}",
        f"In another pipeline: --set hyperparameters={shlex.quote(result.file)}",
        f"All trials: {result.trials_file}",
    ]
    if over_budget > _MAX_OVER_BUDGET:
        lines.insert(
            0, f"{over_budget - _MAX_OVER_BUDGET} more students exceeded the budget."
        )
    if result.cached:
        lines.insert(0, "The search was taken from the cache.")
    best = _best_table([t for t in result.ranking if t.objective is not None])
    return Group(table, best, *(Text(line, overflow="fold") for line in lines))


def _best_table(ended: Sequence[Trial]) -> Table:
    """The best trials, with the values in which they differ."""
    best = ended[:_NUM_BEST]
    keys = trials.differing(best)
    table = _table(f"The best {len(best)}, and what differs")
    for name in ("rank", "accuracy", "parameters", *map(trials.short_key, keys)):
        table.add_column(name, justify="right", overflow="fold")
    for rank, trial in enumerate(best, 1):
        values = [trials.value_text(trial.values[key]) for key in keys]
        accuracy = f"{trial.accuracy:.4f}"
        table.add_row(*map(Text, [str(rank), accuracy, _size(trial), *values]))
    return table


def _table(title: str) -> Table:
    """An empty one, whose narrow columns leave room for the values."""
    return Table(
        title=title,
        box=box.SIMPLE_HEAD,
        title_justify="left",
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )


def _size(trial: Trial) -> str:
    return "?" if trial.parameters is None else f"{trial.parameters:,}"


def _row(rank: int, trial: Trial) -> list[str]:
    values = trials.settings_text(trial.values)
    size = _size(trial)
    if trial.objective is None:
        return ["", trial.id, trial.status, size, "", "", f"{trial.reason}: {values}"]
    accuracy, seconds = f"{trial.objective:.4f}", f"{trial.seconds:.1f}"
    return [str(rank), trial.id, accuracy, size, str(trial.epochs), seconds, values]
