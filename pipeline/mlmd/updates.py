"""What is changed in ML Metadata besides what TFX itself writes."""

from __future__ import annotations

from collections.abc import Iterable

import ml_metadata
from ml_metadata.proto import metadata_store_pb2

_CHUNK = 500  # artifacts in one request


def fail_unfinished(store: ml_metadata.MetadataStore, pipeline_name: str) -> int:
    """Marks executions as failed that a killed run of a pipeline left running.

    Call it only while no run of this pipeline is active.

    Returns:
        Number of such executions.
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
    """Records on its `pipeline_run` context what a run was asked to do."""
    context = store.get_context_by_type_and_name("pipeline_run", run_id)
    if context is None:
        return
    for name, value in properties.items():
        context.custom_properties[name].string_value = value
    store.put_contexts([context])


def mark_deleted(store: ml_metadata.MetadataStore, artifact_ids: Iterable[int]) -> None:
    """Marks artifacts as deleted: TFX's cache reuses live ones only."""
    ids = sorted(artifact_ids)
    for start in range(0, len(ids), _CHUNK):
        messages = store.get_artifacts_by_id(ids[start : start + _CHUNK])
        for message in messages:
            message.state = metadata_store_pb2.Artifact.DELETED
        store.put_artifacts(messages)
