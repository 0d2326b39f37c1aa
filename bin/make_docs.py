"""Writes `docs/cli.md` from the help of every command.

Run it after a change to `pipeline/cli.py`.
"""

from __future__ import annotations

import pathlib
from typing import Iterator

import click

from pipeline.cli import cli

PATH = pathlib.Path(__file__).resolve().parent.parent / "docs" / "cli.md"
_HEAD = """\
# The command `distill`

<!-- Written by bin/make_docs.py. Change pipeline/cli.py, then run that. -->

`distill COMMAND --help` prints the same texts.

Exit status of every command: 0 done; 1 failed; 2 wrong usage or configuration.
`distill run` exits with 0 only when the student was pushed, and with 3 when the
pipeline ran but the gate did not bless the student.
Results go to stdout, everything else to stderr.
"""


def text() -> str:
    """The whole page."""
    sections = [
        f"## `{context.command_path}`\n\n```text\n{context.get_help()}\n```\n"
        for context in _contexts()
    ]
    return "\n".join([_HEAD, *sections])


def _contexts() -> Iterator[click.Context]:
    """Yields the group and its commands, as they are called."""
    # A fixed width: else the page would depend on the terminal it is made in.
    settings = {**cli.context_settings, "terminal_width": 80}
    group = click.Context(cli, info_name="distill", **settings)
    yield group
    for name, command in sorted(cli.commands.items()):
        yield click.Context(command, parent=group, info_name=name, **settings)


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
