"""A TFMA metric of a model's confidence."""

from __future__ import annotations

from typing import Any

import apache_beam as beam
import numpy as np
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.metrics import metric_types

from tfx_distill.trainer.evaluation import calibration

CALIBRATION_NAME = "expected_calibration_error"


class ExpectedCalibrationError(metric_types.Metric):
    """Mean distance of confidence and accuracy, in [0, 1], from `calibration`."""

    def __init__(self, name: str = CALIBRATION_NAME) -> None:
        super().__init__(_computations, name=name)


metric_types.register_metric(ExpectedCalibrationError)


def _computations(
    name: str,
    model_names: list[str] | None = None,
    output_names: list[str] | None = None,
    example_weighted: bool = False,
) -> metric_types.MetricComputations:
    """What TFMA calls to learn how the metric is computed, for each model."""
    preprocessor = metric_types.StandardMetricInputsPreprocessor(
        include_filter={constants.PREDICTIONS_KEY: {}, constants.LABELS_KEY: {}},
        include_default_inputs=False,
    )
    result = []
    for model_name in model_names or [""]:
        key = metric_types.MetricKey(name=name, model_name=model_name)
        result.append(
            metric_types.MetricComputation(
                keys=[key], preprocessors=[preprocessor], combiner=_Combiner(key)
            )
        )
    return result


class _Combiner(beam.CombineFn):
    """Sums confidences and counts correct predictions in each bin, and all."""

    def __init__(self, key: metric_types.MetricKey) -> None:
        self._key = key

    def create_accumulator(self) -> np.ndarray:
        return np.zeros(2 * calibration.NUM_BINS + 1)

    def merge_accumulators(self, accumulators: Any) -> np.ndarray:
        return np.sum(list(accumulators), axis=0)

    def add_input(self, accumulator: np.ndarray, element: Any) -> np.ndarray:
        probabilities = self._probabilities(element)
        confidence = float(np.max(probabilities))  # NaN if one of them is
        result = accumulator.copy()
        place = int(calibration.bins(np.nan_to_num(confidence)))
        result[place] += confidence
        right = int(np.argmax(probabilities)) == self._label(element)
        result[calibration.NUM_BINS + place] += right
        result[-1] += 1
        return result

    def extract_output(self, accumulator: np.ndarray) -> dict[Any, float]:
        confidences, right = np.split(accumulator[:-1], 2)
        error = calibration.expected_error(confidences, right, int(accumulator[-1]))
        return {self._key: error}

    def _probabilities(self, element: Any) -> np.ndarray:
        """Of one image, from all the outputs of a model or those alone."""
        prediction = self._of_model(element.prediction)
        if isinstance(prediction, dict):
            prediction = prediction["probabilities"]
        return np.asarray(prediction, np.float64).reshape(-1)

    def _label(self, element: Any) -> int:
        return int(np.asarray(self._of_model(element.label)).reshape(-1)[0])

    def _of_model(self, values: Any) -> Any:
        """TFMA keys values by model where it evaluates several."""
        name = self._key.model_name
        return values[name] if name and isinstance(values, dict) else values
