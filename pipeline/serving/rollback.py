"""Makes an earlier version the newest again, and records who asked for it and why.

Everything that can fail is checked before anything changes. Needs no TensorFlow.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator

import ml_metadata

from tfx_distill.components import property_names
from tfx_distill.components.pusher import versions
from tfx_distill.components.pusher.pushed_models import PushedModel
from tfx_distill.components.pusher.versions import ServingFolder
from tfx_distill.pipeline import hints, interruption
from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.pipeline.mlmd import store_connection
from tfx_distill.pipeline.mlmd.records import Graph
from tfx_distill.pipeline.mlmd.store import Store
from tfx_distill.pipeline.runners.local import run_folders
from tfx_distill.pipeline.serving import rollback_record
from tfx_distill.pipeline.serving.rollback_record import PUSHED_KEY, Rollback
from tfx_distill.trainer import file_system
from tfx_distill.trainer.errors import ConfigError, DistillError

_BLESSINGS = ("model_blessing", "infra_blessing")
_MAX_SHOWN = 3


def roll_back(
    config: PipelineConfig, version: int | None, *, reason: str, by: str
) -> Rollback:
    """Pushes an earlier version again, under a new and higher number.

    A rollback that was killed before it was recorded is completed instead, unless
    another version is asked for.

    Args:
        config: Says which pipeline and which serving folder.
        version: The earlier version; None: the one before the newest.
        reason: Why; kept in ML Metadata.
        by: Who asks for it; kept in ML Metadata.

    Raises:
        DistillError: If no recorded run pushed that version, its files have changed
            since, a run is active, or ML Metadata cannot be written. Nothing has
            changed then, unless the message says so.
    """
    for option, text in (("--reason", reason), ("--by", by)):
        _require_text(option, text)
    serving = versions.at(config.serving_dir)
    raw_store = store_connection.open_store(config)
    if not serving.numbers() or not config.pipeline_dir.is_dir():
        raise DistillError(
            f"Nothing has been pushed to {serving.path}. `{hints.command('run')}` pushes "
            "a student."
        )
    with run_folders.only_run(config.pipeline_dir), store_connection.explained(config):
        store = Store(raw_store)
        pushes = store.pushed_models().pushed_models()
        settled = rollback_record.settle(raw_store, config.pipeline_name, pushes)
        if settled and version in (None, settled.rolled_back_to):
            return settled
        recorded = _recorded(store, serving.path)
        target = _default(recorded, serving) if version is None else version
        old = _require_recorded(store, recorded, serving.path, target)
        _require_other(recorded, serving, target)
        with _writable(serving.path):
            return _publish(raw_store, config, serving, old, by=by, reason=reason)


def _require_text(option: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ConfigError(
            f"{option}: received {text!a}, expected text in UTF-8. Nothing has changed."
        ) from None


def _recorded(store: Store, serving_dir: str) -> dict[int, PushedModel]:
    """The recorded push of each version in a serving folder."""
    oldest_first = reversed(store.pushed_models().pushed_models())
    return {
        int(os.path.basename(model.folder)): model
        for model in oldest_first
        if model.is_in(serving_dir)
    }


def _default(recorded: dict[int, PushedModel], serving: ServingFolder) -> int:
    """The version before the newest."""
    newest = serving.numbers()[-1]
    earlier = [number for number in recorded if number < newest]
    if not earlier:
        raise DistillError(
            f"Version {newest} in {serving.path} is the only one that was pushed. "
            "There is nothing to roll back to."
        )
    return max(earlier)


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
            f"ML Metadata does not have both blessings of version {version}. "
            "Give another version, or run the pipeline again."
        )
    return recorded[version]


def _was_blessed(graph: Graph, pushed_id: int) -> bool:
    """Whether both gates blessed a pushed model, or the one that it was copied from."""
    for execution in graph.producers(pushed_id):
        given = graph.inputs(execution.id)
        blessed = {
            key
            for key, artifact in given
            if artifact.properties.get(property_names.BLESSED) == 1
        }
        if blessed.issuperset(_BLESSINGS):
            return True
        copied = [artifact for key, artifact in given if key == PUSHED_KEY]
        if any(_was_blessed(graph, old.id) for old in copied):
            return True
    return False


def _require_other(
    recorded: dict[int, PushedModel], serving: ServingFolder, version: int
) -> None:
    """Refuses a rollback that would change nothing, or has nothing to copy."""
    source, there = serving.folder(version), serving.numbers()
    newest = there[-1]
    if version == newest:
        raise DistillError(
            f"Version {version} is already the newest in {serving.path}. "
            "Give an earlier one."
        )
    if version not in there:
        raise DistillError(
            f"Version {version} is recorded, but its folder {source} is gone. "
            "Give another version, or run the pipeline again."
        )
    same = versions.have_same_content(source, serving.folder(newest))
    if newest in recorded and same:
        raise DistillError(
            f"Version {newest}, the newest in {serving.path}, already has the content of "
            f"version {version}. Give another one."
        )


def _publish(
    store: ml_metadata.MetadataStore,
    config: PipelineConfig,
    serving: ServingFolder,
    old: PushedModel,
    *,
    by: str,
    reason: str,
) -> Rollback:
    """Copies a version to the next number, and records it before and after."""
    with serving.opened(int(time.time())) as new:
        version = os.path.basename(old.folder)
        staged = os.path.join(new.staging_dir, version)
        file_system.copy_folder(old.folder, staged)
        _require_unchanged(staged, old)
        intended = Rollback(
            version=new.number,
            pushed=serving.folder(new.number),
            rolled_back_to=int(version),
            rolled_back_from=serving.numbers()[-1],
            rolled_back_by=by,
            reason=reason,
        )
        new.prepare(staged)
        with interruption.held_back():
            execution = rollback_record.intend(
                store, config.pipeline_name, old, intended
            )
            new.appear()
            with _repeatable(intended, config):
                rollback_record.complete(store, execution, old)
    return intended


def _require_unchanged(staged: str, old: PushedModel) -> None:
    # Of the copy: it is what will be served.
    changed = rollback_record.changes(staged, old)
    if changed:
        raise DistillError(
            f"The files in {old.folder} have changed since the push: "
            f"{', '.join(changed[:_MAX_SHOWN])}. Give another version, or run the "
            "pipeline again."
        )


@contextlib.contextmanager
def _writable(serving_dir: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise DistillError(
            f"No version can be published in {serving_dir} ({reason}). Free some space, "
            "or make the folder writable, then repeat the command."
        ) from error


@contextlib.contextmanager
def _repeatable(done: Rollback, config: PipelineConfig) -> Iterator[None]:
    try:
        with store_connection.explained(config):
            yield
    except DistillError as error:
        raise DistillError(
            f"Version {done.version} now has the content of version "
            f"{done.rolled_back_to}, but this is not recorded yet: {error} Then repeat "
            "the command; it completes the record."
        ) from error
