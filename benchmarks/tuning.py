"""What does a search cost with cached answers, against the teacher in every step?

Each trial twice, side by side: as `distill tune` runs it, the computing of the
teacher's answers included; and with the teacher asked about each batch of each
step. Values, batches and augmentation are the same, so both must find the same
accuracies.
Needs MNIST or another `--dataset`; `--smoke` takes the embedded `digits`.
Prints JSON.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import tempfile
import time

_PACKAGES = ("tensorflow", "keras", "keras-tuner")


def measure(
    data_config: dict[str, str | None],
    num_trials: int,
    epochs: int,
    num_teachers: int = 1,
) -> dict[str, object]:
    """Returns the result as a dictionary."""
    from trainer import teacher_logits, tuning
    from trainer.config import DistillationConfig, StudentConfig, ViewsConfig
    from trainer.tuning_config import TuningConfig

    student, distillation, views = StudentConfig(), DistillationConfig(), ViewsConfig()
    config = TuningConfig(algorithm="random", max_trials=num_trials, epochs=epochs)
    config = config.resolved(student, distillation, views)
    with tempfile.TemporaryDirectory() as folder:
        spec, splits, teacher = _prepare(data_config, folder, num_teachers)
        start, start_cpu = time.monotonic(), time.process_time()
        answers = teacher_logits.ask(teacher, splits, views)
        lessons = teacher_logits.lessons(answers, splits, views)
        answers_s = time.monotonic() - start
        answers_cpu_s = time.process_time() - start_cpu
        task = tuning.Task(
            lessons=lessons, spec=spec, student=student, distillation=distillation
        )
        arms = _Arms(teacher)
        began = time.monotonic()
        arms.watch(lambda: tuning.search(task, config, os.path.join(folder, "search")))
        search_s = time.monotonic() - began - sum(arms.cached_s + arms.in_loop_s)
    cached_cpu_s = answers_cpu_s + arms.cached_cpu_s
    cached_s = answers_s + search_s + sum(arms.cached_s)
    in_loop_s = search_s + sum(arms.in_loop_s)
    return {
        "dataset": data_config["dataset"],
        "train_images": len(splits["train"]),
        "trials": len(arms.cached_s),
        "epochs": epochs,
        "teachers": num_teachers,
        "views": views.count,
        "answers_s": round(answers_s, 1),
        "search_s": round(search_s, 1),
        "cached_s": round(cached_s, 1),
        "in_loop_s": round(in_loop_s, 1),
        "cached_s_of_each_trial": [round(s, 1) for s in arms.cached_s],
        "in_loop_s_of_each_trial": [round(s, 1) for s in arms.in_loop_s],
        # Other work on the machine changes wall time, and hardly this.
        "cpu_ratio": round(cached_cpu_s / arms.in_loop_cpu_s, 3),
        "ratio": round(cached_s / in_loop_s, 3),
        "largest_difference_in_accuracy": round(max(arms.differences), 4),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}",
        "versions": {"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in _PACKAGES},
    }


def _prepare(data_config, folder, num_teachers):
    """Specification and splits of the data, and a teacher of one epoch."""
    from tfx.types import standard_artifacts

    from components.tfds_example_gen import executor, source
    from trainer import data, export, training
    from trainer.config import DataConfig, TeacherConfig
    from trainer.data_spec import DataSpec
    from trainer.teachers import Teachers

    config = DataConfig(**data_config)
    source.prepare(config)
    examples = standard_artifacts.Examples()
    examples.uri = os.path.join(folder, "examples")
    executor.Executor().Do({}, {"examples": [examples]}, {"data": config.to_json()})
    spec = DataSpec.load(examples.uri)
    splits = data.load_splits(examples.uri, spec)
    trained = training.train_teacher(
        splits["train"], splits["eval"], spec, TeacherConfig(epochs=1)
    )
    model_dir = os.path.join(folder, "teacher")
    export.save(
        trained.model,
        model_dir,
        role="teacher",
        spec=spec,
        config={},
        history=trained.history,
        seconds=trained.seconds,
    )
    return spec, splits, Teachers([model_dir] * num_teachers)


class _Arms:
    """Runs each trial of a search a second time, right after the first.

    Side by side: a machine that slows down meanwhile slows both.
    """

    def __init__(self, teacher) -> None:
        self._teacher = teacher
        self.cached_s: list[float] = []
        self.in_loop_s: list[float] = []
        self.cached_cpu_s = self.in_loop_cpu_s = 0.0
        self.differences: list[float] = []

    def watch(self, search) -> None:
        from trainer import tuning

        train = tuning.train

        def both(task, values, epochs):
            start, start_cpu = time.monotonic(), time.process_time()
            accuracy = train(task, values, epochs)
            middle, middle_cpu = time.monotonic(), time.process_time()
            other = _train_in_loop(train, task, self._teacher, values, epochs)
            self.cached_s.append(middle - start)
            self.in_loop_s.append(time.monotonic() - middle)
            self.cached_cpu_s += middle_cpu - start_cpu
            self.in_loop_cpu_s += time.process_time() - middle_cpu
            self.differences.append(abs(accuracy - other))
            return accuracy

        tuning.train = both
        try:
            search()
        finally:
            tuning.train = train


def _train_in_loop(train, task, teacher, values, epochs):
    """A trial whose answers come from the teacher, batch by batch."""
    import dataclasses

    import numpy as np

    from trainer import teacher_logits, training
    from trainer.batches import DistillationBatches

    class InLoop(DistillationBatches):
        def __getitem__(self, index):
            images, targets = super().__getitem__(index)
            labels = targets[:, :1]
            return images, np.concatenate([labels, teacher.answers(images)], axis=1)

    # Agreement with the teacher on `eval` is measured once, after the last epoch.
    evaluation = task.lessons["eval"]
    asked = teacher_logits.compute(
        teacher, evaluation.split, dataclasses.replace(evaluation.views, count=1)
    )
    evaluation = dataclasses.replace(evaluation, answers=asked.answers)
    task = dataclasses.replace(task, lessons={**task.lessons, "eval": evaluation})
    training.DistillationBatches = InLoop
    try:
        return train(task, values, epochs)
    finally:
        training.DistillationBatches = DistillationBatches


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--data-dir", help="prepared data sets; default: TFDS's own")
    parser.add_argument(
        "--manual-dir",
        default=os.environ.get("DISTILL_MANUAL_DIR"),
        help="original files; default: $DISTILL_MANUAL_DIR",
    )
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--teachers", type=int, default=1, help="of an ensemble")
    parser.add_argument("--smoke", action="store_true", help="digits, two trials")
    args = parser.parse_args(arguments)
    if args.smoke:
        args.dataset, args.trials, args.epochs = "digits", 2, 1
    data = {
        "dataset": args.dataset,
        "data_dir": args.data_dir,
        "manual_dir": args.manual_dir,
    }
    print(json.dumps(measure(data, args.trials, args.epochs, args.teachers), indent=2))


if __name__ == "__main__":
    main()
