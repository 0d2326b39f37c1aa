"""Every model's predictions for the test images, stored beside TFMA's metrics.

Needs NumPy alone, so that a report opens it without TensorFlow.
"""

from __future__ import annotations

import dataclasses
import io
import os
from collections.abc import Mapping

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
        student_nats: Cross-entropy of each image, float32 `(num_examples,)`, of logits:
            those of probabilities end where float32 does. None in earlier versions.
        teacher_nats: As `student_nats`.
    """

    labels: np.ndarray
    student: np.ndarray
    teacher: np.ndarray
    served: np.ndarray | None = None
    student_nats: np.ndarray | None = None
    teacher_nats: np.ndarray | None = None

    @classmethod
    def of(
        cls,
        labels: np.ndarray,
        log_probabilities: Mapping[str, np.ndarray | None],
    ) -> Predictions:
        """Makes them of log-probabilities by role, in nats; see the attributes."""
        rows = np.arange(len(labels))
        found = {role: v for role, v in log_probabilities.items() if v is not None}
        return cls(
            labels=labels,
            **{role: np.exp(values) for role, values in found.items()},
            student_nats=-found["student"][rows, labels],
            teacher_nats=-found["teacher"][rows, labels],
        )

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
