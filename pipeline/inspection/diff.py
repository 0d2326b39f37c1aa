"""Two runs side by side: differences in their inputs and in their results."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from tfx_distill.components import property_names
from tfx_distill.pipeline.inspection import artifact_files, summaries
from tfx_distill.pipeline.mlmd.records import Graph, RunRecord
from tfx_distill.pipeline.mlmd.store import Store

Changes = Mapping[str, tuple[Any, Any]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class NodeDifference:
    """One node in both runs: its states, and whether both made the same artifacts."""

    node: str
    before: str
    after: str
    same_outputs: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Difference:
    """Differences between two runs; each mapping has old and new value by name.

    Attributes:
        before: Name of the first run.
        after: Name of the second.
        configuration: None if one run has none recorded.
        data: Of the Examples artifacts.
        results: Accuracies, blessing, pushed version, state.
        versions: Of code and libraries.
        nodes: In the order of the second run.
    """

    before: str
    after: str
    configuration: Changes | None
    data: Changes
    results: Changes
    versions: Changes
    nodes: tuple[NodeDifference, ...]


def compare(store: Store, before: str, after: str) -> Difference:
    """Compares two runs.

    Raises:
        DistillError: If there is no such run.
    """
    first, second = store.run(before), store.run(after)
    graph = store.graph_of_runs([first, second])
    configs = [summaries.configuration(run) for run in (first, second)]
    return Difference(
        before=first.name,
        after=second.name,
        configuration=summaries.differences(*configs) if all(configs) else None,
        data=summaries.differences(_data(graph, first), _data(graph, second)),
        results=summaries.differences(_results(graph, first), _results(graph, second)),
        versions=summaries.differences(
            _versions(graph, first), _versions(graph, second)
        ),
        nodes=_nodes(graph, first.name, second.name),
    )


def _data(graph: Graph, run: RunRecord) -> dict[str, Any]:
    for artifact in graph.made(run.name, "Examples"):
        return {n: artifact.properties.get(n) for n in property_names.DATA}
    return {}


def _results(graph: Graph, run: RunRecord) -> dict[str, Any]:
    (summary,) = summaries.summarize(graph, [run])
    names = (
        "state", "teacher_accuracy", "student_accuracy", "blessed", "pushed_version",
        "seconds",
    )  # fmt: skip
    return {name: getattr(summary, name) for name in names}


def _versions(graph: Graph, run: RunRecord) -> dict[str, Any]:
    versions = {"tfx-distill": run.properties.get(property_names.DISTILL_VERSION)}
    for artifact in graph.made(run.name, "Model"):
        noted = artifact_files.model_card(artifact).get("versions")
        versions |= noted if isinstance(noted, dict) else {}
    for execution in graph.of_run(run.name):
        for _, artifact in graph.outputs(execution.id):
            versions["tfx"] = artifact.properties.get(property_names.TFX_VERSION)
    return versions


def _nodes(graph: Graph, before: str, after: str) -> tuple[NodeDifference, ...]:
    sides = [{e.node: e for e in graph.of_run(run)} for run in (before, after)]
    nodes = dict.fromkeys([*sides[1], *sides[0]])

    def made(side: dict[str, Any], node: str) -> set[int]:
        return (
            {a.id for _, a in graph.outputs(side[node].id)} if node in side else set()
        )

    def state(side: dict[str, Any], node: str) -> str:
        return side[node].state if node in side else "–"

    return tuple(
        NodeDifference(
            node=node,
            before=state(sides[0], node),
            after=state(sides[1], node),
            same_outputs=made(sides[0], node) == made(sides[1], node),
        )
        for node in nodes
    )
