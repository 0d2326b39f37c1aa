"""The state of a run's nodes, from the server's records.

KFP turns one node into several tasks: `Trainer-driver` prepares it, `Trainer` is the
group, and `executor` is the container. The first two identify a node here.
"""

from __future__ import annotations

import dataclasses
import datetime
import math
import re
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

_DRIVER = "-driver"
_KFP_TASKS = ("root", "executor")  # which are not nodes
ENDED = ("SUCCEEDED", "FAILED", "SKIPPED", "CANCELED")
WAITING = "WAITING"
_NO_TIME_YEAR = 1971  # the server writes 1970 or 1 for "not yet"
_HINT_AFTER_S = 120.0
_PENDING_HINT = (
    "has been pending for minutes. Common causes: an image that cannot be pulled, a "
    "missing secret or volume, or no machine with enough resources. The server does not "
    "report it, but `kubectl get events` does."
)


@dataclasses.dataclass(frozen=True)
class NodeState:
    """One node: `state` as the server names it, or WAITING before the server knows it."""

    name: str
    state: str
    seconds: float | None = None
    error: str = ""
    children: tuple[str, ...] = ()  # Argo's node IDs of its container


@dataclasses.dataclass(frozen=True)
class RunState:
    """The current state of a run."""

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
    """Reads a run as the API returns it.

    Args:
        run: `V2beta1Run`.
        known_nodes: Names in order, from the compiled pipeline, so that nodes that have
            not started are included. Without them, only nodes with a driver are.
    """
    details = getattr(run.run_details, "task_details", None) or []
    tasks = sorted(details, key=_began)
    by_name = {task.display_name: task for task in tasks}  # the latest attempt wins
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
        if name.endswith(_DRIVER) and node not in _KFP_TASKS:
            yield node


def _node(name: str, tasks: dict[str, Any]) -> NodeState:
    task, driver = tasks.get(name), tasks.get(name + _DRIVER)
    if task is None:
        if driver is None:
            return NodeState(name, WAITING)
        # A driver that has succeeded is not a node that has: its container follows.
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
    """The server's error message, with advice."""
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


def line(node: NodeState) -> str:
    """Describes a node in one line."""
    seconds = "" if node.seconds is None else f"{node.seconds:.0f} s"
    text = f"{node.name:<22} {node.state.lower():<10}{seconds:>7}".rstrip()
    return f"{text}  {node.error}" if node.error else text


class ProgressLog:
    """Reports what changes while a run is followed, and nodes that stay pending."""

    def __init__(
        self,
        echo: Callable[[str], None],
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Takes what prints a line, and a clock in seconds that is never set back."""
        self._echo, self._clock_s = echo, clock_s
        self._states: dict[str, str] = {}
        self._pending_since_s: dict[str, float] = {}

    def update(self, run: RunState) -> None:
        """Reports the changes since the last call."""
        for number, node in enumerate(run.nodes, start=1):
            if node.state not in (self._states.get(node.name, WAITING), WAITING):
                self._echo(f"[{number}/{len(run.nodes)}] {line(node)}")
            self._states[node.name] = node.state
        for node in run.nodes:
            if node.state == "PENDING":
                now_s = self._clock_s()
                since_s = self._pending_since_s.setdefault(node.name, now_s)
                if now_s - since_s > _HINT_AFTER_S:
                    self._pending_since_s[node.name] = math.inf  # once is enough
                    self._echo(f"    {node.name} {_PENDING_HINT}")
