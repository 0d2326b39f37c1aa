"""Runs the teacher on the training examples and writes its logits."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import apache_beam as beam
from tfx import types
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils

from tfx_distill.components import property_names
from tfx_distill.components.execution_inputs import ExecutionInputs
from tfx_distill.components.teacher_logits import file_work
from tfx_distill.components.teacher_logits.file_work import File, SharedTeacher
from tfx_distill.trainer import timeline
from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.data.example_reader import Split
from tfx_distill.trainer.distillation import logits_files, teacher_logits
from tfx_distill.trainer.distillation.logits_files import Author, Shard


class Executor(base_beam_executor.BaseBeamExecutor):
    """Inputs `examples`, `teacher_model` [, `schema`]; output `teacher_logits`."""

    def Do(self, input_dict, output_dict, exec_properties) -> None:
        inputs = ExecutionInputs(input_dict, exec_properties)
        views = ViewsConfig.from_json(exec_properties["views"])
        layers = json.loads(exec_properties["feature_layers"])
        shared = SharedTeacher(inputs.teacher_files(layers))
        # Held until the end, so that workers in this process need not load it again.
        teacher = shared.loaded()
        artifact = artifact_utils.get_single_instance(output_dict["teacher_logits"])
        uri, fingerprint = artifact.uri, inputs.spec.fingerprint
        files = file_work.large_files(inputs.uri("examples"), inputs.spec, views)
        if files:
            predictions = self._predict_on_beam(shared, files, uri, views)
        else:
            splits = _splits(inputs, views)
            predictions = teacher_logits.predict_splits(teacher, splits, views)
        with timeline.part("predicting"):
            logits_files.save(uri, predictions, teacher, views, fingerprint)
        if files:
            file_work.remove_shards(uri)
        describe(artifact, teacher, inputs.spec, views.count)

    @timeline.part("predicting")
    def _predict_on_beam(
        self,
        teacher: SharedTeacher,
        files: Sequence[File],
        uri: str,
        views: ViewsConfig,
    ) -> dict[str, Iterator[Shard]]:
        with self._make_beam_pipeline() as pipeline:
            _ = (
                pipeline
                | "Files" >> beam.Create(files)
                | "ToWorkers" >> beam.Reshuffle()
                | "Predict" >> beam.ParDo(file_work.PredictFile(uri, teacher, views))
            )
        return file_work.shards(uri, files, teacher.files.spec)


def _splits(inputs: ExecutionInputs, views: ViewsConfig) -> dict[str, Split]:
    if views.fresh:  # `train` is predicted while the student trains
        return {"eval": inputs.split("eval")}
    return inputs.training_splits(unlabelled=True)


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
