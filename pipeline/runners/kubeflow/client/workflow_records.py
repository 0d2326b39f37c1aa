"""What Argo makes of a run: a chain of records for each node, told apart by their IDs.

KFP turns a node into a driver (`NODE-driver`), which prepares it, a group (`NODE`) and in
it a container (`executor`). Since KFP 2.17, Argo puts each into a Retry node, whose
attempts are `NODE(0)`, `executor(0)` and so on. Records of containers bear no node's name
and no ID, but records list their children's IDs, and an ID is the workflow's name and
FNV-1a, 32 bits, of the full name, such as `W(0).root(0).NODE(0).executor(0)`.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tfx_distill.pipeline.runners.kubeflow.client import run_progress
from tfx_distill.pipeline.runners.kubeflow.client.run_progress import NodeState
from tfx_distill.pipeline.runners.kubeflow.client.schedule_timing import rfc3339
from tfx_distill.pipeline.runners.kubeflow.pipeline_package import (
    CONTAINER_TEMPLATE,
    EXIT_HANDLER,
    NOTIFY,
)

_DRIVER = "-driver"
_KFP_TASKS = ("root", "executor", EXIT_HANDLER)  # which are not nodes
_CONTAINER = re.compile(r"executor(\(\d+\))?")
_MAX_ATTEMPTS = 10
_LONG_AGO = datetime.datetime.min.replace(tzinfo=datetime.timezone.utc)
_NO_TIME_YEAR = 1971  # the server writes 1970 or 1 for "not yet"
# A pod's name is its ID with the name of the template before the hash.
_DRIVER_TEMPLATE = "system-container-driver"


def states(
    records: Sequence[Any], templates: Mapping[str, str], *, run_ended: bool
) -> tuple[NodeState, ...]:
    """The states of a run's nodes.

    Args:
        records: `V2beta1PipelineTaskDetail`s, in any order.
        templates: See `Package.container_templates`, so that nodes that have not started
            are included. Without any, only nodes with a driver are.
        run_ended: Whether the run has.
    """
    workflow = Workflow(records, templates)
    return tuple(
        workflow.state(name, run_ended=run_ended)
        for name in templates or workflow.nodes()
    )


class Workflow:
    """The records of one run.

    Attributes:
        name: Of Argo's workflow; empty before there is one.
    """

    def __init__(self, records: Sequence[Any], templates: Mapping[str, str]) -> None:
        """As `states`."""
        self._templates = templates
        self._records = sorted((r for r in records if r.display_name), key=_began)
        # The latest attempt wins.
        self._by_name = {record.display_name: record for record in self._records}
        self._parents = {
            child.pod_name: record
            for record in self._records
            for child in record.child_tasks or []
            if child.pod_name
        }
        self.name = next(iter(self._parents), "").rpartition("-")[0]
        self._in_retries = "root(0)" in self._by_name
        self._has_exit_handler = EXIT_HANDLER in self._by_name
        self._containers_of: dict[str, list[str]] = {}

    def nodes(self) -> list[str]:
        """The nodes that have a driver, in the order of their start."""
        names = (
            name[: -len(_DRIVER)] for name in self._by_name if name.endswith(_DRIVER)
        )
        return [name for name in names if name not in _KFP_TASKS]

    def state(self, node: str, *, run_ended: bool) -> NodeState:
        """The state of a node by the whole chain of its records."""
        group, driver = self._by_name.get(node), self._by_name.get(node + _DRIVER)
        state = self._state(node, group, driver)
        if run_ended and state in (run_progress.WAITING, run_progress.PREPARING):
            state = run_progress.NOT_RUN
        since = self.waits_for_pod_since(node) if state == "RUNNING" else None
        of_driver = state == run_progress.DRIVER_FAILED
        last = driver if of_driver else group
        has_time = last is not None and state != run_progress.NOT_RUN
        return NodeState(
            name=node,
            state=run_progress.POD_PENDING if since else state,
            seconds=_seconds(driver or last, last) if has_time else None,
            since=rfc3339(since) or "",
            error=next(filter(None, map(error, (group, driver))), ""),
            log_names=()
            if state in run_progress.WITHOUT_LOG
            else tuple(self.log_names(node, of_driver=of_driver)),
        )

    def _state(self, node: str, group: Any, driver: Any) -> str:
        if driver is not None and driver.state != "SUCCEEDED":
            if driver.state is None:  # Argo omits what follows a failure
                return run_progress.NOT_RUN
            known = {"FAILED": run_progress.DRIVER_FAILED, "SKIPPED": "SKIPPED"}
            return known.get(driver.state, run_progress.PREPARING)
        if group is None:
            waits = driver is None
            return run_progress.WAITING if waits else run_progress.PREPARING
        if group.state is None:
            return run_progress.NOT_RUN
        if group.state == "SUCCEEDED" and not self.has_container(node):
            return run_progress.CACHED
        return str(group.state)

    def has_container(self, node: str) -> bool:
        """Whether a node needed one; False with a cached result.

        Before KFP 2.17, records do not say so, and all nodes seem to have one.
        """
        return not self._in_retries or self._holder(node) is not None

    def waits_for_pod_since(self, node: str) -> datetime.datetime | None:
        """Since when a node's container has had no running pod; None: it has one.

        Containers of nodes that run at the same time are told apart by their start alone.
        Where that leaves doubt, the answer is None.
        """
        holder = self._holder(node) if self._in_retries else self._by_name.get(node)
        if holder is None:
            return None
        open_ones = [
            record
            for record in self._records
            if _CONTAINER.fullmatch(record.display_name)
            and self._is_leaf(record)
            and _began(record) >= _began(holder)
            and record.state in (None, "PENDING", "RUNNING")
        ]
        if not open_ones or any(record.state != "PENDING" for record in open_ones):
            return None
        return _began(open_ones[0])

    def log_names(self, node: str, *, of_driver: bool = False) -> list[str]:
        """Names under which the server may have a node's log, the likeliest first.

        While the pod is there, it is the pod's name; afterwards, in the archive, the ID.
        """
        if not self.name:
            return []
        own = self._templates.get(node, CONTAINER_TEMPLATE)
        template = _DRIVER_TEMPLATE if of_driver else own
        full = self._driver_names(node) if of_driver else self._containers(node)
        return [found for n in full for found in (self._id(n, template), self._id(n))]

    def _holder(self, node: str) -> Any:
        """The record of the Retry node around a node's container; None without one."""
        return self._parents.get(self._id(self._containers(node)[0]))

    def _containers(self, node: str) -> list[str]:
        """As `_attempts`, those that are known; else the first one's."""
        if node not in self._containers_of:
            self._containers_of[node] = self._known(self._attempts(node))
        return self._containers_of[node]

    def _known(self, full_names: Iterable[str]) -> list[str]:
        names = list(full_names)
        return [name for name in names if self._id(name) in self._parents] or names[-1:]

    def _is_leaf(self, record: Any) -> bool:
        return not self._in_retries or record.display_name != "executor"

    def _driver_names(self, node: str) -> list[str]:
        path = f"{self._group(node)}.{node}{_DRIVER}"
        if not self._in_retries:
            return [path]
        return self._known(f"{path}({n})" for n in reversed(range(_MAX_ATTEMPTS)))

    def _attempts(self, node: str) -> Iterator[str]:
        """Full names of a node's containers, the last attempt first."""
        if not self._in_retries:
            yield f"{self._group(node)}.{node}.executor"
            return
        for group in reversed(range(_MAX_ATTEMPTS)):
            for attempt in reversed(range(_MAX_ATTEMPTS)):
                path = f"{self._group(node)}.{node}({group})"
                yield f"{path}.executor({attempt})"

    def _group(self, node: str) -> str:
        """Full name of the DAG that a node is in; an exit task is in a hook's."""
        parts = [self.name, "root"]
        if self._has_exit_handler:
            hook = f"{EXIT_HANDLER}.onExit"
            parts.append(hook if node == NOTIFY else EXIT_HANDLER)
        return ".".join(f"{part}(0)" if self._in_retries else part for part in parts)

    def _id(self, full_name: str, template: str = "") -> str:
        digits = str(_fnv_1a(full_name))
        return "-".join(filter(None, [self.name, template, digits]))


def error(record: Any) -> str:
    """The server's message in a run or a record; empty without one."""
    if record is None:
        return ""
    messages = [getattr(record.error, "message", None)]
    for status in record.state_history or []:
        messages.append(getattr(status.error, "message", None))
    return next((" ".join(m.split()) for m in messages if m), "")


def _seconds(first: Any, last: Any) -> float | None:
    """From the start of one record to the end of another; None: no end yet."""
    start, end = first.start_time or last.start_time, last.end_time
    if not start or not end or end.year < _NO_TIME_YEAR or end < start:
        return None
    return float((end - start).total_seconds())


def _began(record: Any) -> datetime.datetime:
    # A record is made some time after its node has started.
    return record.start_time or record.create_time or _LONG_AGO


def _fnv_1a(text: str) -> int:
    """FNV-1a, 32 bits (Fowler, Noll and Vo), by which Argo names nodes."""
    value = 0x811C9DC5
    for byte in text.encode():
        value = (value ^ byte) * 0x01000193 % 2**32
    return value
