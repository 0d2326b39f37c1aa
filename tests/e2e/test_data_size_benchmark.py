"""The benchmark of the data's size runs the whole pipeline on photos of its own."""

import json
import pathlib
import runpy

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.mark.e2e
def test_the_benchmark_tells_the_peak_of_every_node(capsys):
    script = runpy.run_path(str(ROOT / "benchmarks" / "data_size.py"))
    script["main"](["--smoke", "--set", "pipeline.images_in_memory_mb=0"])
    result = json.loads(capsys.readouterr().out)
    small, large = result["runs"]
    assert small["photos"] < large["photos"]
    peak, *_ = result["figures"]
    assert peak["median"] == pytest.approx(
        large["peak_mb"] / small["peak_mb"], rel=1e-3
    )
    assert 0 < large["cpu_s_by_node"]["Teacher"] < large["cpu_s"]
    assert {"Teacher", "Evaluator", "Pusher"} <= set(large["peak_mb_by_node"])
