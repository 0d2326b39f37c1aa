"""What the models answered to every test image; lies beside TFMA's metrics.

Needs NumPy alone, so that a report opens it without TensorFlow.
"""

from __future__ import annotations

import dataclasses
import os

import numpy as np

FILE_NAME = "answers.npz"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Predictions:
    """All answers to a split, in the order of its records.

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
        np.savez_compressed(os.path.join(folder, FILE_NAME), **arrays)

    @classmethod
    def load(cls, folder: str) -> Predictions:
        """Raises FileNotFoundError for an evaluation that did not come so far."""
        path = os.path.join(folder, FILE_NAME)
        # NumPy leaves a damaged file open that it opened itself.
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            return cls(**dict(arrays))
