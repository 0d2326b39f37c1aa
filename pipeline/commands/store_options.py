"""Options and output that the commands for ML Metadata share."""

from __future__ import annotations

import dataclasses
import functools
import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tfx_distill.pipeline.commands import options, server_options
from tfx_distill.pipeline.config.loader import load_places
from tfx_distill.trainer.errors import DistillError

if TYPE_CHECKING:
    from tfx_distill.pipeline.config.pipeline_places import Places
    from tfx_distill.pipeline.mlmd.records import Graph
    from tfx_distill.pipeline.mlmd.store import Store

Command = TypeVar("Command", bound=Callable[..., Any])
_EXECUTION = "execution:"
# A number of ML Metadata, or the beginning of a UUID.
_ID = re.compile(r"\d+|[0-9a-f][0-9a-f-]{3,35}")
_URLS = ("http://", "https://")


def reads_store(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that choose a store, and passes it opened for reading."""

    @functools.wraps(command)
    def opened(
        file: str | None,
        overrides: tuple[str, ...],
        place: str | None,
        namespace: str | None,
        endpoint: str | None,
        **arguments: Any,
    ) -> Any:
        places = load_places(file, overrides)
        store = open_store(places, place, namespace, endpoint)
        return command(store, **arguments)

    return chooses_store(opened)


def open_store(
    places: Places, place: str | None, namespace: str | None, endpoint: str | None
) -> Store:
    """The store that the options of `chooses_store` chose, opened for reading."""
    use_artifacts(endpoint)
    if place is not None and place.startswith(_URLS):
        return _on_server(place, namespace)
    from tfx_distill.pipeline.mlmd import read_only_store

    return read_only_store.open_store(places, place)


def chooses_store(command: Command) -> Command:
    """Adds the options that choose a store, see `open_store`."""
    metadata = metadata_option(
        "FILE|URL",
        "SQLite file, grpc://HOST:PORT, or the URL of a Kubeflow server without ML "
        "Metadata; default: as configured.",
    )
    namespace = click.option(
        "--namespace", metavar="NAME", help="Yours on a multi-user Kubeflow server."
    )
    return options.configured(metadata(namespace(artifacts_option(command))))


def metadata_option(metavar: str, help_text: str) -> Callable[[Command], Command]:
    """Adds the option for where the records are."""
    return click.option("--metadata", "place", metavar=metavar, help=help_text)


artifacts_option = click.option(
    "--artifacts",
    "endpoint",
    metavar="URL",
    help="Object store of the artifacts, such as a forwarded port.",
)


def use_artifacts(endpoint: str | None) -> None:
    """Sets the object store that `artifacts_option` gave."""
    if endpoint is not None:
        from tfx_distill.pipeline.inspection import object_stores

        object_stores.use(endpoint)


def records_of(server: Any, place: str | None) -> Store:
    """What is recorded of a server's runs.

    Args:
        server: A `server_connection.Server`.
        place: Its ML Metadata; None: it may keep the records itself.

    Raises:
        DistillError: If it does not.
    """
    if place is not None:
        from tfx_distill.pipeline.mlmd import read_only_store

        return read_only_store.open_store(load_places(None, ()), place)
    from tfx_distill.pipeline.mlmd.store import Store
    from tfx_distill.pipeline.runners.kubeflow.client import task_source

    return Store(task_source.open_source(server))


def everything(server: Any, place: str | None) -> Graph | str:
    """All that `records_of` has, or why that is not known."""
    try:
        return records_of(server, place).everything()
    except DistillError as error:
        if place is not None:
            raise
        return str(error)


def _on_server(url: str, namespace: str | None) -> Store:
    """The records of a Kubeflow server; secrets are in the environment."""
    access = server_options.accessed(host=url, namespace=namespace)
    return records_of(server_options.connect(access), None)


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
    """What a user gave for an id, and whether it is an execution's."""

    name = "ID"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, bool]:
        text = value.removeprefix(_EXECUTION)
        if not _ID.fullmatch(text):
            self.fail(
                f"received {value!r}, expected an artifact's id such as 12, or "
                f"{_EXECUTION}12",
                param,
                ctx,
            )
        return text, value != text


def found_id(store: Store, given: tuple[str, bool]) -> tuple[Any, bool]:
    """The id in a store, and whether it is an execution's.

    Raises:
        DistillError: If nothing has it.
    """
    text, is_execution = given
    found = store.execution_id(text) if is_execution else store.artifact_id(text)
    # The store says what there is instead of one that it does not know.
    return text if found is None else found, is_execution


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
