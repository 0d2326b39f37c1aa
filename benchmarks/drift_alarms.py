"""How often does `distill monitor` trip: on unchanged images, and on changed ones?

Of a run that pushed, the test images are divided at random, again and again: one half is
the reference, a sample of the other half stands for production. Prints JSON.

    python benchmarks/drift_alarms.py --root runs --name mnist
"""

from __future__ import annotations

import argparse
import collections
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from measurement import machine

from tfx_distill.pipeline.config.loader import load_config
from tfx_distill.pipeline.config.monitor_config import MonitorConfig
from tfx_distill.pipeline.mlmd import read_only_store
from tfx_distill.pipeline.monitoring import drift_checks, served_run
from tfx_distill.pipeline.monitoring.drift_checks import Sample
from tfx_distill.trainer.evaluation import image_statistics

if TYPE_CHECKING:
    from tfx_distill.trainer.export.saved_model import Predictor

UNCHANGED, MISSING = "unchanged", "no image of one class"


def _shifted(images: np.ndarray, pixels: int) -> np.ndarray:
    wide = np.pad(images, ((0, 0), (pixels, 0), (pixels, 0), (0, 0)))
    return wide[:, : images.shape[1], : images.shape[2]]


def _noisy(images: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 30, images.shape)
    return (images + noise).clip(0, 255).astype(np.uint8)


def variants(images: np.ndarray) -> dict[str, np.ndarray]:
    """What arrives, by the name of what changed."""
    return {
        UNCHANGED: images,
        "inverted": 255 - images,
        "noise of 30": _noisy(images),
        "shifted by 2 pixels": _shifted(images, 2),
        "shifted by 4 pixels": _shifted(images, 4),
        "darker by a fifth": (images * 0.8).astype(np.uint8),
        MISSING: images,
    }


def described(
    images: np.ndarray, labels: np.ndarray, models: Mapping[str, Predictor]
) -> Sample:
    """All that is compared of some images."""
    return Sample(
        pixels=image_statistics.of_images(images),
        labels=labels,
        **{role: model.probabilities(images) for role, model in models.items()},
    )


def _part(sample: Sample, rows: np.ndarray, labelled: bool) -> Sample:
    assert sample.teacher is not None and sample.labels is not None
    return Sample(
        pixels={name: values[rows] for name, values in sample.pixels.items()},
        student=sample.student[rows],
        teacher=sample.teacher[rows],
        labels=sample.labels[rows] if labelled else None,
    )


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Shares of the samples of a run's test images that trip."""
    from tfx_distill.trainer.export.saved_model import Predictor

    places = f"pipeline.root={args.root}", f"pipeline.name={args.name}"
    store = read_only_store.open_store(load_config(None, places))
    served = served_run.find(store, args.name, None)
    images = served_run.test_images(served)
    assert images is not None
    with served.opened_models() as folders:
        models = {role: Predictor(folder) for role, folder in folders.items()}
    labels = served.predictions.labels[: len(images)]
    given = {
        name: described(changed, labels, models)
        for name, changed in variants(images).items()
    }
    return {
        "samples": args.repetitions,
        "tripped": rates(given, served.spec.class_names, args),
        **machine("tensorflow", "numpy"),
    }


def rates(
    given: Mapping[str, Sample], names: tuple[str, ...], args: argparse.Namespace
) -> dict[str, dict[str, dict[str, float]]]:
    """Shares of the samples that trip, by size, by what changed, and by check."""
    rng = np.random.default_rng(args.seed)
    found: dict[str, dict[str, dict[str, float]]] = {}
    for size in args.sizes:
        for name in given:
            often = args.repetitions if name == UNCHANGED else args.repetitions // 10
            tripped: collections.Counter[str] = collections.Counter()
            for _ in range(often):
                tripped.update(_tripped(given, name, names, size, rng, args))
            shares = {check: times / often for check, times in tripped.items()}
            found.setdefault(str(size), {})[name] = shares
    return found


def _tripped(
    given: Mapping[str, Sample],
    name: str,
    names: tuple[str, ...],
    size: int,
    rng: np.random.Generator,
    args: argparse.Namespace,
) -> list[str]:
    """The checks that trip on one sample, and `any` if there are some."""
    labels = given[UNCHANGED].labels
    assert labels is not None
    rows = rng.permutation(len(labels))
    reference, arriving = rows[: len(rows) // 2], rows[len(rows) // 2 :]
    if name == MISSING:
        arriving = arriving[labels[arriving] != args.missing]
    checks = drift_checks.compare(
        _part(given[UNCHANGED], reference, args.labelled),
        _part(given[name], arriving[:size], args.labelled),
        names,
        MonitorConfig(),
    )
    found = [check.name for check in checks if check.tripped]
    return [*found, "any"] if found else []


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", default="runs")
    parser.add_argument("--name", default="mnist")
    parser.add_argument("--sizes", type=int, nargs="+", default=[200, 500, 1000, 2000])
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--missing", type=int, default=7, help="class that is missing")
    parser.add_argument("--labelled", action="store_true", help="labels are known")
    parser.add_argument("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    print(json.dumps(measure(options().parse_args()), indent=2))
