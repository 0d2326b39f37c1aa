"""Commands that submit runs to a Kubeflow server and inspect them."""

from __future__ import annotations

import dataclasses
import datetime
import functools
from typing import Any

import click

from tfx_distill.pipeline.commands import options, server_options

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
    uploaded again. With --wait, the exit status is 0 only if the run succeeds.

    \b
    Examples:
      distill kubeflow submit pipeline.yaml --host https://kubeflow.example --wait
      KF_PIPELINES_TOKEN=$(kubectl create token distill-submit \\
        --audience pipelines.kubeflow.org) distill kubeflow submit pipeline.yaml
    """
    server = server_options.connect(access)
    from tfx_distill.pipeline.runners.kubeflow import pipeline_package
    from tfx_distill.pipeline.runners.kubeflow.client import runs_client, submissions

    submission = submissions.submit(server, request)
    runs = runs_client.Runs(server)
    now = datetime.datetime.now(datetime.timezone.utc)
    name = run_name or f"{request.package.name} {now:%Y-%m-%d %H:%M:%S}"
    run_id = runs.start(submission, name)
    url = runs.url(run_id)
    server_options.print_submission(submission)
    click.echo(f"Run         {run_id}\n            {url}", err=as_json)
    nodes = tuple(pipeline_package.task_order(request.package.tasks))
    state = _follow(runs, run_id, nodes) if wait else None
    if as_json:
        server_options.print_json(
            run_id=run_id,
            url=url,
            state=state.state if state else None,
            **submission.to_dict(),
        )
    return 0 if state is None or state.succeeded else 1


def _follow(runs: Any, run_id: str, nodes: tuple[str, ...]) -> Any:
    """Waits for the end of a run and prints its progress."""
    from tfx_distill.pipeline.runners.kubeflow.client import run_progress

    log = run_progress.ProgressLog(functools.partial(click.echo, err=True))
    try:
        state = runs.wait(run_id, nodes, log.update)
    except KeyboardInterrupt:
        command = f"distill kubeflow status {run_id} --wait"
        click.echo(f"The run continues; to follow it again: {command}", err=True)
        raise
    click.echo(f"Run {state.state.lower()}.", err=True)
    if state.error:
        click.echo(f"  {state.error}", err=True)
    return state


@click.command()
@click.argument("run_id", metavar="RUN")
@server_options.on_server
@options.json_option("Print the state as JSON.")
@_wait_option
def status(run_id: str, access: Any, as_json: bool, wait: bool) -> int:
    """Show the state of the run with the ID RUN, node by node.

    The exit status is 1 if the run ended without success.
    """
    server = server_options.connect(access)
    from tfx_distill.pipeline.runners.kubeflow.client import run_progress, runs_client

    runs = runs_client.Runs(server)
    nodes = runs.nodes_of(run_id)
    state = _follow(runs, run_id, nodes) if wait else runs.state(run_id, nodes)
    if as_json:
        server_options.print_json(**dataclasses.asdict(state))
    else:
        click.echo(f"{state.name}: {state.state.lower()}")
        if state.error:
            click.echo(f"  {state.error}")
        for node in state.nodes:
            click.echo(f"  {run_progress.line(node)}")
    return 1 if state.ended and not state.succeeded else 0


@click.command()
@click.argument("run_id", metavar="RUN")
@server_options.on_server
@click.option("--node", metavar="NAME", help="Print only this node's log.")
def logs(run_id: str, access: Any, node: str | None) -> int:
    """Print the logs of the containers of the run with the ID RUN."""
    server = server_options.connect(access)
    from tfx_distill.pipeline.runners.kubeflow.client import runs_client

    runs = runs_client.Runs(server)
    nodes = runs.state(run_id, runs.nodes_of(run_id)).nodes
    if node is None:
        return _print_logs(runs, run_id, nodes)
    chosen = [item for item in nodes if item.name == node]
    if not chosen:
        known = ", ".join(item.name for item in nodes) or "none yet"
        raise click.UsageError(f"--node: no {node!r} in this run; it has: {known}.")
    click.echo(runs.log(run_id, chosen[0]), nl=False)
    return 0


def _print_logs(runs: Any, run_id: str, nodes: Any) -> int:
    from tfx_distill.pipeline.runners.kubeflow.client.server_errors import NotFound

    num_found = 0
    for item in nodes:
        if not item.children:
            continue
        try:
            text = runs.log(run_id, item)
        except NotFound as error:
            click.echo(str(error), err=True)
        else:
            num_found += 1
            click.echo(f"==> {item.name} <==\n{text.rstrip()}")
    if not num_found:
        click.echo("There are no logs yet.", err=True)
    return 0 if num_found else 1
