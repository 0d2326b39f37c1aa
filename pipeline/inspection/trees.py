"""A lineage as a tree in the terminal, or as a graph for Graphviz."""

from __future__ import annotations

import json
from collections.abc import Iterable

from rich.text import Text
from rich.tree import Tree

from tfx_distill.pipeline.mlmd.records import (
    ArtifactRecord,
    ExecutionRecord,
    Graph,
    Id,
    short_id,
)

MAX_LINES = 200
_SHOWN = ("dataset", "num_parameters", "blessed", "pushed_version", "reason")


def tree(graph: Graph, record: ArtifactRecord | ExecutionRecord, *, up: bool) -> Tree:
    """What a record was made from (`up`), or what was made from it.

    Every node is expanded once, where it is nearest to the root. Cycles, which only
    a damaged store has, therefore end, too.
    """
    root = Tree(label(record), guide_style="dim")
    seen = {_key(record)}
    budget = MAX_LINES
    waiting = [(root, record)]
    while waiting:
        branch, at = waiting.pop(0)
        for key, neighbour in _neighbours(graph, at, up):
            if budget == 0:
                root.add(Text(f"… more than {MAX_LINES} lines: see --json or --dot"))
                return root
            budget -= 1
            text = label(neighbour, key)
            if _key(neighbour) in seen:
                branch.add(text.append("  (shown elsewhere)", style="dim"))
                continue
            seen.add(_key(neighbour))
            waiting.append((branch.add(text), neighbour))
    return root


def _neighbours(
    graph: Graph, record: ArtifactRecord | ExecutionRecord, up: bool
) -> Iterable[tuple[str, ArtifactRecord | ExecutionRecord]]:
    if isinstance(record, ExecutionRecord):
        return (graph.inputs if up else graph.outputs)(record.id)
    found = graph.producers(record.id) if up else graph.consumers(record.id)
    # Executions that reused it from the cache say nothing about its origin.
    return [("", execution) for execution in (found[:1] if up else found)]


def label(record: ArtifactRecord | ExecutionRecord, key: str = "") -> Text:
    text = Text(f"{key}: " if key else "", style="dim")
    if isinstance(record, ExecutionRecord):
        text.append(record.node, style="bold")
        text.append(
            f"  execution:{short_id(record.id)} {record.state} {record.run}", style=""
        )
        return text
    text.append(f"{record.type_name} {short_id(record.id)}", style="bold cyan")
    facts = [
        f"{name}={record.properties[name]}"
        for name in _SHOWN
        if name in record.properties
    ]
    return text.append("  " + "  ".join(facts) if facts else "", style="")


def dot(graph: Graph) -> str:
    """The graph for Graphviz: `distill lineage ID --dot | dot -Tsvg`."""
    lines = ["digraph lineage {", "  rankdir=LR;"]
    for artifact in graph.artifacts.values():
        name = json.dumps(
            f"{artifact.type} {short_id(artifact.id)}", ensure_ascii=False
        )
        lines.append(f"  {_dot_id('a', artifact.id)} [label={name}, shape=ellipse];")
    for execution in graph.executions.values():
        name = json.dumps(
            f"{execution.node} {short_id(execution.id)}", ensure_ascii=False
        )
        lines.append(f"  {_dot_id('e', execution.id)} [label={name}, shape=box];")
    for event in graph.events:
        a, e = _dot_id("a", event.artifact_id), _dot_id("e", event.execution_id)
        ends = f"{e} -> {a}" if event.is_output else f"{a} -> {e}"
        key = json.dumps(event.key, ensure_ascii=False)
        lines.append(f"  {ends} [label={key}];")
    return "\n".join([*lines, "}"])


def _dot_id(kind: str, id_: Id) -> str:
    """A node's name; Graphviz takes no hyphens in one."""
    return f"{kind}{id_}".replace("-", "_")


def _key(record: ArtifactRecord | ExecutionRecord) -> tuple[bool, Id]:
    return isinstance(record, ExecutionRecord), record.id
