"""What users see while a run works: the node, its progress, and the time left.

A terminal gets a bar and a line of details below it; a file gets a line for each event.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from tfx_distill.pipeline.runners.local.results import NodeResult
from tfx_distill.trainer import progress as training_progress
from tfx_distill.trainer.progress import Progress

_MIN_SHARE = 0.05  # of a task, after which its pace says how long the rest takes
_LEFT = "{} left"


class _LastingLive(Live):
    """A live display that goes on if a frame cannot be drawn.

    Rich imports modules as it draws. TensorFlow Datasets replaces Python's import while
    it loads its own, and then that fails in rich's thread, which would end.
    """

    def refresh(self) -> None:
        with contextlib.suppress(ImportError, ValueError):
            super().refresh()


class RunDisplay:
    """Shows nodes as they run: a live bar in a terminal, lines elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._is_live = console.is_terminal
        self._spinner = Spinner("dots")
        self._label = ""  # of what is being done; empty: nothing
        self._node = ""
        self._started = self._task_started = time.monotonic()
        self._progress: Progress | None = None
        self._usual: dict[str, float] = {}
        self._shown_detail = ""
        # What libraries print goes to the log: redirected, it would come back here.
        self._live = _LastingLive(
            console=console,
            get_renderable=self._rendered,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> RunDisplay:
        if self._is_live:
            self._live.start()
        training_progress.listen(self.progressed)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        training_progress.listen(None)
        self._begin("")
        if self._is_live:
            self._live.stop()

    def doing(self, what: str) -> None:
        """Shows work that happens outside of any node."""
        self._begin(what)
        if not self._is_live:
            self._print(what)

    def expect(self, seconds: Mapping[str, float]) -> None:
        """Takes how long each node took when it last ran, by its id."""
        self._usual = dict(seconds)

    def node_started(self, node_id: str, index: int, total: int) -> None:
        self._begin(f"[{index + 1:>{len(str(total))}}/{total}] {node_id}", node_id)
        if not self._is_live:
            self._print(f"{self._label} ...")

    def node_finished(self, node_id: str, result: NodeResult) -> None:
        how = "from cache" if result.cached else f"{result.seconds:.1f} s"
        line = f"{self._label:<30} {how:>10}"
        self._usual.pop(node_id, None)
        self._begin("")
        self._print(line)

    def data_found(self, notices: Sequence[str]) -> None:
        """Tells what the user should know of the data."""
        for notice_ in notices:
            self._print(f"    {notice_}")

    def progressed(self, progress: Progress) -> None:
        if self._progress is None or self._progress.task != progress.task:
            self._task_started = time.monotonic()
        self._progress = progress
        is_due = progress.milestone or "val_accuracy" in progress.metrics
        if is_due and not self._is_live and progress.detail != self._shown_detail:
            self._shown_detail = progress.detail
            self._print(f"    {progress.task}: {_detail(progress)}")

    def _begin(self, label: str, node_id: str = "") -> None:
        self._label, self._node = label, node_id
        self._progress, self._shown_detail = None, ""
        self._started = self._task_started = time.monotonic()

    def _left(self) -> float | None:
        """Seconds left of the node: by its pace, or else as last time."""
        now, at = time.monotonic(), self._progress
        if at is not None and at.total and at.done >= _MIN_SHARE * at.total:
            return (now - self._task_started) * (at.total - at.done) / at.done
        usual = self._usual.get(self._node)
        return None if usual is None else max(0.0, usual - (now - self._started))

    def _rendered(self) -> Group | Text:
        if not self._label:
            return Text()
        at, left = self._progress, self._left()
        clock = [_clock(time.monotonic() - self._started)]
        if left is not None:
            clock.append(_LEFT.format(_clock(left)))
            rest = [s for node, s in self._usual.items() if node != self._node]
            if rest:
                clock.append(f"run {_LEFT.format(_clock(left + sum(rest)))}")
        line = Table.grid(padding=(0, 1), expand=True)
        for width in (1, len(self._label), None, len(", ".join(clock))):
            line.add_column(width=width, ratio=None if width else 1, no_wrap=True)
        line.add_row(
            self._spinner, Text(self._label), self._bar(), Text(", ".join(clock))
        )
        detail = _detail(at) if at else ""
        return Group(line, Text(f"  {detail}", no_wrap=True, overflow="ellipsis"))

    def _bar(self) -> ProgressBar:
        """How far the task is, or else the node if it takes as long as last time."""
        at, usual = self._progress, self._usual.get(self._node)
        if at is not None and at.total:
            return ProgressBar(at.total, at.done)
        if usual:
            return ProgressBar(usual, min(usual, time.monotonic() - self._started))
        return ProgressBar(pulse=True)

    def _print(self, line: str) -> None:
        self._console.print(Text(line), soft_wrap=True, highlight=False)


def _detail(progress: Progress) -> str:
    values = (f"{name} {value:.4f}" for name, value in progress.metrics.items())
    return "  ".join(filter(None, [progress.detail, *values]))


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
