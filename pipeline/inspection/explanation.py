"""Why a student was pushed or not: everything that decided it, in one record."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from tfx_distill.components import property_names
from tfx_distill.components.pusher.pushed_models import PushedModel
from tfx_distill.pipeline import hints
from tfx_distill.pipeline.inspection import (
    artifact_files,
    distillation_effect,
    gates,
    payloads,
    summaries,
)
from tfx_distill.pipeline.inspection.gates import Gate
from tfx_distill.pipeline.inspection.summaries import RunSummary
from tfx_distill.pipeline.mlmd import moved_files
from tfx_distill.pipeline.mlmd.records import (
    FAILED,
    RUNNING,
    STOPPED,
    ArtifactRecord,
    Graph,
    Id,
    RunRecord,
)
from tfx_distill.pipeline.mlmd.store import Store
from tfx_distill.trainer.errors import DistillError

# Inputs that are the teacher: of the gate, or of what was trained; its model, if any.
_TEACHERS = ("baseline_model", "teacher_model", "teacher_logits")
_EXPLAINED = ("Model", "ModelBlessing", "InfraBlessing", "PushedModel")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelOrigin:
    """Where a model comes from: its artifact, and the node and run that made it.

    Attributes:
        imported: Where it, or members of an ensemble, were imported from, with `place`
            and `digest` of each; empty if it was trained.
        answers: The file of a teacher that has no model, else empty.
    """

    artifact: Id
    node: str
    run: str
    parameters: int | None
    accuracy: float | None
    versions: Mapping[str, str]
    answers: str = ""
    imported: tuple[Mapping[str, Any], ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Explanation:
    """Why a student was pushed or not.

    Attributes:
        conclusion: In a sentence.
        run: The run that decided.
        reasons: Why it was not pushed, one line each.
        gates: Each gate's decision.
        data: Of the Examples artifact: its id, data set, version, fingerprint.
        teacher: None when there is none.
        student: As `teacher`.
        effect: What distillation could gain and gained, one sentence each; empty
            without a control.
        rollbacks: Who made an earlier version the newest again, when and why.
        versions: Of code and libraries.
        missing: That the run's files are gone, and where they were; else empty.
    """

    conclusion: str
    run: RunSummary
    reasons: tuple[str, ...]
    gates: tuple[Gate, ...]
    data: Mapping[str, Any]
    teacher: ModelOrigin | None
    student: ModelOrigin | None
    effect: tuple[str, ...]
    rollbacks: tuple[Mapping[str, Any], ...]
    versions: Mapping[str, str]
    missing: str = ""


def explain(store: Store, asked: str | None = None) -> Explanation:
    """Explains what became of a student.

    Args:
        store: Where to look.
        asked: A pushed version, the id of a model, blessing or pushed model, or a
            run; None: the newest run.

    Raises:
        DistillError: If there is nothing of that name.
    """
    pushes = store.pushes_about(asked)
    run, rollbacks = _find(store, pushes, asked)
    pair = store.runs_from(run.name, 2)
    graph = store.graph_of_runs(pair)
    (summary,) = summaries.summarize(graph, pair, limit=1)
    decided = gates.of_run(graph, run.name)
    teacher, student, data = _chain(graph, run.name)
    rollbacks = rollbacks or _rollbacks(pushes, summary.pushed_version)
    return Explanation(
        conclusion=_conclusion(summary, rollbacks),
        run=summary,
        reasons=_reasons(graph, summary, decided),
        gates=decided,
        data=data,
        teacher=teacher,
        student=student,
        effect=distillation_effect.sentences(graph, run.name),
        rollbacks=rollbacks,
        versions=_versions(run, student),
        missing=moved_files.missing_files(graph.artifacts.values()),
    )


def _reasons(
    graph: Graph, summary: RunSummary, decided: tuple[Gate, ...]
) -> tuple[str, ...]:
    reasons = [reason for gate in decided for reason in gate.reasons]
    for gate in decided:
        if gate.problem and not gate.blessed and not gate.reasons:
            problem = payloads.read(graph.artifacts[gate.artifact]).problem
            reasons.append(
                f"{gate.node} does not say why: its verdict.json cannot be read. "
                f"{problem}".strip()
            )
    if summary.error:
        reasons.insert(0, summary.error)
    elif summary.state == FAILED:
        reasons.insert(0, "Its record does not say why; the log does.")
    # The Pusher may refuse a student that all gates blessed.
    return tuple(reasons) or tuple(
        str(artifact.properties[property_names.REASON])
        for artifact in graph.made(summary.run, "PushedModel")
        if not artifact.properties.get(property_names.PUSHED)
        and artifact.properties.get(property_names.REASON)
    )


def _find(
    store: Store, pushes: Graph, asked: str | None
) -> tuple[RunRecord, tuple[Mapping[str, Any], ...]]:
    """The run that decided, and the rollbacks that lead to it from a pushed model."""
    if asked is None:
        newest = store.runs(1)
        if not newest:
            raise DistillError(
                "No pipeline has run in this store yet: nothing to explain."
            )
        return newest[0], ()
    pushed = pushes.pushed_models()
    model = next((model for model in pushed if model.version == asked), None)
    if model is not None:
        run = store.maker(model.artifact_id)
    else:
        id_ = store.artifact_id(asked)
        if id_ is None:
            return store.run(asked), ()
        run = _deciding_run(store, id_)
        model = next((m for m in pushed if m.artifact_id == id_), None)
    rollbacks = []
    while model is not None and model.rolled_back_by:
        earlier = _rolled_back_to(model, pushed)
        if earlier is not None:
            rollbacks.append(_rollback(pushes, model))
            run = store.maker(earlier.artifact_id)
        model = earlier
    if not run:
        raise DistillError(f"ML Metadata does not say which run made artifact {asked}.")
    return store.run(run), tuple(rollbacks)


def _deciding_run(store: Store, artifact_id: Id) -> str:
    """Name of the run that decided on a model, or that made another artifact."""
    graph = store.lineage(artifact_ids=[artifact_id], up=False)
    artifact = graph.artifacts[artifact_id]
    if artifact.type_name not in _EXPLAINED:
        raise DistillError(
            f"Artifact {artifact_id} is of type {artifact.type}, expected a model, "
            f"blessing or pushed model. `{hints.command(f'show {artifact_id}')}` shows it."
        )
    runs = [e.run for e in graph.executions.values() if e.run]
    is_model = artifact.type_name == "Model"
    return runs[-1] if runs and is_model else artifact.run


def _rolled_back_to(
    model: PushedModel, pushed: Sequence[PushedModel]
) -> PushedModel | None:
    """The push that a rollback repeated: an older one, or damaged stores would loop."""
    for earlier in pushed[pushed.index(model) + 1 :]:
        if earlier.version == model.rolled_back_to:
            return earlier
    return None


def _rollbacks(pushes: Graph, version: str) -> tuple[Mapping[str, Any], ...]:
    """Those to or from a version."""
    return tuple(
        _rollback(pushes, model)
        for model in pushes.pushed_models()
        if version and model.rolled_back_by
        if version in (model.rolled_back_to, model.rolled_back_from)
    )


def _rollback(pushes: Graph, model: PushedModel) -> dict[str, Any]:
    return {
        property_names.ROLLED_BACK_BY: model.rolled_back_by,
        property_names.REASON: model.reason,
        property_names.ROLLED_BACK_TO: model.rolled_back_to,
        property_names.ROLLED_BACK_FROM: model.rolled_back_from,
        "version": model.version,
        "at_ms": pushes.artifacts[model.artifact_id].created_ms,
    }


def _conclusion(summary: RunSummary, rollbacks: tuple[Mapping[str, Any], ...]) -> str:
    if ended := {FAILED: "failed", STOPPED: "was stopped"}.get(summary.state):
        return f"The run {ended} at {summary.failed_node or 'an unknown node'}."
    if summary.pushed_version:
        text = f"Version {summary.pushed_version} was pushed: it passed every gate."
        for rollback in rollbacks:
            if rollback[property_names.ROLLED_BACK_FROM] == summary.pushed_version:
                by = rollback[property_names.ROLLED_BACK_BY]
                text += f" It was rolled back by {by}."
            else:
                text += f" It serves again as version {rollback['version']}."
        return text
    if summary.state == RUNNING:
        return "The run has not ended, or was killed: nothing has been pushed yet."
    if summary.blessed:
        return "The student was blessed but not pushed."
    if summary.blessed is False:
        return "The student was NOT blessed and not pushed."
    return "Nothing was pushed: the run has no blessing."


def _chain(
    graph: Graph, run: str
) -> tuple[ModelOrigin | None, ModelOrigin | None, dict[str, Any]]:
    """Teacher, student and data that the gate read; else those that were trained."""
    given: dict[str, ArtifactRecord] = {}
    for execution in graph.of_run(run):
        outputs = [artifact.type for _, artifact in graph.outputs(execution.id)]
        if gates.QUALITY in outputs or "model" not in given:
            given |= dict(graph.inputs(execution.id))
    teacher = next((given[key] for key in _TEACHERS if key in given), None)
    examples = given.get("examples") or next(iter(graph.made(run, "Examples")), None)
    return (
        _origin(teacher, gates.accuracy(graph, run, "teacher")),
        _origin(given.get("model"), gates.accuracy(graph, run, "student")),
        _data(examples) if examples else {},
    )


def _data(examples: ArtifactRecord) -> dict[str, Any]:
    known = examples.properties
    described = {name: known[name] for name in property_names.DATA if name in known}
    return {"artifact": examples.id, "uri": examples.uri, **described}


def _origin(
    artifact: ArtifactRecord | None, accuracy: float | None
) -> ModelOrigin | None:
    if artifact is None:
        return None
    answers = str(artifact.properties.get(property_names.ANSWERS_FILE, ""))
    card = {} if answers else artifact_files.model_card(artifact)
    name = property_names.NUM_PARAMETERS
    parameters = card.get(name, artifact.properties.get(name))
    versions = card.get("versions")
    return ModelOrigin(
        artifact=artifact.id,
        node=artifact.node,
        run=artifact.run,
        parameters=parameters if isinstance(parameters, int) else None,
        accuracy=accuracy,
        versions=versions if isinstance(versions, dict) else {},
        answers=answers,
        imported=tuple(o for o in card.get("origins", ()) if isinstance(o, dict)),
    )


def _versions(run: RunRecord, student: ModelOrigin | None) -> dict[str, str]:
    own = run.properties.get(property_names.DISTILL_VERSION)
    versions = {"tfx-distill": str(own)} if own else {}
    return versions | dict(student.versions if student else {})
