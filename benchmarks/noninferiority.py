"""How often does the gate's bound bless a student that is too weak, or a good one?

Computed exactly, from the probabilities of all counts of discordant images. For each
method: the share of students blessed whose true deficit equals the margin (`weak`, at
most 5 %), and of students as good as their teacher (`power`). Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable

import numpy as np
from scipy import stats

from tfx_distill.trainer.evaluation import noninferiority

QUANTILE = float(stats.norm.ppf(noninferiority.CONFIDENCE))
SIZES = (36, 100, 360, 1000, 10_000)
IMAGES_IN_MARGIN = (2.9, 3.2, 3.6, 4, 5, 7, 10, 15, 20, 30, 50, 100)
GAINS = (0, 0.05, 0.2, 0.5, 1, 2, 5, 10)  # in margins: rate of the student's gains
POWER = [  # size, margin, shares of discordant images
    (360, 0.05, (0.01, 0.03, 0.06)),
    (1000, 0.03, (0.01, 0.02, 0.04)),
    (10_000, 0.005, (0.0025, 0.005, 0.01, 0.02)),
    (10_000, 0.002, (0.0025, 0.005, 0.01, 0.02)),
]

Method = Callable[[np.ndarray, np.ndarray, int, float], np.ndarray]


def tango_score(gains, losses, size, margin, correction=0.5):
    """Standard errors above -margin, as `noninferiority.score`, for arrays of counts."""
    excess = gains - losses + size * margin - correction
    b = -(2 * size - gains + losses) * margin - gains - losses
    c = losses * margin * (1 + margin)
    share = (np.sqrt(np.maximum(b * b - 8 * size * c, 0)) - b) / (4 * size)
    variance = size * (2 * share - margin * (1 + margin))
    return excess / np.sqrt(np.maximum(variance, 1e-12))


def tango(correction: float) -> Method:
    """Tango's score with a continuity correction."""

    def passes(gains, losses, size, margin):
        return tango_score(gains, losses, size, margin, correction) > QUANTILE

    return passes


def bonett_price(gains, losses, size, margin):
    share, other = (gains + 1) / (size + 2), (losses + 1) / (size + 2)
    difference = share - other
    error = np.sqrt((share + other - difference**2) / (size + 2))
    return difference - QUANTILE * error > -margin


def wald(gains, losses, size, margin):
    difference = (gains - losses) / size
    error = np.sqrt(np.maximum(gains + losses - size * difference**2, 0)) / size
    return difference - QUANTILE * error > -margin


def newcombe(gains, losses, size, margin):
    """Newcombe's (1998) method 10, where both models are right on 97 %."""
    neither = np.maximum(size - np.round(0.97 * size) - losses, 0)
    both = size - gains - losses - neither
    products = (both + gains, losses + neither, both + losses, gains + neither)
    product = np.prod(np.broadcast_arrays(*products), axis=0)
    scale = np.sqrt(np.maximum(product, 0))  # counts above the size count for nothing
    cross = both * neither - gains * losses
    cross = np.where(cross > size / 2, cross - size / 2, np.minimum(cross, 0))
    phi = np.divide(cross, scale, out=np.zeros_like(scale), where=scale > 0)
    below = (both + gains) / size - _wilson(both + gains, size)[0]
    above = _wilson(both + losses, size)[1] - (both + losses) / size
    reach = np.sqrt(np.maximum(below**2 - 2 * phi * below * above + above**2, 0))
    return (gains - losses) / size - reach > -margin


def _wilson(count, size):
    share, z = count / size, QUANTILE
    reach = z * np.sqrt(np.maximum(share * (1 - share), 0) / size + (z / size / 2) ** 2)
    middle, scale = share + z * z / size / 2, 1 + z * z / size
    return (middle - reach) / scale, (middle + reach) / scale


METHODS: dict[str, Method] = {
    "Tango, half an image of correction": tango(0.5),
    "Tango": tango(0.0),
    "Newcombe": newcombe,
    "Bonett-Price": bonett_price,
    "Wald": wald,
}


def share_passed(
    method: Method, size: int, margin: float, gain: float, loss: float
) -> float:
    """Probability of a blessing, for true rates of images that only one gets right."""
    gains, losses = _likely(size, gain)[:, None], _likely(size, loss)[None, :]
    chance = stats.binom.pmf(gains, size, gain) * stats.binom.pmf(
        losses, size - gains, loss / (1 - gain)
    )
    passed = method(gains.astype(float), losses.astype(float), size, margin)
    return float(np.sum(chance * (passed & (gains + losses <= size))))


def _likely(size: int, rate: float) -> np.ndarray:
    mean = size * rate
    reach = 9 * (math.sqrt(mean) + 1)
    return np.arange(max(0, int(mean - reach)), min(size, int(mean + reach)) + 1)


def measure(sizes=SIZES) -> dict:
    """Returns each method's worst case and the power of the gate's."""
    weak: dict[str, list[float]] = {name: [] for name in METHODS}
    for size in sizes:
        for images in IMAGES_IN_MARGIN:
            margin = images / size
            for gain in (margin * factor for factor in GAINS):
                if margin > 0.3 or margin < 0.0009 or 2 * gain + margin > 0.6:
                    continue
                for name, method in METHODS.items():
                    share = share_passed(method, size, margin, gain, gain + margin)
                    weak[name].append(share)
    return {
        "weak": {
            name: {
                "cases": len(shares),
                "worst": round(max(shares), 4),
                "above_5_percent": sum(share > 0.05 for share in shares),
            }
            for name, shares in weak.items()
        },
        "power": [
            {
                "images": size,
                "margin": margin,
                "discordant": share,
                "equal_student_passes": round(
                    share_passed(tango(0.5), size, margin, share / 2, share / 2), 4
                ),
            }
            for size, margin, shares in POWER
            if size in sizes
            for share in shares
        ],
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="36 and 360 images only")
    args = parser.parse_args(arguments)
    print(json.dumps(measure((36, 360) if args.smoke else SIZES), indent=2))


if __name__ == "__main__":
    main()
