"""Outputs of types that KFP's page draws; it draws nothing of TFX's own types.

Only Kubeflow needs them. So the compiler adds them to the nodes whose executors are
named here, and the entry point makes them of what these executors wrote.

The page shows the properties of `system.Metrics` as a table, which its comparison of runs
puts side by side, `confusionMatrix` of `system.ClassificationMetrics`, and the file of
`system.HTML` (frontend/src: MetricsVisualizations.tsx, CompareV2.tsx). This module loads no
TensorFlow.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from tfx_distill.pipeline.runners.kubeflow.container.executor_input import (
    ExecutorInput,
)

logger = logging.getLogger(__name__)

CONFUSION_MATRIX, METRICS, REPORT = "confusion_matrix", "metrics", "report"
TYPES = {
    CONFUSION_MATRIX: "system.ClassificationMetrics",
    METRICS: "system.Metrics",
    REPORT: "system.HTML",
}
_COMPONENTS = "tfx_distill.components"
# By executor, as the container's command names it.
OF_EXECUTOR = {
    f"{_COMPONENTS}.evaluator.executor.Executor": (CONFUSION_MATRIX, METRICS, REPORT),
    f"{_COMPONENTS}.servability_validator.executor.Executor": (METRICS,),
    f"{_COMPONENTS}.control_comparison.executor.Executor": (METRICS,),
}


def definitions(executor: str) -> dict[str, Any]:
    """The additional outputs of an executor's component, as a ComponentSpec has them."""
    return {
        key: {"artifactType": {"schemaTitle": TYPES[key], "schemaVersion": "0.0.1"}}
        for key in OF_EXECUTOR.get(executor, ())
    }


def make(executor: str, task: ExecutorInput) -> dict[str, dict[str, Any]]:
    """Writes the files of a task's additional outputs; returns their properties by key.

    What cannot be drawn is no reason to fail a node that has done its work: a warning
    says so, and so does the file.
    """
    from tfx_distill.pipeline.runners.kubeflow.container import drawn_values

    made = {}
    for key in OF_EXECUTOR.get(executor, ()):
        if key not in task.output_keys:  # compiled by an earlier version
            continue
        try:
            content, properties = drawn_values.of(key, task)
        except Exception as error:
            logger.warning("Kubeflow's page shows no %s", key, exc_info=True)
            content, properties = f"{type(error).__name__}: {error}", {}
        with open(task.path("outputs", key), "w", encoding="utf-8") as file:
            file.write(content)
        made[key] = properties
    return made


def add(written: dict[str, Any], made: Mapping[str, Mapping[str, Any]]) -> None:
    """Adds additional outputs to an ExecutorOutput."""
    for key, properties in made.items():
        output = {"name": key, "metadata": dict(properties)}
        written.setdefault("artifacts", {})[key] = {"artifacts": [output]}
