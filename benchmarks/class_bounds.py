"""How often is a weak or a good student blessed by bounds on all classes together?

Students are held to the margins that `gate: auto` fits. `weak`: share blessed that are
truly worse by the margin in a single class, and as good in all others. `refused`: share
refused that are as good as their teacher. Computed exactly for the gate's own bounds, over
all sizes that `auto` accepts; of other ways to bound all classes, evaluations are drawn.
Prints JSON.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

import noninferiority as single
import numpy as np
from scipy import stats

from tfx_distill.trainer.evaluation import fitted_gate

ALPHA = 0.05
DISCORDANT = (0.1, 0.5)
NUMBERS = (1, 2, 10, 100, 1000)  # of classes; 1: all images together
SIZES = (
    *range(22, 70),
    *range(70, 140, 7),
    150,
    200,
    300,
    333,
    500,
    700,
    1000,
    1500,
    2000,
    3000,
)
CASES = ((10, 300), (100, 300), (1000, 100))
RESAMPLES = 200

# From counts (draws, classes), size of a class and margin to bool (draws,).
Method = Callable[[np.ndarray, np.ndarray, int, float], np.ndarray]


def each(gains, losses, size, margin):
    """Every class at 95 %: an intersection-union test."""
    return (_p_values(gains, losses, size, margin) < ALPHA).all(axis=1)


def bonferroni(gains, losses, size, margin):
    """Every class at the level divided by the number of classes."""
    level = ALPHA / gains.shape[1]
    return (_p_values(gains, losses, size, margin) < level).all(axis=1)


def holm(gains, losses, size, margin):
    """Holm's steps; all classes must be rejected as inferior."""
    found = np.sort(_p_values(gains, losses, size, margin), axis=1)
    return (found < ALPHA / np.arange(gains.shape[1], 0, -1)).all(axis=1)


def bootstrap(gains, losses, size, margin):
    """The worst class: 5 % quantile of the least difference over resampled images."""
    rng = np.random.default_rng(1)
    passed = []
    for won, lost in zip(gains, losses, strict=True):
        shares = np.stack([won, lost, size - won - lost], axis=-1) / size
        drawn = rng.multinomial(size, shares, (RESAMPLES, len(won)))
        worst = ((drawn[..., 0] - drawn[..., 1]) / size).min(axis=1)
        passed.append(np.quantile(worst, ALPHA) > -margin)
    return np.array(passed)


def _p_values(gains, losses, size, margin):
    return stats.norm.sf(single.tango_score(gains, losses, size, margin))


METHODS: dict[str, Method] = {
    "each class at 95 %": each,
    "Bonferroni": bonferroni,
    "Holm": holm,
    "worst class by bootstrap": bootstrap,
}


def draw(rng, num_draws, size, deficits, discordant):
    """Counts of images that only one of both classifies correctly, (draws, classes)."""
    discordant = np.maximum(discordant, deficits)
    gain, loss = (discordant - deficits) / 2, (discordant + deficits) / 2
    shares = np.stack([gain, loss, 1 - gain - loss], axis=-1)
    drawn = rng.multinomial(size, shares, (num_draws, len(deficits)))
    return drawn[..., 0].astype(float), drawn[..., 1].astype(float)


def measure(numbers=NUMBERS, cases=CASES, num_draws=2000) -> dict:
    """Returns exact worst cases of the gate's bounds, and drawn shares of all methods."""
    rng = np.random.default_rng(0)
    return {
        "exact": [_exact(number) for number in numbers],
        "drawn": [
            {
                "classes": num_classes,
                "images": size,
                "margin": fitted_gate.margin(size, num_classes),
                "discordant": discordant,
                **_drawn(rng, num_classes, size, discordant, num_draws),
            }
            for num_classes, size in cases
            for discordant in DISCORDANT
        ],
    }


def _exact(num_classes: int) -> dict:
    """Over sizes that `auto` accepts, and shares of discordant images up to a half."""
    weak, refused, accepted = 0.0, 0.0, []
    for size in SIZES:
        margin = fitted_gate.margin(size, num_classes)
        if margin > fitted_gate.WIDEST:
            continue
        accepted.append(size)
        for rate in (0.02, 0.1, 0.25, 0.5):
            share = (single.tango(0.5), size, margin)
            gain = max(0.0, (rate - margin) / 2)
            equal = single.share_passed(*share, rate / 2, rate / 2)
            one = single.share_passed(*share, gain, gain + margin)
            weak = max(weak, one * equal ** (num_classes - 1))
            refused = max(refused, 1 - equal**num_classes)
    return {
        "classes": num_classes,
        "smallest": accepted[0],
        "margin_at_100": fitted_gate.margin(100, num_classes),
        "margin_at_1000": fitted_gate.margin(1000, num_classes),
        "weak": round(weak, 4),
        "refused": round(refused, 4),
    }


def _drawn(rng, num_classes, size, discordant, num_draws):
    margin = fitted_gate.margin(size, num_classes)
    students = {
        "weak": np.eye(1, num_classes)[0] * margin,
        "refused": np.zeros(num_classes),
    }
    result: dict[str, dict[str, float]] = {name: {} for name in METHODS}
    for kind, deficits in students.items():
        counts = draw(rng, num_draws, size, deficits, discordant)
        for name, method in METHODS.items():
            # Its resamples cost too much for all draws.
            few = num_draws // 10 if method is bootstrap else num_draws
            passed = method(*(count[:few] for count in counts), size, margin).mean()
            share = 1 - passed if kind == "refused" else passed
            result[name][kind] = round(float(share), 4)
    return result


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="10 classes, 100 draws")
    args = parser.parse_args(arguments)
    found = measure((1, 10), ((10, 100),), 100) if args.smoke else measure()
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
