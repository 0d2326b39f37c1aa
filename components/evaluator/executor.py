"""TFX's Evaluator executor, made to fail closed."""

from __future__ import annotations

import json
import logging
import os
from typing import Any

import numpy as np
from tfx import types
from tfx.components.evaluator import constants
from tfx.components.evaluator import executor as tfx_executor
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from tfx_distill.components import property_names
from tfx_distill.components.checks import OVERALL
from tfx_distill.components.evaluator import (
    failure_causes,
    gate_decision,
    inference,
    margin_check,
    verdict,
)
from tfx_distill.components.evaluator.predictions import Predictions
from tfx_distill.trainer.config.gate_config import GateConfig
from tfx_distill.trainer.data import example_reader
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.errors import DistillError
from tfx_distill.trainer.export import saved_model_files

logger = logging.getLogger(__name__)

Artifacts = dict[str, list[types.Artifact]]


class Executor(tfx_executor.Executor):
    """Evaluates student against teacher. Inputs `model`, `baseline_model`, `examples`.

    TFX's own executor drops every comparison without a word when no baseline
    arrives, and leaves the blessing out when no bound is configured. Here both
    mean: not blessed, and the blessing says why. So does whatever a model does to
    make the evaluation fail; what the machine does fails the node.
    """

    def Do(
        self,
        input_dict: Artifacts,
        output_dict: Artifacts,
        exec_properties: dict[str, Any],
    ) -> None:
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        try:
            outcome = self._judge(input_dict, output_dict, exec_properties)
        except Exception as error:
            if not failure_causes.caused_by_models(error):
                raise
            logger.exception("The evaluation failed")
            reason = f"the evaluation failed: {failure_causes.describe(error)}"
            outcome = verdict.refused(reason)
        _bless(blessing, outcome)
        # So that the Pusher finds out when files change after this.
        digest = saved_model_files.content_digest(_saved_model(input_dict["model"]))
        blessing.set_string_custom_property(property_names.MODEL_DIGEST, digest)

    def _judge(
        self,
        input_dict: Artifacts,
        output_dict: Artifacts,
        exec_properties: dict[str, Any],
    ) -> verdict.Verdict:
        gate = GateConfig.from_json(exec_properties["gate"])
        (name,) = json.loads(exec_properties["example_splits"])
        examples_dir = artifact_utils.get_single_uri(input_dict["examples"])
        spec = DataSpec.load(examples_dir)
        if not spec.num_examples.get(name):
            return verdict.refused(f"the split {name} is empty")
        split = example_reader.load_split(
            example_reader.split_files(examples_dir, name), name, spec
        )
        counts = np.bincount(split.labels, minlength=spec.num_classes).tolist()
        sizes = dict(zip(spec.class_names, counts, strict=True))
        margin_check.require_resolvable(gate, len(split), sizes)
        if not input_dict.get("baseline_model"):
            return verdict.refused("there is no teacher to compare the student with")
        student, teacher = (
            inference.ask(_saved_model(input_dict[key]), role, split, spec)
            for key, role in (("model", "student"), ("baseline_model", "teacher"))
        )
        served = inference.served_of(exec_properties, gate.against_served)
        served_answers = None
        if served is not None and not served.problem:
            served, served_answers = inference.against_served(
                served, student, split, spec
            )
        answers = Predictions(
            labels=split.labels.astype(np.int64),
            student=student,
            teacher=teacher,
            served=served_answers,
        )
        super().Do(input_dict, output_dict, exec_properties)
        evaluation_dir = artifact_utils.get_single_uri(output_dict["evaluation"])
        answers.save(evaluation_dir)
        return gate_decision.decide(evaluation_dir, gate, spec, name, answers, served)


def _saved_model(artifacts: list[types.Artifact]) -> str:
    return path_utils.serving_model_path(artifact_utils.get_single_uri(artifacts))


def _bless(blessing: types.Artifact, outcome: verdict.Verdict) -> None:
    """Writes the decision; takes back a blessing of TFMA's that it does not share."""
    outcome.save(blessing.uri)
    low = outcome.paired.get(OVERALL, {}).get("low")
    if low is not None:
        blessing.set_float_custom_property(property_names.PAIRED_DIFFERENCE_LOW, low)
    blessed_file = os.path.join(blessing.uri, constants.BLESSED_FILE_NAME)
    if outcome.blessed:
        if not os.path.exists(blessed_file):
            raise DistillError(
                "Evaluator: the verdict blesses the student, TensorFlow Model Analysis "
                "wrote no blessing. Report this; nothing was pushed."
            )
        return
    for reason in outcome.reasons:
        logger.warning("Student not blessed: %s", reason)
    if os.path.exists(blessed_file):
        os.remove(blessed_file)
    io_utils.write_string_file(
        os.path.join(blessing.uri, constants.NOT_BLESSED_FILE_NAME), ""
    )
    blessing.set_int_custom_property(
        constants.ARTIFACT_PROPERTY_BLESSED_KEY, constants.NOT_BLESSED_VALUE
    )
    blessing.set_string_custom_property(
        property_names.REASON, "; ".join(outcome.reasons)[:1000]
    )
