"""The component that trains a student on a teacher's logits."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts
from typing_extensions import Unpack

from tfx_distill.components import artifact_types, component_specs
from tfx_distill.components.component_specs import TeacherArguments
from tfx_distill.components.distillation_trainer import executor
from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.config.distillation_config import DistillationConfig
from tfx_distill.trainer.config.ensemble_config import AverageConfig
from tfx_distill.trainer.config.training_config import StudentConfig
from tfx_distill.trainer.models import architectures


class DistillationTrainerSpec(component_spec.ComponentSpec):
    """Typed interface of `DistillationTrainer`."""

    PARAMETERS = {
        **component_specs.TEACHER_PARAMETERS,
        **component_specs.parameters(
            "student", "distillation", "views", "average", "role"
        ),
        # Read by TFX's cache alone: other code is another student.
        **component_specs.parameters("code"),
    }
    INPUTS = {
        **component_specs.EXAMPLES_INPUTS,
        **component_specs.channels(
            optional=True,
            teacher_model=standard_artifacts.Model,
            teacher_logits=artifact_types.TeacherLogits,
            hyperparameters=standard_artifacts.HyperParameters,
        ),
    }
    OUTPUTS = component_specs.channels(
        model=standard_artifacts.Model, model_run=standard_artifacts.ModelRun
    )


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
        student: StudentConfig,
        distillation: DistillationConfig,
        teacher_model: types.BaseChannel | None = None,
        views: ViewsConfig | None = None,
        teacher_logits: types.BaseChannel | None = None,
        hyperparameters: types.BaseChannel | None = None,
        role: str = "student",
        **arguments: Unpack[TeacherArguments],
    ) -> None:
        """Makes the node.

        Args:
            examples: Channel of Examples, of any ExampleGen.
            student: Architecture and recipe.
            distillation: The loss.
            teacher_model: Channel of Model: one teacher, or several; None: logits alone.
            views: Augmented copies of the images; those of `teacher_logits` if given.
            teacher_logits: Channel of TeacherLogits; computed here if not given.
            hyperparameters: Channel of HyperParameters; they replace settings above.
            role: `student`, `assistant`, or `control`, which learns from labels alone.
            **arguments: See `TeacherArguments`.
        """
        spec = component_specs.build(
            DistillationTrainerSpec,
            examples=examples,
            teacher_model=teacher_model,
            teacher_logits=teacher_logits,
            hyperparameters=hyperparameters,
            student=student,
            distillation=distillation,
            views=views or ViewsConfig(),
            role=role,
            code=architectures.recipe_digest(student),
            **{"average": AverageConfig(), **arguments},
        )
        super().__init__(spec=spec)
