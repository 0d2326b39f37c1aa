"""Which artifacts others need, here and on a cluster."""

from __future__ import annotations

from collections.abc import Iterable

from tfx_distill.components import property_names
from tfx_distill.pipeline.inspection import gates
from tfx_distill.pipeline.mlmd.records import Graph, Id


def blessed(graph: Graph) -> set[Id]:
    """The blessings of models, which are needed with all that they rest on."""
    return {
        artifact.id
        for artifact in graph.artifacts.values()
        # The servability gate alone blesses no model: an inaccurate one may be fast.
        if artifact.type_name == gates.QUALITY
        and artifact.properties.get(property_names.BLESSED)
    }


def closure(graph: Graph, seeds: Iterable[Id]) -> set[Id]:
    """The seeds, all that they were made from, and what was made together with it.

    A cache reuses the outputs of an execution as a whole or not at all.
    """
    needed: set[Id] = set()
    waiting = list(seeds)
    while waiting:
        artifact_id = waiting.pop()
        if artifact_id in needed:
            continue
        needed.add(artifact_id)
        for execution in graph.producers(artifact_id):
            waiting += [a.id for _, a in graph.inputs(execution.id)]
            waiting += [a.id for _, a in graph.outputs(execution.id)]
    return needed
