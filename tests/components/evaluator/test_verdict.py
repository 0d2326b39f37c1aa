"""What a verdict says in words."""

import pytest

from tfx_distill.components import checks
from tfx_distill.components.checks import Check
from tfx_distill.components.evaluator import verdict as verdicts
from tfx_distill.components.evaluator.verdict import Served, Verdict


def _verdict(only_student, only_teacher, p_value=0.0063, ok=True, **changed):
    low = -0.004 if ok else -0.006
    check = Check(name="gate.margin", slice="overall", bound=-0.005, value=low, ok=ok)
    paired = {
        "only_student": only_student,
        "only_teacher": only_teacher,
        "p_value": p_value,
    }
    return Verdict(
        blessed=ok, reasons=(), checks=(check,), num_examples=10_000,
        paired={"overall": paired}, **changed,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("verdict", "sentence"),
    [
        (
            _verdict(20.0, 40.0),
            "20 more errors of 10,000 than its teacher (p = 0.006), within the margin of "
            "0.5 points.",
        ),
        (
            _verdict(1.0, 0.0, p_value=0.6),
            "1 fewer error of 10,000 than its teacher (p = 0.600), within the margin of "
            "0.5 points.",
        ),
        (
            _verdict(7.0, 7.0, p_value=1.0),
            "As many errors of 10,000 as its teacher (p = 1.000), within the margin of "
            "0.5 points.",
        ),
        (
            _verdict(2.0, 62.0, p_value=1e-9, ok=False),
            "60 more errors of 10,000 than its teacher (p < 0.001), NOT surely within "
            "the margin of 0.5 points.",
        ),
        (
            _verdict(0.0, 2.0, overlaps={"train, test": 1, "eval, test": 30}),
            "2 more errors of 10,000 than its teacher (p = 0.006), within the margin of "
            "0.5 points. 1 image is in train and test. 30 images are in eval and test.",
        ),
        (Verdict(blessed=False, reasons=("no teacher",)), ""),
    ],
)
def test_a_verdict_says_what_is_significant(verdict, sentence):
    assert verdict.against_teacher == sentence


@pytest.mark.parametrize(
    ("p_value", "text"), [(0.001, "p = 0.001"), (0.000999, "p < 0.001")]
)
def test_only_a_smaller_p_value_is_told_as_a_bound(p_value, text):
    assert verdicts.p_text(p_value) == text


def test_a_refusal_has_its_reason_and_nothing_else():
    found = verdicts.refused("no teacher")
    assert (found.blessed, found.reasons, found.checks) == (False, ("no teacher",), ())


@pytest.mark.parametrize(("churn", "text"), [(0.01234, ", churn 0.0123"), (None, "")])
def test_churn_follows_the_other_numbers_if_it_is_known(churn, text):
    served = Served(uri="", artifact_id=None, version="", rule="report", churn=churn)
    assert served.churn_text == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "0.5000"),
        (1.0, "1.0000"),
        (0.99994, "0.9999"),
        (0.99999, "0.99999"),
        (0.999999, "0.999999"),
        (-0.99999999, "-0.99999999"),
        (1 - 2**-53, "0.9999999999999999"),
        (1.00001, "1.0000"),
        (0.0, "0.0000"),
    ],
)
def test_what_is_less_than_1_is_not_shown_as_1(value, text):
    assert checks.decimals(value) == text
