"""The benchmark of fresh views runs."""

import json
import pathlib
import runpy

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]


@pytest.mark.slow
def test_the_benchmark_counts_what_the_teacher_predicts(capsys):
    script = runpy.run_path(str(ROOT / "benchmarks" / "fresh_views.py"))
    script["main"](["--smoke"])
    result = json.loads(capsys.readouterr().out)
    predicted = [result[way]["predicted_images"] for way in ("cached", "fresh")]
    assert predicted == [160, 240]
    cached, fresh = (
        sum(value for name, value in result[way].items() if name != "predicted_images")
        for way in ("cached", "fresh")
    )
    assert result["cpu_ratio"] == pytest.approx(fresh / cached, abs=0.01)
