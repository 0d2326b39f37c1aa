"""What a gate decided, from a blessing and its verdict."""

import metadata_stores
import pytest

from tfx_distill.components.checks import Check, refusals
from tfx_distill.components.evaluator.verdict import Verdict
from tfx_distill.pipeline.inspection import gates
from tfx_distill.pipeline.mlmd import read_only_store


@pytest.fixture
def decided(tmp_path):
    """A function that decides a run with given properties and verdict."""

    def decide(file=None, uri=tmp_path, kubeflow=False, **properties):
        writer = metadata_stores.Writer(tmp_path / "m.sqlite", kubeflow=kubeflow)
        writer.run("run-1")
        if file is not None:
            metadata_stores.verdict(tmp_path, **file)
        blessing = writer.artifact("ModelBlessing", uri, **properties)
        writer.execute("Evaluator", [], [("blessing", blessing)])
        graph = read_only_store.open_store(None, str(writer.path)).everything()
        (gate,) = gates.of_run(graph, "run-1")
        return gate

    return decide


def test_failed_bounds_come_first_then_those_on_all_images(decided):
    gate = decided({"blessed": False}, blessed=0)
    assert [(check.ok, check.slice) for check in gate.checks] == [
        (False, "overall"),
        (True, "3"),
    ]
    bound = "gate.min_accuracy: 0.9100 overall, must be at least 0.9800: 0.0700 short"
    assert gate.reasons == (bound, "its signatures do not agree")
    assert gate.untold == ("its signatures do not agree",)
    assert gate.blessed is False


def test_reasons_of_an_earlier_version_for_each_class_become_one(decided):
    checks = [
        {"name": "gate.class_margin", "slice": name, "bound": -0.03, "value": value,
         "ok": False}
        for name, value in (("3", -0.1), ("5", -0.2))
    ]  # fmt: skip
    line = "gate.class_margin: {} class {}, must be at least -0.0300: {} short"
    reasons = [line.format("-0.1000", 3, "0.0700"), line.format("-0.2000", 5, "0.1700")]
    gate = decided({"blessed": False, "checks": checks, "reasons": reasons}, blessed=0)
    assert gate.reasons == (f"{reasons[1]}; the worst of 2 classes that failed",)
    assert gate.untold == ()


def test_a_blessing_counts_only_with_its_verdict(decided):
    assert decided({"blessed": True}, blessed=1).has_blessed


def test_a_blessing_without_a_verdict_is_not_proven(decided):
    gate = decided(blessed=1)
    assert gate.blessed
    assert not gate.has_blessed
    assert "verdict.json" in gate.problem


@pytest.mark.attack
def test_a_verdict_that_was_edited_is_not_believed(decided):
    gate = decided(
        {"blessed": True}, blessed=1, verdict_digest="of what the gate wrote"
    )
    assert gate.problem.endswith("verdict.json was changed after the gate wrote it")
    assert not gate.has_blessed


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (None, ""),
        (1, ""),
        (2, "The 2nd student tested on these images."),
        (7, "The 7th student tested on these images."),
        (12, "The 12th student tested on these images."),
        (1023, "The 1,023rd student tested on these images."),
    ],
)
def test_how_often_test_images_decided_is_told(number, text):
    assert gates.tested_text(number) == text


def test_a_verdict_decides_where_the_artifact_says_nothing(decided):
    assert decided({"blessed": True}).has_blessed


CHECKS = tuple(
    Check(name="gate.class_margin", slice=str(i), bound=-0.03, value=-i / 100, ok=i < 4)
    for i in range(10)
)
SUMMARY = Verdict(
    blessed=False, reasons=(*refusals(CHECKS), "its signatures do not agree"),
    checks=CHECKS,
).summary()  # fmt: skip


@pytest.mark.parametrize("kubeflow", [False, True])
def test_a_verdict_that_is_not_readable_here_is_told_by_ml_metadata(decided, kubeflow):
    gate = decided(
        uri="minio://bucket/x", kubeflow=kubeflow, blessed=0, verdict=SUMMARY
    )
    (bound,) = gate.bounds
    assert (bound.num_checks, bound.num_failed, bound.worst.value) == (10, 6, -0.09)
    assert gate.reasons == (*refusals(CHECKS), "its signatures do not agree")
    assert gate.untold == ("its signatures do not agree",)
    assert gate.problem and not gate.has_blessed


def test_a_damaged_verdict_in_ml_metadata_is_a_problem(decided):
    gate = decided(uri="minio://bucket/x", blessed=1, verdict='{"checks": 3}')
    assert gate.problem.startswith("checks: ")
    assert (gate.blessed, gate.bounds) == (True, ())
