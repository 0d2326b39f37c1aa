"""Unpacks artifacts, asks students and controls, writes the comparison."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from tfx_distill.trainer.config.training_config import MAX_SEEDS
from tfx_distill.trainer.data import example_reader
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.evaluation import comparison
from tfx_distill.trainer.export import saved_model

STUDENT = "student"
CONTROL = "control"
_SPLIT = "test"


def input_key(role: str, number: int) -> str:
    """The name of the input of the seed `number`, counted from 0."""
    return f"{role}_{number + 1}"


class Executor(base_executor.BaseExecutor):
    """Compares. Inputs `examples`, `student_1`, `control_1` …; output `comparison`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        examples_dir = artifact_utils.get_single_uri(input_dict["examples"])
        spec = DataSpec.load(examples_dir)
        split = example_reader.load_split(
            example_reader.split_files(examples_dir, _SPLIT), _SPLIT, spec
        )
        students, controls = (
            [
                _right(artifact_utils.get_single_uri(input_dict[key]), split)
                for key in (input_key(role, number) for number in range(MAX_SEEDS))
                if input_dict.get(key)
            ]
            for role in (STUDENT, CONTROL)
        )
        result = comparison.compare(students, controls)
        artifact = artifact_utils.get_single_instance(output_dict["comparison"])
        os.makedirs(artifact.uri, exist_ok=True)
        result.save(artifact.uri)
        artifact.set_float_custom_property("difference", result.difference)
        artifact.set_float_custom_property("p_value", result.p_value)
        artifact.set_string_custom_property("conclusion", result.conclusion)


def _right(model_uri: str, split: example_reader.Split) -> np.ndarray:
    """Whether the model is right, bool `(num_examples,)`."""
    predictor = saved_model.Predictor(path_utils.serving_model_path(model_uri))
    return predictor.classes(split.images) == split.labels
