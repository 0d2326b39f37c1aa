"""The component that asks the teacher once, for everybody after it."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from tfx_distill.components import artifact_types, execution_inputs
from tfx_distill.components.teacher_logits import executor
from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.config.examples_config import ExamplesConfig, SignatureConfig
from tfx_distill.trainer.config.training_config import AverageConfig


class TeacherLogitsSpec(component_spec.ComponentSpec):
    """Typed interface of `TeacherLogits`."""

    PARAMETERS = {
        **execution_inputs.EXAMPLES_PARAMETERS,
        **execution_inputs.signature_parameters(execution_inputs.TEACHER_SIGNATURE),
        "views": component_spec.ExecutionParameter(type=str),
        "average": component_spec.ExecutionParameter(type=str),
        "feature_layers": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        **execution_inputs.EXAMPLES_INPUTS,
        "teacher_model": component_spec.ChannelParameter(type=standard_artifacts.Model),
    }
    OUTPUTS = {
        "teacher_logits": component_spec.ChannelParameter(
            type=artifact_types.TeacherLogits
        ),
    }


class TeacherLogits(base_component.BaseComponent):
    """Computes the teacher's answers to the training examples and their views.

    Component `outputs` contains:
     - `teacher_logits`: Channel of type `TeacherLogits`, the answers to every view
       of the split `train` and to the originals of `eval`.

    Nothing that the student or the search decides is a parameter here: changing
    temperature, weights or student never runs the teacher again.
    """

    SPEC_CLASS = TeacherLogitsSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        *,
        examples: types.BaseChannel,
        teacher_model: types.BaseChannel,
        views: ViewsConfig,
        average: AverageConfig | None = None,
        feature_layers: Sequence[str] = (),
        examples_config: ExamplesConfig | None = None,
        schema: types.BaseChannel | None = None,
        teacher_signature: SignatureConfig | None = None,
    ) -> None:
        """Makes the node.

        Args:
            examples: Channel of Examples, of any ExampleGen.
            teacher_model: Channel of Model: one teacher, or several.
            views: Which copies of the training images are answered too.
            average: How the answers of several teachers become one.
            feature_layers: Layers of the teacher whose features are kept.
            examples_config: Names of features and splits, where they are not
                TfdsExampleGen's.
            schema: Channel of Schema, the source of what `examples_config` leaves out.
            teacher_signature: How a teacher of another origin is called, where its
                signatures leave doubt.
        """
        spec = TeacherLogitsSpec(
            examples=examples,
            schema=schema,
            examples_config=execution_inputs.optional_json(examples_config),
            teacher_signature=execution_inputs.optional_json(teacher_signature),
            teacher_model=teacher_model,
            views=views.to_json(),
            average=(average or AverageConfig()).to_json(),
            feature_layers=json.dumps(list(feature_layers)),
            teacher_logits=types.Channel(type=artifact_types.TeacherLogits),
        )
        super().__init__(spec=spec)
