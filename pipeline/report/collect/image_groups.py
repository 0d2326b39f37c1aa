"""What the answers to a split show: confusions, calibration, and where models differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tfx_distill.components.evaluator.predictions import Predictions
from tfx_distill.pipeline.report.collect import example_images, measures
from tfx_distill.pipeline.report.report_data import Answer, ImageGroup, ShownImage

MAX_IMAGES = 24  # of a kind
_ROLES = ("teacher", "student")


def compared(answers: Predictions) -> dict[str, Any]:
    """The fields of a report that need the answers alone."""
    pairs = [(role, getattr(answers, role)) for role in _ROLES]
    return {
        "confusions": tuple(
            measures.confusion(role, answers.labels, values) for role, values in pairs
        ),
        "calibrations": tuple(
            measures.calibration(role, answers.labels, values) for role, values in pairs
        ),
        "disagreements": measures.disagreements(answers).total,
    }


def groups(
    answers: Predictions, examples_dir: str, split: str, class_names: Sequence[str]
) -> tuple[ImageGroup, ...]:
    """The images to which teacher and student answer differently, a kind at a time.

    Args:
        answers: To the split.
        examples_dir: The Examples artifact's folder.
        split: Name of the split.
        class_names: By label.

    Raises:
        ValueError: If the records are not those that were answered.
        OSError: If they are gone.
    """
    differ = measures.disagreements(answers)
    kinds = {
        "Only the teacher is right": differ.only_teacher,
        "Only the student is right": differ.only_student,
        "Both are wrong, each in its way": differ.neither,
    }
    wanted = [place for places in kinds.values() for place in places[:MAX_IMAGES]]
    found = example_images.read(examples_dir, split, wanted)
    for place in wanted:
        if place not in found or found[place][1] != answers.labels[place]:
            raise ValueError(
                f"record {place} of split {split} is not the one that was answered"
            )
    return tuple(
        ImageGroup(
            name=name,
            total=len(places),
            images=tuple(
                _shown(place, answers, found[place], class_names)
                for place in places[:MAX_IMAGES]
            ),
        )
        for name, places in kinds.items()
    )


def _shown(
    place: int, answers: Predictions, record: tuple[bytes, int], names: Sequence[str]
) -> ShownImage:
    image, label = record
    return ShownImage(
        index=place,
        picture=example_images.data_url(image),
        label=class_name(label, names),
        teacher=_answer(answers.teacher[place], label, names),
        student=_answer(answers.student[place], label, names),
    )


def _answer(probabilities: np.ndarray, label: int, names: Sequence[str]) -> Answer:
    answer = int(probabilities.argmax())
    return Answer(
        name=class_name(answer, names),
        probability=float(probabilities[answer]),
        right=answer == label,
    )


def class_name(label: int, names: Sequence[str]) -> str:
    return names[label] if 0 <= label < len(names) else str(label)
