"""Do streamed images train as fast as images in memory, and give the same weights?

Trains a teacher, or with `--student` a student, in turn from arrays in memory and from
streamed ones, on crops of scikit-learn's sample photos. Prints JSON: images per second
of each training, and of decoding alone.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import tempfile
import time
from typing import Any

from measurement import machine, write_photos

_TEACHER, _STUDENT = "article_teacher", "student"


def measure(number: int, size: int, runs: int, student: bool) -> dict[str, object]:
    """Returns the result as a dictionary; rates are images per second."""
    from tfx_distill.trainer.data import memory_limit

    names = {"in_memory": memory_limit.DEFAULT_MB * 1024, "streamed": 0}
    rates: dict[str, list[float]] = {name: [] for name in names}
    cpu_s: dict[str, list[float]] = {name: [] for name in names}
    weights: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        spec = _write_examples(folder, number, size)
        for run in range(runs + 1):
            for name, limit in names.items():
                with memory_limit.limited_to(limit):
                    weights[name], rate, cpu = _train(folder, spec, student)
                if run:  # the first one warms up
                    rates[name].append(rate)
                    cpu_s[name].append(cpu)
        with memory_limit.limited_to(0):
            decoded = _decode(folder, spec)
    medians = {name: sorted(given)[len(given) // 2] for name, given in rates.items()}
    pairs = zip(weights["in_memory"], weights["streamed"], strict=True)
    return {
        "photos": number,
        "size": size,
        "model": _STUDENT if student else _TEACHER,
        "images_per_s": {name: round(rate) for name, rate in medians.items()},
        "images_per_s_of_each_run": {
            name: [round(rate) for rate in given] for name, given in rates.items()
        },
        "ratio": round(medians["streamed"] / medians["in_memory"], 3),
        # Other work on the machine hardly changes this, unlike wall time.
        "cpu_ratio": round(sum(cpu_s["streamed"]) / sum(cpu_s["in_memory"]), 3),
        "decoded_per_s": round(decoded),
        "same_weights": all((one == other).all() for one, other in pairs),
        **machine("tensorflow", "keras", "numpy"),
    }


def _write_examples(folder: str, number: int, size: int) -> Any:
    """Writes an Examples artifact's files; returns their DataSpec."""
    import tensorflow as tf

    from tfx_distill.trainer.data.data_spec import DataSpec

    photos = pathlib.Path(folder, "photos")
    write_photos(str(photos), number, size)
    classes = sorted(path.name for path in photos.iterdir())
    files = sorted(photos.glob("*/*.jpg"), key=lambda path: path.name)
    splits = {"train": files, "eval": files[: number // 10]}
    for split, paths in splits.items():
        target = pathlib.Path(folder, f"Split-{split}", "records.gz")
        target.parent.mkdir()
        with tf.io.TFRecordWriter(str(target), "GZIP") as writer:
            for path in paths:
                example = tf.train.Example()
                feature = example.features.feature
                feature["image"].bytes_list.value.append(path.read_bytes())
                label = classes.index(path.parent.name)
                feature["label"].int64_list.value.append(label)
                writer.write(example.SerializeToString())
    return DataSpec(
        dataset="photos",
        version="",
        image_shape=(size, size, 3),
        class_names=tuple(classes),
        num_examples={split: len(paths) for split, paths in splits.items()},
    )


def _train(folder: str, spec: Any, student: bool) -> tuple[list[Any], float, float]:
    """Trains for three epochs and times the last two, validation included.

    Returns:
        The weights, images per second, and CPU seconds.
    """
    from tfx_distill.trainer import progress
    from tfx_distill.trainer.config.training_config import TeacherConfig
    from tfx_distill.trainer.data import example_reader
    from tfx_distill.trainer.distillation import training

    splits = example_reader.load_splits(folder, spec)
    name = _STUDENT if student else _TEACHER
    model = f"tfx_distill.trainer.models.architectures.{name}"
    config = TeacherConfig(model=model, epochs=3, batch_size=128)
    ends = []

    def listener(now: progress.Progress) -> None:
        if "val_loss" in now.metrics:
            ends.append((time.monotonic(), time.process_time()))

    progress.listen(listener)
    trained = training.train_teacher(splits["train"], splits["eval"], spec, config)
    (start, start_cpu), _, (end, end_cpu) = ends
    rate = 2 * len(splits["train"]) / (end - start)
    return trained.model.get_weights(), rate, end_cpu - start_cpu


def _decode(folder: str, spec: Any) -> float:
    """Images per second of decoding alone, in shuffled batches."""
    import numpy as np

    from tfx_distill.trainer.data import example_reader

    images = example_reader.load_split(folder, "train", spec).images
    order = np.random.default_rng(0).permutation(len(images))
    start = time.monotonic()
    for at in range(0, len(order), 128):
        images[order[at : at + 128]]
    return len(order) / (time.monotonic() - start)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=3000)
    parser.add_argument("--size", type=int, default=160, help="pixels of an edge")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--student", action="store_true", help="instead of a teacher")
    parser.add_argument("--smoke", action="store_true", help="40 photos, one run")
    args = parser.parse_args(arguments)
    if args.smoke:
        args.photos, args.size, args.runs = 40, 32, 1
    result = measure(args.photos, args.size, args.runs, args.student)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
