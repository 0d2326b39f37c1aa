"""Trains the student and writes it."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import keras_tuner
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from tfx_distill.components import property_names
from tfx_distill.components.execution_inputs import ExecutionInputs
from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.config.distillation_config import DistillationConfig
from tfx_distill.trainer.config.section import Section
from tfx_distill.trainer.config.training_config import StudentConfig
from tfx_distill.trainer.data.batches import DistillationData
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.data.raw_images import UNLABELLED
from tfx_distill.trainer.distillation import (
    checkpoints,
    dry_run,
    logits_files,
    teacher_logits,
    training,
)
from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.evaluation import headroom
from tfx_distill.trainer.export import saved_model
from tfx_distill.trainer.models import architectures
from tfx_distill.trainer.tuning import hyperparameters

logger = logging.getLogger(__name__)

CONTROL = "control"


class Executor(base_executor.BaseExecutor):
    """Inputs `examples`, `teacher_model` or `teacher_logits`, …; output `model`."""

    def Do(self, input_dict, output_dict, exec_properties) -> None:
        inputs = ExecutionInputs(input_dict, exec_properties)
        student, distillation = settings(inputs, exec_properties)
        dry_run.check_student(student, distillation, inputs.spec)
        logs_dir = artifact_utils.get_single_uri(output_dict["model_run"])
        checkpoint = checkpoints.path(logs_dir, inputs.identity())
        trained, distillation, evaluation = _train(
            inputs, exec_properties, (student, distillation), logs_dir, checkpoint
        )
        used = {"student": student, "distillation": distillation}
        (model,) = output_dict["model"]
        _write(model, trained, exec_properties["role"], inputs.spec, used)
        if exec_properties["role"] == CONTROL:
            _write_headroom(model, trained, evaluation)
        checkpoints.forget(checkpoint)


def _train(
    inputs: ExecutionInputs,
    exec_properties: dict[str, Any],
    configs: tuple[StudentConfig, DistillationConfig],
    logs_dir: str,
    checkpoint: str,
) -> tuple[training.Trained, DistillationConfig, DistillationData]:
    """Trains the student, or the control; returns what with, and the split `eval`."""
    student, distillation = configs
    is_control = exec_properties["role"] == CONTROL
    widths, data = prepare(
        inputs, exec_properties, distillation, labels_alone=is_control
    )
    if is_control:
        # Everything as the student's, the number of steps too, but from labels alone.
        distillation, widths = DistillationConfig(student_loss_weight=1.0), ()
        data = {k: v.without_features(inputs.spec) for k, v in data.items()}
        data["train"] = _repeated(data["train"], inputs.spec)
    trained = training.train_student(
        data["train"],
        data["eval"],
        inputs.spec,
        student,
        distillation,
        feature_widths=widths,
        task=f"training the {exec_properties['role']}",
        logs_dir=logs_dir,
        checkpoint=checkpoint,
    )
    return trained, distillation, data["eval"]


def _repeated(train: DistillationData, spec: DataSpec) -> DistillationData:
    """The labelled images, as often as the student's epoch has images.

    Each time in a new view: those that the teacher predicted would be so few that the
    control learns them by heart, and needs no teacher to be better than that.
    """
    unlabelled = spec.num_examples.get(UNLABELLED)
    if not unlabelled:
        return train
    size = len(train.split) + unlabelled
    return dataclasses.replace(train, predictions=None, epoch_size=size)


def _write(
    model: types.Artifact,
    trained: training.Trained,
    role: str,
    spec: DataSpec,
    settings: Mapping[str, Section],
) -> None:
    student = dict(settings["student"])
    saved_model.save(
        trained.model,
        path_utils.serving_model_dir(model.uri),
        role=role,
        spec=spec,
        config={name: section.model_dump() for name, section in settings.items()},
        history=trained.history,
        seconds=trained.seconds,
        source=architectures.source(student["model"], student["options"]),
        precision=trained.precision,
    )
    num_parameters = trained.model.count_params()
    model.set_string_custom_property(property_names.DATASET, spec.dataset)
    model.set_string_custom_property("architecture", student["model"])
    model.set_string_custom_property("precision", trained.precision)
    model.set_int_custom_property(property_names.NUM_PARAMETERS, num_parameters)


def _write_headroom(
    model: types.Artifact, trained: training.Trained, evaluation: DistillationData
) -> None:
    """Says whether the teacher is better than this control: else it has no use."""
    batches = evaluation.originals()
    correct = headroom.answers(
        trained.model.predict_on_batch, (batches[n] for n in range(len(batches)))
    )
    headroom.save(model.uri, correct)
    found = headroom.measure(correct["teacher"], [correct["control"]])
    logger.info("%s", found.conclusion)
    model.set_float_custom_property(property_names.HEADROOM, found.difference)
    words = {
        property_names.HEADROOM_CONCLUSION: found.conclusion,
        property_names.NOTICES: json.dumps([found.conclusion]),
    }
    for name, text in words.items():
        model.set_string_custom_property(name, text)


def settings(
    inputs: ExecutionInputs, exec_properties: dict[str, Any]
) -> tuple[StudentConfig, DistillationConfig]:
    """The configured settings, with a tuner's values applied."""
    student = StudentConfig.from_json(exec_properties["student"])
    distillation = DistillationConfig.from_json(exec_properties["distillation"])
    if inputs.has("hyperparameters"):
        path = io_utils.get_only_uri_in_dir(inputs.uri("hyperparameters"))
        tuned = keras_tuner.HyperParameters.from_config(
            json.loads(io_utils.read_string_file(path))
        )
        return hyperparameters.apply(tuned.values, student, distillation)
    return student, distillation


def prepare(
    inputs: ExecutionInputs,
    exec_properties: dict[str, Any],
    distillation: DistillationConfig,
    *,
    labels_alone: bool = False,
) -> tuple[Sequence[int], dict[str, DistillationData]]:
    """The splits `train` and `eval` with teacher logits, computed here if not given.

    Images of the split `unlabelled` are among those of `train`. With `labels_alone` they
    are left out, and no teacher predicts fresh views.

    Returns:
        The widths of the teacher's features, and the data of both splits.

    Raises:
        ModelError: If the teacher does not fit the examples, or the logits are
            another teacher's or of other examples.
    """
    teachers = None
    if inputs.has("teacher_model"):
        teachers = inputs.teachers([pair.teacher for pair in distillation.features])
    if inputs.has("teacher_logits"):
        folder = inputs.uri("teacher_logits")
        predictions, views = logits_files.load(folder, teachers, ("train", "eval"))
        splits = inputs.training_splits(unlabelled=not labels_alone)
    elif teachers is not None:
        views = ViewsConfig.from_json(exec_properties["views"])
        splits = inputs.training_splits(unlabelled=not labels_alone)
        predictions = teacher_logits.predict_splits(teachers, splits, views)
    else:
        raise ModelError("There is no teacher: give teacher_model or teacher_logits.")
    widths = teachers.feature_widths if teachers else ()
    in_loop = None if labels_alone else teachers
    return widths, teacher_logits.join(predictions, splits, views, in_loop)
