"""Commands that submit, schedule and inspect pipelines on a Kubeflow server."""

from __future__ import annotations

import datetime
import itertools
from typing import Any

import click

from tfx_distill.pipeline.commands import options, server_options

_NUM_MOMENTS = 5
_MAX_CONCURRENCY = 10  # the server's own limit
_HINT_AFTER_S = 120.0


@click.command()
@server_options.creating
@server_options.on_server
@click.option("--run-name", metavar="NAME", help="[default: pipeline and time]")
@click.option("--wait", is_flag=True, help="Follow the run to its end.")
def submit(
    file: str,
    access: Any,
    params: tuple[str, ...],
    experiment: str | None,
    pipeline_root: str | None,
    service_account: str | None,
    run_name: str | None,
    wait: bool,
    as_json: bool,
) -> int:
    """Run the compiled pipeline FILE on a server.

    The file becomes a version of the pipeline of its name; the same file, the same
    version. With --wait, the exit status is 0 only if the run succeeded.

    \b
    Examples:
      distill kubeflow submit pipeline.yaml --host https://kubeflow.example --wait
      KF_PIPELINES_TOKEN=$(kubectl create token distill-submit \\
        --audience pipelines.kubeflow.org) distill kubeflow submit pipeline.yaml
    """
    from tfx_distill.pipeline.runners.kubeflow.client import compiled

    package = compiled.read(file)
    arguments = package.arguments(params)
    client = server_options.client(access)
    made = client.prepare(package, experiment)
    now = datetime.datetime.now(datetime.timezone.utc)
    run_id = client.run(
        made,
        run_name or f"{package.name} {now:%Y-%m-%d %H:%M:%S}",
        arguments,
        pipeline_root=pipeline_root or package.pipeline_root,
        service_account=service_account,
    )
    url = f"{client.place}/#/runs/details/{run_id}"
    _echo_made(package, made)
    click.echo(f"Run         {run_id}\n            {url}", err=as_json)
    state = _followed(client, run_id, package.nodes) if wait else None
    if as_json:
        server_options.print_json(
            run_id=run_id, url=url, state=state.state if state else None,
            pipeline_id=made.pipeline_id, version_id=made.version_id,
            experiment_id=made.experiment_id, parameters=arguments,
        )  # fmt: skip
    return 0 if state is None or state.succeeded else 1


def _echo_made(package: Any, made: Any) -> None:
    new = "new" if made.new_version else "already there"
    click.echo(f"Pipeline    {package.name}, version {made.version} ({new})", err=True)
    click.echo(f"Experiment  {made.experiment}", err=True)


def _followed(client: Any, run_id: str, nodes: tuple[str, ...]) -> Any:
    """Waits for the end of a run, and says what happens meanwhile."""
    from tfx_distill.pipeline.runners.kubeflow.client import run_progress

    before: Any = None
    waiting: dict[str, datetime.datetime] = {}

    def seen(state: Any) -> None:
        nonlocal before
        for text in run_progress.changes(before, state):
            click.echo(text, err=True)
        before = state
        now = datetime.datetime.now(datetime.timezone.utc)
        for node in state.nodes:
            since = waiting.setdefault(node.name, now) if _pends(node) else None
            if since and (now - since).total_seconds() > _HINT_AFTER_S:
                waiting[node.name] = now.replace(year=now.year + 1)
                click.echo(f"    {node.name} {_PENDING_HINT}", err=True)

    try:
        state = client.wait(run_id, nodes, seen)
    except KeyboardInterrupt:
        again = f"distill kubeflow status {run_id} --wait"
        click.echo(f"The run goes on; to follow it again: {again}", err=True)
        raise
    click.echo(f"Run {state.state.lower()}.", err=True)
    if state.error:
        click.echo(f"  {state.error}", err=True)
    return state


_PENDING_HINT = (
    "is pending for minutes: often an image that cannot be pulled, a missing secret "
    "or volume, or no machine with enough room. The server does not tell; "
    "kubectl get events does."
)


def _pends(node: Any) -> bool:
    return bool(node.state == "PENDING")


@click.command()
@server_options.creating
@server_options.on_server
@click.option(
    "--cron",
    "expression",
    required=True,
    metavar='"S M H D M W"',
    help="When it fires: six fields, the seconds first, or @daily and the like.",
)
@click.option("--name", metavar="NAME", help="[default: the pipeline's name]")
@click.option(
    "--max-concurrency",
    type=click.IntRange(1, _MAX_CONCURRENCY),
    default=1,
    show_default=True,
    help="Runs of this schedule at a time.",
)
@click.option("--start", metavar="TIME", help="Not before, as 2030-01-31T00:00:00Z.")
@click.option("--end", metavar="TIME", help="Not after.")
@click.option(
    "--catchup/--no-catchup",
    help="After a pause, run all the times that were missed.  [default: no-catchup]",
)
def schedule(
    file: str,
    access: Any,
    params: tuple[str, ...],
    experiment: str | None,
    pipeline_root: str | None,
    service_account: str | None,
    expression: str,
    name: str | None,
    max_concurrency: int,
    start: str | None,
    end: str | None,
    catchup: bool,
    as_json: bool,
) -> None:
    """Run the compiled pipeline FILE on a server again and again.

    The five fields of a crontab are refused: the server would take them, but read
    the minute as a second and the hour as a minute.

    \b
    Example: distill kubeflow schedule pipeline.yaml --cron "0 0 2 * * *"
    """
    from tfx_distill.pipeline.runners.kubeflow.client import compiled, cron, times

    parsed = cron.parse(expression)
    window = times.window(start, end)
    package = compiled.read(file)
    arguments = package.arguments(params)
    now = datetime.datetime.now(datetime.timezone.utc)
    moments = list(itertools.islice(window.moments(parsed, now), _NUM_MOMENTS))
    client = server_options.client(access)
    name = name or package.name
    client.schedules.refuse_second(name)
    made = client.prepare(package, experiment)
    schedule_id = client.schedules.create(
        made, name, arguments, parsed,
        max_concurrency=max_concurrency, start=window.start_text,
        end=window.end_text, catchup=catchup,
        pipeline_root=pipeline_root or package.pipeline_root,
        service_account=service_account,
    )  # fmt: skip
    _echo_made(package, made)
    if package.cached_sources:
        click.echo(_cached_warning(package), err=True)
    if as_json:
        server_options.print_json(
            schedule_id=schedule_id, name=name, cron=parsed.expression,
            next=[times.text(m) for m in moments], pipeline_id=made.pipeline_id,
            version_id=made.version_id, experiment_id=made.experiment_id,
            parameters=arguments,
        )  # fmt: skip
        return
    click.echo(f"Schedule    {name}  {schedule_id}")
    click.echo(f"Cron        {parsed.expression}")
    for heading, moment in zip(["Next"] + [""] * _NUM_MOMENTS, moments, strict=False):
        click.echo(f"{heading:<12}{moment:%a %Y-%m-%d %H:%M:%S} UTC")
    click.echo(
        "By UTC, unless the server's controller has another CRON_SCHEDULE_TIMEZONE.",
        err=True,
    )


def _cached_warning(package: Any) -> str:
    nodes = ", ".join(package.cached_sources)
    return (
        f"Warning: {nodes} may be answered from the cache in {package.path}: with the "
        "same parameters, each run after the first would do nothing. Compile it for "
        "a schedule, without a cache there."
    )


@click.command()
@server_options.on_server
@options.json_option("Print the schedules as JSON.")
def schedules(access: Any, as_json: bool) -> None:
    """List the schedules on a server."""
    from tfx_distill.pipeline.runners.kubeflow.client import times

    client = server_options.client(access)
    now = datetime.datetime.now(datetime.timezone.utc)
    rows = [
        {
            "name": item.name,
            "status": item.status,
            "cron": item.cron,
            "next": times.text(item.next_moment(now)),
            "id": item.id,
        }
        for item in client.schedules.all()
    ]
    if as_json:
        server_options.print_json(schedules=rows)
    elif not rows:
        click.echo("There are no schedules.", err=True)
    else:
        _table(["name", "status", "cron", "next", "id"], rows)


def _table(columns: list[str], rows: list[dict[str, str]]) -> None:
    lines = [{column: column.upper() for column in columns}, *rows]
    widths = {c: max(len(str(row[c])) for row in lines) for c in columns}
    for row in lines:
        click.echo("  ".join(f"{row[c]:<{widths[c]}}" for c in columns).rstrip())


def _on_schedule(verb: str, done: str, help_text: str) -> click.Command:
    """Makes a command that does one thing to one schedule."""

    @click.command(name=verb, help=help_text)
    @click.argument("name_or_id", metavar="NAME_OR_ID")
    @server_options.on_server
    def command(name_or_id: str, access: Any) -> None:
        schedules_ = server_options.client(access).schedules
        found = schedules_.found(name_or_id)
        getattr(schedules_, verb)(found)
        click.echo(f"Schedule {found.name} ({found.id}) {done}.")

    return command


pause = _on_schedule("pause", "paused", "Stop a schedule from firing, until resumed.")
resume = _on_schedule("resume", "resumed", "Let a paused schedule fire again.")
delete = _on_schedule("delete", "deleted", "Delete a schedule; its runs stay.")


@click.command()
@click.argument("run_id", metavar="RUN")
@server_options.on_server
@options.json_option("Print the state as JSON.")
@click.option("--wait", is_flag=True, help="Follow the run to its end.")
def status(run_id: str, access: Any, as_json: bool, wait: bool) -> int:
    """Show what the run with the ID RUN does, node by node.

    The exit status is 1 if the run ended without success.
    """
    import dataclasses

    from tfx_distill.pipeline.runners.kubeflow.client import run_progress

    client = server_options.client(access)
    nodes = client.nodes_of(run_id)
    state = _followed(client, run_id, nodes) if wait else client.state(run_id, nodes)
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
@click.option("--node", metavar="NAME", help="Of this node alone.")
def logs(run_id: str, access: Any, node: str | None) -> int:
    """Print what the containers of the run with the ID RUN wrote."""
    client = server_options.client(access)
    nodes = client.state(run_id, client.nodes_of(run_id)).nodes
    if node is not None:
        chosen = [item for item in nodes if item.name == node]
        if not chosen:
            known = ", ".join(item.name for item in nodes) or "none yet"
            raise click.UsageError(f"--node: no {node!r} in this run; it has: {known}.")
        click.echo(client.log(run_id, chosen[0]), nl=False)
        return 0
    return _all_logs(client, run_id, nodes)


def _all_logs(client: Any, run_id: str, nodes: Any) -> int:
    from tfx_distill.pipeline.runners.kubeflow.client.server_errors import NotFound

    found = 0
    for item in nodes:
        if not item.children:
            continue
        try:
            text = client.log(run_id, item)
        except NotFound as error:
            click.echo(str(error), err=True)
        else:
            found += 1
            click.echo(f"==> {item.name} <==\n{text.rstrip()}")
    if not found:
        click.echo("There is no log yet.", err=True)
    return 0 if found else 1


COMMANDS = (submit, schedule, schedules, pause, resume, delete, status, logs)
