"""What the gates of a run decided, from their blessings and verdicts."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from typing import Any

from tfx_distill.components import checks as gate_checks
from tfx_distill.components import property_names
from tfx_distill.components.checks import (
    OVERALL,
    VERDICT_FILE,
    Bound,
    Bounds,
    Check,
    Decision,
)
from tfx_distill.components.evaluator.verdict import Served, Verdict
from tfx_distill.components.servability_validator.servability import Servability
from tfx_distill.pipeline.inspection import artifact_files
from tfx_distill.pipeline.inspection.payload_values import short
from tfx_distill.pipeline.mlmd.records import ArtifactRecord, Graph, Id
from tfx_distill.trainer import json_files, structured_text

QUALITY, SERVABILITY = "ModelBlessing", "InfraBlessing"
_VERDICTS = {QUALITY: Verdict, SERVABILITY: Servability}
_NAMES = {QUALITY: "Quality", SERVABILITY: "Servability"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gate:
    """One gate's decision.

    Attributes:
        name: `Quality` or `Servability`.
        node: Id of the node that decided.
        artifact: Id of its blessing.
        blessed: Whether the student passed; None when unknown.
        reasons: Why it did not, one line each.
        untold: Those of the reasons that no bound tells.
        checks: Its bounds, failed ones first, then those on all images; without the
            file, the worst of each bound.
        bounds: The checks of the same bound on several classes together.
        served: The comparison with the model that served before, if any.
        against_teacher: See `Verdict.against_teacher`.
        notes: See `Verdict.notes`.
        num_tested: See `Graph.tested`; None when unknown.
        problem: Why its verdict's file could not be read; empty otherwise.
    """

    name: str
    node: str
    artifact: Id
    blessed: bool | None
    reasons: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    bounds: tuple[Bound, ...] = ()
    served: Served | None = None
    against_teacher: str = ""
    notes: tuple[str, ...] = ()
    num_tested: int | None = None
    problem: str = ""

    @property
    def has_blessed(self) -> bool:
        """Whether the student passed, and the verdict proves it: a gate fails closed."""
        return bool(self.blessed) and not self.problem


def of_run(graph: Graph, run: str) -> tuple[Gate, ...]:
    """The gates that decided in a run, or whose decision it took from the cache."""
    return tuple(
        dataclasses.replace(
            _gate(artifact, kind), num_tested=graph.tested.get(artifact.id)
        )
        for kind in _VERDICTS
        for artifact in graph.made(run, kind)
    )


def _gate(artifact: ArtifactRecord, kind: str) -> Gate:
    decision, problem = Decision(blessed=False, reasons=()), ""
    bounds: tuple[Bound, ...] = ()
    blessed = None
    try:
        decision, bounds, problem = _decision(artifact)
        blessed = decision.blessed
    except (OSError, ValueError) as error:
        problem = str(error)
    recorded = artifact.properties.get(property_names.BLESSED)
    refusals = [bound.describe() for bound in bounds if not bound.ok]
    # Earlier versions gave a reason for each class.
    told = {*refusals, *(check.describe() for check in decision.checks)}
    untold = tuple(reason for reason in decision.reasons if reason not in told)
    return Gate(
        name=_NAMES[kind],
        node=artifact.node,
        artifact=artifact.id,
        blessed=blessed if recorded is None else bool(recorded),
        reasons=(*refusals, *untold),
        untold=untold,
        checks=tuple(
            sorted(
                decision.checks, key=lambda check: (check.ok, check.slice != OVERALL)
            )
        ),
        bounds=bounds,
        **_quality(decision),
        problem=problem,
    )


def _quality(decision: Decision) -> dict[str, Any]:
    """What only the quality gate says."""
    if not isinstance(decision, Verdict):
        return {}
    names = ("served", "against_teacher", "notes")
    return {name: getattr(decision, name) for name in names}


def _decision(blessing: ArtifactRecord) -> tuple[Decision, tuple[Bound, ...], str]:
    """A verdict and its bounds; from ML Metadata with why the file did not do."""
    try:
        decision = verdict(blessing)
        return decision, tuple(gate_checks.bounds(decision.checks)), ""
    except (OSError, ValueError) as error:
        summary = blessing.properties.get(property_names.VERDICT)
        if not summary:
            raise
        decision = json_files.parse(_VERDICTS[blessing.type_name], str(summary))
        return decision, json_files.parse(Bounds, str(summary)).bounds, str(error)


def num_tested(graph: Graph, run: str) -> int | None:
    """`Graph.tested` of the quality gate of a run."""
    blessing = graph.latest(run, QUALITY)
    return graph.tested.get(blessing.id) if blessing else None


def tested_text(number: int | None) -> str:
    """How often these images have decided; empty for the first student, or unknown."""
    if number is None or number < 2:
        return ""
    teens = 10 <= number % 100 < 20
    suffix = "th" if teens else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"The {number:,}{suffix} student tested on these images."


def not_told(reasons: Sequence[str], gates: Sequence[Gate]) -> list[str]:
    """Those of a run's reasons that no gate's bounds tell."""
    told = {reason for gate in gates for reason in gate.reasons}
    told -= {reason for gate in gates for reason in gate.untold}
    return [reason for reason in reasons if reason not in told]


def result(check: Check | Bound) -> str:
    return "passed" if check.ok else "FAILED"


def limit(check: Check) -> str:
    """A bound with its direction."""
    return ("≤ " if check.at_most else "≥ ") + short(check.bound)


def verdict(blessing: ArtifactRecord) -> Decision:
    """The verdict beside a blessing: a Verdict or a Servability.

    Raises:
        OSError: If there is none.
        ValueError: If it is damaged, or not what the gate wrote; names what is wrong.
    """
    place = f"{blessing.uri}/{VERDICT_FILE}"
    text = artifact_files.load_text(blessing, VERDICT_FILE)
    digest = blessing.properties.get(property_names.VERDICT_DIGEST)
    if digest and hashlib.sha256(text.encode()).hexdigest() != digest:
        raise ValueError(f"{place} was changed after the gate wrote it")
    fields = artifact_files.json_object(text, place)
    return json_files.parse(_VERDICTS[blessing.type_name], json.dumps(fields))


def accuracy(graph: Graph, run: str, role: str) -> float | None:
    """Accuracy of the `teacher` or the `student` on all images, in [0, 1].

    Reads the verdict without checking all of it: loading the library for that would
    take a third of the time of `distill runs`.
    """
    for blessing in reversed(graph.made(run, QUALITY)):
        fields = raw_verdict(blessing)
        if fields is not None:
            try:
                value = fields[role][OVERALL]["accuracy"]
            except (KeyError, TypeError):
                return None
            return value if isinstance(value, (int, float)) else None
    return None


def raw_verdict(blessing: ArtifactRecord) -> dict[str, Any] | None:
    """A verdict's fields, as far as ML Metadata or else the file has them."""
    try:
        summary = blessing.properties.get(property_names.VERDICT)
        if not summary:
            return artifact_files.load_json(blessing, VERDICT_FILE)
        fields = structured_text.from_json(str(summary))
        return fields if isinstance(fields, dict) else None
    except (OSError, ValueError):
        return None
