"""The models of a run: their cards, and what was measured of them."""

from __future__ import annotations

import collections
import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from tfx_distill.components import property_names
from tfx_distill.components.checks import OVERALL
from tfx_distill.components.evaluator.predictions import Predictions
from tfx_distill.components.evaluator.verdict import Verdict
from tfx_distill.pipeline.mlmd.records import ArtifactRecord, Graph
from tfx_distill.pipeline.report.collect import intervals
from tfx_distill.pipeline.report.collect.intervals import Interval
from tfx_distill.pipeline.report.report_data import Difference, Model
from tfx_distill.trainer.config.examples_config import PROBABILITIES
from tfx_distill.trainer.evaluation import comparison
from tfx_distill.trainer.evaluation.comparison import Comparison
from tfx_distill.trainer.export import saved_model_files


def made(graph: Graph, run: str) -> tuple[dict[int, str], list[int]]:
    """Models of a run, and those that the quality gate compared.

    Returns:
        Node by artifact id, with the gate's teacher and student first; the ids of
        these two.
    """
    found, judged = {}, []
    for execution in graph.of_run(run):
        for key, artifact in graph.outputs(execution.id):
            if key == "model" and artifact.type_name == "Model":
                found[artifact.id] = execution.node
        given = dict(graph.inputs(execution.id))
        teacher = given.get("baseline_model", given.get("teacher_logits"))
        if teacher and "model" in given:
            judged = [teacher.id, given["model"].id]
            if "baseline_model" not in given:
                found[teacher.id] = teacher.node
    judged = [id_ for id_ in judged if id_ in found]
    return {id_: found[id_] for id_ in dict.fromkeys([*judged, *found])}, judged


def described(artifact: ArtifactRecord, node: str) -> Model:
    """A model as its card describes it, or a teacher that is answers alone.

    Raises:
        FileNotFoundError: If it has no card.
        ValueError: If the card holds a wrong value.
    """
    answers = artifact.properties.get(property_names.ANSWERS_FILE)
    if answers:
        return Model(
            role="teacher",
            name="teacher",
            node=node,
            artifact=artifact.id,
            architecture=f"answers of {answers}",
        )
    path = artifact.saved_model_dir
    card = saved_model_files.read_card(path)
    if card is None:
        raise FileNotFoundError(f"{path} has no model card")
    for name in ("num_parameters", "seconds"):
        _require_number(name, getattr(card, name))
    settings = card.config.get(card.role) or card.config.get("student") or {}
    was_trained = not card.origins or bool(card.seconds)  # or one of an ensemble was
    return Model(
        role=card.role,
        name=card.role,
        node=node,
        artifact=artifact.id,
        architecture=str(settings.get("model", "")),
        origins=tuple(map(str, card.origins)),
        parameters=card.num_parameters,
        bytes=saved_model_files.saved_model_bytes(path),
        seconds=card.seconds if was_trained else None,
        history=card.history,
        versions=card.versions,
    )


def from_probabilities(graph: Graph, run: str) -> bool:
    """Whether teacher logits of a run are logarithms of a teacher's probabilities."""
    return any(
        PROBABILITIES in str(artifact.properties.get(property_names.TEACHER_OUTPUTS))
        for artifact in graph.made(run, "TeacherLogits")
    )


def require_curve(name: str, values: Any) -> None:
    """Raises ValueError unless a learning curve can be drawn: one with NaN cannot."""
    for place, value in enumerate(values):
        _require_number(f"{name}[{place}]", value)


def _require_number(name: str, value: Any) -> None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value):
        raise ValueError(f"{name} is {value!r}, expected a number")


def measured(
    models: Sequence[Model],
    judged: Sequence[int],
    verdict: Verdict,
    gained: Comparison | None,
) -> list[Model]:
    """The models with distinct names, `control`, `control 2` …, and their accuracies.

    Args:
        models: In the order of their seeds.
        judged: Artifact ids of those that the quality gate compared.
        verdict: What the gate measured of these two.
        gained: What the comparison with controls measured, seed by seed.
    """
    seeds = gained.seeds if gained else ()
    by_seed = {
        "student": iter([seed.accuracy for seed in seeds]),
        "control": iter([seed.reference_accuracy for seed in seeds]),
    }
    numbers: collections.Counter[str] = collections.Counter()
    result = []
    for model in models:
        role, accuracy = model.role, None
        numbers[role] += 1
        compared = next(by_seed.get(role, iter([])), None)
        if model.artifact in judged:
            slices = getattr(verdict, role, {})
            accuracy = intervals.accuracy(slices.get(OVERALL, {}))
        if accuracy is None and compared is not None and gained:
            accuracy = intervals.share(compared, gained.num_examples)
        name = role if numbers[role] == 1 else f"{role} {numbers[role]}"
        result.append(dataclasses.replace(model, name=name, accuracy=accuracy))
    return result


def differences(
    predictions: Predictions | None, verdict: Verdict, gained: Comparison | None
) -> list[Difference]:
    """The student against its teacher, and against the control."""
    found = []
    if predictions is not None:
        found.append(_paired(predictions))
    else:
        student, teacher = (
            slices.get(OVERALL, {}).get("accuracy")
            for slices in (verdict.student, verdict.teacher)
        )
        if student is not None and teacher is not None:
            point = Interval(value=student - teacher)
            found.append(Difference(name="student − teacher", interval=point))
    if gained is not None:
        interval = Interval(value=gained.difference, low=gained.low, high=gained.high)
        found.append(
            Difference(
                name="student − control", interval=interval, p_value=gained.p_value
            )
        )
    return found


def _paired(predictions: Predictions) -> Difference:
    student, teacher = (
        values.argmax(axis=1) == predictions.labels
        for values in (predictions.student, predictions.teacher)
    )
    result = comparison.paired(student, teacher)
    return Difference(
        name="student − teacher",
        interval=Interval(value=result.difference, low=result.low, high=result.high),
        only_first=result.only_first,
        only_second=result.only_second,
        p_value=result.p_value,
    )
