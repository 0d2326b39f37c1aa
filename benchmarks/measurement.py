"""What the benchmarks share: figures, timing, data set options, and the machine."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import pathlib
import platform
import resource
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

RATIO = "ratio"


def machine(*packages: str) -> dict[str, object]:
    """The machine, how busy it is, and the versions of Python and of some packages."""
    versions = {name: importlib.metadata.version(name) for name in packages}
    return {
        "machine": f"{os.cpu_count()} cores, {_processor()}, {platform.system()}",
        "load": round(os.getloadavg()[0], 1),
        "versions": {"python": platform.python_version(), **versions},
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0].partition(":")[2].strip() if names else platform.machine()


def figure(
    name: str,
    samples: Sequence[float],
    unit: str = RATIO,
    at_most: float | None = None,
) -> dict[str, Any]:
    """A measured quantity, of which less is better.

    Args:
        name: Unique in its benchmark.
        samples: Each measurement of it.
        unit: Such as `s`, `MiB` or `ratio`. Only ratios are compared between machines.
        at_most: The goal.
    """
    return {
        "name": name,
        "unit": unit,
        "median": _rounded(statistics.median(samples)),
        "samples": [_rounded(sample) for sample in samples],
        "at_most": at_most,
    }


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def ratios(samples: Sequence[float], of: Sequence[float]) -> list[float]:
    """The ratios of pairs that were measured in turn."""
    return [one / other for one, other in zip(samples, of, strict=True)]


def in_turn(
    works: Mapping[str, Callable[[], Any]],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds of each of several works, done in turn so that a busy machine slows all.

    The first round warms up and does not count.
    """
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds + 1):
        for name, work in works.items():
            start = clock()
            work()
            seconds[name].append(clock() - start)
    return {name: found[1:] for name, found in seconds.items()}


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """What `work` returns, its wall time, and its processor seconds as `cpu_s`."""
    start, start_cpu = time.monotonic(), cpu_s()
    result = work()
    return result, time.monotonic() - start, cpu_s() - start_cpu


def cpu_s() -> float:
    """Processor seconds of this process and of its children that have ended.

    Other work on the machine hardly changes them, unlike wall time.
    """
    used = [
        resource.getrusage(who)
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def node_times(root: pathlib.Path) -> list[tuple[str, float, float]]:
    """Name, start and end of each node, from the run's ML Metadata."""
    import ml_metadata
    from ml_metadata.proto import metadata_store_pb2 as pb

    (database,) = root.glob("**/metadata.sqlite")
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


def data_parser(description: str | None, smoke: str) -> argparse.ArgumentParser:
    """A parser for the options of a data set and `--smoke`, explained by `smoke`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument(
        "--data-dir", help="prepared data sets; default: the folder of TFDS"
    )
    parser.add_argument(
        "--manual-dir",
        default=os.environ.get("DISTILL_MANUAL_DIR"),
        help="original files; default: $DISTILL_MANUAL_DIR",
    )
    parser.add_argument("--smoke", action="store_true", help=smoke)
    return parser


def data_settings(args: argparse.Namespace) -> dict[str, str | None]:
    """The parsed options, as arguments of `DataConfig`."""
    return {
        "dataset": "digits" if args.smoke else args.dataset,
        "data_dir": args.data_dir,
        "manual_dir": args.manual_dir,
    }


def write_photos(folder: str, number: int, size: int) -> None:
    """Writes JPEG photos of `size` x `size` pixels, all different: CLASS/NUMBER.jpg.

    They are crops of scikit-learn's two sample photos, of any scale, some mirrored.
    The class is the photo and whether it is upside down.
    """
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_sample_images

    photos = [Image.fromarray(pixels) for pixels in load_sample_images().images]
    rng = np.random.default_rng(0)
    for class_ in range(4):
        os.makedirs(os.path.join(folder, f"class_{class_}"), exist_ok=True)
    for index in range(number):
        class_ = index % 4
        photo = photos[class_ % 2]
        side = int(rng.integers(size // 2, min(*photo.size, 4 * size)))
        left, top = (int(rng.integers(0, length - side + 1)) for length in photo.size)
        box = (left, top, left + side, top + side)
        image = photo.resize((size, size), Image.Resampling.BILINEAR, box)
        if class_ >= 2:
            image = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
        if rng.random() < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        path = os.path.join(folder, f"class_{class_}", f"{index:06d}.jpg")
        image.save(path, quality=90)
