"""Searches of a few short trials, on the small data."""

import numpy as np

from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.config.distillation_config import DistillationConfig
from tfx_distill.trainer.config.training_config import StudentConfig
from tfx_distill.trainer.config.tuning_config import TuningConfig
from tfx_distill.trainer.data.batches import DistillationData
from tfx_distill.trainer.tuning import trial_training

STUDENT = StudentConfig(model="small_data.dense", batch_size=16)
RATE = "student.learning_rate"
UNITS = "student.options.units"
TWO_RATES = {RATE: {"choices": [1e-5, 2e-2]}}
MANY_RATES = {RATE: {"min": 1e-3, "max": 1e-2, "sampling": "log"}}


def make_task(spec, train, evaluation, student=STUDENT):
    """A task whose teacher is right and sure."""
    data = {
        name: DistillationData(
            split=split,
            predictions=4 * np.eye(3, dtype=np.float32)[split.labels][:, None],
            views=ViewsConfig(count=1),
        )
        for name, split in (("train", train), ("eval", evaluation))
    }
    return trial_training.Task(
        data=data, spec=spec, student=student, distillation=DistillationConfig()
    )


def config(space=TWO_RATES, **values):
    defaults = {"algorithm": "random", "max_trials": 2, "epochs": 8, "parallel": 1}
    return TuningConfig(space=space, **{**defaults, **values})
