"""Finds and deletes the artifacts of runs that are being deleted from a server.

The files of a run are below one folder of the object store, but some may be needed by
others: the server's cache gives later runs the artifacts of earlier ones. With the record
of a run, the server deletes what its cache knows of it (DeleteRun in kubeflow/pipelines,
backend/src/apiserver/storage/run_store.go), so no run that starts later asks for them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from tfx_distill.pipeline.inspection import needed_artifacts, object_stores
from tfx_distill.pipeline.mlmd.records import ArtifactRecord, Graph


@dataclasses.dataclass(frozen=True)
class Files:
    """The files of one run.

    Attributes:
        folder: URI below which they are; empty if nothing is recorded of them.
        uris: Those that nothing needs.
        bytes: Size of these.
        kept: Number of files that others need.
        why: Why nothing can be deleted; empty if it can.
    """

    folder: str = ""
    uris: tuple[str, ...] = ()
    bytes: int = 0
    kept: int = 0
    why: str = ""

    @property
    def words(self) -> str:
        """One line for people."""
        if self.why:
            place = self.folder or "the object store"
            return f"artifacts stay in {place}: {self.why}"
        stay = f"; {self.kept} stay, which others need" if self.kept else ""
        size = f"{self.bytes / 1e6:,.1f} MB"
        return f"{len(self.uris)} files, {size}, in {self.folder}{stay}"


class RunFiles:
    """The files of runs that go.

    Args:
        graph: Everything that is recorded, of all pipelines.
        going: The runs.
    """

    def __init__(self, graph: Graph, going: Collection[str]) -> None:
        self._graph, self._stores = graph, object_stores.current()
        self._needed = [f"{uri.rstrip('/')}/" for uri in _needed_uris(graph, going)]

    def find(self, run: str) -> Files:
        """The files of a run; changes nothing."""
        artifact, folder = self._place(run)
        if artifact is None:
            return Files(why="nothing is recorded of them")
        try:
            sizes = self._stores.sizes(artifact, folder)
        except object_stores.NotReadable as error:
            return Files(folder, why=str(error))
        unneeded = {
            uri: size
            for uri, size in sizes.items()
            if not any(f"{uri}/".startswith(needed) for needed in self._needed)
        }
        kept = len(sizes) - len(unneeded)
        return Files(folder, tuple(unneeded), sum(unneeded.values()), kept)

    def delete(self, run: str, files: Files) -> Files:
        """Deletes what nothing needs; on failure, says why."""
        artifact, _ = self._place(run)
        try:
            if artifact is not None and not files.why:
                self._stores.delete(artifact, files.uris)
        except object_stores.NotReadable as error:
            return dataclasses.replace(files, why=str(error))
        return files

    def _place(self, run: str) -> tuple[ArtifactRecord | None, str]:
        """An artifact that a run made, and the folder of all that it made."""
        for execution in self._graph.of_run(run):
            for _, artifact in self._graph.outputs(execution.id):
                above, found, _ = artifact.uri.partition(f"/{run}/")
                # An imported artifact, or one from the cache, lies elsewhere.
                if found and "://" in above:
                    return artifact, above + found
        return None, ""


def _needed_uris(graph: Graph, going: Collection[str]) -> set[str]:
    """Where the artifacts are that anything needs but runs that go."""
    seeds = needed_artifacts.blessed(graph)
    seeds |= {model.artifact_id for model in graph.pushed_models()}
    for execution in graph.executions.values():
        if execution.run not in going:
            linked = graph.inputs(execution.id) + graph.outputs(execution.id)
            seeds |= {artifact.id for _, artifact in linked}
    needed = needed_artifacts.closure(graph, seeds)
    return {graph.artifacts[id_].uri for id_ in needed if graph.artifacts[id_].uri}
