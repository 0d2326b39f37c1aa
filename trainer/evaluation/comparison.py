"""Did distillation help? Two models are compared on the same images, in pairs."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Sequence

import numpy as np
from scipy import stats

from tfx_distill.trainer import json_files

FILE_NAME = "comparison.json"
CONFIDENCE = 0.95


@dataclasses.dataclass(frozen=True, kw_only=True)
class PairedResult:
    """Two models compared on the same images.

    Attributes:
        accuracy: Of the first model, in [0, 1].
        reference_accuracy: Of the second.
        difference: `accuracy - reference_accuracy`.
        low: Lower end of the difference's 95 % interval.
        high: Upper end.
        only_first: Number of images that only the first model classified correctly.
        only_second: As `only_first`.
        p_value: McNemar's, exact, two-sided.
    """

    accuracy: float
    reference_accuracy: float
    difference: float
    low: float
    high: float
    only_first: int
    only_second: int
    p_value: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """The distilled student compared with the control, over all seeds.

    Attributes:
        seeds: One result per seed.
        difference: Mean difference in accuracy over the seeds.
        low: Lower end of its 95 % interval.
        high: Upper end.
        p_value: Two-sided, for a mean difference of 0: McNemar's test for one seed,
            the paired z-test over images for several.
        num_examples: Number of test images.
        conclusion: The result in one sentence.
    """

    seeds: tuple[PairedResult, ...]
    difference: float
    low: float
    high: float
    p_value: float
    num_examples: int
    conclusion: str

    def save(self, folder: str) -> None:
        json_files.save(self, os.path.join(folder, FILE_NAME))

    @classmethod
    def load(cls, folder: str) -> Comparison:
        """Reads what `save` wrote; errors as `json_files.load`."""
        return json_files.load(cls, os.path.join(folder, FILE_NAME))


def paired(first: np.ndarray, second: np.ndarray) -> PairedResult:
    """Compares two models on the same images.

    The interval is Wald's for paired proportions with Bonett and Price's (2012,
    doi:10.3102/1076998611411915) two added images, so that its coverage holds for
    few discordant images. The p-value is that of McNemar's exact test.

    Args:
        first: bool `(num_examples,)`, whether the first model was correct.
        second: As `first`.
    """
    size = len(first)
    only_first = int(np.sum(first & ~second))
    only_second = int(np.sum(second & ~first))
    difference = (only_first - only_second) / size
    share_first = (only_first + 1) / (size + 2)
    share_second = (only_second + 1) / (size + 2)
    centre = share_first - share_second
    spread = math.sqrt((share_first + share_second - centre**2) / (size + 2))
    reach = stats.norm.ppf((1 + CONFIDENCE) / 2) * spread
    discordant = only_first + only_second
    p_value = stats.binomtest(only_first, discordant).pvalue if discordant else 1.0
    return PairedResult(
        accuracy=float(np.mean(first)),
        reference_accuracy=float(np.mean(second)),
        difference=difference,
        low=max(-1.0, centre - reach),
        high=min(1.0, centre + reach),
        only_first=only_first,
        only_second=only_second,
        p_value=float(p_value),
    )


def compare(
    students: Sequence[np.ndarray], controls: Sequence[np.ndarray]
) -> Comparison:
    """Compares students with controls, seed by seed and over all seeds.

    The unit is the image: each contributes its mean difference over the seeds, so
    an image that all seeds get wrong counts once.

    Args:
        students: For each seed, bool `(num_examples,)`: was the student correct.
        controls: As `students`.
    """
    seeds = tuple(paired(s, c) for s, c in zip(students, controls, strict=True))
    size = len(students[0])
    if len(seeds) == 1:
        only = seeds[0]
        difference, low, high = only.difference, only.low, only.high
        p_value = only.p_value
    else:
        per_image = np.mean(students, axis=0) - np.mean(controls, axis=0)
        difference = float(per_image.mean())
        error = float(per_image.std(ddof=1)) / math.sqrt(size)
        reach = stats.norm.ppf((1 + CONFIDENCE) / 2) * error
        low, high = difference - reach, difference + reach
        p_value = float(2 * stats.norm.sf(abs(difference) / error)) if error else 1.0
    return Comparison(
        seeds=seeds,
        difference=difference,
        low=float(low),
        high=float(high),
        p_value=p_value,
        num_examples=size,
        conclusion=_conclusion(
            difference, float(low), float(high), p_value, len(seeds)
        ),
    )


def _conclusion(
    difference: float, low: float, high: float, p_value: float, num_seeds: int
) -> str:
    numbers = (
        f"{100 * difference:+.2f} points of accuracy against labels alone "
        f"(95 % interval {100 * low:+.2f} to {100 * high:+.2f}, p = {p_value:.3f}, "
        f"{num_seeds} seed{'s' * (num_seeds > 1)})"
    )
    if low > 0:
        return f"Distillation helped: {numbers}."
    if high < 0:
        return f"Distillation did harm: {numbers}."
    return f"Distillation did not help measurably: {numbers}."
