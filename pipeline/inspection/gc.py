"""Finds and deletes files of old runs that nothing needs.

Needed are: every model that was blessed; the newest runs, and those that pushed what has a
version in the serving folder, whole; everything that these were made from, and what was
made together with it.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shutil
from collections.abc import Iterable

from tfx_distill.components.pusher import pushed_models, versions
from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.pipeline.inspection import needed_artifacts
from tfx_distill.pipeline.mlmd import read_only_store, store_connection, updates
from tfx_distill.pipeline.mlmd.records import DELETED, RUNNING, ArtifactRecord, Graph
from tfx_distill.pipeline.runners.local import run_folders
from tfx_distill.trainer import file_system
from tfx_distill.trainer.errors import DistillError

_RUNS = "runs"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Garbage:
    """Files that nothing needs.

    Attributes:
        artifacts: Those whose files may be deleted.
        run_dirs: Run folders that may be deleted.
        bytes: Size of all of these.
        kept: Number of artifacts that are needed.
        deleted: Whether the files have been deleted.
    """

    artifacts: tuple[ArtifactRecord, ...]
    run_dirs: tuple[str, ...]
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
        artifact
        for artifact in graph.artifacts.values()
        if artifact.id not in needed
        and _deletable(artifact.uri, root)
        and not places.touch(artifact.uri)
    )
    stay = newest | {graph.artifacts[id_].run for id_ in needed}
    runs_dir = config.pipeline_dir / _RUNS
    run_dirs = tuple(
        str(runs_dir / run.name)
        for run in ours
        if run.name not in stay
        # A name that contains a path would lead to another run's folder.
        and pathlib.PurePath(run.name).name == run.name
        and _deletable(str(runs_dir / run.name), runs_dir.resolve())
    )
    return Garbage(
        artifacts=artifacts,
        run_dirs=run_dirs,
        bytes=sum(_size(p) for p in {*(a.uri for a in artifacts), *run_dirs}),
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
        for path in (*(artifact.uri for artifact in found.artifacts), *found.run_dirs):
            if not os.path.isdir(path):  # deleted with another that has the same files
                continue
            try:
                shutil.rmtree(path)
            except OSError as error:
                raise DistillError(
                    f"{path} cannot be deleted: {error.strerror}. Make it writable and "
                    "run the command again; it resumes."
                ) from error
        run_folders.keep_reserve(config.pipeline_dir)
    return dataclasses.replace(found, deleted=True)


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
    files = (
        p for p in pathlib.Path(path).rglob("*") if p.is_file() and not p.is_symlink()
    )
    return sum(file.stat().st_size for file in files)


def _mark(config: PipelineConfig, ids: list[int]) -> None:
    with store_connection.explained(config):
        updates.mark_deleted(store_connection.open_store(config), ids)
