"""Writes the generated pages: commands and configuration keys, and the default file.

Run it after changing a command or a configuration key.
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import Any

import click

from tfx_distill.pipeline.cli import cli
from tfx_distill.pipeline.config import loader, reference

DOCS = pathlib.Path(__file__).resolve().parent.parent / "docs"
PATH = DOCS / "cli.md"
_HEAD = """\
# The command `distill`

<!-- Written by bin/make_docs.py. Change pipeline/commands/, then run that. -->

`distill COMMAND --help` prints the same texts.

Exit status of every command: 0 done; 1 failed; 2 wrong usage or configuration.
`distill run` exits with 0 only when the student was pushed, and with 3 when the
pipeline ran but the gate did not bless the student; `distill monitor` exits with 3
when it found drift.
Results go to stdout, everything else to stderr.
"""


def texts() -> dict[pathlib.Path, str]:
    """Every generated file with its text."""
    configuration = DOCS / "configuration.md"
    return {
        PATH: _commands(),
        configuration: reference.with_tables(configuration.read_text(encoding="utf-8")),
        loader.CONFIGS_DIR / "default.yaml": reference.default_file(),
    }


def _commands() -> str:
    sections = [
        f"## `{context.command_path}`\n\n```text\n{context.get_help()}\n```\n"
        for context in _contexts()
    ]
    return "\n".join([_HEAD, *sections])


def _contexts() -> Iterator[click.Context]:
    """Yields the group and its commands, as they are called, at every depth."""
    # A fixed width: else the page would depend on the terminal it is made in.
    settings = {**cli.context_settings, "terminal_width": 80}
    yield from _below(click.Context(cli, info_name="distill", **settings), settings)


def _below(context: click.Context, settings: dict[str, Any]) -> Iterator[click.Context]:
    yield context
    if isinstance(context.command, click.Group):
        for name, command in sorted(context.command.commands.items()):
            inner = click.Context(command, parent=context, info_name=name, **settings)
            yield from _below(inner, settings)


if __name__ == "__main__":
    for path, text in texts().items():
        path.write_text(text, encoding="utf-8")
