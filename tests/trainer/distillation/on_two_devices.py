"""Trains models on one and on two devices, for `test_devices`; writes what came out.

TensorFlow divides a processor into devices before it is first used, so this is a process
of its own.
"""

import json
import pathlib
import sys

import numpy as np
import tensorflow as tf
from small_data import squares

from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.config.distillation_config import DistillationConfig
from tfx_distill.trainer.config.training_config import StudentConfig, TeacherConfig
from tfx_distill.trainer.data.batches import DistillationData
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.distillation import devices, training
from tfx_distill.trainer.export import saved_model

RECIPE = {
    "model": "small_data.dense", "epochs": 3, "batch_size": 30, "learning_rate": 0.02,
    "optimizer": {"name": "sgd", "momentum": 0.9}, "class_weight": {"left": 2.0},
}  # fmt: skip
SPEC = DataSpec(
    dataset="squares", version="1.0.0", image_shape=(8, 8, 1),
    class_names=("left", "right", "both"), num_examples={"train": 96, "eval": 24},
)  # fmt: skip
TRAIN, EVALUATION = squares(96, 1), squares(24, 2)


def train():
    """Trains a teacher, and a student of another one."""
    rng = np.random.default_rng(0)
    data = [
        DistillationData(
            split,
            rng.normal(size=(len(split), 1, 3)).astype(np.float32),
            ViewsConfig(count=1),
        )
        for split in (TRAIN, EVALUATION)
    ]
    teacher = TeacherConfig(max_shift=0, **RECIPE)
    return (
        training.train_teacher(TRAIN, EVALUATION, SPEC, teacher),
        training.train_student(
            *data, SPEC, StudentConfig(**RECIPE), DistillationConfig()
        ),
    )


def outcome(trained, folder):
    """What a model answers once it is exported, its history, and where it was."""
    saved_model.save(
        trained.model, folder, role="model", spec=SPEC, config={},
        history=trained.history, seconds=0.0,
    )  # fmt: skip
    served = tf.saved_model.load(folder).signatures["predict_images"]
    parts = [
        part
        for variable in trained.model.variables
        for part in getattr(variable.value, "values", [variable.value])
    ]
    return {
        "answers": served(images=tf.constant(EVALUATION.images))["logits"]
        .numpy()
        .tolist(),
        "history": trained.history,
        "devices": len({part.device for part in parts}),
    }


def main(folder):
    processor = tf.config.list_physical_devices("CPU")[0]
    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(processor, two)
    results = {}
    for name, found in (("one", []), ("two", tf.config.list_logical_devices("CPU"))):
        devices.found = lambda found=found: found
        results[name] = [
            outcome(one, f"{folder}/{name}-{number}")
            for number, one in enumerate(train())
        ]
    pathlib.Path(folder, "results.json").write_text(json.dumps(results))


if __name__ == "__main__":
    main(sys.argv[1])
