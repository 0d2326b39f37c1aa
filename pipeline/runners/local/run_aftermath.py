"""What follows a local run, its report and trackers: nothing here changes how it ended."""

from __future__ import annotations

import contextlib
import logging
import pathlib
from collections.abc import Iterator
from typing import Any

from tfx_distill.pipeline import hints, log_capture
from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.trainer import file_system
from tfx_distill.trainer.errors import DistillError, Interrupted

logger = logging.getLogger(__name__)


def keep(
    config: PipelineConfig,
    result: Any,
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
def failure_reported(
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
