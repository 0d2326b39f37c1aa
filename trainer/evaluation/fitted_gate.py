"""Bounds that a test split can resolve: what `auto` in the section `gate` stands for.

A margin is fitted so that a student as good as its teacher keeps it nine times in ten,
even if both err independently of each other. Of two equally accurate models that do,
exactly one is right on at most half of the images, whatever their accuracy; a student
that learns from its teacher differs less. That needs the numbers of images alone, so it
is known before anything is trained.

That a student whose true deficit equals the margin passes at most once in twenty holds
for any margin: see `noninferiority`. The margin of the classes is wider the more classes
there are, so that an equally good student keeps all of them together nine times in ten
(`benchmarks/class_bounds.py`).
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Mapping

from scipy import stats

from tfx_distill.trainer.config.gate_config import AUTO, GateConfig, ResolvedGate
from tfx_distill.trainer.errors import ConfigError
from tfx_distill.trainer.evaluation import noninferiority

POWER = 0.9  # probability that an equally good student keeps a margin, or all of them
DISCORDANT = 0.5  # largest share of images on which only one of both is right
WIDEST = 0.5  # a wider margin says next to nothing


@dataclasses.dataclass(frozen=True, kw_only=True)
class FittedGate:
    """The bounds for one test split.

    Attributes:
        gate: With a number for each `auto`.
        lines: What was fitted and what it means, for people; empty without `auto`.
    """

    gate: ResolvedGate
    lines: tuple[str, ...] = ()


@functools.cache
def margin(size: int, num_bounds: int = 1) -> float:
    """The narrowest margin, in thousandths, that a number of images resolves.

    Args:
        size: Number of images, >= 1.
        num_bounds: Number of disjoint groups of so many images that are all held to it.

    Returns:
        In (0, 1]; 1 if they resolve none.
    """
    quantile = float(stats.norm.ppf(POWER ** (1 / num_bounds)))
    # Half an image more: counts are whole, and their tail is not quite the normal one.
    unlucky = quantile * math.sqrt(size * DISCORDANT) + 0.5
    losses = min(size, math.ceil((size * DISCORDANT + unlucky) / 2))
    gains = max(0, math.floor((size * DISCORDANT - unlucky) / 2))
    low = noninferiority.lower_bound(gains, losses, size)
    return min(1.0, _up(-low))


def fit(gate: GateConfig, class_sizes: Mapping[str, int]) -> FittedGate:
    """Fits what is `auto`.

    Args:
        gate: The bounds as configured.
        class_sizes: Number of test images of each class; at least one image.

    Raises:
        ConfigError: If there are too few images for a margin.
    """
    size = sum(class_sizes.values())
    found = {"margin": gate.margin, **_class_bounds(gate, class_sizes)}
    if gate.margin == AUTO:
        require_enough(size)
        found["margin"] = margin(size)
    if gate.min_accuracy == AUTO:
        share = max(class_sizes.values()) / size
        # What a model that knows nothing of the images exceeds once in twenty.
        reach = noninferiority.QUANTILE * math.sqrt(share * (1 - share) / size)
        found["min_accuracy"] = min(1.0, _up(share + reach))
    resolved = ResolvedGate.build({**gate.model_dump(), **found})
    return FittedGate(gate=resolved, lines=_lines(gate, resolved, class_sizes))


def require_enough(size: int) -> None:
    """Raises a ConfigError for a number of images to which no margin can be fitted."""
    if size > 0 and margin(size) > WIDEST:
        needed = next(n for n in itertools.count(size) if margin(n) <= WIDEST)
        raise ConfigError(
            f"gate.margin is auto, and the test split has {size:,} images: too few to "
            f"tell a good student from a bad one. It needs {needed:,}; take more, or set "
            "gate.margin."
        )


def _class_bounds(
    gate: GateConfig, class_sizes: Mapping[str, int]
) -> dict[str, object]:
    """Margin and smallest size of the classes that have bounds of their own."""
    given, least = gate.class_margin, gate.min_class_size
    if given != AUTO:
        needed = 1 if given is None else noninferiority.images_needed(given)
        return {
            "class_margin": given,
            "min_class_size": needed if least == AUTO else least,
        }
    if least != AUTO:
        kept = [size for size in class_sizes.values() if size >= least]
        found = margin(min(kept), len(kept)) if kept else 1.0
        return {"class_margin": found if found < 1 else None, "min_class_size": least}
    sizes = sorted(filter(None, class_sizes.values()))
    margins = [margin(size, len(sizes) - at) for at, size in enumerate(sizes)]
    fine = [at for at, found in enumerate(margins) if found <= WIDEST]
    return {
        "class_margin": margins[fine[0]] if fine else None,
        "min_class_size": sizes[fine[0]] if fine else sizes[-1] + 1,
        "skips_small_classes": True,
    }


def _up(value: float) -> float:
    """The next thousandth."""
    return math.ceil(1000 * value - 1e-9) / 1000


def _lines(
    given: GateConfig, fitted: ResolvedGate, class_sizes: Mapping[str, int]
) -> tuple[str, ...]:
    """A table of what was fitted, with what it means."""
    size = sum(class_sizes.values())
    small = sum(n < fitted.min_class_size for n in class_sizes.values())
    judged = len(class_sizes) - small
    rows = []
    if given.margin == AUTO:
        points = f"{100 * fitted.margin:.1f} points worse passes at most once in twenty"
        rows.append(("gate.margin", fitted.margin, f"a student truly {points}"))
    if given.class_margin == AUTO and fitted.class_margin is not None:
        points = f"{100 * fitted.class_margin:.1f} points worse in one of {judged:,}"
        rows.append(
            ("gate.class_margin", fitted.class_margin, f"so does one {points} classes")
        )
    if given.min_accuracy == AUTO and fitted.min_accuracy is not None:
        meaning = "more than the most frequent class alone, beyond chance"
        rows.append(("gate.min_accuracy", fitted.min_accuracy, meaning))
    if not rows:
        return ()
    table = [f"{key:<18} {value:.3f}  {meaning}" for key, value, meaning in rows]
    first = f"The gate, fitted to {size:,} test images (auto):"
    if given.margin == AUTO or given.class_margin == AUTO:
        table.append(
            "A student as good as its teacher passes each at least nine times in ten."
        )
    if fitted.skips_small_classes and small:
        table.append(
            f"{small:,} of {len(class_sizes):,} classes have too few images for a bound "
            f"of their own: below {fitted.min_class_size:,}."
        )
    return (first, *(f"  {row}" for row in table))
