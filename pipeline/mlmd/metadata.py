"""ML Metadata: how to reach it, and what a run left there. Needs no TensorFlow."""

from __future__ import annotations

import os
import pathlib
from typing import Any

import ml_metadata
from google.protobuf import json_format
from ml_metadata.proto import metadata_store_pb2

from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.trainer.errors import ConfigError, DistillError

_SECRET_PREFIX = "env:"
_SECRETS = ("password", "client_key")
_SQLITE_NAME = "metadata.sqlite"
# TFX keeps the SavedModel of a Model artifact in this folder.
_SAVED_MODEL = "Format-Serving"
_EVALUATOR = "Evaluator"  # id of the node that tests a student against its teacher


def connection_config(config: PipelineConfig) -> Any:
    """The configured connection, or a SQLite file in the pipeline's folder.

    Raises:
        ConfigError: For fields that ml_metadata does not know, or a reference to
            an environment variable that is not set.
    """
    if not config.metadata.connection:
        connection = metadata_store_pb2.ConnectionConfig()
        connection.sqlite.filename_uri = str(config.pipeline_dir / _SQLITE_NAME)
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
            f"metadata.connection is not ml_metadata's {type(message).__name__}: {error}"
        ) from None


def _resolved(value: Any, key: str) -> Any:
    """Replaces `env:NAME`: a password never stands in a configuration."""
    if isinstance(value, dict):
        return {name: _resolved(item, f"{key}.{name}") for name, item in value.items()}
    is_secret = key.rpartition(".")[2] in _SECRETS
    if is_secret and value and not str(value).startswith(_SECRET_PREFIX):
        raise ConfigError(
            f"{key} holds a secret, which would be kept with every run. Put it into an "
            f'environment variable and write "{_SECRET_PREFIX}NAME".'
        )
    if isinstance(value, str) and value.startswith(_SECRET_PREFIX):
        name = value[len(_SECRET_PREFIX) :]
        if name not in os.environ:
            raise ConfigError(
                f"{key} refers to the environment variable {name}, which is not set."
            )
        return os.environ[name]
    return value


def open_store(config: PipelineConfig) -> ml_metadata.MetadataStore:
    """Opens the store of a pipeline that ran before.

    Raises:
        DistillError: If there is no store yet.
    """
    connection = connection_config(config)
    if (
        not config.metadata.connection
        and not pathlib.Path(connection.sqlite.filename_uri).exists()
    ):
        raise DistillError(
            f"No pipeline has run in {config.pipeline_dir}. Run `distill run` first."
        )
    return ml_metadata.MetadataStore(connection)


def outputs(
    store: ml_metadata.MetadataStore, execution_id: int
) -> dict[str, list[metadata_store_pb2.Artifact]]:
    """Output artifacts of an execution by key."""
    return _linked(store, execution_id, _OUTPUT_EVENTS)


def inputs(
    store: ml_metadata.MetadataStore, execution_id: int
) -> dict[str, list[metadata_store_pb2.Artifact]]:
    """Input artifacts of an execution by key."""
    return _linked(store, execution_id, _INPUT_EVENTS)


_Event = metadata_store_pb2.Event
_OUTPUT_EVENTS = (_Event.OUTPUT, _Event.DECLARED_OUTPUT)
_INPUT_EVENTS = (_Event.INPUT, _Event.DECLARED_INPUT)


def _linked(
    store: ml_metadata.MetadataStore, execution_id: int, kinds: tuple[int, ...]
) -> dict[str, list[metadata_store_pb2.Artifact]]:
    events = [
        event
        for event in store.get_events_by_execution_ids([execution_id])
        if event.type in kinds
    ]
    artifacts = {
        artifact.id: artifact
        for artifact in store.get_artifacts_by_id([e.artifact_id for e in events])
    }
    result: dict[str, list[metadata_store_pb2.Artifact]] = {}
    for event in events:
        key = event.path.steps[0].key if event.path.steps else ""
        result.setdefault(key, []).append(artifacts[event.artifact_id])
    return result


def was_cached(store: ml_metadata.MetadataStore, execution_id: int) -> bool:
    (execution,) = store.get_executions_by_id([execution_id])
    return execution.last_known_state == metadata_store_pb2.Execution.CACHED


def fail_unfinished(store: ml_metadata.MetadataStore, pipeline_name: str) -> int:
    """Marks executions that a killed run of a pipeline left running as failed.

    Call it only while no run of this pipeline is active.

    Returns:
        How many there were.
    """
    context = store.get_context_by_type_and_name("pipeline", pipeline_name)
    if context is None:
        return 0
    running = [
        execution
        for execution in store.get_executions_by_context(context.id)
        if execution.last_known_state == metadata_store_pb2.Execution.RUNNING
    ]
    for execution in running:
        execution.last_known_state = metadata_store_pb2.Execution.FAILED
    if running:
        store.put_executions(running)
    return len(running)


def describe_run(
    store: ml_metadata.MetadataStore, run_id: str, properties: dict[str, str]
) -> None:
    """Writes what a run was asked to do on its `pipeline_run` context."""
    context = store.get_context_by_type_and_name("pipeline_run", run_id)
    if context is None:
        return
    for name, value in properties.items():
        context.custom_properties[name].string_value = value
    store.put_contexts([context])


def saved_model_dir(artifact: metadata_store_pb2.Artifact) -> str:
    return os.path.join(artifact.uri, _SAVED_MODEL)


def latest_models(config: PipelineConfig) -> tuple[str, str]:
    """SavedModel folders of the student that was tested last, and of its teacher.

    Raises:
        DistillError: If none was tested, or its files are gone.
    """
    store = open_store(config)
    node = store.get_context_by_type_and_name(
        "node", f"{config.pipeline_name}.{_EVALUATOR}"
    )
    # One from the cache tested what the run before it had tested.
    ended = metadata_store_pb2.Execution.COMPLETE, metadata_store_pb2.Execution.CACHED
    executions = [
        execution
        for execution in (store.get_executions_by_context(node.id) if node else ())
        if execution.last_known_state in ended
    ]
    if not executions:
        raise DistillError(
            f"No student has been tested in {config.pipeline_dir}. "
            "Run `distill run` first, or give --teacher and --student."
        )
    newest = max(executions, key=lambda execution: execution.create_time_since_epoch)
    tested = inputs(store, newest.id)
    (teacher,), (student,) = tested["baseline_model"], tested["model"]
    folders = saved_model_dir(teacher), saved_model_dir(student)
    for folder in folders:
        if not os.path.isdir(folder):
            raise DistillError(
                f"Model folder {folder} is gone. Run `distill run` again, or give "
                "--teacher and --student."
            )
    return folders
