"""Unpacks artifacts, converts the student, writes files and scores."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from tfx_distill.trainer.config.lite_config import INT8, LiteConfig
from tfx_distill.trainer.data import example_reader
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.evaluation import lite_evaluation, lite_scores
from tfx_distill.trainer.export import lite, saved_model

_CALIBRATION_SPLIT = "train"
_TEST_SPLIT = "test"


class Executor(base_executor.BaseExecutor):
    """Converts. Inputs `model`, `examples`; output `lite_models`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        config = LiteConfig.from_json(exec_properties["lite"])
        examples_dir = artifact_utils.get_single_uri(input_dict["examples"])
        model_uri = artifact_utils.get_single_uri(input_dict["model"])
        model_dir = path_utils.serving_model_path(model_uri)
        artifact = artifact_utils.get_single_instance(output_dict["lite_models"])
        spec = DataSpec.load(examples_dir)
        # All before the scoring, which takes longer: what fails shall fail soon.
        contents = {
            flavour: lite.convert(
                model_dir, flavour, _calibration(flavour, examples_dir, spec, config)
            )
            for flavour in config.flavours
        }
        files = example_reader.split_files(examples_dir, _TEST_SPLIT)
        test = example_reader.load_split(files, _TEST_SPLIT, spec)
        classes = saved_model.Predictor(model_dir).classes(test.images)
        os.makedirs(artifact.uri, exist_ok=True)
        scores = {}
        for flavour, content in contents.items():
            with open(lite_scores.file_path(artifact.uri, flavour), "wb") as file:
                file.write(content)
            scores[flavour] = lite_evaluation.score(content, test, classes, flavour)
            artifact.set_float_custom_property(
                f"{flavour}_accuracy", scores[flavour].accuracy
            )
        lite_scores.save(scores, artifact.uri)


def _calibration(
    flavour: str, examples_dir: str, spec: DataSpec, config: LiteConfig
) -> np.ndarray | None:
    """Training images for a flavour that needs some."""
    if flavour != INT8:
        return None
    split = _CALIBRATION_SPLIT
    files = example_reader.split_files(examples_dir, split)
    return example_reader.load_sample(files, split, spec, config.calibration_examples)
