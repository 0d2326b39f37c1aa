"""Reasons of a refusal, joined and separated."""

from tfx_distill.components import refusal_reasons


def test_reasons_come_back_one_by_one():
    reasons = ["gate.margin: -0.0061 overall", "an error; with a mark in it"]
    found = refusal_reasons.separate(refusal_reasons.joined(reasons))
    assert found == ["gate.margin: -0.0061 overall", "an error, with a mark in it"]
    assert refusal_reasons.separate(refusal_reasons.joined([])) == []


def test_many_reasons_are_cut():
    text = refusal_reasons.joined(["a reason"] * 1000)
    assert len(text) == 2000 and text.startswith("a reason; a reason; ")
