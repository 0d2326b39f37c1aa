"""Prints a rehearsal: tasks as they run, then their artifacts."""

from __future__ import annotations

import os

from rich.console import Console
from rich.table import Table

from tfx_distill.components import property_names
from tfx_distill.pipeline.runners.kubeflow.pipeline_package import Package
from tfx_distill.pipeline.runners.kubeflow.rehearsal.rehearsal_result import (
    RAN,
    Result,
    TaskResult,
)

_UNTESTED = (
    "whether Argo accepts the workflow and its size",
    "the object store's credentials and the permission to submit",
    "pod security, user IDs and a read-only root file system",
    "whether pods with these resources can be scheduled",
    "schedules, and the load of other users",
)


class Lines:
    """Prints a line for each task."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def task_started(self, task: str, index: int, total: int) -> None:
        width = len(str(total))
        self._print(f"[{index + 1:{width}}/{total}] {task:<20} ", end="")

    def task_finished(self, task: str, result: TaskResult) -> None:
        time = f" {result.seconds:.0f} s" if result.state == RAN else ""
        notes = f" ({'; '.join(result.notes)})" if result.notes else ""
        self._print(f"{result.state}{time}{notes}")

    def task_failed(self, task: str) -> None:
        self._print("failed")

    def _print(self, text: str, end: str = "\n") -> None:
        self._console.print(
            text, end=end, soft_wrap=True, markup=False, highlight=False
        )


def show(
    result: Result, package: Package, console: Console, *, in_image: bool = False
) -> None:
    """Prints lineage, outcome, and what only a cluster can test."""

    def line(text: str = "") -> None:
        console.print(text, soft_wrap=True, markup=False, highlight=False)

    line()
    console.print(_lineage(result))
    line("All pods can reach every recorded URI and path.")
    line()
    if result.pushed is not None:
        line(
            f"Pushed: {result.pushed['metadata'].get(property_names.PUSHED_DESTINATION)}"
        )
        line(f"    as {result.pushed['uri']}")
    elif result.reasons is not None:
        line(f"{'' if result.blessed else 'Student NOT blessed. '}Nothing was pushed.")
        for reason in result.reasons:
            line(f"  {reason}")
    line()
    line("Only a cluster can test:")
    image = "whether the image can be pulled" + (
        "" if in_image else " and contains this code"
    )
    for assumption in (image, *_UNTESTED, *_assumptions(package)):
        line(f"  - {assumption}")
    line()
    line(f"Logs: {os.path.relpath(result.run_dir)}/TASK/log.txt")


def _lineage(result: Result) -> Table:
    table = Table("Task", "", "Reads", "Makes", box=None, pad_edge=False)
    for name, task in result.tasks.items():
        reads = ", ".join(f"{key} #{number}" for key, number in task.reads.items())
        makes = ", ".join(f"{key} #{number}" for key, number in task.writes.items())
        table.add_row(name, task.state, reads, makes)
    return table


def _assumptions(package: Package) -> list[str]:
    """What this particular pipeline expects of its cluster."""
    claims: set[str] = set()
    secrets: set[str] = set()
    gpus: set[str] = set()
    for task, container in package.containers():
        platform = package.kubernetes(task)
        for mount in platform.get("pvcMount", []):
            name = mount["constant"]
            claims.add(
                f"whether the claim {name} exists and the image's user can write to it"
            )
        for key in ("secretAsEnv", "secretAsVolume"):
            for secret in platform.get(key, []):
                name = secret["secretName"]
                secrets.add(f"whether the secret {name} exists with its keys")
        accelerator = container.get("resources", {}).get("accelerator")
        if accelerator:
            count, kind = accelerator["count"], accelerator["type"]
            gpus.add(f"whether a node has the accelerators of {task}: {count} × {kind}")
    hooks = [
        f"whether {task} may ask the server, and reaches the webhook"
        for task in package.exit_tasks
    ]
    return [*hooks, *sorted(claims), *sorted(secrets), *sorted(gpus)]
