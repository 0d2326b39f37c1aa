"""Trains the teacher on labels, and the student on the teacher's predictions."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from tfx_distill.trainer import losses
from tfx_distill.trainer.config import config_errors
from tfx_distill.trainer.config.distillation_config import DistillationConfig
from tfx_distill.trainer.config.training_config import (
    FLOAT32,
    StudentConfig,
    TeacherConfig,
    TrainingConfig,
)
from tfx_distill.trainer.data.batches import (
    DistillationBatches,
    DistillationData,
    TeacherBatches,
    labelled,
)
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.data.example_reader import Split
from tfx_distill.trainer.data.layer_augmentation import Augmentation
from tfx_distill.trainer.distillation import devices, precision
from tfx_distill.trainer.distillation.fitting import Fit
from tfx_distill.trainer.distillation.teacher_logits import TeacherInLoop
from tfx_distill.trainer.errors import ConfigError
from tfx_distill.trainer.models import architectures, features, quantization
from tfx_distill.trainer.progress import Progress, report


@dataclasses.dataclass(frozen=True)
class Trained:
    """A trained model and the record of its training.

    Attributes:
        model: Keras model from uint8 images to logits.
        history: Values by metric name, one per epoch.
        seconds: Wall time of the training.
        epoch: The epoch, from 1, whose weights the model has.
        precision: What its layers computed in; the model itself does in float32.
    """

    model: keras.Model
    history: dict[str, list[float]]
    seconds: float
    epoch: int
    precision: str


@devices.on_all_gpus
def train_teacher(
    train: Split,
    evaluation: Split,
    spec: DataSpec,
    config: TeacherConfig,
    **fit_options: Any,
) -> Trained:
    """Trains a new teacher by cross-entropy on the labels.

    Args:
        train: Training examples.
        evaluation: Examples scored after each epoch.
        spec: Image shape and classes.
        config: The training recipe.
        **fit_options: Of `Fit`, such as `logs_dir`.

    Raises:
        ModelError: If the architecture does not fit, or the loss is not finite.
    """
    start = time.monotonic()
    task = "training the teacher"
    model, used = _new_model(config, spec, task)
    options = _batch_options(config, train, spec)
    fit = Fit(
        task=task, section="teacher", config=config,
        batches=TeacherBatches(train, config, spec.num_classes, **options),
        validation=labelled(evaluation, spec.num_classes), **fit_options,
    )  # fmt: skip
    epoch = fit.run(
        model,
        fit.optimizer(),
        range(config.epochs),
        loss=keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=config.label_smoothing
        ),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
    )
    return _trained(model, config, spec, used, fit.history, start, epoch)


@devices.on_all_gpus
def train_student(
    train: DistillationData,
    evaluation: DistillationData,
    spec: DataSpec,
    config: StudentConfig,
    distillation: DistillationConfig,
    *,
    feature_widths: Sequence[int] = (),
    task: str = "training the student",
    **fit_options: Any,
) -> Trained:
    """Trains a new student on predictions that its teacher made before.

    Args:
        train: Training examples with the teacher's predictions.
        evaluation: As `train`, scored after each epoch.
        spec: Image shape and classes.
        config: The student's training recipe.
        distillation: Temperature, weights and features.
        feature_widths: Widths of the teacher's features in the predictions.
        task: Name shown with the progress.
        **fit_options: Of `Fit`, such as `logs_dir` and `callbacks`.

    Raises:
        ModelError: If the architecture does not fit, or a loss is not finite.
    """
    start = time.monotonic()
    student, used = _new_model(config, spec, task)
    options = _batch_options(config, train.split, spec)
    fit = Fit(
        task=task, section="student", config=config, validation=evaluation.originals(),
        batches=DistillationBatches(train, config, **options), **fit_options,
    )  # fmt: skip
    is_answered = train.predictions is not None
    epoch = _fit_student(
        student, fit, spec, config, distillation, feature_widths, is_answered
    )
    _tell_cost(train.predictions, task, time.monotonic() - start)
    return _trained(student, config, spec, used, fit.history, start, epoch)


def _tell_cost(teacher: Any, task: str, seconds: float) -> None:
    if not isinstance(teacher, TeacherInLoop):
        return
    number = teacher.num_images
    text = (
        f"the teacher predicted {number:,} fresh views in {teacher.seconds:.0f} of the "
        f"{seconds:.0f} s"
    )
    report(Progress(task, number, number, text, milestone=True))


def _batch_options(
    config: TrainingConfig, split: Split, spec: DataSpec
) -> dict[str, Any]:
    """What batches need to know of the recipe and the data."""
    augmentation = (
        Augmentation(config, spec.num_classes) if config.augmentation else None
    )
    return {
        "class_weights": class_weights(config, split, spec),
        "augmentation": augmentation,
    }


def class_weights(
    config: TrainingConfig, split: Split, spec: DataSpec
) -> np.ndarray | None:
    """Weight of each class, float32 `(num_classes,)`; None: all count the same."""
    given = config.class_weight
    if given is None:
        return None
    if given == "balanced":
        labelled = split.labels[split.labels >= 0]
        counts = np.bincount(labelled, minlength=spec.num_classes).astype(np.float32)
        return counts.sum() / (spec.num_classes * np.maximum(counts, 1))
    for name in given:
        if name not in spec.class_names:
            what = f"class in {config.section_name()}.class_weight:"
            raise ConfigError(config_errors.unknown(what, name, spec.class_names))
    return np.array([given.get(name, 1) for name in spec.class_names], np.float32)


def _new_model(
    config: StudentConfig | TeacherConfig, spec: DataSpec, task: str
) -> tuple[keras.Model, str]:
    """A new model, and the precision that it is trained in."""
    build = functools.partial(_built, config, spec)
    asked: str | None = config.precision
    if isinstance(config, StudentConfig) and config.quantization_aware_epochs:
        asked = FLOAT32  # these epochs round to int8 themselves
    used = precision.chosen(asked, build)
    if used != config.precision and used != FLOAT32:
        text = (
            "in bfloat16, which this machine computes faster; machines without it train "
            "other weights. For the same everywhere: training.precision=float32"
        )
        report(Progress(task, 0, config.epochs, text, milestone=True))
    keras.utils.set_random_seed(config.seed)
    with precision.computing_in(used):
        return build(), used


def _built(config: StudentConfig | TeacherConfig, spec: DataSpec) -> keras.Model:
    return architectures.build(
        config.model, spec.image_shape, spec.num_classes, config.options
    )


def _trained(
    model: keras.Model,
    config: StudentConfig | TeacherConfig,
    spec: DataSpec,
    used: str,
    history: dict[str, list[float]],
    start: float,
    epoch: int,
) -> Trained:
    seconds = time.monotonic() - start
    if used != FLOAT32:
        build = functools.partial(_built, config, spec)
        model = precision.in_float32(model, build)
    return Trained(model, history, seconds, epoch, used)


def _fit_student(
    student: keras.Model,
    fit: Fit,
    spec: DataSpec,
    config: StudentConfig,
    distillation: DistillationConfig,
    feature_widths: Sequence[int],
    is_answered: bool,
) -> int:
    """Trains as configured: in float32 first, then under simulated int8.

    Returns:
        The epoch, from 1, whose weights are kept.
    """
    model = student
    if distillation.features:
        layers = [pair.student for pair in distillation.features]
        model = features.with_projections(student, layers, feature_widths)
    optimizer = fit.optimizer()
    loss = _distillation_loss(
        spec, distillation, feature_widths, optimizer, fit.num_steps,
        label_smoothing=config.label_smoothing,
    )  # fmt: skip
    for phase, epochs in _phases(model, student, config):
        metrics = [losses.PackedAccuracy(spec.num_classes)]
        if is_answered:
            metrics.append(losses.PackedAgreement(spec.num_classes, name="agreement"))
        kept = fit.run(phase, optimizer, epochs, loss=loss, metrics=metrics)
    return kept


def _phases(
    model: keras.Model, student: keras.Model, config: StudentConfig
) -> list[tuple[keras.Model, range]]:
    """The models to train in turn, each with its epochs."""
    num_plain = config.epochs - config.quantization_aware_epochs
    phases = [(model, range(num_plain))]
    if config.quantization_aware_epochs:
        # Built before any training, so that an unsuitable student fails at once.
        simulated = quantization.simulated(model, student)
        phases.append((simulated, range(num_plain, config.epochs)))
    return [(phase, epochs) for phase, epochs in phases if epochs]


def _distillation_loss(
    spec: DataSpec,
    config: DistillationConfig,
    feature_widths: Sequence[int],
    optimizer: keras.optimizers.Optimizer,
    num_steps: int,
    **options: Any,
) -> losses.DistillationLoss:
    def scheduled(name: str) -> Any:
        first, last = getattr(config, name), getattr(config, f"{name}_end")
        if last is None:
            return first
        schedule = keras.optimizers.schedules.PolynomialDecay(
            first, max(1, num_steps - 1), last, power=1.0
        )
        return lambda: schedule(optimizer.iterations)

    weights = [pair.weight for pair in config.features]
    return losses.DistillationLoss(
        num_classes=spec.num_classes,
        temperature=scheduled("temperature"),
        student_loss_weight=scheduled("student_loss_weight"),
        temperature_squared=config.temperature_squared,
        features=list(zip(feature_widths, weights, strict=True)),
        **options,
    )
