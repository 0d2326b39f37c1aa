"""Runs the exported student, checks it against its bounds, writes the blessing."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping

import keras
import numpy as np
import tensorflow as tf
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from tfx_distill.components import private_copies, property_names, refusal_reasons
from tfx_distill.components.component_specs import (
    STUDENT_SIGNATURE,
    TEACHER_SIGNATURE,
)
from tfx_distill.components.execution_inputs import (
    ExecutionInputs,
    note_verdict,
    servable,
)
from tfx_distill.components.servability_validator import budget_decision, probe_process
from tfx_distill.components.servability_validator.servability import (
    Measurement,
    Servability,
)
from tfx_distill.trainer import model_faults
from tfx_distill.trainer.config.examples_config import SignatureConfig
from tfx_distill.trainer.config.servability_config import ServabilityConfig
from tfx_distill.trainer.data import example_reader, example_records
from tfx_distill.trainer.export import keras_files, saved_model, saved_model_files

logger = logging.getLogger(__name__)

SPLIT = "test"
# What TFX's InfraValidator writes and its Pusher reads.
BLESSED_FILE, NOT_BLESSED_FILE = "INFRA_BLESSED", "INFRA_NOT_BLESSED"
_BATCH = 64


class Executor(base_executor.BaseExecutor):
    """Inputs `examples`, `model` [, `teacher_model`, `schema`]; output `blessing`.

    A model's fault is a refusal with its reason; the machine's fault fails the node.
    Neither pushes anything.
    """

    def Do(self, input_dict, output_dict, exec_properties) -> None:
        self._log_startup(input_dict, output_dict, exec_properties)
        config = ServabilityConfig.from_json(exec_properties["servability"])
        inputs = ExecutionInputs(input_dict, exec_properties)
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        outcome = private_copies.judge(
            inputs,
            blessing,
            ["model", "teacher_model"],
            SPLIT,
            work=lambda copied, _: _validate(copied, config),
            refused=budget_decision.refused,
        )
        _bless(blessing, outcome, inputs.artifact("model"))


def _validate(inputs: ExecutionInputs, config: ServabilityConfig) -> Servability:
    spec, uri = inputs.spec, inputs.uri("examples")
    # Without a model of the teacher, no bound may need one.
    if not (inputs.has("teacher_model") or config.max_times_teacher is None):
        return budget_decision.refused(
            "there is no teacher to measure the student's speed against"
        )
    if not spec.num_examples.get(SPLIT):
        return budget_decision.refused(f"the split {spec.split_name(SPLIT)} is empty")
    records = example_reader.sample_records(uri, SPLIT, spec, config.examples)
    images = example_records.decode_examples(tf.constant(records), spec).numpy()
    student = _Model(inputs, "model", STUDENT_SIGNATURE)
    reference = student.logits(images)
    teacher = None
    if inputs.has("teacher_model"):
        teacher = _Model(inputs, "teacher_model", TEACHER_SIGNATURE)
    with student.servable() as student_dir, _servable(teacher) as teacher_dir:
        probed = probe_process.run(
            student_dir, teacher_dir, records, images, config.timeout_s
        )
    costs = {
        role: model.cost(probed.latency.get(role, {}))
        for role, model in (("student", student), ("teacher", teacher))
        if model is not None
    }
    if probed.fault is not None:
        return budget_decision.refused(probed.fault, **costs)
    return budget_decision.decide(
        config,
        replies=probed.replies,
        reference=reference,
        split=spec.split_name(SPLIT),
        **costs,
    )


class _Model:
    """Student or teacher: written by this package, or anyone's and adapted."""

    def __init__(self, inputs: ExecutionInputs, key: str, signature: str) -> None:
        self._artifact = inputs.artifact(key)
        self._folder = inputs.model_dir(key)
        self._card = saved_model_files.read_card(self._folder)
        self._trained: keras.Model | None = None
        self._predictor: saved_model.Predictor | None = None
        if self._card is None or inputs.signature(signature) != SignatureConfig():
            self._predictor = inputs.predictor(self._folder, signature)

    def logits(self, images: np.ndarray) -> np.ndarray:
        """What a server must return: of the trained Keras model, if there is one."""
        if self._predictor is not None:
            return self._predictor.logits(images)
        self._trained = keras_files.load(self._folder)
        return _logits(self._trained, images)

    def cost(self, latency: Mapping[str, Mapping[str, float]]) -> Measurement:
        parameters = self._card.num_parameters if self._card else None
        if self._trained is not None:
            parameters = self._trained.count_params()
        elif self._predictor is not None:
            parameters = self._predictor.num_parameters
        size = saved_model_files.saved_model_bytes(self._folder)
        return Measurement(parameters=parameters, bytes=size, latency=latency)

    @contextlib.contextmanager
    def servable(self) -> Iterator[str]:
        """The folder that is served: the model's, or of an adapted copy."""
        if self._predictor is None:
            yield self._folder
            return
        with tempfile.TemporaryDirectory(prefix="adapted-model-") as folder:
            copy = servable(self._predictor, self._artifact, folder)
            yield path_utils.serving_model_path(copy.uri)


def _servable(model: _Model | None) -> contextlib.AbstractContextManager[str | None]:
    return model.servable() if model else contextlib.nullcontext()


def _logits(model: keras.Model, images: np.ndarray) -> np.ndarray:
    with model_faults.raised_by("the trained Keras model fails"):
        return model.predict(images, batch_size=_BATCH, verbose=0)


def _bless(
    blessing: types.Artifact, outcome: Servability, model: types.Artifact
) -> None:
    """Writes the decision, with the model that it is about."""
    fileio.makedirs(blessing.uri)
    note_verdict(blessing, outcome)
    for reason in outcome.reasons:
        logger.warning("Student not servable: %s", reason)
    name = BLESSED_FILE if outcome.blessed else NOT_BLESSED_FILE
    io_utils.write_string_file(os.path.join(blessing.uri, name), "")
    blessing.set_int_custom_property(property_names.BLESSED, int(outcome.blessed))
    blessing.set_string_custom_property(property_names.BLESSED_MODEL_URI, model.uri)
    blessing.set_int_custom_property(property_names.BLESSED_MODEL_ID, model.id)
    if outcome.reasons:
        blessing.set_string_custom_property(
            property_names.REASON, refusal_reasons.joined(outcome.reasons)
        )
