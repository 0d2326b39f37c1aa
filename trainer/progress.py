"""Progress of long tasks, reported to one listener: by default, the log."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import time
from collections.abc import Callable, Iterator

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Progress:
    """The state of a long task.

    Attributes:
        task: Name of the task, such as `training the teacher`.
        done: Number of finished units.
        total: Number of all units.
        detail: The current part, such as `epoch 2/5`.
        metrics: Latest values by name, such as loss and accuracy.
        milestone: Whether it gets a line of its own when there is no progress bar.
    """

    task: str
    done: int
    total: int
    detail: str = ""
    metrics: dict[str, float] = dataclasses.field(default_factory=dict)
    milestone: bool = False


Listener = Callable[[Progress], None]


def _log(progress: Progress) -> None:
    values = " ".join(f"{name}={value:.4f}" for name, value in progress.metrics.items())
    logger.info(
        "%s: %s %d/%d %s",
        progress.task,
        progress.detail,
        progress.done,
        progress.total,
        values,
    )


class _Reporter:
    def __init__(self) -> None:
        self.listener: Listener = _log
        self.interval_s = 10.0
        self.last = 0.0


_reporter = _Reporter()


def listen(listener: Listener | None, interval_s: float = 0.1) -> None:
    """Sends progress to `listener`, at most once per `interval_s`; None: to the log."""
    _reporter.listener = listener or _log
    _reporter.interval_s = interval_s if listener else 10.0


@contextlib.contextmanager
def subtask(change: Callable[[Progress], Progress]) -> Iterator[None]:
    """Converts the progress of a subtask to that of the task it is part of."""
    outer = _reporter.listener
    _reporter.listener = lambda progress: outer(change(progress))
    try:
        yield
    finally:
        _reporter.listener = outer


def report(progress: Progress, *, always: bool = False) -> None:
    """Reports progress, unless the last report was within the listener's interval."""
    now = time.monotonic()
    finished = progress.done >= progress.total
    if always or finished or now - _reporter.last >= _reporter.interval_s:
        _reporter.last = now
        _reporter.listener(progress)
