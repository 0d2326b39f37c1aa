"""Training the teacher on labels and the student on the teacher's answers."""

from __future__ import annotations

import dataclasses
import math
import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trainer import augmentation, losses, models
from trainer.batches import DistillationBatches, TeacherBatches
from trainer.config import (
    DistillationConfig,
    StudentConfig,
    TeacherConfig,
    TrainingConfig,
)
from trainer.data import Split
from trainer.data_spec import DataSpec
from trainer.errors import ModelError
from trainer.export import Predictor
from trainer.progress import Progress, report

_PREDICT_BATCH = 512


@dataclasses.dataclass(frozen=True)
class Trained:
    """A trained model and how it got there.

    Attributes:
        model: Keras model from uint8 images to logits.
        history: Values by name, one for each epoch.
        seconds: Wall time of the training.
    """

    model: keras.Model
    history: dict[str, list[float]]
    seconds: float


def train_teacher(
    train: Split,
    evaluation: Split,
    spec: DataSpec,
    config: TeacherConfig,
    logs_dir: str | None = None,
) -> Trained:
    """Trains a new teacher by cross-entropy on the labels.

    Args:
        train: What it learns from.
        evaluation: What it is measured on after each epoch.
        spec: Image shape and classes.
        config: The recipe.
        logs_dir: Folder for TensorBoard logs.

    Raises:
        ModelError: If the architecture does not fit, or the loss is not finite.
    """
    start = time.monotonic()
    keras.utils.set_random_seed(config.seed)
    model = models.build(config.model, spec.image_shape, spec.num_classes)
    batches = TeacherBatches(train, config)
    _compile(
        model,
        config,
        len(batches),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
    )
    validation = _validation(evaluation.images, evaluation.labels)
    history = _fit(model, batches, validation, config, "Teacher", "teacher", logs_dir)
    return Trained(model, history, time.monotonic() - start)


def train_student(
    teacher: Predictor,
    train: Split,
    evaluation: Split,
    spec: DataSpec,
    config: StudentConfig,
    distillation: DistillationConfig,
    logs_dir: str | None = None,
) -> Trained:
    """Trains a new student on the teacher's logits, each computed once.

    Args:
        teacher: Checked for fit before anything else.
        train: What the student learns from.
        evaluation: What it is measured on after each epoch.
        spec: Image shape and classes.
        config: The student's recipe.
        distillation: Temperature, weights and views.
        logs_dir: Folder for TensorBoard logs.

    Raises:
        ModelError: If teacher or architecture do not fit, or a loss is not finite.
    """
    require_fit(teacher, spec)
    start = time.monotonic()
    keras.utils.set_random_seed(config.seed)
    model = models.build(config.model, spec.image_shape, spec.num_classes)
    offsets = augmentation.view_offsets(
        len(train), distillation.views, distillation.max_shift, config.seed
    )
    logits = teacher_logits(teacher, train.images, offsets)
    batches = DistillationBatches(train, logits, offsets, config)
    _compile(
        model,
        config,
        len(batches),
        loss=losses.DistillationLoss(
            temperature=distillation.temperature,
            student_loss_weight=distillation.student_loss_weight,
            temperature_squared=distillation.temperature_squared,
        ),
        metrics=[
            keras.metrics.MeanMetricWrapper(losses.packed_accuracy, name="accuracy"),
            keras.metrics.MeanMetricWrapper(losses.packed_agreement, name="agreement"),
        ],
    )
    originals = np.zeros((1, len(evaluation), 2), np.int8)
    eval_logits = teacher_logits(teacher, evaluation.images, originals)[0]
    validation = _validation(
        evaluation.images, losses.pack_targets(evaluation.labels, eval_logits)
    )
    history = _fit(
        model, batches, validation, config, "DistillationTrainer", "student", logs_dir
    )
    return Trained(model, history, time.monotonic() - start)


def require_fit(teacher: Predictor, spec: DataSpec) -> None:
    """Refuses a teacher of other classes or another image shape.

    Raises:
        ModelError: In one line that says both sides.
    """
    if teacher.num_classes != spec.num_classes:
        raise ModelError(
            f"Teacher predicts {teacher.num_classes} classes, data set {spec.dataset} has "
            f"{spec.num_classes}. Train a teacher on {spec.dataset}, or set data.dataset."
        )
    if teacher.image_shape != tuple(spec.image_shape):
        raise ModelError(
            f"Teacher takes images of shape {teacher.image_shape}, data set "
            f"{spec.dataset} has {tuple(spec.image_shape)}. Train a teacher on "
            f"{spec.dataset}, or set data.image_shape."
        )
    if teacher.class_names and teacher.class_names != tuple(spec.class_names):
        raise ModelError(
            f"Teacher knows the classes {', '.join(teacher.class_names)}, data set "
            f"{spec.dataset} has {', '.join(spec.class_names)}. Train a teacher on "
            f"{spec.dataset}, or set data.dataset."
        )


def teacher_logits(
    teacher: Predictor, images: np.ndarray, offsets: np.ndarray
) -> np.ndarray:
    """The teacher's answers to every view of every image, each asked once.

    Args:
        teacher: A model that fits the images.
        images: uint8 `(num_examples, height, width, channels)`.
        offsets: Integers `(num_views, num_examples, 2)`, see `view_offsets`.

    Returns:
        float32 logits `(num_views, num_examples, num_classes)`.

    Raises:
        ModelError: If a logit is not finite.
    """
    num_views, num_examples = offsets.shape[:2]
    logits = np.empty((num_views, num_examples, teacher.num_classes), np.float32)
    for view in range(num_views):
        for start in range(0, num_examples, _PREDICT_BATCH):
            batch = slice(start, start + _PREDICT_BATCH)
            shifted = augmentation.shift(images[batch], offsets[view, batch])
            logits[view, batch] = teacher.predict(shifted)["logits"]
            done = view * num_examples + min(start + _PREDICT_BATCH, num_examples)
            total = num_views * num_examples
            report(
                Progress(
                    "asking the teacher", done, total, f"view {view + 1}/{num_views}"
                )
            )
    if not np.isfinite(logits).all():
        raise ModelError(
            f"Teacher's logits are not finite for {int((~np.isfinite(logits)).sum())} of "
            f"{logits.size} values. Train the teacher again, with a lower learning rate."
        )
    return logits


def _validation(images: np.ndarray, targets: np.ndarray) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices((images, targets)).batch(_PREDICT_BATCH)


def _compile(
    model: keras.Model, config: TrainingConfig, steps_per_epoch: int, **arguments: Any
) -> None:
    rate: Any = config.learning_rate
    if config.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(
            rate, config.epochs * steps_per_epoch
        )
    # XLA makes these convolutions 4-5 times slower on a CPU.
    on_gpu = bool(tf.config.list_physical_devices("GPU"))
    model.compile(keras.optimizers.Adam(rate), jit_compile=on_gpu, **arguments)


def _fit(
    model: keras.Model,
    batches: keras.utils.PyDataset,
    validation: tf.data.Dataset,
    config: TrainingConfig,
    node: str,
    section: str,
    logs_dir: str | None,
) -> dict[str, list[float]]:
    callbacks: list[keras.callbacks.Callback] = [
        _Watch(node, section, config, len(batches))
    ]
    if logs_dir:
        callbacks.append(keras.callbacks.TensorBoard(logs_dir, write_graph=False))
    # Keras would shuffle the batches once more; their order is ours.
    result = model.fit(
        batches,
        epochs=config.epochs,
        validation_data=validation,
        shuffle=False,
        verbose=0,
        callbacks=callbacks,
    )
    return {name: [float(v) for v in values] for name, values in result.history.items()}


class _Watch(keras.callbacks.Callback):
    """Reports progress, and stops a training that has gone astray."""

    def __init__(
        self, node: str, section: str, config: TrainingConfig, steps: int
    ) -> None:
        super().__init__()
        self._task = f"training the {section}"
        self._node, self._section = node, section
        self._epochs, self._steps = config.epochs, steps
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(
        self, batch: int, logs: dict[str, float] | None = None
    ) -> None:
        loss = (logs or {}).get("loss", 0.0)
        if not math.isfinite(loss):
            raise ModelError(
                f"{self._node}: the loss is {loss} in epoch {self._epoch + 1}, expected a "
                f"finite number. Lower {self._section}.learning_rate."
            )
        self._report(self._epoch * self._steps + batch + 1, logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._report((epoch + 1) * self._steps, logs, always=True)

    def _report(
        self, done: int, logs: dict[str, float] | None, always: bool = False
    ) -> None:
        shown = {
            k: v for k, v in (logs or {}).items() if "loss" in k or "accuracy" in k
        }
        detail = f"epoch {self._epoch + 1}/{self._epochs}"
        total = self._epochs * self._steps
        report(Progress(self._task, done, total, detail, shown), always=always)
