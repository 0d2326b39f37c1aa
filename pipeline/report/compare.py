"""A comparison of runs: their settings, results, and students on the same images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfx_distill.pipeline.report import number_text
from tfx_distill.pipeline.report.charts import run_charts
from tfx_distill.pipeline.report.charts.plots import Chart
from tfx_distill.pipeline.report.collect.intervals import Interval
from tfx_distill.pipeline.report.number_text import UNKNOWN
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
        found,
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


def rows(reports: Sequence[Report]) -> list[tuple[str, list[str]]]:
    """A row for each known fact: its name, and its value in every run."""
    facts = [_facts(report) for report in reports]
    table = [(name, [found[name] for found in facts]) for name in facts[0]]
    return [(name, cells) for name, cells in table if set(cells) != {UNKNOWN}]


def _facts(report: Report) -> dict[str, str]:
    student, data = report.model("student"), report.data
    parameters, size, seconds = (
        (student.parameters, student.bytes, student.seconds) if student else [None] * 3
    )
    source = data and f"{data.title}, {data.fingerprint[:12]}"
    differences = {one.name: one.interval for one in report.differences}
    difference = differences.get("student − teacher")
    errors = {one.role: one.error for one in report.calibrations}
    cost = report.costs.get("student")
    latency = cost.latency if cost else {}
    medians = {size: times.get("median_ms") for size, times in latency.items()}
    files = [
        f"{flavour} {score.accuracy:.4f}, {score.bytes:,} B"
        for flavour, score in report.lite.items()
    ]
    return {
        "Started": report.run.created,
        "Data": source or UNKNOWN,
        "Test images": number_text.count(report.num_examples),
        "Student accuracy": _accuracy(report, "student"),
        "Teacher accuracy": _accuracy(report, "teacher"),
        "Control accuracy": _accuracy(report, "control"),
        "Student − teacher": number_text.with_ends(difference, is_difference=True),
        "Agreement with teacher": number_text.share(report.agreement),
        "Student calibration error": number_text.share(errors.get("student")),
        "Student parameters": number_text.count(parameters),
        "Student size, bytes": number_text.count(size),
        "Student training, s": UNKNOWN if seconds is None else f"{seconds:.1f}",
        "LiteRT": "; ".join(files) or UNKNOWN,
        "Median ms, 1 image": number_text.share(medians.get("1")),
        "Median ms, 64 images": number_text.share(medians.get("64")),
        "Effect of distillation": report.conclusion or UNKNOWN,
    }


def _accuracy(report: Report, role: str) -> str:
    model = report.model(role)
    return number_text.with_ends(model.accuracy if model else None)
