"""The benchmark of streaming runs, and finds that both ways give the same weights."""

import json
import pathlib
import runpy

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]


@pytest.mark.slow
def test_the_benchmark_trains_the_same_weights_both_ways(capsys):
    script = runpy.run_path(str(ROOT / "benchmarks" / "streaming.py"))
    script["main"](["--smoke"])
    result = json.loads(capsys.readouterr().out)
    assert result["same_weights"]
    for way, rates in result["images_per_s_of_each_run"].items():
        assert min(rates) <= result["images_per_s"][way] <= max(rates)
