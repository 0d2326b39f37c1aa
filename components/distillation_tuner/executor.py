"""Searches hyperparameters; writes the best and all trials."""

from __future__ import annotations

import json
import os
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import io_utils

from tfx_distill.components.distillation_trainer.executor import prepare
from tfx_distill.components.execution_inputs import ExecutionInputs
from tfx_distill.trainer.config.distillation_config import DistillationConfig
from tfx_distill.trainer.config.training_config import StudentConfig
from tfx_distill.trainer.config.tuning_config import TuningConfig
from tfx_distill.trainer.data import data_findings
from tfx_distill.trainer.data.data_report import DataReport
from tfx_distill.trainer.distillation import dry_run
from tfx_distill.trainer.tuning import hyperparameter_search, oracles, trial_training
from tfx_distill.trainer.tuning.trials import Trial

# As TFX's Tuner names it.
FILE_NAME = "best_hyperparameters.txt"


class Executor(base_executor.BaseExecutor):
    """Inputs `examples`, `teacher_logits` [, `teacher_model`, `schema`].

    Outputs `best_hyperparameters`, `tuner_results`.
    """

    def Do(self, input_dict, output_dict, exec_properties) -> None:
        config = TuningConfig.from_json(exec_properties["tuning"])
        inputs = ExecutionInputs(input_dict, exec_properties)
        report = DataReport.load(inputs.uri("examples"))
        if report is not None:  # examples of another ExampleGen have none
            data_findings.require_searchable(report)
        task = _task(inputs, exec_properties, config)
        found = hyperparameter_search.search(task, config, exec_properties["directory"])
        results = artifact_utils.get_single_instance(output_dict["tuner_results"])
        found.save(results.uri)
        results.set_int_custom_property("num_trials", len(found.trials))
        (best,) = output_dict["best_hyperparameters"]
        _write(best, config, found.ranking()[0])
        hyperparameter_search.forget(task, config, exec_properties["directory"])


def _task(
    inputs: ExecutionInputs, exec_properties: dict[str, Any], config: TuningConfig
) -> trial_training.Task:
    distillation = DistillationConfig.from_json(exec_properties["distillation"])
    student = StudentConfig.from_json(exec_properties["student"])
    first = oracles.first(config, student, distillation)
    dry_run.check_student(*first, inputs.spec)
    widths, data = prepare(inputs, exec_properties, distillation)
    return trial_training.Task(
        data=data,
        spec=inputs.spec,
        student=student,
        distillation=distillation,
        feature_widths=widths,
    )


def _write(artifact: types.Artifact, config: TuningConfig, best: Trial) -> None:
    hyperparameters = oracles.space(config)
    hyperparameters.values = best.values
    path = os.path.join(artifact.uri, FILE_NAME)
    io_utils.write_string_file(path, json.dumps(hyperparameters.get_config()))
    artifact.set_float_custom_property("eval_accuracy", best.objective)
    artifact.set_string_custom_property("trial", best.id)
