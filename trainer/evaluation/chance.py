"""Whether predictions are near chance, and whether another order of classes explains it.

Needs no TensorFlow.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import optimize

# Cohen's kappa below it is slight agreement at best (Landis and Koch 1977).
_LOWEST_KAPPA = 0.1
_MAX_SHOWN = 10  # classes of an order that is told


@dataclasses.dataclass(frozen=True, kw_only=True)
class Agreement:
    """Predictions compared with labels.

    Attributes:
        num_examples: Number of images.
        accuracy: In [0, 1].
        chance: Accuracy that the same predictions, shuffled, would have.
        best_order: int `(num_classes,)`: for each class that is predicted, the class
            that it stands for if the order of the classes is chosen to fit best.
        best_accuracy: Accuracy under `best_order`.
    """

    num_examples: int
    accuracy: float
    chance: float
    best_order: tuple[int, ...]
    best_accuracy: float

    @property
    def is_near_chance(self) -> bool:
        """Whether the predictions know next to nothing of the labels.

        Cohen's kappa (1960, doi:10.1177/001316446002000104), the share of what is beyond
        chance, is below 0.1; of many classes, a tenth is far from chance, so the
        accuracy is below twice that of chance as well.
        """
        kappa = (self.accuracy - self.chance) / max(1 - self.chance, 1e-9)
        return kappa < _LOWEST_KAPPA and self.accuracy < 2 * self.chance

    @property
    def is_reordered(self) -> bool:
        """Whether another order of the classes leaves less than half of the errors."""
        return 1 - self.best_accuracy < (1 - self.accuracy) / 2

    def mistake(self, class_names: tuple[str, ...]) -> str:
        """What is likely wrong with predictions near chance, in a sentence."""
        if not self.is_reordered:
            return "They are of other images, or of other classes."
        order = [class_names[place] for place in self.best_order]
        shown = ", ".join(order[:_MAX_SHOWN]) + ", …" * (len(order) > _MAX_SHOWN)
        return (
            f"The order of the classes is wrong: as {shown} the accuracy would be "
            f"{self.best_accuracy:.3f}."
        )


def measure(predicted: np.ndarray, labels: np.ndarray, num_classes: int) -> Agreement:
    """Compares predictions with labels.

    Args:
        predicted: int `(num_examples,)`, class indices.
        labels: As `predicted`.
        num_classes: Number of classes.
    """
    counts = np.zeros((num_classes, num_classes), np.int64)  # (predicted, label)
    np.add.at(counts, (predicted, labels), 1)
    size = max(len(labels), 1)
    # Of equally good orders, the one that leaves most classes where they are.
    weights = counts + 0.5 / num_classes * np.eye(num_classes)
    rows, columns = optimize.linear_sum_assignment(weights, maximize=True)
    return Agreement(
        num_examples=len(labels),
        accuracy=float(np.trace(counts)) / size,
        chance=float(counts.sum(axis=1) @ counts.sum(axis=0)) / size**2,
        best_order=tuple(columns.tolist()),
        best_accuracy=float(counts[rows, columns].sum()) / size,
    )
