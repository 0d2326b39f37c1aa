"""Values with their 95 % intervals."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Mapping

_MAX_TOTAL = 2**53  # only a damaged file has more
_Z = statistics.NormalDist().inv_cdf(0.975)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Interval:
    """A value with its 95 % interval; the ends are None where there is none."""

    value: float
    low: float | None = None
    high: float | None = None


def wilson(correct: int, total: int) -> Interval:
    """A share with Wilson's 95 % interval (1927, doi:10.2307/2276774).

    Args:
        correct: Number of correct predictions.
        total: Number of predictions, > 0.
    """
    # SciPy has it only behind a p-value that takes a hundred times as long.
    value, scale = correct / total, 1 + _Z**2 / total
    middle = (value + _Z**2 / (2 * total)) / scale
    reach = (
        math.sqrt(value * (1 - value) / total + (_Z / (2 * total)) ** 2) * _Z / scale
    )
    return Interval(
        value=value,
        low=middle - reach if correct else 0.0,
        high=middle + reach if correct < total else 1.0,
    )


def share(value: float, total: int) -> Interval:
    """As `wilson`, of a share that was rounded when it was written."""
    if not 0 < total < _MAX_TOTAL or not 0 <= value <= 1:
        return Interval(value=value)
    return dataclasses.replace(wilson(round(value * total), total), value=value)


def accuracy(metrics: Mapping[str, float]) -> Interval | None:
    """The accuracy among a slice's metrics; None if it was not measured."""
    if "accuracy" not in metrics:
        return None
    return share(metrics["accuracy"], int(metrics.get("num_examples", 0)))
