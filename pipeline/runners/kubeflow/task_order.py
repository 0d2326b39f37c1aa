"""The order in which the tasks of a compiled pipeline can run."""

from __future__ import annotations

import graphlib
from collections.abc import Iterator, Mapping
from typing import Any

from tfx_distill.pipeline.runners.kubeflow.kubeflow_errors import CompileError


def task_order(tasks: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Sorts tasks so that each follows the tasks it needs.

    Raises:
        CompileError: If a task needs an unknown task or itself.
    """
    needs = {name: set(_needed_tasks(task)) for name, task in tasks.items()}
    for name, needed in needs.items():
        for missing in sorted(needed - set(tasks)):
            raise CompileError(f"{name} depends on {missing}, which is not a task.")
    sorter = graphlib.TopologicalSorter(needs)
    try:
        sorter.prepare()
    except graphlib.CycleError as error:
        raise CompileError(
            f"These tasks wait for each other: {', '.join(error.args[1])}."
        ) from None
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += ready
        sorter.done(*ready)
    return order


def _needed_tasks(task: Mapping[str, Any]) -> Iterator[str]:
    yield from task.get("dependentTasks", ())
    inputs = task.get("inputs", {})
    for kind, source in (
        ("artifacts", "taskOutputArtifact"),
        ("parameters", "taskOutputParameter"),
    ):
        for value in inputs.get(kind, {}).values():
            if source in value:
                yield value[source]["producerTask"]
