"""Pushes in ML Metadata, as a run records them."""

import os

import ml_metadata
from ml_metadata.proto import metadata_store_pb2 as pb

from tfx_distill.pipeline.mlmd import store_connection

_BLESSINGS = {"model_blessing": "ModelBlessing", "infra_blessing": "InfraBlessing"}


def new_store(config):
    """A store that knows the pipeline and nothing else."""
    store = ml_metadata.MetadataStore(store_connection.connection_config(config))
    type_id = store.put_context_type(pb.ContextType(name="pipeline"))
    store.put_contexts([pb.Context(type_id=type_id, name=config.pipeline_name)])
    return store


def record(store, folder, archive, digests, blessed=(1, 1)):
    """Records a push to a version's folder; returns the id of its artifact."""
    version = os.path.basename(folder)
    texts = {"pushed_version": version, "pushed_destination": folder, **digests}
    pushed = _artifact(store, "PushedModel", {"pushed": 1}, texts, archive)
    given = [
        (_artifact(store, kind, {"blessed": value}, {}, ""), pb.Event.INPUT, key)
        for (key, kind), value in zip(_BLESSINGS.items(), blessed, strict=False)
    ]
    type_id = store.put_execution_type(pb.ExecutionType(name="Pusher"))
    (execution,) = store.put_executions([pb.Execution(type_id=type_id)])
    made = (pushed, pb.Event.OUTPUT, "pushed_model")
    for artifact, kind, key in (*given, made):
        event = pb.Event(artifact_id=artifact, execution_id=execution, type=kind)
        event.path.steps.add().key = key
        store.put_events([event])
    return pushed


def _artifact(store, kind, numbers, texts, uri):
    type_id = store.put_artifact_type(pb.ArtifactType(name=kind))
    artifact = pb.Artifact(type_id=type_id, uri=uri)
    for name, number in numbers.items():
        artifact.custom_properties[name].int_value = number
    for name, text in texts.items():
        artifact.custom_properties[name].string_value = text
    return store.put_artifacts([artifact])[0]
