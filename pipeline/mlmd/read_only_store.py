"""Opens a store for reading: nothing in it changes, and failures are explained."""

from __future__ import annotations

import os
import pathlib
from typing import Any

import ml_metadata
from ml_metadata.proto import metadata_store_pb2 as pb

from tfx_distill.pipeline import hints, log_capture
from tfx_distill.pipeline.config.pipeline_places import Places
from tfx_distill.pipeline.mlmd import store_connection
from tfx_distill.pipeline.mlmd.sqlite_source import SqliteSource
from tfx_distill.pipeline.mlmd.store import Store
from tfx_distill.pipeline.mlmd.store_errors import explained
from tfx_distill.trainer.errors import ConfigError, DistillError

_GRPC = "grpc://"
_SQLITE_MAGIC = b"SQLite format 3\x00"
_TIMEOUT_S = 10.0
_MAX_MESSAGE_BYTES = 2**30  # gRPC's own limit, 4 MB, is less than 100 executions


def open_store(config: Places, place: str | None = None) -> Store:
    """Opens a store for reading.

    Args:
        config: Says where, unless `place` does.
        place: A SQLite file, or `grpc://HOST:PORT`; None: as configured.

    Raises:
        DistillError: If it does not exist, or this library cannot read it.
    """
    if place is None:
        connection = store_connection.connection_config(config)
        place = _name(connection)
    elif place.startswith(_GRPC):
        connection = _server(place)
    elif "://" in place:
        raise ConfigError(
            f"--metadata {place}: expected a SQLite file or {_GRPC}HOST:PORT. For MySQL "
            "set metadata.connection in a configuration and give that with --config."
        )
    else:
        connection = pb.ConnectionConfig()
        connection.sqlite.filename_uri = place
    _read_only(connection)
    if isinstance(connection, pb.ConnectionConfig) and connection.HasField("sqlite"):
        return Store(SqliteSource(pathlib.Path(connection.sqlite.filename_uri)))
    store_connection.require_usable(connection)
    # Failures are told in one line of ours, and nothing else.
    with explained(place), log_capture.native_errors_discarded():
        store = ml_metadata.MetadataStore(connection)
        # The constructor does not contact a server; the first request does.
        store.get_context_types()
    return Store(store, place)


def _server(place: str) -> Any:
    host, _, port = place.removeprefix(_GRPC).rstrip("/").rpartition(":")
    if not host or not port.isdigit():
        raise ConfigError(f"--metadata {place}: expected {_GRPC}HOST:PORT.")
    return pb.MetadataStoreClientConfig(host=host, port=int(port))


def _read_only(connection: Any) -> None:
    """Forbids writing where the backend can, and limits waiting."""
    if isinstance(connection, pb.MetadataStoreClientConfig):
        if not connection.HasField("client_timeout_sec"):
            connection.client_timeout_sec = _TIMEOUT_S
        arguments = connection.channel_arguments
        if not arguments.HasField("max_receive_message_length"):
            arguments.max_receive_message_length = _MAX_MESSAGE_BYTES
        return
    connection.retry_options.max_num_retries = 1
    if connection.HasField("mysql"):
        connection.mysql.skip_db_creation = True
    if connection.HasField("sqlite"):
        _check_file(connection.sqlite.filename_uri)


def _check_file(name: str) -> None:
    """Rejects what SQLite would take for a damaged or an empty database."""
    path = pathlib.Path(name)
    if not path.exists():
        raise DistillError(
            f"There is no ML Metadata in {path}: no such file. Run "
            f"`{hints.command('run')}` first, or give its place with --metadata, --config "
            "or --set pipeline.root=FOLDER."
        )
    if not path.is_file():
        raise DistillError(f"{path} is not a file. Give the SQLite file itself.")
    if not os.access(path, os.R_OK):
        raise DistillError(f"{path} cannot be read: no permission.")
    with open(path, "rb") as file:
        if file.read(len(_SQLITE_MAGIC)) != _SQLITE_MAGIC:
            raise DistillError(
                f"{path} is not a SQLite database, so not ML Metadata. Give another file."
            )


def _name(connection: Any) -> str:
    """A store's name in messages, never with its password."""
    if isinstance(connection, pb.MetadataStoreClientConfig):
        return f"{_GRPC}{connection.host}:{connection.port}"
    if connection.HasField("sqlite"):
        return connection.sqlite.filename_uri
    if connection.HasField("mysql"):
        mysql = connection.mysql
        return f"mysql://{mysql.host or mysql.socket}/{mysql.database}"
    return "the configured ML Metadata store"
