"""What an epoch draws: examples, their order, and the weights of their classes."""

from __future__ import annotations

import abc
import functools
from collections.abc import Callable

import keras
import numpy as np

from tfx_distill.trainer.config.training_config import TrainingConfig

# From images, labels and a seed, or the first two, to images and shares of the classes.
Augment = Callable[..., tuple[np.ndarray, np.ndarray]]
Change = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


class EpochBatches(keras.utils.PyDataset, abc.ABC):
    """Batches that each epoch draws anew, from the seed and its number alone.

    An epoch has a slot for each example; it draws what is in the slots, and their order.
    """

    def __init__(
        self,
        labels: np.ndarray,
        config: TrainingConfig,
        class_weights: np.ndarray | None = None,
        augmentation: Augment | None = None,
    ) -> None:
        """Begins with the first epoch.

        Args:
            labels: int `(num_examples,)`, < 0 for none.
            config: The training recipe.
            class_weights: float32 `(num_classes,)`: weight of an example's loss by its
                label; None: all count the same.
            augmentation: Changes images; None: they stay as they are.
        """
        super().__init__()
        self._labels, self._config = labels, config
        self._class_weights, self._augmentation = class_weights, augmentation
        self.begin(0)

    def begin(self, epoch: int) -> None:
        """Draws an epoch, whatever was drawn before."""
        self._epoch = epoch
        self._draw(np.random.default_rng([self._config.seed, epoch]))

    def on_epoch_end(self) -> None:
        self.begin(self._epoch + 1)

    @abc.abstractmethod
    def _draw(self, rng: np.random.Generator) -> None: ...

    def _order(self, rng: np.random.Generator) -> np.ndarray:
        """The slots in an order; int `(num_examples,)`."""
        size = len(self._labels)
        return rng.permutation(size) if self._config.shuffle else np.arange(size)

    def _examples(self, rng: np.random.Generator) -> np.ndarray:
        """The example in each slot; int `(num_examples,)`."""
        size = len(self._labels)
        if not self._config.balanced_sampling:
            return np.arange(size)
        return rng.choice(size, size, p=self._chances)

    @functools.cached_property
    def _chances(self) -> np.ndarray:
        return equal_shares(self._labels)

    def _change(self, index: int) -> Change | None:
        """What changes the images of a batch, each in its own way; None: nothing."""
        if self._augmentation is None:
            return None
        seed = [self._config.seed, self._epoch, index]
        return functools.partial(self._augmentation, seed=seed)

    def _batch(self, drawn: np.ndarray, index: int) -> np.ndarray:
        return batch_rows(drawn, index, self._config.batch_size)

    def _weighted(
        self, images: np.ndarray, targets: np.ndarray, labels: np.ndarray
    ) -> tuple[np.ndarray, ...]:
        """What Keras takes: with the weights of the examples, if there are any."""
        if self._class_weights is None:
            return images, targets
        return images, targets, labels @ self._class_weights + 1 - labels.sum(axis=1)


def equal_shares(labels: np.ndarray) -> np.ndarray:
    """Chances of the examples, float `(num_examples,)`: equal ones for all classes.

    Examples without a label keep their part of the epoch.
    """
    _, place, counts = np.unique(labels, return_inverse=True, return_counts=True)
    is_labelled = labels >= 0
    shares = np.where(is_labelled, 1 / counts[place], 0.0)
    shares *= is_labelled.sum() / max(shares.sum(), 1)
    return np.where(is_labelled, shares, 1.0) / len(labels)


def class_shares(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Labels as shares of the classes: a 1 each, or nothing for a label < 0.

    Args:
        labels: int `(batch,)`.
        num_classes: Number of classes.

    Returns:
        float32 `(batch, num_classes)`.
    """
    return (labels[:, None] == np.arange(num_classes)).astype(np.float32)


def batch_rows(order: np.ndarray, index: int, batch_size: int) -> np.ndarray:
    """The part of an order that is in one batch."""
    return order[index * batch_size : (index + 1) * batch_size]
