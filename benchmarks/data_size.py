"""What do memory and time of a run's nodes become as the data grow?

Runs `distill run` on folders of photos, crops of scikit-learn's sample photos, with one
epoch of tiny models. Samples the resident memory and the processor seconds of its
processes together. Prints JSON: both for each node, and what becomes of them from the
smallest to the largest folder.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import psutil
from measurement import figure, machine, node_times, write_photos

_COMMAND = "from tfx_distill.pipeline.cli import main; main()"
# What is done to every image.
NODES = ("ImageExampleGen", "StatisticsGen", "TeacherLogits", "Evaluator")
# Bounds that any model passes: this is not about their quality.
_SETTINGS = [
    "teacher.model=data_size.big",
    "teacher.epochs=1",
    "student.model=data_size.small",
    "student.epochs=1",
    "views.count=2",
    "gate.margin=0.99",
    "gate.class_margin=0.99",
    "gate.min_class_size=1",
    "gate.min_accuracy=0",
    "gate.max_accuracy_drop=1",
    "gate.min_class_accuracy=0",
    "gate.max_class_accuracy_drop=1",
]


def big(image_shape, num_classes):
    """A teacher of few operations."""
    return _strided(image_shape, num_classes, 16)


def small(image_shape, num_classes):
    """Half as wide."""
    return _strided(image_shape, num_classes, 8)


def _strided(image_shape, num_classes, width):
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Conv2D(width, 5, strides=4, activation="relu"),
            layers.Conv2D(2 * width, 3, strides=2, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(num_classes),
        ]
    )


class Sample(NamedTuple):
    """What all processes of a run hold and have used at a moment."""

    at: float
    resident: int
    cpu_s: float


def measure(number: int, size: int, settings: Sequence[str]) -> dict[str, Any]:
    """Runs the pipeline on new photos; returns seconds and peaks."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        photos = os.path.join(folder, "photos")
        write_photos(photos, number, size)
        given = [f"data.images={photos}", f"pipeline.root={folder}/runs", *_SETTINGS]
        words = [word for text in [*given, *settings] for word in ("--set", text)]
        path = os.pathsep.join(
            [os.path.dirname(__file__), os.environ.get("PYTHONPATH", "")]
        )
        start = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-c", _COMMAND, "run", "--json", *words],
            env={**os.environ, "PYTHONPATH": path},
            stdout=subprocess.DEVNULL,
        )
        samples = list(_samples(process))
        if process.returncode not in (0, 3):  # 3: the student was not blessed
            raise SystemExit(f"The run failed with status {process.returncode}.")
        nodes = node_times(pathlib.Path(folder, "runs"))
    inside = {node: _between(samples, first, last) for node, first, last in nodes}
    return {
        "photos": number,
        "seconds": round(time.monotonic() - start),
        "cpu_s": round(samples[-1].cpu_s, 1),
        "peak_mb": _peak(samples),
        "peak_mb_by_node": {node: _peak(found) for node, found in inside.items()},
        "cpu_s_by_node": {
            node: round(found[-1].cpu_s - found[0].cpu_s, 2) if found else 0.0
            for node, found in inside.items()
        },
    }


def _samples(process: subprocess.Popen[bytes]) -> Iterator[Sample]:
    """Of all processes of a run, until the first one ends."""
    root = psutil.Process(process.pid)
    while process.poll() is None:
        resident, cpu_s = 0, 0.0
        for one in [root, *root.children(recursive=True)]:
            try:
                resident += one.memory_info().rss
                cpu_s += sum(one.cpu_times()[:4])  # its children that ended included
            except psutil.Error:  # it has just ended
                continue
        yield Sample(time.time(), resident, cpu_s)
        time.sleep(0.1)


def _between(samples: Sequence[Sample], first: float, last: float) -> list[Sample]:
    return [sample for sample in samples if first <= sample.at <= last]


def _peak(samples: Sequence[Sample]) -> int:
    """In MiB; 0 if the time was too short for a sample."""
    return round(max((one.resident for one in samples), default=0) / 2**20)


def figures(runs: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """What becomes of time and memory from the first run to the last."""
    small, large = runs[0], runs[-1]
    sizes = f"{large['photos']:,} / {small['photos']:,} images"
    peaks = [large["peak_mb"] / small["peak_mb"]]
    yield figure(f"peak memory, {sizes}", peaks, at_most=1.5)
    for node in NODES:
        seconds = [run["cpu_s_by_node"][node] / run["photos"] for run in (small, large)]
        if min(seconds) > 0:
            ratio = [seconds[1] / seconds[0]]
            yield figure(f"{node}: seconds per image, {sizes}", ratio, at_most=1.15)
        name = f"{node}: processor time per image of {large['photos']:,}"
        yield figure(name, [1e6 * seconds[1]], "µs")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, nargs="+", default=[17_500, 70_000])
    parser.add_argument("--size", type=int, default=28, help="pixels of an edge")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="as `distill run`",
    )
    parser.add_argument("--smoke", action="store_true", help="200 and 400 photos")
    args = parser.parse_args(arguments)
    if args.smoke:
        args.photos = [200, 400]
    runs = [measure(number, args.size, args.set) for number in args.photos]
    result = {
        "size": args.size,
        "figures": list(figures(runs)),
        "runs": runs,
        **machine("tfx", "tensorflow", "apache-beam"),
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
