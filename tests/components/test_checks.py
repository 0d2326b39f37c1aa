"""Bounds of a gate: each refusal is told once, however many classes it is about."""

from tfx_distill.components import checks
from tfx_distill.components.checks import Check


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
