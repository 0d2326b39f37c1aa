"""Tries all models on eight images."""

from __future__ import annotations

import json
from typing import Any

from tfx.dsl.components.base import base_executor

from tfx_distill.components.distillation_trainer.executor import settings
from tfx_distill.components.execution_inputs import ExecutionInputs
from tfx_distill.trainer.config.distillation_config import DistillationConfig
from tfx_distill.trainer.config.lite_config import LiteConfig
from tfx_distill.trainer.config.training_config import StudentConfig, TeacherConfig
from tfx_distill.trainer.config.tuning_config import TuningConfig
from tfx_distill.trainer.data import data_findings
from tfx_distill.trainer.data.data_report import DataReport
from tfx_distill.trainer.distillation import dry_run
from tfx_distill.trainer.tuning import oracles


class Executor(base_executor.BaseExecutor):
    """Raises a `ModelError`. Input `examples` and optional ones; no output."""

    def Do(self, input_dict, output_dict, exec_properties) -> None:
        inputs = ExecutionInputs(input_dict, exec_properties)
        models = json.loads(exec_properties["models"])
        student, distillation = _student(inputs, models, exec_properties.get("tuning"))
        _require_eval(inputs, models)
        flavours = LiteConfig.from_json(exec_properties["lite"]).flavours
        dry_run.check_student(student, distillation, inputs.spec, flavours)
        if models["assistant"]:
            assistant = StudentConfig.build(models["assistant"])
            dry_run.check_student(assistant, distillation, inputs.spec)
        layers = [pair.teacher for pair in distillation.features]
        for teacher in models["teachers"]:
            dry_run.check_teacher(TeacherConfig.build(teacher), inputs.spec, layers)


def _require_eval(inputs: ExecutionInputs, models: dict[str, Any]) -> None:
    """Refuses an early stop by images that the gate tests on."""
    recipes = [models["student"], models["assistant"] or {}, *models["teachers"]]
    report = DataReport.load(inputs.uri("examples"))
    if report is not None and any("early_stopping" in recipe for recipe in recipes):
        data_findings.require_searchable(report)


def _student(
    inputs: ExecutionInputs, models: dict[str, Any], tuning: str | None
) -> tuple[StudentConfig, DistillationConfig]:
    """The student as it will be trained, or as a search begins."""
    sections = {name: json.dumps(models[name]) for name in ("student", "distillation")}
    student, distillation = settings(inputs, sections)
    if not tuning:
        return student, distillation
    return oracles.first(TuningConfig.from_json(tuning), student, distillation)
