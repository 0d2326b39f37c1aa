"""Commands that submit runs to a Kubeflow server and inspect them."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import itertools
from typing import Any

import click

from tfx_distill.pipeline.commands import options, server_options

EXIT_FAILED = 1
EXIT_NOT_PUSHED = 3  # as `distill run`
_wait_option = click.option(
    "--wait", is_flag=True, help="Follow the run until it ends."
)


@click.command()
@server_options.requesting
@server_options.on_server
@click.option(
    "--run-name", metavar="NAME", help="Name of the run.  [default: pipeline and time]"
)
@_wait_option
def submit(
    request: Any, access: Any, run_name: str | None, wait: bool, as_json: bool
) -> int:
    """Run the compiled pipeline FILE on a server.

    The file becomes a version of the pipeline with its name; an unchanged file is not
    uploaded again. Exit status with --wait: 0 pushed, 3 completed but nothing was
    pushed, 1 failed.

    \b
    Examples:
      distill kubeflow submit pipeline.yaml --host https://kubeflow.example --wait
      KF_PIPELINES_TOKEN=$(kubectl create token distill-submit \\
        --audience pipelines.kubeflow.org) distill kubeflow submit pipeline.yaml
    """
    from tfx_distill.pipeline.runners.kubeflow import server_names

    now = datetime.datetime.now(datetime.timezone.utc)
    name = run_name or f"{request.package.name} {now:%Y-%m-%d %H:%M:%S}"
    server_names.require("--run-name", name)
    server = server_options.connect(access)
    from tfx_distill.pipeline.runners.kubeflow.client import runs_client, submissions

    submission = submissions.submit(server, request)
    runs = runs_client.Runs(server)
    run_id = runs.start(submission, name)
    url = runs.url(run_id)
    server_options.print_submission(submission)
    click.echo(f"Run         {run_id}\n            {url}", err=as_json)
    nodes = request.package.container_templates()
    state = _follow(runs, run_id, nodes) if wait else None
    if as_json:
        server_options.print_json(
            run_id=run_id,
            url=url,
            state=state.state if state else None,
            **submission.to_dict(),
        )
    return _told(server, state) if state else 0


def _follow(runs: Any, run_id: str, nodes: dict[str, str]) -> Any:
    """Waits for the end of a run and prints its progress."""
    from tfx_distill.pipeline.runners.kubeflow.client import pod_reasons, run_progress

    log = run_progress.ProgressLog(
        functools.partial(click.echo, err=True),
        lambda run: pod_reasons.of_run(run.run_id, runs.namespace),
    )
    try:
        state = runs.wait(run_id, nodes, log.update)
    except KeyboardInterrupt:
        command = f"distill kubeflow status {run_id} --wait"
        click.echo(f"The run continues; to follow it again: {command}", err=True)
        raise
    return state


def _told(server: Any, state: Any) -> int:
    """Says how a run ended, if it has; returns the exit status."""
    from tfx_distill.pipeline.runners.kubeflow.client import run_outcome

    if not state.ended:
        return 0
    outcome = run_outcome.of_run(server, state)
    for line in outcome.lines:
        click.echo(line, err=True)
    if not state.succeeded:
        return EXIT_FAILED
    return EXIT_NOT_PUSHED if outcome.was_refused else 0


@click.command()
@click.argument("run_id", metavar="RUN")
@server_options.on_server
@options.json_option("Print the state as JSON.")
@_wait_option
def status(run_id: str, access: Any, as_json: bool, wait: bool) -> int:
    """Show the state of the run with the ID RUN, node by node.

    Exit status: 0 pushed or still running, 3 completed but nothing was pushed, 1 ended
    without success.
    """
    server = server_options.connect(access)
    from tfx_distill.pipeline.runners.kubeflow.client import (
        pod_reasons,
        run_progress,
        runs_client,
    )

    runs = runs_client.Runs(server)
    nodes = runs.nodes_of(run_id)
    state = _follow(runs, run_id, nodes) if wait else runs.state(run_id, nodes)
    if as_json:
        server_options.print_json(**dataclasses.asdict(state))
    else:
        click.echo(f"{state.name}: {state.state.lower()}")
        for node in state.nodes:
            click.echo(f"  {run_progress.line(node)}")
        if any(node.state == run_progress.POD_PENDING for node in state.nodes):
            click.echo(f"  {pod_reasons.of_run(run_id, runs.namespace)}", err=True)
    return _told(server, state)


@click.command(name="runs")
@server_options.on_server
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    metavar="N",
    help="Show the N newest.",
)
@options.json_option("Print the runs as JSON.")
def list_runs(access: Any, limit: int, as_json: bool) -> None:
    """List the runs on a server, the newest first."""
    server = server_options.connect(access)
    from tfx_distill.pipeline.runners.kubeflow.client import (
        runs_client,
        schedule_timing,
    )

    rows = [
        {
            "name": run.display_name,
            "state": str(run.state or "PENDING").lower(),
            "created": schedule_timing.rfc3339(run.created_at) or "",
            "id": run.run_id,
        }
        for run in itertools.islice(runs_client.Runs(server).all(), limit)
    ]
    if as_json:
        server_options.print_json(runs=rows)
    elif not rows:
        click.echo("There are no runs.", err=True)
    else:
        server_options.print_table(["name", "state", "created", "id"], rows)


def _on_run(verb: str, said: str, help_text: str) -> click.Command:
    """Creates a command that does one thing to one run."""

    @click.command(name=verb, help=help_text)
    @click.argument("run_id", metavar="RUN")
    @server_options.on_server
    def command(run_id: str, access: Any) -> None:
        server = server_options.connect(access)
        from tfx_distill.pipeline.runners.kubeflow.client import runs_client

        getattr(runs_client.Runs(server), verb)(run_id)
        click.echo(f"Run {run_id} {said}.")

    return command


stop = _on_run("stop", "stops", "Stop the run with the ID RUN, and delete its pods.")
retry = _on_run(
    "retry",
    "goes on",
    "Run again what failed in the run with the ID RUN, and the rest.",
)


@click.command()
@click.argument("file", type=click.Path())
@server_options.on_server
@options.json_option("Print the IDs as JSON.")
def upload(file: str, access: Any, as_json: bool) -> None:
    """Upload the compiled pipeline FILE, and run nothing.

    It becomes a version of the pipeline with its name; an unchanged file is not uploaded
    again.
    """
    package = server_options.uploadable(file)
    server = server_options.connect(access)
    from tfx_distill.pipeline.runners.kubeflow.client import submissions

    uploaded = submissions.upload(server, package)
    server_options.print_upload(uploaded)
    if as_json:
        server_options.print_json(**uploaded.to_dict())
