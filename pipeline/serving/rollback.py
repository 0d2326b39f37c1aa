"""Makes an earlier version the newest again, and records who asked for it and why.

Needs no TensorFlow.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import time

import ml_metadata
from ml_metadata.proto import metadata_store_pb2
from ml_metadata.proto.metadata_store_pb2 import Artifact

from tfx_distill.components import property_names
from tfx_distill.components.pusher import versions
from tfx_distill.components.pusher.pushed_models import PushedModel
from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.pipeline.mlmd import store_connection
from tfx_distill.pipeline.mlmd.records import Graph
from tfx_distill.pipeline.mlmd.store import Store
from tfx_distill.pipeline.runners.local import run_folders
from tfx_distill.trainer.errors import DistillError
from tfx_distill.trainer.export import saved_model_files

EXECUTION_TYPE = "distill_rollback"
_PUSHED_KEY = "pushed_model"
_BLESSINGS = ("model_blessing", "infra_blessing")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rollback:
    """A rollback that was done.

    Attributes:
        version: The new version, now the newest.
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


def roll_back(
    config: PipelineConfig, version: int | None, *, reason: str, by: str
) -> Rollback:
    """Pushes an earlier version again, under a new and higher number.

    Args:
        config: Says which pipeline and which serving folder.
        version: The earlier version; None: the one before the newest.
        reason: Why; kept in ML Metadata.
        by: Who asks for it; kept in ML Metadata.

    Raises:
        DistillError: If no recorded run pushed that version, its files have changed
            since, or a run is active. Nothing has changed then.
    """
    serving_dir = str(config.serving_dir)
    raw_store = store_connection.open_store(config)
    there = versions.numbers(serving_dir)
    if not there or not config.pipeline_dir.is_dir():
        raise DistillError(
            f"Nothing has been pushed to {serving_dir}. `distill run` pushes a student."
        )
    with run_folders.only_run(config.pipeline_dir):
        store = Store(raw_store)
        recorded = _recorded(store, serving_dir)
        target = _default(recorded, serving_dir) if version is None else version
        old = _require_recorded(store, recorded, serving_dir, target)
        new_version = _publish(old, recorded, serving_dir, target)
        done = Rollback(
            version=new_version,
            pushed=versions.folder(serving_dir, new_version),
            rolled_back_to=target,
            rolled_back_from=there[-1],
            rolled_back_by=by,
            reason=reason,
        )
        _record(raw_store, config.pipeline_name, old, done)
    return done


def _recorded(store: Store, serving_dir: str) -> dict[int, PushedModel]:
    """The recorded push of each version in a serving folder."""
    oldest_first = reversed(store.pushed_models().pushed_models())
    return {
        int(os.path.basename(model.folder)): model
        for model in oldest_first
        if model.is_in(serving_dir)
    }


def _default(recorded: dict[int, PushedModel], serving_dir: str) -> int:
    """The version before the newest; the target of a rollback that was killed."""
    newest = versions.numbers(serving_dir)[-1]
    earlier = [number for number in sorted(recorded, reverse=True) if number < newest]
    if newest not in recorded:
        for number in earlier:
            if _are_equal(serving_dir, number, newest):
                return number
    if not earlier:
        raise DistillError(
            f"Version {newest} in {serving_dir} is the only one that was pushed. "
            "There is nothing to roll back to."
        )
    return earlier[0]


def _are_equal(serving_dir: str, *both: int) -> bool:
    """Whether two versions hold the same files."""
    first, second = (versions.folder(serving_dir, number) for number in both)
    return versions.have_same_content(first, second)


def _require_recorded(
    store: Store, recorded: dict[int, PushedModel], serving_dir: str, version: int
) -> PushedModel:
    """The push of a version that may be served again."""
    if version not in recorded:
        known = ", ".join(map(str, sorted(recorded))) or "none"
        raise DistillError(
            f"Version {version} was not pushed to {serving_dir} by a recorded run. "
            f"Recorded: {known}. Give one of them."
        )
    pushed_id = recorded[version].artifact_id
    if not _was_blessed(store.lineage(artifact_ids=[pushed_id], down=False), pushed_id):
        raise DistillError(
            f"ML Metadata has no blessing of version {version}. "
            "Give another version, or run the pipeline again."
        )
    return recorded[version]


def _was_blessed(graph: Graph, pushed_id: int) -> bool:
    """Whether a push of this model, or of the one it was copied from, was blessed."""
    for execution in graph.producers(pushed_id):
        given = graph.inputs(execution.id)
        blessings = [artifact for key, artifact in given if key in _BLESSINGS]
        if blessings and all(
            blessing.properties.get(property_names.BLESSED) == 1
            for blessing in blessings
        ):
            return True
        if any(_was_blessed(graph, old.id) for key, old in given if key == _PUSHED_KEY):
            return True
    return False


def _publish(
    old: PushedModel, recorded: dict[int, PushedModel], serving_dir: str, version: int
) -> int:
    """Copies a version to the next number; returns it."""
    source = versions.folder(serving_dir, version)
    newest = versions.numbers(serving_dir)[-1]
    if version == newest:
        raise DistillError(
            f"Version {version} is already the newest in {serving_dir}. "
            "Give an earlier one."
        )
    if not os.path.isdir(source):
        raise DistillError(
            f"Version {version} is recorded, but its folder {source} is gone. "
            "Give another version, or run the pipeline again."
        )
    if newest in recorded and _are_equal(serving_dir, version, newest):
        raise DistillError(
            f"Version {newest}, the newest in {serving_dir}, already has the content of "
            f"version {version}. Give another one."
        )
    with versions.staging(serving_dir) as staging_dir:
        staged = os.path.join(staging_dir, str(version))
        shutil.copytree(source, staged)
        # Of the copy: it is what will be served.
        if saved_model_files.content_digest(staged) != old.digest():
            raise DistillError(
                f"The files in {source} have changed since the push. Give another "
                "version, or run the pipeline again."
            )
        return versions.publish(staged, serving_dir, int(time.time()))


def _record(
    store: ml_metadata.MetadataStore,
    pipeline_name: str,
    old: PushedModel,
    done: Rollback,
) -> None:
    """Writes the execution and the new artifact, in one transaction."""
    why = {
        property_names.ROLLED_BACK_BY: done.rolled_back_by,
        property_names.REASON: done.reason,
        property_names.ROLLED_BACK_TO: str(done.rolled_back_to),
        property_names.ROLLED_BACK_FROM: str(done.rolled_back_from),
    }
    what = {
        property_names.PUSHED_VERSION: str(done.version),
        property_names.PUSHED_DESTINATION: done.pushed,
        property_names.MODEL_DIGEST: old.digest(),
    }
    (source,) = store.get_artifacts_by_id([old.artifact_id])
    new = Artifact(type_id=source.type_id, uri=old.uri, state=Artifact.LIVE)
    new.custom_properties[property_names.PUSHED].int_value = 1
    kind = metadata_store_pb2.ExecutionType(name=EXECUTION_TYPE)
    execution = metadata_store_pb2.Execution(
        type_id=store.put_execution_type(kind),
        last_known_state=metadata_store_pb2.Execution.COMPLETE,
    )
    for message, texts in ((new, what | why), (execution, why)):
        for name, text in texts.items():
            message.custom_properties[name].string_value = text
    event = metadata_store_pb2.Event
    links = [(source, event(type=event.INPUT)), (new, event(type=event.OUTPUT))]
    for _, link in links:
        link.path.steps.add().key = _PUSHED_KEY
        link.path.steps.add().index = 0
    context = store.get_context_by_type_and_name("pipeline", pipeline_name)
    store.put_execution(execution, links, [context] if context else [])
