"""How many students were tested on the same images: who tries until one passes selects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any


def numbers(evaluations: Iterable[tuple[Any, Any]]) -> Iterator[int]:
    """Yields for each evaluation how many students its images have decided on with it.

    Args:
        evaluations: Digests of images and student, the oldest first. A second evaluation
            of a student is no other attempt.
    """
    students: dict[Any, set[Any]] = {}
    for images, student in evaluations:
        tested = students.setdefault(images, set())
        tested.add(student)
        yield len(tested)
