"""The benchmark of intervals over seeds runs, and finds the chosen one honest."""

import json
import pathlib
import runpy

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
CHOSEN = "images + seeds - interaction, Satterthwaite"


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_the_interval_says_helped_falsely_at_most_once_in_twenty(seeds):
    script = runpy.run_path(str(ROOT / "benchmarks" / "proof.py"))
    found = script["coverage"](seeds, 10_000, 5_000)
    assert found[CHOSEN]["worst_false_helped"] <= 0.05
    assert found["images alone"]["worst_false_helped"] > 0.2


@pytest.mark.slow
def test_the_benchmark_compares_trained_controls(digits, tmp_path, capsys):
    script = runpy.run_path(str(ROOT / "benchmarks" / "proof.py"))
    file = str(tmp_path / "controls.npz")
    data = f"data.data_dir={digits.data_dir}"
    script["main"](["--smoke", "--answers", file, "--set", data])
    result = json.loads(capsys.readouterr().out)
    assert (result["models"], result["test_images"]) == (4, 360)
    assert set(result["same_recipe"]) == {"1", "2"}
