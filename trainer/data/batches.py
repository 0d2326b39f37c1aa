"""Batches for Keras: shuffled and augmented, reproducible by their seed."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from tfx_distill.trainer import losses
from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.config.section import require
from tfx_distill.trainer.config.training_config import (
    StudentConfig,
    TeacherConfig,
)
from tfx_distill.trainer.data import augmentation, memory_limit
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.data.epoch_batches import (
    Change,
    EpochBatches,
    batch_rows,
    class_shares,
)
from tfx_distill.trainer.data.example_reader import Split
from tfx_distill.trainer.data.streamed_arrays import StreamedRows

Predict = Callable[[np.ndarray], np.ndarray]

# Numbers of views to draw from; an image hardly ever gets one twice.
_ENDLESS = 2**31


class TeacherBatches(EpochBatches):
    """Shuffled batches of randomly changed images, with shares of the classes."""

    def __init__(
        self, split: Split, config: TeacherConfig, num_classes: int, **options: Any
    ) -> None:
        size = min(split.images.shape[1:3])
        require(
            2 * config.max_shift < size,
            "teacher.max_shift",
            config.max_shift,
            f"less than half of the images' {size} pixels",
        )
        self._split, self._teacher, self._num_classes = split, config, num_classes
        super().__init__(split.labels, config, **options)

    def __len__(self) -> int:
        return math.ceil(len(self._split) / self._config.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        slots = self._batch(self._slots, index)
        examples = self._drawn[slots]
        images = augmentation.mirror(
            self._split.images[examples], self._mirrored[slots]
        )
        images = augmentation.rotate(images, self._degrees[slots])
        images = augmentation.shift(images, self._offsets[slots])
        change, labels = self._change(index), self._labels[examples]
        if change is not None:
            images, shares = change(images, labels)
        else:
            shares = class_shares(labels, self._num_classes)
        return self._weighted(images, shares, shares)

    def _draw(self, rng: np.random.Generator) -> None:
        self._slots, size = self._order(rng), len(self._split)
        reach, turn = self._teacher.max_shift, self._teacher.max_rotation
        self._offsets = rng.integers(-reach, reach + 1, (size, 2))
        self._degrees = rng.uniform(-turn, turn, size)
        self._mirrored = rng.random(size) < self._teacher.flip / 2
        self._drawn = self._examples(rng)


class InOrder(keras.utils.PyDataset):
    """Batches of a split in its order, as they are, to score a model on.

    Attributes:
        image_shape: (height, width, channels) in pixels.
    """

    def __init__(
        self, split: Split, read: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
    ) -> None:
        """Makes the batches.

        Args:
            split: The examples.
            read: From places in the split, int `(batch,)`, to images and targets.
        """
        super().__init__()
        self.image_shape = split.images.shape[1:]
        self._examples, self._read = np.arange(len(split)), read
        self._batch_size = memory_limit.batch_size(self.image_shape)

    def __len__(self) -> int:
        return math.ceil(len(self._examples) / self._batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return self._read(batch_rows(self._examples, index, self._batch_size))


def labelled(split: Split, num_classes: int) -> InOrder:
    """The images of a split with their labels, as `class_shares`."""
    return InOrder(
        split,
        lambda rows: (
            split.images[rows],
            class_shares(split.labels[rows], num_classes),
        ),
    )


@dataclasses.dataclass(frozen=True)
class DistillationData:
    """What a student is trained on: a split and the teacher's predictions for its views.

    Attributes:
        split: The examples.
        predictions: float32 `(num_examples, num_views, num_classes + widths)`: the
            teacher's logits, then its features, where one view stands for all; or what
            predicts them for images, uint8 `(batch, height, width, channels)`, as they
            are needed; None: there are none, and zeros in their place.
        views: How the views were made.
        num_values: How many of the last axis are used; None: all.
        epoch_size: Number of examples in an epoch; None: each once.
    """

    split: Split
    predictions: np.ndarray | StreamedRows | Predict | None
    views: ViewsConfig
    num_values: int | None = None
    epoch_size: int | None = None

    @property
    def num_views(self) -> int:
        """How many views there are: as good as endless unless they were predicted."""
        if self.predictions is None or callable(self.predictions):
            return _ENDLESS
        return max(self.predictions.shape[1], self.views.count)

    def without_features(self, spec: DataSpec) -> DistillationData:
        """The same with the teacher's logits alone."""
        return dataclasses.replace(self, num_values=spec.num_classes)

    def batch(
        self, examples: np.ndarray, view: np.ndarray, change: Change | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Views of some examples, with labels and predictions as one target.

        Args:
            examples: int `(batch,)`, places in the split.
            view: int `(batch,)`, which view of each.
            change: Changes the views before the teacher predicts them, see
                `Augmentation`.

        Returns:
            uint8 `(batch, height, width, channels)`, and targets as
            `losses.pack_targets` makes them.
        """
        images = augmentation.make_views(
            self.split.images[examples], self.split.digests[examples], view, self.views
        )
        labels = self.split.labels[examples]
        if change is not None:
            if self.predictions is not None and not callable(self.predictions):
                raise TypeError("Stored predictions are not those of changed images.")
            images, labels = change(images, labels)
        predictions = self._predictions(images, examples, view)[:, : self.num_values]
        return images, losses.pack_targets(labels, predictions)

    def _predictions(
        self, images: np.ndarray, examples: np.ndarray, view: np.ndarray
    ) -> np.ndarray:
        if self.predictions is None:
            return np.zeros((len(images), self.num_values or 0), np.float32)
        if callable(self.predictions):
            return self.predictions(images)
        seen = np.minimum(view, self.predictions.shape[1] - 1)
        return self.predictions[examples][np.arange(len(examples)), seen]

    def stored_predictions(self) -> np.ndarray | StreamedRows:
        """The predictions of data whose teacher is not asked in every epoch.

        Raises:
            TypeError: If it is, or if there are none.
        """
        if self.predictions is None or callable(self.predictions):
            raise TypeError("These examples have no stored predictions.")
        return self.predictions

    def originals(self) -> InOrder:
        """The original images, with labels and predictions as one target."""
        return InOrder(self.split, lambda rows: self.batch(rows, np.zeros_like(rows)))


class DistillationBatches(EpochBatches):
    """Shuffled batches of views with labels and the teacher's predictions.

    Every epoch takes each example once, in one of its views; a longer one takes all of
    them again, each time in another order and in other views.
    """

    def __init__(
        self, data: DistillationData, config: StudentConfig, **options: Any
    ) -> None:
        self._size = data.epoch_size or len(data.split)
        available = data.num_views
        self._num_views = config.views or available
        require(
            self._num_views <= available,
            "student.views",
            config.views,
            f"at most {available}, the number of views with teacher predictions",
        )
        self._data = data
        super().__init__(data.split.labels, config, **options)

    def __len__(self) -> int:
        return math.ceil(self._size / self._config.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        examples = self._batch(self._drawn, index)
        views, change = self._batch(self._views, index), self._change(index)
        images, targets = self._data.batch(examples, views, change)
        if self._class_weights is None:
            return images, targets
        num_classes = len(self._class_weights)
        shares = (
            targets[:, :num_classes]
            if change is not None
            else class_shares(self._labels[examples], num_classes)
        )
        return self._weighted(images, targets, shares)

    def _draw(self, rng: np.random.Generator) -> None:
        size = len(self._data.split)
        examples, views = [], []
        for _ in range(0, self._size, size):
            slots = self._order(rng)
            views.append(rng.integers(0, self._num_views, size)[slots])
            examples.append(self._examples(rng)[slots])
        self._drawn = np.concatenate(examples)[: self._size]
        self._views = np.concatenate(views)[: self._size]
