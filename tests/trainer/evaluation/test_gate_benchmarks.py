"""The benchmarks of the fitted gate run, and find what the decision record says."""

import json
import pathlib
import runpy

import pytest

BENCHMARKS = pathlib.Path(__file__).parents[3] / "benchmarks"


@pytest.fixture
def smoke(monkeypatch, capsys):
    """A function that runs a benchmark; returns what it prints."""
    monkeypatch.syspath_prepend(BENCHMARKS)

    def run(name):
        runpy.run_path(str(BENCHMARKS / f"{name}.py"))["main"](["--smoke"])
        return json.loads(capsys.readouterr().out)

    return run


def test_bounds_on_classes_keep_both_promises(smoke):
    found = smoke("class_bounds")
    assert [row["classes"] for row in found["exact"]] == [1, 10]
    assert all(row["weak"] <= 0.05 and row["refused"] <= 0.1 for row in found["exact"])
    corrected = [row["Bonferroni"]["refused"] for row in found["drawn"]]
    assert max(corrected) > 0.3  # which is why classes are not corrected for


def test_bounds_on_balanced_metrics_are_measured(smoke):
    found = smoke("metric_bounds")
    assert {row["metric"] for row in found} == {"balanced_accuracy", "macro_f1"}
    assert all(row["difference"] < 0 and row["passed"] < 0.2 for row in found)
