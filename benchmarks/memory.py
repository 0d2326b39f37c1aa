"""How much memory does a whole run need as the data grow?

Runs `distill run` on folders of 15,000 and 60,000 photos of 160 x 160 pixels, crops of
scikit-learn's sample photos, with one epoch of tiny models. Samples the resident memory
of its processes together. Prints JSON: the peaks in MiB, overall and by node.
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

import psutil
from measurement import machine, write_photos

_COMMAND = "from tfx_distill.pipeline.cli import main; main()"
# Bounds that any model passes: this is not about their quality.
_SETTINGS = [
    "teacher.model=memory.big",
    "teacher.epochs=1",
    "student.model=memory.small",
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


def measure(number: int, size: int, settings: list[str]) -> dict[str, object]:
    """Runs the pipeline on new photos; returns seconds and peaks."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        photos = os.path.join(folder, "photos")
        write_photos(photos, number, size)
        given = [f"data.images={photos}", f"pipeline.root={folder}/runs", *_SETTINGS]
        words = [word for text in given + settings for word in ("--set", text)]
        path = os.pathsep.join(
            [os.path.dirname(__file__), os.environ.get("PYTHONPATH", "")]
        )
        start = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-c", _COMMAND, "run", "--json", *words],
            env={**os.environ, "PYTHONPATH": path},
            stdout=subprocess.DEVNULL,
        )
        samples = _samples(process)
        if process.returncode not in (0, 3):  # 3: the student was not blessed
            raise SystemExit(f"The run failed with status {process.returncode}.")
        nodes = _nodes(pathlib.Path(folder, "runs"))
    return {
        "photos": number,
        "seconds": round(time.monotonic() - start),
        "peak_mb": _peak(samples, 0, float("inf")),
        "peak_mb_by_node": {
            node: _peak(samples, first, last) for node, first, last in nodes
        },
    }


def _samples(process: subprocess.Popen[bytes]) -> list[tuple[float, int]]:
    """Time and resident bytes of all processes, until the first one ends."""
    root, samples = psutil.Process(process.pid), []
    while process.poll() is None:
        resident = 0
        for one in [root, *root.children(recursive=True)]:
            try:
                resident += one.memory_info().rss
            except psutil.Error:  # it has just ended
                continue
        samples.append((time.time(), resident))
        time.sleep(0.1)
    return samples


def _nodes(root: pathlib.Path) -> list[tuple[str, float, float]]:
    """Name, start and end of each node, from the run's ML Metadata."""
    import ml_metadata
    from ml_metadata.proto import metadata_store_pb2 as pb

    (database,) = root.glob("*/metadata.sqlite")
    connection = pb.ConnectionConfig()
    connection.sqlite.filename_uri = str(database)
    store = ml_metadata.MetadataStore(connection)
    nodes = []
    for execution in store.get_executions():
        node = next(
            context.name.rpartition(".")[2]
            for context in store.get_contexts_by_execution(execution.id)
            if context.type == "node"
        )
        times = (
            execution.create_time_since_epoch,
            execution.last_update_time_since_epoch,
        )
        nodes.append((node, times[0] / 1000, times[1] / 1000))
    return nodes


def _peak(samples: list[tuple[float, int]], first: float, last: float) -> int:
    """In MiB; 0 if the time was too short for a sample."""
    inside = [resident for at, resident in samples if first <= at <= last]
    return round(max(inside, default=0) / 2**20)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, nargs="+", default=[15_000, 60_000])
    parser.add_argument("--size", type=int, default=160, help="pixels of an edge")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="as `distill run`",
    )
    parser.add_argument(
        "--smoke", action="store_true", help="200 and 400 photos, 32 x 32"
    )
    args = parser.parse_args(arguments)
    if args.smoke:
        args.photos, args.size = [200, 400], 32
    runs = [measure(number, args.size, args.set) for number in args.photos]
    result = {
        "size": args.size,
        "runs": runs,
        "ratio": round(runs[-1]["peak_mb"] / runs[0]["peak_mb"], 3),
        **machine("tfx", "tensorflow", "apache-beam"),
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
