"""Where a pipeline's ML Metadata is, and how to open it."""

from __future__ import annotations

import contextlib
import os
import pathlib
import random
import subprocess
import sys
import time
from typing import Any

import ml_metadata
from google.protobuf import json_format
from ml_metadata.proto import metadata_store_pb2

from tfx_distill.pipeline import hints
from tfx_distill.pipeline.config.pipeline_places import Places
from tfx_distill.pipeline.mlmd import store_errors, store_lock
from tfx_distill.trainer.errors import ConfigError, DistillError

_SECRET_PREFIX = "env:"
_MAX_TEXT = 300
_TIMEOUT_S = 120.0
_TRY = """
import sys
import ml_metadata
from ml_metadata.proto import metadata_store_pb2
connection = getattr(metadata_store_pb2, sys.argv[1])()
connection.ParseFromString(sys.stdin.buffer.read())
try:
    ml_metadata.MetadataStore(connection).get_context_types()
except Exception:
    pass  # the process that asks explains it
"""
_SQLITE_NAME = "metadata.sqlite"
_CREATION_S = 20
_CREATION = "concurrent connection"  # in all of ml_metadata's texts about that


def connection_config(config: Places) -> Any:
    """The configured connection, or a SQLite file in the pipeline's folder.

    Raises:
        ConfigError: If ml_metadata does not know a field, or an environment variable
            is not set.
    """
    if not config.metadata.connection:
        connection = metadata_store_pb2.ConnectionConfig()
        connection.sqlite.filename_uri = str(_default_file(config))
        connection.sqlite.connection_mode = (
            metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
        )
        return connection
    fields = _resolved(config.metadata.connection, "metadata.connection")
    is_server = set(fields) & {"host", "port"}
    message: Any = (
        metadata_store_pb2.MetadataStoreClientConfig()
        if is_server
        else metadata_store_pb2.ConnectionConfig()
    )
    try:
        return json_format.ParseDict(fields, message)
    except json_format.ParseError as error:
        raise ConfigError(
            f"metadata.connection is not ml_metadata's {type(message).__name__}: "
            f"{str(error)[:_MAX_TEXT]}"
        ) from None


def _resolved(value: Any, key: str) -> Any:
    """Replaces `env:NAME`: `plain_secrets` has seen that no secret stands there."""
    if isinstance(value, dict):
        return {name: _resolved(item, f"{key}.{name}") for name, item in value.items()}
    if isinstance(value, str) and value.startswith(_SECRET_PREFIX):
        name = value[len(_SECRET_PREFIX) :]
        if name not in os.environ:
            raise ConfigError(
                f"{key} refers to the environment variable {name}, which is not set."
            )
        return os.environ[name]
    return value


def require_usable(connection: Any) -> None:
    """Tries a connection to a server in a process of its own.

    ml_metadata's library ends the process on settings that it does not like.

    Raises:
        DistillError: If it does so, with the library's reason.
    """
    if isinstance(connection, metadata_store_pb2.ConnectionConfig) and (
        connection.WhichOneof("config") in ("sqlite", "fake_database")
    ):
        return
    tried = subprocess.run(
        [sys.executable, "-I", "-c", _TRY, type(connection).__name__],
        input=connection.SerializeToString(),
        capture_output=True,
        timeout=_TIMEOUT_S,
    )
    if tried.returncode < 0:
        lines = tried.stderr.decode(errors="replace").splitlines()
        fatal = next((line for line in lines if line.startswith("F")), lines[-1])
        reason = fatal.partition("] ")[2] or fatal
        raise DistillError(
            "metadata.connection cannot be used: ml_metadata's library ends with signal "
            f"{-tried.returncode}: {reason[:_MAX_TEXT]}. Correct the connection."
        )


def open_store(config: Places) -> ml_metadata.MetadataStore:
    """Opens the store of a pipeline that ran before, for writing.

    Raises:
        DistillError: If there is no store yet, or it cannot be opened.
    """
    connection = connection_config(config)
    if not config.metadata.connection and not _default_file(config).exists():
        raise DistillError(
            f"No pipeline has run in {config.pipeline_dir}. "
            f"Run `{hints.command('run')}` first."
        )
    require_usable(connection)
    wait_until_free(config)
    with explained(config):
        return connect(connection)


def connect(connection: Any) -> ml_metadata.MetadataStore:
    """Opens a store; waits while another process creates the tables of an empty one.

    Raises:
        RuntimeError: As ml_metadata; also if the tables are still incomplete after that.
    """
    for _ in range(_CREATION_S):
        try:
            return ml_metadata.MetadataStore(connection)
        except RuntimeError as error:
            if _CREATION not in str(error):
                raise
            # Processes that meet here must not meet again.
            time.sleep(random.uniform(0.5, 1.5))
    return ml_metadata.MetadataStore(connection)


def wait_until_free(config: Places) -> None:
    """Waits for another process that writes to a SQLite store; see `store_lock`."""
    if not config.metadata.connection and _default_file(config).exists():
        store_lock.wait_until_free(_default_file(config))


def explained(config: Places) -> contextlib.AbstractContextManager[None]:
    """Turns errors of the configured store into one line that says what to do."""
    is_file = not config.metadata.connection
    return store_errors.explained(
        f"ML Metadata in {_default_file(config)}" if is_file else "ML Metadata"
    )


def _default_file(config: Places) -> pathlib.Path:
    return config.pipeline_dir / _SQLITE_NAME
