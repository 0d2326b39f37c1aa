"""The lineage of a run as a graph: where its nodes and edges are, and what they say.

`lineage.html.j2` draws it: executions as boxes, artifacts rounded. Each node is a
button, for pointer and keyboard, that shows its properties.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from tfx_distill.pipeline.mlmd.records import (
    ArtifactRecord,
    EventRecord,
    ExecutionRecord,
    Graph,
)
from tfx_distill.pipeline.report.charts import graph_layout
from tfx_distill.pipeline.report.charts.graph_layout import HEIGHT, WIDTH, Placed
from tfx_distill.pipeline.short_text import shortened

_MAX_LETTERS = 20
# Classes of the style sheet.
_FAMILIES = {
    "Model": "model",
    "Examples": "data",
    "ModelBlessing": "blessing",
    "InfraBlessing": "blessing",
    "PushedModel": "pushed",
}
_Facts = tuple[tuple[str, str], ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Node:
    """One execution or artifact.

    Attributes:
        key: `e12` of execution 12, `a12` of artifact 12.
        kind: `execution` or `artifact`.
        look: Classes of the style sheet.
        title: Its name.
        second: The line below.
        facts: Name and value of what every node has.
        properties: Name and value of its own.
        x: Pixels from the left.
        y: Pixels from the top.
    """

    key: str
    kind: str
    look: str
    title: str
    second: str
    facts: _Facts
    properties: _Facts
    x: float = 0.0
    y: float = 0.0
    width: ClassVar[int] = WIDTH
    height: ClassVar[int] = HEIGHT

    @property
    def lines(self) -> tuple[str, str]:
        """What fits into its shape."""
        return shortened(self.title, _MAX_LETTERS), shortened(self.second, _MAX_LETTERS)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lineage:
    """The graph.

    Attributes:
        width: In pixels.
        height: In pixels.
        nodes: In reading order: from top left to bottom right.
        edges: Keys of the two nodes, and the SVG path between them.
    """

    width: int
    height: int
    nodes: tuple[Node, ...]
    edges: tuple[tuple[str, str, str], ...]


def laid_out(graph: Graph, run: str) -> Lineage:
    """Lays out what a run executed, read and wrote."""
    nodes = [_execution(execution, graph) for execution in graph.of_run(run)]
    nodes += [_artifact(artifact, graph) for artifact in graph.artifacts.values()]
    edges = list(dict.fromkeys(map(_edge, graph.events)))
    placed = graph_layout.place([node.key for node in nodes], edges)
    nodes = [
        dataclasses.replace(node, x=x, y=y)
        for node in nodes
        for x, y in [placed.places[node.key]]
    ]
    return Lineage(
        width=placed.width,
        height=placed.height,
        nodes=tuple(sorted(nodes, key=lambda node: (node.y, node.x))),
        edges=tuple((start, end, _path(start, end, placed)) for start, end in edges),
    )


def _edge(event: EventRecord) -> tuple[str, str]:
    """Keys of both ends: what was read leads to its reader, what wrote to the written."""
    execution, artifact = f"e{event.execution_id}", f"a{event.artifact_id}"
    return (execution, artifact) if event.is_output else (artifact, execution)


def _path(start: str, end: str, placed: Placed) -> str:
    """A curve from the bottom of a node to the top of another."""
    (x1, y1), (x2, y2) = placed.places[start], placed.places[end]
    x1, x2, y1 = x1 + WIDTH / 2, x2 + WIDTH / 2, y1 + HEIGHT
    bend = (y2 - y1) / 2
    return f"M{x1:.1f} {y1}C{x1:.1f} {y1 + bend} {x2:.1f} {y2 - bend} {x2:.1f} {y2}"


def _execution(execution: ExecutionRecord, graph: Graph) -> Node:
    state = execution.state.lower()
    written = {
        "complete": f"{execution.seconds:.1f} s",
        "cached": "from the cache",
    }
    return Node(
        key=f"e{execution.id}",
        kind="execution",
        look=f"execution {state if state in written else 'failed'}",
        title=execution.node,
        second=written.get(state, state),
        facts=(
            ("id", str(execution.id)),
            ("type", execution.type),
            ("state", execution.state or "UNKNOWN"),
            ("started", execution.created),
            ("seconds", f"{execution.seconds:.1f}"),
            *(("reads", text) for text in _named(graph.inputs(execution.id))),
            *(("writes", text) for text in _named(graph.outputs(execution.id))),
        ),
        properties=_shown(execution.properties),
    )


def _artifact(artifact: ArtifactRecord, graph: Graph) -> Node:
    makers = [e.node for e in graph.producers(artifact.id)]
    readers = [e.node for e in graph.consumers(artifact.id)]
    return Node(
        key=f"a{artifact.id}",
        kind="artifact",
        look=f"artifact {_FAMILIES.get(artifact.type_name, 'plain')}",
        title=artifact.type_name,
        second=f"artifact {artifact.id}",
        facts=(
            ("id", str(artifact.id)),
            ("type", artifact.type),
            ("name", artifact.name),
            ("uri", artifact.uri),
            ("state", artifact.state),
            ("created", artifact.created),
            ("written by", ", ".join(makers) or "not in this run"),
            ("read by", ", ".join(readers) or "nothing in this run"),
        ),
        properties=_shown(artifact.properties),
    )


def _named(linked: Sequence[tuple[str, ArtifactRecord]]) -> list[str]:
    return [f"{key}: {artifact.type_name} {artifact.id}" for key, artifact in linked]


def _shown(properties: Mapping[str, Any]) -> _Facts:
    return tuple((name, _text(value)) for name, value in properties.items())


def _text(value: Any) -> str:
    """A property; JSON over several lines."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            value = json.loads(value)
        except ValueError:
            return value
    if isinstance(value, dict | list):
        return json.dumps(value, indent=2, ensure_ascii=False)
    return str(value)
