"""The command `distill run`: prepares data, runs the DAG and shows the result."""

from __future__ import annotations

import dataclasses
import functools
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from tfx_distill.pipeline import bad_disks, log_capture
from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.pipeline.mlmd import store_connection
from tfx_distill.pipeline.runners.local import (
    named_inputs,
    run_aftermath,
    run_folders,
)
from tfx_distill.trainer import profiling, timeline

PUSHED = 0
NOT_BLESSED = 3


class Result(Protocol):
    """The result of a command."""

    def to_json(self) -> str: ...


R = TypeVar("R", bound=Result)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """How a run differs from the whole pipeline's.

    Attributes:
        until: Id of the last node; None runs all.
        dry_run: Only say what would run.
        profile: Let trainings write TensorBoard's profile.
        shortcut: Show the last run's result if nothing has changed since then.
    """

    until: str | None = None
    dry_run: bool = False
    profile: bool = False
    shortcut: bool = True


def execute(
    config: PipelineConfig,
    file: str | os.PathLike[str] | None,
    overrides: Sequence[str],
    options: Options,
    *,
    as_json: bool,
) -> int:
    """Runs the pipeline on this machine.

    Args:
        config: What to run.
        file: File from which `config` was loaded; read again for a substitute.
        overrides: `KEY=VALUE` settings with which `config` was loaded.
        options: How it runs.
        as_json: Print the result as one JSON object instead of a table.

    Returns:
        Exit status: 0 pushed or did what the options say, 3 not blessed.

    Raises:
        DistillError: If the run fails.
    """
    if options.dry_run:
        _show_plan(config, file, overrides, options.until, as_json)
        return 0
    with profiling.profiled(options.profile):
        if options.until is not None:
            _run_until(config, file, overrides, options.until, as_json)
            return 0
        is_short = options.shortcut and not options.profile
        result = _shown_again(config, as_json=as_json) if is_short else None
        if result is None:
            result = perform_run(config, file, overrides, as_json=as_json)
    return PUSHED if result.pushed else NOT_BLESSED


def _shown_again(config: PipelineConfig, *, as_json: bool) -> Any:
    """The result of the last run, shown once more; None: something has changed."""
    from tfx_distill.pipeline.runners.local import repeated_run

    result = repeated_run.result(config)
    if result is not None:
        terminal = log_capture.direct()
        terminal.err.print(
            f"Nothing has changed since run {result.run_id}; this is its result. To look "
            "for each node's in the cache: --no-shortcut.",
            soft_wrap=True,
        )
        _print_result(result, None if as_json else _table, terminal)
    return result


def _run_until(
    config: PipelineConfig,
    file: str | os.PathLike[str] | None,
    overrides: Sequence[str],
    until: str,
    as_json: bool,
) -> None:
    from tfx_distill.pipeline.runners.local import partial_run

    work = functools.partial(partial_run.run, until=until)
    shown = None if as_json else partial_run.lines
    perform(config, file, overrides, work, shown, "result.json")


def _show_plan(
    config: PipelineConfig,
    file: str | os.PathLike[str] | None,
    overrides: Sequence[str],
    until: str | None,
    as_json: bool,
) -> None:
    named_inputs.check(config)
    with log_capture.captured(None) as terminal:
        terminal.err.print("Loading TensorFlow Extended")
        from tfx_distill.pipeline.runners.local import dataset_fallback, planned_run

        config, _ = dataset_fallback.available(config, file, overrides)
        plan = planned_run.plan(config, until)
        _print_result(plan, None if as_json else planned_run.table, terminal)


def perform_run(
    config: PipelineConfig,
    file: str | os.PathLike[str] | None,
    overrides: Sequence[str],
    *,
    as_json: bool = False,
) -> Any:
    """As `execute`, but returns the `RunResult`."""
    table = None if as_json else _table
    return perform(config, file, overrides, _run_all, table, "result.json")


def _run_all(config: PipelineConfig, watcher: Any, run_dir: pathlib.Path) -> Any:
    from tfx_distill.components.evaluator import margin_check
    from tfx_distill.components.example_gen import sources
    from tfx_distill.pipeline.runners.local import (
        dag_runner,
        repeated_run,
        run_webhook,
    )

    # The gate checks this again with the examples; here nothing is trained yet.
    num_test = sources.open_source(config.data).num_test
    if num_test is not None:
        margin_check.require_resolvable(config.gate, num_test)
    with repeated_run.recorded(config, run_dir):
        return run_webhook.told(
            config,
            run_dir,
            lambda: dag_runner.run(config, watcher, run_dir),
            watcher.data_found,
        )


def _table(result: Any) -> Any:
    from tfx_distill.pipeline.runners.local import display

    return display.result_table(result)


def perform(
    config: PipelineConfig,
    file: str | os.PathLike[str] | None,
    overrides: Sequence[str],
    work: Callable[[PipelineConfig, Any, pathlib.Path], R],
    table: Callable[[R], Any] | None,
    result_name: str,
) -> R:
    """Prepares the data, does the work, then saves, prints and reports its result.

    Args:
        config: As in `execute`.
        file: As in `execute`.
        overrides: As in `execute`.
        work: Function of the configuration to run, the watcher and the run folder.
        table: Converts the result to what is printed; None prints JSON.
        result_name: Name of the result's file in the run folder.

    Raises:
        DistillError: If the work fails.
    """
    log = _checked_log(config)
    with (
        log_capture.captured(log) as terminal,
        timeline.recording(),
        bad_disks.explained(config),
    ):
        terminal.err.print(f"Loading TensorFlow Extended (log: {log})", soft_wrap=True)
        with _loaded().RunDisplay(terminal.err) as watcher:
            watcher.doing(f"Preparing {config.data.name}")
            config = _available(config, file, overrides, terminal)
            run_dir = run_folders.make_run_dir(config)
            with run_aftermath.failure_reported(config, run_dir, terminal):
                result = work(config, watcher, run_dir)
        _print_result(result, table, terminal)
        run_aftermath.keep(config, result, run_dir, result_name, terminal)
    return result


def _checked_log(config: PipelineConfig) -> pathlib.Path:
    """The log of a run, whose configuration can be used as far as anyone can see."""
    store_connection.require_usable(store_connection.connection_config(config))
    named_inputs.check(config)
    return run_folders.new_log(config)


@timeline.part("loading")
def _loaded() -> Any:
    """The module with the display, after all that `work` runs."""
    from tfx_distill.pipeline.runners.local import (
        dag_runner,  # noqa: F401 (loads TFX)
        live_progress,
    )

    return live_progress


@timeline.part("preparing data")
def _available(
    config: PipelineConfig,
    file: str | os.PathLike[str] | None,
    overrides: Sequence[str],
    terminal: log_capture.Terminal,
) -> PipelineConfig:
    """The configuration, with a data set that is prepared; announces a fallback."""
    from tfx_distill.pipeline.runners.local import dataset_fallback, display

    config, notice = dataset_fallback.available(config, file, overrides)
    if notice:
        terminal.err.print(display.notice(notice))
    return config


def _print_result(
    result: R, table: Callable[[R], Any] | None, terminal: log_capture.Terminal
) -> None:
    if table is not None:
        terminal.out.print(table(result))
    else:
        terminal.out.print_json(result.to_json(), indent=2)
