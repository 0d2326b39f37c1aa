"""The benchmark of memory runs the whole pipeline on photos of its own."""

import json
import pathlib
import runpy

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.mark.e2e
def test_the_benchmark_tells_the_peak_of_every_node(capsys):
    script = runpy.run_path(str(ROOT / "benchmarks" / "memory.py"))
    script["main"](["--smoke", "--set", "pipeline.images_in_memory_mb=0"])
    result = json.loads(capsys.readouterr().out)
    small, large = result["runs"]
    assert small["photos"] < large["photos"]
    assert result["ratio"] == round(large["peak_mb"] / small["peak_mb"], 3)
    assert {"Teacher", "Evaluator", "Pusher"} <= set(large["peak_mb_by_node"])
