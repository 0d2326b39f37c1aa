"""A rollback in ML Metadata: first what is intended, then what came of it.

The execution is running while the version is published. If the process is killed in
between, the next command that works on the pipeline looks at the serving folder, and
completes the record.
"""

from __future__ import annotations

import dataclasses
import json

import ml_metadata
from ml_metadata.proto import metadata_store_pb2 as pb

from tfx_distill.components import property_names
from tfx_distill.components.pusher import manifest, versions
from tfx_distill.components.pusher.pushed_models import PushedModel
from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.export import saved_model_files

EXECUTION_TYPE = "distill_rollback"
PUSHED_KEY = "pushed_model"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rollback:
    """A rollback that is intended, or was done.

    Attributes:
        version: The new version, the newest then.
        pushed: Its folder.
        rolled_back_to: The earlier version whose content it has.
        rolled_back_from: The version that was newest before.
        rolled_back_by: Who asked for it.
        reason: Why.
    """

    version: int
    pushed: str
    rolled_back_to: int
    rolled_back_from: int
    rolled_back_by: str
    reason: str

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=2)


def changes(folder: str, of: PushedModel) -> list[str]:
    """What differs between a folder and a version as it was pushed; empty if nothing."""
    if of.manifest_digest:
        return manifest.changes(folder, of.manifest_digest)
    # Pushes of earlier versions of this package recorded the model alone.
    same = saved_model_files.content_digest(folder) == of.digest()
    return [] if same else ["its model"]


def intend(
    store: ml_metadata.MetadataStore,
    pipeline_name: str,
    old: PushedModel,
    intended: Rollback,
) -> int:
    """Records what is about to be published; returns the execution's id."""
    kind = pb.ExecutionType(name=EXECUTION_TYPE)
    execution = pb.Execution(
        type_id=store.put_execution_type(kind), last_known_state=pb.Execution.RUNNING
    )
    for name, text in (_what(old, intended) | _why(intended)).items():
        execution.custom_properties[name].string_value = text
    (source,) = store.get_artifacts_by_id([old.artifact_id])
    context = store.get_context_by_type_and_name("pipeline", pipeline_name)
    execution_id, _, _ = store.put_execution(
        execution, [(source, _event(pb.Event.INPUT))], [context] if context else []
    )
    return execution_id


def complete(
    store: ml_metadata.MetadataStore, execution_id: int, old: PushedModel
) -> None:
    """Records that an intended rollback was published, in one transaction."""
    (execution,) = store.get_executions_by_id([execution_id])
    (source,) = store.get_artifacts_by_id([old.artifact_id])
    new = pb.Artifact(type_id=source.type_id, uri=old.uri, state=pb.Artifact.LIVE)
    new.custom_properties[property_names.PUSHED].int_value = 1
    for name, value in execution.custom_properties.items():
        new.custom_properties[name].string_value = value.string_value
    execution.last_known_state = pb.Execution.COMPLETE
    store.put_execution(execution, [(new, _event(pb.Event.OUTPUT))], [])


def settle(
    store: ml_metadata.MetadataStore, pipeline_name: str, pushes: list[PushedModel]
) -> Rollback | None:
    """Completes or fails what killed rollbacks left; returns the one completed last.

    Call it only while no other command works on this pipeline.

    Args:
        store: ML Metadata.
        pipeline_name: Whose rollbacks.
        pushes: What was pushed, as recorded.
    """
    context = store.get_context_by_type_and_name("pipeline", pipeline_name)
    if context is None:
        return None
    by_id = {model.artifact_id: model for model in pushes}
    done = None
    for execution in store.get_executions_by_context(context.id):
        if (
            execution.type != EXECUTION_TYPE
            or execution.last_known_state != pb.Execution.RUNNING
        ):
            continue
        intended, old = _intended(execution), by_id[_source_id(store, execution.id)]
        if _is_published(intended, old):
            complete(store, execution.id, old)
            done = intended
        else:
            execution.last_known_state = pb.Execution.FAILED
            store.put_executions([execution])
    return done


def _is_published(intended: Rollback, old: PushedModel) -> bool:
    try:
        serving = versions.of_version(intended.pushed)
        serving.settle()
        there = intended.version in serving.numbers()
        return there and not changes(intended.pushed, old)
    except ModelError:  # an empty folder
        return False


def _source_id(store: ml_metadata.MetadataStore, execution_id: int) -> int:
    (event,) = store.get_events_by_execution_ids([execution_id])
    return int(event.artifact_id)


def _what(old: PushedModel, done: Rollback) -> dict[str, str]:
    return {
        property_names.PUSHED_VERSION: str(done.version),
        property_names.PUSHED_DESTINATION: done.pushed,
        property_names.MODEL_DIGEST: old.digest(),
        property_names.MANIFEST_DIGEST: old.manifest_digest,
    }


def _why(done: Rollback) -> dict[str, str]:
    return {
        property_names.ROLLED_BACK_BY: done.rolled_back_by,
        property_names.REASON: done.reason,
        property_names.ROLLED_BACK_TO: str(done.rolled_back_to),
        property_names.ROLLED_BACK_FROM: str(done.rolled_back_from),
    }


def _intended(execution: pb.Execution) -> Rollback:
    def text(name: str) -> str:
        return execution.custom_properties[name].string_value

    return Rollback(
        version=int(text(property_names.PUSHED_VERSION)),
        pushed=text(property_names.PUSHED_DESTINATION),
        rolled_back_to=int(text(property_names.ROLLED_BACK_TO)),
        rolled_back_from=int(text(property_names.ROLLED_BACK_FROM)),
        rolled_back_by=text(property_names.ROLLED_BACK_BY),
        reason=text(property_names.REASON),
    )


def _event(kind: int) -> pb.Event:
    event = pb.Event(type=kind)
    event.path.steps.add().key = PUSHED_KEY
    event.path.steps.add().index = 0
    return event
