"""Whether two samples of images differ: distances as TFDV has them, with p-values.

Each quantity, one value for an image, is counted in bins. The distance between both
samples' shares is TFDV's: the L-infinity norm for categories, the Jensen-Shannon
divergence for numbers. Its p-value is that of a permutation test, the share of random
divisions of all images into samples of these sizes that are as far apart: it is right for
any sizes and any shares. Needs NumPy alone.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

NUM_BINS = 10
_PERMUTATIONS = 2_000
# Bytes of the counts that are held at once, for hundreds of classes.
_MAX_COUNTS = 2**22
L_INFINITY, JENSEN_SHANNON = "L-infinity", "Jensen-Shannon"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Difference:
    """One quantity in two samples.

    Attributes:
        measure: `L_INFINITY` or `JENSEN_SHANNON`, of which both are in [0, 1].
        distance: Between the shares of the bins.
        p_value: Probability of this distance or a larger one if both samples are from
            one source.
        bins: What each bin is called.
        reference: Share of the reference's images in each bin.
        sample: As `reference`.
    """

    measure: str
    distance: float
    p_value: float
    bins: tuple[str, ...]
    reference: tuple[float, ...]
    sample: tuple[float, ...]


def categories(
    reference: np.ndarray, sample: np.ndarray, names: Sequence[str]
) -> Difference:
    """Compares how often each category is there.

    Args:
        reference: int `(num_reference,)`, indices of names.
        sample: As `reference`, `(num_sample,)`.
        names: Of the categories.
    """
    counts = [np.bincount(x, minlength=len(names)) for x in (reference, sample)]
    return _difference(L_INFINITY, tuple(names), *counts)


def numbers(reference: np.ndarray, sample: np.ndarray) -> Difference:
    """Compares the distributions of a number, in bins that divide the reference evenly.

    Args:
        reference: float `(num_reference,)`.
        sample: As `reference`, `(num_sample,)`.
    """
    inner = np.quantile(reference, np.arange(1, NUM_BINS) / NUM_BINS)
    values, times = np.unique(inner, return_counts=True)
    # A number that many images have is in a bin of its own.
    edges = np.unique([*values, *np.nextafter(values[times > 1], -np.inf)])
    counts = [
        np.bincount(np.searchsorted(edges, x), minlength=len(edges) + 1)
        for x in (reference, sample)
    ]
    ends = [f"{edge:.4g}" for edge in edges]
    between = (f"{low} to {high}" for low, high in itertools.pairwise(ends))
    names = (f"at most {ends[0]}", *between, f"above {ends[-1]}")
    return _difference(JENSEN_SHANNON, names, *counts)


def _difference(
    measure: str, names: tuple[str, ...], reference: np.ndarray, sample: np.ndarray
) -> Difference:
    distance = float(_distances(measure, reference, sample[np.newaxis])[0])
    return Difference(
        measure=measure,
        distance=distance,
        p_value=_p_value(measure, distance, reference, sample),
        bins=names,
        reference=tuple((reference / reference.sum()).tolist()),
        sample=tuple((sample / sample.sum()).tolist()),
    )


def _p_value(
    measure: str, distance: float, reference: np.ndarray, sample: np.ndarray
) -> float:
    """Of the permutation test, whose divisions are drawn bin by bin."""
    rng = np.random.default_rng(0)
    pooled, size = reference + sample, int(sample.sum())
    step = max(1, _MAX_COUNTS // len(pooled))
    as_far = 0
    for start in range(0, _PERMUTATIONS, step):
        number = min(step, _PERMUTATIONS - start)
        drawn = rng.multivariate_hypergeometric(
            pooled, size, size=number, method="marginals"
        )
        found = _distances(measure, pooled - drawn, drawn)
        as_far += int(np.sum(found >= distance - 1e-12))
    # The division that was found is one of them, so that none has a p-value of 0.
    return (as_far + 1) / (_PERMUTATIONS + 1)


def _distances(measure: str, reference: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """Of each sample's counts, `(num_samples, num_bins)`, from those of the reference."""
    p = reference / reference.sum(axis=-1, keepdims=True)
    q = samples / samples.sum(axis=-1, keepdims=True)
    if measure == L_INFINITY:
        return np.abs(p - q).max(axis=-1)
    middle = (p + q) / 2
    return (_entropy(middle) - (_entropy(p) + _entropy(q)) / 2).clip(0, 1)


def _entropy(shares: np.ndarray) -> np.ndarray:
    """In bits."""
    logarithms = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
    return -(shares * logarithms).sum(axis=-1)
