"""Joins several teachers into one model."""

from __future__ import annotations

from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from tfx_distill.components.execution_inputs import ExecutionInputs
from tfx_distill.trainer.config.ensemble_config import MAX_TEACHERS, AverageConfig
from tfx_distill.trainer.models import ensemble


def input_key(number: int) -> str:
    """The name of the input of the teacher `number`, counted from 0."""
    return f"teacher_{number + 1}"


class Executor(base_executor.BaseExecutor):
    """Inputs `teacher_1`, `teacher_2` …; output `model`."""

    def Do(self, input_dict, output_dict, exec_properties) -> None:
        inputs = ExecutionInputs(input_dict, exec_properties)
        average = AverageConfig.from_json(exec_properties["average"])
        keys = [input_key(number) for number in range(MAX_TEACHERS)]
        folders = [inputs.model_dir(key) for key in keys if inputs.has(key)]
        model_dir = artifact_utils.get_single_uri(output_dict["model"])
        ensemble.save(folders, average, path_utils.serving_model_dir(model_dir))
