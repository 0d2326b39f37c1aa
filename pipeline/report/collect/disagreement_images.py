"""Images for which teacher and student predict different classes, as thumbnails."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfx_distill.components.evaluator.predictions import Predictions
from tfx_distill.pipeline.report.collect import (
    prediction_analysis,
    raw_records,
    thumbnails,
)
from tfx_distill.pipeline.report.report_data import ImageGroup, Prediction, ShownImage

MAX_IMAGES = 24  # of a kind


def groups(
    predictions: Predictions, examples_dir: str, split: str, class_names: Sequence[str]
) -> tuple[ImageGroup, ...]:
    """The images by which model is correct.

    Args:
        predictions: On the split.
        examples_dir: The Examples artifact's folder.
        split: Name of the split.
        class_names: By label.

    Raises:
        ValueError: If the records are not those that were predicted.
        OSError: If they are gone.
    """
    differ = prediction_analysis.disagreements(predictions)
    kinds = {
        "Only the teacher is correct": differ.only_teacher,
        "Only the student is correct": differ.only_student,
        "Both are wrong, with different classes": differ.neither,
    }
    wanted = [place for places in kinds.values() for place in places[:MAX_IMAGES]]
    found = raw_records.read(examples_dir, split, wanted)
    for place in wanted:
        if place not in found or found[place][1] != predictions.labels[place]:
            raise ValueError(
                f"record {place} of split {split} is not the one that was predicted"
            )
    return tuple(
        ImageGroup(
            name=name,
            total=len(places),
            images=tuple(
                _shown(place, predictions, found[place], class_names)
                for place in places[:MAX_IMAGES]
            ),
        )
        for name, places in kinds.items()
    )


def _shown(
    place: int,
    predictions: Predictions,
    record: tuple[bytes, int],
    names: Sequence[str],
) -> ShownImage:
    image, label = record
    return ShownImage(
        index=place,
        picture=thumbnails.thumbnail(image),
        label=_class_name(label, names),
        teacher=_prediction(predictions.teacher[place], label, names),
        student=_prediction(predictions.student[place], label, names),
    )


def _prediction(
    probabilities: np.ndarray, label: int, names: Sequence[str]
) -> Prediction:
    predicted = int(probabilities.argmax())
    return Prediction(
        name=_class_name(predicted, names),
        probability=float(probabilities[predicted]),
        correct=predicted == label,
    )


def _class_name(label: int, names: Sequence[str]) -> str:
    return names[label] if 0 <= label < len(names) else str(label)
