"""The data set of commands that read it on this machine."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tfx_distill.pipeline.config.loader import load_config

if TYPE_CHECKING:
    from tfx_distill.pipeline.config.schema import PipelineConfig
    from tfx_distill.pipeline.log_capture import Terminal


def available(
    file: str | None, overrides: tuple[str, ...], terminal: Terminal
) -> PipelineConfig:
    """The configuration, with a data set that is available; announces a fallback."""
    from tfx_distill.pipeline.runners.local import dataset_fallback, display

    config, notice = dataset_fallback.available(
        load_config(file, overrides), file, overrides
    )
    if notice:
        terminal.err.print(display.notice(notice))
    return config


@contextlib.contextmanager
def reading(
    file: str | None, overrides: tuple[str, ...], terminal: Terminal
) -> Iterator[PipelineConfig]:
    """As `available`, and shows the progress of what reads the data set."""
    from tfx_distill.pipeline.runners.local import live_progress

    with live_progress.RunDisplay(terminal.err) as watcher:
        watcher.doing(f"Reading {load_config(file, overrides).data.name}")
        yield available(file, overrides, terminal)
