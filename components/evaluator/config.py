"""The gate as TFMA's EvalConfig: candidate the student, baseline the teacher."""

from __future__ import annotations

import tensorflow_model_analysis as tfma

from components.evaluator import metrics
from trainer.config import GateConfig
from trainer.data_spec import LABEL_FEATURE

STUDENT = "student"
TEACHER = "teacher"
ACCURACY = "sparse_categorical_accuracy"
CROSS_ENTROPY = "sparse_categorical_crossentropy"

# Bounds are inclusive, and TFMA's accuracies are float32: 0.95 is 0.94999999 there.
# Far less than one image counts for in any split that fits a disk.
TOLERANCE = 1e-6


def eval_config(gate: GateConfig) -> tfma.EvalConfig:
    """Metrics of both models, overall and per class, with the gate's bounds."""
    per_class = tfma.SlicingSpec(feature_keys=[LABEL_FEATURE])
    accuracy = tfma.MetricConfig(
        class_name="SparseCategoricalAccuracy",
        # Not `threshold`: TFMA would hold every class to the overall bound.
        per_slice_thresholds=[
            _bounds(tfma.SlicingSpec(), gate.min_accuracy, gate.max_accuracy_drop),
            _bounds(per_class, gate.min_class_accuracy, gate.max_class_accuracy_drop),
        ],
    )
    agreement = tfma.MetricConfig(
        class_name=metrics.TeacherAgreement.__name__,
        module=metrics.__name__,
        config=f'{{"baseline": "{TEACHER}"}}',
    )
    return tfma.EvalConfig(
        model_specs=[_model(STUDENT), _model(TEACHER, is_baseline=True)],
        slicing_specs=[tfma.SlicingSpec(), per_class],
        metrics_specs=[
            tfma.MetricsSpec(
                metrics=[
                    accuracy,
                    tfma.MetricConfig(class_name="SparseCategoricalCrossentropy"),
                    tfma.MetricConfig(class_name="ExampleCount"),
                    agreement,
                ]
            )
        ],
    )


def _model(name: str, is_baseline: bool = False) -> tfma.ModelSpec:
    return tfma.ModelSpec(
        name=name,
        is_baseline=is_baseline,
        signature_name="serving_default",
        label_key=LABEL_FEATURE,
        prediction_key="probabilities",
        model_type="tf_generic",
    )


def _bounds(
    spec: tfma.SlicingSpec, lowest: float, max_drop: float
) -> tfma.PerSliceMetricThreshold:
    threshold = tfma.MetricThreshold(
        value_threshold=tfma.GenericValueThreshold(
            lower_bound={"value": lowest - TOLERANCE}
        ),
        change_threshold=tfma.GenericChangeThreshold(
            absolute={"value": -max_drop - TOLERANCE},
            direction=tfma.MetricDirection.HIGHER_IS_BETTER,
        ),
    )
    return tfma.PerSliceMetricThreshold(slicing_specs=[spec], threshold=threshold)
