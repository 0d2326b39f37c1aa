"""The component that joins several teachers into one."""

from __future__ import annotations

from collections.abc import Sequence

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from tfx_distill.components import component_specs
from tfx_distill.components.teacher_ensemble import executor
from tfx_distill.trainer.config.ensemble_config import MAX_TEACHERS, AverageConfig


class TeacherEnsembleSpec(component_spec.ComponentSpec):
    """One input for each teacher: Kubeflow has no union of channels."""

    PARAMETERS = component_specs.parameters("average")
    INPUTS = {
        executor.input_key(number): component_spec.ChannelParameter(
            type=standard_artifacts.Model, optional=number > 0
        )
        for number in range(MAX_TEACHERS)
    }
    OUTPUTS = component_specs.channels(model=standard_artifacts.Model)


class TeacherEnsemble(base_component.BaseComponent):
    """Joins several teachers into one model that predicts their average.

    Component `outputs` contains:
     - `model`: Channel of type `standard_artifacts.Model`, with the signatures of
       a single teacher.
    """

    SPEC_CLASS = TeacherEnsembleSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self, *, teacher_models: Sequence[types.BaseChannel], average: AverageConfig
    ) -> None:
        """Makes the node.

        Args:
            teacher_models: Channels of Model, one for each teacher, at most 9.
            average: How they are averaged.
        """
        spec = component_specs.build(
            TeacherEnsembleSpec,
            average=average,
            **{
                executor.input_key(number): channel
                for number, channel in enumerate(teacher_models)
            },
        )
        super().__init__(spec=spec)
