"""The quality gate's decision as data: every bound, its value, and whether it passed.

Needs no TensorFlow: commands that explain a decision read the file without it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from tfx_distill.components.checks import Decision

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
    """

    agreement: float | None = None
    student: SliceMetrics = dataclasses.field(default_factory=dict)
    teacher: SliceMetrics = dataclasses.field(default_factory=dict)
    paired: SliceMetrics = dataclasses.field(default_factory=dict)
    served: Served | None = None


def refused(*reasons: str) -> Verdict:
    """The verdict when there is nothing to evaluate with."""
    return Verdict(blessed=False, reasons=reasons)
