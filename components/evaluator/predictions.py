"""Every model's predictions for the test images, stored beside TFMA's metrics.

Needs NumPy alone, so that a report opens it without TensorFlow.
"""

from __future__ import annotations

import dataclasses
import io
import os

import numpy as np

from tfx_distill.trainer import file_system

FILE_NAME = "answers.npz"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Predictions:
    """All predictions for a split, in the order of its records.

    Attributes:
        labels: int64 `(num_examples,)`.
        student: Probabilities, float32 `(num_examples, num_classes)`.
        teacher: As `student`.
        served: As `student`, of the model that served before; None without one.
    """

    labels: np.ndarray
    student: np.ndarray
    teacher: np.ndarray
    served: np.ndarray | None = None

    def save(self, folder: str) -> None:
        arrays = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if getattr(self, field.name) is not None
        }
        with file_system.open_file(os.path.join(folder, FILE_NAME), "wb") as file:
            np.savez_compressed(file, **arrays)

    @classmethod
    def load(cls, folder: str) -> Predictions:
        """Raises FileNotFoundError if the evaluation failed before it wrote them."""
        path = os.path.join(folder, FILE_NAME)
        with file_system.open_file(path, "rb") as file:
            content = io.BytesIO(file.read())
        with np.load(content, allow_pickle=False) as arrays:
            return cls(**dict(arrays))
