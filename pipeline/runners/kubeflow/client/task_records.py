"""The nodes of a run on a server without ML Metadata, which keeps a record of each."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tfx_distill.components import property_names
from tfx_distill.pipeline.runners.kubeflow.client import run_progress
from tfx_distill.pipeline.runners.kubeflow.client.run_progress import NodeState

_DRIVER, _EXECUTOR = "DRIVER", "EXECUTOR"  # kinds of pods
_DECISION = (
    property_names.PUSHED,
    property_names.PUSHED_VERSION,
    property_names.PUSHED_DESTINATION,
    property_names.REASON,
    property_names.VERDICT,
)
_TEMPLATE = "-system-container-"


def states(
    tasks: Sequence[Mapping[str, Any]], nodes: Iterable[str], *, run_ended: bool
) -> tuple[NodeState, ...]:
    """As `workflow_records.states`, from the answer of `/runs/ID/tasks`."""
    by_name = {task["name"]: task for task in tasks if task.get("type") != "ROOT"}
    return tuple(
        _state(name, by_name.get(name), run_ended=run_ended)
        for name in nodes or by_name
    )


def _state(name: str, task: Mapping[str, Any] | None, *, run_ended: bool) -> NodeState:
    if task is None:  # there are records of nodes that have started alone
        state = run_progress.NOT_RUN if run_ended else run_progress.WAITING
        return NodeState(name, state)
    pods = {pod.get("type"): pod.get("name", "") for pod in task.get("pods", ())}
    state = str(task.get("state", "PENDING"))
    if _EXECUTOR not in pods:
        own = {
            "FAILED": run_progress.DRIVER_FAILED,
            "RUNNING": run_progress.POD_PENDING,
        }
        state = own.get(state, state)
    pod = pods.get(_EXECUTOR) or pods.get(_DRIVER, "")
    is_pending = state == run_progress.POD_PENDING
    return NodeState(
        name=name,
        state=state,
        seconds=_seconds(task.get("create_time"), task.get("end_time")),
        since=task.get("create_time", "") if is_pending else "",
        error=" ".join(task.get("status_metadata", {}).get("message", "").split()),
        log_names=tuple(_log_names(pod)) if pod else (),
        recorded=_decision(task),
    )


def _decision(task: Mapping[str, Any]) -> dict[str, Any]:
    metadata = [
        artifact.get("metadata", {})
        for output in task.get("outputs", {}).get("artifacts", ())
        for artifact in output.get("artifacts", ())
    ]
    return {name: m[name] for m in metadata for name in _DECISION if name in m}


def _seconds(start: str | None, end: str | None) -> float | None:
    if not start or not end:
        return None
    first, last = (
        # Python 3.10 cannot parse the Z.
        datetime.datetime.fromisoformat(moment.replace("Z", "+00:00"))
        for moment in (start, end)
    )
    return (last - first).total_seconds()


def _log_names(pod: str) -> Iterator[str]:
    """A pod's name, and Argo's ID of it, under which the archive has its log."""
    yield pod
    workflow, template, rest = pod.rpartition(_TEMPLATE)
    if template:
        yield f"{workflow}-{rest.rpartition('-')[2]}"
