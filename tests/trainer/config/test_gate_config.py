"""The section `gate` refuses what cannot be meant."""

import pytest

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
        ({"against_served": "never"}, "gate.against_served must be must_not_be_worse"),
    ],
)
def test_a_bound_outside_its_range_is_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        GateConfig(**values)


def test_point_bounds_can_be_turned_off():
    gate = GateConfig(min_accuracy=None, max_cross_entropy=2.5)
    assert GateConfig.from_json(gate.to_json()) == gate


def test_auto_is_a_gate_without_a_number():
    gate = GateConfig.build("auto")
    assert gate == GateConfig() == GateConfig.build(None)
    assert (gate.margin, gate.class_margin, gate.min_class_size) == ("auto",) * 3
