"""The component that brings a TensorFlow Datasets data set into the pipeline."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from tfx_distill.components.tfds_example_gen import driver, executor
from tfx_distill.trainer.config.data_config import DataConfig


class TfdsExampleGenSpec(types.ComponentSpec):
    """Everything it is told is one string, which every runner can carry."""

    PARAMETERS = {
        executor.DATA_KEY: component_spec.ExecutionParameter(type=str),
    }
    INPUTS: dict[str, component_spec.ChannelParameter] = {}
    OUTPUTS = {
        executor.EXAMPLES_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.Examples
        ),
    }


class TfdsExampleGen(base_beam_component.BaseBeamComponent):
    """An ExampleGen over any TFDS data set of images with one class each.

    Output `examples` (`Examples`): splits `train`, `eval` and `test` of
    `tf.train.Example`s with exactly two features, in the data set's order:
    `image` (bytes, the PNG or JPEG file as it was) and `label` (int64). What
    later steps must know lies beside them in `data_spec.json`, and on the
    artifact as custom properties.
    """

    SPEC_CLASS = TfdsExampleGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)
    DRIVER_CLASS = driver.Driver

    def __init__(self, data: DataConfig) -> None:
        """Makes the component.

        Args:
            data: Which data set, from where, cut how.
        """
        super().__init__(
            TfdsExampleGenSpec(
                **{
                    executor.DATA_KEY: data.to_json(),
                    executor.EXAMPLES_KEY: types.Channel(
                        type=standard_artifacts.Examples
                    ),
                }
            )
        )
