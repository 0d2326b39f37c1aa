"""Options shared by several commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from tfx_distill.pipeline.commands import completion
from tfx_distill.pipeline.config.loader import shipped_names

Command = TypeVar("Command", bound=Callable[..., Any])


# `cli.main` looks for it, since an error ends the command.
debug_option = click.option(
    "--debug",
    is_flag=True,
    expose_value=False,
    help="Show the traceback of an error.",
)


def configured(command: Command) -> Command:
    """Adds the options that choose a configuration."""
    names = ", ".join(shipped_names())
    for option in (
        debug_option,
        click.option(
            "--set",
            "overrides",
            multiple=True,
            metavar="KEY=VALUE",
            shell_complete=completion.settings,
            help="Set one key, such as --set distillation.temperature=2. Repeatable.",
        ),
        click.option(
            "--config",
            "file",
            metavar="FILE",
            shell_complete=completion.configurations,
            help=f"YAML file, or the name of a shipped one: {names}.",
        ),
    ):
        command = option(command)
    return command


def deleting(what: str, kept: str) -> Callable[[Command], Command]:
    """Adds the options of a command that finds old runs, and deletes them if told to."""
    delete = click.option(
        "--delete", "really", is_flag=True, help=f"Delete the {what}."
    )
    keep = click.option(
        "--keep",
        default=5,
        show_default=True,
        type=click.IntRange(min=0),
        help=f"Number of newest runs that are {kept}.",
    )
    return lambda command: delete(keep(command))


def json_option(help_text: str) -> Callable[[Command], Command]:
    """Adds `--json`, which prints the result for other programs."""
    return click.option("--json", "as_json", is_flag=True, help=help_text)
