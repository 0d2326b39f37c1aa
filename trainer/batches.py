"""Batches for Keras: shuffled, shifted, the same again for the same seed."""

from __future__ import annotations

import math

import keras
import numpy as np

from trainer import augmentation, losses
from trainer.config import StudentConfig, TeacherConfig, TrainingConfig
from trainer.data import Split


class TeacherBatches(keras.utils.PyDataset):
    """Shuffled batches of randomly shifted images with their labels."""

    def __init__(self, split: Split, config: TeacherConfig) -> None:
        super().__init__()
        self._split, self._config = split, config
        self._epoch = -1
        self.on_epoch_end()

    def __len__(self) -> int:
        return math.ceil(len(self._split) / self._config.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        batch = _batch(self._order, index, self._config.batch_size)
        images = augmentation.shift(self._split.images[batch], self._offsets[batch])
        return images, self._split.labels[batch]

    def on_epoch_end(self) -> None:
        self._epoch += 1
        rng = np.random.default_rng([self._config.seed, self._epoch])
        self._order = _order(len(self._split), self._config, rng)
        reach = self._config.max_shift
        self._offsets = rng.integers(-reach, reach + 1, (len(self._split), 2))


class DistillationBatches(keras.utils.PyDataset):
    """Shuffled batches of views with packed labels and teacher logits.

    Every epoch takes each example once, in one of its views.
    """

    def __init__(
        self,
        split: Split,
        logits: np.ndarray,
        offsets: np.ndarray,
        config: StudentConfig,
    ) -> None:
        super().__init__()
        self._split, self._config = split, config
        self._logits, self._offsets = logits, offsets
        self._epoch = -1
        self.on_epoch_end()

    def __len__(self) -> int:
        return math.ceil(len(self._split) / self._config.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        batch = _batch(self._order, index, self._config.batch_size)
        views = self._views[batch]
        images = augmentation.shift(
            self._split.images[batch], self._offsets[views, batch]
        )
        targets = losses.pack_targets(
            self._split.labels[batch], self._logits[views, batch]
        )
        return images, targets

    def on_epoch_end(self) -> None:
        self._epoch += 1
        rng = np.random.default_rng([self._config.seed, self._epoch])
        self._order = _order(len(self._split), self._config, rng)
        self._views = rng.integers(0, len(self._logits), len(self._split))


def _order(size: int, config: TrainingConfig, rng: np.random.Generator) -> np.ndarray:
    return rng.permutation(size) if config.shuffle else np.arange(size)


def _batch(order: np.ndarray, index: int, batch_size: int) -> np.ndarray:
    return order[index * batch_size : (index + 1) * batch_size]
