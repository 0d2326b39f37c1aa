"""The lineage of a run as a drawing: executions as boxes, artifacts rounded.

Each node is a button, for pointer and keyboard, that shows its properties.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from tfx_distill.pipeline.report.charts import graph_layout, svg
from tfx_distill.pipeline.report.collect.run_graph import Artifact, Execution, Run

_MAX_LETTERS = 20
# Classes of the style sheet.
_FAMILIES = {
    "Model": "model",
    "Examples": "data",
    "ModelBlessing": "blessing",
    "InfraBlessing": "blessing",
    "PushedModel": "pushed",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Node:
    """What is shown of a node.

    Attributes:
        key: `e12` of execution 12, `a12` of artifact 12.
        kind: `execution` or `artifact`.
        title: Its name.
        facts: Name and value of what every node has.
        properties: Name and value of its own.
    """

    key: str
    kind: str
    title: str
    facts: tuple[tuple[str, str], ...]
    properties: tuple[tuple[str, str], ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lineage:
    """The drawing, and the nodes in the order of reading."""

    drawing: Markup
    nodes: tuple[Node, ...]


def drawn(run: Run) -> Lineage:
    """Draws what a run executed, read and wrote."""
    nodes = [_execution(execution, run) for execution in run.executions]
    nodes += [_artifact(artifact, run) for artifact in run.artifacts.values()]
    edges = [
        edge
        for execution in run.executions
        for edge in (
            *((f"a{id_}", f"e{execution.id}") for id_ in _ids(execution.inputs)),
            *((f"e{execution.id}", f"a{id_}") for id_ in _ids(execution.outputs)),
        )
    ]
    edges = list(dict.fromkeys(edges))
    placed = graph_layout.place([node.key for node in nodes], edges)
    # Tab goes through the graph as one reads it: from top left to bottom right.
    nodes.sort(key=lambda node: placed.places[node.key][::-1])
    looks = _looks(run)
    arrow = svg.element(
        "marker",
        svg.element("path", d="M0 0L8 4L0 8z"),
        id="arrow",
        viewBox="0 0 8 8",
        refX=8,
        refY=4,
        markerWidth=7,
        markerHeight=7,
        orient="auto-start-reverse",
    )
    drawing = svg.element(
        "svg",
        svg.element("defs", arrow),
        *(_edge(start, end, placed) for start, end in edges),
        *(_button(node, looks[node.key], placed) for node in nodes),
        viewBox=f"0 0 {placed.width} {placed.height}",
        width=placed.width,
        height=placed.height,
        role="group",
        aria_label=f"Lineage: {len(run.executions)} executions and "
        f"{len(run.artifacts)} artifacts. Each is a button that shows its properties.",
        id="graph",
    )
    return Lineage(drawing=drawing, nodes=tuple(nodes))


def _ids(by_key: Mapping[str, tuple[int, ...]]) -> list[int]:
    return [id_ for ids in by_key.values() for id_ in ids]


def _looks(run: Run) -> dict[str, tuple[str, str]]:
    """The style classes of each node, and its second line."""
    looks = {}
    for execution in run.executions:
        state = execution.state.lower()
        second = {
            "complete": f"{execution.seconds:.1f} s",
            "cached": "from the cache",
        }.get(state, state)
        look = state if state in ("complete", "cached") else "failed"
        looks[f"e{execution.id}"] = f"execution {look}", second
    for artifact in run.artifacts.values():
        type_name = artifact.type.rpartition(".")[2]
        family = _FAMILIES.get(type_name, "plain")
        looks[f"a{artifact.id}"] = f"artifact {family}", f"artifact {artifact.id}"
    return looks


def _button(node: Node, look: tuple[str, str], placed: graph_layout.Placed) -> Markup:
    x, y = placed.places[node.key]
    style, second = look
    is_artifact = node.kind == "artifact"
    radius = graph_layout.HEIGHT / 2 if is_artifact else 4
    middle = graph_layout.WIDTH / 2
    return svg.element(
        "g",
        svg.element("title", f"{node.kind} {node.title}"),
        svg.element(
            "rect",
            width=graph_layout.WIDTH,
            height=graph_layout.HEIGHT,
            rx=radius,
            class_="shape",
        ),
        svg.text(middle, 17, _cut(node.title), "middle", class_="name"),
        svg.text(middle, 31, _cut(second), "middle", class_="second"),
        class_=f"node {style}",
        transform=f"translate({x} {y})",
        tabindex=0,
        role="button",
        aria_pressed="false",
        aria_controls="properties",
        aria_label=f"{node.kind} {node.title}, {second}",
        data_node=node.key,
    )


def _edge(start: str, end: str, placed: graph_layout.Placed) -> Markup:
    x1, y1 = placed.places[start]
    x2, y2 = placed.places[end]
    x1, x2 = x1 + graph_layout.WIDTH / 2, x2 + graph_layout.WIDTH / 2
    y1 += graph_layout.HEIGHT
    bend = (y2 - y1) / 2
    path = f"M{x1:.1f} {y1}C{x1:.1f} {y1 + bend} {x2:.1f} {y2 - bend} {x2:.1f} {y2}"
    return svg.element(
        "path",
        d=path,
        class_="edge",
        marker_end="url(#arrow)",
        data_from=start,
        data_to=end,
    )


def _execution(execution: Execution, run: Run) -> Node:
    return Node(
        key=f"e{execution.id}",
        kind="execution",
        title=execution.node,
        facts=(
            ("id", str(execution.id)),
            ("type", execution.type),
            ("state", execution.state),
            ("started", execution.started),
            ("seconds", f"{execution.seconds:.1f}"),
            *(("reads", text) for text in _named(execution.inputs, run)),
            *(("writes", text) for text in _named(execution.outputs, run)),
        ),
        properties=_shown(execution.properties),
    )


def _artifact(artifact: Artifact, run: Run) -> Node:
    makers = [e.node for e in run.executions if artifact.id in _ids(e.outputs)]
    readers = [e.node for e in run.executions if artifact.id in _ids(e.inputs)]
    return Node(
        key=f"a{artifact.id}",
        kind="artifact",
        title=artifact.type.rpartition(".")[2],
        facts=(
            ("id", str(artifact.id)),
            ("type", artifact.type),
            ("name", artifact.name),
            ("uri", artifact.uri),
            ("state", artifact.state),
            ("made", artifact.created),
            ("made by", ", ".join(makers) or "not in this run"),
            ("read by", ", ".join(readers) or "nothing in this run"),
        ),
        properties=_shown(artifact.properties),
    )


def _named(by_key: Mapping[str, tuple[int, ...]], run: Run) -> list[str]:
    return [
        f"{key}: {run.artifacts[id_].type.rpartition('.')[2]} {id_}"
        for key, ids in by_key.items()
        for id_ in ids
    ]


def _shown(properties: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((name, _text(value)) for name, value in properties.items())


def _text(value: Any) -> str:
    """A property; JSON with an entry a line."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            value = json.loads(value)
        except ValueError:
            return value
    if isinstance(value, dict | list):
        return json.dumps(value, indent=2, ensure_ascii=False)
    return str(value)


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_LETTERS else text[: _MAX_LETTERS - 1] + "…"
