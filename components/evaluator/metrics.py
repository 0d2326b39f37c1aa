"""TFMA metrics that look at teacher and student on the same image."""

from __future__ import annotations

from typing import Any

import apache_beam as beam
import numpy as np
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.metrics import metric_types

AGREEMENT_NAME = "teacher_agreement"


class TeacherAgreement(metric_types.Metric):
    """Share of images to which student and teacher give the same class, in [0, 1]."""

    def __init__(self, name: str = AGREEMENT_NAME, baseline: str = "teacher") -> None:
        """Makes the metric.

        Args:
            name: Name of the metric.
            baseline: Name of the teacher's model in the EvalConfig.
        """
        super().__init__(_agreement, name=name, baseline=baseline)


metric_types.register_metric(TeacherAgreement)


def _agreement(
    name: str,
    baseline: str,
    model_names: list[str] | None = None,
    output_names: list[str] | None = None,
    example_weighted: bool = False,
) -> metric_types.MetricComputations:
    return [
        metric_types.MetricComputation(
            keys=[metric_types.MetricKey(name=name, model_name=model_name)],
            preprocessors=[
                metric_types.StandardMetricInputsPreprocessor(
                    include_filter={constants.PREDICTIONS_KEY: {}},
                    include_default_inputs=False,
                )
            ],
            combiner=_AgreementCombiner(name, model_name, baseline),
        )
        for model_name in model_names or [""]
    ]


class _AgreementCombiner(beam.CombineFn):
    """Counts equal answers and images."""

    def __init__(self, name: str, model_name: str, baseline: str) -> None:
        self._key = metric_types.MetricKey(name=name, model_name=model_name)
        self._model_name, self._baseline = model_name, baseline

    def create_accumulator(self) -> tuple[int, int]:
        return 0, 0

    def add_input(
        self, accumulator: tuple[int, int], element: metric_types.StandardMetricInputs
    ) -> tuple[int, int]:
        predictions = element.prediction
        mine = _answer(predictions[self._model_name])
        teachers = _answer(predictions[self._baseline])
        return accumulator[0] + int(mine == teachers), accumulator[1] + 1

    def merge_accumulators(self, accumulators: Any) -> tuple[int, int]:
        equal, count = zip(*accumulators, strict=True)
        return sum(equal), sum(count)

    def extract_output(
        self, accumulator: tuple[int, int]
    ) -> dict[metric_types.MetricKey, float]:
        equal, count = accumulator
        return {self._key: equal / count if count else float("nan")}


def _answer(prediction: Any) -> int:
    """The class of one image, from all the outputs of a model or its probabilities."""
    if isinstance(prediction, dict):
        prediction = prediction["probabilities"]
    return int(np.argmax(prediction))
