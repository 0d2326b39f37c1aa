"""Unpacks artifacts, has the exported student asked, writes the blessing."""

from __future__ import annotations

import logging
import os
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from tfx_distill.components import property_names
from tfx_distill.components.evaluator.failure_causes import caused_by_models
from tfx_distill.components.servability_validator import budget_decision, probe_process
from tfx_distill.components.servability_validator.servability import (
    Measurement,
    Servability,
)
from tfx_distill.trainer.config.servability_config import ServabilityConfig
from tfx_distill.trainer.data import example_reader
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.export import saved_model, saved_model_files

logger = logging.getLogger(__name__)

SPLIT = "test"
# What TFX's InfraValidator writes and its Pusher reads.
BLESSED_FILE, NOT_BLESSED_FILE = "INFRA_BLESSED", "INFRA_NOT_BLESSED"
_BATCH = 64
_MAX_REASON = 1000


class Executor(base_executor.BaseExecutor):
    """Validates. Inputs `examples`, `model`, `teacher_model`; output `blessing`.

    A fault of a model is a refusal with its reason; a fault of the machine fails
    the node. Neither pushes anything.
    """

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        self._log_startup(input_dict, output_dict, exec_properties)
        config = ServabilityConfig.from_json(exec_properties["servability"])
        model = artifact_utils.get_single_instance(input_dict["model"])
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        if input_dict.get("teacher_model"):
            examples_dir = artifact_utils.get_single_uri(input_dict["examples"])
            teacher_uri = artifact_utils.get_single_uri(input_dict["teacher_model"])
            outcome = _validate(
                path_utils.serving_model_path(model.uri),
                path_utils.serving_model_path(teacher_uri),
                examples_dir,
                config,
            )
        else:
            outcome = budget_decision.refused(
                "there is no teacher to measure the student's speed against"
            )
        _bless(blessing, outcome, model)


def _validate(
    student_dir: str, teacher_dir: str, examples_dir: str, config: ServabilityConfig
) -> Servability:
    spec = DataSpec.load(examples_dir)
    files = example_reader.split_files(examples_dir, SPLIT)
    if not spec.num_examples.get(SPLIT):
        return budget_decision.refused(f"the split {SPLIT} is empty")
    records = example_reader.sample_records(files, SPLIT, spec, config.examples)
    images = example_reader.decode_examples(tf.constant(records), spec).numpy()
    student = Measurement(bytes=saved_model_files.saved_model_bytes(student_dir))
    try:
        trained = saved_model.load_keras(student_dir)
        reference = _logits(trained, images)
    except ModelError as error:
        if not caused_by_models(error):
            raise
        return budget_decision.refused(str(error), student=student)
    asked = probe_process.ask(
        student_dir, teacher_dir, records, images, config.timeout_s
    )
    student = Measurement(
        parameters=trained.count_params(),
        bytes=student.bytes,
        latency=asked.latency.get("student", {}),
    )
    card = saved_model_files.read_card(teacher_dir)
    teacher = Measurement(
        parameters=card.num_parameters if card else None,
        bytes=saved_model_files.saved_model_bytes(teacher_dir),
        latency=asked.latency.get("teacher", {}),
    )
    if asked.fault is not None:
        return budget_decision.refused(asked.fault, student=student, teacher=teacher)
    return budget_decision.decide(
        config,
        answers=asked.answers,
        reference=reference,
        student=student,
        teacher=teacher,
        split=SPLIT,
    )


def _logits(model: keras.Model, images: np.ndarray) -> np.ndarray:
    try:
        return model.predict(images, batch_size=_BATCH, verbose=0)
    except (ValueError, TypeError, tf.errors.OpError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ModelError(
            f"the trained Keras model cannot be asked: {type(error).__name__}: {reason}"
        ) from error


def _bless(
    blessing: types.Artifact, outcome: Servability, model: types.Artifact
) -> None:
    """Writes the decision, with the model that it is about."""
    os.makedirs(blessing.uri, exist_ok=True)
    outcome.save(blessing.uri)
    for reason in outcome.reasons:
        logger.warning("Student not servable: %s", reason)
    name = BLESSED_FILE if outcome.blessed else NOT_BLESSED_FILE
    io_utils.write_string_file(os.path.join(blessing.uri, name), "")
    blessing.set_int_custom_property(property_names.BLESSED, int(outcome.blessed))
    blessing.set_string_custom_property(property_names.BLESSED_MODEL_URI, model.uri)
    blessing.set_int_custom_property(property_names.BLESSED_MODEL_ID, model.id)
    blessing.set_string_custom_property(
        property_names.MODEL_DIGEST,
        saved_model_files.content_digest(path_utils.serving_model_path(model.uri)),
    )
    if outcome.reasons:
        blessing.set_string_custom_property(
            property_names.REASON, "; ".join(outcome.reasons)[:_MAX_REASON]
        )
