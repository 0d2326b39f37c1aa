"""The section `gate` refuses what cannot be meant."""

import contextlib
import math

import pytest

from tfx_distill.trainer.config import gate_config
from tfx_distill.trainer.config.gate_config import GateConfig
from tfx_distill.trainer.errors import ConfigError


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"margin": 0.0},
            "gate.margin must be a number > 0 and < 1, or auto, received 0",
        ),
        ({"class_margin": 1.0}, "gate.class_margin must be a number > 0 and < 1"),
        ({"served_margin": -0.1}, "gate.served_margin must be a number > 0 and < 1"),
        ({"min_class_size": 0}, "gate.min_class_size must be an integer >= 1, or auto"),
        ({"min_agreement": 1.1}, r"gate.min_agreement must be a number in \[0, 1\]"),
        (
            {"max_cross_entropy": -1.0},
            "gate.max_cross_entropy must be a finite number >= 0",
        ),
        (
            {"max_cross_entropy": math.inf},
            "gate.max_cross_entropy must be a finite number >= 0",
        ),
        ({"decided_by": "me"}, "decided_by and reason must be given together, both or"),
        ({"reason": "why"}, "decided_by and reason must be given together, both or"),
        ({"against_served": "never"}, "gate.against_served must be must_not_be_worse"),
    ],
)
def test_a_bound_outside_its_range_is_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        GateConfig(**values)


@pytest.mark.parametrize(
    ("given", "fine"),
    [
        ({"above": 0.2}, True),
        ({"above": 0.2, "below": 0.4}, True),
        ({"equals": "dark"}, True),
        ({}, False),
        ({"below": 0.0, "equals": 1}, False),
    ],
)
def test_a_slice_is_a_range_or_a_value(given, fine):
    expected = contextlib.nullcontext()
    if not fine:
        expected = pytest.raises(ConfigError, match="above and below must be null with")
    with expected:
        GateConfig.build({"slices": {"some": {"by": "brightness", **given}}})


def test_point_bounds_can_be_turned_off():
    gate = GateConfig(min_accuracy=None, max_cross_entropy=2.5)
    assert GateConfig.from_json(gate.to_json()) == gate


def test_auto_is_a_gate_without_a_number():
    gate = GateConfig.build("auto")
    assert gate == GateConfig() == GateConfig.build(None)
    assert (gate.margin, gate.class_margin, gate.min_class_size) == ("auto",) * 3


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("balanced_accuracy", True),
        ("macro_f1", True),
        ("top_2_accuracy", True),
        ("top_1_accuracy", False),  # that is the accuracy
        ("top_02_accuracy", False),
        ("accuracy", False),
    ],
)
def test_further_metrics_are_known_by_name(name, is_one):
    assert gate_config.is_metric(name) == is_one
