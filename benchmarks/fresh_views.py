"""What do fresh views cost, beside views that the teacher predicts once?

Trains the default student on noise of MNIST's size both ways, from the predictions of a
default teacher. Prints JSON: images that the teacher predicted, and CPU seconds of its
predictions in advance and of the training.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from typing import Any

from measurement import machine


def measure(number: int, epochs: int, count: int) -> dict[str, object]:
    """Returns the result as a dictionary; seconds are of the processor."""
    from tfx_distill.trainer.config.data_config import ViewsConfig

    with tempfile.TemporaryDirectory() as folder:
        world = _World(folder, number, epochs)
        world.run(ViewsConfig(count=1))  # warms up
        cached = world.run(ViewsConfig(count=count))
        fresh = world.run(ViewsConfig(fresh=True))
    totals = [sum(list(one.values())[1:]) for one in (cached, fresh)]
    return {
        "images": number,
        "epochs": epochs,
        "views": count,
        "cached": cached,
        "fresh": fresh,
        "cpu_ratio": round(totals[1] / totals[0], 2),
        **machine("tensorflow", "keras", "numpy"),
    }


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
        self.teachers = Teachers([folder])
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
            "in_advance_s": round(joined - start, 1),
            "training_s": round(end - joined, 1),
        }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=12000)
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--views", type=int, default=4, help="that are predicted once")
    parser.add_argument("--smoke", action="store_true", help="80 images, three epochs")
    args = parser.parse_args(arguments)
    if args.smoke:
        args.images, args.epochs, args.views = 80, 3, 2
    print(json.dumps(measure(args.images, args.epochs, args.views), indent=2))


if __name__ == "__main__":
    main()
