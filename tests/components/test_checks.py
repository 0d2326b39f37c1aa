"""Bounds of a gate: each refusal is told once, however many classes it is about."""

import json

import pytest

from tfx_distill.components import checks
from tfx_distill.components.checks import Check, Decision
from tfx_distill.components.evaluator.verdict import Verdict
from tfx_distill.trainer import json_files


def _check(slice_, value, bound=0.95, name="gate.min_class_accuracy", **fields):
    ok = value is not None and value >= bound
    return Check(name=name, slice=slice_, bound=bound, value=value, ok=ok, **fields)


def test_a_bound_that_failed_on_one_class_is_told_as_it_is():
    found = [_check("cat", 0.5), _check("dog", 0.99)]
    assert checks.refusals(found) == [found[0].describe()]


def test_a_bound_that_failed_on_several_classes_names_the_worst():
    found = [_check("cat", 0.5), _check("dog", 0.4), _check("owl", 0.99)]
    assert checks.refusals(found) == [
        "gate.min_class_accuracy: 0.4000 class dog, must be at least 0.9500: 0.5500 "
        "short; the worst of 2 classes that failed"
    ]


def test_a_value_that_is_missing_is_the_worst():
    (bound,) = checks.bounds([_check("cat", 0.0), _check("dog", None)])
    assert bound.worst.slice == "dog"
    assert (bound.num_checks, bound.num_failed) == (2, 2)


def test_a_failed_check_is_worse_than_one_with_less_headroom():
    # TFMA's tolerance may let a value pass that is below its bound.
    passed = Check(name="x", slice="a", bound=0.5, value=0.4, ok=True)
    failed = Check(name="x", slice="b", bound=0.5, value=0.45, ok=False)
    assert checks.bounds([passed, failed])[0].worst is failed


def test_a_class_is_not_grouped_with_all_images():
    name = "gate.margin"
    found = [_check("overall", 0.5, name=name), _check("cat", 0.4, name=name)]
    assert [one.num_checks for one in checks.bounds(found)] == [1, 1]


def test_failed_bounds_come_first_then_those_on_all_images():
    found = [
        _check("cat", 0.99, name="a"), _check("overall", 0.99, name="b"),
        _check("cat", 0.5, name="c"), _check("overall", 0.5, name="d"),
    ]  # fmt: skip
    assert [one.worst.name for one in checks.bounds(found)] == ["d", "c", "b", "a"]


def test_headroom_is_negative_outside_of_a_bound_of_either_kind():
    assert _check("overall", 0.75, bound=0.5).headroom == 0.25
    assert Check(name="x", slice="overall", bound=5, value=7, ok=False,
                 at_most=True).headroom == -2  # fmt: skip


@pytest.mark.parametrize("at_most", [False, True])
def test_a_tolerance_widens_a_bound_of_either_kind(at_most):
    inside, outside = (0.52, 0.53) if at_most else (0.48, 0.47)
    for value, ok in ((inside, True), (outside, False), (None, False)):
        check = Check.of("x", "overall", 0.5, value, at_most=at_most, tolerance=0.02)
        assert check.ok == ok
    assert not Check.of("x", "overall", 0.5, inside, at_most=at_most).ok


def test_failed_checks_come_first_and_the_nearest_to_its_bound_among_them():
    values = [("a", 0.99), ("b", 0.9), ("c", 0.96), ("d", None)]
    found = [_check(name, value) for name, value in values]
    assert [check.slice for check in checks.by_headroom(found)] == ["d", "b", "c", "a"]


def test_a_decision_is_read_as_it_was_saved(tmp_path):
    decision = Decision(blessed=False, reasons=("no teacher",))
    decision.save(str(tmp_path))
    assert Decision.load(str(tmp_path)) == decision
    assert (decision.split, decision.num_examples, decision.checks) == ("", 0, ())


def test_a_summary_has_each_bound_once_and_the_metrics_of_all_images():
    found = tuple(_check(f"c{i}", i / 1000) for i in range(1000))
    slices = {f"c{i}": {"accuracy": 1.0} for i in range(1000)}
    verdict = Verdict(
        blessed=False, reasons=("x",), checks=found, agreement=None,
        student={"overall": {"accuracy": 0.5}, **slices},
    )  # fmt: skip
    text = verdict.summary()
    read = json_files.parse(Verdict, text)
    assert (read.reasons, read.checks, read.agreement) == (("x",), found[:1], None)
    assert read.student == {"overall": {"accuracy": 0.5}}
    (bound,) = json_files.parse(checks.Bounds, text).bounds
    assert bound == checks.bounds(found)[0]
    assert len(text) < 1000


def test_a_summary_keeps_whole_numbers_and_values_that_are_missing():
    found = (_check("overall", 5, bound=5), _check("owl", None))
    summary = Decision(blessed=False, reasons=(), checks=found).summary()
    values = [bound["worst"]["value"] for bound in json.loads(summary)["bounds"]]
    assert values == [None, 5] and isinstance(values[1], int)


def test_a_summary_has_no_number_that_json_lacks():
    with pytest.raises(ValueError, match="not JSON compliant"):
        Decision(
            blessed=True, reasons=(), checks=(_check("owl", float("nan")),)
        ).summary()
