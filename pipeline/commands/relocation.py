"""The command that tells ML Metadata where moved files are."""

from __future__ import annotations

import os

import click

from tfx_distill.pipeline.commands import options, store_options
from tfx_distill.pipeline.config.loader import load_config


@click.command()
@options.configured
@click.argument("old")
@click.argument("new", type=click.Path(exists=True, file_okay=False))
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@options.json_option("Print what was, or would be, changed as one JSON object.")
def relocate(
    file: str | None,
    overrides: tuple[str, ...],
    old: str,
    new: str,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Tell ML Metadata that the folder OLD is now NEW.

    Move the files first. Every artifact and every recorded path in OLD then points to
    NEW, all in one transaction. The next run trains anew, because the cache knows
    artifacts by their place; what was pushed, explained and compared before still is.

    \b
    Examples:
      distill relocate /old/runs /new/runs --set pipeline.root=/new/runs --dry-run
      distill relocate /old/runs /new/runs --set pipeline.root=/new/runs
    """
    config = load_config(file, overrides)
    from tfx_distill.pipeline.mlmd import moved_files, store_connection
    from tfx_distill.pipeline.runners.local import run_folders

    with store_connection.explained(config):
        store = store_connection.open_store(config)
        with run_folders.only_run(config.pipeline_dir):
            done = moved_files.relocate(
                store, os.path.abspath(old), os.path.abspath(new), really=not dry_run
            )
    store_options.print_result(done, as_json, lambda _: done.describe())
    return 0
