"""The state of a run and its nodes, and lines that tell of it."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

ENDED = ("SUCCEEDED", "FAILED", "SKIPPED", "CANCELED")
# States of ours, beside the server's RUNNING, SUCCEEDED, FAILED and so on.
WAITING = "WAITING"
PREPARING = "PREPARING"
POD_PENDING = "POD_PENDING"
CACHED = "CACHED"
DRIVER_FAILED = "DRIVER_FAILED"
NOT_RUN = "NOT_RUN"
WITHOUT_LOG = (WAITING, PREPARING, CACHED, NOT_RUN)
_WORDS = {
    PREPARING: "preparing",
    POD_PENDING: "waiting for a pod",
    CACHED: "from the cache",
    DRIVER_FAILED: "driver failed",
    NOT_RUN: "not run",
}
_HINT_AFTER_S = 120.0
_PENDING_HINT = (
    "has waited for a pod for minutes. Common causes: an image that cannot be pulled, a "
    "missing secret or volume, or no machine with enough resources. The server does not "
    "report it; this does:"
)


@dataclasses.dataclass(frozen=True)
class NodeState:
    """One node.

    Attributes:
        name: Its node id.
        state: As the server names it, or one of this module's own.
        seconds: From the driver's start to the end; None before.
        since: Since when it waits for a pod, as RFC 3339; empty: it does not.
        error: The server's message; those with ML Metadata give none.
        log_names: Names under which the server may have the log, the likeliest first; of
            the driver's if that failed.
        recorded: What the server itself records of the node's decision, by name as in
            `property_names`; empty on those with ML Metadata.
    """

    name: str
    state: str
    seconds: float | None = None
    since: str = ""
    error: str = ""
    log_names: tuple[str, ...] = ()
    recorded: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def failed(self) -> bool:
        return self.state in ("FAILED", DRIVER_FAILED)

    @property
    def ended(self) -> bool:
        return self.state in (*ENDED, DRIVER_FAILED)

    @property
    def is_under_way(self) -> bool:
        return not self.ended and self.state not in (WAITING, CACHED, NOT_RUN)

    @property
    def words(self) -> str:
        """The state as people read it."""
        return _WORDS.get(self.state, self.state.lower())


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


def line(node: NodeState) -> str:
    """Describes a node in one line."""
    seconds = "" if node.seconds is None else f"{node.seconds:.0f} s"
    since = f" since {node.since}" if node.since else ""
    text = f"{node.name:<22} {node.words:<14}{since}{seconds:>7}".rstrip()
    return f"{text}  {node.error}" if node.error else text


class ProgressLog:
    """Reports what changes while a run is followed, and nodes that get no pod."""

    def __init__(
        self,
        echo: Callable[[str], None],
        why_no_pod: Callable[[RunState], str] = lambda run: "",
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Makes a log that has reported nothing.

        Args:
            echo: Prints a line.
            why_no_pod: Finds out why pods of a run do not start, or says who knows.
            clock_s: A clock in seconds that is never set back.
        """
        self._echo, self._why_no_pod, self._clock_s = echo, why_no_pod, clock_s
        self._states: dict[str, str] = {}
        self._pending_since_s: dict[str, float] = {}

    def update(self, run: RunState) -> None:
        """Reports the changes since the last call."""
        for number, node in enumerate(run.nodes, start=1):
            if node.state not in (self._states.get(node.name, WAITING), WAITING):
                self._echo(f"[{number}/{len(run.nodes)}] {line(node)}")
            self._states[node.name] = node.state
        for node in run.nodes:
            if node.state == POD_PENDING:
                now_s = self._clock_s()
                since_s = self._pending_since_s.setdefault(node.name, now_s)
                if now_s - since_s > _HINT_AFTER_S:
                    self._pending_since_s[node.name] = math.inf  # once is enough
                    why = self._why_no_pod(run)
                    self._echo(f"    {node.name} {_PENDING_HINT} {why}".rstrip())
            else:
                self._pending_since_s.pop(node.name, None)
