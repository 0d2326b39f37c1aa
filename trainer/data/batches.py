"""Batches for Keras: shuffled and augmented, reproducible by their seed."""

from __future__ import annotations

import dataclasses
import math

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
from tfx_distill.trainer.data import augmentation
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.data.example_reader import Split


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


@dataclasses.dataclass(frozen=True)
class DistillationData:
    """What a student is trained on: a split and the teacher's predictions for its views.

    Attributes:
        split: The examples.
        predictions: float32 `(num_views, num_examples, num_classes + widths)`: the
            teacher's logits, then its features.
        views: How the views were made.
        digests: uint64 `(num_examples,)`, `augmentation.digests` of the images.
    """

    split: Split
    predictions: np.ndarray
    views: ViewsConfig
    digests: np.ndarray

    def without_features(self, spec: DataSpec) -> DistillationData:
        """The same with the teacher's logits alone."""
        return dataclasses.replace(
            self, predictions=self.predictions[..., : spec.num_classes]
        )

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
            self.split.images[examples], self.digests[examples], view, self.views
        )
        predictions = self.predictions[view, examples]
        return images, losses.pack_targets(self.split.labels[examples], predictions)

    def packed(self) -> tuple[np.ndarray, np.ndarray]:
        """The original images, with labels and predictions as one target."""
        return self.split.images, losses.pack_targets(
            self.split.labels, self.predictions[0]
        )


class DistillationBatches(keras.utils.PyDataset):
    """Shuffled batches of views with labels and the teacher's predictions.

    Every epoch takes each example once, in one of its views.
    """

    def __init__(self, data: DistillationData, config: StudentConfig) -> None:
        super().__init__()
        available = len(data.predictions)
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
        return math.ceil(len(self._data.split) / self._config.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        batch = _batch(self._order, index, self._config.batch_size)
        return self._data.batch(batch, self._views[batch])

    def on_epoch_end(self) -> None:
        self._epoch += 1
        rng = np.random.default_rng([self._config.seed, self._epoch])
        size = len(self._data.split)
        self._order = _order(size, self._config, rng)
        self._views = rng.integers(0, self._num_views, size)


def _order(size: int, config: TrainingConfig, rng: np.random.Generator) -> np.ndarray:
    return rng.permutation(size) if config.shuffle else np.arange(size)


def _batch(order: np.ndarray, index: int, batch_size: int) -> np.ndarray:
    return order[index * batch_size : (index + 1) * batch_size]
