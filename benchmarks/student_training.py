"""What does a student's training cost, by who answers its images and when?

Trains the default student on noise of MNIST's size, for as many epochs each: from views
that a default teacher predicted once, on fresh views that the teacher predicts in each
step, and with Keras's own `keras.distillation.Distiller`, which runs the teacher in each
step on the images as they are. Prints JSON: images that the teacher predicted, and CPU
seconds of its predictions in advance and of the training.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from typing import Any

from measurement import figure, machine, ratios


def measure(number: int, epochs: int, count: int, rounds: int = 3) -> dict[str, object]:
    """Returns the result as a dictionary; seconds are of the processor."""
    from tfx_distill.trainer.config.data_config import ViewsConfig

    with tempfile.TemporaryDirectory() as folder:
        world = _World(folder, number, epochs)
        world.run(ViewsConfig(count=1))  # warms up
        ways = {
            "cached": lambda: world.run(ViewsConfig(count=count)),
            "fresh": lambda: world.run(ViewsConfig(fresh=True)),
            "distiller": world.distiller,
        }
        found: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, work in ways.items():
                found[name].append(work())
    seconds = {name: [_seconds(one) for one in runs] for name, runs in found.items()}
    return {
        "images": number,
        "epochs": epochs,
        "views": count,
        "figures": [figure(name, took, "s") for name, took in seconds.items()]
        + [
            figure(f"cached / {name}", ratios(seconds["cached"], took))
            for name, took in seconds.items()
            if name != "cached"
        ],
        **{name: runs[-1] for name, runs in found.items()},
        **machine("tensorflow", "keras", "numpy"),
    }


def _seconds(run: dict[str, float]) -> float:
    return run["in_advance_s"] + run["training_s"]


class _World:
    """A teacher, images, and a student's recipe."""

    def __init__(self, folder: str, number: int, epochs: int) -> None:
        import numpy as np

        from tfx_distill.trainer.config.training_config import (
            StudentConfig,
            TeacherConfig,
        )
        from tfx_distill.trainer.data.data_spec import DataSpec
        from tfx_distill.trainer.data.example_reader import Split
        from tfx_distill.trainer.export import saved_model
        from tfx_distill.trainer.models import architectures
        from tfx_distill.trainer.models.teachers import Teachers

        classes = tuple("0123456789")
        self.spec = DataSpec(
            dataset="noise", version="", image_shape=(28, 28, 1), class_names=classes,
            num_examples={},
        )  # fmt: skip
        rng = np.random.default_rng(0)
        images = rng.integers(0, 256, (number, 28, 28, 1), np.uint8)
        labels = rng.integers(0, 10, number).astype(np.int32)
        small = slice(0, number // 10)
        self.splits = {
            "train": Split(images, labels),
            "eval": Split(images[small], labels[small]),
        }
        path = TeacherConfig().model
        model = architectures.build(path, self.spec.image_shape, len(classes))
        saved_model.save(
            model, folder, role="teacher", spec=self.spec, config={}, history={},
            seconds=0.0,
        )  # fmt: skip
        self.teacher, self.teachers = model, Teachers([folder])
        self.student = StudentConfig(epochs=epochs)

    def run(self, views: Any) -> dict[str, float]:
        """Predicts and trains; returns what it took."""
        from tfx_distill.trainer.config.distillation_config import DistillationConfig
        from tfx_distill.trainer.distillation import teacher_logits, training

        start = time.process_time()
        answers = teacher_logits.predict_splits(self.teachers, self.splits, views)
        data = teacher_logits.join(answers, self.splits, views, self.teachers)
        joined = time.process_time()
        training.train_student(
            data["train"], data["eval"], self.spec, self.student, DistillationConfig()
        )
        end = time.process_time()
        passes = self.student.epochs if views.fresh else views.count
        return {
            "predicted_images": passes * len(self.splits["train"]),
            "in_advance_s": round(joined - start, 2),
            "training_s": round(end - joined, 2),
        }

    def distiller(self) -> dict[str, float]:
        """Trains with Keras's class; returns what it took."""
        import keras

        from tfx_distill.trainer.config.distillation_config import DistillationConfig
        from tfx_distill.trainer.models import architectures

        config, recipe = self.student, DistillationConfig()
        start = time.process_time()
        classes = self.spec.num_classes
        student = architectures.build(config.model, self.spec.image_shape, classes)
        losses = keras.distillation.LogitsDistillation(recipe.temperature)
        model = keras.distillation.Distiller(
            self.teacher,
            student,
            losses,
            student_loss_weight=recipe.student_loss_weight,
        )
        model.compile(
            keras.optimizers.Adam(config.learning_rate),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        train, evaluation = self.splits["train"], self.splits["eval"]
        model.fit(
            train.images, train.labels, config.batch_size, config.epochs, verbose=0,
            validation_data=(evaluation.images, evaluation.labels),
        )  # fmt: skip
        return {
            "predicted_images": config.epochs * (len(train) + len(evaluation)),
            "in_advance_s": 0.0,
            "training_s": round(time.process_time() - start, 2),
        }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=12000)
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--views", type=int, default=4, help="that are predicted once")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--smoke", action="store_true", help="80 images, three epochs")
    args = parser.parse_args(arguments)
    if args.smoke:
        args.images, args.epochs, args.views, args.rounds = 80, 3, 2, 1
    result = measure(args.images, args.epochs, args.views, args.rounds)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
