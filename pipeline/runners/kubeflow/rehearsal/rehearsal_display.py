"""Prints a rehearsal: tasks as they run, then their artifacts."""

from __future__ import annotations

import functools
import os

from rich.console import Console
from rich.table import Table

from tfx_distill.components import property_names
from tfx_distill.pipeline.runners.kubeflow.rehearsal.rehearsal_result import (
    RAN,
    Result,
    TaskResult,
)


class Lines:
    """Prints a line for each task."""

    def __init__(self, console: Console) -> None:
        self._print = functools.partial(
            console.print, soft_wrap=True, markup=False, highlight=False
        )

    def task_started(self, task: str, index: int, total: int) -> None:
        width = len(str(total))
        self._print(f"[{index + 1:{width}}/{total}] {task:<20} ", end="")

    def task_finished(self, task: str, result: TaskResult) -> None:
        time = f" {result.seconds:.0f} s" if result.state == RAN else ""
        notes = f" ({'; '.join(result.notes)})" if result.notes else ""
        self._print(f"{result.state}{time}{notes}")

    def task_failed(self, task: str) -> None:
        self._print("failed")


def show(result: Result, console: Console) -> None:
    """Prints the lineage and the outcome."""
    lines = ["All pods can reach every recorded URI and path.", ""]
    if result.pushed is not None:
        place = result.pushed["metadata"].get(property_names.PUSHED_DESTINATION)
        lines += [f"Pushed: {place}", f"    as {result.pushed['uri']}"]
    elif result.reasons is not None:
        verdict = "" if result.blessed else "Student NOT blessed. "
        lines.append(f"{verdict}Nothing was pushed.")
        lines += [f"  {reason}" for reason in result.reasons]
    lines.append(f"Logs: {os.path.relpath(result.run_dir)}/TASK/log.txt")
    console.print("", _lineage(result))
    console.print("\n".join(lines), soft_wrap=True, markup=False, highlight=False)


def _lineage(result: Result) -> Table:
    table = Table("Task", "", "Reads", "Makes", box=None, pad_edge=False)
    for name, task in result.tasks.items():
        reads, makes = (
            ", ".join(f"{key} #{number}" for key, number in ids.items())
            for ids in (task.reads, task.writes)
        )
        table.add_row(name, task.state, reads, makes)
    return table
