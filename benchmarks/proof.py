"""How often is a recipe that is compared with itself said to have helped?

Trains controls that differ by their seed alone, then draws comparisons from them: for
S seeds, S controls in the students' place and S others in the controls', on resampled
test images. Both are the same recipe, so "helped" is always false; it may be said at
most 5 % of the time. Also simulates how often the intervals of several methods cover
the true difference, for shares of the variances on a grid. Prints JSON.

    python benchmarks/proof.py --answers controls.npz
    python benchmarks/proof.py --config photos --set data.images=photos
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile

import numpy as np
from measurement import machine
from scipy import stats

from tfx_distill.trainer.evaluation import paired_interval
from tfx_distill.trainer.evaluation.paired_interval import Variances

SEEDS = (1, 2, 3, 5)
COMPARISONS = 1000
DRAWS = 100_000
# In units of the interaction's variance.
SEED_VARIANCES = (0, 0.25, 0.5, 1, 2, 4, 10)
IMAGE_VARIANCES = (0, 0.25, 0.5, 1, 2)


def trained(config, num_models: int, num_images: int) -> np.ndarray:
    """Trains controls with seeds 0, 1 …, on the first images of `train`.

    Returns:
        bool `(num_models, num_test_images)`, whether a control is correct.
    """
    from tfx.types import standard_artifacts

    from tfx_distill.components.example_gen import executor
    from tfx_distill.components.tfds_example_gen import dataset_source
    from tfx_distill.trainer.data import example_reader
    from tfx_distill.trainer.data.data_spec import DataSpec

    if not config.data.images:
        dataset_source.prepare(config.data)
    with tempfile.TemporaryDirectory() as folder:
        examples = standard_artifacts.Examples()
        examples.uri = folder
        settings = {"data": config.data.to_json()}
        executor.Executor().Do({}, {"examples": [examples]}, settings)
        spec = DataSpec.load(folder)
        splits = {
            name: example_reader.load_split(folder, name, spec)
            for name in ("train", "eval", "test")
        }
    splits["train"] = _first(splits["train"], num_images)
    return np.array(
        [_correct(config, seed, splits, spec) for seed in range(num_models)]
    )


def _first(split, number: int):
    from tfx_distill.trainer.data.example_reader import Split

    return Split(split.images[:number], split.labels[:number])


def _correct(config, seed: int, splits, spec) -> np.ndarray:
    """Trains one control; bool `(num_test_images,)`."""
    from tfx_distill.trainer.config.distillation_config import DistillationConfig
    from tfx_distill.trainer.data.batches import DistillationData
    from tfx_distill.trainer.distillation import training

    data = {}
    for name in ("train", "eval"):
        shape = len(splits[name]), config.views.count, spec.num_classes
        no_teacher = np.zeros(shape, np.float32)
        data[name] = DistillationData(splits[name], no_teacher, config.views)
    model = training.train_student(
        data["train"],
        data["eval"],
        spec,
        config.student.replace(seed=seed),
        DistillationConfig(student_loss_weight=1.0),
        validate_last_only=True,
    ).model
    test = splits["test"]
    logits = model.predict(test.images[:], batch_size=512, verbose=0)
    return logits.argmax(axis=1) == test.labels


def same_recipe(correct: np.ndarray, seeds: int, number: int) -> dict[str, float]:
    """Compares the recipe with itself; the shares of false verdicts.

    With one seed, these are verdicts on two models, not on the recipe.
    """
    rng = np.random.default_rng(seeds)
    num_models, num_images = correct.shape
    found = []
    for _ in range(number):
        models = rng.permutation(num_models)[: 2 * seeds]
        images = rng.integers(num_images, size=num_images)
        drawn = correct[models][:, images]
        found.append(paired_interval.estimate(drawn[:seeds], drawn[seeds:]))
    return {
        "helped": np.mean([one.low > 0 for one in found]),
        "did_harm": np.mean([one.high < 0 for one in found]),
        "interval_width": round(np.mean([one.high - one.low for one in found]), 5),
    }


def standard_deviations(correct: np.ndarray) -> dict[str, float]:
    """Of one model's accuracy: by its seed, and by its interaction with the images."""
    half = len(correct) // 2
    found = paired_interval.variances(correct[:half], correct[half : 2 * half])
    each = {
        "seed": max(0.0, found.seeds - found.interaction),
        "interaction": found.interaction,
        "both": found.seeds,
    }
    return {name: round(np.sqrt(v * half / 2), 5) for name, v in each.items()}


def _images_alone(v: Variances):
    return np.sqrt(v.images), v.num_images - 1


def _seeds_alone(v: Variances):
    return np.sqrt(v.seeds), v.seed_freedom


def _bootstrap(v: Variances):
    """Images and seeds drawn with replacement: its limit for many draws and images."""
    seeds = 1 + v.seed_freedom / 2
    return np.sqrt(v.images + v.seeds * (seeds - 1) / seeds), np.inf


def _sum(v: Variances):
    """The interaction counts twice."""
    variance = v.images + v.seeds
    spread = v.images**2 / (v.num_images - 1) + v.seeds**2 / v.seed_freedom
    return np.sqrt(variance), variance**2 / spread


METHODS = {
    "images alone": _images_alone,
    "seeds alone, t": _seeds_alone,
    "two-level bootstrap": _bootstrap,
    "images + seeds, Satterthwaite": _sum,
    "images + seeds - interaction, Satterthwaite": paired_interval.standard_error,
}


def coverage(seeds: int, num_images: int, draws: int) -> dict[str, dict[str, float]]:
    """For each method: the coverage of its 95 % interval and its mean width.

    Accuracies are normal, so each variance of seeds is a chi-square.

    Args:
        seeds: At least 2.
        num_images: Degrees of freedom of the images, plus one.
        draws: For each point of the grid.
    """
    rng = np.random.default_rng(seeds)
    freedom = 2 * (seeds - 1)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in METHODS}
    for of_seeds in SEED_VARIANCES:
        for of_images in IMAGE_VARIANCES:
            true = np.sqrt(of_seeds + of_images + 1)
            error = rng.standard_normal(draws) * true
            variances = Variances(
                centre=0.0,
                images=of_images + 1.0,
                seeds=(of_seeds + 1) * rng.chisquare(freedom, draws) / freedom,
                interaction=1.0,
                seed_freedom=freedom,
                num_images=num_images,
            )
            for name, method in METHODS.items():
                scale, degrees = method(variances)
                reach = scale * stats.t.ppf(0.975, degrees)
                covered = np.mean(np.abs(error) <= reach)
                found[name].append((covered, 2 * np.mean(reach) / true))
    return {name: _summary(np.array(rows)) for name, rows in found.items()}


def _summary(rows: np.ndarray) -> dict[str, float]:
    covered, width = rows.T
    return {
        "worst_coverage": round(covered.min(), 4),
        "worst_false_helped": round((1 - covered.min()) / 2, 4),
        "mean_coverage": round(covered.mean(), 4),
        "mean_width_in_sd": round(width.mean(), 3),
    }


def measure(args: argparse.Namespace) -> dict[str, object]:
    """Returns both results; trains the controls unless `args.answers` holds them."""
    from tfx_distill.pipeline.config.loader import load_config

    if args.answers and os.path.exists(args.answers):
        correct = np.load(args.answers)["correct"]
    else:
        config = load_config(args.config, args.overrides)
        correct = trained(config, args.models, args.images)
        if args.answers:
            np.savez(args.answers, correct=correct)
    seeds = [number for number in SEEDS if 2 * number <= len(correct)]
    return {
        "models": len(correct),
        "test_images": correct.shape[1],
        "mean_accuracy": round(correct.mean(), 4),
        "standard_deviations": standard_deviations(correct),
        "comparisons": args.comparisons,
        "same_recipe": {s: same_recipe(correct, s, args.comparisons) for s in seeds},
        "coverage": {
            s: coverage(s, correct.shape[1], args.draws) for s in SEEDS if s > 1
        },
        **machine("tensorflow", "keras", "scipy"),
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", help="as of distill run")
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    parser.add_argument("--models", type=int, default=20)
    parser.add_argument("--images", type=int, default=12_000, help="of train, at most")
    parser.add_argument("--answers", help="file of the trained controls' answers")
    parser.add_argument("--comparisons", type=int, default=COMPARISONS)
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--smoke", action="store_true", help="digits, 4 controls")
    args = parser.parse_args(arguments)
    if args.smoke:
        args.config, args.models, args.images = "smoke", 4, 64
        args.overrides.append("student.epochs=1")
        args.comparisons, args.draws = 20, 5000
    print(json.dumps(measure(args), indent=2))


if __name__ == "__main__":
    main()
