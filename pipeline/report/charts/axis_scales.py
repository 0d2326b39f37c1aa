"""What the axes of a chart show, and how values become places on them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np
from matplotlib import ticker
from matplotlib.axes import Axes

from tfx_distill.pipeline.report import number_text
from tfx_distill.pipeline.report.collect.intervals import Interval

# Accuracies that are easy to read, where equal ratios of errors are equally far apart.
_ACCURACY_TICKS = (
    *(0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9999),
)
_LEAST_ERROR = 1e-4
_LOG_STEPS = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 8))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Series:
    """Points that belong together.

    Attributes:
        name: In the legend.
        colour: A key of `svg_figure.COLOURS`.
        points: Pairs of a place, which is x or the index of a row, and a value.
        line: As in matplotlib: `-`, `--`, `:` or `none`.
        marked: Drawn with points.
    """

    name: str
    colour: str
    points: tuple[tuple[float, Interval], ...]
    line: str = "-"
    marked: bool = True


@dataclasses.dataclass(frozen=True, kw_only=True)
class Axis:
    """What an axis shows.

    Attributes:
        label: Beside the axis, and above its column of the table.
        write: Writes a value in the table.
        scale: `linear`, `log`, `epochs` for integers from 1, or `errors` for accuracies
            near 1, where equal ratios of errors are equally far apart.
        limits: First and last value; each is None where the values decide.
    """

    label: str
    write: Callable[[float], str] = number_text.share
    scale: str = "linear"
    limits: tuple[float | None, float | None] = (None, None)


def apply(axis: Axis, axes: Axes, name: str, series: Sequence[Series] = ()) -> None:
    """Applies an axis to the `x` or the `y` of a drawing; `series` are what it shows."""
    axes.set(**{f"{name}label": axis.label})
    drawn = axes.xaxis if name == "x" else axes.yaxis
    if axis.scale == "log":
        axes.set(**{f"{name}scale": "log"})
        ticks = _log_ticks(*(axes.get_xlim() if name == "x" else axes.get_ylim()))
        drawn.set_major_locator(ticker.FixedLocator(ticks))
        drawn.set_major_formatter(lambda value, _: f"{value:,.10g}")
        drawn.set_minor_locator(ticker.NullLocator())
    elif axis.scale == "errors":
        high = highest(series)
        low = min(value.value for one in series for _, value in one.points)
        low = max(0.0, min(low - (1 - low) * 0.1, 2 * high - 1))
        ticks = [value for value in _ACCURACY_TICKS if low <= value <= high]
        axes.set_yscale("function", functions=(_from_accuracy, _to_accuracy))
        axes.set_ylim(low, high)
        if len(ticks) > 2:
            drawn.set_major_locator(ticker.FixedLocator(ticks))
        drawn.set_major_formatter("{x:g}")
    elif axis.scale == "epochs":
        last = max(place for one in series for place, _ in one.points)
        drawn.set_major_locator(ticker.MultipleLocator(max(1, round(last / 8)), 1))
    else:
        most = 5 if name == "x" else 7  # that fit beside, or above, each other
        drawn.set_major_locator(ticker.MaxNLocator(most, steps=(1, 2, 2.5, 5, 10)))
    axes.set(**{f"{name}lim": axis.limits})


def highest(series: Sequence[Series]) -> float:
    """What stands for an accuracy of 1: half of the fewest errors that were made."""
    errors = [1 - b.value for one in series for _, b in one.points if b.value < 1]
    return 1 - max(min(errors, default=0.01) / 2, _LEAST_ERROR)


def _log_ticks(low: float, high: float) -> list[float]:
    """Round numbers in a range, in nearly equal ratios."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)))
    for steps in _LOG_STEPS:
        ticks = [step * 10.0**power for power in powers for step in steps]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) > 2:
            return ticks
    return list(ticker.MaxNLocator(3).tick_values(low, high))


def _from_accuracy(value: np.ndarray) -> np.ndarray:
    return -np.log1p(-np.minimum(value, 1 - 1e-9))


def _to_accuracy(value: np.ndarray) -> np.ndarray:
    return -np.expm1(-np.asarray(value))
