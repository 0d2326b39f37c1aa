"""The report of a run as far as the pod of its Evaluator knows it.

There is no store in a pod. The task's input and output are a part of the lineage, and the
report's collector shows what that leads to, and says why the rest is missing.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
from typing import Any

from tfx_distill.components.evaluator.verdict import Verdict
from tfx_distill.pipeline.mlmd.records import (
    COMPLETE,
    ArtifactRecord,
    EventRecord,
    ExecutionRecord,
    Graph,
    RunRecord,
)
from tfx_distill.pipeline.report import html, report_data
from tfx_distill.pipeline.report.collect import report_collector
from tfx_distill.pipeline.runners.kubeflow.container.executor_input import (
    ExecutorInput,
    artifacts,
    type_name,
)

_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# ROOT/PIPELINE/RUN/TASK/ and a number of this execution, then the output's name.
_URI = re.compile(
    rf".*/(?P<pipeline>[^/]+)/(?P<run>{_UUID})/(?P<task>[^/]+)/(?:{_UUID}/)?(?P<key>[^/]+)"
)
_NO_RUN_DIR = "/nonexistent"
_HEADLINES = {
    True: "The quality gate blessed the student.",
    False: "The quality gate rejected the student. Nothing is pushed.",
}
_ELSEWHERE = {
    "costs": "ServabilityValidator measures latency: see the metrics of that node.",
    "configuration": "The Evaluator does not know it: see the parameters of each node.",
}


def page(task: ExecutorInput) -> str:
    """The report as one HTML file.

    Raises:
        OSError: If the task wrote no verdict.
        ValueError: If that is damaged.
    """
    verdict = Verdict.load(task.path("outputs", "blessing"))
    own = _place("blessing", task.path("outputs", "blessing"))
    report = report_collector.collect(
        _graph(task, own),
        RunRecord(id=1, name=own["run"]),
        own["pipeline"],
        pathlib.Path(_NO_RUN_DIR),
    )
    outcome = report_data.Outcome(
        state=report_data.BLESSED if verdict.blessed else report_data.REFUSED,
        headline=_HEADLINES[verdict.blessed],
        reasons=report.outcome.reasons,
    )
    # The times of other nodes are not known here, so their graph is not shown.
    shown = dataclasses.replace(
        report, outcome=outcome, graph=Graph(), missing={**report.missing, **_ELSEWHERE}
    )
    return task.public(html.run_page(shown))


def _graph(task: ExecutorInput, own: dict[str, str]) -> Graph:
    """What the task read and wrote, and the nodes that made it."""
    reader = _execution(1, own)
    executions = {reader.node: reader}
    records: dict[int, ArtifactRecord] = {}
    events = []
    for part in ("inputs", "outputs"):
        for key, artifact in artifacts(task.for_tfx()[part]):
            place = {**own, **_place(key, artifact["uri"])}
            new = _execution(len(executions) + 1, place)
            maker = executions.setdefault(new.node, new)
            record = _record(len(records) + 1, artifact, place)
            records[record.id] = record
            events.append(_event(maker, record, place["key"], is_output=True))
            if part == "inputs":
                events.append(_event(reader, record, key, is_output=False))
    return Graph(records, {e.id: e for e in executions.values()}, tuple(events))


def _place(key: str, path: str) -> dict[str, str]:
    """Pipeline, run, node and output of an artifact; of an imported one, its name alone."""
    found = _URI.fullmatch(path)
    return found.groupdict() if found else {"task": key, "key": key}


def _execution(id_: int, place: dict[str, str]) -> ExecutionRecord:
    return ExecutionRecord(
        id=id_,
        type=place["task"],
        node=place["task"],
        state=COMPLETE,
        run=place["run"],
        pipeline=place["pipeline"],
    )


def _record(
    id_: int, artifact: dict[str, Any], place: dict[str, str]
) -> ArtifactRecord:
    return ArtifactRecord(
        id=id_,
        type=type_name(artifact["type"]).removeprefix("tfx."),
        uri=artifact["uri"],
        node=place["task"],
        run=place["run"],
        properties=artifact.get("metadata", {}),
    )


def _event(
    execution: ExecutionRecord, artifact: ArtifactRecord, key: str, *, is_output: bool
) -> EventRecord:
    return EventRecord(
        execution_id=execution.id,
        artifact_id=artifact.id,
        key=key,
        is_output=is_output,
    )
