"""Keras's `fit` as every training here calls it: optimizer, progress, failure."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfx_distill.trainer import profiling, timeline
from tfx_distill.trainer.config.keras_config import EarlyStoppingConfig
from tfx_distill.trainer.config.training_config import TrainingConfig
from tfx_distill.trainer.data.batches import InOrder
from tfx_distill.trainer.data.epoch_batches import EpochBatches
from tfx_distill.trainer.distillation import checkpoints, devices
from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.models import keras_objects
from tfx_distill.trainer.progress import Progress, report

# Pixels of the steps that Keras runs in one call. Its own work between two calls is
# a fifth of a small student's step, and little beside a step on large images.
_PIXELS_PER_CALL = 4_000_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fit:
    """One training, whose phases share an optimizer, batches and progress.

    Attributes:
        task: Name shown with the progress, such as `training the teacher`.
        section: Configuration section named in errors, such as `teacher`.
        config: The training recipe.
        batches: Training batches of images and targets.
        validation: Batches scored after each epoch.
        logs_dir: Folder for TensorBoard logs; None writes none.
        callbacks: Further Keras callbacks.
        validate_last_only: Score `validation` after the last epoch only.
        is_trial: Train one step, without the graph and the threads that pay for many.
        checkpoint: File of the state from which the training resumes, see
            `checkpoints.path`; None: it begins anew.
    """

    task: str
    section: str
    config: TrainingConfig
    batches: EpochBatches
    validation: InOrder
    logs_dir: str | None = None
    callbacks: Sequence[keras.callbacks.Callback] = ()
    validate_last_only: bool = False
    is_trial: bool = False
    checkpoint: str | None = None

    @functools.cached_property
    def _recorder(self) -> checkpoints.Recorder:
        return checkpoints.Recorder(self.checkpoint)

    @property
    def history(self) -> dict[str, list[float]]:
        """Values by metric name, one per epoch so far."""
        return self._recorder.history

    @property
    def num_steps(self) -> int:
        return self.config.epochs * len(self.batches)

    def optimizer(self) -> keras.optimizers.Optimizer:
        """A new optimizer with the configured learning rate schedule."""
        return keras_objects.optimizer(
            self.config.optimizer, self._learning_rate(), self.section
        )

    def _learning_rate(self) -> Any:
        """A number, or a schedule of it."""
        schedules = keras.optimizers.schedules
        peak, num_steps = self.config.learning_rate, self.num_steps
        warmup = round(self.config.warmup_share * num_steps)
        if self.config.schedule == "cosine" and warmup:
            return schedules.CosineDecay(
                0.0, max(1, num_steps - warmup), warmup_target=peak, warmup_steps=warmup
            )
        if self.config.schedule == "cosine":
            return schedules.CosineDecay(peak, num_steps)
        if warmup:  # it stays at its end
            return schedules.PolynomialDecay(0.0, warmup, peak, power=1.0)
        return peak

    @timeline.part("training")
    def run(
        self,
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        epochs: range,
        **compile_arguments: Any,
    ) -> int:
        """Compiles and trains a model for some of the epochs.

        Args:
            model: The model to train.
            optimizer: From `optimizer`, shared by the phases.
            epochs: Their numbers, from 0.
            **compile_arguments: Loss and metrics, as for `keras.Model.compile`.

        Returns:
            The epoch, from 1, whose weights the model has.

        Raises:
            ModelError: If the loss is not finite.
        """
        self._compile(model, optimizer, **compile_arguments)
        if self.is_trial:
            return self._train_one_step(model)
        stopping = self._stopping()
        first = self._recorder.begin(model, optimizer, epochs, stopping)
        self._tell_resumed()
        self.batches.begin(first)
        with _Lent(self.batches) as batches, _Lent(self.validation) as validation:
            model.fit(
                batches,
                initial_epoch=first,
                epochs=epochs.stop,
                validation_data=validation,
                validation_freq=self._validation_freq,
                shuffle=False,  # the batches define their own order
                verbose=0,
                callbacks=self._all_callbacks(stopping),
            )
        return self._kept(stopping)

    @property
    def _validation_freq(self) -> int:
        is_last_enough = self.validate_last_only and not self._early_stopping.is_used
        return self.config.epochs if is_last_enough else 1

    @property
    def _early_stopping(self) -> EarlyStoppingConfig:
        return self.config.early_stopping

    def _stopping(self) -> keras.callbacks.EarlyStopping | None:
        config = self._early_stopping
        if not config.is_used:
            return None
        return keras.callbacks.EarlyStopping(
            monitor=config.monitor,
            mode="max" if config.monitor == "val_accuracy" else "min",
            patience=self.config.epochs if config.patience is None else config.patience,
            restore_best_weights=config.restore_best_weights,
            min_delta=config.min_delta,
            start_from_epoch=config.start_from_epoch,
        )

    def _tell_resumed(self) -> None:
        resumed, total = self._recorder.resumed, self.config.epochs
        if resumed:
            text = f"resuming after epoch {resumed} of {total}"
            report(Progress(self.task, resumed, total, text, milestone=True))

    def _kept(self, stopping: keras.callbacks.EarlyStopping | None) -> int:
        """The epoch whose weights are kept; says which, if `eval` has chosen it."""
        last = len(self.history["loss"])
        if stopping is None:
            return last
        kept = last
        if stopping.restore_best_weights and stopping.best_weights is not None:
            kept = stopping.best_epoch + 1
        value = self.history[stopping.monitor][kept - 1]
        text = (
            f"stopped after epoch {last} of {self.config.epochs}, weights of epoch {kept}, "
            f"{stopping.monitor} {value:.4f}"
        )
        report(Progress(self.task, last, last, text, milestone=True))
        return kept

    def _train_one_step(self, model: keras.Model) -> int:
        logs = model.train_on_batch(*self.batches[0], return_dict=True)
        _ProgressCallback(self).on_train_batch_end(0, logs)
        for name, value in logs.items():
            self.history[name] = [float(value)]
        return 1

    def _compile(
        self,
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        **arguments: Any,
    ) -> None:
        # Variables created within the first step make Keras trace it twice.
        optimizer.build(model.trainable_variables)
        image_shape = self.validation.image_shape
        pixels_per_step = self.config.batch_size * math.prod(image_shape)
        # XLA makes these convolutions 4-5 times slower on a CPU.
        jit_compile = bool(tf.config.list_physical_devices("GPU"))
        # Over several devices, Keras runs neither XLA nor several steps in one call.
        several = devices.are_several()
        jit_compile = jit_compile and not several
        steps = 1 if several else max(1, _PIXELS_PER_CALL // pixels_per_step)
        model.compile(
            optimizer,
            jit_compile=jit_compile,
            # What XLA cannot compile must fail in a trial, too.
            run_eagerly=self.is_trial and not jit_compile,
            steps_per_execution=steps,
            **arguments,
        )

    def _all_callbacks(
        self, stopping: keras.callbacks.Callback | None
    ) -> list[keras.callbacks.Callback]:
        callbacks = [_ProgressCallback(self), *self.callbacks]
        callbacks += [stopping] if stopping else []
        callbacks.append(self._recorder)
        if self.logs_dir:
            callbacks.append(
                keras.callbacks.TensorBoard(
                    self.logs_dir, write_graph=False, profile_batch=profiling.calls()
                )
            )
        return callbacks


class _Lent(keras.utils.PyDataset):
    """Batches for one call of `fit`.

    TensorFlow never lets go of what it took batches from, with all images.
    """

    def __init__(self, batches: keras.utils.PyDataset) -> None:
        super().__init__()
        self._batches: Any = batches

    def __enter__(self) -> _Lent:
        return self

    def __exit__(self, *error: object) -> None:
        self._batches = None

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> Any:
        return self._batches[index]

    def on_epoch_end(self) -> None:
        self._batches.on_epoch_end()


class _ProgressCallback(keras.callbacks.Callback):
    """Reports progress, and stops a training whose loss is not finite."""

    def __init__(self, fit: Fit) -> None:
        super().__init__()
        self._fit = fit
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(
        self, batch: int, logs: dict[str, float] | None = None
    ) -> None:
        loss = (logs or {}).get("loss", 0.0)
        if not math.isfinite(loss):
            raise ModelError(
                f"While {self._fit.task}, the loss is {loss} in epoch {self._epoch + 1}, "
                f"expected a finite number. Lower {self._fit.section}.learning_rate."
            )
        self._report(batch + 1, logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._report(len(self._fit.batches), logs)

    def _report(self, step: int, logs: dict[str, float] | None) -> None:
        progress = Progress(
            self._fit.task,
            self._epoch * len(self._fit.batches) + step,
            self._fit.num_steps,
            f"epoch {self._epoch + 1}/{self._fit.config.epochs}",
            {k: v for k, v in (logs or {}).items() if "loss" in k or "accuracy" in k},
        )
        report(progress)
