"""What a student is trained on: soft targets and hard labels."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops


def soft_target_loss(
    teacher_logits: Any,
    student_logits: Any,
    *,
    temperature: float,
    temperature_squared: bool = True,
) -> Any:
    """KL divergence from softened teacher to softened student.

    Scaled by temperature**2, so its gradient keeps its size against the
    hard-label loss (Hinton et al. 2015, sec. 2, arXiv:1503.02531).

    Args:
        teacher_logits: float32 `(batch, num_classes)`.
        student_logits: As `teacher_logits`.
        temperature: Softmax temperature, > 0; 1 leaves logits as they are.
        temperature_squared: False leaves the scaling out.

    Returns:
        float32 `(batch,)` in nats, not reduced, >= 0.

    Raises:
        ValueError: If shapes differ or `temperature` <= 0.
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be > 0, received {temperature}.")
    teacher_logits = ops.convert_to_tensor(teacher_logits, dtype="float32")
    student_logits = ops.convert_to_tensor(student_logits, dtype="float32")
    if teacher_logits.shape[-1] != student_logits.shape[-1] or len(
        teacher_logits.shape
    ) != len(student_logits.shape):
        raise ValueError(
            f"Logits of teacher {tuple(teacher_logits.shape)} and student "
            f"{tuple(student_logits.shape)} must have one shape."
        )
    teacher_log_probs = ops.log_softmax(teacher_logits / temperature, axis=-1)
    student_log_probs = ops.log_softmax(student_logits / temperature, axis=-1)
    # From log-probabilities: no log of a probability that rounded to zero.
    divergence = ops.sum(
        ops.exp(teacher_log_probs) * (teacher_log_probs - student_log_probs), axis=-1
    )
    return divergence * temperature**2 if temperature_squared else divergence


def hard_label_loss(labels: Any, logits: Any) -> Any:
    """Cross-entropy of the labels under the student, at temperature 1.

    Args:
        labels: Integer class indices `(batch,)`.
        logits: float32 `(batch, num_classes)`.

    Returns:
        float32 `(batch,)` in nats, not reduced, >= 0.
    """
    return keras.losses.sparse_categorical_crossentropy(
        labels, logits, from_logits=True
    )


def pack_targets(labels: np.ndarray, teacher_logits: np.ndarray) -> np.ndarray:
    """Joins labels and teacher logits to the one target that Keras passes on.

    Args:
        labels: Integer class indices `(batch,)`, below 2**24.
        teacher_logits: float32 `(batch, num_classes)`.

    Returns:
        float32 `(batch, 1 + num_classes)`: the label, then the logits.
    """
    return np.concatenate(
        [labels[:, None].astype(np.float32), teacher_logits.astype(np.float32)], axis=1
    )


def unpack_targets(targets: Any) -> tuple[Any, Any]:
    """Undoes `pack_targets`: int32 labels `(batch,)` and float32 teacher logits."""
    return ops.cast(targets[:, 0], "int32"), targets[:, 1:]


@keras.saving.register_keras_serializable("tfx_distill")
class DistillationLoss(keras.losses.Loss):
    """(1 - w) · soft-target loss + w · hard-label loss, mean over the batch.

    Its `y_true` comes from `pack_targets`, its `y_pred` are the student's logits
    `(batch, num_classes)`. With w, the `student_loss_weight`, this is Hinton et
    al. 2015, sec. 2, arXiv:1503.02531.
    """

    def __init__(
        self,
        *,
        temperature: float,
        student_loss_weight: float,
        temperature_squared: bool = True,
        name: str = "distillation_loss",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.temperature = temperature
        self.student_loss_weight = student_loss_weight
        self.temperature_squared = temperature_squared

    def call(self, y_true: Any, y_pred: Any) -> Any:
        labels, teacher_logits = unpack_targets(y_true)
        soft = soft_target_loss(
            teacher_logits,
            y_pred,
            temperature=self.temperature,
            temperature_squared=self.temperature_squared,
        )
        weight = self.student_loss_weight
        return (1 - weight) * soft + weight * hard_label_loss(labels, y_pred)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "temperature": self.temperature,
            "student_loss_weight": self.student_loss_weight,
            "temperature_squared": self.temperature_squared,
        }


@keras.saving.register_keras_serializable("tfx_distill")
def packed_accuracy(y_true: Any, y_pred: Any) -> Any:
    """Share of right answers against the labels in `pack_targets`; float32 `(batch,)`."""
    labels, _ = unpack_targets(y_true)
    return ops.cast(
        ops.equal(labels, ops.cast(ops.argmax(y_pred, axis=-1), "int32")), "float32"
    )


@keras.saving.register_keras_serializable("tfx_distill")
def packed_agreement(y_true: Any, y_pred: Any) -> Any:
    """Share of answers equal to the teacher's; float32 `(batch,)`."""
    _, teacher_logits = unpack_targets(y_true)
    same = ops.equal(ops.argmax(teacher_logits, axis=-1), ops.argmax(y_pred, axis=-1))
    return ops.cast(same, "float32")
