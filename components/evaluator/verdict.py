"""The gate's decision as data: every bound, its value, and whether it held.

Needs no TensorFlow: who asks for the reason reads this file alone.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping

from components.checks import Check

FILE_NAME = "verdict.json"

# Metrics by slice (`overall` or a class name), then by metric name.
SliceMetrics = Mapping[str, Mapping[str, float]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verdict:
    """The gate's decision on one student.

    Attributes:
        blessed: Whether the student may be pushed.
        reasons: Why not, one line each; empty when blessed.
        checks: Every bound.
        split: The split that was evaluated.
        num_examples: Number of images in it that were evaluated.
        agreement: Share of images with the same answer from both; None if unknown.
        student: The student's metrics by slice.
        teacher: The teacher's metrics by slice.
    """

    blessed: bool
    reasons: tuple[str, ...]
    checks: tuple[Check, ...] = ()
    split: str = ""
    num_examples: int = 0
    agreement: float | None = None
    student: SliceMetrics = dataclasses.field(default_factory=dict)
    teacher: SliceMetrics = dataclasses.field(default_factory=dict)

    def save(self, folder: str) -> None:
        text = json.dumps(
            dataclasses.asdict(self), indent=2, sort_keys=True, allow_nan=False
        )
        with open(os.path.join(folder, FILE_NAME), "w", encoding="utf-8") as file:
            file.write(text)

    @classmethod
    def load(cls, folder: str) -> Verdict:
        with open(os.path.join(folder, FILE_NAME), encoding="utf-8") as file:
            fields = json.load(file)
        fields["reasons"] = tuple(fields["reasons"])
        fields["checks"] = tuple(Check(**check) for check in fields["checks"])
        return cls(**fields)


def refused(reason: str) -> Verdict:
    """The verdict when there is nothing to evaluate with."""
    return Verdict(blessed=False, reasons=(reason,))
