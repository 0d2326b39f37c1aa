"""A rehearsal, shown to a person: tasks as they run, then what they made."""

from __future__ import annotations

import os
from typing import Any

from rich.console import Console
from rich.table import Table

from tfx_distill.pipeline.runners.kubeflow.compiler.package import Package
from tfx_distill.pipeline.runners.kubeflow.rehearsal.rehearsal import (
    RAN,
    Result,
    TaskResult,
)

_ONLY_A_CLUSTER = (
    "that Argo admits the workflow, and its size",
    "credentials of the object store, and who may submit",
    "pod security, user ids, and a root that is read-only",
    "that pods with these resources are scheduled",
    "cron, and who else runs there",
)


class Lines:
    """A line for each task."""

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
    """Prints lineage, outcome, and what was not proved."""

    def line(text: str = "") -> None:
        console.print(text, soft_wrap=True, markup=False, highlight=False)

    line()
    console.print(_lineage(result))
    line("Every URI and property names something that all pods can reach.")
    line()
    if result.pushed is not None:
        line(f"Pushed: {result.pushed['metadata'].get('pushed_destination')}")
        line(f"    as {result.pushed['uri']}")
    elif result.reasons is not None:
        line(f"{'' if result.blessed else 'Student NOT blessed. '}Nothing was pushed.")
        for reason in result.reasons:
            line(f"  {reason}")
    line()
    line("Only a cluster can prove:")
    image = "that the image can be pulled" + (
        "" if in_image else ", and holds this code"
    )
    for claim in (image, *_ONLY_A_CLUSTER, *_of_this_package(package)):
        line(f"  - {claim}")
    line()
    line(f"Logs: {os.path.relpath(result.run_dir)}/TASK/log.txt")


def _lineage(result: Result) -> Table:
    table = Table("Task", "", "Reads", "Makes", box=None, pad_edge=False)
    for name, task in result.tasks.items():
        reads = ", ".join(f"{key} #{number}" for key, number in task.reads.items())
        makes = ", ".join(f"{key} #{number}" for key, number in task.writes.items())
        table.add_row(name, task.state, reads, makes)
    return table


def _of_this_package(package: Package) -> list[str]:
    """What this pipeline in particular takes for granted."""
    claims: set[Any] = set()
    secrets: set[Any] = set()
    gpus: set[str] = set()
    for task in package.tasks:
        platform = package.kubernetes(task)
        claims |= {mount["constant"] for mount in platform.get("pvcMount", [])}
        for key in ("secretAsEnv", "secretAsVolume"):
            secrets |= {secret["secretName"] for secret in platform.get(key, [])}
        container = package.executor(task).get("container", {})
        accelerator = container.get("resources", {}).get("accelerator")
        if accelerator:
            gpus.add(f"{task}: {accelerator['count']} × {accelerator['type']}")
    return [
        *(
            f"that the claim {name} is there, and the image's user may write to it"
            for name in sorted(claims)
        ),
        *(
            f"that the secret {name} is there, with its keys"
            for name in sorted(secrets)
        ),
        *(f"that a node has the accelerators, {gpu}" for gpu in sorted(gpus)),
    ]
