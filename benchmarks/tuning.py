"""What does a search cost with stored predictions, and with the teacher in each step?

Runs the same search twice, as `distill tune` does: on stored predictions, including
the time to compute them, and with the teacher predicting each batch of each step.
Values, batches and augmentation are equal, so both must find the same accuracies.
Needs MNIST or another `--dataset`; `--smoke` uses the embedded `digits`. Prints JSON.
"""

from __future__ import annotations

import json
import os
import tempfile
from typing import Any

from measurement import data_parser, data_settings, figure, machine, timed

_AT_MOST = 0.35


def measure(
    data_config: dict[str, str | None],
    num_trials: int,
    epochs: int,
    num_teachers: int = 1,
    parallel: int | None = None,
) -> dict[str, object]:
    """Returns the result as a dictionary."""
    from tfx_distill.trainer.config.data_config import ViewsConfig
    from tfx_distill.trainer.config.distillation_config import DistillationConfig
    from tfx_distill.trainer.config.training_config import StudentConfig
    from tfx_distill.trainer.config.tuning_config import TuningConfig

    student, distillation, views = StudentConfig(), DistillationConfig(), ViewsConfig()
    given = {"parallel": parallel} if parallel else {}
    config = TuningConfig(
        algorithm="random", max_trials=num_trials, epochs=epochs, **given
    )
    config = config.resolved(student, distillation, views)
    with tempfile.TemporaryDirectory() as folder:
        prepared = _prepare(data_config, folder, num_teachers)
        searches = _searches(prepared, folder, config, student, distillation, views)
    return {
        "dataset": data_config["dataset"],
        "train_images": len(prepared[1]["train"]),
        "parallel": config.parallel,
        "epochs": epochs,
        "teachers": num_teachers,
        "views": views.count,
        **searches,
        **machine("tensorflow", "keras", "keras-tuner", "loky"),
    }


def _searches(prepared, folder, config, student, distillation, views):
    """Times both searches, and checks that they try the same values."""
    from tfx_distill.trainer.distillation import teacher_logits
    from tfx_distill.trainer.models.teachers import Teachers
    from tfx_distill.trainer.tuning import hyperparameter_search
    from tfx_distill.trainer.tuning.trial_training import Task

    spec, splits, teacher_dirs = prepared
    teachers = Teachers(teacher_dirs)
    predictions = teacher_logits.predict_splits(teachers, splits, views)
    data, predictions_s, predictions_cpu_s = timed(
        lambda: teacher_logits.join(predictions, splits, views)
    )

    def search(name, data):
        task = Task(data=data, spec=spec, student=student, distillation=distillation)
        directory = os.path.join(folder, name)
        return timed(lambda: hyperparameter_search.search(task, config, directory))

    stored, stored_s, stored_cpu_s = search("stored", data)
    in_loop, in_loop_s, in_loop_cpu_s = search("in_loop", _in_loop(data, teacher_dirs))
    ran = _pairs(stored, in_loop)
    return {
        "trials": len(ran),
        "answers_s": round(predictions_s, 1),
        "cached_s": round(predictions_s + stored_s, 1),
        "in_loop_s": round(in_loop_s, 1),
        "cached_s_of_each_trial": [round(one.seconds, 1) for one, _ in ran],
        "in_loop_s_of_each_trial": [round(other.seconds, 1) for _, other in ran],
        "figures": [
            _ratio(
                "processor seconds", predictions_cpu_s + stored_cpu_s, in_loop_cpu_s
            ),
            _ratio("seconds", predictions_s + stored_s, in_loop_s),
        ],
        "largest_difference_in_accuracy": round(
            max(abs(one.objective - other.objective) for one, other in ran), 4
        ),
    }


def _pairs(stored: Any, in_loop: Any) -> list[Any]:
    """The trials that ran in both searches."""
    pairs = list(zip(stored.trials, in_loop.trials, strict=True))
    for one, other in pairs:
        assert one.values == other.values, "the searches differ"
    return [pair for pair in pairs if pair[0].objective is not None]


def _ratio(what: str, cached: float, in_loop: float) -> dict[str, Any]:
    return figure(f"{what}, cached / in loop", [cached / in_loop], at_most=_AT_MOST)


def _prepare(data_config, folder, num_teachers):
    """Specification and splits of the data, and folders of a teacher of one epoch."""
    from tfx.types import standard_artifacts

    from tfx_distill.components.example_gen import executor
    from tfx_distill.components.tfds_example_gen import dataset_source
    from tfx_distill.trainer.config.data_config import DataConfig
    from tfx_distill.trainer.config.training_config import TeacherConfig
    from tfx_distill.trainer.data import example_reader
    from tfx_distill.trainer.data.data_spec import DataSpec
    from tfx_distill.trainer.distillation import training
    from tfx_distill.trainer.export import saved_model

    config = DataConfig(**data_config)
    dataset_source.prepare(config)
    examples = standard_artifacts.Examples()
    examples.uri = os.path.join(folder, "examples")
    executor.Executor().Do({}, {"examples": [examples]}, {"data": config.to_json()})
    spec = DataSpec.load(examples.uri)
    splits = example_reader.load_splits(examples.uri, spec)
    trained = training.train_teacher(
        splits["train"], splits["eval"], spec, TeacherConfig(epochs=1)
    )
    model_dir = os.path.join(folder, "teacher")
    saved_model.save(
        trained.model,
        model_dir,
        role="teacher",
        spec=spec,
        config={},
        history=trained.history,
        seconds=trained.seconds,
    )
    return spec, splits, [model_dir] * num_teachers


def _in_loop(data, teacher_dirs):
    """The same data, with the teacher predicting each batch."""
    import numpy as np

    from tfx_distill.trainer.data.batches import DistillationData
    from tfx_distill.trainer.models.teachers import Teachers

    loaded = []

    def teachers():
        """Loaded on first use, by each process that trains."""
        if not loaded:
            loaded.append(Teachers(teacher_dirs))
        return loaded[0]

    class InLoop(DistillationData):
        def batch(self, examples, view):
            images, targets = super().batch(examples, view)
            predictions = teachers().predict(images)
            return images, np.concatenate([targets[:, :1], predictions], axis=1)

    return {name: InLoop(**vars(split)) for name, split in data.items()}


def main(arguments: list[str] | None = None) -> None:
    parser = data_parser(__doc__, smoke="digits, two trials")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument(
        "--teachers", type=int, default=1, help="number of teachers in the ensemble"
    )
    parser.add_argument(
        "--parallel", type=int, help="trials in parallel; default: as in a search"
    )
    args = parser.parse_args(arguments)
    if args.smoke:
        args.trials, args.epochs = 2, 1
    data = data_settings(args)
    result = measure(data, args.trials, args.epochs, args.teachers, args.parallel)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
