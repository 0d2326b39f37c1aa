"""Did distillation help? Models are compared on the same images, in pairs."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence

import numpy as np

from tfx_distill.trainer import json_files
from tfx_distill.trainer.evaluation import paired_interval
from tfx_distill.trainer.evaluation.headroom import Headroom
from tfx_distill.trainer.evaluation.paired_interval import Estimate

FILE_NAME = "comparison.json"
IMAGES = "images"


@dataclasses.dataclass(frozen=True, kw_only=True)
class PairedResult(Estimate):
    """Two models compared on the same images; attributes also as in `Estimate`.

    Attributes:
        accuracy: Of the first model, in [0, 1].
        reference_accuracy: Of the second.
        only_first: Number of images that only the first model classified correctly.
        only_second: As `only_first`.
    """

    accuracy: float
    reference_accuracy: float
    only_first: int
    only_second: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison(Estimate):
    """Distilled students compared with controls; attributes also as in `Estimate`.

    Attributes:
        seeds: One result per seed.
        num_examples: Number of test images.
        conclusion: What that says of distillation, in words.
        interval_over: `images` for one seed, `images and seeds` for several. Earlier
            versions did not take seeds into account.
    """

    seeds: tuple[PairedResult, ...]
    num_examples: int
    conclusion: str
    interval_over: str = IMAGES

    def save(self, folder: str) -> None:
        json_files.save(self, os.path.join(folder, FILE_NAME))

    @classmethod
    def load(cls, folder: str) -> Comparison:
        """Reads what `save` wrote; errors as `json_files.load`."""
        return json_files.load(cls, os.path.join(folder, FILE_NAME))


def paired(first: np.ndarray, second: np.ndarray) -> PairedResult:
    """Compares two models on the same images; see `paired_interval.estimate`.

    Args:
        first: bool `(num_examples,)`, whether the first model was correct.
        second: As `first`.
    """
    estimate = paired_interval.estimate(first[np.newaxis], second[np.newaxis])
    return PairedResult(
        accuracy=float(np.mean(first)),
        reference_accuracy=float(np.mean(second)),
        only_first=int(np.sum(first & ~second)),
        only_second=int(np.sum(second & ~first)),
        **vars(estimate),
    )


def compare(
    students: Sequence[np.ndarray],
    controls: Sequence[np.ndarray],
    headroom: Headroom | None = None,
) -> Comparison:
    """Compares students with controls, seed by seed and over all seeds.

    Args:
        students: For each seed, bool `(num_examples,)`: was the student correct.
        controls: As `students`.
        headroom: The teacher against these controls; names the reason if distillation
            did harm.
    """
    seeds = tuple(paired(s, c) for s, c in zip(students, controls, strict=True))
    estimate = paired_interval.estimate(np.array(students), np.array(controls))
    interval_over = "images and seeds" if len(seeds) > 1 else IMAGES
    conclusion = _conclusion(estimate, len(seeds), estimate.in_points(interval_over))
    if estimate.high < 0 and headroom and not headroom.is_positive:
        conclusion += f" The likely reason: {headroom.conclusion}"
    return Comparison(
        seeds=seeds,
        num_examples=len(students[0]),
        conclusion=conclusion,
        interval_over=interval_over,
        **vars(estimate),
    )


def _conclusion(found: Estimate, num_seeds: int, numbers: str) -> str:
    """What is known: of the recipe with several seeds, else of these two models."""
    if num_seeds > 1:
        verdict = found.verdict("helped", "did harm", "made no measurable difference")
        return f"Distillation {verdict} against labels alone: {numbers}, {num_seeds} seeds."
    verdict = found.verdict(
        "better than", "worse than", "not measurably better or worse than"
    )
    return (
        f"This student is {verdict} this control on these images: {numbers}. Whether "
        "distillation is better than labels alone, one pair cannot tell: set seeds=3 "
        "or more."
    )
