"""Students tested on the same images are counted, and held to more if told to."""

import itertools

import pytest
from ml_metadata.proto import metadata_store_pb2

from tfx_distill.components.evaluator import attempts
from tfx_distill.trainer.config.gate_config import GateConfig
from tfx_distill.trainer.errors import ConfigError
from tfx_distill.trainer.evaluation import noninferiority

CORRECTED = GateConfig(attempts="corrected")


def _blessings(*pairs):
    """Blessings of (test images, student) in order."""
    for images, student in pairs:
        artifact = metadata_store_pb2.Artifact()
        artifact.custom_properties["test_images"].string_value = images
        artifact.custom_properties["model_digest"].string_value = student
        yield artifact


def test_other_students_before_this_one_count_once_each_and_by_images():
    told = [("A", "1"), ("A", "2"), ("A", "2"), ("B", "1"), ("A", "3"), ("A", "4")]
    assert attempts.before(_blessings(*told), "9") == {"A": 4, "B": 1}
    assert attempts.before(_blessings(*told), "3") == {"A": 2, "B": 1}


def test_an_attempt_counts_only_where_it_is_corrected():
    properties = {"tested_before": '{"A": 6}'}
    assert attempts.number(CORRECTED, properties, "A") == 7
    assert attempts.number(CORRECTED, properties, "B") == 1
    assert attempts.number(GateConfig(), properties, "A") is None


def test_without_a_driver_nobody_counts():
    with pytest.raises(ConfigError, match="no driver ran"):
        attempts.number(CORRECTED, {}, "A")


def test_all_attempts_together_spend_five_percent():
    left = [1 - attempts.confidence(n) for n in range(1, 2000)]
    assert left == sorted(left, reverse=True)
    assert 0.0499 < sum(left) < 0.05
    assert attempts.confidence(None) == noninferiority.CONFIDENCE


def test_the_seventh_student_needs_more_than_the_first():
    lows = [
        noninferiority.lower_bound(10, 20, 1000, attempts.confidence(n))
        for n in (None, 1, 7)
    ]
    assert all(later < earlier for earlier, later in itertools.pairwise(lows))
    assert (
        "Attempt 7 on these images: lower bounds are at 99.9107 %"
        in (attempts.notes(7)[0])
    )
