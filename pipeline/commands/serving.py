"""Commands that change which model is served."""

from __future__ import annotations

import getpass

import click

from tfx_distill.pipeline.commands import options
from tfx_distill.pipeline.config.loader import load_config


@click.command()
@options.configured
@click.argument("version", type=click.IntRange(min=1), required=False)
@click.option("--reason", required=True, help="Why; kept in ML Metadata.")
@click.option("--by", metavar="NAME", help="Who asks for it; default: your login name.")
@options.json_option("Print what was done as one JSON object.")
def rollback(
    file: str | None,
    overrides: tuple[str, ...],
    version: int | None,
    reason: str,
    by: str | None,
    as_json: bool,
) -> int:
    """Make an earlier version the newest again.

    VERSION is the number of a folder in the serving folder; default: the one before
    the newest. Its content gets a new, higher number, so that servers load it. A
    recorded run must have pushed it, and its files must be unchanged.

    \b
    Examples:
      distill rollback --reason "misreads sevens"
      distill rollback 1795559639 --reason "misreads sevens" --by "Ada Lovelace"
    """
    if not reason.strip():
        raise click.UsageError("--reason: received an empty text, expected a sentence.")
    config = load_config(file, overrides)
    from tfx_distill.pipeline.serving import rollback as rollback_module

    done = rollback_module.roll_back(
        config, version, reason=reason.strip(), by=by or _login_name()
    )
    click.echo(
        done.to_json()
        if as_json
        else f"Version {done.version} has the content of version {done.rolled_back_to} "
        f"and is now the newest, after {done.rolled_back_from}.\n{done.pushed}"
    )
    return 0


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (
        ImportError,
        KeyError,
        OSError,
    ):  # as in a container with a number for a user
        raise click.UsageError("This user has no login name; give --by NAME.") from None
