"""The component that runs the exported student before any user does."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts
from typing_extensions import Unpack

from tfx_distill.components import component_specs
from tfx_distill.components.component_specs import ModelsArguments
from tfx_distill.components.servability_validator import executor
from tfx_distill.trainer.config.servability_config import ServabilityConfig


class ServabilityValidatorSpec(component_spec.ComponentSpec):
    """Typed interface of `ServabilityValidator`."""

    PARAMETERS = {
        **component_specs.MODELS_PARAMETERS,
        **component_specs.parameters("servability"),
    }
    INPUTS = {
        **component_specs.EXAMPLES_INPUTS,
        **component_specs.channels(model=standard_artifacts.Model),
        **component_specs.channels(
            optional=True,
            teacher_model=standard_artifacts.Model,
        ),
    }
    OUTPUTS = component_specs.channels(blessing=standard_artifacts.InfraBlessing)


class ServabilityValidator(base_component.BaseComponent):
    """Runs the exported student in a process of its own and measures its cost.

    Replaces TFX's InfraValidator, which needs Docker or Kubernetes.

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
        servability: ServabilityConfig,
        teacher_model: types.BaseChannel | None = None,
        **arguments: Unpack[ModelsArguments],
    ) -> None:
        """Makes the node.

        Args:
            examples: Channel of Examples with the split `test`.
            model: Channel of Model: the student.
            servability: The bounds.
            teacher_model: Channel of Model: its speed is the reference of
                `max_times_teacher`, which must be null without one.
            **arguments: See `ModelsArguments`.
        """
        spec = component_specs.build(
            ServabilityValidatorSpec,
            examples=examples,
            model=model,
            teacher_model=teacher_model,
            servability=servability,
            **arguments,
        )
        super().__init__(spec=spec)
