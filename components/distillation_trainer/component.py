"""The component that trains a student on the answers of a teacher artifact."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from components.distillation_trainer import executor
from trainer.config import DistillationConfig, StudentConfig


class DistillationTrainerSpec(component_spec.ComponentSpec):
    """Typed interface of `DistillationTrainer`."""

    PARAMETERS = {
        "student": component_spec.ExecutionParameter(type=str),
        "distillation": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "teacher_model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "hyperparameters": component_spec.ChannelParameter(
            type=standard_artifacts.HyperParameters, optional=True
        ),
    }
    OUTPUTS = {
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "model_run": component_spec.ChannelParameter(type=standard_artifacts.ModelRun),
    }


class DistillationTrainer(base_component.BaseComponent):
    """Trains a student from a teacher.

    Component `outputs` contains:
     - `model`: Channel of type `standard_artifacts.Model`, the student as a
       SavedModel that does its own preprocessing.
     - `model_run`: Channel of type `standard_artifacts.ModelRun`, TensorBoard logs.
    """

    SPEC_CLASS = DistillationTrainerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        *,
        examples: types.BaseChannel,
        teacher_model: types.BaseChannel,
        student: StudentConfig,
        distillation: DistillationConfig,
        hyperparameters: types.BaseChannel | None = None,
    ) -> None:
        """Makes the node.

        Args:
            examples: Channel of Examples that `TfdsExampleGen` wrote, with the
                splits `train` and `eval`.
            teacher_model: Channel of Model: the teacher, any SavedModel with a
                `predict_images` signature that returns logits.
            student: Architecture and recipe of the student.
            distillation: How it learns from the teacher.
            hyperparameters: Channel of HyperParameters, as TFX's Tuner emits
                them; their values replace those in `student` and `distillation`.
        """
        spec = DistillationTrainerSpec(
            examples=examples,
            teacher_model=teacher_model,
            hyperparameters=hyperparameters,
            student=student.to_json(),
            distillation=distillation.to_json(),
            model=types.Channel(type=standard_artifacts.Model),
            model_run=types.Channel(type=standard_artifacts.ModelRun),
        )
        super().__init__(spec=spec)
