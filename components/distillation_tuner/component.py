"""The component that searches the student's hyperparameters on cached answers."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from tfx_distill.components import artifact_types, execution_inputs
from tfx_distill.components.distillation_tuner import executor
from tfx_distill.trainer.config.distillation_config import DistillationConfig
from tfx_distill.trainer.config.examples_config import ExamplesConfig, SignatureConfig
from tfx_distill.trainer.config.training_config import AverageConfig, StudentConfig
from tfx_distill.trainer.config.tuning_config import TuningConfig
from tfx_distill.trainer.models import architectures

_OPTIONS = "student.options."


class DistillationTunerSpec(component_spec.ComponentSpec):
    """Typed interface of `DistillationTuner`."""

    PARAMETERS = {
        **execution_inputs.EXAMPLES_PARAMETERS,
        **execution_inputs.signature_parameters(execution_inputs.TEACHER_SIGNATURE),
        "student": component_spec.ExecutionParameter(type=str),
        "distillation": component_spec.ExecutionParameter(type=str),
        "average": component_spec.ExecutionParameter(type=str),
        "tuning": component_spec.ExecutionParameter(type=str),
        "directory": component_spec.ExecutionParameter(type=str),
        # Read by TFX's cache alone: other code is another student.
        "code": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        **execution_inputs.EXAMPLES_INPUTS,
        "teacher_model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "teacher_logits": component_spec.ChannelParameter(
            type=artifact_types.TeacherLogits
        ),
    }
    OUTPUTS = {
        "best_hyperparameters": component_spec.ChannelParameter(
            type=standard_artifacts.HyperParameters
        ),
        "tuner_results": component_spec.ChannelParameter(
            type=standard_artifacts.TunerResults
        ),
    }


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
        teacher_model: types.BaseChannel,
        teacher_logits: types.BaseChannel,
        student: StudentConfig,
        distillation: DistillationConfig,
        tuning: TuningConfig,
        directory: str,
        average: AverageConfig | None = None,
        examples_config: ExamplesConfig | None = None,
        schema: types.BaseChannel | None = None,
        teacher_signature: SignatureConfig | None = None,
    ) -> None:
        """Makes the node.

        Args:
            examples: Channel of Examples, of any ExampleGen.
            teacher_model: Channel of Model: one teacher, or several.
            teacher_logits: Channel of TeacherLogits, this teacher's answers to
                these examples, which all trials share.
            student: The student's recipe without the search.
            distillation: How it learns without the search.
            tuning: What is searched and how; its space written out.
            directory: Folder in which an unfinished search is kept.
            average: How the answers of several teachers become one.
            examples_config: Names of features and splits, where they are not
                TfdsExampleGen's.
            schema: Channel of Schema, the source of what `examples_config` leaves out.
            teacher_signature: How a teacher of another origin is called, where its
                signatures leave doubt.
        """
        for key in tuning.space:
            if key.startswith(_OPTIONS):
                option = key[len(_OPTIONS) :].partition(".")[0]
                architectures.require_option(student.model, option)
        spec = DistillationTunerSpec(
            examples=examples,
            schema=schema,
            examples_config=execution_inputs.optional_json(examples_config),
            teacher_signature=execution_inputs.optional_json(teacher_signature),
            teacher_model=teacher_model,
            teacher_logits=teacher_logits,
            student=student.to_json(),
            distillation=distillation.to_json(),
            average=(average or AverageConfig()).to_json(),
            tuning=tuning.to_json(),
            directory=directory,
            code=architectures.source_digest(student.model),
            best_hyperparameters=types.Channel(type=standard_artifacts.HyperParameters),
            tuner_results=types.Channel(type=standard_artifacts.TunerResults),
        )
        super().__init__(spec=spec)
