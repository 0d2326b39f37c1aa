"""The charts of a run's report."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from tfx_distill.components.servability_validator.servability import Measurement
from tfx_distill.pipeline.inspection import timelines
from tfx_distill.pipeline.report import class_tables, number_text
from tfx_distill.pipeline.report.charts import plots
from tfx_distill.pipeline.report.charts.axis_scales import Axis, Series
from tfx_distill.pipeline.report.charts.plots import Chart
from tfx_distill.pipeline.report.collect.intervals import Interval
from tfx_distill.pipeline.report.report_data import (
    Balance,
    ClassRow,
    Difference,
    Model,
    Report,
)
from tfx_distill.trainer.timeline import Span

_ROLES = ("teacher", "student", "control")
_NEAR_ONE = 0.9  # from here on, differences of accuracies are lost on a linear axis
_EPOCH = Axis(label="epoch", write="{:g}".format, scale="epochs")


def colour(role: str) -> str:
    return role if role in _ROLES else "other"


def accuracies(report: Report) -> Chart | None:
    """The accuracy of every model that was evaluated."""
    return accuracy_intervals(
        f"Accuracy on {report.split}",
        [
            (model.name, colour(model.role), model.accuracy)
            for model in report.models
            if model.accuracy is not None
        ],
    )


def accuracy_intervals(
    title: str, models: Sequence[tuple[str, str, Interval]]
) -> Chart | None:
    """Accuracies by name and colour."""
    text = "Point: accuracy. Line: its 95 % interval (Wilson)."
    return plots.values(title, text, models, Axis(label="accuracy"))


def differences(report: Report) -> Chart | None:
    return difference_intervals(
        "Differences in accuracy on the same images",
        "Left of 0 the student is worse. Line: 95 % interval of the paired difference.",
        report.differences,
    )


def difference_intervals(
    title: str, description: str, found: Sequence[Difference]
) -> Chart | None:
    rows = [(one.name, "student", one.interval) for one in found]
    axis = Axis(label="difference in accuracy", write=number_text.signed)
    return plots.values(title, description, rows, axis, zero=True)


def learning(models: Sequence[Model]) -> list[Chart]:
    """Accuracy on the eval split for all models; the loss of one model of each role."""
    series = [
        curve(model.name, colour(model.role), model.history["val_accuracy"])
        for model in models
        if model.history.get("val_accuracy")
    ]
    found = [accuracy_by_epoch("Accuracy on eval by epoch", series)] if series else []
    firsts = {model.role: model for model in reversed(models)}
    losses = (_loss_by_epoch(model) for model in reversed(firsts.values()))
    return found + [chart for chart in losses if chart is not None]


def curve(name: str, colour: str, values: Sequence[float], line: str = "-") -> Series:
    """Values by epoch, from 1."""
    points = tuple(
        (epoch, Interval(value=float(value))) for epoch, value in enumerate(values, 1)
    )
    return Series(name=name, colour=colour, points=points, line=line)


def accuracy_by_epoch(title: str, series: Sequence[Series]) -> Chart:
    """Learning curves whose ends can be told apart, also near 1."""
    best = max(value.value for one in series for _, value in one.points)
    if best < _NEAR_ONE:
        text = "One point for each epoch."
        return plots.plot(title, text, series, _EPOCH, Axis(label="accuracy"))
    text = (
        "The distance from 0.9 to 0.99 is the distance from 0.99 to 0.999: equal "
        "steps divide the errors by equal factors."
    )
    return plots.plot(
        title, text, series, _EPOCH, Axis(label="accuracy", scale="errors")
    )


def _loss_by_epoch(model: Model) -> Chart | None:
    series = [
        curve(split, colour(model.role), model.history[key], line)
        for key, split, line in (("loss", "train", "--"), ("val_loss", "eval", "-"))
        if model.history.get(key)
    ]
    if not any(value.value > 0 for one in series for _, value in one.points):
        return None
    return plots.plot(
        f"Loss of {model.name} by epoch",
        "Logarithmic. Teacher and student minimize different losses, which cannot be "
        "compared.",
        series,
        _EPOCH,
        Axis(label="loss", scale="log"),
    )


def classes(rows: Sequence[ClassRow]) -> Chart | None:
    """Accuracy by class; of many classes those with the student's lowest accuracy."""
    known = class_tables.shown([row for row in rows if row.student is not None])
    if not known:
        return None
    series = []
    for role in ("teacher", "student"):
        found = [(place, getattr(row, role)) for place, row in enumerate(known)]
        points = [(p, Interval(value=one.value)) for p, one in found if one is not None]
        if points:
            series.append(_scattered(role, role, points))
    title = "Accuracy by class"
    if len(known) < len(rows):
        title = f"The {len(known)} classes with the student’s lowest accuracy"
    text = "One point for each model and class. The table above has the intervals."
    return plots.dots(
        title, text, [row.name for row in known], series, Axis(label="accuracy")
    )


def _scattered(
    name: str, colour: str, points: Iterable[tuple[float, Interval]]
) -> Series:
    return Series(name=name, colour=colour, points=tuple(points), line="none")


def calibration(report: Report) -> Chart:
    """Accuracy by confidence, beside that of a well calibrated model."""
    ideal = Series(
        name="well calibrated", colour="dim", line=":", marked=False,
        points=((0, Interval(value=0)), (1, Interval(value=1))),
    )  # fmt: skip
    series = [
        Series(
            name=one.role,
            colour=one.role,
            points=tuple((b.confidence, b.accuracy) for b in one.bins),
        )
        for one in report.calibrations
    ]
    limits = (0.0, 1.0)
    chart = plots.plot(
        "Confidence and accuracy",
        "Accuracy by confidence. Below the diagonal a model is overconfident, above it "
        "underconfident. Thin lines: 95 % intervals.",
        # The diagonal last, so that the models' markers are those of all other charts.
        [*series, ideal],
        Axis(label="confidence", limits=limits),
        Axis(label="accuracy", limits=limits),
    )
    header = ("model", "confidence", "predictions", "mean confidence", "accuracy",
              "95 % interval")  # fmt: skip
    rows = tuple(
        (
            one.role,
            f"{b.low:.2f} to {b.high:.2f}",
            number_text.count(b.count),
            number_text.share(b.confidence),
            number_text.share(b.accuracy.value),
            number_text.ends(b.accuracy),
        )
        for one in report.calibrations
        for b in one.bins
    )
    return dataclasses.replace(chart, header=header, rows=rows)


def confidence(report: Report) -> Chart:
    """Number of predictions by confidence."""
    series = [
        Series(
            name=one.role,
            colour=one.role,
            points=tuple(
                ((b.low + b.high) / 2, Interval(value=b.count)) for b in one.bins
            ),
        )
        for one in report.calibrations
    ]
    return plots.plot(
        "Distribution of confidence",
        "Number of predictions by confidence, logarithmic.",
        series,
        Axis(label="confidence", write="{:.2f}".format, limits=(0.0, 1.0)),
        Axis(label="predictions", write="{:,.0f}".format, scale="log"),
    )


def latencies(costs: Mapping[str, Measurement]) -> list[Chart]:
    """Median and 95th percentile by size of the request."""
    sizes = sorted(
        {size for cost in costs.values() for size in cost.latency}, key=_number
    )
    found = []
    for size in sizes:
        rows = [
            (f"{role}, {name}", colour(role), Interval(value=times[key]))
            for role, cost in costs.items()
            for times in [cost.latency.get(size, {})]
            for name, key in (("median", "median_ms"), ("p95", "p95_ms"))
            if key in times
        ]
        title = f"Latency of a request of {size} image{'s' * (size != '1')}"
        text = "Milliseconds. Both models in one process, on the same images."
        axis = Axis(label="milliseconds")
        found.append(plots.values(title, text, rows, axis, bars=[0] * len(rows)))
    return [chart for chart in found if chart is not None]


def timeline(spans: Sequence[Span]) -> Chart | None:
    """When the nodes of a run worked, and what they did meanwhile."""
    parts = [span for span in timelines.summed(spans) if not span.cached]
    rows = [
        (
            f"{span.inside}: {span.name}" if span.inside else span.name,
            "other" if span.inside else "student",
            Interval(value=span.seconds),
        )
        for span in parts
    ]
    text = (
        "Bars begin when a part began. Nodes whose result came from the cache are out."
    )
    axis = Axis(label="seconds", write="{:.1f}".format)
    starts = [span.start_s for span in parts]
    return plots.values("Time", text, rows, axis, bars=starts)


def _number(text: str) -> tuple[int, str]:
    return (int(text), text) if text.isdigit() else (0, text)


def balance(balances: Sequence[Balance]) -> Chart | None:
    """The share of each class in each split."""
    names = list(dict.fromkeys(name for one in balances for name, _ in one.counts))
    if not names or len(names) > class_tables.MAX_SHOWN:
        return None
    series = []
    for place, one in enumerate(balances):
        total = max(sum(count for _, count in one.counts), 1)
        points = [
            (names.index(name), Interval(value=count / total))
            for name, count in dict(one.counts).items()
        ]
        colour = _ROLES[place] if place < len(_ROLES) else "other"
        series.append(_scattered(one.split, colour, points))
    return plots.dots(
        "Share of each class",
        "One point for each split and class. Splits differ where the points of a class "
        "lie apart.",
        names,
        [one for one in series if one.points],
        Axis(label="share of the split", limits=(0.0, None)),
    )
