"""Charts of a search: what its trials reached, and what of each hyperparameter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tfx_distill.pipeline.report.charts import plots
from tfx_distill.pipeline.report.charts.axis_scales import Axis, Series
from tfx_distill.pipeline.report.charts.plots import Chart
from tfx_distill.pipeline.report.collect.intervals import Interval
from tfx_distill.trainer.tuning.trials import Trials, differing

_MANY_TIMES = 8  # from here on, small values would lie on top of each other


def trials(search: Trials) -> Chart | None:
    """Size against accuracy of all trials that ended; the best is the first."""
    ended = [trial for trial in search.completed() if trial.parameters]
    if not ended:
        return None
    return plots.plot(
        "Trials by size and accuracy",
        "Each point is a student that was tried. Higher and further left is better.",
        _best_and_others([(float(t.parameters or 0), t.accuracy) for t in ended]),
        Axis(label="parameters, logarithmic", write="{:,.0f}".format, scale="log"),
        Axis(label="accuracy on eval"),
    )


def slices(search: Trials) -> list[Chart]:
    """Accuracy against each hyperparameter that the trials differ in."""
    ended = search.completed()
    return [
        _slice(key, [(trial.values[key], trial.accuracy) for trial in ended])
        for key in differing(ended)
    ]


def _slice(key: str, points: Sequence[tuple[Any, float]]) -> Chart:
    text = "Each point is a student that was tried."
    accuracy, values = Axis(label="accuracy on eval"), [value for value, _ in points]
    if not any(isinstance(value, bool | str) for value in values):
        is_log = min(values) > 0 and max(values) > _MANY_TIMES * min(values)
        label, scale = (f"{key}, logarithmic", "log") if is_log else (key, "linear")
        x = Axis(label=label, write="{:.4g}".format, scale=scale)
        return plots.plot(key, text, _best_and_others(points), x, accuracy)
    names = sorted(map(str, set(values)))
    rows = [(float(names.index(str(value))), found) for value, found in points]
    return plots.dots(key, text, names, _best_and_others(rows), accuracy)


def _best_and_others(points: Sequence[tuple[float, float]]) -> list[Series]:
    """Two series; the first point is the best."""
    places = tuple((float(x), Interval(value=value)) for x, value in points)
    best, others = places[:1], places[1:]
    series = [Series(name="best", colour="student", points=best, line="none")]
    if others:
        series.append(
            Series(name="other trials", colour="teacher", points=others, line="none")
        )
    return series
