"""The gate as TFMA's EvalConfig: candidate the student, baseline the teacher."""

from __future__ import annotations

from collections.abc import Iterator

from tensorflow_model_analysis.proto import config_pb2

from tfx_distill.components.evaluator import metrics
from tfx_distill.trainer.config.gate_config import ResolvedGate
from tfx_distill.trainer.data.data_spec import LABEL_FEATURE

STUDENT = "student"
TEACHER = "teacher"
ACCURACY = "sparse_categorical_accuracy"

# Bounds are inclusive, and TFMA's accuracies are float32: 0.95 is 0.94999999 there.
# Far less than one image counts for in any split that fits a disk.
TOLERANCE = 1e-6

_OVERALL = config_pb2.SlicingSpec()
_NO_BOUNDS = ResolvedGate(
    margin=0.5, class_margin=None, min_class_size=1, min_accuracy=None
)


def eval_config(
    gate: ResolvedGate = _NO_BOUNDS, label_feature: str = LABEL_FEATURE
) -> config_pb2.EvalConfig:
    """Metrics of both models, overall and per class, with the gate's bounds.

    Args:
        gate: The bounds; without it, none.
        label_feature: Name of the feature that holds the class index.
    """
    per_class = config_pb2.SlicingSpec(feature_keys=[label_feature])
    count = config_pb2.MetricConfig(class_name="ExampleCount")
    # TFMA validates nothing, and writes no blessing, where there is no bound at all.
    count.threshold.value_threshold.lower_bound.value = 1
    return config_pb2.EvalConfig(
        model_specs=[
            _model(STUDENT, label_feature),
            _model(TEACHER, label_feature, is_baseline=True),
        ],
        slicing_specs=[_OVERALL, per_class],
        metrics_specs=[
            config_pb2.MetricsSpec(
                metrics=[_accuracy(gate, per_class), *_optional(gate), count]
            )
        ],
    )


def _accuracy(
    gate: ResolvedGate, per_class: config_pb2.SlicingSpec
) -> config_pb2.MetricConfig:
    return config_pb2.MetricConfig(
        class_name="SparseCategoricalAccuracy",
        # Not `threshold`: TFMA would hold every class to the overall bound.
        per_slice_thresholds=[
            *_point_bounds(_OVERALL, gate.min_accuracy, gate.max_accuracy_drop),
            *_point_bounds(
                per_class, gate.min_class_accuracy, gate.max_class_accuracy_drop
            ),
        ],
    )


def _optional(gate: ResolvedGate) -> Iterator[config_pb2.MetricConfig]:
    """Yields calibration error and cross-entropy, bounded if configured."""
    calibration = config_pb2.MetricConfig(
        class_name=metrics.ExpectedCalibrationError.__name__, module=metrics.__name__
    )
    cross_entropy = config_pb2.MetricConfig(class_name="SparseCategoricalCrossentropy")
    for metric, highest in (
        (calibration, gate.max_calibration_error),
        (cross_entropy, gate.max_cross_entropy),
    ):
        if highest is not None:
            bound = _value_bound(_OVERALL, highest=highest + TOLERANCE)
            metric.per_slice_thresholds.append(bound)
        yield metric


def _model(
    name: str, label_feature: str, is_baseline: bool = False
) -> config_pb2.ModelSpec:
    return config_pb2.ModelSpec(
        name=name,
        is_baseline=is_baseline,
        signature_name="serving_default",
        label_key=label_feature,
        prediction_key="probabilities",
        model_type="tf_generic",
    )


def _value_bound(
    spec: config_pb2.SlicingSpec,
    lowest: float | None = None,
    highest: float | None = None,
) -> config_pb2.PerSliceMetricThreshold:
    value = config_pb2.GenericValueThreshold()
    if lowest is not None:
        value.lower_bound.value = lowest
    if highest is not None:
        value.upper_bound.value = highest
    return config_pb2.PerSliceMetricThreshold(
        slicing_specs=[spec],
        threshold=config_pb2.MetricThreshold(value_threshold=value),
    )


def _point_bounds(
    spec: config_pb2.SlicingSpec, lowest: float | None, max_drop: float | None
) -> list[config_pb2.PerSliceMetricThreshold]:
    bounds = []
    if lowest is not None:
        bounds.append(_value_bound(spec, lowest=lowest - TOLERANCE))
    if max_drop is not None:
        change = config_pb2.GenericChangeThreshold(
            absolute={"value": -max_drop - TOLERANCE},
            direction=config_pb2.MetricDirection.HIGHER_IS_BETTER,
        )
        threshold = config_pb2.MetricThreshold(change_threshold=change)
        bounds.append(
            config_pb2.PerSliceMetricThreshold(
                slicing_specs=[spec], threshold=threshold
            )
        )
    return bounds
