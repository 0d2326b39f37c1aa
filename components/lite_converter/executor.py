"""Converts the student to LiteRT; writes files and scores, and says which may be pushed."""

from __future__ import annotations

import hashlib
import json
import os

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils

from tfx_distill.components import private_copies, property_names
from tfx_distill.components.execution_inputs import ExecutionInputs
from tfx_distill.trainer import file_system
from tfx_distill.trainer.config.lite_config import INT8, LiteConfig
from tfx_distill.trainer.evaluation import lite_evaluation, lite_scores
from tfx_distill.trainer.evaluation.lite_scores import LiteScore
from tfx_distill.trainer.export import lite, saved_model, saved_model_files


class Executor(base_executor.BaseExecutor):
    """Inputs `model`, `examples` [, `schema`]; output `lite_models`."""

    def Do(self, input_dict, output_dict, exec_properties) -> None:
        config = LiteConfig.from_json(exec_properties["lite"])
        inputs = ExecutionInputs(input_dict, exec_properties)
        artifact = artifact_utils.get_single_instance(output_dict["lite_models"])
        with private_copies.made() as copies:
            copied = copies.of(inputs, ["model"], "test")
            model_dir = copied.model_dir("model")
            # All before the scoring, which takes longer: what fails shall fail soon.
            contents = {
                name: _convert(name, model_dir, inputs, config)
                for name in config.flavours
            }
            scores = _write(artifact, contents, copied, config.max_drop)
            digest = saved_model_files.content_digest(model_dir)
            _sign(artifact, contents, scores, digest)


def _write(
    artifact: types.Artifact,
    contents: dict[str, bytes],
    inputs: ExecutionInputs,
    max_drop: float,
) -> dict[str, LiteScore]:
    test = inputs.split("test")
    predictor = saved_model.Predictor(inputs.model_dir("model"))
    classes = predictor.classes(test.images)
    fileio.makedirs(artifact.uri)
    scores = {}
    for name, content in contents.items():
        with fileio.open(lite_scores.file_path(artifact.uri, name), "wb") as file:
            file.write(content)
        scores[name] = lite_evaluation.score(content, test, classes, name, max_drop)
        accuracy = scores[name].accuracy
        artifact.set_float_custom_property(f"{name}_accuracy", accuracy)
    lite_scores.save(scores, artifact.uri)
    return scores


def _sign(
    artifact: types.Artifact,
    contents: dict[str, bytes],
    scores: dict[str, LiteScore],
    model_digest: str,
) -> None:
    """Notes the student and the files that may be pushed with it, for the Pusher."""
    # Of what was measured, and not of what lies in the folder now.
    digests = {
        os.path.basename(lite_scores.file_path("", name)): hashlib.sha256(
            content
        ).hexdigest()
        for name, content in contents.items()
        if scores[name].ok
    }
    path = os.path.join(artifact.uri, lite_scores.FILE_NAME)
    digests[lite_scores.FILE_NAME] = file_system.digest(path)
    notices = [
        f"{name}.tflite is not pushed: its accuracy on test is {score.drop:.4f} below the "
        f"student's, allowed is {score.max_drop} (lite.max_drop)."
        for name, score in scores.items()
        if not score.ok
    ]
    for name, text in (
        (property_names.MODEL_DIGEST, model_digest),
        (property_names.FILE_DIGESTS, json.dumps(digests)),
        (property_names.NOTICES, json.dumps(notices)),
    ):
        artifact.set_string_custom_property(name, text)


def _convert(
    name: str, model_dir: str, inputs: ExecutionInputs, config: LiteConfig
) -> bytes:
    images = None
    if name == INT8:
        images = inputs.sample("train", config.calibration_examples)
    names = inputs.spec.class_names
    return lite.convert(model_dir, name, images, names)
