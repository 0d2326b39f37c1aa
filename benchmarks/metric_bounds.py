"""How often does a bound on balanced accuracy or macro F1 bless a student that is too weak?

Draws test splits of classes that are not equally frequent. Teacher and student err
independently, the student more often in a rare class. The margin is the student's true
deficit, so at most 5 % should pass. `without`: the same bound without the images that
are added. Prints JSON.
"""

from __future__ import annotations

import argparse
import json

import numpy as np

from tfx_distill.trainer.evaluation import balanced_metrics, noninferiority

CASES = [  # images, classes, ratio of the most to the least frequent
    (300, 3, 1),
    (300, 3, 10),
    (1000, 10, 1),
    (1000, 10, 10),
    (3000, 10, 50),
    (10_000, 100, 10),
]
ACCURACIES = ((0.97, 0.94), (0.85, 0.75))  # of the teacher, and of the student


def draw(rng, size, shares, accuracy, rare):
    """Labels, and predictions of a model that is less accurate in the rare classes."""
    labels = rng.choice(len(shares), size, p=shares)
    return labels, predict(rng, labels, len(shares), accuracy, rare)


def predict(rng, labels, num_classes, accuracy, rare):
    accuracies = np.where(np.arange(num_classes) >= num_classes // 2, rare, accuracy)
    right = rng.random(len(labels)) < accuracies[labels]
    other = (labels + rng.integers(1, num_classes, len(labels))) % num_classes
    return np.where(right, labels, other)


def metrics(name, labels, predicted, num_classes):
    probabilities = np.eye(num_classes, dtype=np.float32)[predicted]
    return balanced_metrics.metric(name, labels, probabilities)


def measure(cases=CASES, num_draws=4000) -> list[dict]:
    """Returns the share of draws whose bound lies above the true difference."""
    rng = np.random.default_rng(0)
    rows = []
    for size, num_classes, ratio in cases:
        shares = np.geomspace(ratio, 1, num_classes)
        shares /= shares.sum()
        for teacher, student in ACCURACIES:
            for name in balanced_metrics.ALWAYS:
                true = _true(name, shares, teacher, student)
                passed = [
                    _passed(rng, name, size, shares, teacher, student, true)
                    for _ in range(num_draws)
                ]
                gate, without = np.mean(passed, axis=0)
                rows.append(
                    {
                        "metric": name,
                        "images": size,
                        "classes": num_classes,
                        "ratio": ratio,
                        "teacher": teacher,
                        "difference": round(true, 4),
                        "passed": round(float(gate), 4),
                        "without": round(float(without), 4),
                    }
                )
    return rows


def _true(name, shares, teacher, student):
    """Student minus teacher, from the expected shares of labels and predictions."""
    return _expected(name, shares, teacher, student) - _expected(
        name, shares, teacher, teacher
    )


def _expected(name, shares, accuracy, rare):
    number = len(shares)
    accuracies = np.where(np.arange(number) >= number // 2, rare, accuracy)
    if name == balanced_metrics.BALANCED_ACCURACY:
        return float(accuracies.mean())
    missed = shares * (1 - accuracies) / (number - 1)
    answered = shares * accuracies + missed.sum() - missed
    return float(np.mean(2 * shares * accuracies / (shares + answered)))


def _passed(rng, name, size, shares, teacher, student, true):
    number = len(shares)
    labels, first = draw(rng, size, shares, teacher, student)
    second = predict(rng, labels, number, teacher, teacher)
    pair = [metrics(name, labels, found, number) for found in (first, second)]
    low = balanced_metrics.compare(*pair, noninferiority.CONFIDENCE).low
    difference = pair[0].influence - pair[1].influence
    error = float(np.sqrt(difference @ difference)) / size
    plain = pair[0].value - pair[1].value - noninferiority.QUANTILE * error
    return low > true, plain > true


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="One case, 50 draws")
    args = parser.parse_args(arguments)
    found = measure(CASES[:1], 50) if args.smoke else measure()
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
