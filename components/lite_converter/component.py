"""The component that converts the student to LiteRT and scores the files."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts
from typing_extensions import Unpack

from tfx_distill.components import component_specs
from tfx_distill.components.artifact_types import LiteModels
from tfx_distill.components.component_specs import ExamplesArguments
from tfx_distill.components.lite_converter import executor
from tfx_distill.trainer.config.lite_config import LiteConfig


class LiteConverterSpec(component_spec.ComponentSpec):
    """Typed interface of `LiteConverter`."""

    PARAMETERS = {
        **component_specs.EXAMPLES_PARAMETERS,
        **component_specs.parameters("lite"),
    }
    INPUTS = {
        **component_specs.channels(model=standard_artifacts.Model),
        **component_specs.EXAMPLES_INPUTS,
    }
    OUTPUTS = component_specs.channels(lite_models=LiteModels)


class LiteConverter(base_component.BaseComponent):
    """Converts a student to LiteRT (TensorFlow Lite) and scores it on the test split.

    Component `outputs` contains:
     - `lite_models`: Channel of type `LiteModels`: a file for each format, and its
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
        **arguments: Unpack[ExamplesArguments],
    ) -> None:
        """Makes the node.

        Args:
            model: Channel of Model: the student.
            examples: Channel of Examples with the splits `train`, to calibrate
                int8, and `test`.
            lite: Formats, and how they are made.
            **arguments: See `ExamplesArguments`.
        """
        spec = component_specs.build(
            LiteConverterSpec,
            model=model,
            examples=examples,
            lite=lite,
            **arguments,
        )
        super().__init__(spec=spec)
