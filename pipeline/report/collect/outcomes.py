"""How a run ended, and what its gates decided."""

from __future__ import annotations

from tfx_distill.pipeline.report import report_data
from tfx_distill.pipeline.report.collect import file_checks, readings
from tfx_distill.pipeline.report.collect.run_graph import Run

_DONE = ("COMPLETE", "CACHED")
_GATES = {"ModelBlessing": "Quality", "InfraBlessing": "Servability"}


def outcome(run: Run) -> report_data.Outcome:
    """How a run ended."""
    failed = [e for e in run.executions if e.state not in _DONE]
    pushed = run.written("PushedModel")
    decided = gates(run)
    refused = [gate for gate in decided if not gate.blessed]
    if pushed is not None and pushed.properties.get("pushed"):
        place = str(pushed.properties.get("pushed_destination", ""))
        return report_data.Outcome(
            state=report_data.PUSHED,
            headline="The student was pushed.",
            pushed_to=place,
        )
    if failed:
        nodes = ", ".join(execution.node for execution in failed)
        return report_data.Outcome(
            state=report_data.FAILED,
            headline=f"The run failed at {nodes}. Nothing was pushed.",
            reasons=tuple(_reasons(run)),
        )
    if refused:
        return report_data.Outcome(
            state=report_data.REFUSED,
            headline="The student was refused. Nothing was pushed.",
            reasons=tuple(_reasons(run)),
        )
    if decided:
        # The Pusher refuses for causes of its own: it says so on its artifact.
        reason = pushed.properties.get("reason") if pushed is not None else None
        return report_data.Outcome(
            state=report_data.BLESSED,
            headline="The student was blessed. Nothing was pushed.",
            reasons=(str(reason),) if reason else (),
        )
    return report_data.Outcome(
        state=report_data.UNDECIDED,
        headline="The run ended before a gate decided. Nothing was pushed.",
    )


def _reasons(run: Run) -> list[str]:
    reasons = []
    for kind in _GATES:
        artifact = run.written(kind)
        if artifact is not None:
            try:
                verdict = file_checks.verdict(artifact.uri, kind)
                reasons += [str(reason) for reason in verdict["reasons"]]
            except readings.UNREADABLE as error:
                reasons.append(f"The verdict of {kind} cannot be read: {error}")
    return reasons


def gates(run: Run) -> tuple[report_data.Gate, ...]:
    """What each gate of a run decided."""
    found = []
    for kind, name in _GATES.items():
        artifact = run.written(kind)
        if artifact is None:
            continue
        try:
            verdict = file_checks.verdict(artifact.uri, kind)
            checks = tuple(readings.check(check) for check in verdict["checks"])
            blessed = verdict["blessed"] is True
        except readings.UNREADABLE:
            # Without its verdict it counts as refused: a gate fails closed.
            checks, blessed = (), False
        found.append(report_data.Gate(name=name, blessed=blessed, checks=checks))
    return tuple(found)
