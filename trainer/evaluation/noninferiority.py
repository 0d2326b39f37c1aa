"""Is the student worse than its teacher by less than a margin? A paired bound.

Both models classify the same images, so only the discordant ones count: those that
exactly one model classified correctly. The bound is Tango's (1998,
doi:10.1002/(SICI)1097-0258(19980430)17:8<891::AID-SIM780>3.0.CO;2-B) score bound for
the difference of paired proportions, one-sided at 95 %, with a continuity correction
of half an image. Without the correction, students whose true deficit equals the
margin pass up to 6.1 % of the time instead of 5 %; Wald's, Bonett and Price's and
Newcombe's bounds do worse
(`benchmarks/noninferiority.py`).
"""

from __future__ import annotations

import math

from scipy import optimize, stats

CONFIDENCE = 0.95
QUANTILE = float(stats.norm.ppf(CONFIDENCE))
_CORRECTION = 0.5  # images


def lower_bound(
    only_first: int, only_second: int, size: int, confidence: float = CONFIDENCE
) -> float:
    """Lower one-sided bound of the difference in accuracy, first − second.

    Args:
        only_first: Number of images that only the first model classified correctly.
        only_second: As `only_first`.
        size: Number of all images, including the concordant ones.
        confidence: Of the bound.

    Returns:
        In [-1, 1); NaN without images.

    Raises:
        ValueError: If the counts are impossible.
    """
    _check_counts(only_first, only_second, size)
    if size == 0:
        return math.nan
    difference = (only_first - only_second) / size
    is_usual = confidence == CONFIDENCE
    quantile = QUANTILE if is_usual else float(stats.norm.ppf(confidence))

    def distance(true_difference: float) -> float:
        return score(only_first, only_second, size, true_difference) - quantile

    # The score falls as the assumed difference grows. There is no bound below -1.
    lowest, highest = -1 + 1e-12, min(difference, 1 - 1e-12)
    if distance(lowest) <= 0:
        return -1.0
    return float(optimize.brentq(distance, lowest, highest, xtol=1e-12))


def score(
    only_first: int, only_second: int, size: int, true_difference: float
) -> float:
    """Standard errors by which the data exceed `true_difference`, with correction.

    The standard error is that of the maximum likelihood proportions under the
    assumed difference (Tango 1998, eqs. 2 to 4), so it also holds for small counts.

    Args:
        only_first: As for `lower_bound`.
        only_second: As for `lower_bound`.
        size: As for `lower_bound`, >= 1.
        true_difference: The assumed difference in accuracy, in (-1, 1).
    """
    excess = only_first - only_second - size * true_difference
    b = (2 * size - only_first + only_second) * true_difference
    b -= only_first + only_second
    c = -only_second * true_difference * (1 - true_difference)
    share_second = (math.sqrt(max(b * b - 8 * size * c, 0.0)) - b) / (4 * size)
    variance = size * (2 * share_second + true_difference * (1 - true_difference))
    if variance <= 0:
        return math.copysign(math.inf, excess - _CORRECTION)
    return (excess - _CORRECTION) / math.sqrt(variance)


def images_needed(margin: float) -> int:
    """Minimum number of test images for a margin, assuming perfect agreement.

    With fewer, `lower_bound` is below `-margin` unless the student is better than
    the teacher.

    Args:
        margin: In (0, 1).
    """
    # Without a discordant image the score is (n m - 1/2) / sqrt(n m (1 - m)).
    z = QUANTILE * math.sqrt(1 - margin)
    root = (z + math.sqrt(z * z + 4 * _CORRECTION)) / 2
    guess = max(1, math.floor(root * root / margin) - 1)
    while lower_bound(0, 0, guess) < -margin:
        guess += 1
    return guess


def _check_counts(only_first: int, only_second: int, size: int) -> None:
    if min(only_first, only_second) < 0 or only_first + only_second > size:
        raise ValueError(
            f"{only_first} and {only_second} discordant images of {size}: counts must "
            "be at least 0, and their sum at most the number of images."
        )
