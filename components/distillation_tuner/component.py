"""The component that searches the student's hyperparameters on cached teacher logits."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts
from typing_extensions import Unpack

from tfx_distill.components import artifact_types, component_specs
from tfx_distill.components.component_specs import TeacherArguments
from tfx_distill.components.distillation_tuner import executor
from tfx_distill.trainer.config.distillation_config import DistillationConfig
from tfx_distill.trainer.config.ensemble_config import AverageConfig
from tfx_distill.trainer.config.training_config import StudentConfig
from tfx_distill.trainer.config.tuning_config import TuningConfig
from tfx_distill.trainer.models import architectures

_OPTIONS = "student.options."


class DistillationTunerSpec(component_spec.ComponentSpec):
    """Typed interface of `DistillationTuner`."""

    PARAMETERS = {
        **component_specs.TEACHER_PARAMETERS,
        **component_specs.parameters(
            "student", "distillation", "average", "tuning", "directory"
        ),
        # Read by TFX's cache alone: other code is another student.
        **component_specs.parameters("code"),
    }
    INPUTS = {
        **component_specs.EXAMPLES_INPUTS,
        **component_specs.channels(teacher_logits=artifact_types.TeacherLogits),
        **component_specs.channels(
            optional=True, teacher_model=standard_artifacts.Model
        ),
    }
    OUTPUTS = component_specs.channels(
        best_hyperparameters=standard_artifacts.HyperParameters,
        tuner_results=standard_artifacts.TunerResults,
    )


class DistillationTuner(base_component.BaseComponent):
    """Searches hyperparameters by accuracy on the split `eval`.

    Component `outputs` contains:
     - `best_hyperparameters`: Channel of type `standard_artifacts.HyperParameters`,
       as TFX's Tuner emits them.
     - `tuner_results`: Channel of type `standard_artifacts.TunerResults`: every
       trial in `trials.json`, see `tfx_distill.trainer.tuning.trials`.
    """

    SPEC_CLASS = DistillationTunerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        *,
        examples: types.BaseChannel,
        teacher_logits: types.BaseChannel,
        teacher_model: types.BaseChannel | None = None,
        student: StudentConfig,
        distillation: DistillationConfig,
        tuning: TuningConfig,
        directory: str,
        **arguments: Unpack[TeacherArguments],
    ) -> None:
        """Makes the node.

        Args:
            examples: Channel of Examples, of any ExampleGen.
            teacher_logits: Channel of TeacherLogits, this teacher's logits for
                these examples, which all trials share.
            teacher_model: Channel of Model: one teacher, or several; None: logits alone.
            student: The student's settings that are not searched.
            distillation: The distillation's settings that are not searched.
            tuning: Search space, algorithm and budget.
            directory: Local folder of an unfinished search, which resumes there.
            **arguments: See `TeacherArguments`.
        """
        _require_options(student, tuning)
        spec = component_specs.build(
            DistillationTunerSpec,
            examples=examples,
            teacher_model=teacher_model,
            teacher_logits=teacher_logits,
            student=student,
            distillation=distillation,
            tuning=tuning,
            directory=directory,
            code=architectures.recipe_digest(student),
            **{"average": AverageConfig(), **arguments},
        )
        super().__init__(spec=spec)


def _require_options(student: StudentConfig, tuning: TuningConfig) -> None:
    """Raises a `ConfigError` for a searched option that the architecture lacks."""
    for key in tuning.space:
        if key.startswith(_OPTIONS):
            option = key[len(_OPTIONS) :].partition(".")[0]
            architectures.require_option(student.model, option)
