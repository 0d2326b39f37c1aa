"""The component that asks the exported student before anybody else does."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from tfx_distill.components.servability_validator import executor
from tfx_distill.trainer.config.servability_config import ServabilityConfig


class ServabilityValidatorSpec(component_spec.ComponentSpec):
    """Typed interface of `ServabilityValidator`."""

    PARAMETERS = {"servability": component_spec.ExecutionParameter(type=str)}
    INPUTS = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
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
    ) -> None:
        """Makes the node.

        Args:
            examples: Channel of Examples with the split `test`.
            model: Channel of Model: the student.
            teacher_model: Channel of Model: what its speed is compared with.
            servability: The bounds.
        """
        spec = ServabilityValidatorSpec(
            examples=examples,
            model=model,
            teacher_model=teacher_model,
            servability=servability.to_json(),
            blessing=types.Channel(type=standard_artifacts.InfraBlessing),
        )
        super().__init__(spec=spec)
