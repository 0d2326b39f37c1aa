"""Options and output that the commands for ML Metadata share."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable
from typing import Any, TypeVar

import click

from tfx_distill.pipeline.commands import options
from tfx_distill.pipeline.config.loader import load_places

Command = TypeVar("Command", bound=Callable[..., Any])
_EXECUTION = "execution:"
_MAX_ID = 2**63 - 1  # of ML Metadata


def reads_store(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that choose a store, and passes it opened for reading."""

    @functools.wraps(command)
    def opened(
        file: str | None,
        overrides: tuple[str, ...],
        place: str | None,
        **arguments: Any,
    ) -> Any:
        places = load_places(file, overrides)
        from tfx_distill.pipeline.mlmd import read_only_store

        return command(read_only_store.open_store(places, place), **arguments)

    metadata = click.option(
        "--metadata",
        "place",
        metavar="FILE|URL",
        help="SQLite file, or grpc://HOST:PORT; default: as configured.",
    )
    return options.configured(metadata(opened))


def limit(default: int) -> Callable[[Command], Command]:
    """Adds the option for the number of rows."""
    return click.option(
        "--limit",
        default=default,
        show_default=True,
        type=click.IntRange(min=1),
        help="Maximum number.",
    )


class _Id(click.ParamType):
    """An id in ML Metadata: its number, and whether it is an execution's."""

    name = "ID"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, bool]:
        number = value.removeprefix(_EXECUTION)
        if not number.isdecimal() or int(number) > _MAX_ID:
            self.fail(
                f"received {value!r}, expected an artifact's id such as 12, or "
                f"{_EXECUTION}12",
                param,
                ctx,
            )
        return int(number), value != number


id_argument = click.argument("id_", metavar="ID", type=_Id())


def print_result(result: Any, as_json: bool, rendered: Callable[[Any], Any]) -> None:
    """Prints records for people or, as JSON, for programs."""
    if as_json:
        click.echo(json.dumps(result, indent=2, default=_plain, ensure_ascii=False))
        return
    from tfx_distill.pipeline import log_capture

    log_capture.direct().out.print(rendered(result), highlight=False)


def _plain(value: Any) -> Any:
    """Records as objects; other values unknown to JSON as text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    return str(value)
