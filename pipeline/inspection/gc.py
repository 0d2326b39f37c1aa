"""Finds and deletes files of old runs that nothing needs.

Needed are: every model that was blessed; the newest runs, and those that pushed what has a
version in the serving folder, whole; everything that these were made from, and what was
made together with it. The state of a killed training is needed while the run that wrote it
is among the newest: the next run resumes from it.
"""

from __future__ import annotations

import dataclasses
import math
import os
import pathlib
import shutil
from collections.abc import Iterable

from tfx_distill.components.pusher import pushed_models, versions
from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.pipeline.inspection import needed_artifacts
from tfx_distill.pipeline.mlmd import read_only_store, store_connection, updates
from tfx_distill.pipeline.mlmd.records import (
    DELETED,
    RUNNING,
    ArtifactRecord,
    Graph,
    RunRecord,
)
from tfx_distill.pipeline.runners.local import run_folders
from tfx_distill.trainer import file_system
from tfx_distill.trainer.errors import DistillError

_RUNS = "runs"
# Below each node's folder, as `checkpoints.path` has it, whose module loads Keras.
_CHECKPOINTS = "checkpoints"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Garbage:
    """Files that nothing needs.

    Attributes:
        artifacts: Those whose files may be deleted.
        run_dirs: Run folders that may be deleted.
        checkpoints: Files from which killed trainings of older runs would resume.
        bytes: Size of all of these.
        kept: Number of artifacts that are needed.
        deleted: Whether the files have been deleted.
    """

    artifacts: tuple[ArtifactRecord, ...]
    run_dirs: tuple[str, ...]
    checkpoints: tuple[str, ...]
    bytes: int
    kept: int
    deleted: bool = False


def find(config: PipelineConfig, keep: int) -> Garbage:
    """Finds files that nothing needs; changes nothing.

    Args:
        config: Says which pipeline.
        keep: Number of newest runs that are kept whole.
    """
    graph = read_only_store.open_store(config).everything()
    # By id: a clock that was set back dates the newest run before others.
    runs = sorted(graph.runs.values(), key=lambda r: r.age, reverse=True)
    ours = [r for r in runs if _is_ours(graph, r.name, config.pipeline_name)]
    newest = {run.name for run in ours[:keep]}
    needed = needed_artifacts.closure(graph, _seeds(graph, newest, config))
    root = config.artifacts_dir.resolve()
    places = _Places([graph.artifacts[id_].uri for id_ in needed])
    artifacts = tuple(
        one
        for one in graph.artifacts.values()
        if one.id not in needed
        and _deletable(one.uri, root)
        and not places.touch(one.uri)
    )
    stay = newest | {graph.artifacts[id_].run for id_ in needed}
    run_dirs = _unneeded_run_dirs(config, ours, stay)
    checkpoints = _stale_checkpoints(root, ours[:keep])
    paths = {*(a.uri for a in artifacts), *run_dirs, *checkpoints}
    return Garbage(
        artifacts=artifacts,
        run_dirs=run_dirs,
        checkpoints=checkpoints,
        bytes=sum(map(_size, paths)),
        kept=len(needed),
    )


def delete(config: PipelineConfig, keep: int) -> Garbage:
    """Deletes files that nothing needs.

    An artifact is marked in ML Metadata before its files are deleted: TFX's cache
    reuses live ones only. After a kill, the next call finishes the work. On a full disk,
    the space for these marks is that of the pipeline's reserve.

    Raises:
        DistillError: If a run is active.
    """
    read_only_store.open_store(config)  # fails before the lock is made
    with run_folders.only_run(config.pipeline_dir):
        found = find(config, keep)
        run_folders.release_reserve(config.pipeline_dir)
        _mark(config, [a.id for a in found.artifacts if a.state != DELETED])
        artifacts = (artifact.uri for artifact in found.artifacts)
        for path in (*artifacts, *found.run_dirs, *found.checkpoints):
            _remove(path)
        run_folders.keep_reserve(config.pipeline_dir)
    return dataclasses.replace(found, deleted=True)


def _unneeded_run_dirs(
    config: PipelineConfig, runs: Iterable[RunRecord], stay: set[str]
) -> tuple[str, ...]:
    folder = config.pipeline_dir / _RUNS
    return tuple(
        str(folder / run.name)
        for run in runs
        if run.name not in stay
        # A name that contains a path would lead to another run's folder.
        and pathlib.PurePath(run.name).name == run.name
        and _deletable(str(folder / run.name), folder.resolve())
    )


def _remove(path: str) -> None:
    try:
        if os.path.isdir(path):
            shutil.rmtree(path)
        else:
            pathlib.Path(path).unlink(missing_ok=True)
    except OSError as error:
        raise DistillError(
            f"{path} cannot be deleted: {error.strerror}. Make it writable and "
            "run the command again; it resumes."
        ) from error


def _stale_checkpoints(
    root: pathlib.Path, newest: Iterable[RunRecord]
) -> tuple[str, ...]:
    """Those that were written before the newest runs began."""
    began = min((run.created_ms / 1000 for run in newest), default=math.inf)
    return tuple(
        str(file)
        for file in sorted(root.glob(f"*/{_CHECKPOINTS}/*"))
        if file.is_file()
        and not file.is_symlink()
        and root in file.resolve().parents
        and file.stat().st_mtime < began
    )


def _seeds(graph: Graph, newest: set[str], config: PipelineConfig) -> set[int]:
    """Artifacts that are needed for their own sake."""
    seeds = _served(graph, config)
    # Whole: a report of what is served shows the statistics, which no model is made of.
    pushers = {
        graph.artifacts[id_].run
        for id_ in needed_artifacts.closure(graph, seeds)
        if graph.artifacts[id_].type_name == pushed_models.TYPE_NAME
    } - {""}
    for execution in graph.executions.values():
        if execution.run in newest | pushers or execution.state == RUNNING:
            linked = graph.inputs(execution.id) + graph.outputs(execution.id)
            seeds |= {artifact.id for _, artifact in linked}
    return seeds | needed_artifacts.blessed(graph)


def _served(graph: Graph, config: PipelineConfig) -> set[int]:
    """Pushed models that have a folder, in the serving folder or where it was before."""
    names = set(map(str, versions.at(config.serving_dir).numbers()))
    return {
        model.artifact_id
        for model in graph.pushed_models()
        if model.version in names or file_system.is_folder(model.folder)
    }


def _is_ours(graph: Graph, run: str, pipeline: str) -> bool:
    executions = graph.of_run(run)
    return bool(executions) and all(e.pipeline == pipeline for e in executions)


class _Places:
    """Folders of needed artifacts.

    Several artifacts may share a folder, as a version and its rollback do, and a uri
    may be inside another one.
    """

    def __init__(self, uris: Iterable[str]) -> None:
        self._needed = {pathlib.Path(uri).resolve() for uri in uris if uri}
        self._above = {parent for path in self._needed for parent in path.parents}

    def touch(self, uri: str) -> bool:
        """Whether a folder is one of them, is inside one or contains one."""
        path = pathlib.Path(uri).resolve()
        if path in self._needed or path in self._above:
            return True
        return not self._needed.isdisjoint(path.parents)


def _deletable(uri: str, root: pathlib.Path) -> bool:
    """Whether it is a real folder below `root`, whatever the uri looks like."""
    path = pathlib.Path(uri)
    if not uri or not path.is_absolute() or path.is_symlink() or not path.is_dir():
        return False
    return root in path.resolve().parents


def _size(path: str) -> int:
    place = pathlib.Path(path)
    files = (
        p for p in (place, *place.rglob("*")) if p.is_file() and not p.is_symlink()
    )
    return sum(file.stat().st_size for file in files)


def _mark(config: PipelineConfig, ids: list[int]) -> None:
    with store_connection.explained(config):
        updates.mark_deleted(store_connection.open_store(config), ids)
