"""How a run ended: what was pushed, what was refused, or what failed.

It is in the logs, which servers lose in time, and in the records of those that keep some
of their own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from tfx_distill.components import property_names, refusal_reasons, verdict_lines
from tfx_distill.components.checks import Bound
from tfx_distill.components.pusher import push_lines
from tfx_distill.pipeline.runners.kubeflow.client import node_logs, run_progress
from tfx_distill.pipeline.runners.kubeflow.client.node_logs import Logs
from tfx_distill.pipeline.runners.kubeflow.client.run_progress import RunState
from tfx_distill.pipeline.runners.kubeflow.client.server_connection import Server

PUSHER = "Pusher"
GATES = ("Evaluator", "ServabilityValidator")
_UNKNOWN = f"Whether the student was pushed is not known: the log of {PUSHER} is gone."


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The end of a run.

    Attributes:
        lines: What to tell.
        version: What was pushed; empty if nothing was, or nobody knows.
        folder: Where it was pushed to.
        refusals: Why nothing was pushed.
        failures: By node that failed, why.
        problem: Why it is not known what was pushed; empty if it is.
    """

    lines: tuple[str, ...]
    version: str = ""
    folder: str = ""
    refusals: tuple[str, ...] = ()
    failures: tuple[tuple[str, str], ...] = ()
    problem: str = ""

    @property
    def was_refused(self) -> bool:
        """Whether the run completed and its student was not pushed."""
        return bool(self.refusals) and not self.failures


def of_run(server: Server, run: RunState) -> Outcome:
    """Reads the end of a run out of the logs and records of its nodes."""
    logs = Logs(server, run.run_id)
    end = f"Run {run.state.lower()}."
    pushed = _of_pusher(logs, run)
    if run.succeeded:
        return dataclasses.replace(pushed, lines=(end, *pushed.lines))
    failures = tuple(_failures(logs, run))
    lines = [line for node, why in failures for line in _told(run, node, why)]
    server_says = [f"  {run.error}"] if run.error else []
    # What failed after the push does not take it back.
    lines += [*(pushed.lines if pushed.version else ()), end, *server_says]
    return dataclasses.replace(pushed, lines=tuple(lines), failures=failures)


def bounds(server: Server, run: RunState) -> tuple[Bound, ...]:
    """The bounds of both gates, of those that ran."""
    logs = Logs(server, run.run_id)
    gates = [node for node in run.nodes if node.name in GATES]
    found = [
        verdict_lines.bounds(logs.find(gate) or "")
        or verdict_lines.parsed(str(gate.recorded.get(property_names.VERDICT, "")))
        for gate in gates
    ]
    return tuple(bound for bounds in found for bound in bounds)


def _of_pusher(logs: Logs, run: RunState) -> Outcome:
    pusher = next((node for node in run.nodes if node.name == PUSHER), None)
    if pusher is None:
        return Outcome(())
    if pusher.state == run_progress.CACHED:
        return Outcome(
            (
                f"The same student was decided on before, and {PUSHER} had nothing to do.",
            )
        )
    log = logs.find(pusher) or ""
    pushed = push_lines.pushed(log) or _recorded_push(pusher.recorded)
    refusals = push_lines.refusals(log) or _recorded_refusals(pusher.recorded)
    if pushed:
        return Outcome((f"Pushed version {pushed[0]} to {pushed[1]}",), *pushed)
    if refusals:
        lines = ["Nothing was pushed:", *(f"  {reason}" for reason in refusals)]
        return Outcome(tuple(lines), refusals=tuple(refusals))
    return Outcome((_UNKNOWN,), problem=_UNKNOWN)


def _recorded_push(recorded: Mapping[str, Any]) -> tuple[str, str] | None:
    if not recorded.get(property_names.PUSHED):
        return None
    names = (property_names.PUSHED_VERSION, property_names.PUSHED_DESTINATION)
    version, folder = (str(recorded.get(name, "")) for name in names)
    return version, folder


def _recorded_refusals(recorded: Mapping[str, Any]) -> list[str]:
    return refusal_reasons.separate(str(recorded.get(property_names.REASON, "")))


def _failures(logs: Logs, run: RunState) -> Iterator[tuple[str, str]]:
    """Each failed node, and why it failed."""
    for node in run.nodes:
        if node.failed:
            why = node_logs.last_error(logs.find(node) or "") or node.error
            yield node.name, why or "its log is gone or says nothing"


def _told(run: RunState, node: str, why: str) -> Iterator[str]:
    """A failure, and the command that shows the rest."""
    yield f"{node} failed: {why}"
    yield f"  all of it: distill kubeflow logs {run.run_id} --node {node}"
