"""Batches for Keras: shuffled and augmented, reproducible by their seed."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import keras
import numpy as np

from tfx_distill.trainer import losses
from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.config.section import require
from tfx_distill.trainer.config.training_config import (
    StudentConfig,
    TeacherConfig,
    TrainingConfig,
)
from tfx_distill.trainer.data import augmentation, memory_limit
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.data.example_reader import Split
from tfx_distill.trainer.data.streamed_arrays import StreamedRows

Predict = Callable[[np.ndarray], np.ndarray]

# Numbers of views to draw from; an image hardly ever gets one twice.
_ENDLESS = 2**31


class TeacherBatches(keras.utils.PyDataset):
    """Shuffled batches of randomly changed images, with their labels."""

    def __init__(self, split: Split, config: TeacherConfig) -> None:
        super().__init__()
        size = min(split.images.shape[1:3])
        require(
            2 * config.max_shift < size,
            "teacher.max_shift",
            config.max_shift,
            f"less than half of the images' {size} pixels",
        )
        self._split, self._config = split, config
        self._epoch = -1
        self.on_epoch_end()

    def __len__(self) -> int:
        return math.ceil(len(self._split) / self._config.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        batch = _batch(self._order, index, self._config.batch_size)
        images = augmentation.mirror(self._split.images[batch], self._mirrored[batch])
        images = augmentation.rotate(images, self._degrees[batch])
        images = augmentation.shift(images, self._offsets[batch])
        return images, self._split.labels[batch]

    def on_epoch_end(self) -> None:
        self._epoch += 1
        rng = np.random.default_rng([self._config.seed, self._epoch])
        self._order = _order(len(self._split), self._config, rng)
        reach = self._config.max_shift
        self._offsets = rng.integers(-reach, reach + 1, (len(self._split), 2))
        turn = self._config.max_rotation
        self._degrees = rng.uniform(-turn, turn, len(self._split))
        self._mirrored = rng.random(len(self._split)) < self._config.flip / 2


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
        return self._read(_batch(self._examples, index, self._batch_size))


def labelled(split: Split) -> InOrder:
    """The images of a split with their labels."""
    return InOrder(split, lambda rows: (split.images[rows], split.labels[rows]))


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
        self, examples: np.ndarray, view: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Views of some examples, with labels and predictions as one target.

        Args:
            examples: int `(batch,)`, places in the split.
            view: int `(batch,)`, which view of each.

        Returns:
            uint8 `(batch, height, width, channels)`, and targets as
            `losses.pack_targets` makes them.
        """
        images = augmentation.make_views(
            self.split.images[examples], self.split.digests[examples], view, self.views
        )
        predictions = self._predictions(images, examples, view)[:, : self.num_values]
        return images, losses.pack_targets(self.split.labels[examples], predictions)

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


class DistillationBatches(keras.utils.PyDataset):
    """Shuffled batches of views with labels and the teacher's predictions.

    Every epoch takes each example once, in one of its views; a longer one takes all of
    them again, each time in another order and in other views.
    """

    def __init__(self, data: DistillationData, config: StudentConfig) -> None:
        super().__init__()
        self._size = data.epoch_size or len(data.split)
        available = data.num_views
        self._num_views = config.views or available
        require(
            self._num_views <= available,
            "student.views",
            config.views,
            f"at most {available}, the number of views with teacher predictions",
        )
        self._data, self._config = data, config
        self._epoch = -1
        self.on_epoch_end()

    def __len__(self) -> int:
        return math.ceil(self._size / self._config.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        examples, views = (
            _batch(drawn, index, self._config.batch_size)
            for drawn in (self._order, self._views)
        )
        return self._data.batch(examples, views)

    def on_epoch_end(self) -> None:
        self._epoch += 1
        rng = np.random.default_rng([self._config.seed, self._epoch])
        size = len(self._data.split)
        orders, views = [], []
        for _ in range(0, self._size, size):
            orders.append(_order(size, self._config, rng))
            views.append(rng.integers(0, self._num_views, size)[orders[-1]])
        self._order = np.concatenate(orders)[: self._size]
        self._views = np.concatenate(views)[: self._size]


def _order(size: int, config: TrainingConfig, rng: np.random.Generator) -> np.ndarray:
    return rng.permutation(size) if config.shuffle else np.arange(size)


def _batch(order: np.ndarray, index: int, batch_size: int) -> np.ndarray:
    return order[index * batch_size : (index + 1) * batch_size]
