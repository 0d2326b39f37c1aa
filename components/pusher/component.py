"""TFX's Pusher, which also pushes the student's LiteRT files."""

from __future__ import annotations

from tfx import types
from tfx.components.pusher import component as tfx_component
from tfx.dsl.components.base import executor_spec
from tfx.proto import pusher_pb2
from tfx.types import component_spec, standard_component_specs

from tfx_distill.components import component_specs
from tfx_distill.components.artifact_types import LiteModels
from tfx_distill.components.pusher import executor


class PusherSpec(standard_component_specs.PusherSpec):
    """TFX's specification and the LiteRT files."""

    INPUTS = {
        **standard_component_specs.PusherSpec.INPUTS,
        executor.LITE_MODELS_KEY: component_spec.ChannelParameter(
            type=LiteModels, optional=True
        ),
    }


class Pusher(tfx_component.Pusher):
    """Pushes a blessed student, whole or not at all.

    Component `outputs` contains:
     - `pushed_model`: Channel of type `standard_artifacts.PushedModel`.
    """

    SPEC_CLASS = PusherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        *,
        model: types.BaseChannel,
        model_blessing: types.BaseChannel,
        infra_blessing: types.BaseChannel,
        serving_dir: str,
        lite_models: types.BaseChannel | None = None,
    ) -> None:
        """Makes the node.

        Args:
            model: Channel of Model: the student.
            model_blessing: Channel of ModelBlessing, from Evaluator.
            infra_blessing: Channel of InfraBlessing, from ServabilityValidator.
            serving_dir: Folder that gets a numbered folder for each push.
            lite_models: Channel of LiteModels; they go into each version's
                `assets.extra/lite`.
        """
        filesystem = pusher_pb2.PushDestination.Filesystem(base_directory=serving_dir)
        spec = component_specs.build(
            PusherSpec,
            model=model,
            model_blessing=model_blessing,
            infra_blessing=infra_blessing,
            lite_models=lite_models,
            push_destination=pusher_pb2.PushDestination(filesystem=filesystem),
            custom_config="null",
        )
        # TFX's own constructor takes no further inputs.
        super(tfx_component.Pusher, self).__init__(spec=spec)
