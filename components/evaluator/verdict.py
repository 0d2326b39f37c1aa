"""The quality gate's decision as data: every bound, its value, and whether it passed.

Needs no TensorFlow: commands that explain a decision read the file without it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from tfx_distill.components.checks import OVERALL, Decision
from tfx_distill.trainer.evaluation.measured import Corruptions, Measured

# Metrics by slice (`overall` or a class name), then by metric name.
SliceMetrics = Mapping[str, Mapping[str, float]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Served:
    """The student against the model that served before it, on the same images.

    Attributes:
        uri: Folder of the served model's SavedModel.
        artifact_id: Of its PushedModel in ML Metadata; None if it was given by uri.
        version: Its number in the serving folder; empty if it has none.
        rule: `gate.against_served`.
        problem: Why it could not be compared; empty when it was.
        accuracy: Of the served model, in [0, 1].
        difference: The student's accuracy minus `accuracy`.
        low: Lower one-sided 95 % bound of `difference`.
        high: Upper one-sided 95 % bound.
        only_student: Number of images that only the student classified correctly.
        only_served: As `only_student`.
        p_value: Two-sided, see `paired_interval.Estimate`.
        churn: Share of all images that only the served model classified correctly.
    """

    uri: str
    artifact_id: int | None
    version: str
    rule: str
    problem: str = ""
    accuracy: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    only_student: int | None = None
    only_served: int | None = None
    p_value: float | None = None
    churn: float | None = None

    @property
    def churn_text(self) -> str:
        """The churn, to follow the other numbers; empty if it is unknown."""
        if self.churn is None:
            return ""
        return f", churn {self.churn:.4f}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verdict(Decision):
    """The quality gate's decision on one student; attributes also as in `Decision`.

    Attributes:
        agreement: Share of images with the same prediction from both; None if unknown.
        student: The student's metrics by slice.
        teacher: The teacher's metrics by slice.
        paired: Student minus teacher, paired by image, by slice: `difference` of the
            accuracies, `low`, its lower one-sided 95 % bound, and the numbers of images
            that only one classified correctly, `only_student` and `only_teacher`.
        served: The comparison with the model that served before; None without one.
        notes: What else decided, in lines: what `auto` in the section `gate` stood for,
            the number of the attempt if it counts, and whose decision it was to replace
            a model without a comparison.
        metrics: Metrics beside the accuracy, by name.
        slices: Accuracies on the slices of `gate.slices`, by name.
        corruptions: Accuracies on corrupted images; None if they were not tested.
        overlaps: Number of images of this split that are in another one, too, by the
            names of both; None: unknown.
    """

    notes: tuple[str, ...] = ()
    metrics: Mapping[str, Measured] = dataclasses.field(default_factory=dict)
    slices: Mapping[str, Measured] = dataclasses.field(default_factory=dict)
    corruptions: Corruptions | None = None
    overlaps: Mapping[str, int] | None = None
    agreement: float | None = None
    student: SliceMetrics = dataclasses.field(default_factory=dict)
    teacher: SliceMetrics = dataclasses.field(default_factory=dict)
    paired: SliceMetrics = dataclasses.field(default_factory=dict)
    served: Served | None = None

    @property
    def against_teacher(self) -> str:
        """The comparison with the teacher in a sentence; empty without one."""
        paired = self.paired.get(OVERALL, {})
        margin = next((c for c in self.checks if c.name == "gate.margin"), None)
        if margin is None or margin.value is None or "only_teacher" not in paired:
            return ""
        more = round(paired["only_teacher"] - paired["only_student"])
        errors = "error" if abs(more) == 1 else "errors"
        count = f"{abs(more):,} {'more' if more > 0 else 'fewer'} {errors}"
        p_value = paired.get("p_value")
        told = "" if p_value is None else f" ({p_text(p_value)})"
        text = (
            f"{count if more else 'As many errors'} of {self.num_examples:,} "
            f"{'than' if more else 'as'} its teacher{told}"
        )
        where = "within" if margin.ok else "NOT surely within"
        found = f"{text}, {where} the margin of {-100 * margin.bound:g} points."
        for pair, number in (self.overlaps or {}).items():
            images = "image is" if number == 1 else "images are"
            found += f" {number:,} {images} in {pair.replace(', ', ' and ')}."
        return found


def p_text(p_value: float) -> str:
    """A p-value as people write it."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"


def refused(*reasons: str) -> Verdict:
    """The verdict when there is nothing to evaluate with."""
    return Verdict(blessed=False, reasons=reasons)
