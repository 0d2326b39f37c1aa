"""Both models' predictions for one image, and whether they are correct."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

TOP = 5  # classes that are shown of an image


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ImagePredictions:
    """Both models' predictions for one image.

    Attributes:
        name: Of the image: a file, or split and index as `test[3]`.
        image: uint8 `(height, width, channels)` in 0–255; channels is 1 or 3.
        label: Index of the true class; None if unknown.
        teacher: float `(num_classes,)`, probabilities.
        student: As `teacher`.
        class_names: One for each class, in label order.
    """

    name: str
    image: np.ndarray
    label: int | None
    teacher: np.ndarray
    student: np.ndarray
    class_names: tuple[str, ...]

    @property
    def teacher_class(self) -> int:
        return int(np.argmax(self.teacher))

    @property
    def student_class(self) -> int:
        return int(np.argmax(self.student))

    @property
    def agree(self) -> bool:
        return self.teacher_class == self.student_class

    def is_correct(self, class_: int) -> bool | None:
        """Whether a class is the true one; None if that is unknown."""
        return None if self.label is None else class_ == self.label

    def top(self, count: int) -> list[int]:
        """The likeliest classes of either model, the likeliest first."""
        likelier = np.maximum(self.teacher, self.student)
        return [int(i) for i in np.argsort(-likelier, kind="stable")[:count]]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "image": self.name,
            "label": self.label,
            "teacher": self._model_dict(self.teacher, self.teacher_class),
            "student": self._model_dict(self.student, self.student_class),
            "agree": self.agree,
        }

    def _model_dict(self, probs: np.ndarray, class_: int) -> dict[str, Any]:
        return {
            "class": class_,
            "name": self.class_names[class_],
            "probability": float(probs[class_]),
            "probabilities": [float(p) for p in probs],
        }


def percent(probability: float) -> str:
    """At most six characters; never rounds to certainty: `>99.9%`, `<0.1%`."""
    value = 100 * probability
    if 99.95 <= value < 100:
        return ">99.9%"
    if 0 < value < 0.05:
        return "<0.1%"
    return f"{value:.1f}%"


def summary(predictions: Sequence[ImagePredictions]) -> str:
    """One sentence on how often the models are correct and agree."""
    number = len(predictions)
    images = "1 image" if number == 1 else f"{number} images"
    agreed = sum(one.agree for one in predictions)
    text = f"{images}: teacher and student agree on {agreed}"
    if any(one.label is None for one in predictions):
        return f"{text}."
    teacher = sum(one.teacher_class == one.label for one in predictions)
    student = sum(one.student_class == one.label for one in predictions)
    return f"{text}; teacher correct on {teacher}, student on {student}."
