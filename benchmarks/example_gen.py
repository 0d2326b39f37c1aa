"""How many images per second does ExampleGen check and pass on?

The executor on Beam, without TFDS's own preparation, which happens once per
machine. Needs MNIST or another `--dataset`; `--smoke` takes the embedded
`digits`. Prints JSON.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import tempfile
import time

_PACKAGES = ("tfx", "apache-beam", "tensorflow", "tensorflow-datasets", "pillow")


def measure(dataset: str, data_dir: str | None, manual_dir: str | None, runs: int):
    """Returns the result as a dictionary; rates are images per second."""
    from tfx.types import standard_artifacts

    from tfx_distill.components.tfds_example_gen import dataset_source, executor
    from tfx_distill.trainer.config.data_config import DataConfig
    from tfx_distill.trainer.data.data_spec import DataSpec

    data = DataConfig(dataset=dataset, data_dir=data_dir, manual_dir=manual_dir)
    start = time.monotonic()
    dataset_source.prepare(data)
    prepare_s = time.monotonic() - start
    seconds = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            artifact = standard_artifacts.Examples()
            artifact.uri = folder
            start = time.monotonic()
            executor.Executor().Do(
                {}, {"examples": [artifact]}, {"data": data.to_json()}
            )
            seconds.append(time.monotonic() - start)
            num_images = sum(DataSpec.load(folder).num_examples.values())
    return {
        "dataset": dataset,
        "images": num_images,
        "prepare_s": round(prepare_s, 2),
        "executor_s": [round(s, 2) for s in seconds],
        "images_per_s": round(num_images / min(seconds)),
        "images_per_s_of_each_run": [round(num_images / s) for s in seconds],
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}",
        "versions": {"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in _PACKAGES},
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--data-dir", help="prepared data sets; default: TFDS's own")
    parser.add_argument(
        "--manual-dir",
        default=os.environ.get("DISTILL_MANUAL_DIR"),
        help="original files; default: $DISTILL_MANUAL_DIR",
    )
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--smoke", action="store_true", help="digits, one run")
    args = parser.parse_args(arguments)
    if args.smoke:
        args.dataset, args.runs = "digits", 1
    result = measure(args.dataset, args.data_dir, args.manual_dir, args.runs)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
