"""A comparison of runs: their settings, results, and students on the same images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tfx_distill.pipeline.report import number_text
from tfx_distill.pipeline.report.charts import run_charts
from tfx_distill.pipeline.report.charts.plots import Chart
from tfx_distill.pipeline.report.collect.intervals import Interval
from tfx_distill.pipeline.report.report_data import Difference, Report
from tfx_distill.trainer.evaluation import comparison

# One for each run; from the fifth on they are used again, with dashes.
_COLOURS = ("teacher", "student", "control", "other")
_ABSENT = "not set"


def settings(reports: Sequence[Report]) -> list[tuple[str, list[str]]]:
    """The configuration keys whose values differ, each with its value in every run."""
    keys = dict.fromkeys(key for report in reports for key in report.config)
    found = []
    for key in keys:
        values = [
            number_text.setting(report.config.get(key, _ABSENT)) for report in reports
        ]
        if len(set(values)) > 1:
            found.append((key, values))
    return found


def names(reports: Sequence[Report]) -> list[str]:
    """The runs' ids, each after a letter."""
    return [
        f"{chr(ord('A') + place % 26)} {report.run.name}"
        for place, report in enumerate(reports)
    ]


def accuracies(reports: Sequence[Report], role: str) -> Chart | None:
    found = []
    for place, (name, report) in enumerate(zip(names(reports), reports, strict=True)):
        model = report.model(role)
        if model is not None and model.accuracy is not None:
            found.append((name, _COLOURS[place % len(_COLOURS)], model.accuracy))
    return run_charts.accuracy_intervals(f"Accuracy of the {role} on test", found)


def differences(reports: Sequence[Report]) -> list[Difference]:
    """Each student against the first run's, on the same images.

    Only for runs with the same test images: equal data, equal labels.
    """
    first, *others = reports
    found = []
    for name, report in zip(names(reports)[1:], others, strict=True):
        if not _same_images(first, report):
            continue
        assert first.predictions is not None and report.predictions is not None
        result = comparison.paired(_right(report), _right(first))
        interval = Interval(value=result.difference, low=result.low, high=result.high)
        found.append(
            Difference(
                name=f"{name} − A",
                interval=interval,
                only_first=result.only_first,
                only_second=result.only_second,
                p_value=result.p_value,
            )
        )
    return found


def _same_images(first: Report, second: Report) -> bool:
    if first.predictions is None or second.predictions is None:
        return False
    if first.data is None or second.data is None:
        return False
    return first.data.fingerprint == second.data.fingerprint and np.array_equal(
        first.predictions.labels, second.predictions.labels
    )


def _right(report: Report) -> np.ndarray:
    assert report.predictions is not None
    return report.predictions.student.argmax(axis=1) == report.predictions.labels


def difference_chart(found: Sequence[Difference]) -> Chart | None:
    return run_charts.difference_intervals(
        "Students against the first run’s",
        "Right of 0 a student is better than A’s on the same images.",
        [(one.name, one.interval) for one in found],
    )


def curves(reports: Sequence[Report], role: str) -> Chart | None:
    """Accuracy on eval by epoch of one model of each run."""
    series = []
    for place, (name, report) in enumerate(zip(names(reports), reports, strict=True)):
        model = report.model(role)
        values = model.history.get("val_accuracy") if model else None
        if values:
            colour = _COLOURS[place % len(_COLOURS)]
            line = ("-", "--")[place // len(_COLOURS) % 2]
            series.append(run_charts.curve(name, colour, values, line))
    title = f"Accuracy of the {role} on eval by epoch"
    return run_charts.accuracy_by_epoch(title, series) if series else None


def rows(reports: Sequence[Report]) -> list[tuple[str, list[Any]]]:
    """A row for each fact: its name, and its value in every run."""
    facts: list[tuple[str, Callable[[Report], Any]]] = [
        ("Started", lambda report: report.run.created),
        ("Data", _data),
        ("Test images", lambda report: f"{report.num_examples:,}"),
        *(
            (f"{role.capitalize()} accuracy", _accuracy_of(role))
            for role in ("student", "teacher", "control")
        ),
        ("Student − teacher", _difference_to_teacher),
        ("Agreement with teacher", lambda report: number_text.share(report.agreement)),
        ("Student calibration error", _calibration),
        ("Student parameters", _fact("parameters", "{:,}")),
        ("Student size, bytes", _fact("bytes", "{:,}")),
        ("Student training, s", _fact("seconds", "{:.1f}")),
        ("LiteRT", _lite),
        ("Median ms, 1 image", _latency("1")),
        ("Median ms, 64 images", _latency("64")),
        ("Effect of distillation", lambda report: report.conclusion or "–"),
    ]
    table = [(name, [fact(report) for report in reports]) for name, fact in facts]
    return [(name, cells) for name, cells in table if set(cells) != {"–"}]


def _data(report: Report) -> str:
    if report.data is None:
        return "–"
    data = report.data
    return f"{data.dataset} {data.version}, {data.fingerprint[:12]}"


def _accuracy_of(role: str) -> Callable[[Report], str]:
    def fact(report: Report) -> str:
        model = report.model(role)
        if model is None or model.accuracy is None:
            return "–"
        return number_text.with_ends(model.accuracy)

    return fact


def _difference_to_teacher(report: Report) -> str:
    for one in report.differences:
        if one.name == "student − teacher":
            return number_text.with_ends(one.interval, is_difference=True)
    return "–"


def _calibration(report: Report) -> str:
    for one in report.calibrations:
        if one.role == "student":
            return f"{one.error:.4f}"
    return "–"


def _fact(name: str, form: str) -> Callable[[Report], str]:
    def fact(report: Report) -> str:
        model = report.model("student")
        value = getattr(model, name) if model else None
        return "–" if value is None else form.format(value)

    return fact


def _lite(report: Report) -> str:
    files = [
        f"{flavour} {score.accuracy:.4f}, {score.bytes:,} B"
        for flavour, score in report.lite.items()
    ]
    return "; ".join(files) or "–"


def _latency(size: str) -> Callable[[Report], str]:
    def fact(report: Report) -> str:
        for cost in report.costs:
            if cost.role == "student" and "median_ms" in cost.latency.get(size, {}):
                return f"{cost.latency[size]['median_ms']:.3f}"
        return "–"

    return fact
