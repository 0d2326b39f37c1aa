"""TFX's Evaluator with the gate as its configuration, failing closed."""

from __future__ import annotations

import json
from typing import Any

from tfx import types
from tfx.components.evaluator import component as tfx_component
from tfx.dsl.components.base import executor_spec
from tfx.types import standard_component_specs
from typing_extensions import Unpack

from tfx_distill.components import artifact_types, component_specs, property_names
from tfx_distill.components.component_specs import ModelsArguments
from tfx_distill.components.evaluator import driver, eval_config, executor
from tfx_distill.trainer.config.examples_config import ExamplesConfig
from tfx_distill.trainer.config.gate_config import GateConfig
from tfx_distill.trainer.data.data_spec import LABEL_FEATURE


class EvaluatorSpec(standard_component_specs.EvaluatorSpec):
    """TFX's specification and the gate's bounds."""

    INPUTS = {
        **standard_component_specs.EvaluatorSpec.INPUTS,
        **component_specs.EXAMPLES_INPUTS,
        **component_specs.channels(
            optional=True, teacher_logits=artifact_types.TeacherLogits
        ),
    }
    PARAMETERS = {
        **component_specs.MODELS_PARAMETERS,
        **standard_component_specs.EvaluatorSpec.PARAMETERS,
        **component_specs.parameters("gate", property_names.SERVED_MODEL),
    }


class Evaluator(tfx_component.Evaluator):
    """Evaluates the student against its teacher on the test split; may bless it.

    Component `outputs` contains:
     - `evaluation`: Channel of type `standard_artifacts.ModelEvaluation`, TFMA's
       metrics of both models, overall and per class, and `answers.npz`.
     - `blessing`: Channel of type `standard_artifacts.ModelBlessing`, with
       `verdict.json`: every bound with its value.
    """

    SPEC_CLASS = EvaluatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)
    DRIVER_CLASS = driver.Driver

    def __init__(
        self,
        *,
        examples: types.BaseChannel,
        student_model: types.BaseChannel,
        gate: GateConfig,
        teacher_model: types.BaseChannel | None = None,
        teacher_logits: types.BaseChannel | None = None,
        served_model: Any = driver.LATEST,
        **arguments: Unpack[ModelsArguments],
    ) -> None:
        """Makes the node.

        Args:
            examples: Channel of Examples with the split `test`.
            student_model: Channel of Model: the candidate.
            gate: The bounds.
            teacher_model: Channel of Model: the baseline.
            teacher_logits: Channel of TeacherLogits of a teacher without a model.
            served_model: What to compare with: `latest`, the newest pushed model; the URI
                of a SavedModel (on Kubeflow a RuntimeParameter); or empty for none.
            **arguments: See `ModelsArguments`.
        """
        config = arguments.get("examples_config") or ExamplesConfig()
        label = config.label_feature or LABEL_FEATURE
        spec = component_specs.build(
            EvaluatorSpec,
            examples=examples,
            model=student_model,
            baseline_model=teacher_model,
            teacher_logits=teacher_logits,
            # The executor adds the bounds: `auto` depends on the examples.
            eval_config=eval_config.eval_config(label_feature=label),
            example_splits=json.dumps([config.test_split]),
            fairness_indicator_thresholds="null",
            gate=gate,
            served_model=served_model,
            **arguments,
        )
        super(tfx_component.Evaluator, self).__init__(spec=spec)  # TFX's knows no gate
