"""The gate as TFMA's EvalConfig: candidate the student, baseline the teacher."""

from __future__ import annotations

from tensorflow_model_analysis.proto import config_pb2

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


def eval_config(gate: GateConfig) -> config_pb2.EvalConfig:
    """Metrics of both models, overall and per class, with the gate's bounds."""
    per_class = config_pb2.SlicingSpec(feature_keys=[LABEL_FEATURE])
    accuracy = config_pb2.MetricConfig(
        class_name="SparseCategoricalAccuracy",
        # Not `threshold`: TFMA would hold every class to the overall bound.
        per_slice_thresholds=[
            _bounds(
                config_pb2.SlicingSpec(), gate.min_accuracy, gate.max_accuracy_drop
            ),
            _bounds(per_class, gate.min_class_accuracy, gate.max_class_accuracy_drop),
        ],
    )
    agreement = config_pb2.MetricConfig(
        class_name=metrics.TeacherAgreement.__name__,
        module=metrics.__name__,
        config=f'{{"baseline": "{TEACHER}"}}',
    )
    return config_pb2.EvalConfig(
        model_specs=[_model(STUDENT), _model(TEACHER, is_baseline=True)],
        slicing_specs=[config_pb2.SlicingSpec(), per_class],
        metrics_specs=[
            config_pb2.MetricsSpec(
                metrics=[
                    accuracy,
                    config_pb2.MetricConfig(class_name="SparseCategoricalCrossentropy"),
                    config_pb2.MetricConfig(class_name="ExampleCount"),
                    agreement,
                ]
            )
        ],
    )


def _model(name: str, is_baseline: bool = False) -> config_pb2.ModelSpec:
    return config_pb2.ModelSpec(
        name=name,
        is_baseline=is_baseline,
        signature_name="serving_default",
        label_key=LABEL_FEATURE,
        prediction_key="probabilities",
        model_type="tf_generic",
    )


def _bounds(
    spec: config_pb2.SlicingSpec, lowest: float, max_drop: float
) -> config_pb2.PerSliceMetricThreshold:
    threshold = config_pb2.MetricThreshold(
        value_threshold=config_pb2.GenericValueThreshold(
            lower_bound={"value": lowest - TOLERANCE}
        ),
        change_threshold=config_pb2.GenericChangeThreshold(
            absolute={"value": -max_drop - TOLERANCE},
            direction=config_pb2.MetricDirection.HIGHER_IS_BETTER,
        ),
    )
    return config_pb2.PerSliceMetricThreshold(slicing_specs=[spec], threshold=threshold)
