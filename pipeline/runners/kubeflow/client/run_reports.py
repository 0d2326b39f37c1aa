"""What a webhook is told of a run on a server, read while its exit task runs."""

from __future__ import annotations

import dataclasses
import time

from tfx_distill.pipeline import webhook
from tfx_distill.pipeline.runners.kubeflow.client import run_outcome, run_progress
from tfx_distill.pipeline.runners.kubeflow.client.run_progress import RunState
from tfx_distill.pipeline.runners.kubeflow.client.runs_client import POLL_S, Runs
from tfx_distill.pipeline.runners.kubeflow.client.server_connection import Server
from tfx_distill.pipeline.runners.kubeflow.pipeline_package import NOTIFY
from tfx_distill.pipeline.webhook import RunReport

# The server hears of the end of a node some seconds late.
_MAX_POLLS = 12
_SUCCEEDED = ("SUCCEEDED", "SKIPPED", run_progress.CACHED)
_OPEN = ("RUNNING", "PENDING", run_progress.PREPARING, run_progress.POD_PENDING)


def of_run(server: Server, run_id: str, link: str) -> RunReport:
    """Reads how a run ended, or how all its nodes but the exit task did.

    Args:
        server: Where it runs.
        run_id: Its ID.
        link: Its page.

    Raises:
        DistillError: If the server does not say.
    """
    runs = Runs(server)
    package = runs.package_of(run_id)
    nodes = runs.nodes_of(run_id)
    for _ in range(_MAX_POLLS):
        run = _without_exit_task(runs.state(run_id, nodes))
        if run.ended or _all_ended(run):
            break
        time.sleep(POLL_S)
    else:
        run = dataclasses.replace(run, state="UNKNOWN")
    if run.state == "RUNNING":
        failed = any(node.failed for node in run.nodes)
        run = dataclasses.replace(run, state="FAILED" if failed else "SUCCEEDED")
    report = _report(server, run)
    pipeline = package.name if package else ""
    return dataclasses.replace(report, pipeline=pipeline, link=link)


def _without_exit_task(run: RunState) -> RunState:
    nodes = tuple(node for node in run.nodes if node.name != NOTIFY)
    return dataclasses.replace(run, nodes=nodes)


def _all_ended(run: RunState) -> bool:
    """Whether no node runs, and none will."""
    states = {node.state for node in run.nodes}
    return not states.intersection(_OPEN) and (
        states <= set(_SUCCEEDED) or any(node.failed for node in run.nodes)
    )


def _report(server: Server, run: RunState) -> RunReport:
    outcome = run_outcome.of_run(server, run)
    errors = [f"{node}: {why}" for node, why in outcome.failures]
    if run.succeeded:
        state = _completed(outcome)
        errors += [outcome.problem] if outcome.problem else []
    else:
        known = run.state in run_progress.ENDED
        state = webhook.FAILED if known else webhook.UNKNOWN
        errors = errors or [run.error or f"The run is {run.state.lower()}."]
    return RunReport(
        run=run.run_id,
        state=state,
        version=outcome.version,
        uri=outcome.folder,
        bounds=run_outcome.bounds(server, run),
        reasons=outcome.refusals,
        errors=tuple(errors),
    )


def _completed(outcome: run_outcome.Outcome) -> str:
    if outcome.version:
        return webhook.PUSHED
    if outcome.refusals:
        return webhook.REFUSED
    return webhook.UNKNOWN if outcome.problem else webhook.COMPLETED
