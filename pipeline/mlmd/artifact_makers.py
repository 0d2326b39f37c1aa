"""Which execution made an artifact, of all that wrote it or took it from the cache."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from tfx_distill.pipeline.mlmd.records import (
    CACHED,
    ArtifactRecord,
    EventRecord,
    ExecutionRecord,
    Id,
)
from tfx_distill.pipeline.mlmd.source import Executions


def found(
    events: Iterable[EventRecord], executions: Executions
) -> dict[Id, ExecutionRecord]:
    """The execution that made each artifact, rather than those that reused it."""
    makers: dict[Id, ExecutionRecord] = {}
    for event in events:
        execution = executions.get(event.execution_id)
        if not event.is_output or execution is None:
            continue
        known = makers.get(event.artifact_id)
        if known is None or _rank(execution) < _rank(known):
            makers[event.artifact_id] = execution
    return makers


def _rank(execution: ExecutionRecord) -> tuple[bool, tuple[int, Id]]:
    return execution.state == CACHED, execution.age


def noted(artifact: ArtifactRecord, maker: ExecutionRecord | None) -> ArtifactRecord:
    """The artifact, which knows its maker if there is one."""
    if maker is None:
        return artifact
    return dataclasses.replace(
        artifact, node=maker.node, run=maker.run, pipeline=maker.pipeline
    )
