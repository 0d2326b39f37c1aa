"""The component that converts the student to LiteRT, and scores what came out."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from tfx_distill.components import execution_inputs
from tfx_distill.components.artifact_types import LiteModels
from tfx_distill.components.lite_converter import executor
from tfx_distill.trainer.config.examples_config import ExamplesConfig
from tfx_distill.trainer.config.lite_config import LiteConfig


class LiteConverterSpec(component_spec.ComponentSpec):
    """Typed interface of `LiteConverter`."""

    PARAMETERS = {
        **execution_inputs.EXAMPLES_PARAMETERS,
        "lite": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        **execution_inputs.EXAMPLES_INPUTS,
    }
    OUTPUTS = {"lite_models": component_spec.ChannelParameter(type=LiteModels)}


class LiteConverter(base_component.BaseComponent):
    """Converts a student to LiteRT (TensorFlow Lite) and scores it on the test split.

    Component `outputs` contains:
     - `lite_models`: Channel of type `LiteModels`: a file for each flavour, and its
       accuracy, size and speed.
    """

    SPEC_CLASS = LiteConverterSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        *,
        model: types.BaseChannel,
        examples: types.BaseChannel,
        lite: LiteConfig,
        examples_config: ExamplesConfig | None = None,
        schema: types.BaseChannel | None = None,
    ) -> None:
        """Makes the node.

        Args:
            model: Channel of Model: the student.
            examples: Channel of Examples with the splits `train`, to calibrate
                int8, and `test`.
            lite: Which flavours, and how they are made.
            examples_config: Names of features and splits, where they are not
                TfdsExampleGen's.
            schema: Channel of Schema, the source of what `examples_config` leaves out.
        """
        spec = LiteConverterSpec(
            model=model,
            examples=examples,
            schema=schema,
            examples_config=execution_inputs.optional_json(examples_config),
            lite=lite.to_json(),
            lite_models=types.Channel(type=LiteModels),
        )
        super().__init__(spec=spec)
