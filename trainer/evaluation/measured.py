"""What was measured of a student and its teacher on the same images; needs no NumPy."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measured:
    """A metric of student and teacher on the same images.

    Attributes:
        student: In [0, 1].
        student_low: Lower end of its 95 % interval.
        student_high: Upper end.
        teacher: As `student`; None if it is unknown.
        difference: Student minus teacher.
        low: Lower one-sided bound of `difference`, at the gate's confidence.
        num_examples: Number of images, if it is not that of the split.
    """

    student: float
    student_low: float
    student_high: float
    teacher: float | None = None
    difference: float | None = None
    low: float | None = None
    num_examples: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Corruptions:
    """Accuracy on corrupted copies of images.

    Attributes:
        num_examples: Number of images; each is in every copy.
        mean: Of the mean accuracy over all copies.
        clean: Of the accuracy on the same images as they are.
        student: Accuracy by kind, in order of strength.
        teacher: As `student`; empty if it is unknown.
    """

    num_examples: int
    mean: Measured
    clean: Measured
    student: Mapping[str, tuple[float, ...]]
    teacher: Mapping[str, tuple[float, ...]]
