"""The command that deletes old runs from a server."""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from tfx_distill.pipeline.commands import options, server_options, store_options


@click.command()
@click.argument("pipeline")
@server_options.on_server
@store_options.metadata_option(
    "FILE|URL",
    "SQLite file or grpc://HOST:PORT of the server's ML Metadata. Without it, and "
    "without records on the server itself, artifacts stay.",
)
@store_options.artifacts_option
@options.deleting("runs and artifacts", "kept")
@options.json_option("Print what may be, or was, deleted as one JSON object.")
def gc(
    pipeline: str,
    access: Any,
    place: str | None,
    endpoint: str | None,
    really: bool,
    keep: int,
    as_json: bool,
) -> None:
    """Find old runs of PIPELINE that nothing needs; --delete deletes them.

    Keeps the newest runs, those that have not ended, and all whose student was blessed
    or of which the server no longer says. Of the artifacts of the others, those go that
    no other run has read or got from the cache, and no blessed or pushed model was made
    from.

    \b
    Example: distill kubeflow gc mnist --keep 3 --delete
    """
    server = server_options.connect(access)
    from tfx_distill.pipeline.runners.kubeflow.client import run_garbage

    store_options.use_artifacts(endpoint)
    records = store_options.everything(server, place)
    garbage = run_garbage.RunGarbage(server, pipeline, records)
    found = garbage.find(keep)
    rows = []
    for candidate in garbage.delete(found) if really else iter(found):
        rows.append(dataclasses.asdict(candidate))
        if not as_json:
            verb = "deleted" if really else "may go "
            click.echo(f"{verb}  {candidate.id}  {candidate.why:<8}  {candidate.name}")
            click.echo(f"  {candidate.files.words}")
    if as_json:
        server_options.print_json(runs=rows, deleted=really)
    elif not rows:
        click.echo("There is nothing to delete.", err=True)
    elif not really:
        click.echo("Add --delete to delete them.", err=True)
