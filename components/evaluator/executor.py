"""TFX's Evaluator executor, made to fail closed."""

from __future__ import annotations

import json
import logging
import os
from typing import Any

from tfx import types
from tfx.components.evaluator import constants
from tfx.components.evaluator import executor as tfx_executor
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.evaluator import decision, verdict
from trainer.config import GateConfig
from trainer.data_spec import DataSpec
from trainer.errors import DistillError

logger = logging.getLogger(__name__)


class Executor(tfx_executor.Executor):
    """Evaluates student against teacher. Inputs `model`, `baseline_model`, `examples`.

    TFX's own executor drops every comparison without a word when no baseline
    arrives, and leaves the blessing out when no bound is configured. Here both
    mean: not blessed, and the blessing says why.
    """

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        evaluation_dir = artifact_utils.get_single_uri(output_dict["evaluation"])
        gate = GateConfig.from_json(exec_properties["gate"])
        (split,) = json.loads(exec_properties["example_splits"])
        if not input_dict.get("baseline_model"):
            outcome = verdict.refused("there is no teacher to compare the student with")
        else:
            super().Do(input_dict, output_dict, exec_properties)
            spec = DataSpec.load(artifact_utils.get_single_uri(input_dict["examples"]))
            outcome = decision.decide(evaluation_dir, gate, spec, split)
        _bless(blessing, outcome)


def _bless(blessing: types.Artifact, outcome: verdict.Verdict) -> None:
    """Writes the decision; takes back a blessing of TFMA's that it does not share."""
    outcome.save(blessing.uri)
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
    blessing.set_string_custom_property("reason", "; ".join(outcome.reasons)[:1000])
