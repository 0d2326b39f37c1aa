"""What a report takes from the gate's verdict."""

import pytest

from tfx_distill.components.evaluator.verdict import Served, Verdict
from tfx_distill.pipeline.report.collect import gate_results
from tfx_distill.trainer.evaluation import noninferiority


def _interval(only_student, only_served, num_examples=10_000):
    low = noninferiority.lower_bound(only_student, only_served, 10_000)
    served = Served(
        uri="/serving/3", artifact_id=None, version="3", rule="report",
        difference=(only_student - only_served) / num_examples, low=low, high=1.0,
        only_student=only_student, only_served=only_served,
    )  # fmt: skip
    verdict = Verdict(
        blessed=True, reasons=(), num_examples=num_examples, served=served
    )
    return gate_results.served(verdict).interval


def test_the_interval_against_the_served_model_is_two_sided():
    # Bonett and Price: 40 and 22 of 10,002 with the two added images.
    interval = _interval(39, 21)
    assert interval.low == pytest.approx(0.00026, abs=1e-5)
    assert interval.high == pytest.approx(0.00334, abs=1e-5)
    # The gate's own bound, one-sided, is nearer.
    assert noninferiority.lower_bound(39, 21, 10_000) > interval.low


def test_a_verdict_with_impossible_counts_is_told():
    with pytest.raises(ValueError, match="no counts of images"):
        _interval(39, 21, num_examples=50)
