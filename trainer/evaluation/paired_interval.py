"""The difference in accuracy between two recipes, with its interval.

Both classify the same images, each with one model or with several, one per seed.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

CONFIDENCE = 0.95


@dataclasses.dataclass(frozen=True, kw_only=True)
class Estimate:
    """A difference in accuracy.

    Attributes:
        difference: First minus second, in [-1, 1].
        low: Lower end of its 95 % interval.
        high: Upper end.
        p_value: Two-sided, for a difference of 0; below 0.05 exactly if the interval
            excludes 0.
    """

    difference: float
    low: float
    high: float
    p_value: float

    def verdict(self, better: str, worse: str, unclear: str) -> str:
        """The word for an interval above 0, below 0, or with 0 inside."""
        return better if self.low > 0 else worse if self.high < 0 else unclear

    def in_points(self, over: str) -> str:
        """The numbers in words; `over` is what the interval is over."""
        p = "p < 0.001" if self.p_value < 0.001 else f"p = {self.p_value:.3f}"
        return (
            f"{100 * self.difference:+.2f} points of accuracy (95 % interval over "
            f"{over} {100 * self.low:+.2f} to {100 * self.high:+.2f}, {p})"
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Variances:
    """What the variance of a mean difference is estimated from.

    Attributes:
        centre: The difference, shrunk by two added images.
        images: From the images' differences, averaged over seeds: the images'
            variance plus the interaction's.
        seeds: From the models' accuracies: the seeds' variance plus the interaction's.
            0 without two models of one recipe.
        interaction: Of images with seeds, alone.
        seed_freedom: Degrees of freedom of `seeds`.
        num_images: Those added included.
    """

    centre: float
    images: float
    seeds: float
    interaction: float
    seed_freedom: int
    num_images: int


def estimate(first: np.ndarray, second: np.ndarray) -> Estimate:
    """Compares two recipes on the same images.

    Images and seeds are crossed random effects; student and control do not share
    seeds' effects. The variance of the mean difference is that of the two-way analysis
    of variance, `images + seeds - interaction`, since both first terms contain the
    interaction; at least `images`. Its degrees of freedom are Satterthwaite's (1946,
    doi:10.2307/3002019), the quantile is Student's t: the method of Obuchowski and
    Rockette (1995, doi:10.1080/03610919508813243) and Hillis (2007,
    doi:10.1002/sim.2532), where readers read the same cases.

    With one model each, this is Wald's interval for paired proportions with Bonett and
    Price's (2012, doi:10.3102/1076998611411915) two added images, which holds its
    level for few discordant images; it then says nothing of other seeds.

    Args:
        first: bool `(num_models, num_images)`, whether a model is correct.
        second: As `first`; the number of models may differ.
    """
    found = variances(first, second)
    error, freedom = standard_error(found)
    from scipy import stats  # a fifth of the time of a command that shows a result

    student_t = stats.t(freedom)
    reach = student_t.ppf((1 + CONFIDENCE) / 2) * error
    return Estimate(
        difference=float(first.mean() - second.mean()),
        low=max(-1.0, float(found.centre - reach)),
        high=min(1.0, float(found.centre + reach)),
        p_value=float(2 * student_t.sf(abs(found.centre) / error)),
    )


def standard_error(found: Variances) -> tuple[Any, Any]:
    """The standard error of the difference, and its degrees of freedom."""
    variance = found.images + np.maximum(0, found.seeds - found.interaction)
    # With one model each, only the images count.
    of_seeds = np.minimum(found.seeds, variance) ** 2 / max(1, found.seed_freedom)
    spread = found.images**2 / (found.num_images - 1) + of_seeds
    return np.sqrt(variance), variance**2 / spread


def variances(first: np.ndarray, second: np.ndarray) -> Variances:
    """The terms of `estimate`; arguments as there."""
    by_image = first.mean(axis=0) - second.mean(axis=0)
    by_image = np.append(by_image, [1.0, -1.0])
    several = [group for group in (first, second) if len(group) > 1]
    return Variances(
        centre=float(by_image.mean()),
        images=float(by_image.var()) / len(by_image),
        seeds=sum(float(g.mean(axis=1).var(ddof=1)) / len(g) for g in several),
        interaction=sum(map(_interaction, several)),
        seed_freedom=sum(len(group) - 1 for group in several),
        num_images=len(by_image),
    )


def _interaction(correct: np.ndarray) -> float:
    """Variance of a recipe's mean accuracy by the interaction of images with seeds."""
    by_model, by_image = correct.mean(axis=1, keepdims=True), correct.mean(axis=0)
    residuals = correct - by_model - by_image + by_image.mean()
    num_models, num_images = correct.shape
    freedom = (num_models - 1) * (num_images - 1)
    return float(np.sum(residuals**2)) / freedom / correct.size
