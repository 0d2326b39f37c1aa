"""A run that fails and one that is refused say why, in ML Metadata."""

import json
import subprocess

import pytest
from runs import Place

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = Place(tmp_path_factory.mktemp("inspection"))
    failed = place.run("distillation.features=[{teacher: nowhere, student: conv_2}]")
    assert failed.returncode == 1, failed.stderr
    refused = place.run("gate.min_accuracy=0.999")
    assert refused.returncode == 3, refused.stderr
    return place


def _json(place, name, *arguments):
    words = [*place.command(name=name), "--json", *arguments]
    process = subprocess.run(words, capture_output=True, text=True, check=True)
    return json.loads(process.stdout)


def test_a_failed_run_says_which_node_and_why(place):
    _, failed = _json(place, "runs")
    found = _json(place, "explain", failed["run"])
    assert found["conclusion"] == "The run failed at ModelCheck."
    assert "has no feature layers nowhere" in found["reasons"][0]


def test_a_refused_student_says_which_bound(place):
    found = _json(place, "explain")
    assert found["conclusion"] == "The student was NOT blessed and not pushed."
    first = found["gates"][0]["checks"][0]
    assert (first["name"], first["ok"]) == ("gate.min_accuracy", False)
    assert found["data"]["dataset"] == "digits"
