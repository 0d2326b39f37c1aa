"""The chart of one quantity in production and in the test split."""

from __future__ import annotations

from tfx_distill.pipeline.monitoring.drift_checks import Check
from tfx_distill.pipeline.report.charts import plots
from tfx_distill.pipeline.report.charts.axis_scales import Axis, Series
from tfx_distill.pipeline.report.charts.plots import Chart
from tfx_distill.pipeline.report.collect.intervals import Interval


def shares(check: Check) -> Chart:
    """The share of images in each bin, of both samples."""
    found = check.difference
    series = [
        Series(
            name=name,
            colour=colour,
            line="none",
            points=tuple(
                (place, Interval(value=value)) for place, value in enumerate(values)
            ),
        )
        for name, colour, values in (
            ("test split", "teacher", found.reference),
            ("production", "student", found.sample),
        )
    ]
    title, text = check.name.capitalize(), "Share of the images in each bin."
    # From 0, with room for a mark there: a small difference looks small.
    axis = Axis(label="share", limits=(-0.01, None))
    return plots.dots(title, text, found.bins, series, axis)
