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

from tfx_distill.trainer import losses
from tfx_distill.trainer.config.distillation_config import DistillationConfig
from tfx_distill.trainer.config.section import require
from tfx_distill.trainer.config.training_config import (
    StudentConfig,
    TeacherConfig,
    TrainingConfig,
)
from tfx_distill.trainer.data.batches import (
    DistillationBatches,
    DistillationData,
    TeacherBatches,
)
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.data.example_reader import Split
from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.models import architectures, features, quantization
from tfx_distill.trainer.progress import Progress, report

_PREDICT_BATCH = 512

# Of the steps that are one call. Between two calls Keras takes a time of its own, a
# fifth of a small student's step; one of large images needs no company.
_PIXELS_PER_CALL = 4_000_000


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
    model = architectures.build(
        config.model, spec.image_shape, spec.num_classes, config.options
    )
    batches = TeacherBatches(train, config)
    _compile(
        model,
        _optimizer(config, len(batches)),
        _steps_per_call(spec, config),
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
    train: DistillationData,
    evaluation: DistillationData,
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
        train: What the student learns from.
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
    student = architectures.build(
        config.model, spec.image_shape, spec.num_classes, config.options
    )
    model = student
    if distillation.features:
        layers = [pair.student for pair in distillation.features]
        model = features.with_projections(student, layers, feature_widths)
    batches = DistillationBatches(train, config)
    optimizer = _optimizer(config, len(batches))
    loss = _distillation_loss(
        spec, distillation, feature_widths, optimizer, config.epochs * len(batches)
    )
    history: dict[str, list[float]] = {}
    for phase, epochs in _phases(model, student, config):
        metrics = [
            losses.PackedAccuracy(spec.num_classes),
            losses.PackedAgreement(spec.num_classes),
        ]
        steps = _steps_per_call(spec, config)
        _compile(phase, optimizer, steps, loss=loss, metrics=metrics)
        values = _fit(
            phase,
            batches,
            _validation(*evaluation.packed()),
            epochs,
            watch=_Watch(task, "student", config, len(batches)),
            logs_dir=logs_dir,
            callbacks=callbacks,
            validation_freq=config.epochs if only_last else 1,
        )
        history = {name: history.get(name, []) + values[name] for name in values}
    return Trained(student, history, time.monotonic() - start)


def _distillation_loss(
    spec: DataSpec,
    config: DistillationConfig,
    feature_widths: Sequence[int],
    optimizer: keras.optimizers.Optimizer,
    num_steps: int,
) -> losses.DistillationLoss:
    values: dict[str, Any] = {}
    for name in ("temperature", "student_loss_weight"):
        first, last = getattr(config, name), getattr(config, f"{name}_end")
        values[name] = first
        if last is not None:
            values[name] = LinearSchedule(optimizer, first, last, num_steps)
    weights = [pair.weight for pair in config.features]
    return losses.DistillationLoss(
        num_classes=spec.num_classes,
        temperature_squared=config.temperature_squared,
        features=list(zip(feature_widths, weights, strict=True)),
        **values,
    )


class LinearSchedule:
    """A number that moves with an optimizer's steps, from its first to its last value."""

    def __init__(
        self,
        optimizer: keras.optimizers.Optimizer,
        first: float,
        last: float,
        num_steps: int,
    ) -> None:
        self._optimizer, self._first, self._last = optimizer, first, last
        self._last_step = max(1, num_steps - 1)

    def __call__(self) -> Any:
        step = keras.ops.cast(self._optimizer.iterations, "float32")
        share = keras.ops.minimum(step / self._last_step, 1.0)
        return self._first + share * (self._last - self._first)


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


def _steps_per_call(spec: DataSpec, config: TrainingConfig) -> int:
    pixels = config.batch_size * math.prod(spec.image_shape)
    return max(1, _PIXELS_PER_CALL // pixels)


def _compile(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    steps_per_call: int,
    **arguments: Any,
) -> None:
    # XLA makes these convolutions 4-5 times slower on a CPU.
    on_gpu = bool(tf.config.list_physical_devices("GPU"))
    # Variables that come to be within the first step make Keras trace it twice.
    optimizer.build(model.trainable_variables)
    model.compile(
        optimizer,
        jit_compile=on_gpu,
        steps_per_execution=steps_per_call,
        **arguments,
    )


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
