"""Why a student was pushed, or was not: everything that decided it, in one record."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from tfx_distill.pipeline.inspection import payloads, summaries
from tfx_distill.pipeline.inspection.summaries import RunSummary
from tfx_distill.pipeline.mlmd.records import (
    FAILED,
    RUNNING,
    ArtifactRecord,
    ExecutionRecord,
    Graph,
    RunRecord,
)
from tfx_distill.pipeline.mlmd.store import Store
from tfx_distill.trainer.errors import DistillError

_ROLLBACK = "rolled_back_by"
_RECENT_PUSHES = 10_000
_MODELS = ("Model", "ModelBlessing", "InfraBlessing", "PushedModel")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gate:
    """One gate's answer.

    Attributes:
        node: Which node.
        artifact: Id of its blessing.
        blessed: Whether it let the student pass; None when it does not say.
        reasons: Why not.
        checks: Its bounds as in `components.checks.Check`, those that failed first.
        served: The comparison with the model that served before, if any.
    """

    node: str
    artifact: int
    blessed: bool | None
    reasons: tuple[str, ...]
    checks: tuple[Mapping[str, Any], ...]
    served: Mapping[str, Any] | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Model:
    """A model on the way from the data to the server."""

    artifact: int
    node: str
    run: str
    parameters: int | None
    accuracy: float | None
    versions: Mapping[str, str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Explanation:
    """Why a student was pushed or not.

    Attributes:
        conclusion: In a sentence.
        run: The run that decided.
        reasons: Why not, one line each.
        gates: Each gate's answer.
        data: Of the Examples artifact: its id, data set, version, fingerprint.
        teacher: None when there is none.
        student: As `teacher`.
        rollbacks: Who made an earlier version the newest again, when and why.
        versions: Of code and libraries.
    """

    conclusion: str
    run: RunSummary
    reasons: tuple[str, ...]
    gates: tuple[Gate, ...]
    data: Mapping[str, Any]
    teacher: Model | None
    student: Model | None
    rollbacks: tuple[Mapping[str, Any], ...]
    versions: Mapping[str, str]


def explain(store: Store, asked: str | None = None) -> Explanation:
    """Explains what became of a student.

    Args:
        store: Where to look.
        asked: A pushed version, the id of a model, blessing or pushed model, or a
            run; None: the newest run.

    Raises:
        DistillError: If nothing of that name is there.
    """
    run, rollbacks = _find(store, asked)
    runs = store.runs()
    at = [r.name for r in runs].index(run.name)
    pair = runs[at : at + 2]
    graph = store.graph_of_runs(pair)
    (summary,) = summaries.summarize(graph, pair, limit=1)
    gates = _gates(graph, run.name)
    reasons = tuple(reason for gate in gates for reason in gate.reasons)
    if summary.error:
        reasons = (summary.error, *reasons)
    elif summary.state == FAILED:
        reasons = ("ML Metadata does not say why; its log does.", *reasons)
    if not reasons:
        reasons = _not_pushed(graph, run.name)
    verdict = summaries.verdict_of(summaries.outputs(graph, run.name, "ModelBlessing"))
    teacher, student, data = _chain(graph, run.name, verdict)
    if not rollbacks:
        rollbacks = _rollbacks(store, summary.pushed_version)
    return Explanation(
        conclusion=_conclusion(summary, rollbacks),
        run=summary,
        reasons=reasons,
        gates=gates,
        data=data,
        teacher=teacher,
        student=student,
        rollbacks=rollbacks,
        versions=_versions(run, student),
    )


def _find(
    store: Store, asked: str | None
) -> tuple[RunRecord, tuple[Mapping[str, Any], ...]]:
    """The run that decided, and the rollback that was asked for, if it was one."""
    if asked is None:
        newest = store.runs(1)
        if not newest:
            raise DistillError(
                "No pipeline has run in this store yet: nothing to explain."
            )
        return newest[0], ()
    if not asked.isdecimal():
        return store.run(asked), ()
    artifact = _pushed(store, asked)
    if artifact is None:
        graph = store.lineage(artifact_ids=[int(asked)], up=False)
        artifact = graph.artifacts[int(asked)]
        if artifact.type_name not in _MODELS:
            raise DistillError(
                f"Artifact {asked} is of type {artifact.type}, expected a model, blessing "
                f"or pushed model. `distill show {asked}` shows it."
            )
        if artifact.type == "Model":
            deciding = [e.run for e in graph.executions.values() if e.run]
            return store.run(deciding[-1] if deciding else artifact.run), ()
    if _ROLLBACK in artifact.properties:
        earlier = _pushed(store, str(artifact.properties.get("rolled_back_to", "")))
        rollback = _rollback(artifact)
        # Older always: a store of which that is not true would lead round and round.
        if earlier is not None and earlier.id < artifact.id:
            run, further = _find(store, str(earlier.properties["pushed_version"]))
            return run, (rollback, *further)
    if not artifact.run:
        raise DistillError(f"ML Metadata does not say which run made artifact {asked}.")
    return store.run(artifact.run), ()


def _pushes(store: Store) -> list[ArtifactRecord]:
    try:
        graph = store.artifacts("PushedModel", _RECENT_PUSHES)
    except DistillError:  # no model was ever pushed here
        return []
    return list(graph.artifacts.values())


def _pushed(store: Store, version: str) -> ArtifactRecord | None:
    for artifact in _pushes(store):
        if str(artifact.properties.get("pushed_version", "")) == version:
            return artifact
    return None


def _rollbacks(store: Store, version: str) -> tuple[Mapping[str, Any], ...]:
    """Those to or from a version."""
    if not version:
        return ()
    return tuple(
        _rollback(artifact)
        for artifact in _pushes(store)
        if _ROLLBACK in artifact.properties
        and version
        in (
            str(artifact.properties.get("rolled_back_to")),
            str(artifact.properties.get("rolled_back_from")),
        )
    )


def _rollback(artifact: ArtifactRecord) -> dict[str, Any]:
    names = ("rolled_back_by", "reason", "rolled_back_to", "rolled_back_from")
    found = {name: artifact.properties.get(name, "") for name in names}
    version = artifact.properties.get("pushed_version", "")
    return {**found, "version": version, "at_ms": artifact.created_ms}


def _conclusion(summary: RunSummary, rollbacks: tuple[Mapping[str, Any], ...]) -> str:
    if summary.state == FAILED:
        return f"The run failed at {summary.failed_node or 'no known node'}."
    if summary.pushed_version:
        text = f"Version {summary.pushed_version} was pushed: every gate let it pass."
        for rollback in rollbacks:
            if str(rollback["rolled_back_from"]) == summary.pushed_version:
                text += f" It was rolled back by {rollback['rolled_back_by']}."
            else:
                text += f" It serves again as version {rollback['version']}."
        return text
    if summary.state == RUNNING:
        return "The run has not ended, or was killed: nothing is pushed yet."
    if summary.blessed:
        return "The student was blessed, but not pushed."
    if summary.blessed is False:
        return "The student was NOT blessed, and not pushed."
    return "Nothing was pushed: the run has no blessing."


def _not_pushed(graph: Graph, run: str) -> tuple[str, ...]:
    """Why the Pusher refused, which it does for other causes than a gate as well."""
    return tuple(
        str(artifact.properties["reason"])
        for artifact in summaries.outputs(graph, run, "PushedModel")
        if not artifact.properties.get("pushed") and artifact.properties.get("reason")
    )


def _gates(graph: Graph, run: str) -> tuple[Gate, ...]:
    gates = []
    for kind in ("ModelBlessing", "InfraBlessing"):
        for artifact in summaries.outputs(graph, run, kind):
            verdict = summaries.verdict_of([artifact])
            is_blessed = artifact.properties.get("blessed", verdict.get("blessed"))
            given, served = verdict.get("reasons", ()), verdict.get("served")
            reasons = [str(r) for r in (given if isinstance(given, list) else ())]
            if not verdict and not is_blessed:
                problem = payloads.read(artifact).problem
                reasons.append(
                    f"{artifact.node} does not say why: its verdict.json cannot be read. "
                    f"{problem}".strip()
                )
            gates.append(
                Gate(
                    node=artifact.node,
                    artifact=artifact.id,
                    blessed=None if is_blessed is None else bool(is_blessed),
                    reasons=tuple(reasons),
                    checks=tuple(payloads.checks_of(verdict)),
                    served=served if isinstance(served, dict) else None,
                )
            )
    return tuple(gates)


def _chain(
    graph: Graph, run: str, verdict: Mapping[str, Any]
) -> tuple[Model | None, Model | None, dict[str, Any]]:
    """Teacher, student and data, by what the gate read; else what was trained."""
    given: dict[str, ArtifactRecord] = {}
    for execution in graph.of_run(run):
        if _is_gate(graph, execution) or "model" not in given:
            given |= dict(graph.inputs(execution.id))
    student = given.get("model")
    teacher = given.get("baseline_model") or given.get("teacher_model")
    examples = given.get("examples")
    if examples is None:
        made = summaries.outputs(graph, run, "Examples")
        examples = made[0] if made else None
    data: dict[str, Any] = {}
    if examples is not None:
        names = ("dataset", "dataset_version", "data_fingerprint", "num_examples")
        known = {n: examples.properties[n] for n in names if n in examples.properties}
        data = {"artifact": examples.id, "uri": examples.uri, **known}
    return (
        _model(teacher, summaries.accuracy(verdict, "teacher")),
        _model(student, summaries.accuracy(verdict, "student")),
        data,
    )


def _is_gate(graph: Graph, execution: ExecutionRecord) -> bool:
    return any(a.type == "ModelBlessing" for _, a in graph.outputs(execution.id))


def _model(artifact: ArtifactRecord | None, accuracy: float | None) -> Model | None:
    if artifact is None:
        return None
    card = payloads.model_card(artifact)
    parameters = card.get("num_parameters", artifact.properties.get("num_parameters"))
    versions = card.get("versions")
    return Model(
        artifact=artifact.id,
        node=artifact.node,
        run=artifact.run,
        parameters=parameters if isinstance(parameters, int) else None,
        accuracy=accuracy,
        versions=versions if isinstance(versions, dict) else {},
    )


def _versions(run: RunRecord, student: Model | None) -> dict[str, str]:
    own = run.properties.get("tfx_distill_version")
    versions = {"tfx-distill": str(own)} if own else {}
    return versions | dict(student.versions if student else {})
