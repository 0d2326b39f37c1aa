"""How long does `distill kubeflow compile` take over importing TFX's compiler alone?

Each is a process of its own, one after the other, several times: seconds drift with the
machine, so the ratio of the two is the result. Prints JSON.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

_IMPORT = (
    "from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner; print('loaded')"
)
_COMPILE = "from pipeline.cli import main; main()"
_PACKAGES = ("tfx", "kfp", "tensorflow")


def _seconds(*arguments: str) -> float:
    start = time.monotonic()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.monotonic() - start


def measure(config: str, runs: int) -> dict:
    """Returns the result as a dictionary."""
    imports, compiles = [], []
    with tempfile.TemporaryDirectory() as folder:
        output = str(pathlib.Path(folder, "pipeline.yaml"))
        image = "registry.example.org/image:1"
        options = ("kubeflow", "compile", "--config", config, "--image", image)
        for _ in range(runs):
            imports.append(_seconds("-c", _IMPORT))
            compiles.append(_seconds("-c", _COMPILE, *options, "-o", output))
        size = pathlib.Path(output).stat().st_size
    ratios = [b / a for a, b in zip(imports, compiles, strict=True)]
    return {
        "config": config,
        "import_s": [round(s, 2) for s in imports],
        "compile_s": [round(s, 2) for s in compiles],
        "ratio": round(statistics.median(ratios), 3),
        "ratios": [round(ratio, 3) for ratio in ratios],
        "file_bytes": size,
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}",
        "versions": {"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in _PACKAGES},
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
