"""How a run ended, and what its gates measured."""

from __future__ import annotations

import collections
import itertools
from collections.abc import Sequence

import numpy as np

from tfx_distill.components import property_names
from tfx_distill.components.checks import OVERALL
from tfx_distill.components.evaluator.verdict import Served, Verdict
from tfx_distill.pipeline.inspection.gates import Gate
from tfx_distill.pipeline.mlmd.records import CACHED, COMPLETE, ArtifactRecord, Graph
from tfx_distill.pipeline.report import report_data
from tfx_distill.pipeline.report.collect import intervals
from tfx_distill.pipeline.report.collect.intervals import Interval
from tfx_distill.trainer.evaluation import comparison
from tfx_distill.trainer.evaluation.measured import Measured

_SEARCHED = "The search is complete. It trains and pushes no student."
_NO_GATE = "The run ended before a gate decided. Nothing was pushed."


def outcome(graph: Graph, run: str, gates: Sequence[Gate]) -> report_data.Outcome:
    """How a run ended."""
    latest = graph.latest(run, "PushedModel")
    pushed = [
        m for m in graph.pushed_models(run) if latest and m.artifact_id == latest.id
    ]
    executions = graph.of_run(run)
    failed = [e.node for e in executions if e.state not in (COMPLETE, CACHED)]
    reasons = tuple(_reasons(gates))
    if pushed:
        return report_data.Outcome(
            state=report_data.PUSHED,
            headline="The student was pushed.",
            pushed_to=pushed[0].folder,
        )
    if failed:
        stopped = graph.runs[run].properties.get(property_names.STOPPED)
        ended = "was stopped" if stopped else "failed"
        return report_data.Outcome(
            state=report_data.FAILED,
            headline=f"The run {ended} at {', '.join(failed)}. Nothing was pushed.",
            reasons=reasons,
        )
    if not all(gate.has_blessed for gate in gates):
        return report_data.Outcome(
            state=report_data.REFUSED,
            headline="The student was rejected. Nothing was pushed.",
            reasons=reasons,
        )
    if not gates:
        is_search = graph.latest(run, "TunerResults") is not None
        return report_data.Outcome(
            state=report_data.UNDECIDED, headline=_SEARCHED if is_search else _NO_GATE
        )
    return report_data.Outcome(
        state=report_data.BLESSED,
        headline="The student was blessed. Nothing was pushed.",
        reasons=_pushers_reason(latest),
    )


def _reasons(gates: Sequence[Gate]) -> list[str]:
    reasons: list[str] = []
    for gate in gates:
        reasons += gate.reasons
        if gate.problem:
            reasons.append(f"{gate.node}: its verdict cannot be read: {gate.problem}")
    return reasons


def _pushers_reason(artifact: ArtifactRecord | None) -> tuple[str, ...]:
    """Why the Pusher rejected what the gates had blessed."""
    reason = artifact.properties.get(property_names.REASON) if artifact else None
    return (str(reason),) if reason else ()


def classes(
    verdict: Verdict, gates: Sequence[Gate]
) -> tuple[report_data.ClassRow, ...]:
    """What the quality gate measured on each class."""
    failed = collections.defaultdict(list)
    for check in itertools.chain.from_iterable(gate.checks for gate in gates):
        if not check.ok:
            failed[check.slice].append(check.name)
    return tuple(
        report_data.ClassRow(
            name=name,
            num_examples=int(student.get("num_examples", 0)),
            teacher=intervals.accuracy(verdict.teacher.get(name, {})),
            student=intervals.accuracy(student),
            lowest=verdict.paired.get(name, {}).get("low"),
            failed=tuple(failed[name]),
        )
        for name, student in verdict.student.items()
        if name != OVERALL
    )


def measured(verdict: Verdict) -> dict[str, Measured]:
    """What was measured beside the accuracy, by a name for people."""
    found = {name.replace("_", " "): one for name, one in verdict.metrics.items()}
    slices = {f"accuracy of slice {name}": one for name, one in verdict.slices.items()}
    return found | slices


def _two_sided(found: Served, num_examples: int) -> Interval:
    """The 95 % interval: the gate's own bounds are one-sided.

    Raises:
        ValueError: If the verdict does not have the counts.
    """
    counts = found.only_student or 0, found.only_served or 0
    known = None not in (found.difference, found.only_student, found.only_served)
    if found.difference is None or not known or sum(counts) > num_examples:
        raise ValueError("the verdict has no counts of images")
    # Which images they are does not matter.
    first = np.arange(num_examples) < counts[0]
    second = np.arange(num_examples)[::-1] < counts[1]
    result = comparison.paired(first, second)
    return Interval(value=found.difference, low=result.low, high=result.high)


def served(verdict: Verdict) -> report_data.Difference | None:
    """The student against the model that served before, as the gate measured it.

    Raises:
        ValueError: If the two could not be compared.
    """
    found = verdict.served
    if found is None:
        return None
    if found.problem or found.difference is None:
        raise ValueError(found.problem)
    return report_data.Difference(
        name="student − served before",
        interval=_two_sided(found, verdict.num_examples),
        only_first=found.only_student,
        only_second=found.only_served,
        p_value=found.p_value,
    )
