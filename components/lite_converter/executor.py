"""Converts the student to LiteRT; writes files and scores."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils

from tfx_distill.components.execution_inputs import ExecutionInputs
from tfx_distill.trainer.config.lite_config import INT8, LiteConfig
from tfx_distill.trainer.evaluation import lite_evaluation, lite_scores
from tfx_distill.trainer.export import lite, saved_model


class Executor(base_executor.BaseExecutor):
    """Inputs `model`, `examples` [, `schema`]; output `lite_models`."""

    def Do(self, input_dict, output_dict, exec_properties) -> None:
        config = LiteConfig.from_json(exec_properties["lite"])
        inputs = ExecutionInputs(input_dict, exec_properties)
        # All before the scoring, which takes longer: what fails shall fail soon.
        contents = {name: _convert(name, inputs, config) for name in config.flavours}
        artifact = artifact_utils.get_single_instance(output_dict["lite_models"])
        _write(artifact, contents, inputs)


def _write(
    artifact: types.Artifact, contents: dict[str, bytes], inputs: ExecutionInputs
) -> None:
    test = inputs.split("test")
    predictor = saved_model.Predictor(inputs.model_dir("model"))
    classes = predictor.classes(test.images)
    fileio.makedirs(artifact.uri)
    scores = {}
    for name, content in contents.items():
        with fileio.open(lite_scores.file_path(artifact.uri, name), "wb") as file:
            file.write(content)
        scores[name] = lite_evaluation.score(content, test, classes, name)
        accuracy = scores[name].accuracy
        artifact.set_float_custom_property(f"{name}_accuracy", accuracy)
    lite_scores.save(scores, artifact.uri)


def _convert(name: str, inputs: ExecutionInputs, config: LiteConfig) -> bytes:
    images = None
    if name == INT8:
        images = inputs.sample("train", config.calibration_examples)
    names = inputs.spec.class_names
    return lite.convert(inputs.model_dir("model"), name, images, names)
