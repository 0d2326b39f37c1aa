"""The report's chart of when each part of a run worked."""

from tfx_distill.pipeline.report.charts import run_charts
from tfx_distill.trainer.timeline import Span


def test_every_part_that_worked_has_a_row_and_its_seconds():
    chart = run_charts.timeline(
        [
            Span(name="loading", seconds=10.0),
            Span(name="Teacher", start_s=10.0, seconds=30.0),
            Span(name="training", inside="Teacher", start_s=15.0, seconds=20.0),
            Span(name="Pusher", start_s=40.0, seconds=0.1, cached=True),
        ]
    )
    assert [row[:2] for row in chart.rows] == [
        ("loading", "10.0"),
        ("Teacher", "30.0"),
        ("Teacher: training", "20.0"),
    ]
    assert "<svg" in chart.drawing


def test_a_run_from_the_cache_alone_has_no_chart():
    assert run_charts.timeline([Span(name="Pusher", cached=True)]) is None
