"""The models' predictions for one image, and whether they are correct."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

TOP = 5  # classes that are shown of an image


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ImagePredictions:
    """The models' predictions for one image.

    Attributes:
        name: Of the image: a file, or split and index as `test[3]`.
        image: uint8 `(height, width, channels)` in 0–255; channels is 1 or 3.
        label: Index of the true class; None if unknown.
        teacher: float `(num_classes,)`, probabilities; None if it has no model.
        student: As `teacher`.
        class_names: One for each class, in label order.
    """

    name: str
    image: np.ndarray
    label: int | None
    teacher: np.ndarray | None
    student: np.ndarray
    class_names: tuple[str, ...]

    @property
    def models(self) -> list[tuple[str, np.ndarray, int]]:
        """Role, probabilities and predicted class of each model; the student's last."""
        both = (("teacher", self.teacher), ("student", self.student))
        return [
            (r, probs, int(np.argmax(probs))) for r, probs in both if probs is not None
        ]

    @property
    def agree(self) -> bool:
        """Whether all models predict the same class."""
        return len({class_ for *_, class_ in self.models}) == 1

    def is_correct(self, class_: int) -> bool | None:
        """Whether a class is the true one; None if that is unknown."""
        return None if self.label is None else class_ == self.label

    def top(self, count: int) -> list[int]:
        """The likeliest classes of any model, the likeliest first."""
        likelier = np.max([probs for _, probs, _ in self.models], axis=0)
        return [int(i) for i in np.argsort(-likelier, kind="stable")[:count]]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "image": self.name,
            "label": self.label,
            "teacher": None,
            **{r: self._model_dict(probs, c) for r, probs, c in self.models},
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
    text = f"{images}:"
    if predictions[0].teacher is not None:
        agreed = sum(one.agree for one in predictions)
        text += f" teacher and student agree on {agreed};"
    if any(one.label is None for one in predictions):
        return f"{text[:-1]}."
    correct: collections.Counter[str] = collections.Counter()
    for one in predictions:
        for role, _, class_ in one.models:
            correct[role] += class_ == one.label
    first, *rest = correct.items()
    told = [f"{first[0]} correct on {first[1]}", *(f"{r} on {n}" for r, n in rest)]
    return f"{text} {', '.join(told)}."
