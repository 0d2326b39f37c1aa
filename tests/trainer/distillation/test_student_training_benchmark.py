"""The benchmark of the student's training runs all three ways."""

import json
import pathlib
import runpy

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
WAYS = ("cached", "fresh", "distiller")


@pytest.mark.slow
def test_the_benchmark_counts_what_the_teacher_predicts(capsys):
    script = runpy.run_path(str(ROOT / "benchmarks" / "student_training.py"))
    script["main"](["--smoke"])
    result = json.loads(capsys.readouterr().out)
    predicted = [result[way]["predicted_images"] for way in WAYS]
    assert predicted == [160, 240, 264]
    seconds = [result[w]["in_advance_s"] + result[w]["training_s"] for w in WAYS]
    medians = {one["name"]: one["median"] for one in result["figures"]}
    assert [medians[way] for way in WAYS] == pytest.approx(seconds, abs=0.01)
    ratio = medians["cached / distiller"]
    assert ratio == pytest.approx(seconds[0] / seconds[2], rel=0.01)
