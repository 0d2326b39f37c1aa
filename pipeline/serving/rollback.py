"""Makes an earlier version the newest again, and records who asked and why.

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

from tfx_distill.components.pusher import versions
from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.pipeline.mlmd import metadata
from tfx_distill.pipeline.runners.local import run_folders
from tfx_distill.trainer.errors import DistillError
from tfx_distill.trainer.export import saved_model_files

EXECUTION_TYPE = "distill_rollback"
_PUSHED_TYPE = "PushedModel"
_PUSHED_KEY = "pushed_model"
_BLESSINGS = ("model_blessing", "infra_blessing")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rollback:
    """What was done.

    Attributes:
        version: The new version, newest now.
        pushed: Its folder.
        rolled_back_to: The earlier version whose content it has.
        rolled_back_from: The version that was newest before.
        rolled_back_by: Who asked.
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
    """Pushes an earlier version once more, under a new and higher number.

    Args:
        config: Says which pipeline and which serving folder.
        version: The earlier version; None: the one before the newest.
        reason: Why; kept in ML Metadata.
        by: Who asks; kept in ML Metadata.

    Raises:
        DistillError: If that version was not pushed by a recorded run, is not what
            was pushed any more, or a run is active. Nothing has changed then.
    """
    serving_dir = str(config.serving_dir)
    store = metadata.open_store(config)
    there = versions.numbers(serving_dir)
    if not there or not config.pipeline_dir.is_dir():
        raise DistillError(
            f"Nothing has been pushed to {serving_dir}. `distill run` pushes a student."
        )
    with run_folders.only_run(config.pipeline_dir):
        recorded = _recorded(store, serving_dir)
        target = _default(recorded, serving_dir) if version is None else version
        old = _require_recorded(store, recorded, serving_dir, target)
        done = Rollback(
            version=_publish(old, recorded, serving_dir, target),
            pushed="",
            rolled_back_to=target,
            rolled_back_from=there[-1],
            rolled_back_by=by,
            reason=reason,
        )
        folder = versions.folder(serving_dir, done.version)
        done = dataclasses.replace(done, pushed=folder)
        _record(store, config.pipeline_name, old, done)
    return done


def _recorded(
    store: ml_metadata.MetadataStore, serving_dir: str
) -> dict[int, Artifact]:
    """The artifact of each version that was pushed to a folder, by version."""
    recorded = {}
    for artifact in store.get_artifacts_by_type(_PUSHED_TYPE):
        folder = _text(artifact, "pushed_destination")
        name = os.path.basename(folder)
        is_here = os.path.dirname(folder) == serving_dir and name.isdigit()
        if is_here and artifact.custom_properties["pushed"].int_value == 1:
            recorded[int(name)] = artifact
    return recorded


def _default(recorded: dict[int, Artifact], serving_dir: str) -> int:
    """The version before the newest; one that a killed rollback was to bring back."""
    newest = versions.numbers(serving_dir)[-1]
    earlier = [number for number in sorted(recorded, reverse=True) if number < newest]
    if newest not in recorded:
        content = _folder_digest(serving_dir, newest)
        for number in earlier:
            if _folder_digest(serving_dir, number) == content:
                return number
    if not earlier:
        raise DistillError(
            f"Version {newest} in {serving_dir} is the only one that was pushed. "
            "There is nothing to go back to."
        )
    return earlier[0]


def _folder_digest(serving_dir: str, version: int) -> str | None:
    folder = versions.folder(serving_dir, version)
    return saved_model_files.folder_digest(folder) if os.path.isdir(folder) else None


def _require_recorded(
    store: ml_metadata.MetadataStore,
    recorded: dict[int, Artifact],
    serving_dir: str,
    version: int,
) -> Artifact:
    """The artifact of a version that may come back."""
    if version not in recorded:
        known = ", ".join(map(str, sorted(recorded))) or "none"
        raise DistillError(
            f"Version {version} was not pushed to {serving_dir} by a recorded run. "
            f"Recorded: {known}. Give one of them."
        )
    if not _was_blessed(store, recorded[version].id):
        raise DistillError(
            f"Version {version} has no record of having been blessed. "
            "Give another version, or run the pipeline again."
        )
    return recorded[version]


def _was_blessed(store: ml_metadata.MetadataStore, pushed_id: int) -> bool:
    """Whether a push of this model, or of the one it was copied from, was blessed."""
    for event in store.get_events_by_artifact_ids([pushed_id]):
        if event.type != metadata_store_pb2.Event.OUTPUT:
            continue
        given = metadata.inputs(store, event.execution_id)
        blessings = [b for key in _BLESSINGS for b in given.get(key, ())]
        if blessings and all(
            b.custom_properties["blessed"].int_value == 1 for b in blessings
        ):
            return True
        if any(_was_blessed(store, old.id) for old in given.get(_PUSHED_KEY, ())):
            return True
    return False


def _publish(
    old: Artifact, recorded: dict[int, Artifact], serving_dir: str, version: int
) -> int:
    """Copies a version to the next number; returns it."""
    source = versions.folder(serving_dir, version)
    newest = versions.numbers(serving_dir)[-1]
    if version == newest:
        raise DistillError(
            f"Version {version} is the newest in {serving_dir} already. "
            "Give an earlier one."
        )
    if not os.path.isdir(source):
        raise DistillError(
            f"Version {version} is recorded, but its folder {source} is gone. "
            "Give another version, or run the pipeline again."
        )
    if newest in recorded and _folder_digest(serving_dir, version) == _folder_digest(
        serving_dir, newest
    ):
        raise DistillError(
            f"Version {newest}, the newest in {serving_dir}, has the content of version "
            f"{version} already. Give another one."
        )
    with versions.staging(serving_dir) as staging_dir:
        staged = os.path.join(staging_dir, str(version))
        shutil.copytree(source, staged)
        # Of the copy: what is compared is what gets served.
        if saved_model_files.content_digest(staged) != _digest(old):
            raise DistillError(
                f"The files in {source} are not those that were pushed. Give another "
                "version, or run the pipeline again."
            )
        return versions.publish(staged, serving_dir, int(time.time()))


def _digest(pushed: Artifact) -> str:
    """As recorded; of the archived copy where an older push recorded none."""
    recorded = _text(pushed, "model_digest")
    return recorded or saved_model_files.content_digest(pushed.uri)


def _text(artifact: Artifact, name: str) -> str:
    """A property; asking for one that is not there would add it, with no value."""
    properties = artifact.custom_properties
    return properties[name].string_value if name in properties else ""


def _record(
    store: ml_metadata.MetadataStore,
    pipeline_name: str,
    old: Artifact,
    done: Rollback,
) -> None:
    """Writes the execution and the new artifact, in one transaction."""
    what = {
        "rolled_back_by": done.rolled_back_by,
        "reason": done.reason,
        "rolled_back_to": str(done.rolled_back_to),
        "rolled_back_from": str(done.rolled_back_from),
    }
    new = Artifact(type_id=old.type_id, uri=old.uri, state=Artifact.LIVE)
    new.custom_properties["pushed"].int_value = 1
    texts = {
        "pushed_version": str(done.version),
        "pushed_destination": done.pushed,
        "model_digest": _digest(old),
        **what,
    }
    for name, text in texts.items():
        new.custom_properties[name].string_value = text
    execution = metadata_store_pb2.Execution(
        type_id=store.put_execution_type(
            metadata_store_pb2.ExecutionType(name=EXECUTION_TYPE)
        ),
        last_known_state=metadata_store_pb2.Execution.COMPLETE,
    )
    for name, text in what.items():
        execution.custom_properties[name].string_value = text
    event = metadata_store_pb2.Event
    links = [(old, event(type=event.INPUT)), (new, event(type=event.OUTPUT))]
    for _, link in links:
        link.path.steps.add().key = _PUSHED_KEY
        link.path.steps.add().index = 0
    context = store.get_context_by_type_and_name("pipeline", pipeline_name)
    store.put_execution(execution, links, [context] if context else [])
