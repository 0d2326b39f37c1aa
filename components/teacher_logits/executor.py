"""Unpacks artifacts, has the teacher asked, writes its answers."""

from __future__ import annotations

import json
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from tfx_distill.components import property_names
from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.config.training_config import AverageConfig
from tfx_distill.trainer.data import example_reader
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.distillation import teacher_logits
from tfx_distill.trainer.models.teachers import Teachers


class Executor(base_executor.BaseExecutor):
    """Asks the teacher. Inputs `examples`, `teacher_model`; output `teacher_logits`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        views = ViewsConfig.from_json(exec_properties["views"])
        average = AverageConfig.from_json(exec_properties["average"])
        layers = json.loads(exec_properties["feature_layers"])
        examples_dir = artifact_utils.get_single_uri(input_dict["examples"])
        spec = DataSpec.load(examples_dir)
        teachers = load_teachers(input_dict["teacher_model"], average, layers)
        # Before the examples are read: a teacher that does not fit fails at once.
        teachers.require_fit(spec)
        artifact = artifact_utils.get_single_instance(output_dict["teacher_logits"])
        splits = example_reader.load_splits(examples_dir, spec)
        predictions = teacher_logits.predict_splits(teachers, splits, views)
        teacher_logits.save(
            artifact.uri, predictions, teachers, views, spec.fingerprint
        )
        artifact.set_string_custom_property("teacher", teachers.digest)
        artifact.set_string_custom_property(
            property_names.DATA_FINGERPRINT, spec.fingerprint
        )
        artifact.set_string_custom_property(property_names.DATASET, spec.dataset)
        artifact.set_int_custom_property("num_views", views.count)
        artifact.set_int_custom_property(
            "format_version", teacher_logits.FORMAT_VERSION
        )


def load_teachers(
    artifacts: list[types.Artifact], average: AverageConfig, layers: list[str]
) -> Teachers:
    """The teachers of the Model artifacts, in the artifacts' order."""
    folders = [path_utils.serving_model_path(artifact.uri) for artifact in artifacts]
    return Teachers(folders, average, layers)
