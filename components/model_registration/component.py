"""The component that registers a pushed student."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from tfx_distill.components import component_specs
from tfx_distill.components.model_registration import executor
from tfx_distill.trainer.config.registry_config import RegistryConfig


class ModelRegistrationSpec(types.ComponentSpec):
    """No output: the registry keeps what was registered."""

    PARAMETERS = component_specs.parameters(executor.REGISTRY_KEY)
    INPUTS = component_specs.channels(
        pushed_model=standard_artifacts.PushedModel,
        model_blessing=standard_artifacts.ModelBlessing,
        infra_blessing=standard_artifacts.InfraBlessing,
    )
    OUTPUTS: dict[str, component_spec.ChannelParameter] = {}


class ModelRegistration(base_component.BaseComponent):
    """Registers what was pushed in a Kubeflow Model Registry; fails if it cannot.

    What was pushed stays pushed. A run that is repeated registers it.
    """

    SPEC_CLASS = ModelRegistrationSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        *,
        pushed_model: types.BaseChannel,
        model_blessing: types.BaseChannel,
        infra_blessing: types.BaseChannel,
        registry: RegistryConfig,
    ) -> None:
        """Makes the node.

        Args:
            pushed_model: Channel of PushedModel, from Pusher.
            model_blessing: Channel of ModelBlessing, from Evaluator.
            infra_blessing: Channel of InfraBlessing, from ServabilityValidator.
            registry: Where, with the name of the registered model.
        """
        super().__init__(
            component_specs.build(
                ModelRegistrationSpec,
                pushed_model=pushed_model,
                model_blessing=model_blessing,
                infra_blessing=infra_blessing,
                registry=registry,
            )
        )
