"""What a page shows of the classes: all of few, the worst and most frequent of many."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence

import numpy as np

from tfx_distill.pipeline.report.collect.prediction_analysis import Confusion
from tfx_distill.pipeline.report.report_data import Balance, ClassRow, Report
from tfx_distill.pipeline.short_text import shortened

MAX_SHOWN = 30  # classes that a reader sees before asking for the rest
_MAX_LETTERS = 24  # of a name beside a matrix
_MAX_CONFUSED = 3
_MAX_MISTAKES = 200


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mistake:
    """Images of one class for which models predict another.

    Attributes:
        label: Name of their class.
        predicted: Name of the other.
        student: Number of images for which the student predicts it.
        share: The same as a share of all images of the class.
        teacher: As `student`.
    """

    label: str
    predicted: str
    student: int
    share: float
    teacher: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class SplitSize:
    """The classes of a split by number of their images: name and number of each.

    Attributes:
        split: Its name.
        num_examples: Number of its images.
        num_empty: Number of classes without an image.
        fewest: The class with the fewest images.
        median: The middle number of images.
        most: The class with the most.
    """

    split: str
    num_examples: int
    num_empty: int
    fewest: tuple[str, int]
    median: float
    most: tuple[str, int]


def worst_first(rows: Sequence[ClassRow]) -> list[ClassRow]:
    """Classes by the student's accuracy, the lowest first."""
    return sorted(rows, key=lambda row: row.student.value if row.student else -1)


def shown(rows: Sequence[ClassRow]) -> Sequence[ClassRow]:
    """All of few classes in their order; of many the worst."""
    return rows if len(rows) <= MAX_SHOWN else worst_first(rows)[:MAX_SHOWN]


def short_names(report: Report, confusion: Confusion) -> list[str]:
    """The names of all classes as they fit beside a matrix."""
    labels = range(len(confusion.counts))
    return [shortened(report.class_name(label), _MAX_LETTERS) for label in labels]


def confused_with(report: Report) -> dict[str, str]:
    """By name of a class, what the student predicts instead, the most frequent first."""
    found = {}
    for one in report.confusions:
        if one.role != "student":
            continue
        mistakes = one.mistakes
        order = np.argsort(-mistakes, axis=1, kind="stable")[:, :_MAX_CONFUSED]
        for label, predicted in enumerate(order.tolist()):
            texts = [
                f"{report.class_name(other)} ×{count:,}"
                for other in predicted
                if (count := int(mistakes[label, other]))
            ]
            found[report.class_name(label)] = ", ".join(texts)
    return found


def mistakes(report: Report) -> list[Mistake]:
    """The student's most frequent mistakes, beside the teacher's of the same kind."""
    by_role = {one.role: one for one in report.confusions}
    if "student" not in by_role:
        return []
    student, teacher = by_role["student"], by_role.get("teacher", by_role["student"])
    sizes = student.counts.sum(axis=1)
    return [
        Mistake(
            label=report.class_name(label),
            predicted=report.class_name(predicted),
            student=count,
            share=count / int(sizes[label]),
            teacher=int(teacher.counts[label, predicted]),
        )
        for label, predicted, count in student.worst(_MAX_MISTAKES)
    ]


def balance(balances: Sequence[Balance]) -> list[tuple[str, list[int]]]:
    """Each class with its number of images in each split."""
    counts = [dict(one.counts) for one in balances]
    names = dict.fromkeys(name for one in counts for name in one)
    return [(name, [one.get(name, 0) for one in counts]) for name in names]


def split_sizes(balances: Sequence[Balance]) -> list[SplitSize]:
    """The same in a line for each split."""
    return [
        SplitSize(
            split=one.split if one.exact else f"{one.split}, estimated",
            num_examples=one.num_examples,
            num_empty=sum(not count for _, count in one.counts),
            fewest=min(one.counts, key=lambda pair: pair[1]),
            median=statistics.median(count for _, count in one.counts),
            most=max(one.counts, key=lambda pair: pair[1]),
        )
        for one in balances
        if one.counts
    ]
