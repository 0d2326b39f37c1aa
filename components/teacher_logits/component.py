"""The component that runs the teacher once for all later ones."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import component_spec, standard_artifacts
from typing_extensions import Unpack

from tfx_distill.components import artifact_types, component_specs
from tfx_distill.components.component_specs import TeacherArguments
from tfx_distill.components.teacher_logits import executor
from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.config.ensemble_config import AverageConfig


class TeacherLogitsSpec(component_spec.ComponentSpec):
    """Typed interface of `TeacherLogits`."""

    PARAMETERS = {
        **component_specs.TEACHER_PARAMETERS,
        **component_specs.parameters("views", "average", "feature_layers"),
    }
    INPUTS = {
        **component_specs.EXAMPLES_INPUTS,
        **component_specs.channels(teacher_model=standard_artifacts.Model),
    }
    OUTPUTS = component_specs.channels(teacher_logits=artifact_types.TeacherLogits)


class TeacherLogits(base_beam_component.BaseBeamComponent):
    """Computes the teacher's logits for the training examples and their views.

    Component `outputs` contains:
     - `teacher_logits`: Channel of type `TeacherLogits`, for every view of the
       splits `train` and `unlabelled`, stored as one, and the originals of `eval`.

    Splits that are too large for memory are predicted by Beam's workers, the others in
    the node's own process.

    Settings of the student or the search are no parameters here: changing temperature,
    weights or student never runs the teacher again.
    """

    SPEC_CLASS = TeacherLogitsSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        *,
        examples: types.BaseChannel,
        teacher_model: types.BaseChannel,
        views: ViewsConfig,
        feature_layers: Sequence[str] = (),
        **arguments: Unpack[TeacherArguments],
    ) -> None:
        """Makes the node.

        Args:
            examples: Channel of Examples, of any ExampleGen.
            teacher_model: Channel of Model: one teacher, or several.
            views: Augmented copies of the training images.
            feature_layers: Layers of the teacher whose features are stored, too.
            **arguments: See `TeacherArguments`.
        """
        spec = component_specs.build(
            TeacherLogitsSpec,
            examples=examples,
            teacher_model=teacher_model,
            views=views,
            feature_layers=json.dumps(list(feature_layers)),
            **{"average": AverageConfig(), **arguments},
        )
        super().__init__(spec=spec)
