"""The student's losses and metrics: soft targets, hard labels and features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops


def soft_target_loss(
    teacher_logits: Any,
    student_logits: Any,
    *,
    temperature: Any,
    temperature_squared: bool = True,
) -> Any:
    """KL divergence from softened teacher to softened student.

    Scaled by temperature**2, so its gradient keeps its size against the
    hard-label loss (Hinton et al. 2015, sec. 2, arXiv:1503.02531).

    Args:
        teacher_logits: float32 `(batch, num_classes)`.
        student_logits: As `teacher_logits`.
        temperature: Softmax temperature, > 0; 1 leaves logits as they are.
        temperature_squared: Whether to scale the loss by temperature**2.

    Returns:
        float32 `(batch,)` in nats, not reduced, >= 0.

    Raises:
        ValueError: If shapes differ or `temperature` <= 0.
    """
    _require_temperature(temperature)
    teacher_logits = ops.convert_to_tensor(teacher_logits, dtype="float32")
    student_logits = ops.convert_to_tensor(student_logits, dtype="float32")
    _require_same_shape("logits", teacher_logits.shape, student_logits.shape)
    teacher_log_probs = ops.log_softmax(teacher_logits / temperature, axis=-1)
    student_log_probs = ops.log_softmax(student_logits / temperature, axis=-1)
    # Log-probabilities avoid the log of a probability that was rounded to zero.
    divergence = ops.sum(
        ops.exp(teacher_log_probs) * (teacher_log_probs - student_log_probs), axis=-1
    )
    return divergence * temperature**2 if temperature_squared else divergence


def hard_label_loss(labels: Any, logits: Any, label_smoothing: float = 0.0) -> Any:
    """Cross-entropy of the labels under the student, at temperature 1.

    Args:
        labels: float32 `(batch, num_classes)`, the share of each class.
        logits: float32 `(batch, num_classes)`.
        label_smoothing: Share of each label that is spread over all classes
            (Szegedy et al. 2016, sec. 7, arXiv:1512.00567).

    Returns:
        float32 `(batch,)` in nats, not reduced, >= 0.
    """
    return keras.losses.categorical_crossentropy(
        labels, logits, from_logits=True, label_smoothing=label_smoothing
    )


def feature_loss(teacher_features: Any, student_features: Any) -> Any:
    """Mean squared error of features (Romero et al. 2015, eq. 3, arXiv:1412.6550).

    Args:
        teacher_features: float32 `(batch, width)`.
        student_features: As `teacher_features`, after the learned projection.

    Returns:
        float32 `(batch,)`, not reduced.

    Raises:
        ValueError: If shapes differ.
    """
    _require_same_shape("features", teacher_features.shape, student_features.shape)
    return ops.mean(ops.square(teacher_features - student_features), axis=-1)


# Tensors come from schedules, whose range the configuration has checked.
def _require_temperature(temperature: Any) -> None:
    if isinstance(temperature, int | float) and not temperature > 0:
        raise ValueError(
            f"temperature must be > 0, received {temperature}. "
            "Use 1 for unsoftened targets."
        )


def _require_share(weight: Any) -> None:
    if isinstance(weight, int | float) and not 0 <= weight <= 1:
        raise ValueError(
            f"student_loss_weight must be in [0, 1], received {weight}. It is the "
            "share of the hard-label loss."
        )


def _require_same_shape(what: str, teacher: Any, student: Any) -> None:
    sizes = zip(teacher, student, strict=False)
    if len(teacher) != len(student) or any(
        one != other for one, other in sizes if None not in (one, other)
    ):
        raise ValueError(
            f"The shapes of teacher {tuple(teacher)} and student {tuple(student)} "
            f"{what} must be equal."
        )


def pack_targets(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """Joins labels and the teacher's predictions to the one target Keras accepts.

    Args:
        labels: Integer class indices `(batch,)`, below 2**24, < 0 for none; or of mixed
            images the share of each class, `(batch, num_classes)`.
        predictions: float32 `(batch, num_classes + widths)`: the teacher's logits,
            then its features.

    Returns:
        float32 `(batch, 1 + num_classes + widths)`: the label, then the predictions;
        with shares, `num_classes` numbers in place of the label.
    """
    labels = labels.reshape(len(labels), -1).astype(np.float32)
    return np.concatenate([labels, predictions.astype(np.float32)], axis=1)


def _unpack(y_true: Any, y_pred: Any, num_classes: int) -> tuple[Any, Any, Any]:
    """What `pack_targets` joined, for predictions that are as wide as the teacher's.

    Returns:
        Shares of the classes `(batch, num_classes)`, whose sum is 1; how much of each
        image has a label, `(batch,)` in [0, 1]; and the teacher's predictions.
    """
    width = y_true.shape[-1] - y_pred.shape[-1]
    labels, predictions = y_true[:, :width], y_true[:, width:]
    if width == 1:  # no label, -1, becomes zeros
        labels = ops.one_hot(ops.cast(labels[:, 0], "int32"), num_classes)
    labelled = ops.sum(labels, axis=-1)
    return labels / ops.maximum(labelled, 1e-7)[:, None], labelled, predictions


@keras.saving.register_keras_serializable("tfx_distill")
class DistillationLoss(keras.losses.Loss):
    """(1 - w) · soft-target loss + w · hard-label loss + feature losses, batch mean.

    `y_true` comes from `pack_targets`. `y_pred` holds the student's logits
    `(batch, num_classes)`, then its projected features. w is `student_loss_weight`
    (Hinton et al. 2015, sec. 2, arXiv:1503.02531) of an example with a label, and 0 of
    one without, whose label is < 0: there, all is left to the teacher. Of a mixture, it
    is that of its labelled part.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        temperature: Any,
        student_loss_weight: Any,
        temperature_squared: bool = True,
        features: Sequence[tuple[int, float]] = (),
        label_smoothing: float = 0.0,
        name: str = "distillation_loss",
        **kwargs: Any,
    ) -> None:
        """Makes the loss.

        Args:
            num_classes: Number of logits.
            temperature: Number, or a function that returns it at each step.
            student_loss_weight: As `temperature`.
            temperature_squared: See `soft_target_loss`.
            features: (width, weight) of each pair of features, in order.
            label_smoothing: See `hard_label_loss`.
            name: Name of the loss.
            **kwargs: Further arguments of `keras.losses.Loss`.

        Raises:
            ValueError: If a number is out of its range.
        """
        super().__init__(name=name, **kwargs)
        _require_temperature(temperature)
        _require_share(student_loss_weight)
        self.num_classes = num_classes
        self.temperature = temperature
        self.student_loss_weight = student_loss_weight
        self.temperature_squared = temperature_squared
        self.features = tuple((int(width), float(w)) for width, w in features)
        self.label_smoothing = label_smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each image, float32 `(batch,)`, which Keras averages."""
        width = self.num_classes + sum(width for width, _ in self.features)
        label_widths = 1, self.num_classes
        if y_pred.shape[-1] != width or y_true.shape[-1] - width not in label_widths:
            raise ValueError(
                f"Targets of shape {tuple(y_true.shape)} and predictions of shape "
                f"{tuple(y_pred.shape)}, expected (batch, {1 + width}) from pack_targets "
                f"and (batch, {width})."
            )
        labels, labelled, predictions = _unpack(y_true, y_pred, self.num_classes)
        logits = y_pred[:, : self.num_classes]
        soft = soft_target_loss(
            predictions[:, : self.num_classes],
            logits,
            temperature=_current(self.temperature),
            temperature_squared=self.temperature_squared,
        )
        weight = _current(self.student_loss_weight) * labelled
        hard = hard_label_loss(labels, logits, self.label_smoothing)
        loss = (1 - weight) * soft + weight * hard
        start = self.num_classes
        for width, feature_weight in self.features:
            end = start + width
            distance = feature_loss(predictions[:, start:end], y_pred[:, start:end])
            loss = loss + feature_weight * distance
            start = end
        return loss

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "temperature": float(_current(self.temperature)),
            "student_loss_weight": float(_current(self.student_loss_weight)),
            "temperature_squared": self.temperature_squared,
            "features": self.features,
            "label_smoothing": self.label_smoothing,
        }


def _current(value: Any) -> Any:
    return value() if callable(value) else value


# Registered, as cloning a compiled model makes its metrics again from their configuration.
@keras.saving.register_keras_serializable("tfx_distill")
class PackedAccuracy(keras.metrics.MeanMetricWrapper):
    """Accuracy against the labels in `pack_targets`, of examples that have one."""

    def __init__(self, num_classes: int, name: str = "accuracy", **kwargs: Any) -> None:
        super().__init__(fn=self._compare, name=name, **kwargs)
        self.num_classes = num_classes

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        return super().update_state(y_true, y_pred, self._weights(y_true, y_pred))

    def _weights(self, y_true: Any, y_pred: Any) -> Any:
        return _unpack(y_true, y_pred, self.num_classes)[1]

    def _compare(self, y_true: Any, y_pred: Any) -> Any:
        labels, _, _ = _unpack(y_true, y_pred, self.num_classes)
        return _equal(self._predicted(labels), self._predicted(y_pred))

    def _predicted(self, values: Any) -> Any:
        return ops.argmax(values[:, : self.num_classes], axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "num_classes": self.num_classes}


@keras.saving.register_keras_serializable("tfx_distill")
class PackedAgreement(PackedAccuracy):
    """Share of predictions equal to the teacher's, of all examples."""

    def _weights(self, y_true: Any, y_pred: Any) -> Any:
        return None

    def _compare(self, y_true: Any, y_pred: Any) -> Any:
        _, _, predictions = _unpack(y_true, y_pred, self.num_classes)
        return _equal(self._predicted(predictions), self._predicted(y_pred))


def _equal(one: Any, other: Any) -> Any:
    return ops.cast(ops.equal(one, other), "float32")
