"""The command `distill run`: prepares data, runs the DAG and shows the result."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import os
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from tfx_distill.pipeline import bad_disks, hints, log_capture
from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.pipeline.mlmd import store_connection
from tfx_distill.pipeline.runners.local import named_inputs, run_folders
from tfx_distill.trainer import file_system, profiling, timeline
from tfx_distill.trainer.errors import DistillError, Interrupted

logger = logging.getLogger(__name__)

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
    """

    until: str | None = None
    dry_run: bool = False
    profile: bool = False


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
        result = perform_run(config, file, overrides, as_json=as_json)
    return PUSHED if result.pushed else NOT_BLESSED


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
    from tfx_distill.pipeline.runners.local import dag_runner, run_webhook

    # The gate checks this again with the examples; here nothing is trained yet.
    num_test = sources.open_source(config.data).num_test
    if num_test is not None:
        margin_check.require_resolvable(config.gate, num_test)
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
            with _failure_reported(config, run_dir, terminal):
                result = work(config, watcher, run_dir)
        _print_result(result, table, terminal)
        _keep(config, result, run_dir, result_name, terminal)
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


def _keep(
    config: PipelineConfig,
    result: Result,
    run_dir: pathlib.Path,
    name: str,
    terminal: log_capture.Terminal,
) -> None:
    """Writes down a finished run, in files and in experiment trackers.

    A student that was pushed stays pushed: if a part of this fails, the user sees a
    notice, and nothing else changes.
    """
    from tfx_distill.pipeline import tracking

    text = result.to_json()
    again = f"The run itself is not affected. To try again: {hints.command('report')}"
    with _noticed(terminal, "The run's report could not be written", again):
        _write_report(config, run_dir, terminal)
    with (
        _noticed(terminal, f"The run's {name} could not be written"),
        file_system.written_whole(str(run_dir / name)) as part,
    ):
        pathlib.Path(part).write_text(text, encoding="utf-8")
    with _noticed(terminal, "The run is not in your experiment tracker"):
        tracking.record_run(config, text, run_dir)


@contextlib.contextmanager
def _noticed(
    terminal: log_capture.Terminal, failure: str, advice: str = ""
) -> Iterator[None]:
    """Turns an error into a notice."""
    from tfx_distill.pipeline.runners.local import display

    try:
        yield
    except Exception as error:
        logger.exception(failure)
        text = f"{failure}: {str(error) or type(error).__name__} {advice}"
        terminal.err.print(display.notice(text.strip()))


@contextlib.contextmanager
def _failure_reported(
    config: PipelineConfig, run_dir: pathlib.Path, terminal: log_capture.Terminal
) -> Iterator[None]:
    """Reports a failed run as far as it came; never hides the run's own error."""
    try:
        yield
    except Interrupted:
        raise
    except Exception:
        try:
            _write_report(config, run_dir, terminal)
        except DistillError:  # the run had not started
            pass
        except Exception:
            logger.exception("The report of the failed run could not be written")
        raise


def _write_report(
    config: PipelineConfig, run_dir: pathlib.Path, terminal: log_capture.Terminal
) -> None:
    from tfx_distill.pipeline.report import writer

    path = writer.write_run(config, run_dir.name)
    terminal.err.print(f"Report {path}", soft_wrap=True, highlight=False, markup=False)
