"""The chart of both models' accuracy on corrupted images."""

from __future__ import annotations

from tfx_distill.pipeline.report.charts import plots
from tfx_distill.pipeline.report.charts.axis_scales import Axis, Series
from tfx_distill.pipeline.report.charts.plots import Chart
from tfx_distill.pipeline.report.collect.intervals import Interval
from tfx_distill.trainer.evaluation.measured import Corruptions


def robustness(found: Corruptions) -> Chart | None:
    """Mean accuracy over the strengths of each corruption."""
    series = [
        Series(
            name=role,
            colour=role,
            line="none",
            points=tuple(
                (place, Interval(value=sum(values) / len(values)))
                for place, values in enumerate(rows.values())
            ),
        )
        for role, rows in (("teacher", found.teacher), ("student", found.student))
        if rows
    ]
    text = "Mean over five strengths. The table below has each of them."
    axis = Axis(label="accuracy")
    return plots.dots("Accuracy by corruption", text, list(found.student), series, axis)
