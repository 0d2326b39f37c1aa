"""The command `distill monitor`: what arrives in production against the test split."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Group
from rich.table import Table
from rich.text import Text

from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.pipeline.inspection.render import BAD, GOOD
from tfx_distill.pipeline.mlmd.store import Store
from tfx_distill.pipeline.monitoring import drift_checks, served_run
from tfx_distill.pipeline.monitoring.drift_checks import Check, Sample
from tfx_distill.pipeline.monitoring.served_run import ServedRun
from tfx_distill.pipeline.report.number_text import share
from tfx_distill.trainer.errors import ConfigError, DataError
from tfx_distill.trainer.evaluation import image_statistics

if TYPE_CHECKING:
    from tfx_distill.pipeline.monitoring.production_images import Production

_MOST_UNREADABLE = 5  # that are named in the terminal


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """What `distill monitor` was asked for.

    Attributes:
        paths: See `production_images.read`.
        version: Of the served model; None: the newest.
        seed: Of the sample.
        teacher: Whether the teacher predicts the sample, too, if it is there.
    """

    paths: Sequence[str]
    version: int | None = None
    seed: int = 0
    teacher: bool = True


@dataclasses.dataclass(frozen=True, kw_only=True)
class Monitored:
    """What was found.

    Attributes:
        version: Of the model whose images they are.
        run: That pushed it.
        tripped: Whether any check did.
        found: Number of images in production.
        compared: Number of those in the sample that were readable.
        reference: Number of images of the test split.
        unreadable: Name and reason of each image of the sample that cannot be used.
        left_out: What could not be compared, and why, one sentence each.
        checks: All that could.
    """

    version: str
    run: str
    tripped: bool
    found: int
    compared: int
    reference: int
    unreadable: tuple[tuple[str, str], ...]
    left_out: tuple[str, ...]
    checks: tuple[Check, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        values = dataclasses.asdict(self)
        for check, plain in zip(self.checks, values["checks"], strict=True):
            plain["tripped"] = check.tripped
        return values


def run(config: PipelineConfig, store: Store, request: Request) -> Monitored:
    """Compares a sample of production with the test split of a version's run.

    Raises:
        DistillError: If there is no such path or version, or too few images can be
            read.
    """
    for path in request.paths:
        if not os.path.exists(path):
            raise ConfigError(f"--images {path}: there is no such file or folder.")
    served = served_run.find(store, config.pipeline_name, request.version)
    from tfx_distill.pipeline.monitoring import production_images  # loads TensorFlow

    settings = config.monitor
    arrived = production_images.read(
        request.paths, served.spec, settings.sample, request.seed
    )
    _require_enough(arrived, settings.min_images)
    reference, left_out = _reference(served)
    sample = _predicted(arrived, served, request.teacher)
    if sample.teacher is None:
        left_out.append("disagreement: the teacher did not predict these images.")
    if sample.labels is None:
        left_out.append("accuracy, calibration: these images have no labels.")
    checks = drift_checks.compare(reference, sample, served.spec.class_names, settings)
    return Monitored(
        version=served.version,
        run=served.run,
        tripped=any(check.tripped for check in checks),
        found=arrived.found,
        compared=len(arrived.images),
        reference=len(reference.student),
        unreadable=arrived.unreadable,
        left_out=tuple(left_out),
        checks=checks,
    )


def _require_enough(arrived: Production, least: int) -> None:
    compared = len(arrived.images)
    if compared < least:
        raise DataError(
            f"{compared} of {arrived.found} images can be compared, fewer than "
            f"monitor.min_images, {least}. Wait for more, or lower it."
            f"{_first(arrived.unreadable)}"
        )


def _predicted(arrived: Production, served: ServedRun, with_teacher: bool) -> Sample:
    """The sample, and what the served models make of it."""
    from tfx_distill.trainer.export.saved_model import Predictor

    images, probabilities = arrived.images, {}
    with served.opened_models(with_teacher) as folders:
        for role, folder in folders.items():
            probabilities[role] = Predictor(folder).probabilities(images)
    pixels = image_statistics.of_images(images)
    return Sample(pixels=pixels, labels=arrived.labels, **probabilities)


def _reference(served: ServedRun) -> tuple[Sample, list[str]]:
    """The test split, and what is not known of it any more."""
    images: np.ndarray | None = served_run.test_images(served)
    answers = served.predictions
    sample = Sample(
        pixels={} if images is None else image_statistics.of_images(images),
        student=answers.student,
        teacher=answers.teacher,
        labels=answers.labels,
    )
    gone = f"pixels: the test images of run {served.run} are gone."
    return sample, [gone] if images is None else []


def _first(unreadable: Sequence[tuple[str, str]]) -> str:
    return "".join(f" {name}: {reason}." for name, reason in unreadable[:1])


def table(found: Monitored) -> Group:
    """For the terminal."""
    shown = Table(box=None, pad_edge=False)
    for name in ("", "check", "measure"):
        shown.add_column(name)
    for name in ("distance", "threshold", "p"):
        shown.add_column(name, justify="right")
    for check in found.checks:
        one = check.difference
        outcome = ("TRIPPED", BAD) if check.tripped else ("fine", GOOD)
        shown.add_row(
            Text(*outcome), check.name, one.measure, share(one.distance),
            share(check.threshold), f"{one.p_value:.4f}",
        )  # fmt: skip
    return Group(Text(summary(found)), shown, *map(Text, notes(found)))


def summary(found: Monitored) -> str:
    """One sentence on what was compared."""
    outcome = "differ from" if found.tripped else "are like"
    return (
        f"{found.compared:,} of {found.found:,} images {outcome} the "
        f"{found.reference:,} test images behind version {found.version} "
        f"(run {found.run})."
    )


def notes(found: Monitored) -> list[str]:
    """What tripped and how, what could not be read, and what was left out."""
    lines = [
        f"{check.name}: {_largest_change(check)}"
        for check in found.checks
        if check.tripped
    ]
    if found.unreadable:
        lines.append(f"Unreadable images of the sample: {len(found.unreadable)}")
        shown = found.unreadable[:_MOST_UNREADABLE]
        lines += [f"  {name}: {reason}" for name, reason in shown]
    return [*lines, *(f"Not compared: {text}" for text in found.left_out)]


def _largest_change(check: Check) -> str:
    found = check.difference
    pairs = list(zip(found.reference, found.sample, strict=True))
    place = max(range(len(pairs)), key=lambda at: abs(pairs[at][0] - pairs[at][1]))
    before, now = pairs[place]
    return f"{found.bins[place]} was {before:.1%} of the test images, is {now:.1%} now."
