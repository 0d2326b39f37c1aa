"""Keras's `fit` as every training here calls it: optimizer, progress, failure."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfx_distill.trainer.config.training_config import TrainingConfig
from tfx_distill.trainer.data.batches import InOrder
from tfx_distill.trainer.errors import ModelError
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
    """

    task: str
    section: str
    config: TrainingConfig
    batches: keras.utils.PyDataset
    validation: InOrder
    logs_dir: str | None = None
    callbacks: Sequence[keras.callbacks.Callback] = ()
    validate_last_only: bool = False
    is_trial: bool = False

    @property
    def num_steps(self) -> int:
        return self.config.epochs * len(self.batches)

    def optimizer(self) -> keras.optimizers.Optimizer:
        """A new Adam optimizer with the configured learning rate schedule."""
        rate: Any = self.config.learning_rate
        if self.config.schedule == "cosine":
            rate = keras.optimizers.schedules.CosineDecay(rate, self.num_steps)
        return keras.optimizers.Adam(rate)

    def run(
        self,
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        epochs: range,
        **compile_arguments: Any,
    ) -> dict[str, list[float]]:
        """Compiles and trains a model for some of the epochs.

        Args:
            model: The model to train.
            optimizer: From `optimizer`, shared by the phases.
            epochs: Their numbers, from 0.
            **compile_arguments: Loss and metrics, as for `keras.Model.compile`.

        Returns:
            Values by metric name, one per epoch.

        Raises:
            ModelError: If the loss is not finite.
        """
        self._compile(model, optimizer, **compile_arguments)
        if self.is_trial:
            return self._train_one_step(model)
        with _Lent(self.batches) as batches, _Lent(self.validation) as validation:
            result = model.fit(
                batches,
                initial_epoch=epochs.start,
                epochs=epochs.stop,
                validation_data=validation,
                validation_freq=self.config.epochs if self.validate_last_only else 1,
                shuffle=False,  # the batches define their own order
                verbose=0,
                callbacks=self._all_callbacks(),
            )
        return {
            name: [float(value) for value in values]
            for name, values in result.history.items()
        }

    def _train_one_step(self, model: keras.Model) -> dict[str, list[float]]:
        logs = model.train_on_batch(*self.batches[0], return_dict=True)
        _ProgressCallback(self).on_train_batch_end(0, logs)
        return {name: [float(value)] for name, value in logs.items()}

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
        model.compile(
            optimizer,
            jit_compile=jit_compile,
            # What XLA cannot compile must fail in a trial, too.
            run_eagerly=self.is_trial and not jit_compile,
            steps_per_execution=max(1, _PIXELS_PER_CALL // pixels_per_step),
            **arguments,
        )

    def _all_callbacks(self) -> list[keras.callbacks.Callback]:
        callbacks = [_ProgressCallback(self), *self.callbacks]
        if self.logs_dir:
            callbacks.append(
                keras.callbacks.TensorBoard(self.logs_dir, write_graph=False)
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
