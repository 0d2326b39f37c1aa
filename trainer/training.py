"""Training the teacher on labels and the student on the teacher's answers."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trainer import features, losses, models, quantization
from trainer.batches import DistillationBatches, Lesson, TeacherBatches
from trainer.config import (
    DistillationConfig,
    StudentConfig,
    TeacherConfig,
    TrainingConfig,
)
from trainer.data import Split
from trainer.data_spec import DataSpec
from trainer.errors import ModelError
from trainer.progress import Progress, report
from trainer.section import require

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
    require(
        2 * config.max_shift < min(spec.image_shape[:2]),
        "teacher.max_shift",
        config.max_shift,
        f"less than half of the images' {min(spec.image_shape[:2])} pixels",
    )
    keras.utils.set_random_seed(config.seed)
    model = models.build(
        config.model, spec.image_shape, spec.num_classes, config.options
    )
    batches = TeacherBatches(train, config)
    _compile(
        model,
        _optimizer(config, len(batches)),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
    )
    validation = _validation(evaluation.images, evaluation.labels)
    watch = _Watch("training the teacher", "teacher", config, len(batches))
    history = _fit(
        model, batches, validation, range(config.epochs), watch=watch, logs_dir=logs_dir
    )
    return Trained(model, history, time.monotonic() - start)


def train_student(
    lesson: Lesson,
    evaluation: Lesson,
    spec: DataSpec,
    config: StudentConfig,
    distillation: DistillationConfig,
    *,
    feature_widths: Sequence[int] = (),
    logs_dir: str | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    task: str = "training the student",
    only_last: bool = False,
) -> Trained:
    """Trains a new student on answers that its teacher gave before.

    Args:
        lesson: What the student learns from.
        evaluation: What it is measured on after each epoch.
        spec: Image shape and classes.
        config: The student's recipe.
        distillation: Temperature, weights and features.
        feature_widths: Of the teacher's features in the answers.
        logs_dir: Folder for TensorBoard logs.
        callbacks: Further Keras callbacks.
        task: What progress is called.
        only_last: Measure on `evaluation` after the last epoch alone.

    Raises:
        ModelError: If the architecture does not fit, or a loss is not finite.
    """
    start = time.monotonic()
    keras.utils.set_random_seed(config.seed)
    student = models.build(
        config.model, spec.image_shape, spec.num_classes, config.options
    )
    model = student
    if distillation.features:
        layers = [pair.student for pair in distillation.features]
        model = features.with_projections(student, layers, feature_widths)
    batches = DistillationBatches(lesson, config)
    loss, scheduled = _distillation_loss(
        spec, distillation, feature_widths, config.epochs * len(batches)
    )
    optimizer = _optimizer(config, len(batches))
    history: dict[str, list[float]] = {}
    for phase, epochs in _phases(model, student, config):
        metrics = [
            losses.PackedAccuracy(spec.num_classes),
            losses.PackedAgreement(spec.num_classes),
        ]
        _compile(phase, optimizer, loss=loss, metrics=metrics)
        values = _fit(
            phase,
            batches,
            _validation(*evaluation.packed()),
            epochs,
            watch=_Watch(task, "student", config, len(batches)),
            logs_dir=logs_dir,
            callbacks=[*scheduled, *callbacks],
            validation_freq=config.epochs if only_last else 1,
        )
        history = {name: history.get(name, []) + values[name] for name in values}
    return Trained(student, history, time.monotonic() - start)


def _distillation_loss(
    spec: DataSpec,
    config: DistillationConfig,
    feature_widths: Sequence[int],
    num_steps: int,
) -> tuple[losses.DistillationLoss, list[keras.callbacks.Callback]]:
    """The loss, and the callbacks that change it while training."""
    values: dict[str, Any] = {}
    scheduled: list[keras.callbacks.Callback] = []
    for name in ("temperature", "student_loss_weight"):
        first, last = getattr(config, name), getattr(config, f"{name}_end")
        values[name] = first
        if last is not None:
            values[name] = keras.Variable(first, trainable=False, name=name)
            scheduled.append(LinearSchedule(values[name], first, last, num_steps))
    weights = [pair.weight for pair in config.features]
    loss = losses.DistillationLoss(
        num_classes=spec.num_classes,
        temperature_squared=config.temperature_squared,
        features=list(zip(feature_widths, weights, strict=True)),
        **values,
    )
    return loss, scheduled


class LinearSchedule(keras.callbacks.Callback):
    """Moves a variable from its first to its last value, step by step."""

    def __init__(
        self, variable: keras.Variable, first: float, last: float, num_steps: int
    ) -> None:
        super().__init__()
        self._variable, self._first, self._last = variable, first, last
        self._num_steps, self._step = num_steps, 0

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        share = self._step / max(1, self._num_steps - 1)
        self._variable.assign(self._first + share * (self._last - self._first))
        self._step += 1


def _validation(images: np.ndarray, targets: np.ndarray) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices((images, targets)).batch(_PREDICT_BATCH)


def _phases(
    model: keras.Model, student: keras.Model, config: StudentConfig
) -> list[tuple[keras.Model, range]]:
    """What is trained in which epochs: as it is first, then under simulated int8."""
    num_plain = config.epochs - config.quantization_aware_epochs
    phases = [(model, range(num_plain))]
    if config.quantization_aware_epochs:
        # Made before anything is trained: what does not fit fails at once.
        simulated = quantization.simulated(model, student)
        phases.append((simulated, range(num_plain, config.epochs)))
    return [(phase, epochs) for phase, epochs in phases if epochs]


def _optimizer(
    config: TrainingConfig, steps_per_epoch: int
) -> keras.optimizers.Optimizer:
    rate: Any = config.learning_rate
    if config.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(
            rate, config.epochs * steps_per_epoch
        )
    return keras.optimizers.Adam(rate)


def _compile(
    model: keras.Model, optimizer: keras.optimizers.Optimizer, **arguments: Any
) -> None:
    # XLA makes these convolutions 4-5 times slower on a CPU.
    on_gpu = bool(tf.config.list_physical_devices("GPU"))
    model.compile(optimizer, jit_compile=on_gpu, **arguments)


def _fit(
    model: keras.Model,
    batches: keras.utils.PyDataset,
    validation: tf.data.Dataset,
    epochs: range,
    *,
    watch: _Watch,
    logs_dir: str | None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    validation_freq: int = 1,
) -> dict[str, list[float]]:
    all_callbacks = [watch, *callbacks]
    if logs_dir:
        all_callbacks.append(keras.callbacks.TensorBoard(logs_dir, write_graph=False))
    # Keras would shuffle the batches once more; their order is ours.
    result = model.fit(
        batches,
        initial_epoch=epochs.start,
        epochs=epochs.stop,
        validation_data=validation,
        validation_freq=validation_freq,
        shuffle=False,
        verbose=0,
        callbacks=all_callbacks,
    )
    return {name: [float(v) for v in values] for name, values in result.history.items()}


class _Watch(keras.callbacks.Callback):
    """Reports progress, and stops a training that has gone astray."""

    def __init__(
        self, task: str, section: str, config: TrainingConfig, steps: int
    ) -> None:
        super().__init__()
        self._task, self._section = task, section
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
                f"While {self._task}, the loss is {loss} in epoch {self._epoch + 1}, "
                f"expected a finite number. Lower {self._section}.learning_rate."
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
