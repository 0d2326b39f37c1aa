"""Commands that schedule runs on a Kubeflow server."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
from typing import Any

import click

from tfx_distill.pipeline.commands import options, server_options

_NUM_MOMENTS = 5
_HELD = "held by a run"
_MAX_CONCURRENCY = 10  # the server's own limit


@click.command()
@server_options.requesting
@server_options.on_server
@click.option(
    "--cron",
    "expression",
    required=True,
    metavar='"S M H D M W"',
    help="When to run: six fields, seconds first, or @daily and the like.",
)
@click.option(
    "--name",
    metavar="NAME",
    help="Name of the schedule.  [default: the pipeline's name]",
)
@click.option(
    "--max-concurrency",
    type=click.IntRange(1, _MAX_CONCURRENCY),
    default=1,
    show_default=True,
    help="Number of runs of this schedule at the same time.",
)
@click.option("--start", metavar="TIME", help="Not before, as 2030-01-31T00:00:00Z.")
@click.option("--end", metavar="TIME", help="Not after.")
@click.option(
    "--catchup/--no-catchup",
    help="After a pause, make up for every missed run.  [default: no-catchup]",
)
def schedule(
    request: Any,
    access: Any,
    expression: str,
    name: str | None,
    max_concurrency: int,
    start: str | None,
    end: str | None,
    catchup: bool,
    as_json: bool,
) -> None:
    """Run the compiled pipeline FILE on a server repeatedly.

    Five-field crontab expressions are rejected: the server would accept them, but read
    the minute as a second and the hour as a minute.

    \b
    Example: distill kubeflow schedule pipeline.yaml --cron "0 0 2 * * *"
    """
    from tfx_distill.pipeline.runners.kubeflow.client import schedule_timing

    timing = _from_now_on(schedule_timing.parse(expression, start, end), catchup)
    server = server_options.connect(access)
    from tfx_distill.pipeline.runners.kubeflow.client import schedules

    created, submission = schedules.Schedules(server).submit(
        request, name, timing, max_concurrency=max_concurrency, catchup=catchup
    )
    server_options.print_submission(submission)
    _warn_of_cache(request.package)
    _warn_of_deadline(request.package)
    now = datetime.datetime.now(datetime.timezone.utc)
    moments = list(itertools.islice(timing.moments(now), _NUM_MOMENTS))
    if as_json:
        server_options.print_json(
            schedule_id=created.id, name=created.name, cron=created.cron,
            next=list(map(schedule_timing.rfc3339, moments)), **submission.to_dict(),
        )  # fmt: skip
    else:
        _print_schedule(created, moments)


def _from_now_on(timing: Any, catchup: bool) -> Any:
    """Leaves out a start in the past: the server would start a run at once."""
    now = datetime.datetime.now(datetime.timezone.utc)
    if timing.start is None or timing.start > now:
        return timing
    if catchup:
        click.echo(
            "Warning: --start is in the past: the server starts the missed runs at once.",
            err=True,
        )
        return timing
    click.echo(
        "--start is in the past and left out: the first run is the next one.", err=True
    )
    return dataclasses.replace(timing, start=None)


def _print_schedule(created: Any, moments: list[datetime.datetime]) -> None:
    click.echo(f"Schedule    {created.name}  {created.id}")
    click.echo(f"Cron        {created.cron}")
    for heading, moment in zip(["Next"] + [""] * _NUM_MOMENTS, moments, strict=False):
        click.echo(f"{heading:<12}{moment:%a %Y-%m-%d %H:%M:%S} UTC")
    click.echo(
        "In UTC, unless CRON_SCHEDULE_TIMEZONE of the server's controller is set.",
        err=True,
    )


def _warn_of_cache(package: Any) -> None:
    if package.cached_sources:
        nodes = ", ".join(package.cached_sources)
        click.echo(
            f"Warning: {package.path} allows caching of {nodes}: with unchanged "
            "parameters, every run after the first would do nothing. For a schedule, "
            "compile it without caching these nodes.",
            err=True,
        )


def _warn_of_deadline(package: Any) -> None:
    if not package.has_deadline:
        click.echo(
            f"Warning: {package.path} has no deadline: a run that hangs keeps the schedule "
            "from starting others. Compile it with kubeflow.deadline_s.",
            err=True,
        )


@click.command(name="schedules")
@server_options.on_server
@options.json_option("Print the schedules as JSON.")
def list_schedules(access: Any, as_json: bool) -> None:
    """List the schedules on a server, and the runs that hold one up."""
    server = server_options.connect(access)
    from tfx_distill.pipeline.runners.kubeflow.client import schedules

    existing = schedules.Schedules(server)
    rows = [
        _row(item, [_holder(server, run) for run in existing.holding(item)])
        for item in existing.all()
    ]
    if as_json:
        server_options.print_json(schedules=rows)
    elif not rows:
        click.echo("There are no schedules.", err=True)
    else:
        server_options.print_table(["name", "status", "cron", "next", "id"], rows)
        for row in rows:
            _print_holders(row["name"], row["held_by"])


def _row(item: Any, holders: list[dict[str, Any]]) -> dict[str, Any]:
    from tfx_distill.pipeline.runners.kubeflow.client import schedule_timing

    now = datetime.datetime.now(datetime.timezone.utc)
    moment = schedule_timing.rfc3339(item.next_moment(now)) or ""
    return {
        "name": item.name,
        "status": item.status,
        "cron": item.cron,
        "next": _HELD if holders else moment,
        "id": item.id,
        "held_by": holders,
    }


def _holder(server: Any, run: Any) -> dict[str, Any]:
    """A run that keeps its schedule from starting another, and what it does."""
    from tfx_distill.pipeline.runners.kubeflow.client import (
        pod_reasons,
        run_progress,
        runs_client,
        schedule_timing,
    )

    runs = runs_client.Runs(server)
    state = runs.state(run.run_id, runs.nodes_of(run.run_id))
    nodes = [node for node in state.nodes if node.is_under_way]
    lines = list(map(run_progress.line, nodes))
    if any(node.state == run_progress.POD_PENDING for node in nodes):
        lines.append(pod_reasons.of_run(state.run_id, runs.namespace))
    since = schedule_timing.rfc3339(run.created_at) or ""
    return {"run_id": state.run_id, "name": state.name, "since": since, "nodes": lines}


def _print_holders(name: str, holders: list[dict[str, Any]]) -> None:
    if not holders:
        return
    click.echo(f"\n{name} starts no run before one of these ends:")
    for run in holders:
        click.echo(f"  {run['name']}, since {run['since']}")
        for line in run["nodes"]:
            click.echo(f"    {line}")
        click.echo(f"    to end it: distill kubeflow stop {run['run_id']}")


def _on_schedule(verb: str, participle: str, help_text: str) -> click.Command:
    """Creates a command that does one thing to one schedule."""

    @click.command(name=verb, help=help_text)
    @click.argument("name_or_id", metavar="NAME_OR_ID")
    @server_options.on_server
    def command(name_or_id: str, access: Any) -> None:
        server = server_options.connect(access)
        from tfx_distill.pipeline.runners.kubeflow.client import schedules

        existing = schedules.Schedules(server)
        found = existing.find(name_or_id)
        getattr(existing, verb)(found)
        click.echo(f"Schedule {found.name} ({found.id}) {participle}.")
        if verb == "resume":
            click.echo("If it missed a run, the server starts one at once.", err=True)

    return command


pause = _on_schedule("pause", "paused", "Stop a schedule until it is resumed.")
resume = _on_schedule("resume", "resumed", "Resume a paused schedule.")
delete = _on_schedule("delete", "deleted", "Delete a schedule; its runs remain.")
