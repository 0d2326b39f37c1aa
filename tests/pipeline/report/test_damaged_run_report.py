"""What a report says of a run whose files are gone, damaged or of a wrong kind."""

import json
import shutil

import numpy as np
import pytest
from small_runs import SmallRun, collected

from tfx_distill.pipeline.report import html
from tfx_distill.pipeline.report.collect.intervals import Interval


def test_answers_that_are_not_there_are_said_to_be_missing(tmp_path):
    report = collected(SmallRun(tmp_path).write(answers=False))
    assert "answers.npz" in report.missing["answers"]
    assert report.differences[0].interval == Interval(value=-0.125)
    assert html.run_page(report).count("answers.npz") == 3


@pytest.mark.parametrize(
    "kind", ["Examples", "Model", "ModelBlessing", "ModelEvaluation"]
)
def test_files_that_are_gone_leave_a_page_that_says_so(tmp_path, kind):
    small = SmallRun(tmp_path).write()
    shutil.rmtree(small.folder / "artifacts" / kind)
    report = collected(small)
    assert report.missing
    assert "Not shown." in html.run_page(
        report
    ) or "It could not be read" in html.run_page(report)


@pytest.mark.parametrize("cut", [0, -9])
@pytest.mark.parametrize(
    "pattern",
    ["data_tfrecord-*", "data_spec.json", "FeatureStats.pb", "model_card.json",
     "answers.npz", "config.yaml", "verdict.json"],
)  # fmt: skip
def test_damaged_files_leave_a_page(tmp_path, pattern, cut):
    small = SmallRun(tmp_path).write()
    for path in small.folder.rglob(pattern):
        path.write_bytes(path.read_bytes()[:cut] + b"\0{[")
    report = collected(small)
    assert report.missing
    assert "<h1>" in html.run_page(report)


def test_a_gate_without_its_verdict_counts_as_refused(tmp_path):
    small = SmallRun(tmp_path).write()
    for path in (small.folder / "artifacts" / "ModelBlessing").glob("*/verdict.json"):
        path.write_text("{")
    assert not collected(small).gates[0].has_blessed


@pytest.mark.parametrize(
    ("keys", "wrong"),
    [
        (("checks", 0, "bound"), "a lot"),
        (("checks", 0, "value"), [1]),
        (("checks", 0, "ok"), "yes"),
        (("checks", 0, "slice"), None),
        (("checks", 0), 7),
        (("checks",), "none"),
        (("blessed",), 1),
        (("reasons",), "because"),
        (("num_examples",), "many"),
        (("agreement",), {}),
        (("agreement",), 10**400),
        (("student", "overall"), 0.5),
        (("student", "overall", "accuracy"), None),
        (("teacher", "c1", "num_examples"), "3"),
        (("student",), [1]),
        (("served",), {"difference": "0"}),
    ],
)
def test_a_verdict_with_a_value_of_a_wrong_kind_leaves_a_page(tmp_path, keys, wrong):
    small = SmallRun(tmp_path).write()
    (path,) = (small.folder / "artifacts" / "ModelBlessing").glob("*/verdict.json")
    verdict = inner = json.loads(path.read_text())
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = wrong
    path.write_text(json.dumps(verdict))
    report = collected(small)
    assert not report.gates[0].has_blessed
    assert f"{keys[0]}" in report.missing["gate"]
    assert "It could not be read: " in html.run_page(report)


def test_a_curve_that_is_not_finite_is_left_out_and_said(tmp_path):
    small = SmallRun(tmp_path).write()
    for path in (small.folder / "artifacts" / "Model").rglob("model_card.json"):
        card = json.loads(path.read_text())
        card["history"]["loss"] = [1.0, float("nan")]
        path.write_text(json.dumps(card))
    report = collected(small)
    assert set(report.models[0].history) == {"val_loss", "val_accuracy"}
    assert "loss[1] is nan, expected a number" in html.run_page(report)


def test_records_that_are_not_the_answered_ones_are_not_shown(tmp_path):
    small = SmallRun(tmp_path).write()
    (path,) = (small.folder / "artifacts" / "ModelEvaluation").glob("*/answers.npz")
    arrays = dict(np.load(path))
    np.savez(path, **{**arrays, "labels": arrays["labels"][::-1]})
    report = collected(small)
    assert report.images == ()
    assert "is not the one that was predicted" in report.missing["images"]
