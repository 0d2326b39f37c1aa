"""The layout of the lineage graph: layers from top to bottom, inputs above outputs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

WIDTH = 138
HEIGHT = 40
_GAP_X = 14
_GAP_Y = 34
_MARGIN = 12
_SWEEPS = 12
_REACH = 3  # layers that a leaf may be moved
_ROOMY = 4  # nodes in a layer that is not crowded


@dataclasses.dataclass(frozen=True, kw_only=True)
class Placed:
    """The layout, in pixels from the top left.

    Attributes:
        width: Of the drawing.
        height: Of the drawing.
        places: Left and top of each node, by its key.
    """

    width: int
    height: int
    places: Mapping[str, tuple[float, float]]


def place(nodes: Sequence[str], edges: Sequence[tuple[str, str]]) -> Placed:
    """Lays a graph out from top to bottom.

    A node lies below all its ancestors; within a layer, nodes are sorted by the mean
    place of their neighbours, which leaves few crossings (Sugiyama et al. 1981,
    doi:10.1109/TSMC.1981.4308636).

    Args:
        nodes: Keys.
        edges: Pairs (from, to) of keys; edges of a cycle are ignored.
    """
    before: dict[str, list[str]] = {node: [] for node in nodes}
    after: dict[str, list[str]] = {node: [] for node in nodes}
    for start, end in edges:
        before[end].append(start)
        after[start].append(end)
    depth = _spread(_depths(nodes, before, after), before, after)
    layers: list[list[str]] = [[] for _ in range(max(depth.values(), default=0) + 1)]
    for node in nodes:
        layers[depth[node]].append(node)
    spots = _spots(layers, before, after)
    left = min(spots.values(), default=0.0)
    right = max(spots.values(), default=0.0)
    step_x, step_y = WIDTH + _GAP_X, HEIGHT + _GAP_Y
    return Placed(
        width=round((right - left) * step_x + WIDTH + 2 * _MARGIN),
        height=len(layers) * step_y - _GAP_Y + 2 * _MARGIN,
        places={
            node: (
                round(_MARGIN + (spots[node] - left) * step_x, 1),
                _MARGIN + depth[node] * step_y,
            )
            for node in nodes
        },
    )


def _depths(
    nodes: Sequence[str],
    before: Mapping[str, list[str]],
    after: Mapping[str, list[str]],
) -> dict[str, int]:
    """The length of the longest path to each node; a cycle adds nothing to it."""
    waiting = {node: len(before[node]) for node in nodes}
    depth = {node: 0 for node in nodes}
    ready = [node for node in nodes if not waiting[node]]
    while ready:
        node = ready.pop(0)
        for follower in after[node]:
            depth[follower] = max(depth[follower], depth[node] + 1)
            waiting[follower] -= 1
            if not waiting[follower]:
                ready.append(follower)
    return depth


def _spread(
    depth: dict[str, int],
    before: Mapping[str, list[str]],
    after: Mapping[str, list[str]],
) -> dict[str, int]:
    """Moves leaves that have siblings down, to a layer with room.

    Otherwise an execution that writes several artifacts, most of which nothing reads,
    would widen its layer.
    """
    sizes = [0] * (max(depth.values(), default=0) + 1 + _REACH)
    for level in depth.values():
        sizes[level] += 1
    spread = dict(depth)
    for node, level in depth.items():
        alone = all(len(after[parent]) < 2 for parent in before[node])
        if after[node] or not before[node] or alone:
            continue
        levels = range(level, level + _REACH + 1)
        best = min(levels, key=lambda place: (max(sizes[place], _ROOMY), place))
        sizes[level] -= 1
        sizes[best] += 1
        spread[node] = best
    return spread


def _spots(
    layers: list[list[str]],
    before: Mapping[str, list[str]],
    after: Mapping[str, list[str]],
) -> dict[str, float]:
    """The horizontal position of each node, in columns."""
    spots = {
        node: column - (len(layer) - 1) / 2
        for layer in layers
        for column, node in enumerate(layer)
    }
    for sweep in range(_SWEEPS):
        downwards = sweep % 2 == 0
        neighbours = before if downwards else after
        for layer in layers if downwards else reversed(layers):
            wish = {
                node: sum(spots[other] for other in neighbours[node])
                / len(neighbours[node])
                if neighbours[node]
                else spots[node]
                for node in layer
            }
            spots.update(_apart(sorted(layer, key=wish.__getitem__), wish))
    return spots


def _apart(order: Sequence[str], wish: Mapping[str, float]) -> dict[str, float]:
    """Positions in a given order, a column apart, as near to `wish` as possible.

    Nodes that would overlap are moved as a block (pool adjacent violators).
    """
    blocks: list[tuple[float, int]] = []  # mean of wish - position, number of nodes
    for column, node in enumerate(order):
        mean, count = wish[node] - column, 1
        while blocks and blocks[-1][0] > mean:
            other, size = blocks.pop()
            mean = (mean * count + other * size) / (count + size)
            count += size
        blocks.append((mean, count))
    shifts = [mean for mean, count in blocks for _ in range(count)]
    return {node: column + shifts[column] for column, node in enumerate(order)}
