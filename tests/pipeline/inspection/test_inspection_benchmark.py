"""The benchmark of the inspecting commands runs."""

import json
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]


@pytest.mark.slow
def test_the_benchmark_runs():
    script = ROOT / "benchmarks" / "inspection.py"
    result = subprocess.run(
        [sys.executable, script, "--smoke"],
        check=True, capture_output=True, cwd=ROOT, env={"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    measured = json.loads(result.stdout)
    assert measured["executions"] == 100
    assert all(seconds > 0 for seconds in measured["seconds"].values())
