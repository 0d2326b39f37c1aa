"""Compares students with controls on the test split."""

from __future__ import annotations

from typing import Any

from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils

from tfx_distill.components.execution_inputs import ExecutionInputs
from tfx_distill.trainer.config.training_config import MAX_SEEDS
from tfx_distill.trainer.evaluation import comparison, headroom
from tfx_distill.trainer.export import saved_model

STUDENT = "student"
CONTROL = "control"


def input_key(role: str, number: int) -> str:
    """The name of the input of the seed `number`, counted from 0."""
    return f"{role}_{number + 1}"


class Executor(base_executor.BaseExecutor):
    """Inputs `examples`, `student_1`, `control_1` …; output `comparison`."""

    def Do(self, input_dict, output_dict, exec_properties) -> None:
        inputs = ExecutionInputs(input_dict, exec_properties)
        students, controls = (_correct(inputs, role) for role in (STUDENT, CONTROL))
        keys = [input_key(CONTROL, number) for number in range(len(controls))]
        found = headroom.load([inputs.uri(key) for key in keys])
        result = comparison.compare(students, controls, found)
        artifact = artifact_utils.get_single_instance(output_dict["comparison"])
        fileio.makedirs(artifact.uri)
        result.save(artifact.uri)
        artifact.set_float_custom_property("difference", result.difference)
        artifact.set_float_custom_property("p_value", result.p_value)
        artifact.set_string_custom_property("conclusion", result.conclusion)


def _correct(inputs: ExecutionInputs, role: str) -> list[Any]:
    """For each model of a role, whether it classifies the images correctly.

    Returns:
        bool `(num_examples,)` for each.
    """
    split = inputs.split("test")
    keys = [input_key(role, number) for number in range(MAX_SEEDS)]
    predictors = [
        saved_model.Predictor(inputs.model_dir(key)) for key in keys if inputs.has(key)
    ]
    return [model.classes(split.images) == split.labels for model in predictors]
