"""Unpacks artifacts, has hyperparameters searched, writes the best and all trials."""

from __future__ import annotations

import json
import os
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import io_utils

from tfx_distill.components.distillation_trainer.executor import prepare
from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.config.distillation_config import DistillationConfig
from tfx_distill.trainer.config.training_config import StudentConfig
from tfx_distill.trainer.config.tuning_config import TuningConfig
from tfx_distill.trainer.tuning import hyperparameter_search, oracles, trial_training

# As TFX's Tuner names it.
FILE_NAME = "best_hyperparameters.txt"


class Executor(base_executor.BaseExecutor):
    """Searches. Inputs `examples`, `teacher_model`, `teacher_logits`.

    Outputs `best_hyperparameters`, `tuner_results`.
    """

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        config = TuningConfig.from_json(exec_properties["tuning"])
        distillation = DistillationConfig.from_json(exec_properties["distillation"])
        # The views are those of the answers.
        properties = {"views": ViewsConfig().to_json(), **exec_properties}
        spec, teachers, data = prepare(input_dict, properties, distillation)
        task = trial_training.Task(
            data=data,
            spec=spec,
            student=StudentConfig.from_json(exec_properties["student"]),
            distillation=distillation,
            feature_widths=teachers.feature_widths,
        )
        found = hyperparameter_search.search(task, config, exec_properties["directory"])
        results = artifact_utils.get_single_instance(output_dict["tuner_results"])
        found.save(results.uri)
        results.set_int_custom_property("num_trials", len(found.trials))
        best = found.ranking()[0]
        artifact = artifact_utils.get_single_instance(
            output_dict["best_hyperparameters"]
        )
        hyperparameters = oracles.space(config)
        hyperparameters.values = best.values
        io_utils.write_string_file(
            os.path.join(artifact.uri, FILE_NAME),
            json.dumps(hyperparameters.get_config()),
        )
        artifact.set_float_custom_property("eval_accuracy", best.objective)
        artifact.set_string_custom_property("trial", best.id)
        hyperparameter_search.forget(task, config, exec_properties["directory"])
