"""The component that asks the exported student before anybody else does."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from tfx_distill.components import execution_inputs
from tfx_distill.components.servability_validator import executor
from tfx_distill.trainer.config.examples_config import ExamplesConfig, SignatureConfig
from tfx_distill.trainer.config.servability_config import ServabilityConfig


class ServabilityValidatorSpec(component_spec.ComponentSpec):
    """Typed interface of `ServabilityValidator`."""

    PARAMETERS = {
        **execution_inputs.EXAMPLES_PARAMETERS,
        **execution_inputs.signature_parameters(
            execution_inputs.TEACHER_SIGNATURE, execution_inputs.STUDENT_SIGNATURE
        ),
        "servability": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        **execution_inputs.EXAMPLES_INPUTS,
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "teacher_model": component_spec.ChannelParameter(
            type=standard_artifacts.Model, optional=True
        ),
    }
    OUTPUTS = {
        "blessing": component_spec.ChannelParameter(
            type=standard_artifacts.InfraBlessing
        )
    }


class ServabilityValidator(base_component.BaseComponent):
    """Asks the exported student in a process of its own, and measures what it costs.

    In the place of TFX's InfraValidator, which needs Docker or Kubernetes.

    Component `outputs` contains:
     - `blessing`: Channel of type `standard_artifacts.InfraBlessing`, with
       `verdict.json`: every bound with its value, and the latency of both models.
    """

    SPEC_CLASS = ServabilityValidatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        *,
        examples: types.BaseChannel,
        model: types.BaseChannel,
        teacher_model: types.BaseChannel,
        servability: ServabilityConfig,
        examples_config: ExamplesConfig | None = None,
        schema: types.BaseChannel | None = None,
        teacher_signature: SignatureConfig | None = None,
        student_signature: SignatureConfig | None = None,
    ) -> None:
        """Makes the node.

        Args:
            examples: Channel of Examples with the split `test`.
            model: Channel of Model: the student.
            teacher_model: Channel of Model: what its speed is compared with.
            servability: The bounds.
            examples_config: Names of features and splits, where they are not
                TfdsExampleGen's.
            schema: Channel of Schema, the source of what `examples_config` leaves out.
            teacher_signature: How a teacher of another origin is called, where its
                signatures leave doubt.
            student_signature: How a student of another origin is called, where its
                signatures leave doubt.
        """
        spec = ServabilityValidatorSpec(
            examples=examples,
            schema=schema,
            examples_config=execution_inputs.optional_json(examples_config),
            teacher_signature=execution_inputs.optional_json(teacher_signature),
            student_signature=execution_inputs.optional_json(student_signature),
            model=model,
            teacher_model=teacher_model,
            servability=servability.to_json(),
            blessing=types.Channel(type=standard_artifacts.InfraBlessing),
        )
        super().__init__(spec=spec)
