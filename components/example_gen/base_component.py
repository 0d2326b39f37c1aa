"""The base of the components that bring images into the pipeline."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import standard_artifacts

from tfx_distill.components import component_specs
from tfx_distill.components.example_gen import driver, executor
from tfx_distill.trainer.config.data_config import DataConfig


class ExampleGenSpec(types.ComponentSpec):
    """Everything it is told is one string, which every runner can carry."""

    PARAMETERS = component_specs.parameters(executor.DATA_KEY)
    INPUTS = component_specs.channels()
    OUTPUTS = component_specs.channels(examples=standard_artifacts.Examples)


class ExampleGen(base_beam_component.BaseBeamComponent):
    """Images of any source as `tf.train.Example`s of one form.

    Output `examples` (`Examples`): splits `train`, `eval` and `test` with exactly two
    features, in the source's order: `image` (bytes, one PNG or JPEG file, upright, 8 bits,
    all of one shape) and `label` (int64). What later steps must know lies beside them in
    `data_spec.json`, what was found out about the images in `data_report.json`; both are
    on the artifact as custom properties.
    """

    SPEC_CLASS = ExampleGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)
    DRIVER_CLASS = driver.Driver

    def __init__(self, data: DataConfig) -> None:
        """Makes the component.

        Args:
            data: Which images, from where, cut and converted how.
        """
        super().__init__(component_specs.build(ExampleGenSpec, data=data))
