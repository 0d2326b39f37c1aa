"""Unpacks artifacts, has the student trained, writes it."""

from __future__ import annotations

import json
from typing import Any

import keras_tuner
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from tfx_distill.components import property_names
from tfx_distill.components.teacher_logits.executor import load_teachers
from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.config.distillation_config import DistillationConfig
from tfx_distill.trainer.config.training_config import AverageConfig, StudentConfig
from tfx_distill.trainer.data import example_reader
from tfx_distill.trainer.data.batches import DistillationData
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.distillation import teacher_logits, training
from tfx_distill.trainer.export import saved_model
from tfx_distill.trainer.models.teachers import Teachers
from tfx_distill.trainer.tuning import hyperparameters

CONTROL = "control"

Artifacts = dict[str, list[types.Artifact]]


class Executor(base_executor.BaseExecutor):
    """Trains the student. Inputs `examples`, `teacher_model`; output `model`."""

    def Do(
        self,
        input_dict: Artifacts,
        output_dict: Artifacts,
        exec_properties: dict[str, Any],
    ) -> None:
        student, distillation = settings(input_dict, exec_properties)
        spec, teachers, data = prepare(input_dict, exec_properties, distillation)
        widths = teachers.feature_widths
        if exec_properties["role"] == CONTROL:
            # Everything as the student's, but from labels alone.
            distillation, widths = DistillationConfig(student_loss_weight=1.0), ()
            data = {k: v.without_features(spec) for k, v in data.items()}
        trained = training.train_student(
            data["train"],
            data["eval"],
            spec,
            student,
            distillation,
            feature_widths=widths,
            logs_dir=artifact_utils.get_single_uri(output_dict["model_run"]),
            task=f"training the {exec_properties['role']}",
        )
        model = artifact_utils.get_single_instance(output_dict["model"])
        saved_model.save(
            trained.model,
            path_utils.serving_model_dir(model.uri),
            role=exec_properties["role"],
            spec=spec,
            config={
                "student": student.model_dump(),
                "distillation": distillation.model_dump(),
            },
            history=trained.history,
            seconds=trained.seconds,
        )
        model.set_string_custom_property(property_names.DATASET, spec.dataset)
        model.set_string_custom_property("architecture", student.model)
        model.set_int_custom_property(
            property_names.NUM_PARAMETERS, trained.model.count_params()
        )


def settings(
    input_dict: Artifacts, exec_properties: dict[str, Any]
) -> tuple[StudentConfig, DistillationConfig]:
    """The configured settings, with a tuner's values laid over them."""
    student = StudentConfig.from_json(exec_properties["student"])
    distillation = DistillationConfig.from_json(exec_properties["distillation"])
    if input_dict.get("hyperparameters"):
        folder = artifact_utils.get_single_uri(input_dict["hyperparameters"])
        text = io_utils.read_string_file(io_utils.get_only_uri_in_dir(folder))
        tuned = keras_tuner.HyperParameters.from_config(json.loads(text))
        student, distillation = hyperparameters.apply(
            tuned.values, student, distillation
        )
    return student, distillation


def prepare(
    input_dict: Artifacts,
    exec_properties: dict[str, Any],
    distillation: DistillationConfig,
) -> tuple[DataSpec, Teachers, dict[str, DistillationData]]:
    """Examples joined with the teacher's answers, computed here if not given.

    Raises:
        ModelError: If the teacher does not fit the examples, or the answers are
            another teacher's or of other examples.
    """
    examples_dir = artifact_utils.get_single_uri(input_dict["examples"])
    spec = DataSpec.load(examples_dir)
    teachers = load_teachers(
        input_dict["teacher_model"],
        AverageConfig.from_json(exec_properties["average"]),
        [pair.teacher for pair in distillation.features],
    )
    # Before the examples are read: a teacher that does not fit fails at once.
    teachers.require_fit(spec)
    views = ViewsConfig.from_json(exec_properties["views"])
    given = input_dict.get("teacher_logits")
    if given:
        folder = artifact_utils.get_single_uri(given)
        predictions, views = teacher_logits.load(folder, teachers, ("train", "eval"))
    splits = example_reader.load_splits(examples_dir, spec)
    if not given:
        predictions = teacher_logits.predict_splits(teachers, splits, views)
    return spec, teachers, teacher_logits.join(predictions, splits, views)
