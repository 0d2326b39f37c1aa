"""How a run ended, in lines: what was pushed, what was refused, or what failed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from tfx_distill.components.pusher import push_lines
from tfx_distill.pipeline.runners.kubeflow.client import node_logs, run_progress
from tfx_distill.pipeline.runners.kubeflow.client.node_logs import Logs
from tfx_distill.pipeline.runners.kubeflow.client.run_progress import RunState
from tfx_distill.pipeline.runners.kubeflow.client.server_connection import Server

PUSHER = "Pusher"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The end of a run.

    Attributes:
        lines: What to tell.
        was_refused: Whether the run completed and its student was not pushed.
    """

    lines: tuple[str, ...]
    was_refused: bool = False


def of_run(server: Server, run: RunState) -> Outcome:
    """Reads the end of a run out of the logs of its nodes."""
    logs = Logs(server, run.run_id)
    end = f"Run {run.state.lower()}."
    if not run.succeeded:
        server_says = f"  {run.error}" if run.error else ""
        return Outcome(tuple(filter(None, [*_failures(logs, run), end, server_says])))
    pusher = next((node for node in run.nodes if node.name == PUSHER), None)
    if pusher is None:
        return Outcome((end,))
    if pusher.state == run_progress.CACHED:
        return Outcome(
            (f"{end} The same student was decided on before, and {PUSHER} had nothing "
             "to do.",)
        )  # fmt: skip
    log = logs.find(pusher) or ""
    pushed, refusals = push_lines.pushed(log), push_lines.refusals(log)
    if pushed:
        return Outcome((end, f"Pushed version {pushed[0]} to {pushed[1]}"))
    if refusals:
        lines = ["Nothing was pushed:", *(f"  {reason}" for reason in refusals)]
        return Outcome((end, *lines), was_refused=True)
    return Outcome(
        (
            end,
            f"Whether the student was pushed is not known: the log of {PUSHER} is gone.",
        )
    )


def _failures(logs: Logs, run: RunState) -> Iterator[str]:
    """For each failed node: why, and the command that shows the rest."""
    for node in run.nodes:
        if not node.failed:
            continue
        why = node_logs.last_error(logs.find(node) or "") or node.error
        yield f"{node.name} failed: {why or 'its log is gone or says nothing'}"
        yield f"  all of it: distill kubeflow logs {run.run_id} --node {node.name}"
