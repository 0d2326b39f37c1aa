"""TFMA metrics that look at teacher and student on the same image, and at confidence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import apache_beam as beam
import numpy as np
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.metrics import metric_types

from tfx_distill.trainer.evaluation import calibration, noninferiority

AGREEMENT_NAME = "teacher_agreement"
CALIBRATION_NAME = "expected_calibration_error"
PAIRED_LOW_NAME = "paired_difference_low"
PAIRED_NAMES = {
    "difference": "paired_difference",
    "only_student": "paired_only_student",
    "only_teacher": "paired_only_teacher",
}


class TeacherAgreement(metric_types.Metric):
    """Share of images to which student and teacher give the same class, in [0, 1]."""

    def __init__(self, name: str = AGREEMENT_NAME, baseline: str = "teacher") -> None:
        """Makes the metric.

        Args:
            name: Name of the metric.
            baseline: Name of the teacher's model in the EvalConfig.
        """
        super().__init__(
            _computations(_AgreementCombiner), name=name, baseline=baseline
        )


class PairedNoninferiority(metric_types.Metric):
    """Lower one-sided 95 % bound of (student − teacher) accuracy, in [-1, 1).

    The bound is `noninferiority`'s. Beside it: the difference itself, and
    the numbers of images that only one of the two classified correctly. NaN if a
    prediction of the teacher is not finite; such a prediction of the student is wrong.
    """

    def __init__(self, name: str = PAIRED_LOW_NAME, baseline: str = "teacher") -> None:
        """As `TeacherAgreement`."""
        super().__init__(_computations(_PairedCombiner), name=name, baseline=baseline)


class ExpectedCalibrationError(metric_types.Metric):
    """Mean distance of confidence and accuracy, in [0, 1], from `calibration`."""

    def __init__(self, name: str = CALIBRATION_NAME, baseline: str = "teacher") -> None:
        """As `TeacherAgreement`; `baseline` is not used."""
        super().__init__(
            _computations(_CalibrationCombiner), name=name, baseline=baseline
        )


for _metric in (TeacherAgreement, PairedNoninferiority, ExpectedCalibrationError):
    metric_types.register_metric(_metric)


def _computations(combiner: type[_Combiner]) -> Callable[..., Any]:
    """What TFMA calls to learn how a metric is computed, for each model."""

    def make(
        name: str,
        baseline: str,
        model_names: list[str] | None = None,
        output_names: list[str] | None = None,
        example_weighted: bool = False,
    ) -> metric_types.MetricComputations:
        preprocessor = metric_types.StandardMetricInputsPreprocessor(
            include_filter={constants.PREDICTIONS_KEY: {}, constants.LABELS_KEY: {}},
            include_default_inputs=False,
        )
        result = []
        for model_name in model_names or [""]:
            made = combiner(name, model_name, baseline)
            result.append(
                metric_types.MetricComputation(
                    keys=list(made.keys), preprocessors=[preprocessor], combiner=made
                )
            )
        return result

    return make


class _Combiner(beam.CombineFn):
    """Adds up arrays of counts; knows the models' names."""

    names: tuple[str, ...] = ()  # of further values
    size = 1  # of the array of counts

    def __init__(self, name: str, model_name: str, baseline: str) -> None:
        self.keys = [
            metric_types.MetricKey(name=key, model_name=model_name)
            for key in (name, *self.names)
        ]
        self._model_name, self._baseline = model_name, baseline

    def create_accumulator(self) -> np.ndarray:
        return np.zeros(self.size)

    def merge_accumulators(self, accumulators: Any) -> np.ndarray:
        return np.sum(list(accumulators), axis=0)

    def _probabilities(self, element: Any) -> tuple[np.ndarray, np.ndarray]:
        """Of the model and of the teacher, float `(num_classes,)`."""
        return (
            _of(element.prediction, self._model_name),
            _of(element.prediction, self._baseline),
        )

    def _label(self, element: Any) -> int:
        label = element.label
        if isinstance(label, dict):
            label = label[self._model_name]
        return int(np.asarray(label).reshape(-1)[0])


class _AgreementCombiner(_Combiner):
    """Counts equal predictions and images."""

    size = 2

    def add_input(self, accumulator: np.ndarray, element: Any) -> np.ndarray:
        mine, teachers = map(_class, self._probabilities(element))
        return accumulator + (mine == teachers, 1)

    def extract_output(self, accumulator: np.ndarray) -> dict[Any, float]:
        equal, count = accumulator
        return {self.keys[0]: float(equal / count) if count else float("nan")}


class _PairedCombiner(_Combiner):
    """Counts images that only one classified correctly, all, and broken teacher outputs."""

    names = tuple(PAIRED_NAMES.values())
    size = 4

    def add_input(self, accumulator: np.ndarray, element: Any) -> np.ndarray:
        mine, teachers = map(_class, self._probabilities(element))
        label = self._label(element)
        right, teacher_right = mine == label, teachers == label
        return accumulator + (
            right and not teacher_right,
            teacher_right and not right,
            1,
            teachers < 0,
        )

    def extract_output(self, accumulator: np.ndarray) -> dict[Any, float]:
        only_student, only_teacher, count, blank = map(int, accumulator)
        low = difference = float("nan")
        if count and not blank:
            low = noninferiority.lower_bound(only_student, only_teacher, count)
            difference = (only_student - only_teacher) / count
        values = (low, difference, float(only_student), float(only_teacher))
        return dict(zip(self.keys, values, strict=True))


class _CalibrationCombiner(_Combiner):
    """Sums confidences and counts correct predictions in each bin, and all."""

    size = 2 * calibration.NUM_BINS + 1

    def add_input(self, accumulator: np.ndarray, element: Any) -> np.ndarray:
        probabilities = self._probabilities(element)[0]
        confidence = float(np.max(probabilities))  # NaN if one of them is
        result = accumulator.copy()
        place = int(calibration.bins(np.nan_to_num(confidence)))
        result[place] += confidence
        right = _class(probabilities) == self._label(element)
        result[calibration.NUM_BINS + place] += right
        result[-1] += 1
        return result

    def extract_output(self, accumulator: np.ndarray) -> dict[Any, float]:
        confidences, right = np.split(accumulator[:-1], 2)
        error = calibration.expected_error(confidences, right, int(accumulator[-1]))
        return {self.keys[0]: error}


def _of(predictions: Any, model_name: str) -> np.ndarray:
    """Probabilities of one image, from all the outputs of a model or those alone."""
    prediction = predictions[model_name]
    if isinstance(prediction, dict):
        prediction = prediction["probabilities"]
    return np.asarray(prediction, np.float64).reshape(-1)


def _class(probabilities: np.ndarray) -> int:
    """The class of one image; -1 if a probability is not finite."""
    return int(np.argmax(probabilities)) if np.isfinite(probabilities).all() else -1
