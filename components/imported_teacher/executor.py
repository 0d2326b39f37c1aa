"""Adapts and measures a model that exists already, and writes it as a teacher."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from tfx_distill.components import property_names
from tfx_distill.components.execution_inputs import ExecutionInputs
from tfx_distill.trainer.config.imported_config import ImportedConfig
from tfx_distill.trainer.evaluation import teacher_check
from tfx_distill.trainer.evaluation.teacher_check import TeacherCheck
from tfx_distill.trainer.export import model_sources, saved_model_files
from tfx_distill.trainer.export.saved_model_files import Origin
from tfx_distill.trainer.progress import Progress, report


class Executor(base_executor.BaseExecutor):
    """Inputs `examples`, `source` [, `schema`]; output `model`."""

    def Do(self, input_dict, output_dict, exec_properties) -> None:
        inputs = ExecutionInputs(input_dict, exec_properties)
        path, function = inputs.uri("source"), exec_properties.get("function") or ""
        config = ImportedConfig.from_json(exec_properties["imported"])
        source = model_sources.open_model(path, function, config, inputs.spec)
        images, labels = teacher_check.sample(inputs.split("eval"))
        model, found = teacher_check.check(
            source, inputs.spec, config, images, labels, thorough=False
        )
        found.require_fit()
        origin = found.origin(saved_model_files.source_digest(path))
        artifact = artifact_utils.get_single_instance(output_dict["model"])
        folder = path_utils.serving_model_dir(artifact.uri)
        model.save(folder, found.settings, origin)
        _tell(artifact, found, origin)


def _tell(artifact: types.Artifact, found: TeacherCheck, origin: Origin) -> None:
    """Shows what was measured, and records where the model comes from."""
    for text in (found.summary, *found.found):
        report(Progress("importing the teacher", 1, 1, text, milestone=True))
    artifact.set_string_custom_property(property_names.IMPORTED_FROM, origin.place)
    artifact.set_string_custom_property(property_names.CONTENT_DIGEST, origin.digest)
