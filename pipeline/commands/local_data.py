"""The data set of commands that read it on this machine."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tfx_distill.pipeline.config.loader import load_config, load_fallback
from tfx_distill.trainer.errors import DistillError

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


def require_tested(
    config: PipelineConfig, file: str | None, overrides: tuple[str, ...]
) -> None:
    """Looks for a tested student before TensorFlow loads.

    Raises:
        DistillError: If the pipeline has none, nor that of the data set to which a run
            would fall back.
    """
    from tfx_distill.pipeline.mlmd import tested_models

    try:
        tested_models.latest(config)
    except DistillError:
        fallback = load_fallback(config, file, overrides)
        if fallback is not None:
            with contextlib.suppress(DistillError):
                tested_models.latest(fallback)
                return
        raise


@contextlib.contextmanager
def reading(
    file: str | None, overrides: tuple[str, ...], terminal: Terminal
) -> Iterator[PipelineConfig]:
    """As `available`, and shows the progress of what reads the data set."""
    from tfx_distill.pipeline.runners.local import live_progress

    with live_progress.RunDisplay(terminal.err) as watcher:
        watcher.doing(f"Reading {load_config(file, overrides).data.name}")
        yield available(file, overrides, terminal)
