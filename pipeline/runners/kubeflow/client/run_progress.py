"""What the nodes of a run on a server do, from the server's own records.

KFP turns one node into several tasks: `Trainer-driver` prepares, `Trainer` groups,
and `executor` is the container. A node is known here by the first two.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Iterator, Sequence
from typing import Any

_DRIVER = "-driver"
_OWN = ("root", "executor")  # KFP's tasks that are no nodes
ENDED = ("SUCCEEDED", "FAILED", "SKIPPED", "CANCELED")
WAITING = "WAITING"
_NO_TIME_YEAR = 1971  # the server writes 1970 for "not yet"


@dataclasses.dataclass(frozen=True)
class NodeState:
    """One node: `state` as the server names it, or WAITING before it has any."""

    name: str
    state: str
    seconds: float | None = None
    error: str = ""
    children: tuple[str, ...] = ()  # places of its container, as Argo names them


@dataclasses.dataclass(frozen=True)
class RunState:
    """A run as the server sees it now."""

    run_id: str
    name: str
    state: str
    nodes: tuple[NodeState, ...]
    error: str = ""

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def succeeded(self) -> bool:
        return self.state == "SUCCEEDED"


def of_run(run: Any, known_nodes: Sequence[str] = ()) -> RunState:
    """Reads a run as the API gives it.

    Args:
        run: `V2beta1Run`.
        known_nodes: Names in order, from the compiled pipeline; those that have not
            started are shown too. Without them, only nodes that have a driver.
    """
    details = getattr(run.run_details, "task_details", None) or []
    tasks = sorted(details, key=_began)
    by_name = {task.display_name: task for task in tasks}  # the latest try wins
    names = list(known_nodes) or list(_seen(tasks))
    return RunState(
        run_id=str(run.run_id),
        name=str(run.display_name),
        state=str(run.state or "PENDING"),
        nodes=tuple(_node(name, by_name) for name in names),
        error=_error(run),
    )


def _began(task: Any) -> datetime.datetime:
    oldest = datetime.datetime.min.replace(tzinfo=datetime.timezone.utc)
    return task.create_time or task.start_time or oldest


def _seen(tasks: Sequence[Any]) -> Iterator[str]:
    names = [task.display_name or "" for task in tasks]
    for name in dict.fromkeys(names):
        node = name[: -len(_DRIVER)]
        if name.endswith(_DRIVER) and node not in _OWN:
            yield node


def _node(name: str, tasks: dict[str, Any]) -> NodeState:
    task, driver = tasks.get(name), tasks.get(name + _DRIVER)
    if task is None:
        if driver is None:
            return NodeState(name, WAITING)
        # Until the container is there, a driver that is done is no node that is done.
        state = str(driver.state or "PENDING")
        state = "RUNNING" if state == "SUCCEEDED" else state
        return NodeState(name, state, None, _error(driver))
    children = tuple(
        child.pod_name for child in task.child_tasks or [] if child.pod_name
    )
    return NodeState(
        name=name,
        state=str(task.state or "PENDING"),
        seconds=_seconds(driver or task, task),
        error=_error(task) or (_error(driver) if driver else ""),
        children=(task.pod_name, *children) if task.pod_name else children,
    )


def _seconds(first: Any, last: Any) -> float | None:
    start, end = first.start_time or last.start_time, last.end_time
    if not start or not end or end.year < _NO_TIME_YEAR or end < start:
        return None
    return float((end - start).total_seconds())


def _error(record: Any) -> str:
    """What the server says went wrong, with what a person can do about it."""
    messages = [getattr(record.error, "message", None)]
    for status in record.state_history or []:
        messages.append(getattr(status.error, "message", None))
    text = next((" ".join(m.split()) for m in messages if m), "")
    return f"{text}{_advice(text)}"


def _advice(text: str) -> str:
    if re.search(r"ImagePull|InvalidImageName|manifest unknown|pull access", text):
        return (
            " — The image cannot be pulled: check its name and tag, and the "
            "service account's pull secret, then compile with the right --image."
        )
    if re.search(r"secrets? \"?[\w.-]+\"? not found|CreateContainerConfigError", text):
        return " — A secret that the pipeline refers to is missing in the namespace."
    return ""


def changes(before: RunState | None, now: RunState) -> Iterator[str]:
    """Yields a line for each node whose state is new."""
    previous = {node.name: node.state for node in before.nodes} if before else {}
    total = len(now.nodes)
    for number, node in enumerate(now.nodes, start=1):
        if node.state in (previous.get(node.name, WAITING), WAITING):
            continue
        yield f"[{number}/{total}] {line(node)}"


def line(node: NodeState) -> str:
    """A node in one line."""
    seconds = "" if node.seconds is None else f"{node.seconds:.0f} s"
    text = f"{node.name:<22} {node.state.lower():<10}{seconds:>7}".rstrip()
    return f"{text}  {node.error}" if node.error else text
