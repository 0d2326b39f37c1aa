"""TFX's Evaluator with the gate as its configuration, failing closed."""

from __future__ import annotations

import json
from typing import Any

from tfx import types
from tfx.components.evaluator import component as tfx_component
from tfx.dsl.components.base import executor_spec
from tfx.types import component_spec, standard_artifacts, standard_component_specs

from tfx_distill.components import execution_inputs, property_names
from tfx_distill.components.evaluator import driver, eval_config, executor
from tfx_distill.trainer.config.examples_config import ExamplesConfig, SignatureConfig
from tfx_distill.trainer.config.gate_config import GateConfig
from tfx_distill.trainer.data.data_spec import LABEL_FEATURE


class EvaluatorSpec(standard_component_specs.EvaluatorSpec):
    """TFX's specification and the gate's bounds."""

    INPUTS = {
        **standard_component_specs.EvaluatorSpec.INPUTS,
        **execution_inputs.EXAMPLES_INPUTS,
    }
    PARAMETERS = {
        **execution_inputs.EXAMPLES_PARAMETERS,
        **execution_inputs.signature_parameters(
            execution_inputs.TEACHER_SIGNATURE, execution_inputs.STUDENT_SIGNATURE
        ),
        **standard_component_specs.EvaluatorSpec.PARAMETERS,
        "gate": component_spec.ExecutionParameter(type=str),
        property_names.SERVED_MODEL: component_spec.ExecutionParameter(type=str),
    }


class Evaluator(tfx_component.Evaluator):
    """Evaluates the student against its teacher on the test split, and blesses it or not.

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
        teacher_model: types.BaseChannel,
        gate: GateConfig,
        served_model: Any = driver.LATEST,
        examples_config: ExamplesConfig | None = None,
        schema: types.BaseChannel | None = None,
        teacher_signature: SignatureConfig | None = None,
        student_signature: SignatureConfig | None = None,
    ) -> None:
        """Makes the node.

        Args:
            examples: Channel of Examples with the split `test`.
            student_model: Channel of Model: the candidate.
            teacher_model: Channel of Model: the baseline.
            gate: The bounds.
            served_model: What serves now: `latest`, the model pushed last by ML
                Metadata, or the uri of a SavedModel, which may be a RuntimeParameter
                (Kubeflow runs no drivers to find it), or empty for none.
            examples_config: Names of features and splits, where they are not
                TfdsExampleGen's.
            schema: Channel of Schema, the source of what `examples_config` leaves out.
            teacher_signature: How a teacher of another origin is called, where its
                signatures leave doubt.
            student_signature: How a student of another origin is called, where its
                signatures leave doubt.
        """
        config = examples_config or ExamplesConfig()
        label_feature = config.label_feature or LABEL_FEATURE
        spec = EvaluatorSpec(
            examples=examples,
            schema=schema,
            examples_config=execution_inputs.optional_json(examples_config),
            teacher_signature=execution_inputs.optional_json(teacher_signature),
            student_signature=execution_inputs.optional_json(student_signature),
            model=student_model,
            baseline_model=teacher_model,
            eval_config=eval_config.eval_config(gate, label_feature),
            example_splits=json.dumps([config.test_split]),
            fairness_indicator_thresholds="null",
            gate=gate.to_json(),
            served_model=served_model,
            evaluation=types.Channel(type=standard_artifacts.ModelEvaluation),
            blessing=types.Channel(type=standard_artifacts.ModelBlessing),
        )
        # TFX's own constructor takes no further parameters.
        super(tfx_component.Evaluator, self).__init__(spec=spec)
