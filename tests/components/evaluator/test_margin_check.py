"""Margins that the test split can never resolve."""

import types

import pytest

from tfx_distill.components.evaluator import margin_check
from tfx_distill.trainer.config.gate_config import GateConfig, ResolvedGate
from tfx_distill.trainer.errors import ConfigError

GATE = ResolvedGate(
    margin=0.005, class_margin=0.03, min_class_size=100, min_accuracy=None
)


def test_a_margin_that_the_split_resolves_is_taken():
    margin_check.require_resolvable(GATE, 10_000, {"3": 892, "4": 1135})


def test_a_margin_that_it_cannot_resolve_is_refused_with_the_images_it_needs():
    with pytest.raises(ConfigError) as error:
        margin_check.require_resolvable(GATE, 360)
    assert str(error.value).startswith(
        "gate.margin is 0.005, and the test split has 360"
    )
    assert (
        "It needs 725 images; take more, or 0.011 or wider; auto takes 0.113."
        in str(error.value)
    )


@pytest.mark.parametrize(("size", "margin"), [(1, 0.928), (5000, 0.001)])
def test_the_narrowest_margin_that_would_do_is_proposed(size, margin):
    with pytest.raises(ConfigError, match=f"take more, or {margin} or wider"):
        margin_check.require_resolvable(GATE.replace(margin=0.0005), size)
    margin_check.require_resolvable(GATE.replace(margin=margin), size)


def test_a_margin_of_classes_is_held_against_each_class():
    with pytest.raises(
        ConfigError, match=r"gate.class_margin .* 100 images of class b"
    ):
        margin_check.require_resolvable(GATE, 10_000, {"a": 150, "b": 100})


@pytest.mark.parametrize("sizes", [{"a": 150, "b": 99}, {"a": 150, "b": 0}])
def test_a_class_below_its_minimum_is_left_to_the_verdict(sizes):
    margin_check.require_resolvable(GATE, 10_000, sizes)


def test_an_empty_split_is_left_to_the_verdict():
    margin_check.require_resolvable(GATE, 0)


def test_the_margin_it_proposes_is_taken():
    margin_check.require_resolvable(GATE.replace(margin=0.011), 360)


def test_auto_needs_images_too():
    margin_check.require_resolvable(GateConfig(), 22)
    with pytest.raises(ConfigError, match="gate.margin is auto"):
        margin_check.require_resolvable(GateConfig(), 20)


def test_bounds_fitted_to_a_data_set_could_be_kept():
    with pytest.raises(ConfigError, match="gate.class_margin is 0.01"):
        margin_check.fitted(GateConfig(class_margin=0.01, min_class_size=1), {"a": 99})
    assert margin_check.fitted(GateConfig(), {"a": 99, "b": 99}).lines


@pytest.mark.parametrize(("counts", "is_told"), [((99, 99), True), ((0, 0), False)])
def test_what_is_fitted_is_told_of_a_data_set_with_test_images(counts, is_told):
    report = types.SimpleNamespace(num_images={"test": counts}, class_names=("a", "b"))
    assert bool(margin_check.of_report(GateConfig(), report)) == is_told
