"""The component that measures the gain from distillation."""

from __future__ import annotations

from collections.abc import Sequence

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts
from typing_extensions import Unpack

from tfx_distill.components import artifact_types, component_specs
from tfx_distill.components.component_specs import ExamplesArguments
from tfx_distill.components.control_comparison import executor
from tfx_distill.trainer.config.training_config import MAX_SEEDS


def _models(role: str) -> dict[str, component_spec.ChannelParameter]:
    return {
        executor.input_key(role, number): component_spec.ChannelParameter(
            type=standard_artifacts.Model, optional=number > 0
        )
        for number in range(MAX_SEEDS)
    }


class ControlComparisonSpec(component_spec.ComponentSpec):
    """One pair of inputs for each seed: Kubeflow has no union of channels."""

    PARAMETERS = component_specs.EXAMPLES_PARAMETERS
    INPUTS = {
        **component_specs.EXAMPLES_INPUTS,
        **_models(executor.STUDENT),
        **_models(executor.CONTROL),
    }
    OUTPUTS = component_specs.channels(comparison=artifact_types.ControlComparison)


class ControlComparison(base_component.BaseComponent):
    """Compares distilled students with controls trained from labels alone.

    Component `outputs` contains:
     - `comparison`: Channel of type `ControlComparison`: the paired difference on
       the test images with its p-value and 95 % interval, over images and, with
       several seeds, over seeds, and a sentence.
    """

    SPEC_CLASS = ControlComparisonSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        *,
        examples: types.BaseChannel,
        students: Sequence[types.BaseChannel],
        controls: Sequence[types.BaseChannel],
        **arguments: Unpack[ExamplesArguments],
    ) -> None:
        """Makes the node.

        Args:
            examples: Channel of Examples with the split `test`.
            students: Channels of Model, one for each seed.
            controls: As `students`, for the same seeds.
            **arguments: See `ExamplesArguments`.
        """
        models = {
            executor.input_key(role, number): channel
            for role, channels in (
                (executor.STUDENT, students),
                (executor.CONTROL, controls),
            )
            for number, channel in enumerate(channels)
        }
        spec = component_specs.build(
            ControlComparisonSpec,
            examples=examples,
            **models,
            **arguments,
        )
        super().__init__(spec=spec)
