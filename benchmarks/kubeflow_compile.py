"""How long does `distill kubeflow compile` take, relative to importing TFX's compiler?

Runs both in turn, several times, each in a new process. The result is the ratio of
their processor times, which other work on the machine affects least. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

from measurement import machine

_IMPORT = (
    "from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner; print('loaded')"
)
_COMPILE = "from tfx_distill.pipeline.cli import main; main()"


def _seconds(*arguments: str) -> tuple[float, float]:
    """Wall clock and processor time of a Python process."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    wall_s = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall_s, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def measure(config: str, runs: int) -> dict:
    """Returns the result as a dictionary."""
    imports, compiles = [], []
    with tempfile.TemporaryDirectory() as folder:
        output = str(pathlib.Path(folder, "pipeline.yaml"))
        image = "registry.example.org/image:1"
        options = ("kubeflow", "compile", "--config", config, "--image", image)
        _seconds("-c", _IMPORT)  # fills the file cache
        for _ in range(runs):
            imports.append(_seconds("-c", _IMPORT))
            compiles.append(_seconds("-c", _COMPILE, *options, "-o", output))
        size = pathlib.Path(output).stat().st_size
    ratios = [b[1] / a[1] for a, b in zip(imports, compiles, strict=True)]
    return {
        "config": config,
        "import_s": [round(wall_s, 2) for wall_s, _ in imports],
        "compile_s": [round(wall_s, 2) for wall_s, _ in compiles],
        "import_cpu_s": [round(cpu_s, 2) for _, cpu_s in imports],
        "compile_cpu_s": [round(cpu_s, 2) for _, cpu_s in compiles],
        "ratio": round(statistics.median(ratios), 3),
        "ratios": [round(ratio, 3) for ratio in ratios],
        "file_bytes": size,
        **machine("tfx", "kfp", "tensorflow"),
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", default="default")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--smoke", action="store_true", help="one run")
    args = parser.parse_args(arguments)
    result = measure(args.config, 1 if args.smoke else args.runs)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
