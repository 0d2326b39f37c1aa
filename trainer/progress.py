"""Progress of long tasks, reported to one listener: by default, the log."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import time
from collections.abc import Callable, Iterator

logger = logging.getLogger(__name__)

_LOG_INTERVAL_S = 10.0


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


class _Log:
    """Logs the end of tasks, epochs and milestones, and the rest at intervals."""

    def __init__(self) -> None:
        self._last = 0.0

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        is_due = now - self._last >= _LOG_INTERVAL_S
        is_end = progress.done >= progress.total or "val_accuracy" in progress.metrics
        if not (is_due or is_end or progress.milestone):
            return
        self._last = now
        values = " ".join(f"{k}={v:.4f}" for k, v in progress.metrics.items())
        counts = f"{progress.done}/{progress.total}"
        logger.info("%s: %s %s %s", progress.task, progress.detail, counts, values)


_listeners: list[Listener] = [_Log()]  # the last one is called


def listen(listener: Listener | None) -> None:
    """Sends all progress to `listener`; None sends it to the log."""
    _listeners[:] = [listener or _Log()]


@contextlib.contextmanager
def subtask(convert: Callable[[Progress], Progress]) -> Iterator[None]:
    """Converts the progress of a subtask to that of the task it is part of."""
    outer = _listeners[-1]
    _listeners.append(lambda progress: outer(convert(progress)))
    try:
        yield
    finally:
        _listeners.pop()


def report(progress: Progress) -> None:
    """Sends progress to the listener."""
    _listeners[-1](progress)
