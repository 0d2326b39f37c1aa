"""Runs the teacher on the training examples and writes its logits."""

from __future__ import annotations

import json

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from tfx_distill.components import property_names
from tfx_distill.components.execution_inputs import ExecutionInputs
from tfx_distill.trainer import timeline
from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.distillation import logits_files, teacher_logits
from tfx_distill.trainer.distillation.logits_files import Author


class Executor(base_executor.BaseExecutor):
    """Inputs `examples`, `teacher_model` [, `schema`]; output `teacher_logits`."""

    def Do(self, input_dict, output_dict, exec_properties) -> None:
        inputs = ExecutionInputs(input_dict, exec_properties)
        views = ViewsConfig.from_json(exec_properties["views"])
        teachers = inputs.teachers(json.loads(exec_properties["feature_layers"]))
        splits = inputs.training_splits(unlabelled=True)
        predictions = teacher_logits.predict_splits(teachers, splits, views)
        artifact = artifact_utils.get_single_instance(output_dict["teacher_logits"])
        fingerprint = inputs.spec.fingerprint
        with timeline.part("predicting"):
            logits_files.save(artifact.uri, predictions, teachers, views, fingerprint)
        describe(artifact, teachers, inputs.spec, views.count)


def describe(
    artifact: types.Artifact, author: Author, spec: DataSpec, num_views: int
) -> None:
    """Puts into ML Metadata whose logits they are, and of what."""
    texts = {
        "teacher": author.digest,
        property_names.TEACHER_OUTPUTS: ", ".join(author.output_values),
        property_names.DATA_FINGERPRINT: spec.fingerprint,
        property_names.DATASET: spec.dataset,
    }
    for name, text in texts.items():
        artifact.set_string_custom_property(name, text)
    artifact.set_int_custom_property("num_views", num_views)
    artifact.set_int_custom_property("format_version", logits_files.FORMAT_VERSION)
