"""The command that deletes old runs from a server."""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from tfx_distill.pipeline.commands import options, server_options


@click.command()
@click.argument("pipeline")
@server_options.on_server
@options.deleting("runs", "kept")
@options.json_option("Print what may be, or was, deleted as one JSON object.")
def gc(pipeline: str, access: Any, really: bool, keep: int, as_json: bool) -> None:
    """Find old runs of PIPELINE that nothing needs; --delete deletes them.

    Keeps the newest runs, those that have not ended, and all whose student was blessed
    or of which the server no longer says. Artifacts stay in the object store: the
    server's cache may have given them to later runs.

    \b
    Example: distill kubeflow gc mnist --keep 3 --delete
    """
    server = server_options.connect(access)
    from tfx_distill.pipeline.runners.kubeflow.client import run_garbage

    found = run_garbage.find(server, pipeline, keep)
    deleted = run_garbage.delete(server, found) if really else iter(found)
    rows = []
    for candidate in deleted:
        rows.append(dataclasses.asdict(candidate))
        if not as_json:
            verb = "deleted" if really else "may go "
            click.echo(f"{verb}  {candidate.id}  {candidate.why:<8}  {candidate.name}")
            click.echo(f"  artifacts stay in {candidate.artifacts}")
    if as_json:
        server_options.print_json(runs=rows, deleted=really)
    elif not rows:
        click.echo("There is nothing to delete.", err=True)
    elif not really:
        click.echo("Add --delete to delete them.", err=True)
