"""Unpacks artifacts, has the student trained, writes it."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import keras_tuner
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from trainer import data, export, hyperparameters, training
from trainer.config import DistillationConfig, StudentConfig
from trainer.data_spec import DataSpec


class Executor(base_executor.BaseExecutor):
    """Trains the student. Inputs `examples`, `teacher_model`; output `model`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        student, distillation = _settings(input_dict, exec_properties)
        examples_dir = artifact_utils.get_single_uri(input_dict["examples"])
        spec = DataSpec.load(examples_dir)
        teacher_artifact = artifact_utils.get_single_instance(
            input_dict["teacher_model"]
        )
        teacher = export.Predictor(path_utils.serving_model_path(teacher_artifact.uri))
        # Before the examples are read: a teacher that does not fit fails at once.
        training.require_fit(teacher, spec)
        splits = {
            name: data.load_split(data.split_files(examples_dir, name), name, spec)
            for name in ("train", "eval")
        }
        trained = training.train_student(
            teacher,
            splits["train"],
            splits["eval"],
            spec,
            student,
            distillation,
            artifact_utils.get_single_uri(output_dict["model_run"]),
        )
        model = artifact_utils.get_single_instance(output_dict["model"])
        export.save(
            trained.model,
            path_utils.serving_model_dir(model.uri),
            role="student",
            spec=spec,
            config={
                "student": dataclasses.asdict(student),
                "distillation": dataclasses.asdict(distillation),
            },
            history=trained.history,
            seconds=trained.seconds,
        )
        model.set_string_custom_property("dataset", spec.dataset)
        model.set_string_custom_property("architecture", student.model)
        model.set_int_custom_property("num_parameters", trained.model.count_params())


def _settings(
    input_dict: dict[str, list[types.Artifact]], exec_properties: dict[str, Any]
) -> tuple[StudentConfig, DistillationConfig]:
    student = StudentConfig.from_json(exec_properties["student"])
    distillation = DistillationConfig.from_json(exec_properties["distillation"])
    if not input_dict.get("hyperparameters"):
        return student, distillation
    folder = artifact_utils.get_single_uri(input_dict["hyperparameters"])
    text = io_utils.read_string_file(io_utils.get_only_uri_in_dir(folder))
    tuned = keras_tuner.HyperParameters.from_config(json.loads(text))
    return hyperparameters.apply(tuned.values, student, distillation)
