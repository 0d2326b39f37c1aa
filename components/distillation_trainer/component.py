"""The component that trains a student on the answers of a teacher artifact."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from tfx_distill.components import artifact_types, execution_inputs
from tfx_distill.components.distillation_trainer import executor
from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.config.distillation_config import DistillationConfig
from tfx_distill.trainer.config.examples_config import ExamplesConfig, SignatureConfig
from tfx_distill.trainer.config.training_config import AverageConfig, StudentConfig
from tfx_distill.trainer.models import architectures


class DistillationTrainerSpec(component_spec.ComponentSpec):
    """Typed interface of `DistillationTrainer`."""

    PARAMETERS = {
        **execution_inputs.EXAMPLES_PARAMETERS,
        **execution_inputs.signature_parameters(execution_inputs.TEACHER_SIGNATURE),
        "student": component_spec.ExecutionParameter(type=str),
        "distillation": component_spec.ExecutionParameter(type=str),
        "views": component_spec.ExecutionParameter(type=str),
        "average": component_spec.ExecutionParameter(type=str),
        "role": component_spec.ExecutionParameter(type=str),
        # Read by TFX's cache alone: other code is another student.
        "code": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        **execution_inputs.EXAMPLES_INPUTS,
        "teacher_model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "teacher_logits": component_spec.ChannelParameter(
            type=artifact_types.TeacherLogits, optional=True
        ),
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
        views: ViewsConfig | None = None,
        average: AverageConfig | None = None,
        teacher_logits: types.BaseChannel | None = None,
        hyperparameters: types.BaseChannel | None = None,
        role: str = "student",
        examples_config: ExamplesConfig | None = None,
        schema: types.BaseChannel | None = None,
        teacher_signature: SignatureConfig | None = None,
    ) -> None:
        """Makes the node.

        Args:
            examples: Channel of Examples, of any ExampleGen.
            teacher_model: Channel of Model: one or several teachers, SavedModels with a
                `predict_images` signature that returns logits.
            student: Architecture and recipe of the student.
            distillation: How it learns from the teacher.
            views: Which copies of the images the teacher answers; the views of
                `teacher_logits` where these are given.
            average: How the answers of several teachers become one.
            teacher_logits: Channel of TeacherLogits, this teacher's answers to
                these examples; without it they are computed here.
            hyperparameters: Channel of HyperParameters, as TFX's Tuner emits
                them; their values replace those in `student` and `distillation`.
            role: What the model calls itself: `student`, `assistant`, `control`.
            examples_config: Names of features and splits, where they are not
                TfdsExampleGen's.
            schema: Channel of Schema, the source of what `examples_config` leaves out.
            teacher_signature: How a teacher of another origin is called, where its
                signatures leave doubt.
        """
        spec = DistillationTrainerSpec(
            examples=examples,
            schema=schema,
            examples_config=execution_inputs.optional_json(examples_config),
            teacher_signature=execution_inputs.optional_json(teacher_signature),
            teacher_model=teacher_model,
            teacher_logits=teacher_logits,
            hyperparameters=hyperparameters,
            student=student.to_json(),
            distillation=distillation.to_json(),
            views=(views or ViewsConfig()).to_json(),
            average=(average or AverageConfig()).to_json(),
            role=role,
            code=architectures.source_digest(student.model),
            model=types.Channel(type=standard_artifacts.Model),
            model_run=types.Channel(type=standard_artifacts.ModelRun),
        )
        super().__init__(spec=spec)
