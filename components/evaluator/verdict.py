"""The gate's decision as data: every bound, its value, and whether it held.

Needs no TensorFlow: who asks for the reason reads this file alone.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping

FILE_NAME = "verdict.json"
OVERALL = "overall"

# Metrics by slice (`overall` or a class name), then by metric name.
SliceMetrics = Mapping[str, Mapping[str, float]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Check:
    """One bound of the gate.

    Attributes:
        name: The configuration key that sets the bound, such as `gate.min_accuracy`.
        slice: `overall`, or the name of a class.
        bound: Lowest allowed value.
        value: What was measured; None when it is missing or not finite.
        ok: Whether `value` is at least `bound`.
    """

    name: str
    slice: str
    bound: float
    value: float | None
    ok: bool

    def describe(self) -> str:
        """The bound in one line, with how far the value misses it."""
        place = self.slice if self.slice == OVERALL else f"class {self.slice}"
        if self.value is None:
            return f"{self.name}: no value {place}, must be at least {self.bound:.4f}"
        text = (
            f"{self.name}: {self.value:.4f} {place}, must be at least {self.bound:.4f}"
        )
        return text if self.ok else f"{text}: {self.bound - self.value:.4f} short"


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
