"""Unpacks artifacts, has the teachers joined."""

from __future__ import annotations

from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from tfx_distill.trainer.config.training_config import MAX_TEACHERS, AverageConfig
from tfx_distill.trainer.models import ensemble


def input_key(number: int) -> str:
    """The name of the input of the teacher `number`, counted from 0."""
    return f"teacher_{number + 1}"


class Executor(base_executor.BaseExecutor):
    """Joins the teachers. Inputs `teacher_1`, `teacher_2` …; output `model`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        average = AverageConfig.from_json(exec_properties["average"])
        keys = [input_key(number) for number in range(MAX_TEACHERS)]
        folders = [
            path_utils.serving_model_path(
                artifact_utils.get_single_uri(input_dict[key])
            )
            for key in keys
            if input_dict.get(key)
        ]
        model_dir = artifact_utils.get_single_uri(output_dict["model"])
        ensemble.save(folders, average, path_utils.serving_model_dir(model_dir))
