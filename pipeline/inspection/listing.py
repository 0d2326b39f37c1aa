"""The newest artifacts of a store or of a run."""

from __future__ import annotations

from tfx_distill.pipeline.mlmd.records import ArtifactRecord
from tfx_distill.pipeline.mlmd.store import Store


def newest_artifacts(
    store: Store, type_name: str | None, run: str | None, limit: int, *, with_logs: bool
) -> list[ArtifactRecord]:
    """The newest artifacts, the newest first.

    Args:
        store: Where to look.
        type_name: Only of this type.
        run: Only what this run made or took from the cache; a unique prefix of its name.
        limit: Maximum number.
        with_logs: Also the logs that Kubeflow stores beside each node's outputs.

    Raises:
        DistillError: If there is no such type or run.
    """

    def wanted(found: list[ArtifactRecord]) -> list[ArtifactRecord]:
        kept = [artifact for artifact in found if with_logs or not artifact.is_log]
        return sorted(kept, key=lambda artifact: artifact.age, reverse=True)[:limit]

    if run is not None:
        graph = store.graph_of_runs([store.run(run)])
        made = [a for e in graph.executions for _, a in graph.outputs(e)]
        return wanted(
            [a for a in {a.id: a for a in made}.values() if a.is_of_type(type_name)]
        )
    asked = limit
    while True:
        found = list(store.artifacts(type_name, asked).artifacts.values())
        kept = wanted(found)
        if len(kept) == limit or len(found) < asked:
            return kept
        asked *= 2  # what was left out made room
