"""Which charts a report has: its content as series, bars and axes."""

from __future__ import annotations

from collections.abc import Sequence

from tfx_distill.pipeline.report.charts import axes, svg_charts
from tfx_distill.pipeline.report.charts.svg_charts import Bar, Chart, Series
from tfx_distill.pipeline.report.collect.measures import Interval
from tfx_distill.pipeline.report.report_data import (
    Balance,
    ClassRow,
    Cost,
    Model,
    Report,
    Search,
)

_MAX_CLASSES = 40  # in a chart; a table has them all
_LEAST_ERROR = 1e-4
_STYLES = ("teacher", "student", "control")
_VALIDATION = "val_"


def style(role: str) -> str:
    return role if role in _STYLES else "other"


def accuracies(report: Report) -> Chart | None:
    """Every model that was evaluated, with its interval."""
    bars = [
        Bar(name=model.name, style=style(model.role), value=model.accuracy)
        for model in report.models
        if model.accuracy is not None
    ]
    if not bars:
        return None
    return svg_charts.intervals(
        f"Accuracy on {report.split}",
        "Point: share of right answers; line: its 95 % interval (Wilson).",
        bars,
        "accuracy",
    )


def differences(report: Report) -> Chart | None:
    bars = [
        Bar(name=one.name, style="student", value=one.interval)
        for one in report.differences
    ]
    if not bars:
        return None
    return svg_charts.intervals(
        "Differences in accuracy on the same images",
        "Left of 0 the student is worse. Line: the paired difference's 95 % interval.",
        bars,
        "difference in accuracy",
        zero=True,
    )


def learning(models: Sequence[Model]) -> list[Chart]:
    """Accuracy on the eval split for all models, and the loss of each alone."""
    series = [
        Series(
            name=model.name,
            style=style(model.role),
            points=epochs(model.history["val_accuracy"]),
        )
        for model in models
        if model.history.get("val_accuracy")
    ]
    found = []
    if series:
        found.append(accuracy_by_epoch("Accuracy on eval by epoch", series))
    # One of a role tells the shape; all their losses would be a wall of charts.
    firsts = {model.role: model for model in reversed(models)}
    losses = (_loss_by_epoch(model) for model in reversed(firsts.values()))
    return found + [chart for chart in losses if chart is not None]


def accuracy_by_epoch(title: str, series: Sequence[Series]) -> Chart:
    """Learning curves whose ends can be told apart."""
    values = [y for one in series for _, y in one.points]
    return svg_charts.plot(
        title,
        "Equal ratios of errors are equally far apart: from 0.9 to 0.99 is as far as "
        "from 0.99 to 0.999.",
        series,
        _epoch_axis(series),
        axes.errors("accuracy", min(values), _least_error(values)),
    )


def _least_error(values: Sequence[float]) -> float:
    """What stands for no error at all: half of the least that was made."""
    return max(min((1 - v for v in values if v < 1), default=0.01) / 2, _LEAST_ERROR)


def _loss_by_epoch(model: Model) -> Chart | None:
    series = [
        Series(
            name="eval" if key.startswith(_VALIDATION) else "train",
            style=style(model.role),
            points=epochs(model.history[key]),
            dashed=not key.startswith(_VALIDATION),
        )
        for key in ("loss", "val_loss")
        if model.history.get(key)
    ]
    values = [y for one in series for _, y in one.points if y > 0]
    if not values:
        return None
    return svg_charts.plot(
        f"Loss of {model.name} by epoch",
        "Logarithmic. Losses of teacher and student are different functions and "
        "cannot be compared.",
        series,
        _epoch_axis(series),
        axes.logarithmic("loss", min(values), max(values)),
    )


def epochs(values: Sequence[float]) -> tuple[tuple[float, float], ...]:
    """Points of a curve: values by epoch, from 1."""
    return tuple((epoch, float(value)) for epoch, value in enumerate(values, 1))


def _epoch_axis(series: Sequence[Series]) -> axes.Axis:
    last = max(x for one in series for x, _ in one.points)
    step = max(1, round(last / 8))
    marks = tuple(float(epoch) for epoch in range(1, int(last) + 1, step))
    return axes.Axis(label="epoch", low=1, high=max(last, 2), marks=marks)


def classes(rows: Sequence[ClassRow]) -> Chart | None:
    """Accuracy by class; of many classes those that the student knows least."""
    known = [row for row in rows if row.student is not None]
    if not known:
        return None
    worst = sorted(known, key=lambda row: row.student.value if row.student else 0)
    kept = {row.name for row in worst[:_MAX_CLASSES]}
    known = [row for row in known if row.name in kept]
    series = []
    for role in ("teacher", "student"):
        points = []
        for place, row in enumerate(known):
            value = getattr(row, role)
            if value is not None:
                points.append((float(place), value.value))
        series.append(Series(name=role, style=role, points=tuple(points), joined=False))
    lowest = min(y for one in series for _, y in one.points)
    names = [row.name for row in known]
    x = axes.Axis(
        label="class",
        low=-0.5,
        high=len(known) - 0.5,
        marks=tuple(float(place) for place in range(len(known))),
        format=lambda place: _place_name(names, place),
    )
    title = "Accuracy by class"
    if len(kept) < len(rows):
        title = f"Accuracy of the {len(kept)} classes that the student knows least"
    return svg_charts.plot(
        title,
        "One mark for each model and class. The table above has the intervals.",
        series,
        x,
        axes.linear("accuracy", lowest, 1),
    )


def _place_name(names: Sequence[str], place: float) -> str:
    name = names[int(place)]
    longest = max(2, 60 // len(names))
    return name if len(name) <= longest else name[: longest - 1] + "…"


def calibration(report: Report) -> Chart:
    return svg_charts.reliability(report.calibrations)


def confidence(report: Report) -> Chart | None:
    """How many answers of each confidence there are."""
    series = [
        Series(
            name=one.role,
            style=one.role,
            points=tuple(((b.low + b.high) / 2, float(b.count)) for b in one.bins),
        )
        for one in report.calibrations
    ]
    counts = [y for one in series for _, y in one.points]
    return svg_charts.plot(
        "How sure the models are",
        "Number of answers by confidence, logarithmic.",
        series,
        axes.linear("confidence", 0, 1),
        axes.logarithmic("answers", min(counts), max(counts)),
    )


def latencies(costs: Sequence[Cost]) -> list[Chart]:
    """Median and 95th percentile by size of the request."""
    sizes = sorted({size for cost in costs for size in cost.latency}, key=_number)
    found = []
    for size in sizes:
        bars = [
            Bar(
                name=f"{cost.role}, {name}",
                style=style(cost.role),
                value=Interval(value=float(cost.latency[size][key])),
            )
            for cost in costs
            if size in cost.latency
            for name, key in (("median", "median_ms"), ("p95", "p95_ms"))
            if key in cost.latency[size]
        ]
        if bars:
            title = f"Latency of a request of {size} image{'s' * (size != '1')}"
            text = "Milliseconds, both models in the same process on the same images."
            found.append(svg_charts.lengths(title, text, bars, "milliseconds"))
    return found


def _number(text: str) -> tuple[int, str]:
    return (int(text), text) if text.isdigit() else (0, text)


def balance(balances: Sequence[Balance]) -> Chart | None:
    """The share of each class in each split."""
    names = list(dict.fromkeys(name for one in balances for name, _ in one.counts))
    if not names or len(names) > _MAX_CLASSES:
        return None
    series = []
    for place, one in enumerate(balances):
        counts, total = dict(one.counts), sum(count for _, count in one.counts)
        points = tuple(
            (float(names.index(name)), count / max(total, 1))
            for name, count in counts.items()
        )
        looks = ("train", "eval", "test")
        look = looks[place] if place < len(looks) else "other"
        series.append(Series(name=one.split, style=look, points=points, joined=False))
    x = axes.Axis(
        label="class",
        low=-0.5,
        high=len(names) - 0.5,
        marks=tuple(float(place) for place in range(len(names))),
        format=lambda place: _place_name(names, place),
    )
    highest = max(y for one in series for _, y in one.points)
    return svg_charts.plot(
        "Share of each class",
        "One mark for each split and class. Where the marks of a class lie apart, the "
        "splits are not alike.",
        series,
        x,
        axes.linear("share of the split", 0, highest),
    )


def trials(search: Search) -> Chart | None:
    """Size against accuracy of all trials that ended."""
    done = [t for t in search.trials if t.objective is not None and t.parameters]
    if not done:
        return None
    points = [(float(t.parameters or 0), float(t.objective or 0)) for t in done]
    series = [
        Series(name="best", style="student", points=(points[0],), joined=False),
        Series(name="trials", style="teacher", points=tuple(points[1:]), joined=False),
    ]
    series = [one for one in series if one.points]
    xs, ys = zip(*points, strict=True)
    return svg_charts.plot(
        "Trials by size and accuracy",
        "Each mark is a student that was tried. Higher and further left is better.",
        series,
        axes.logarithmic("parameters, logarithmic", min(xs), max(xs)),
        axes.linear("accuracy on eval", min(ys), max(ys)),
    )
