"""How values become places on a chart."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

from tfx_distill.pipeline.report.collect.measures import ticks


@dataclasses.dataclass(frozen=True, kw_only=True)
class Axis:
    """How values become places.

    Attributes:
        label: What they are.
        low: At the start.
        high: At the end.
        marks: Values with a label.
        format: Of the labels.
        scale: Makes equal steps of what should be seen as equal.
    """

    label: str
    low: float
    high: float
    marks: tuple[float, ...]
    format: Callable[[float], str] = "{:g}".format
    scale: Callable[[float], float] = float

    def share(self, value: float) -> float:
        low, high = self.scale(self.low), self.scale(self.high)
        if high == low:
            return 0.5
        return (self.scale(min(max(value, self.low), self.high)) - low) / (high - low)


def linear(label: str, low: float, high: float, count: int = 5) -> Axis:
    """An axis of equal steps from `low` to `high`, stretched to round numbers."""
    if not high > low:
        low, high = low - 0.5, high + 0.5
    step = ticks(low, high, count)
    size = step[1] - step[0] if len(step) > 1 else high - low
    low, high = (
        math.floor(low / size + 1e-9) * size,
        math.ceil(high / size - 1e-9) * size,
    )
    return Axis(label=label, low=low, high=high, marks=tuple(ticks(low, high, count)))


def logarithmic(label: str, low: float, high: float) -> Axis:
    """An axis of equal ratios; `low` > 0."""
    low, high = low * 0.9, high * 1.1
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 8)):
        marks = tuple(m * 10.0**p for p in powers for m in steps)
        marks = tuple(mark for mark in marks if low <= mark <= high)
        if len(marks) >= 3:
            break
    return Axis(label=label, low=low, high=high, marks=marks, scale=math.log)


def errors(label: str, low: float, least_error: float) -> Axis:
    """An axis of shares near 1, where equal ratios of errors are equally far apart.

    Args:
        label: What they are.
        low: The lowest share.
        least_error: What is drawn of no error at all, > 0.
    """
    low = min(low, 1 - 2 * least_error)
    possible = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9999)
    high = 1 - least_error
    return Axis(
        label=label,
        low=max(0.0, low - (1 - low) * 0.1),
        high=high,
        marks=tuple(value for value in possible if low <= value <= high),
        scale=lambda value: -math.log(1 - value),
    )
